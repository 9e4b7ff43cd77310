//! Exact values: whatever a site is known to keep secret is hidden wherever it stands, in every form of [`super::encodings`].
//!
//! Each form is filed under its first six bytes. A table of bits says for any six bytes of the text whether a form could begin with
//! them, so text without secrets costs one look a byte, however many forms there are. What is hidden is the union of all
//! occurrences, a function of the text alone; how the text came in pieces only decides how long a part of it waits.

use std::sync::Arc;

use super::encodings::{self, PIECE, Shared};

/// Shorter values would hide half of a log.
const SHORTEST: usize = 6;
/// The bytes a form is filed under.
const GRAM: usize = 6;
/// Table of 2^18 bits, 32 KB: with a thousand forms one look in 250 is in vain.
const BITS: u32 = 18;
/// Of a value of many lines, each line of at least this many characters is a secret as well: logs put things between lines.
const SHORTEST_LINE: usize = 12;

/// Values that are long enough and no secrets.
const HARMLESS: &[&str] = &[
    "default",
    "develop",
    "development",
    "disabled",
    "enabled",
    "example",
    "false",
    "localhost",
    "mariadb",
    "postgres",
    "postgresql",
    "production",
    "release",
    "sqlite",
    "staging",
    "testing",
    "undefined",
    "verbose",
    "warning",
    "0.0.0.0",
    "127.0.0.1",
];

/// The values that one site keeps secret, in every form they may be printed in. Cheap to clone.
#[derive(Clone, Default)]
pub struct Known(Option<Arc<Table>>);

struct Table {
    /// Sorted, so that forms with the same beginning are neighbours.
    forms: Vec<(Vec<u8>, Shared)>,
    bits: Vec<u64>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Known(••••••)")
    }
}

impl Known {
    /// Nothing is known; only shapes are looked for.
    pub fn none() -> Known {
        Known(None)
    }

    /// These values. Those under 6 characters, plain words of configuration (`production`) and numbers of ports are left out: they
    /// are no secrets, and hiding them would spoil the log.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Known {
        let mut forms = std::collections::BTreeMap::new();
        for value in values {
            let trimmed = value.trim();
            for value in [value, trimmed] {
                if worth_hiding(value) {
                    forms.append(&mut encodings::forms(value));
                }
            }
            if trimmed.contains(['\n', '\r']) {
                let lines =
                    trimmed.lines().map(str::trim).filter(|line| line.chars().count() >= SHORTEST_LINE && !line.starts_with("-----"));
                lines.filter(|line| worth_hiding(line)).for_each(|line| forms.append(&mut encodings::forms(line)));
            }
        }
        let forms: Vec<_> = forms.into_iter().filter(|(form, _)| form.len() >= GRAM).collect();
        if forms.is_empty() {
            return Known(None);
        }
        let mut bits = vec![0; 1 << (BITS - 6)];
        for (form, _) in &forms {
            let slot = slot(gram(form));
            bits[slot / 64] |= 1 << (slot % 64);
        }
        Known(Some(Arc::new(Table { forms, bits })))
    }
}

fn worth_hiding(value: &str) -> bool {
    let plain = || HARMLESS.iter().any(|harmless| value.eq_ignore_ascii_case(harmless));
    value.chars().count() >= SHORTEST && !plain()
}

/// The first six bytes as a number.
fn gram(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    first[..GRAM].copy_from_slice(&bytes[..GRAM]);
    u64::from_le_bytes(first)
}

fn slot(gram: u64) -> usize {
    (gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS)) as usize
}

/// What stands at a place of the text.
enum Found {
    Nothing,
    /// A secret from one place up to another.
    Secret(usize, usize),
    /// More text decides.
    Undecided,
}

impl Table {
    fn maybe(&self, gram: u64) -> bool {
        let slot = slot(gram);
        self.bits[slot / 64] & (1 << (slot % 64)) != 0
    }

    /// The first place from `from` on where a form could begin.
    fn candidate(&self, text: &[u8], from: usize) -> Option<usize> {
        const MASK: u64 = (1 << (8 * GRAM)) - 1;
        let wide = text[from..].windows(8).position(|window| {
            let first: [u8; 8] = window.try_into().expect("eight bytes");
            self.maybe(u64::from_le_bytes(first) & MASK)
        });
        if let Some(at) = wide {
            return Some(from + at);
        }
        let rest = from.max(text.len().saturating_sub(7));
        (rest..(text.len() + 1).saturating_sub(GRAM)).find(|&at| self.maybe(gram(&text[at..])))
    }

