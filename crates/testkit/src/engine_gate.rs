//! A door to Docker that a test can shut: what is behind it looks to a client like an engine that does not run.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

const ENGINE: &str = "/var/run/docker.sock";

/// A socket that forwards to Docker's while the gate is open.
pub struct EngineGate {
    socket: PathBuf,
    open: Mutex<Option<DropGuard>>,
    passing: watch::Sender<Passing>,
}

/// How bytes come through.
#[derive(Debug, Clone, Copy, Default)]
struct Passing {
    is_frozen: bool,
    /// How much later whatever the engine says arrives.
    delay: Duration,
}

impl EngineGate {
    /// A shut gate with its socket in `folder`.
    pub fn shut_in(folder: &Path) -> EngineGate {
        EngineGate { socket: folder.join("docker.sock"), open: Mutex::new(None), passing: watch::Sender::new(Passing::default()) }
    }

    /// What `DOCKER_HOST` must be.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Where clients find it.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Takes clients but lets no byte through, as an engine that hangs; or lets go on what waited.
    pub fn freeze(&self, frozen: bool) {
        self.passing.send_modify(|passing| passing.is_frozen = frozen);
    }

    /// Lets the engine's answers come so much later, as those of one that has too much to do.
    pub fn slow_down(&self, delay: Duration) {
        self.passing.send_modify(|passing| passing.delay = delay);
    }

    /// Lets clients through from now on.
    pub fn open(&self) {
        let listener = UnixListener::bind(&self.socket).expect("the gate was shut, and its folder is there");
        let shut = CancellationToken::new();
        *self.open.lock().expect("not poisoned") = Some(shut.clone().drop_guard());
        let passing = self.passing.subscribe();
        tokio::spawn(async move {
            let accept = async {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(shut.clone().run_until_cancelled_owned(forward(client, passing.clone())));
                }
            };
            shut.run_until_cancelled(accept).await;
        });
    }

    /// Cuts all connections and lets nobody through, as when the engine is stopped.
    pub fn shut(&self) {
        drop(self.open.lock().expect("not poisoned").take());
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn forward(client: UnixStream, passing: watch::Receiver<Passing>) {
    let engine = UnixStream::connect(ENGINE).await.expect("Docker runs: `scripts/services.sh up dockerd`");
    let ((from_client, to_client), (from_engine, to_engine)) = (client.into_split(), engine.into_split());
    let asked = pass(from_client, to_engine, passing.clone(), |_| Duration::ZERO);
    let answered = pass(from_engine, to_client, passing, |passing| passing.delay);
    // One that closes its side may still wait for an answer.
    tokio::join!(asked, answered);
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut passing: watch::Receiver<Passing>,
    delay: fn(Passing) -> Duration,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let late = delay(*passing.borrow());
        tokio::time::sleep(late).await;
        let thawed = passing.wait_for(|passing| !passing.is_frozen).await.is_ok();
        if !thawed || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
