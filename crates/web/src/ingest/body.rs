//! The body of a request: read within its limit and its time, unpacked, as text.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use events::wire::{Encoding, LARGEST_BODY, Unpacked, unpack};
use http_body_util::BodyExt;

use super::budget::Share;
use super::refused::Refused;

/// What is read and forgotten of a body that is too large: whoever is cut off while sending does not read our answer.
const DRAINED: usize = 40 << 20;
/// Larger bodies are worked on beside the threads that serve others.
pub const LARGE: usize = 256 << 10;
/// A text of so many bytes becomes events that take about as much again.
const COPIES: usize = 2;

/// Reads a body. It may be compressed as its header says, as the query says (`?compression=gzip-js`, from browsers), or be a form whose
/// field `data` holds it in base64 (browsers that leave a page).
pub async fn read(headers: &HeaderMap, query: &str, body: Body, share: &mut Share) -> Result<String, Refused> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let declared = text(header::CONTENT_LENGTH).parse::<usize>().ok();
    let named = match text(header::CONTENT_ENCODING) {
        "" => field(query.as_bytes(), "compression").filter(|name| name != "base64").unwrap_or_default(),
        name => name.to_owned(),
    };
    let mut encoding = Encoding::parse(&named).ok_or(Refused::Encoding)?;
    let mut packed = collect(body, declared, share).await?;
    if text(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded")
        && !packed.first().is_some_and(|first| b"{[".contains(first))
    {
        let data = field(&packed, "data").ok_or_else(|| Refused::Malformed("the form has no field `data`".to_owned()))?;
        // In a form, `+` is a space.
        packed = match STANDARD.decode(data.replace(' ', "+")) {
            Ok(bytes) => Bytes::from(bytes),
            Err(_) => Bytes::from(data),
        };
    }
    // Browsers do not always say that they have compressed; no JSON begins like that.
    if encoding == Encoding::Identity && packed.starts_with(&[0x1f, 0x8b]) {
        encoding = Encoding::Gzip;
    }
    let before = packed.len();
    let unpacked = match (encoding, packed.len() > LARGE) {
        (Encoding::Identity, _) => Vec::from(packed),
        (_, false) => unpack(&packed, encoding, LARGEST_BODY, |bytes| share.grow_to(before + bytes)).map_err(refused)?,
        (_, true) => {
            let mut moved = std::mem::replace(share, share.empty());
            let (unpacked, moved) = tokio::task::spawn_blocking(move || {
                (unpack(&packed, encoding, LARGEST_BODY, |bytes| moved.grow_to(before + bytes)), moved)
            })
            .await
            .map_err(|error| Refused::Error(kit::Error::internal(format!("unpacking a body: {error}"))))?;
            *share = moved;
            unpacked.map_err(refused)?
        }
    };
    if !share.grow_to(before + unpacked.len() * COPIES) {
        return Err(Refused::Busy);
    }
    // JSON is UTF-8. A letter that was cut costs that letter, not the batch.
    Ok(String::from_utf8(unpacked).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn refused(unpacked: Unpacked) -> Refused {
    match unpacked {
        Unpacked::Broken => Refused::Malformed("the body is not compressed as it says it is".to_owned()),
        Unpacked::TooLarge => Refused::TooLarge,
        Unpacked::NoRoom => Refused::Busy,
    }
}

async fn collect(mut body: Body, declared: Option<usize>, share: &mut Share) -> Result<Bytes, Refused> {
    if declared.is_some_and(|length| length > LARGEST_BODY) {
        drain(body, 0).await;
        return Err(Refused::TooLarge);
    }
    let mut first = Bytes::new();
    let mut rest: Vec<u8> = Vec::new();
    while let Some(piece) = next(&mut body).await? {
        if !share.grow(piece.len()) {
            drain(body, 0).await;
            return Err(Refused::Busy);
        }
        if first.is_empty() {
            first = piece;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(declared.unwrap_or(0).max(first.len() + piece.len()));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&piece);
        if rest.len() > LARGEST_BODY {
            drain(body, rest.len()).await;
            return Err(Refused::TooLarge);
        }
    }
    Ok(if rest.is_empty() { first } else { Bytes::from(rest) })
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, Refused> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(Refused::Malformed(format!("the body ended too early: {}", io::Error::other(error)))),
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

async fn drain(mut body: Body, mut read: usize) {
    while read < DRAINED {
        match next(&mut body).await {
            Ok(Some(piece)) => read += piece.len(),
            _ => return,
        }
    }
}

/// The field of a form or a query.
pub fn field(form: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
