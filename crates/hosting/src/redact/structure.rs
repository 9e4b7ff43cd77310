//! Secrets by their place in a line: the user part of an address, headers of authorization and cookies, parameters of a query.

use super::assignment::{self, QUOTES};
use super::rules::{self, Hidden};
use super::{entropy, is_placeholder, values};

/// `scheme://user:password@host`; `at` is where `://` is. The user stays when it looks like a name.
pub(super) fn address(line: &[u8], at: usize, hidden: &mut Vec<Hidden>) -> usize {
    let start = at + 3;
    let rest = &line[start..];
    let length = rest.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'<' | b'>' | b'`')).unwrap_or(rest.len());
    let reach = &rest[..length];
    let Some(user) = user_part(reach) else { return start + length };
    let colon = memchr::memchr(b':', user);
    let name = &user[..colon.unwrap_or(user.len())];
    let plain_name = name.len() <= 40 && !entropy::looks_random(name) && (colon.is_some() || name.len() < 20);
    let from = match colon {
        // `https://token:x-oauth-basic@host` and `https://token@host`
        _ if !plain_name || user.ends_with(b":x-oauth-basic") || user.ends_with(b":") => 0,
        Some(colon) => colon + 1,
        None => return start + length,
    };
    let secret = &user[from..];
    if !secret.is_empty() && !is_placeholder(secret) && !values::stands_for_nothing(secret) {
        hidden.push(Hidden { start: start + from, end: start + user.len(), kind: "url-password" });
    }
    start + length
}

/// What is before the `@` of an address, if that is a user and not part of a path.
fn user_part(reach: &[u8]) -> Option<&[u8]> {
    let authority = reach.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(reach.len());
    let authority = &reach[..authority];
    let colon = memchr::memchr(b':', authority);
    let sign = memchr::memchr(b'@', authority);
    let with_password = match (colon, sign) {
        (Some(colon), Some(sign)) => colon < sign,
        // No `@` before the first slash: a password with a slash in it, or a path like `/@scope` behind a host and its port.
        (Some(colon), None) => {
            let port = &authority[colon + 1..];
            port.is_empty() || port.len() > 5 || !port.iter().all(u8::is_ascii_digit)
        }
        (None, _) => false,
    };
    // Passwords hold `@` and `/` unescaped often enough: the last `@` counts, even where that hides some of a path.
    let sign = if with_password { memchr::memrchr(b'@', reach) } else { memchr::memrchr(b'@', authority) };
    sign.map(|sign| &reach[..sign])
}

/// Schemes whose credentials are one word.
const SCHEMES: [&[u8]; 8] = [b"bearer", b"basic", b"token", b"apikey", b"negotiate", b"key", b"ssws", b"bot"];

/// `Authorization: Bearer …`, as header, in JSON, in a list of Ruby or Python.
pub(super) fn authorization(line: &[u8], start: usize, end: usize, hidden: &mut Vec<Hidden>) -> usize {
    let Some(value) = header_value(line, start, end) else { return end };
    let Value { mut from, until, quoted } = value;
    let looked = until;
    let word_end = |from: usize| from + line[from..until].iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(until - from);
    let first = word_end(from);
    let mut until = until;
    if SCHEMES.iter().any(|scheme| line[from..first].eq_ignore_ascii_case(scheme)) {
        from = first + line[first..until].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if !quoted {
            until = assignment::end_of_word(line, from).min(until);
        }
    } else if first == until && !quoted {
        until = assignment::end_of_word(line, from).min(until);
    } else if values::is_prose(&line[from..until]) {
        return looked;
    }
    hide(line, from, until, "authorization", hidden);
    looked
}

/// `Cookie: …` and `Set-Cookie: …`, all of it.
pub(super) fn cookie(line: &[u8], start: usize, end: usize, hidden: &mut Vec<Hidden>) -> usize {
    let Some(Value { from, until, .. }) = header_value(line, start, end) else { return end };
    if !values::is_prose(&line[from..until]) {
        hide(line, from, until, "cookie", hidden);
    }
    until
}

struct Value {
    from: usize,
    until: usize,
    quoted: bool,
}

/// The value of a header whose name holds what is at `start..end`.
fn header_value(line: &[u8], start: usize, end: usize) -> Option<Value> {
    let name = start - line[..start].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
    let quote_before = name.checked_sub(1).map(|at| line[at]).filter(|byte| QUOTES.contains(byte));
    let assigned = assignment::assigned(line, name, end)?;
    if let Some(quote) = assigned.quote {
        return Some(Value { from: assigned.from, until: assignment::closing(line, assigned.from, quote), quoted: true });
    }
    // `-H 'Cookie: a=b'`: the quote is around name and value.
    let until = quote_before.and_then(|quote| line[assigned.from..].iter().position(|byte| *byte == quote));
    let quoted = until.is_some();
    let until = until.map_or(line.len(), |length| assigned.from + length);
    Some(Value { from: assigned.from, until, quoted })
}

/// A parameter of a query whose name alone says little: `key`, `code`, `sig`. `from` is where its value begins.
pub(super) fn query(line: &[u8], from: usize, hidden: &mut Vec<Hidden>) -> usize {
    let until = end_of_parameter(line, from);
    if until - from >= 6 {
        hide(line, from, until, "query", hidden);
    }
    until
}

/// Where the value of a parameter is over.
pub(super) fn end_of_parameter(line: &[u8], from: usize) -> usize {
    let over = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'&' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\');
    line[from..].iter().position(over).map_or(line.len(), |length| from + length)
}

fn hide(line: &[u8], from: usize, until: usize, kind: &'static str, hidden: &mut Vec<Hidden>) {
    let value = line[from..until].trim_ascii();
    if !value.is_empty() && !is_placeholder(value) && !values::stands_for_nothing(value) {
        hidden.push(Hidden { start: from, end: from + line[from..until].trim_ascii_end().len(), kind });
    }
}

/// A value without the scheme before it, as in `Bearer …`.
pub(super) fn without_scheme(value: &[u8]) -> &[u8] {
    let space = memchr::memchr(b' ', value).filter(|space| SCHEMES.iter().any(|scheme| value[..*space].eq_ignore_ascii_case(scheme)));
    space.map_or(value, |space| &value[space + 1..])
}

/// `insert into member (name, password) values ('ada', '…')`: all literals, since which is which takes a parser.
pub(super) fn insert(line: &[u8], from: usize, hidden: &mut Vec<Hidden>) -> usize {
    let statement = &line[from..];
    let open = memchr::memchr(b'(', statement);
    let Some(columns) = open.and_then(|open| statement[open..].split(|byte| *byte == b')').next()) else { return line.len() };
    let names = columns.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let secret = names.into_iter().any(|name| assignment::family(name).is_some_and(|family| family != assignment::Family::Key));
    let mut at = from + open.unwrap_or(0) + columns.len();
    if !secret {
        return line.len();
    }
    loop {
        let Some(quote) = memchr::memchr(b'\'', &line[at..]) else { return line.len() };
        let start = at + quote + 1;
        let end = assignment::closing(line, start, b'\'');
        hide(line, start, end, "sql-value", hidden);
        at = line.len().min(end + 1);
    }
}

/// Whether the name at `start` is a parameter of a query.
pub(super) fn in_query(line: &[u8], start: usize) -> bool {
    start > 0 && matches!(line[start - 1], b'?' | b'&') && rules::begins_word(line, start)
}
