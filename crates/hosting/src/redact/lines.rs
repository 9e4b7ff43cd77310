//! Cuts the stream into lines, hides private keys that go over several of them, and puts each line's secrets out of sight.

use super::assignment;
use super::pem::{self, Body};
use super::rules::{self, Hidden};

/// Of a longer line only the beginning, up to the last space within this many bytes, is shown.
pub const LONGEST_LINE: usize = 64 * 1024;
/// A private key does not get longer; after this much without its end the usual rules apply again.
const LONGEST_KEY: usize = 64 * 1024;
/// So many lines in a row that cannot belong to a key end it. They are hidden as well.
const STRANGERS: u8 = 3;

/// What the next line may be a part of.
enum Within {
    /// Nothing: it stands for itself.
    Nothing,
    /// Unknown text came before, at the beginning of a log's tail or after a line that was cut: it may be the middle of a key.
    Gap { hidden: bool },
    /// A private key that has begun.
    Key { strangers: u8, hidden: usize },
    /// A YAML block whose head is a secret's name.
    Block { indent: usize, first: bool },
}

/// The last stage of the stream.
pub(super) struct Lines {
    /// Text that is not given out yet; append to it, then call [`Lines::advance`].
    pub(super) text: Vec<u8>,
    within: Within,
    /// The rest of the line is hidden.
    dropping: bool,
    hidden: Vec<Hidden>,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines { text: Vec::new(), within: Within::Gap { hidden: false }, dropping: false, hidden: Vec::new() }
    }
}

impl Lines {
    /// Gives out all lines that have ended.
    pub(super) fn advance(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.text);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &text) {
            self.line(&text[start..end], out);
            start = end + 1;
        }
        if text.len() - start > LONGEST_LINE {
            self.begin_long(&text[start..], out);
            start = text.len();
        } else if self.dropping {
            start = text.len();
        }
        self.text = text;
        self.text.drain(..start);
    }

    /// Gives out a last line without an end.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        let rest = std::mem::take(&mut self.text);
        if !rest.is_empty() && !self.dropping {
            let before = out.len();
            self.line(&rest, out);
            if out.len() > before && out.last() == Some(&b'\n') {
                out.pop();
            }
        }
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if self.dropping {
            self.dropping = false;
            out.push(b'\n');
        } else if line.len() > LONGEST_LINE {
            self.begin_long(line, out);
            self.dropping = false;
            out.push(b'\n');
        } else if self.short(line, out) {
            out.push(b'\n');
        }
    }

    /// The beginning of a line that is too long: whole words only, since the last one may be half a secret.
    fn begin_long(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if !self.dropping {
            let head = &line[..LONGEST_LINE];
            let whole = memchr::memrchr2(b' ', b'\t', head).map_or(0, |space| space + 1);
            self.short(&head[..whole], out);
            super::placeholder("long-line", out);
            if matches!(self.within, Within::Nothing | Within::Gap { .. }) {
                self.within = Within::Gap { hidden: false };
            }
        }
        self.dropping = true;
    }

    /// Returns whether anything of the line is to be seen.
    fn short(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        match &mut self.within {
            Within::Nothing => {}
            Within::Gap { hidden } => match pem::body(line) {
                Body::Certain => {
                    if !std::mem::replace(hidden, true) {
                        super::placeholder("private-key", out);
                        return true;
                    }
                    return false;
                }
                Body::Possible if *hidden => return false,
                _ => self.within = Within::Nothing,
            },
            Within::Block { indent, first } if Lines::in_block(line, *indent) => {
                let seen = std::mem::take(first);
                if seen {
                    super::placeholder("secret", out);
                }
                return seen;
            }
            Within::Block { .. } => self.within = Within::Nothing,
            Within::Key { strangers, hidden } => {
                *hidden += line.len() + 1;
                if let Some(end) = pem::end(line) {
                    self.within = Within::Nothing;
                    let rest = &line[end..];
                    let seen = !rest.is_empty();
                    if seen {
                        self.ordinary(rest, out);
                    }
                    return seen;
                }
                *strangers = if pem::body(line) == Body::Impossible { *strangers + 1 } else { 0 };
                if *strangers >= STRANGERS || *hidden > LONGEST_KEY {
                    self.within = Within::Nothing;
                }
                return false;
            }
        }
        self.ordinary(line, out);
        true
    }

    /// The lines of a block are those that are indented further than its head.
    fn in_block(line: &[u8], head: usize) -> bool {
        line.trim_ascii().is_empty() || assignment::indent(line) > head
    }

    fn ordinary(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if !rules::concern(line) {
            out.extend_from_slice(line);
            return;
        }
        self.hidden.clear();
        rules::find(line, &mut self.hidden);
        if pem::open(line) {
            self.within = Within::Key { strangers: 0, hidden: 0 };
        } else if let Some(indent) = assignment::opens_block(line) {
            self.within = Within::Block { indent, first: true };
        }
        self.hidden.sort_unstable_by_key(|it| (it.start, std::cmp::Reverse(it.end)));
        let mut done = 0;
        let mut before = None;
        for &Hidden { start, end, kind } in &self.hidden {
            // What overlaps is one secret, under the name of what begins first.
            if before.is_some() && start < done || start == done && before == Some(kind) {
                done = done.max(end);
                continue;
            }
            out.extend_from_slice(&line[done..start]);
            super::placeholder(kind, out);
            done = end;
            before = Some(kind);
        }
        out.extend_from_slice(&line[done..]);
    }
}
