//! The events of the page as a file: CSV or Parquet, sent while they are read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use accounts::Actor;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use events::Filter;
use events::export::{self, Pace};
use futures_util::stream;
use kit::{Error, Result};
use tokio::sync::mpsc;
use tracing::warn;

use super::Asked;
use crate::app::App;
use crate::extract::Query;
use crate::respond::Answer;
use crate::routes::Caller;

/// Pages that are written before somebody takes them.
const AHEAD: usize = 2;

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated, for spreadsheets.
    Csv,
    /// Parquet, for warehouses and notebooks.
    Parquet,
}

impl Form {
    /// `csv` or `parquet`.
    pub fn parse(text: &str) -> Result<Form> {
        match text {
            "csv" => Ok(Form::Csv),
            "parquet" => Ok(Form::Parquet),
            _ => Err(Error::invalid("format", "must be csv or parquet")),
        }
    }

    fn headers(self) -> [(header::HeaderName, &'static str); 2] {
        match self {
            Form::Csv => {
                [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"events.csv\"")]
            }
            Form::Parquet => [
                (header::CONTENT_TYPE, "application/vnd.apache.parquet"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"events.parquet\""),
            ],
        }
    }
}

/// The same events as on the page, as CSV.
pub async fn csv(State(app): State<App>, Caller(actor): Caller, Query(asked): Query<Asked>) -> Answer {
    Ok(send(&app, &actor, asked.exported(&app)?, Form::Csv).await?)
}

/// The same events as on the page, as Parquet.
pub async fn parquet(State(app): State<App>, Caller(actor): Caller, Query(asked): Query<Asked>) -> Answer {
    Ok(send(&app, &actor, asked.exported(&app)?, Form::Parquet).await?)
}

/// Writes the export as fast as somebody takes it; whoever leaves ends it.
pub async fn send(app: &App, actor: &Actor, filter: Filter, form: Form) -> Result<Response> {
    let (sender, mut pages) = mpsc::channel::<Result<Bytes>>(AHEAD);
    let (events, scope) = (app.events.clone(), actor.scope());
    let out = Page::default();
    tokio::spawn(async move {
        let pace = Sending { page: out.clone(), sender: sender.clone() };
        let outcome = match form {
            Form::Csv => export::csv(&events, &scope, &filter, out, pace).await,
            Form::Parquet => export::parquet(&events, &scope, &filter, out, pace).await,
        };
        if let Err(error) = outcome {
            // The connection is cut, so that half a file is not taken for a whole one. Nobody is there when whoever asked has left.
            if sender.send(Err(error)).await.is_ok() {
                warn!("an export of events was cut short");
            }
        }
    });
    // What fails at once is answered as a failure.
    let first = pages.recv().await.transpose()?;
    let body = stream::unfold((first, pages), async |(ready, mut pages)| {
        let page = match ready {
            Some(page) => Ok(page),
            None => pages.recv().await?.map_err(|error| io::Error::other(error.to_string())),
        };
        Some((page, (None, pages)))
    });
    Ok((form.headers(), Body::from_stream(body)).into_response())
}

/// What was written and not yet sent.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Sending {
    page: Page,
    sender: mpsc::Sender<Result<Bytes>>,
}

impl Pace for Sending {
    async fn written(&mut self, _events: u64) -> Result<()> {
        let written = std::mem::take(&mut *self.page.0.lock().unwrap_or_else(PoisonError::into_inner));
        if written.is_empty() {
            // Nothing of a row group yet; is anybody there?
            return if self.sender.is_closed() { Err(gone()) } else { Ok(()) };
        }
        self.sender.send(Ok(written.into())).await.map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::unavailable("nobody takes the export any more")
}
