//! Names with a value: `password=…`, `"api_key": "…"`, `--token …`, `<secret>…</secret>`, `PASSWORD '…'`.
//!
//! How much a value must look like a secret depends on the name. What follows `password` is one whatever it looks like; what
//! follows `token` may be a number or a word; `key` is anything, so its value has to look random.

use super::rules::Hidden;
use super::values::{is_label, is_prose, is_sentence, is_word, stands_for_nothing};
use super::{entropy, is_placeholder, structure};

/// What may be around a value.
pub(super) const QUOTES: [u8; 3] = [b'"', b'\'', b'`'];
/// No name is longer; what is more to the left does not matter.
const LONGEST_NAME: usize = 80;

/// How sure a name makes us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Password,
    Secret,
    Token,
    Key,
}

/// Endings of names without their separators, the surest first.
const ENDINGS: &[(&str, Family)] = &[
    ("password", Family::Password),
    ("passwd", Family::Password),
    ("passphrase", Family::Password),
    ("passcode", Family::Password),
    ("passwort", Family::Password),
    ("passwordhash", Family::Password),
    ("passwordconfirmation", Family::Password),
    ("passwordconfirm", Family::Password),
    ("pwd", Family::Password),
    ("identifiedby", Family::Password),
    ("secret", Family::Secret),
    ("secrets", Family::Token),
    ("secretkey", Family::Secret),
    ("secretkeybase", Family::Secret),
    ("secretaccesskey", Family::Secret),
    ("privatekey", Family::Secret),
    ("apikey", Family::Secret),
    ("apitoken", Family::Secret),
    ("accesskey", Family::Secret),
    ("accountkey", Family::Secret),
    ("sharedaccesskey", Family::Secret),
    ("encryptionkey", Family::Secret),
    ("signingkey", Family::Secret),
    ("masterkey", Family::Secret),
    ("presharedkey", Family::Secret),
    ("authtoken", Family::Secret),
    ("accesstoken", Family::Secret),
    ("refreshtoken", Family::Secret),
    ("bearertoken", Family::Secret),
    ("securitytoken", Family::Secret),
    ("connectionstring", Family::Secret),
    ("token", Family::Token),
    ("tokens", Family::Token),
    ("session", Family::Token),
    ("sessionid", Family::Token),
    ("sid", Family::Token),
    ("jwt", Family::Token),
    ("auth", Family::Token),
    ("credential", Family::Token),
    ("credentials", Family::Token),
    ("signature", Family::Token),
    ("csrf", Family::Token),
    ("otp", Family::Secret),
    ("key", Family::Key),
];

/// What may follow the ending without changing what the name means: `DB_PASSWORD_PROD`, `api_key_v2`.
const TAILS: [&str; 14] =
    ["production", "prod", "staging", "stage", "test", "dev", "live", "old", "new", "previous", "current", "base64", "b64", "value"];

/// Names that end in `key` and are no secrets.
const OPEN_KEYS: [&str; 18] = [
    "cachekey",
    "publickey",
    "primarykey",
    "foreignkey",
    "sortkey",
    "partitionkey",
    "idempotencykey",
    "rowkey",
    "objectkey",
    "s3key",
    "i18nkey",
    "translationkey",
    "hotkey",
    "pubkey",
    "groupkey",
    "hashkey",
    "etagkey",
    "queuekey",
];

/// Looks at the name that holds the keyword at `start..end`; returns where the name is over and how far it looked.
pub(super) fn find(line: &[u8], start: usize, end: usize, hidden: &mut Vec<Hidden>) -> (usize, usize) {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let before = line[..start].iter().rev().take(LONGEST_NAME).take_while(|byte| part(**byte)).count();
    let after = line[end..].iter().take_while(|byte| part(**byte)).count();
    let (name_start, name_end) = (start - before, end + after);
    let Some(family) = family(&line[name_start..name_end]) else { return (name_end, name_end) };
    let Some(value) = assigned(line, name_start, name_end) else {
        if family != Family::Key
            && let Some((start, end)) = entropy::beside(line, name_end)
        {
            hidden.push(Hidden { start, end, kind: kind(family) });
        }
        return (name_end, name_end);
    };
    let (from, until) = extent(line, name_start, &value);
    if is_secret(line, name_start, family, &value, &line[from..until]) {
        hidden.push(Hidden { start: from, end: until, kind: kind(family) });
    }
    (name_end, until)
}

