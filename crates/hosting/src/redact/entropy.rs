//! Whether a word looks as if a machine had drawn it.

/// Shannon entropy in bits a byte.
fn entropy(word: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in word {
        counts[usize::from(byte)] += 1;
    }
    let length = word.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|&count| f64::from(count) / length).map(|share| -share * share.log2()).sum()
}

/// Long, drawn from many characters, and changing between letters and digits more often than names do.
pub(super) fn looks_random(word: &[u8]) -> bool {
    if word.len() < 16 || is_uuid(word) {
        return false;
    }
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 1,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 0,
    };
    let count = |wanted| word.iter().filter(|byte| class(**byte) == wanted).count();
    let (digits, lower, upper) = (count(1), count(2), count(3));
    if digits + lower + upper < word.len() * 4 / 5 || lower + upper == 0 {
        return false;
    }
    let changes = word.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    let hex = word.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
        || word.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F'));
    if hex {
        return word.len() >= 32 && digits >= 2 && entropy(word) >= 2.8;
    }
    let mixed = digits >= 2 || lower.min(upper) >= 6;
    mixed && changes * 5 >= word.len() && entropy(word) >= if word.len() < 20 { 3.3 } else { 3.6 }
}

/// `8-4-4-4-12` hex digits.
pub(super) fn is_uuid(word: &[u8]) -> bool {
    word.len() == 36
        && word.iter().enumerate().all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// So far behind a keyword a random word still belongs to it.
const REACH: usize = 40;
/// Words that say that what follows names content, not a secret.
const CONTENT: [&[u8]; 10] = [b"commit", b"sha", b"digest", b"revision", b"etag", b"image", b"md5", b"checksum", b"build", b"hash"];

/// The first random word soon after a keyword that ends at `from`: `using api key 4f…`.
pub(super) fn beside(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let within = line.len().min(from + REACH);
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-' | b'.' | b'~');
    let mut at = from;
    while at < line.len() && part(line[at]) {
        at += 1;
    }
    while at < within {
        if !part(line[at]) {
            at += 1;
            continue;
        }
        let end = line[at..].iter().position(|byte| !part(*byte)).map_or(line.len(), |length| at + length);
        let word = &line[at..end];
        let content = || {
            let between = line[from..at].to_ascii_lowercase();
            CONTENT.iter().any(|name| memchr::memmem::find(&between, name).is_some())
        };
        let trimmed = word.strip_suffix(b".").unwrap_or(word);
        let path = word[0] == b'/' || trimmed.contains(&b'.') && !trimmed.contains(&b'=') && trimmed.len() < 24;
        if !path && looks_random(trimmed) && !content() {
            return Some((at, end));
        }
        at = end;
    }
    None
}
