//! Many events in one row: columns side by side, compressed. What is looked through (heads) is apart from what is only shown (ids,
//! properties), and properties are in chunks, so that showing one event unpacks few others.

use std::collections::BTreeSet;

use kit::Result;

use super::bytes::{Reader, damaged, put, put_bytes, put_signed};

/// The quickest level of zstd: blocks of compaction are packed harder.
pub(super) const QUICK: i32 = 1;
/// Properties of so many events are compressed together.
const CHUNK: usize = 256;
/// More than any block unpacks to: a damaged length must not take all memory.
const MAX_UNPACKED: usize = 1 << 30;

/// What is known of an event without its id and properties. Subjects and words are numbers; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// When it happened, in unix milliseconds.
    pub at: i64,
    /// In the order of arrival.
    pub seq: i64,
    /// Whose counts it went to: the customer that it named, else the person.
    pub subject: i64,
    /// Who did it, before merges.
    pub person: i64,
    /// What happened.
    pub name: i64,
    /// Who sent it.
    pub source: i64,
}

/// A block as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) heads: Vec<u8>,
    pub(super) ids: Vec<u8>,
    pub(super) props: Vec<u8>,
}

/// Packs events; the three lists are of the same length.
pub(super) fn pack(heads: &[Head], ids: &[&str], props: &[&str], level: i32) -> Result<Packed> {
    Ok(Packed { heads: pack_heads(heads, level)?, ids: pack_ids(ids, level)?, props: pack_props(props, level)? })
}

fn pack_heads(heads: &[Head], level: i32) -> Result<Vec<u8>> {
    let mut raw = Vec::with_capacity(heads.len() * 12 + 16);
    put(&mut raw, heads.len() as u64);
    let columns: [fn(&Head) -> i64; 6] = [|it| it.at, |it| it.seq, |it| it.subject, |it| it.person, |it| it.name, |it| it.source];
    for column in columns {
        let mut last = 0i64;
        for head in heads {
            let value = column(head);
            put_signed(&mut raw, value.wrapping_sub(last));
            last = value;
        }
    }
    compress(&raw, level)
}

pub(super) fn heads(packed: &[u8]) -> Result<Vec<Head>> {
    let raw = decompress(packed)?;
    let mut reader = Reader(&raw);
    let count = reader.take_length()?;
    if count > raw.len() {
        return Err(damaged());
    }
    let mut heads = vec![Head { at: 0, seq: 0, subject: 0, person: 0, name: 0, source: 0 }; count];
    let columns: [fn(&mut Head) -> &mut i64; 6] =
        [|it| &mut it.at, |it| &mut it.seq, |it| &mut it.subject, |it| &mut it.person, |it| &mut it.name, |it| &mut it.source];
    for column in columns {
        let mut last = 0i64;
        for head in &mut heads {
            last = last.wrapping_add(reader.take_signed()?);
            *column(head) = last;
        }
    }
    Ok(heads)
}

/// The different subjects of some events.
pub(super) fn pack_subjects(heads: &[Head]) -> Vec<u8> {
    let mut subjects: Vec<i64> = heads.iter().map(|head| head.subject).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let mut out = Vec::with_capacity(subjects.len() * 2);
    let mut last = 0i64;
    for subject in subjects {
        put_signed(&mut out, subject.wrapping_sub(last));
        last = subject;
    }
    out
}

