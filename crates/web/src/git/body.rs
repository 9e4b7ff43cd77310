//! A request's body in pieces: unpacked where Git has packed it, never more than its limit, and given up when nothing comes.

use std::io::Write;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, header};
use flate2::write::GzDecoder;
use futures_util::StreamExt;
use hosting::git::serve::Service;
use kit::{Error, Result};

use crate::respond::{Answer, Failure, Reason};

/// Packed bytes that are unpacked at once: a thousandfold is the most that they can become.
const PACKED: usize = 4 << 10;
/// Whoever sends nothing for so long has gone.
const SILENCE: Duration = Duration::from_secs(60);

/// A body in pieces.
pub struct Pieces {
    stream: BodyDataStream,
    packed: Option<Packed>,
    left: u64,
}

struct Packed {
    decoder: GzDecoder<Vec<u8>>,
    waiting: Bytes,
    ended: bool,
}

impl Pieces {
    /// Takes a body of Git's own type, plain or gzip, that may unpack to `limit` bytes.
    pub fn of(headers: &HeaderMap, service: Service, body: Body, limit: u64) -> Answer<Pieces> {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let wanted = match service {
            Service::UploadPack => "application/x-git-upload-pack-request",
            Service::ReceivePack => "application/x-git-receive-pack-request",
        };
        if text(header::CONTENT_TYPE) != wanted {
            return Err(Failure::because(Reason::UnsupportedType(wanted)));
        }
        let packed = match text(header::CONTENT_ENCODING) {
            "" | "identity" => None,
            "gzip" | "x-gzip" => Some(Packed { decoder: GzDecoder::new(Vec::new()), waiting: Bytes::new(), ended: false }),
            _ => return Err(Failure::because(Reason::Malformed("only gzip can be unpacked".to_owned()))),
        };
        let declared: Option<u64> = text(header::CONTENT_LENGTH).parse().ok();
        if declared.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        Ok(Pieces { stream: body.into_data_stream(), packed, left: limit })
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let piece = match &mut self.packed {
            None => next_of(&mut self.stream).await?,
            Some(packed) => packed.next(&mut self.stream).await?,
        };
        let Some(piece) = piece else { return Ok(None) };
        match self.left.checked_sub(piece.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(Error::invalid("body", "is larger than is taken here")),
        }
        Ok(Some(piece))
    }

    /// Reads and forgets what still comes, up to so many bytes: a client that is cut off while it sends does not read our answer.
    pub async fn drain(&mut self, mut most: u64) {
        while let Ok(Some(piece)) = next_of(&mut self.stream).await {
            match most.checked_sub(piece.len() as u64) {
                Some(left) => most = left,
                None => return,
            }
        }
    }
}

impl Packed {
    async fn next(&mut self, stream: &mut BodyDataStream) -> Result<Option<Bytes>> {
        loop {
            if self.waiting.is_empty() && !self.ended {
                match next_of(stream).await? {
                    Some(piece) => self.waiting = piece,
                    None => {
                        self.ended = true;
                        self.decoder.try_finish().map_err(|_| broken())?;
                    }
                }
            }
            let part = self.waiting.split_to(self.waiting.len().min(PACKED));
            self.decoder.write_all(&part).map_err(|_| broken())?;
            let unpacked = std::mem::take(self.decoder.get_mut());
            if !unpacked.is_empty() {
                return Ok(Some(Bytes::from(unpacked)));
            }
            if self.ended && self.waiting.is_empty() {
                return Ok(None);
            }
        }
    }
}

async fn next_of(stream: &mut BodyDataStream) -> Result<Option<Bytes>> {
    match tokio::time::timeout(SILENCE, stream.next()).await {
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(Some(Err(error))) => Err(Error::unavailable(format!("the request was cut off: {error}"))),
        Ok(None) => Ok(None),
        Err(_) => Err(Error::unavailable("nothing came for a minute")),
    }
}

fn broken() -> Error {
    Error::invalid("body", "cannot be unpacked")
}

fn too_large(limit: u64) -> Failure {
    Failure::because(Reason::TooLarge(usize::try_from(limit).unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn read(body: Vec<u8>, encoding: &str, limit: u64) -> (usize, usize, bool) {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-git-upload-pack-request".parse().unwrap());
        headers.insert("content-encoding", encoding.parse().unwrap());
        let mut pieces = Pieces::of(&headers, Service::UploadPack, Body::from(body), limit).unwrap();
        let (mut total, mut largest) = (0, 0);
        loop {
            match pieces.next().await {
                Ok(Some(piece)) => {
                    total += piece.len();
                    largest = largest.max(piece.len());
                }
                Ok(None) => return (total, largest, true),
                Err(_) => return (total, largest, false),
            }
        }
    }

    #[tokio::test]
    async fn what_is_packed_is_unpacked_and_a_bomb_is_cut_off() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(read(packed(&text), "gzip", 1 << 20).await.0, text.len());
        assert!(read(packed(b""), "gzip", 10).await.2);
        let bomb = packed(&vec![0; 200 << 20]);
        assert!(bomb.len() < 2 << 20, "{}", bomb.len());
        let (total, largest, ended) = read(bomb, "gzip", 16 << 20).await;
        assert!(!ended && total <= 16 << 20 && largest <= 5 << 20, "{total} in pieces of up to {largest}");
        for broken in [b"no gzip at all, but long enough for a header".to_vec(), packed(b"hello hello hello")[..20].to_vec()] {
            assert!(!read(broken, "gzip", 1 << 20).await.2);
        }
        assert!(!read(vec![0; 100], "identity", 99).await.2);
    }

    #[test]
    fn other_bodies_are_refused() {
        let of = |kind: &str, encoding: &str, length: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", kind.parse().unwrap());
            headers.insert("content-encoding", encoding.parse().unwrap());
            headers.insert("content-length", length.parse().unwrap());
            Pieces::of(&headers, Service::ReceivePack, Body::empty(), 1000).map(|_| ()).map_err(|failure| failure.status().as_u16())
        };
        let right = "application/x-git-receive-pack-request";
        assert_eq!(of(right, "gzip", "10"), Ok(()));
        assert_eq!(of("application/x-www-form-urlencoded", "", "10"), Err(415));
        assert_eq!(of("application/x-git-upload-pack-request", "", "10"), Err(415));
        assert_eq!(of(right, "br", "10"), Err(400));
        assert_eq!(of(right, "", "1001"), Err(413));
    }
}
