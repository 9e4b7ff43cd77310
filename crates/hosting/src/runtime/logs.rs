//! The end of a container's log, as the engine keeps it.

use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use bollard::query_parameters::{InspectContainerOptions, LogsOptionsBuilder};
use futures_util::{Stream, StreamExt};
use kit::{Error, Result, Timestamp};

use super::{Runtime, unreachable_engine};

impl Runtime {
    /// The last `pieces` records of a container's log with their times, oldest first; those before `since` are left out.
    ///
    /// The engine keeps a long line as several records of 16 KiB.
    pub(crate) fn log(
        &self,
        container: &str,
        pieces: usize,
        since: Option<Timestamp>,
    ) -> Result<impl Stream<Item = Result<LogOutput>> + use<>> {
        let seconds = since.and_then(|since| i32::try_from(since.0 / 1000).ok()).unwrap_or(0);
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).timestamps(true).tail(&pieces.to_string()).since(seconds);
        let engine = self.engine()?.clone();
        Ok(engine.logs(container, Some(options.build())).map(|piece| piece.map_err(refused)))
    }

    /// What must be known of a container before its log is read.
    pub(crate) async fn writer(&self, container: &str) -> Result<Writer> {
        let found = self.engine()?.inspect_container(container, None::<InspectContainerOptions>).await.map_err(refused)?;
        let config = found.config.unwrap_or_default();
        Ok(Writer { has_terminal: config.tty == Some(true), environment: config.env.unwrap_or_default() })
    }
}

/// A container as the writer of a log. Not `Debug`: its environment holds secrets.
#[derive(Clone)]
pub(crate) struct Writer {
    /// Whether it writes to a terminal: its log then has no frames, and is one stream.
    pub has_terminal: bool,
    /// Its variables, `NAME=value`.
    pub environment: Vec<String>,
}

/// The engine's own words may name paths of the host, so that they are not handed on.
fn refused(error: EngineError) -> Error {
    match error {
        EngineError::DockerResponseServerError { status_code: 404, .. } => Error::conflict("its container is gone"),
        EngineError::DockerResponseServerError { message, .. } if message.contains("does not support reading") => {
            Error::conflict("its log is kept where Docker cannot read it")
        }
        EngineError::DockerResponseServerError { .. } => Error::conflict("Docker cannot read its log"),
        other => unreachable_engine(other),
    }
}
