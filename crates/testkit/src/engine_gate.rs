//! A door to Docker that a test can shut: what is behind it looks to a client like an engine that does not run.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::{CancellationToken, DropGuard};

const ENGINE: &str = "/var/run/docker.sock";

/// A socket that forwards to Docker's while the gate is open.
pub struct EngineGate {
    socket: PathBuf,
    open: Mutex<Option<DropGuard>>,
}

impl EngineGate {
    /// A shut gate with its socket in `folder`.
    pub fn shut_in(folder: &Path) -> EngineGate {
        EngineGate { socket: folder.join("docker.sock"), open: Mutex::new(None) }
    }

    /// What `DOCKER_HOST` must be.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Lets clients through from now on.
    pub fn open(&self) {
        let listener = UnixListener::bind(&self.socket).expect("the gate was shut, and its folder is there");
        let shut = CancellationToken::new();
        *self.open.lock().expect("not poisoned") = Some(shut.clone().drop_guard());
        tokio::spawn(async move {
            let accept = async {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(shut.clone().run_until_cancelled_owned(forward(client)));
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

async fn forward(mut client: UnixStream) {
    let mut engine = UnixStream::connect(ENGINE).await.expect("Docker runs: `scripts/services.sh up dockerd`");
    let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
}
