//! A server in a process of its own, so that a test can kill it.
//!
//! The process is the test binary itself, started again with [`TOLD`] set; there its test `real_stack::server` does the serving.

use std::path::PathBuf;
use std::time::Duration;

use hosting::Hosting;
use hosting::operations::RunOperation;
use hosting::reconcile::{Certificates, Deployments, Edge};
use kit::exec::Command;
use kit::jobs::{Registry, Runner};
use kit::log::{LogConfig, LogFormat};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::stack::{self, Stack, StackOptions};
use crate::{EngineGate, Surroundings};

/// Variable that tells the process what to serve.
const TOLD: &str = "INNKEEPER_TEST_SERVER";
/// What the process says once it works.
const READY: &str = "the server works as process ";
/// No test needs a server for longer.
const LIFE: Duration = Duration::from_secs(600);

#[derive(Serialize, Deserialize)]
struct Told {
    data: PathBuf,
    options: StackOptions,
    surroundings: Surroundings,
}

/// A running server on the data folder of a [`Stack`]; killed with SIGKILL, also when dropped.
///
/// Only it dies: programs that it had started (`docker`, `git`, `tar`) go on, as they do when Innkeeper is killed.
pub struct Server {
    process: u32,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server for an idle stack and waits until it works.
    pub async fn start(stack: &Stack) -> Server {
        Server::start_with(stack, None).await
    }

    /// Starts a server that reaches Docker through `gate`.
    pub async fn start_behind(stack: &Stack, gate: &EngineGate) -> Server {
        Server::start_with(stack, Some(gate)).await
    }

    async fn start_with(stack: &Stack, gate: Option<&EngineGate>) -> Server {
        assert!(stack.options.idle, "two runners must not work on one SQLite file");
        let told = Told { data: stack.data.clone(), options: stack.options.clone(), surroundings: stack.surroundings.clone() };
        let mut command = Command::new(std::env::current_exe().expect("the test binary"))
            .args(["--exact", "real_stack::server", "--nocapture"])
            .env(TOLD, serde_json::to_string(&told).expect("it serializes"))
            .timeout(LIFE);
        if let Some(gate) = gate {
            command = command.env("DOCKER_HOST", gate.address());
        }
        let (ready, works) = oneshot::channel();
        let mut ready = Some(ready);
        let task = tokio::spawn(async move {
            let ended = command
                .stream(|line| match line.strip_prefix(READY).and_then(|process| process.parse().ok()) {
                    Some(process) => drop(ready.take().map(|ready| ready.send(process))),
                    None if line.is_empty() || line.starts_with("running ") => {}
                    None => eprintln!("  server: {line}"),
                })
                .await;
            eprintln!("  server: ended by itself: {ended:?}");
        });
        let process = works.await.expect("the test binary has a test `real_stack::server` that calls `serve_if_told`");
        Server { process, task }
    }

    /// Kills it and waits until it is gone.
    pub async fn kill(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
        let status = format!("/proc/{}/stat", self.process);
        for _ in 0..5000 {
            // Gone, or dead and not yet waited for.
            match std::fs::read_to_string(&status) {
                Ok(stat) if !stat.contains(") Z") => tokio::time::sleep(Duration::from_millis(1)).await,
                _ => return,
            }
        }
        panic!("process {} does not die", self.process);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves until killed, if this process was started for it; returns at once otherwise.
pub async fn serve_if_told() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do")]
    let Ok(told) = std::env::var(TOLD) else { return };
    let told: Told = serde_json::from_str(&told).expect("what the parent told");
    let parent = std::os::unix::process::parent_id();
    tokio::spawn(async move {
        while std::os::unix::process::parent_id() == parent {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        std::process::exit(1);
    });
    kit::log::start(&LogConfig { level: "warn".to_owned(), format: LogFormat::Text }).expect("the log starts");
    let hosting = stack::open(&told.data, &told.surroundings, &told.options, kit::Clock::System).await;
    let registry: Registry<Hosting> =
        Registry::default().job::<RunOperation>().reconciler(Edge).reconciler(Certificates::default()).reconciler(Deployments);
    let runner = Runner::new(hosting.db.clone(), hosting.clock.clone(), hosting, registry, "test", 6);
    println!("\n{READY}{}", std::process::id());
    runner.run(CancellationToken::new()).await;
}
