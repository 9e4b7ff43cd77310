//! Private keys in PEM armour, on one line or over several.

use super::rules::Hidden;

const BEGIN: &[u8] = b"-----BEGIN";
const END: &[u8] = b"-----END";
/// No label is longer; without its closing dashes by then it is cut short.
const LONGEST_LABEL: usize = 64;

/// Whether a line can belong to a key's body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// A long run of base64, maybe behind a log's prefix.
    Certain,
    /// A short run, a header or nothing.
    Possible,
    Impossible,
}

/// Hides each private key on a line; one without an end to the line's end.
pub(super) fn find(line: &[u8], hidden: &mut Vec<Hidden>) {
    let mut at = 0;
    while let Some((start, after)) = next_private(line, at) {
        let end = end(&line[after..]).map_or(line.len(), |end| after + end);
        hidden.push(Hidden { start, end, kind: "private-key" });
        at = end;
    }
}

/// Whether a private key begins on a line and does not end on it.
pub(super) fn open(line: &[u8]) -> bool {
    let mut at = 0;
    while let Some((_, after)) = next_private(line, at) {
        match end(&line[after..]) {
            Some(end) => at = after + end,
            None => return true,
        }
    }
    false
}

/// Where the first armour's end on a line is over.
pub(super) fn end(line: &[u8]) -> Option<usize> {
    let start = memchr::memmem::find(line, END)?;
    let after = start + END.len();
    let reach = &line[after..line.len().min(after + LONGEST_LABEL)];
    Some(memchr::memmem::find(reach, b"-----").map_or(line.len(), |dashes| after + dashes + 5))
}

pub(super) fn body(line: &[u8]) -> Body {
    let line = line.trim_ascii();
    let word = line.rsplit(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    let word = word.strip_suffix(b",").unwrap_or(word);
    let word = word.strip_prefix(b"\"").or(word.strip_prefix(b"'")).unwrap_or(word);
    let word = word.strip_suffix(b"\\n").unwrap_or(word);
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let all = word.iter().all(base64);
    let mixed = word.iter().any(u8::is_ascii_uppercase) && word.iter().any(u8::is_ascii_lowercase) && word.iter().any(u8::is_ascii_digit);
    let headers: [&[u8]; 4] = [b"Proc-Type:", b"DEK-Info:", b"Version:", b"Comment:"];
    if all && word.len() >= 48 && mixed {
        Body::Certain
    } else if line.is_empty() || all && word.len() == line.len() || headers.iter().any(|header| line.starts_with(header)) {
        Body::Possible
    } else {
        Body::Impossible
    }
}

/// The next armour's beginning that is not of something public: where it begins and where its label is over.
fn next_private(line: &[u8], mut at: usize) -> Option<(usize, usize)> {
    loop {
        let start = at + memchr::memmem::find(&line[at..], BEGIN)?;
        let label = start + BEGIN.len();
        let reach = &line[label..line.len().min(label + LONGEST_LABEL)];
        let closing = memchr::memmem::find(reach, b"-----");
        let name = &reach[..closing.unwrap_or(reach.len())];
        let public: [&[u8]; 6] = [b"CERTIFICATE", b"PUBLIC", b"PARAMETERS", b"X509", b"SIGNATURE", b"PKCS7"];
        let is_public = closing.is_some() && public.iter().any(|word| memchr::memmem::find(name, word).is_some());
        if !is_public {
            return Some((start, closing.map_or(label, |dashes| label + dashes + 5)));
        }
        at = label;
    }
}
