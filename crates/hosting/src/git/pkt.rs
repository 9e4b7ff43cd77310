//! Git's packets ("pkt-lines"): four hex digits of length, then as many bytes less four. Pure, and wary of what it reads.

use kit::{Error, Result};

/// The largest packet there is, its four digits counted.
const LARGEST: usize = 65_520;
/// The packet that ends a part of a conversation.
pub const FLUSH: &[u8] = b"0000";

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// What was said.
    Data(&'a [u8]),
    /// The end of a part.
    Flush,
    /// The end of a section, or of an answer (protocol 2).
    Mark,
}

/// The packet that `bytes` begin with, and how long it is; `None` while it is not complete.
pub fn first(bytes: &[u8]) -> Result<Option<(Packet<'_>, usize)>> {
    let Some(digits) = bytes.get(..4) else { return Ok(None) };
    // `from_str_radix` would take a sign.
    let length = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .and_then(|digits| usize::from_str_radix(digits, 16).ok())
        .ok_or_else(malformed)?;
    match length {
        0 => Ok(Some((Packet::Flush, 4))),
        1 | 2 => Ok(Some((Packet::Mark, 4))),
        3 => Err(malformed()),
        4..=LARGEST => Ok(bytes.get(4..length).map(|data| (Packet::Data(data), length))),
        _ => Err(malformed()),
    }
}

fn malformed() -> Error {
    Error::invalid("body", "is not what Git sends")
}

/// Writes one packet; `data` must fit into it.
pub fn write(data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(LARGEST - 4)];
    let mut packet = format!("{:04x}", data.len() + 4).into_bytes();
    packet.extend_from_slice(data);
    packet
}

/// Packets of text for the person who pushes: band 2 of the side-band, which Git shows after `remote: `.
pub fn progress(text: &str) -> Vec<u8> {
    let mut packets = Vec::new();
    for part in text.as_bytes().chunks(LARGEST - 5) {
        packets.extend_from_slice(format!("{:04x}", part.len() + 5).as_bytes());
        packets.push(2);
        packets.extend_from_slice(part);
    }
    packets
}

/// A packet that says nothing, as Git itself sends it so that nobody on the way gives the connection up.
pub const KEEP_ALIVE: &[u8] = b"0005\x01";

/// Takes packets out of a stream that comes in pieces. Holds one packet and one piece at most.
#[derive(Debug, Default)]
pub struct Reader {
    waiting: Vec<u8>,
}

impl Reader {
    /// Takes a piece, and hands on each packet that is complete now. Stops at the first that is none.
    pub fn feed(&mut self, piece: &[u8], mut each: impl FnMut(Packet<'_>)) -> Result<()> {
        self.waiting.extend_from_slice(piece);
        let mut at = 0;
        let outcome = loop {
            match first(&self.waiting[at..]) {
                Ok(Some((packet, length))) => {
                    each(packet);
                    at += length;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.waiting.drain(..at);
        outcome
    }

    /// Bytes of a packet that is not complete.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_are_read_and_written() {
        assert_eq!(first(b"0006a\nrest").unwrap(), Some((Packet::Data(b"a\n"), 6)));
        assert_eq!(first(b"0004").unwrap(), Some((Packet::Data(b""), 4)));
        assert_eq!(first(b"0000PACK").unwrap(), Some((Packet::Flush, 4)));
        assert_eq!(first(b"0001").unwrap(), Some((Packet::Mark, 4)));
        for incomplete in [&b""[..], b"0", b"000", b"0006", b"0006a"] {
            assert_eq!(first(incomplete).unwrap(), None, "{incomplete:?}");
        }
        for bad in [&b"0003"[..], b"fff1", b"ffff", b"+006a\n", b"-001", b" 006", b"00g0", b"\xff\xff\xff\xff", b"PACK"] {
            assert!(first(bad).is_err(), "{bad:?}");
        }
        assert_eq!(write(b"# service=git-upload-pack\n"), b"001e# service=git-upload-pack\n");
        assert_eq!(progress("hi\n"), b"0008\x02hi\n");
        assert_eq!(write(&[b'x'; 70_000]).len(), LARGEST);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again_however_it_is_cut(texts in prop::collection::vec("[ -~]{0,300}", 0..20), cuts in prop::collection::vec(1_usize..50, 1..40)) {
            let stream: Vec<u8> = texts.iter().flat_map(|text| write(text.as_bytes())).chain(FLUSH.to_vec()).collect();
            let (mut reader, mut read, mut flushes) = (Reader::default(), Vec::new(), 0);
            let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                reader.feed(piece, |packet| match packet {
                    Packet::Data(data) => read.push(String::from_utf8(data.to_vec()).unwrap()),
                    _ => flushes += 1,
                }).unwrap();
                rest = after;
            }
            prop_assert_eq!(read, texts);
            prop_assert_eq!((flushes, reader.waiting()), (1, 0));
        }

        #[test]
        fn nothing_makes_it_panic_or_grow(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..40)) {
            let mut reader = Reader::default();
            for piece in &pieces {
                let refused = reader.feed(piece, |_| {}).is_err();
                prop_assert!(reader.waiting() < LARGEST);
                if refused {
                    break;
                }
            }
        }

        #[test]
        fn text_of_any_length_becomes_packets_that_git_takes(length in 0_usize..200_000) {
            let packets = progress(&"x".repeat(length));
            let (mut reader, mut total) = (Reader::default(), 0);
            reader.feed(&packets, |packet| if let Packet::Data(data) = packet { total += data.len() - 1 }).unwrap();
            prop_assert_eq!((total, reader.waiting()), (length, 0));
        }
    }
}