/// Whether any of `wanted` is among packed subjects.
pub(super) fn has_subject(packed: &[u8], wanted: &BTreeSet<i64>) -> Result<bool> {
    let (mut reader, mut subject) = (Reader(packed), 0i64);
    let mut wanted = wanted.iter().peekable();
    while !reader.0.is_empty() {
        subject = subject.wrapping_add(reader.take_signed()?);
        while wanted.next_if(|wanted| **wanted < subject).is_some() {}
        match wanted.peek() {
            Some(next) if **next == subject => return Ok(true),
            Some(_) => {}
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// The heads of a block side by side, for whoever looks through millions. Kept between blocks, so that its memory is.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) at: Vec<i64>,
    pub(super) seq: Vec<i64>,
    pub(super) subject: Vec<i64>,
    pub(super) person: Vec<i64>,
    pub(super) name: Vec<i64>,
    pub(super) source: Vec<i64>,
}

impl Columns {
    /// Unpacks the heads of a block in the place of those before.
    pub(super) fn fill(&mut self, packed: &[u8]) -> Result<()> {
        let raw = decompress(packed)?;
        let mut reader = Reader(&raw);
        let count = reader.take_length()?;
        if count > raw.len() {
            return Err(damaged());
        }
        for column in [&mut self.at, &mut self.seq, &mut self.subject, &mut self.person, &mut self.name, &mut self.source] {
            reader.take_column(count, column)?;
        }
        Ok(())
    }
}

/// Ids that are UUIDs are 16 bytes that nothing compresses; others are texts.
fn pack_ids(ids: &[&str], level: i32) -> Result<Vec<u8>> {
    let (mut uuids, mut texts) = (Vec::with_capacity(ids.len() * 16), Vec::with_capacity(ids.len() + 16));
    put(&mut texts, ids.len() as u64);
    for id in ids {
        match uuid(id) {
            Some(bytes) => {
                put(&mut texts, 0);
                uuids.extend_from_slice(&bytes);
            }
            None => {
                put(&mut texts, id.len() as u64 + 1);
                texts.extend_from_slice(id.as_bytes());
            }
        }
    }
    let texts = compress(&texts, level)?;
    let mut out = Vec::with_capacity(texts.len() + uuids.len() + 8);
    put_bytes(&mut out, &texts);
    out.extend_from_slice(&uuids);
    Ok(out)
}

pub(super) fn ids(packed: &[u8]) -> Result<Vec<String>> {
    let mut packed = Reader(packed);
    let texts = decompress(packed.take_bytes()?)?;
    let mut texts = Reader(&texts);
    let count = texts.take_length()?;
    (0..count)
        .map(|_| match texts.take_length()? {
            0 => Ok(uuid_text(packed.slice(16)?)),
            length => Ok(std::str::from_utf8(texts.slice(length - 1)?).map_err(|_| damaged())?.to_owned()),
        })
        .collect()
}

/// The bytes of a UUID in its usual form (lower case, with hyphens): only that form comes back as it was.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut bytes = [0; 16];
    let mut at = 0;
    for byte in &mut bytes {
        if matches!(at, 8 | 13 | 18 | 23) {
            at += 1;
        }
        *byte = digit(text[at])? << 4 | digit(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for half in [byte >> 4, byte & 15] {
            text.push(char::from(if half < 10 { b'0' + half } else { b'a' + half - 10 }));
        }
    }
    text
}

fn pack_props(props: &[&str], level: i32) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut raw = Vec::new();
    for chunk in props.chunks(CHUNK) {
        raw.clear();
        for text in chunk {
            put_bytes(&mut raw, text.as_bytes());
        }
        put_bytes(&mut out, &compress(&raw, level)?);
    }
    Ok(out)
}

/// Properties of one block, unpacked chunk by chunk when asked for.
pub(super) struct Props {
    chunks: Vec<Vec<u8>>,
    open: Option<(usize, Vec<String>)>,
}

impl Props {
    pub(super) fn open(packed: &[u8]) -> Result<Props> {
        let mut reader = Reader(packed);
        let mut chunks = Vec::new();
        while !reader.0.is_empty() {
            chunks.push(reader.take_bytes()?.to_vec());
        }
        Ok(Props { chunks, open: None })
    }

    /// Those of the event at this place in the block.
    pub(super) fn get(&mut self, at: usize) -> Result<&str> {
        let number = at / CHUNK;
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let raw = decompress(self.chunks.get(number).ok_or_else(damaged)?)?;
            let mut reader = Reader(&raw);
            let mut texts = Vec::with_capacity(CHUNK);
            while !reader.0.is_empty() {
                texts.push(reader.text()?.to_owned());
            }
            self.open = Some((number, texts));
        }
        let texts = &self.open.as_ref().expect("just opened").1;
        texts.get(at % CHUNK).map(String::as_str).ok_or_else(damaged)
    }
}

/// Compressed bytes behind their unpacked length.
fn compress(raw: &[u8], level: i32) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    put(&mut out, raw.len() as u64);
    out.extend_from_slice(&zstd::bulk::compress(raw, level)?);
    Ok(out)
}

fn decompress(packed: &[u8]) -> Result<Vec<u8>> {
    let mut reader = Reader(packed);
    let length = reader.take_length()?;
    if length > MAX_UNPACKED {
        return Err(damaged());
    }
    let raw = zstd::bulk::decompress(reader.0, length).map_err(|_| damaged())?;
    if raw.len() == length { Ok(raw) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = (Head, String, String)> {
        let head = (any::<i64>(), any::<i64>(), any::<i64>(), 0..9i64, any::<i64>(), 0..3i64)
            .prop_map(|(at, seq, subject, person, name, source)| Head { at, seq, subject, person, name, source });
        let id = prop_oneof![
            any::<[u8; 16]>().prop_map(|bytes| uuid_text(&bytes)),
            any::<[u8; 16]>().prop_map(|bytes| uuid_text(&bytes).to_uppercase()),
            ".{1,40}",
        ];
        (head, id, ".{0,60}")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_was_packed_comes_back(events in proptest::collection::vec(event(), 0..700)) {
            let wanted: Vec<Head> = events.iter().map(|it| it.0).collect();
            let (names, texts): (Vec<&str>, Vec<&str>) = events.iter().map(|it| (it.1.as_str(), it.2.as_str())).unzip();
            let packed = pack(&wanted, &names, &texts, QUICK).unwrap();
            prop_assert_eq!(&heads(&packed.heads).unwrap(), &wanted);
            let subjects = pack_subjects(&wanted);
            for head in wanted.iter().take(5) {
                for other in [head.subject, head.subject.wrapping_add(1)] {
                    let there = wanted.iter().any(|head| head.subject == other);
                    prop_assert_eq!(has_subject(&subjects, &BTreeSet::from([other, i64::MAX])).unwrap(), there || wanted.iter().any(|head| head.subject == i64::MAX));
                }
            }
            let mut columns = Columns::default();
            columns.fill(&packed.heads).unwrap();
            let of_columns = (0..wanted.len()).map(|at| Head {
                at: columns.at[at],
                seq: columns.seq[at],
                subject: columns.subject[at],
                person: columns.person[at],
                name: columns.name[at],
                source: columns.source[at],
            });
            prop_assert_eq!(&of_columns.collect::<Vec<_>>(), &wanted);
            prop_assert_eq!(ids(&packed.ids).unwrap(), names);
            let mut props = Props::open(&packed.props).unwrap();
            for (at, text) in texts.iter().enumerate() {
                prop_assert_eq!(props.get(at).unwrap(), *text);
            }
        }

        #[test]
        fn damaged_blocks_are_errors(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = heads(&bytes);
            let _ = Columns::default().fill(&bytes);
            let _ = ids(&bytes);
            let _ = has_subject(&bytes, &BTreeSet::from([i64::MAX]));
            if let Ok(mut props) = Props::open(&bytes) {
                let _ = props.get(3);
            }
        }
    }
}
