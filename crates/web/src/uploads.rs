//! Files of events that are sent to us: as they are, or in a form of the pages. They go to the disk piece by piece.

use std::time::Duration;

use accounts::Actor;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use events::import::Format;
use events::imports::{Import, Upload};
use futures_util::{Stream, StreamExt};
use kit::Error;

use crate::app::App;
use crate::respond::{Failure, Reason};
use crate::routes::Limits;

/// Routes that take files set their own limits of size and time.
pub const FILES: Limits = Limits { body_bytes: Some(usize::MAX), unhurried: true };
/// Whoever sends nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// What is read and forgotten of a file that is refused: a browser that is cut off while sending does not show our answer.
const DRAINED: usize = 2 << 30;
/// Bytes of a field beside the file.
const LARGEST_FIELD: usize = 200;

/// Keeps a body as a file.
pub async fn keep(app: &App, actor: &Actor, name: &str, format: Option<Format>, body: Body) -> Result<Import, Failure> {
    let mut upload = app.imports.upload(actor, name, format).await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = timely(pieces.next()).await? {
        let piece = piece.map_err(|_| cut_off())?;
        if let Err(error) = upload.write(&piece).await {
            drop(upload);
            drain(pieces).await;
            return Err(error.into());
        }
    }
    Ok(upload.finish().await?)
}

/// Keeps the file of a form (`multipart/form-data`): the field `file`, after a field `format` that may be empty.
pub async fn keep_from_form(app: &App, actor: &Actor, request: Request) -> Result<Import, Failure> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| Failure::because(Reason::UnsupportedType("multipart/form-data")))?;
    let mut form = multer::Multipart::new(request.into_body().into_data_stream(), boundary);
    let mut format = None;
    while let Some(mut field) = timely(form.next_field()).await?.map_err(|error| unreadable(&error))? {
        match field.name() {
            Some("format") => {
                let mut text = Vec::new();
                while let Some(piece) = timely(field.chunk()).await?.map_err(|error| unreadable(&error))? {
                    text.extend_from_slice(&piece);
                    if text.len() > LARGEST_FIELD {
                        return Err(Error::invalid("format", "must be csv or ndjson").into());
                    }
                }
                if !text.is_empty() {
                    format = Some(Format::parse(&String::from_utf8_lossy(&text))?);
                }
            }
            Some("file") => {
                let outcome = keep_field(app, actor, format, &mut field).await;
                if outcome.is_err() {
                    drain(futures_util::stream::unfold(field, async |mut field| Some((field.chunk().await.ok()??, field))).map(Ok)).await;
                }
                return outcome;
            }
            other => return Err(Error::invalid(other.unwrap_or("body"), "is not a field here").into()),
        }
    }
    Err(Error::invalid("file", "choose a file").into())
}

async fn keep_field(app: &App, actor: &Actor, format: Option<Format>, field: &mut multer::Field<'_>) -> Result<Import, Failure> {
    let name = field.file_name().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(Error::invalid("file", "choose a file").into());
    }
    let mut upload: Upload = app.imports.upload(actor, &name, format).await?;
    while let Some(piece) = timely(field.chunk()).await?.map_err(|error| unreadable(&error))? {
        upload.write(&piece).await?;
    }
    Ok(upload.finish().await?)
}

async fn timely<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(SILENCE, work).await.map_err(|_| Failure::because(Reason::TimedOut))
}

async fn drain(pieces: impl Stream<Item = Result<Bytes, axum::Error>>) {
    let mut pieces = std::pin::pin!(pieces);
    let mut read = 0;
    while read < DRAINED {
        match tokio::time::timeout(SILENCE, pieces.next()).await {
            Ok(Some(Ok(piece))) => read += piece.len(),
            _ => return,
        }
    }
}

fn cut_off() -> Failure {
    Failure::because(Reason::Malformed("the body ended too early".to_owned()))
}

fn unreadable(error: &multer::Error) -> Failure {
    Failure::because(Reason::Malformed(format!("the form cannot be read: {error}")))
}