fn kind(family: Family) -> &'static str {
    match family {
        Family::Password => "password",
        Family::Secret => "secret",
        Family::Token => "token",
        Family::Key => "key",
    }
}

/// What a name says of its value.
pub(super) fn family(name: &[u8]) -> Option<Family> {
    let mut letters = [0; LONGEST_NAME * 2];
    let mut length = 0;
    let name = &name[name.len().saturating_sub(letters.len())..];
    for byte in name.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        letters[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let mut plain = &letters[..length];
    for tail in TAILS {
        plain = plain.strip_suffix(tail.as_bytes()).unwrap_or(plain);
    }
    while let [rest @ .., b'0'..=b'9'] = plain {
        plain = rest.strip_suffix(b"v").unwrap_or(rest);
    }
    if let Some((ending, family)) =
        ENDINGS.iter().filter(|(ending, _)| plain.ends_with(ending.as_bytes())).max_by_key(|(ending, _)| ending.len())
    {
        let whole = ending.len() == plain.len()
            || ending.len() > 4
            || *ending == "pwd"
            || *family == Family::Key
            || begins_part(name, ending.len());
        let open = OPEN_KEYS.iter().any(|open| plain.ends_with(open.as_bytes()));
        let shell = plain == b"pwd" || plain == b"oldpwd";
        return (whole && !(open && *family == Family::Key) && !(shell && name.first().is_some_and(u8::is_ascii_uppercase)))
            .then_some(*family);
    }
    let pass = plain.ends_with(b"pass") && (plain.len() == 4 || begins_part(name, 4));
    pass.then_some(Family::Password)
}

/// Whether the last `length` letters of a name are a word of it: `csrf_token`, `csrfToken`, not `compass`.
fn begins_part(name: &[u8], length: usize) -> bool {
    let letters = || name.iter().enumerate().rev().filter(|(_, byte)| byte.is_ascii_alphanumeric());
    let first = letters().nth(length - 1).map(|(at, _)| at);
    let Some(first) = first else { return true };
    first == 0 || !name[first - 1].is_ascii_alphanumeric() || name[first].is_ascii_uppercase() && name[first - 1].is_ascii_lowercase()
}

/// A value, and what it is assigned with.
pub(super) struct Assigned {
    pub(super) from: usize,
    pub(super) quote: Option<u8>,
    sign: Sign,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Equals,
    Comma,
    Colon,
    Tag,
    /// `(token)=(…)`, as PostgreSQL names what is there already.
    Parentheses,
    Space,
}

/// Finds where the value of the name at `start..end` begins.
pub(super) fn assigned(line: &[u8], start: usize, end: usize) -> Option<Assigned> {
    let byte = |at: usize| line.get(at).copied().unwrap_or(0);
    let skip = |at: usize| at + line[at.min(line.len())..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut at = end;
    let closed = QUOTES.contains(&byte(at)) && start > 0 && line[start - 1] == byte(at);
    if closed {
        at += 1;
    }
    if byte(at) == b']' {
        at += 1;
    }
    let spaced = skip(at);
    let (sign, behind) = match byte(spaced) {
        // `{"name": "DB_PASSWORD", "value": "…"}` and `<add key="password" value="…">`
        _ if closed && value_beside(&line[spaced..]).is_some() => (Sign::Equals, spaced + value_beside(&line[spaced..])?),
        b')' if line[spaced..].starts_with(b")=(") => (Sign::Parentheses, spaced + 3),
        b'=' | b':' => {
            let signs = line[spaced..].iter().take(3).take_while(|byte| matches!(byte, b'=' | b':' | b'>')).count();
            // `https://` and `Token::new`
            if line[spaced..].starts_with(b"://") || line[spaced..].starts_with(b"::") {
                return None;
            }
            (if byte(spaced) == b'=' || signs > 1 { Sign::Equals } else { Sign::Colon }, spaced + signs)
        }
        // `('password', '…')`; after a comma only another text in quotes is a value.
        b',' if closed && byte(end) != b'`' => (Sign::Comma, spaced + 1),
        b'>' if start > 0 && line[start - 1] == b'<' => (Sign::Tag, spaced + 1),
        // `PASSWORD '…'`, but not "pass `--flag`".
        b'"' | b'\'' if spaced > at && end - start > 4 => (Sign::Space, spaced),
        // `--db-password …`: the dashes belong to the name.
        _ if spaced > at && line[start..].starts_with(b"--") => (Sign::Space, spaced),
        _ => return None,
    };
    let mut at = skip(behind);
    // `Some("…")`, `String("…")`, `b'…'`, `[ "…"`
    let wrapper = line[at..].iter().take(12).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let opened = at + wrapper;
    if byte(opened) == b'(' && wrapper > 0 && QUOTES.contains(&byte(opened + 1)) {
        at = opened + 1;
    } else if wrapper == 1 && QUOTES.contains(&byte(opened)) || byte(at) == b'[' && QUOTES.contains(&byte(at + 1)) {
        at += 1;
    }
    if at >= line.len() {
        return None;
    }
    let quote = Some(line[at]).filter(|byte| QUOTES.contains(byte) && !matches!(sign, Sign::Tag | Sign::Parentheses));
    if sign == Sign::Comma && quote.is_none() {
        return None;
    }
    Some(Assigned { from: at + usize::from(quote.is_some()), quote, sign })
}

/// Behind a name in quotes: `, "value": ` or ` value=`; returns its length.
fn value_beside(rest: &[u8]) -> Option<usize> {
    let mut at = rest.iter().take_while(|byte| matches!(byte, b' ' | b',' | b'"' | b'\'')).count();
    if at > 6 || !rest[at..].get(..5)?.eq_ignore_ascii_case(b"value") {
        return None;
    }
    at += 5;
    if matches!(rest.get(at), Some(b'"' | b'\'')) {
        at += 1;
    }
    at += rest[at..].iter().take_while(|byte| **byte == b' ').count();
    matches!(rest.get(at), Some(b':' | b'=')).then_some(at + 1)
}

/// From where to where a value goes.
fn extent(line: &[u8], name: usize, value: &Assigned) -> (usize, usize) {
    let from = value.from;
    let until = match (value.quote, value.sign) {
        (Some(quote), _) => closing(line, from, quote),
        (None, Sign::Tag) => from + memchr::memchr(b'<', &line[from..]).unwrap_or(line.len() - from),
        (None, Sign::Parentheses) => from + memchr::memchr(b')', &line[from..]).unwrap_or(line.len() - from),
        _ if structure::in_query(line, name) => structure::end_of_parameter(line, from),
        _ => end_unquoted(line, name, value),
    };
    (from, until)
}

/// Whether a value is to be hidden.
fn is_secret(line: &[u8], name: usize, family: Family, value: &Assigned, text: &[u8]) -> bool {
    let query = structure::in_query(line, name) && value.quote.is_none();
    let nothing = text.trim_ascii().is_empty() || is_placeholder(text) || stands_for_nothing(text);
    let may_be_prose = value.quote.is_none() && matches!(value.sign, Sign::Colon | Sign::Space) && !query;
    if nothing || may_be_prose && is_prose(&line[value.from..]) {
        return false;
    }
    let words = structure::without_scheme(text).iter().any(u8::is_ascii_whitespace);
    match family {
        Family::Password => !is_label(text),
        Family::Secret => {
            let sentence = words && value.quote.is_some() && is_sentence(text);
            !sentence && !is_label(text)
        }
        _ if query => text.len() >= 6 || text.iter().any(u8::is_ascii_digit),
        Family::Token => !words && (text.len() >= 20 || text.len() >= 8 && !is_word(text)),
        Family::Key => !words && entropy::looks_random(text),
    }
}

/// Whether a line is the head of a YAML block (`password: |`) that holds a secret; returns how far the head is indented.
pub(super) fn opens_block(line: &[u8]) -> Option<usize> {
    let head = line.trim_ascii_end();
    let head = [b"|".as_slice(), b">", b"|-", b">-", b"|+", b">+"].iter().find_map(|mark| head.strip_suffix(*mark))?;
    let name = head.trim_ascii_end().strip_suffix(b":")?.trim_ascii();
    let name = name.strip_prefix(b"- ").unwrap_or(name);
    let secret = family(name).is_some() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.\"'".contains(byte));
    secret.then(|| indent(line))
}

/// How far a line is indented.
pub(super) fn indent(line: &[u8]) -> usize {
    line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Where the text in `quote`s that begins at `from` is over; at the end of the line when it is not closed.
pub(super) fn closing(line: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while at < line.len() {
        match line[at] {
            b'\\' => at += 2,
            // SQL doubles a quote that belongs to the text, a shell writes `'\''`.
            byte if byte == quote && quote == b'\'' && line.get(at + 1) == Some(&quote) && at > from => at += 2,
            byte if byte == quote && line[at + 1..].starts_with(b"\\''") => at += 4,
            byte if byte == quote => return at,
            _ => at += 1,
        }
    }
    line.len()
}

/// Where a value without quotes is over.
fn end_unquoted(line: &[u8], name: usize, value: &Assigned) -> usize {
    let from = value.from;
    let before = line[..name].trim_ascii();
    let alone = matches!(before, b"" | b"-" | b"export" | b"declare -x");
    let word = end_of_word(line, from);
    // `"PASSWORD=a b"`: the quotes are around name and value.
    let around = name.checked_sub(1).map(|at| line[at]).filter(|byte| QUOTES.contains(byte) && value.sign == Sign::Equals);
    let reach = around.map_or(line.len(), |quote| closing(line, from, quote));
    if (around.is_some() || alone && value.sign != Sign::Space) && !stands_for_nothing(&line[from..word]) && !is_label(&line[from..word]) {
        // A line of its own, as in `.env` or YAML: up to the next `name=`, or all of it.
        let rest = &line[from..reach];
        let next = (1..rest.len()).find(|&at| rest[at - 1].is_ascii_whitespace() && names_value(&rest[at..]));
        let whole = rest[..next.unwrap_or(rest.len())].trim_ascii_end();
        return from + whole.strip_suffix(b",").unwrap_or(whole).len();
    }
    word
}

/// Where a word is over: at a space, or at a mark that is followed by something else than more of the word.
pub(super) fn end_of_word(line: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < line.len() {
        let byte = line[at];
        let mark = matches!(byte, b'&' | b';' | b',' | b')' | b'}' | b']' | b'>' | b'"' | b'\'' | b'`' | b'|');
        // `${NAME}` and `f(x)` are one word.
        let opening = match byte {
            b'}' => Some(b'{'),
            b')' => Some(b'('),
            b']' => Some(b'['),
            b'>' => Some(b'<'),
            _ => None,
        };
        let inner = || opening.is_some_and(|opening| line[from..at].contains(&opening));
        if byte.is_ascii_whitespace() || mark && !inner() && ends_word(&line[at + 1..]) {
            return at;
        }
        at += 1;
    }
    at
}

fn ends_word(rest: &[u8]) -> bool {
    match rest.first() {
        None => true,
        Some(byte) => {
            byte.is_ascii_whitespace()
                || matches!(byte, b',' | b';' | b')' | b'}' | b']' | b'>' | b'"' | b'\'' | b'`' | b'|' | b'\\')
                || names_value(rest)
        }
    }
}

/// Whether `name=` or `name:` begins here.
fn names_value(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    if !rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
        return false;
    }
    let length = rest.iter().take(40).take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')).count();
    let after = rest[length..].strip_prefix(b"\"").unwrap_or(&rest[length..]);
    let after = after.trim_ascii_start();
    match after {
        [b'=', b'=', ..] => false,
        [b'=', next, ..] => !next.is_ascii_whitespace(),
        [b':', ..] => true,
        _ => false,
    }
}
