//! Bodies that SDKs send compressed.

use std::io::Read;

use kit::text_enum;

text_enum!(
    /// How a body is compressed.
    Encoding {
        /// Not at all.
        Identity = "identity",
        /// gzip.
        Gzip = "gzip",
        /// zlib, or deflate alone: senders mean either by this name.
        Deflate = "deflate",
        /// Zstandard.
        Zstd = "zstd",
    }
);

impl Encoding {
    /// By the header `Content-Encoding`; `None` for one that is not known.
    pub fn parse(name: &str) -> Option<Encoding> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Encoding::Identity),
            "gzip" | "x-gzip" | "gzip-js" => Some(Encoding::Gzip),
            "deflate" | "zlib" => Some(Encoding::Deflate),
            "zstd" => Some(Encoding::Zstd),
            _ => None,
        }
    }
}

/// Why a body cannot be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpacked {
    /// It is not what it says it is.
    Broken,
    /// It would become larger than allowed.
    TooLarge,
    /// There is no memory for it now.
    NoRoom,
}

/// Unpacks a body that may become at most `limit` bytes. `grow` is asked before more memory is taken, with the bytes that there will be.
pub fn unpack(body: &[u8], encoding: Encoding, limit: usize, mut grow: impl FnMut(usize) -> bool) -> Result<Vec<u8>, Unpacked> {
    match encoding {
        Encoding::Identity => match body.len() > limit {
            true => Err(Unpacked::TooLarge),
            false => Ok(body.to_vec()),
        },
        Encoding::Gzip => read(flate2::bufread::MultiGzDecoder::new(body), body.len(), limit, &mut grow),
        Encoding::Deflate => {
            // The first byte of zlib names its method, 8, in the lower half, and both bytes together are a multiple of 31.
            let is_zlib = matches!(body, [first, second, ..] if first & 15 == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0);
            match is_zlib {
                true => read(flate2::bufread::ZlibDecoder::new(body), body.len(), limit, &mut grow),
                false => read(flate2::bufread::DeflateDecoder::new(body), body.len(), limit, &mut grow),
            }
        }
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(|_| Unpacked::Broken)?;
            // Two to the power of 23: a window of 8 MB, as browsers allow; the default is 128 MB for whoever asks for it.
            decoder.window_log_max(23).map_err(|_| Unpacked::Broken)?;
            read(decoder, body.len(), limit, &mut grow)
        }
    }
}

fn read(mut decoder: impl Read, packed: usize, limit: usize, grow: &mut dyn FnMut(usize) -> bool) -> Result<Vec<u8>, Unpacked> {
    // JSON of events packs to a tenth; it grows from there.
    let mut out = vec![0; packed.saturating_mul(8).clamp(4 << 10, 256 << 10).min(limit + 1)];
    let mut length = 0;
    loop {
        match decoder.read(&mut out[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(_) => return Err(Unpacked::Broken),
        }
        if length > limit {
            return Err(Unpacked::TooLarge);
        }
        if length == out.len() {
            let wanted = out.len().saturating_mul(2).min(limit + 1);
            if !grow(wanted) {
                return Err(Unpacked::NoRoom);
            }
            out.resize(wanted, 0);
        }
    }
    out.truncate(length);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn all(bytes: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(bytes).unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
        deflate.write_all(bytes).unwrap();
        vec![
            (Encoding::Identity, bytes.to_vec()),
            (Encoding::Gzip, gzip(bytes)),
            (Encoding::Deflate, zlib.finish().unwrap()),
            (Encoding::Deflate, deflate.finish().unwrap()),
            (Encoding::Zstd, zstd::encode_all(bytes, 1).unwrap()),
        ]
    }

    #[test]
    fn bodies_are_unpacked_up_to_their_limit_to_the_byte() {
        for size in [0, 1, 4096, 4097, 1_000_000] {
            let text: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            for (encoding, packed) in all(&text) {
                assert_eq!(unpack(&packed, encoding, size, |_| true).as_deref(), Ok(&text[..]), "{encoding} {size}");
                if size > 0 {
                    assert_eq!(unpack(&packed, encoding, size - 1, |_| true), Err(Unpacked::TooLarge), "{encoding} {size}");
                }
            }
        }
    }

    #[test]
    fn a_bomb_is_cut_off_before_it_takes_memory() {
        let zeros = vec![0; 300 << 20];
        for (encoding, packed) in all(&zeros).into_iter().filter(|(encoding, _)| *encoding != Encoding::Identity) {
            assert!(packed.len() < 2 << 20, "{encoding}: {}", packed.len());
            let mut most = 0;
            let outcome = unpack(&packed, encoding, 20 << 20, |bytes| {
                most = most.max(bytes);
                true
            });
            assert_eq!(outcome, Err(Unpacked::TooLarge), "{encoding}");
            assert!(most <= (20 << 20) + 1, "{encoding}: {most}");
            assert_eq!(unpack(&packed, encoding, 20 << 20, |bytes| bytes < 1 << 20), Err(Unpacked::NoRoom), "{encoding}");
        }
    }

    #[test]
    fn what_is_broken_is_said_to_be() {
        let good = gzip(b"hello hello hello hello");
        for (encoding, body) in [
            (Encoding::Gzip, b"no gzip at all, but long enough for a header".to_vec()),
            (Encoding::Gzip, good[..good.len() - 9].to_vec()),
            (Encoding::Gzip, Vec::new()),
            (Encoding::Deflate, b"\x78\x9cnonsense".to_vec()),
            (Encoding::Zstd, b"(\xb5/\xfdnonsense".to_vec()),
        ] {
            assert_eq!(unpack(&body, encoding, 1 << 20, |_| true), Err(Unpacked::Broken), "{encoding} {body:?}");
        }
        assert_eq!(Encoding::parse("br"), None);
        assert_eq!(Encoding::parse(" GZIP "), Some(Encoding::Gzip));
    }
}
