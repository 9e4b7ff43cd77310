//! Undoes one layer of escaping, remembering where each byte came from, so that what is found in the plain text can be hidden in
//! the escaped one.

/// A text without one layer of escapes.
pub(super) struct Plain {
    pub(super) text: Vec<u8>,
    /// For each byte of `text`, and for its end, the place in the escaped text.
    places: Vec<u32>,
}

impl Plain {
    /// Where a place of the plain text is in the escaped one.
    pub(super) fn place(&self, at: usize) -> usize {
        self.places[at] as usize
    }
}

/// `%3A` to `:`, and `+` to a space.
pub(super) fn percent(line: &[u8]) -> Plain {
    undo(line, |rest| match rest {
        [b'%', high, low, ..] => Some((hex(*high)? << 4 | hex(*low)?, 3)),
        [b'+', ..] => Some((b' ', 1)),
        _ => None,
    })
}

/// `\"`, `\u0022` and `\x22` to `"`, `\n` to a space.
pub(super) fn backslash(line: &[u8]) -> Plain {
    undo(line, |rest| match rest {
        [b'\\', b'u', b'0', b'0', high, low, ..] => Some((hex(*high)? << 4 | hex(*low)?, 6)),
        [b'\\', b'x', high, low, ..] => Some((hex(*high)? << 4 | hex(*low)?, 4)),
        [b'\\', b'n' | b'r' | b't', ..] => Some((b' ', 2)),
        [b'\\', other, ..] if other.is_ascii_punctuation() => Some((*other, 2)),
        _ => None,
    })
}

/// `'\''`, a quote within quotes of a shell, to `'`.
pub(super) fn shell(line: &[u8]) -> Plain {
    undo(line, |rest| rest.starts_with(b"'\\''").then_some((b'\'', 4)))
}

fn undo(line: &[u8], escape: impl Fn(&[u8]) -> Option<(u8, usize)>) -> Plain {
    let mut plain = Plain { text: Vec::with_capacity(line.len()), places: Vec::with_capacity(line.len() + 1) };
    let mut at = 0;
    while at < line.len() {
        let (byte, length) = escape(&line[at..]).unwrap_or((line[at], 1));
        plain.text.push(byte);
        plain.places.push(at as u32);
        at += length;
    }
    plain.places.push(line.len() as u32);
    plain
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}
