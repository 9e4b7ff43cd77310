//! Redaction of everything a person can read from a container or a build.
//!
//! In this order: what steers a terminal is taken out (`clean`); exact values that the site keeps secret are hidden in every form
//! (`known`, `encodings`); then, line by line (`lines`, `rules`), what is secret by where it stands (`structure`, `assignment`,
//! `pem`), by the shape its vendor gave it (`providers`), or because it looks random beside a word such as "token" (`entropy`).
//! Each secret becomes `[redacted:kind]`; no part of it stays.
//!
//! The output depends on the input alone, never on how it was cut into pieces. Memory is bounded: at most the longest known form
//! (4 KB a piece), one line of [`LONGEST_LINE`] bytes and what one `push` brought are held. Whatever cannot be decided is hidden:
//! the rest of a longer line, a private key without an end, a quoted value without one.
//!
//! It does not look for personal data, and nobody can switch parts of it off.

mod assignment;
mod clean;
mod colours;
mod encodings;
mod entropy;
mod escapes;
mod known;
mod lines;
mod pem;
mod providers;
mod rules;
mod site;
mod structure;
mod values;

pub use colours::{Bare, bare_lines};
pub use known::Known;
pub use lines::LONGEST_LINE;
pub use site::{is_secret, is_secret_name, known_of, known_with};

use clean::Cleaner;
use known::Finder;
use lines::Lines;

/// Redacts a stream. What was pushed comes out once its line has ended.
pub struct Redactor {
    cleaner: Cleaner,
    finder: Finder,
    lines: Lines,
}

/// So much of a push is worked on at a time, which bounds memory whatever is pushed and keeps it in the processor's cache.
const PORTION: usize = 64 * 1024;

impl Redactor {
    /// For one stream. With [`Known::none`] only shapes are looked for.
    pub fn new(known: Known) -> Redactor {
        Redactor { cleaner: Cleaner::default(), finder: Finder::new(known), lines: Lines::default() }
    }

    /// Takes `bytes`, appends what is decided to `out`: UTF-8 without control characters but line feed and tab.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for portion in bytes.chunks(PORTION) {
            self.cleaner.push(portion, &mut self.finder.text);
            self.finder.advance(false, &mut self.lines.text);
            self.lines.advance(out);
        }
    }

    /// Ends the stream: appends the rest.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.cleaner.finish(&mut self.finder.text);
        self.finder.advance(true, &mut self.lines.text);
        self.lines.advance(out);
        self.lines.finish(out);
    }
}

/// Redacts one text whole; it may have several lines.
pub fn text(known: &Known, text: &str) -> String {
    let mut redactor = Redactor::new(known.clone());
    let mut out = Vec::with_capacity(text.len());
    redactor.push(text.as_bytes(), &mut out);
    redactor.finish(&mut out);
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// What stands in the place of a secret.
fn placeholder(kind: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"[redacted:");
    out.extend_from_slice(kind.as_bytes());
    out.push(b']');
}

/// Whether `text` is a placeholder and nothing else, so that redacting twice changes nothing.
fn is_placeholder(text: &[u8]) -> bool {
    let inside = text.strip_prefix(b"[redacted:").and_then(|rest| rest.strip_suffix(b"]"));
    inside
        .is_some_and(|kind| !kind.is_empty() && kind.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'-' || byte.is_ascii_digit()))
}
