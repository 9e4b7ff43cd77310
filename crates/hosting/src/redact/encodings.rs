//! The forms in which one secret turns up in logs.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Longer values are looked for in pieces of this size; together they cover all of it.
pub(super) const PIECE: usize = 4096;
/// From this size on a value is a file rather than a password, and the rarer ways of quoting are left out.
const FILE: usize = 16 * 1024;

/// Which ends of a form share a base64 character with what is beside it in the encoded text.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shared {
    pub(super) before: bool,
    pub(super) after: bool,
}

/// All forms of a value, each once.
pub(super) fn forms(value: &str) -> BTreeMap<Vec<u8>, Shared> {
    let mut forms = BTreeMap::new();
    for text in quoted(value) {
        add(&mut forms, super::clean::clean(&text), Shared::default());
    }
    for lines in [value.to_owned(), value.replace("\r\n", "\n"), format!("{}\n", value.trim_end())] {
        add_base64(&mut forms, lines.as_bytes());
    }
    add(&mut forms, hex(value.as_bytes(), b"0123456789abcdef"), Shared::default());
    add(&mut forms, hex(value.as_bytes(), b"0123456789ABCDEF"), Shared::default());
    forms
}

fn add(forms: &mut BTreeMap<Vec<u8>, Shared>, form: Vec<u8>, shared: Shared) {
    if form.len() <= PIECE {
        forms.entry(form).or_insert(shared);
        return;
    }
    for start in (0..form.len() - PIECE).step_by(PIECE).chain([form.len() - PIECE]) {
        let (first, last) = (start == 0, start + PIECE == form.len());
        let shared = Shared { before: shared.before && first, after: shared.after && last };
        forms.entry(form[start..start + PIECE].to_vec()).or_insert(shared);
    }
}

/// What stays of `value` in the base64 of any text around it: the three ways it can lie in groups of three bytes, without the
/// characters it shares with its neighbours.
fn add_base64(forms: &mut BTreeMap<Vec<u8>, Shared>, value: &[u8]) {
    for offset in 0..3 {
        let padded = [&[0; 2][..offset], value].concat();
        let whole = padded.len() * 8 / 6;
        let first = [0, 2, 3][offset];
        let shared = Shared { before: offset > 0, after: padded.len() % 3 != 0 };
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let form = engine.encode(&padded)[first..whole].to_owned();
            // In a query `+`, `/` and `=` are escaped once more.
            for upper in [true, false] {
                add(forms, percent(&form, b"", upper, false).into_bytes(), shared);
            }
            add(forms, form.replace('/', "\\/").into_bytes(), shared);
            add(forms, form.into_bytes(), shared);
        }
    }
}

/// Texts that stand for `value` in some notation.
fn quoted(value: &str) -> Vec<String> {
    let unix = value.replace("\r\n", "\n");
    let mut all = vec![value.to_owned(), unix.clone()];
    for value in [value, &unix] {
        let json = json(value, Json::default());
        all.extend([true, false].map(|upper| percent(&json, b"-._~", upper, false)));
        all.extend([true, false].map(|upper| percent(&json, b"*-._", upper, true)));
        all.extend([
            self::json(&json, Json::default()),
            self::json(value, Json { slash: true, ..Json::default() }),
            self::json(value, Json { ascii: true, ..Json::default() }),
            self::json(value, Json { ascii: true, slash: true, ..Json::default() }),
            self::json(value, Json { ascii: true, upper: true, ..Json::default() }),
            self::json(value, Json { html: true, ..Json::default() }),
            json,
        ]);
        // What encoders leave as it is: RFC 3986, encodeURIComponent, HTML forms, Python's quote, encodeURI, nothing at all.
        for keep in ["-._~", "-_.!~*'()", "*-._", "-._~/", "-_.!~*'();/?:@&=+$,#"] {
            for upper in [true, false] {
                let once = percent(value, keep.as_bytes(), upper, false);
                all.push(percent(value, keep.as_bytes(), upper, true));
                all.push(percent(&once, b"-._~", upper, false));
                all.push(once);
            }
        }
        if value.len() <= FILE {
            all.extend([true, false].map(|upper| value.bytes().map(|byte| escaped(byte, upper)).collect()));
            all.push(value.replace('\'', "'\\''"));
            all.push(value.replace('\'', "'\"'\"'"));
            all.push(value.replace('\'', "''"));
            all.push(value.replace('"', "\"\""));
            all.push(value.replace('\\', "\\\\"));
            all.push(value.replace('$', "$$"));
            all.push(backslashes(value, "'\\"));
            all.push(backslashes(value, "'\\").replace('\n', "\\n").replace('\t', "\\t"));
            all.push(backslashes(value, "\"\\$`"));
            all.push(backslashes(value, "\"\\$`!"));
            all.push(backslashes(value, " !\"#$&'()*,;<=>?[\\]^`{|}~"));
            let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            for (double, single) in [("&quot;", "&#39;"), ("&quot;", "&#x27;"), ("&quot;", "&#039;"), ("&#34;", "&#39;"), ("&quot;", "'")] {
                all.push(html.replace('"', double).replace('\'', single));
            }
            all.push(html);
        }
    }
    all
}

#[derive(Default, Clone, Copy)]
struct Json {
    /// `/` as `\/`.
    slash: bool,
    /// What is not ASCII as `\u….`.
    ascii: bool,
    /// Hex digits of `\u` in capitals.
    upper: bool,
    /// `<`, `>`, `&` and `'` as `\u….`.
    html: bool,
}

fn json(value: &str, how: Json) -> String {
    let mut text = String::with_capacity(value.len() + 8);
    let unit = |unit: u16| if how.upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '/' if how.slash => text.push_str("\\/"),
            '<' | '>' | '&' | '\'' if how.html => text.push_str(&unit(c as u16)),
            _ if c.is_control() || how.ascii && !c.is_ascii() => text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|it| unit(*it))),
            _ => text.push(c),
        }
    }
    text
}

fn percent(value: &str, keep: &[u8], upper: bool, plus: bool) -> String {
    let mut text = String::with_capacity(value.len() + 8);
    for byte in value.bytes() {
        match byte {
            b' ' if plus => text.push('+'),
            _ if byte.is_ascii_alphanumeric() || keep.contains(&byte) => text.push(byte as char),
            _ => text.push_str(&escaped(byte, upper)),
        }
    }
    text
}

fn escaped(byte: u8, upper: bool) -> String {
    if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }
}

fn backslashes(value: &str, which: &str) -> String {
    let mut text = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        if which.contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn hex(bytes: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect()
}
