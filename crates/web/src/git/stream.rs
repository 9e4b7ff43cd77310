//! Answers that come while the work goes on.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use kit::exec::{ChildStdin, ChildStdout, Command};
use kit::{Error, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tracing::debug;

use super::body::Pieces;

/// Pieces that wait for a client that reads slowly; the process waits too, then.
const AHEAD: usize = 8;
/// Largest piece.
const PIECE: usize = 64 << 10;
/// A client that reads nothing for so long has gone.
const SILENCE: Duration = Duration::from_secs(120);
/// What is read of a request after nobody wants it any more.
const DRAINED: u64 = 1 << 30;

/// Where an answer is written.
pub struct Out {
    sender: Sender<io::Result<Bytes>>,
}

/// An answer's two ends.
pub fn pair() -> (Out, Body) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let pieces = futures_util::stream::unfold(receiver, |mut receiver: Receiver<io::Result<Bytes>>| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    (Out { sender }, Body::from_stream(pieces))
}

impl Out {
    /// Writes a piece; fails when nobody reads any more.
    pub async fn write(&self, piece: impl Into<Bytes>) -> Result<()> {
        match self.sender.send_timeout(Ok(piece.into()), SILENCE).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::unavailable("the client has gone")),
        }
    }

    /// Cuts the answer off, so that nobody takes it for complete.
    pub async fn break_off(&self) {
        let _ = self.sender.send_timeout(Err(io::Error::other("broken off")), SILENCE).await;
    }

    /// Ends once nobody reads any more.
    pub async fn gone(&self) {
        self.sender.closed().await;
    }
}

/// The body that a process writes while it reads the request's. It is killed when the client goes.
pub fn of(command: Command, mut pieces: Pieces, turn: OwnedSemaphorePermit) -> Body {
    let (out, body) = pair();
    tokio::spawn(async move {
        let _turn = turn;
        let talk = async |stdin, stdout| {
            let (told, ()) = tokio::join!(copy(stdout, &out), feed(stdin, &[], &mut pieces));
            told
        };
        let outcome = tokio::select! {
            outcome = command.converse(talk) => outcome,
            () = out.gone() => return,
        };
        // What it said so far is its answer; a client knows from the packets whether that is all.
        if let Err(error) = outcome {
            debug!("a fetch ended badly: {error}");
        }
    });
    body
}

async fn copy(mut stdout: ChildStdout, out: &Out) -> Result<()> {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        if stdout.read_buf(&mut piece).await? == 0 {
            return Ok(());
        }
        out.write(piece).await?;
    }
}

/// Gives a process the request: what was read of it already, then the rest. A process that wants no more, and a request that breaks
/// off, end it; the process says what it makes of that.
pub async fn feed(mut stdin: ChildStdin, head: &[u8], pieces: &mut Pieces) {
    if stdin.write_all(head).await.is_err() {
        return pieces.drain(DRAINED).await;
    }
    loop {
        match pieces.next().await {
            Ok(Some(piece)) if stdin.write_all(&piece).await.is_ok() => {}
            Ok(None) => return,
            Ok(Some(_)) => return pieces.drain(DRAINED).await,
            Err(error) => {
                debug!("a request of Git was broken off: {error}");
                drop(stdin);
                return pieces.drain(DRAINED).await;
            }
        }
    }
}
