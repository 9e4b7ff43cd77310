//! A door to Docker that a test can shut: what is behind it looks to a client like an engine that does not run.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Mutex;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

const ENGINE: &str = "/var/run/docker.sock";

/// A socket that forwards to Docker's while the gate is open.
pub struct EngineGate {
    socket: PathBuf,
    open: Mutex<Option<DropGuard>>,
    frozen: watch::Sender<bool>,
}

impl EngineGate {
    /// A shut gate with its socket in `folder`.
    pub fn shut_in(folder: &Path) -> EngineGate {
        EngineGate { socket: folder.join("docker.sock"), open: Mutex::new(None), frozen: watch::Sender::new(false) }
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
        self.frozen.send_replace(frozen);
    }

    /// Lets clients through from now on.
    pub fn open(&self) {
        let listener = UnixListener::bind(&self.socket).expect("the gate was shut, and its folder is there");
        let shut = CancellationToken::new();
        *self.open.lock().expect("not poisoned") = Some(shut.clone().drop_guard());
        let frozen = self.frozen.subscribe();
        tokio::spawn(async move {
            let accept = async {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(shut.clone().run_until_cancelled_owned(forward(client, frozen.clone())));
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

async fn forward(mut client: UnixStream, mut frozen: watch::Receiver<bool>) {
    let mut engine = UnixStream::connect(ENGINE).await.expect("Docker runs: `scripts/services.sh up dockerd`");
    let mut copy = pin!(tokio::io::copy_bidirectional(&mut client, &mut engine));
    loop {
        let is_frozen = *frozen.borrow_and_update();
        tokio::select! {
            _ = &mut copy, if !is_frozen => return,
            changed = frozen.changed() => if changed.is_err() { return },
        }
    }
}