    /// Looks for the longest secret at `at`.
    fn at(&self, text: &[u8], at: usize, finished: bool) -> Found {
        let rest = &text[at..];
        let key = &rest[..GRAM];
        let first = self.forms.partition_point(|(form, _)| &form[..GRAM] < key);
        let mut found = Found::Nothing;
        let mut longest = 0;
        for (form, shared) in self.forms[first..].iter().take_while(|(form, _)| &form[..GRAM] == key) {
            let common = form.len().min(rest.len());
            if form[..common] != rest[..common] {
                continue;
            }
            let mut end = form.len();
            if form.len() > rest.len() {
                if !finished {
                    return Found::Undecided;
                }
                // The text ends inside of a secret.
                end = rest.len();
            } else if shared.after {
                if rest.get(end).is_some_and(|byte| is_base64(*byte)) {
                    end += 1;
                }
                while end < form.len() + 3 && rest.get(end) == Some(&b'=') {
                    end += 1;
                }
                if end == rest.len() && !finished {
                    return Found::Undecided;
                }
            }
            if end > longest {
                longest = end;
                let start = at - usize::from(shared.before && at > 0 && is_base64(text[at - 1]));
                found = Found::Secret(start, at + end);
            }
        }
        found
    }

    /// The first of the last few places where a form could begin that the text does not show six bytes of yet.
    fn begins_in(&self, text: &[u8], from: usize) -> usize {
        (from..text.len())
            .find(|&at| {
                let rest = &text[at..];
                let next = self.forms.partition_point(|(form, _)| form.as_slice() < rest);
                self.forms.get(next).is_some_and(|(form, _)| form.starts_with(rest))
            })
            .unwrap_or(text.len())
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Hides known values in a stream. Holds back no more than the longest form, which is [`PIECE`] bytes, and a few.
pub(super) struct Finder {
    known: Known,
    /// Text that is not given out yet; append to it, then call [`Finder::advance`].
    pub(super) text: Vec<u8>,
    /// Where to look next.
    from: usize,
    /// Up to here the text is given out or hidden.
    done: usize,
    /// Whether a placeholder is the last thing that was given out.
    after_hidden: bool,
}

impl Finder {
    pub(super) fn new(known: Known) -> Finder {
        Finder { known, text: Vec::new(), from: 0, done: 0, after_hidden: false }
    }

    /// Gives out what is decided; all of it when the text is `finished`.
    pub(super) fn advance(&mut self, finished: bool, out: &mut Vec<u8>) {
        let Known(Some(table)) = &self.known else {
            out.append(&mut self.text);
            return;
        };
        let undecided = loop {
            let Some(at) = table.candidate(&self.text, self.from) else { break None };
            match table.at(&self.text, at, finished) {
                Found::Nothing => {}
                Found::Undecided => break Some(at),
                Found::Secret(start, end) => {
                    // What overlaps or touches is one secret.
                    if start > self.done || !self.after_hidden {
                        out.extend_from_slice(&self.text[self.done..start.max(self.done)]);
                        super::placeholder("secret", out);
                        self.after_hidden = true;
                    }
                    self.done = self.done.max(end);
                }
            }
            self.from = at + 1;
        };
        self.from = match undecided {
            Some(at) => at,
            None if finished => self.text.len(),
            None => table.begins_in(&self.text, self.from.max((self.text.len() + 1).saturating_sub(GRAM))),
        };
        // A base64 form that begins next may share the character before it.
        let shared = !finished && self.from > 0 && is_base64(self.text[self.from - 1]);
        let safe = self.from - usize::from(shared);
        if safe > self.done {
            out.extend_from_slice(&self.text[self.done..safe]);
            self.done = safe;
            self.after_hidden = false;
        }
        // The byte before `from` stays: it may be shared.
        let gone = self.done.min(self.from.saturating_sub(1));
        self.text.drain(..gone);
        self.from -= gone;
        self.done -= gone;
        debug_assert!(self.text.len() <= 2 * PIECE || finished);
    }
}
