//! Takes out what steers a terminal or hides text: escape sequences, control characters, marks of writing direction and invisible
//! characters. It goes first, because `pass\x1b[0mword` is the word "password" to whoever reads it.
//!
//! What comes out is UTF-8 whose only control characters are line feed and tab.

/// Removes, byte by byte, so that it does not matter how the input is cut.
#[derive(Default)]
pub(super) struct Cleaner {
    state: State,
    /// The bytes of a character that is not complete yet.
    character: [u8; 4],
    length: usize,
    /// A line feed that follows a carriage return ends the same line.
    after_return: bool,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum State {
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte, as in `ESC ( B`.
    Intermediate,
    /// In `ESC [ … final`.
    Sequence,
    /// In a string that a terminal keeps to itself (title, link): until BEL, `ESC \` or the end of the line.
    Text,
    /// In such a string, after ESC.
    TextEscape,
}

/// So many bytes are looked at together; the compiler makes vector instructions of it.
const STRIDE: usize = 64;

impl Cleaner {
    /// Appends what remains of `bytes`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Ground && self.length == 0 && !self.after_return {
                let plain = plain_prefix(&bytes[at..]);
                out.extend_from_slice(&bytes[at..at + plain]);
                at += plain;
                if at == bytes.len() {
                    return;
                }
            }
            self.byte(bytes[at], out);
            at += 1;
        }
    }

    /// Ends the input: a character cut short becomes a replacement character.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.length > 0 {
            self.length = 0;
            replacement(out);
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.length > 0 || byte >= 0x80 {
            return self.part_of_character(byte, out);
        }
        let after_return = std::mem::take(&mut self.after_return);
        if byte == b'\n' || byte == b'\r' {
            self.state = State::Ground;
            if byte == b'\r' || !after_return {
                out.push(b'\n');
            }
            self.after_return = byte == b'\r';
            return;
        }
        self.state = match (self.state, byte) {
            (State::Text, 0x1b) => State::TextEscape,
            (State::TextEscape, b'\\') | (State::Text, 0x07) => State::Ground,
            (State::Text, _) => State::Text,
            (State::TextEscape, _) | (_, 0x1b) => {
                // Any other escape ends the string and begins anew.
                self.state = State::Escape;
                if byte == 0x1b { State::Escape } else { after_escape(byte) }
            }
            (State::Escape, _) => after_escape(byte),
            (State::Intermediate, 0x20..=0x2f) => State::Intermediate,
            (State::Sequence, 0x20..=0x3f) => State::Sequence,
            (State::Intermediate | State::Sequence, _) => State::Ground,
            (State::Ground, _) => {
                if is_plain(byte) {
                    out.push(byte);
                }
                State::Ground
            }
        };
    }

    fn part_of_character(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.character[self.length] = byte;
        self.length += 1;
        match std::str::from_utf8(&self.character[..self.length]) {
            Ok(text) => {
                let character = text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                self.length = 0;
                self.after_return = false;
                self.character(character, out);
            }
            Err(error) => {
                let Some(wrong) = error.error_len() else { return };
                let again = wrong < self.length;
                self.length = 0;
                self.after_return = false;
                self.character(char::REPLACEMENT_CHARACTER, out);
                if again {
                    self.byte(byte, out);
                }
            }
        }
    }

    fn character(&mut self, character: char, out: &mut Vec<u8>) {
        match self.state {
            State::Text | State::TextEscape => {
                self.state = if character == '\u{9c}' { State::Ground } else { State::Text };
                return;
            }
            _ => self.state = State::Ground,
        }
        match character {
            '\u{9b}' => self.state = State::Sequence,
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => self.state = State::Text,
            '\u{80}'..='\u{9f}' => {}
            // Soft hyphen, zero-width characters, marks and overrides of direction, line separators, byte order mark, tags.
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => {}
            '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => {}
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// A text, cleaned whole.
pub(super) fn clean(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut cleaner = Cleaner::default();
    cleaner.push(text.as_bytes(), &mut out);
    cleaner.finish(&mut out);
    out
}

fn after_escape(byte: u8) -> State {
    match byte {
        b'[' => State::Sequence,
        b']' | b'P' | b'X' | b'^' | b'_' => State::Text,
        0x20..=0x2f => State::Intermediate,
        _ => State::Ground,
    }
}

fn replacement(out: &mut Vec<u8>) {
    out.extend_from_slice("\u{fffd}".as_bytes());
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | b'\n' | b'\t')
}

/// How many bytes from the beginning need no second look.
fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    for part in bytes.chunks(STRIDE) {
        let all = part.iter().fold(true, |all, &byte| all & ((byte.wrapping_sub(0x20) < 0x5f) | (byte == b'\n') | (byte == b'\t')));
        if !all {
            return at + part.iter().position(|&byte| !is_plain(byte)).unwrap_or(part.len());
        }
        at += part.len();
    }
    at
}
