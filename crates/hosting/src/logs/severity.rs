//! How grave a line is, read from its words as web servers, PHP, Node and PostgreSQL write them. Pure.

use kit::text_enum;

text_enum!(
    /// How grave a line is. Declared from least to gravest.
    Severity {
        /// For developers.
        Debug = "debug",
        /// The usual.
        Info = "info",
        /// Odd.
        Warn = "warn",
        /// Broken.
        Error = "error",
    }
);

/// How many words from the start a level is looked for among: further on, it is what the message is about.
const WORDS: usize = 14;
/// Signs of a fault that name no level.
const FAULTS: &[&str] =
    &["uncaught", "unhandled", "traceback (most recent call last)", "panicked at", "segmentation fault", "out of memory", "core dumped"];
const METHODS: &[&str] = &["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Reads a line.
pub(super) fn severity(text: &str) -> Severity {
    // A level deep within a long line is not the line's own.
    let start = head(text, 400);
    json_level(start).or_else(|| answered(start)).or_else(|| named_level(start)).or_else(|| fault(start)).unwrap_or(Severity::Info)
}

/// Whether a line goes on with what the one before it began: a stack trace, or what PostgreSQL adds to an error.
pub(super) fn continues(text: &str) -> bool {
    let indented = text.starts_with([' ', '\t']);
    let traced = ["at ", "Caused by", "Stack trace:", "thrown in "].iter().any(|start| text.starts_with(start));
    let frame = text.strip_prefix('#').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    let closing = matches!(text.trim_end_matches([',', ';']), "}" | "]" | ")" | "})");
    indented || traced || frame || closing || adds_to_an_error(text)
}

fn adds_to_an_error(text: &str) -> bool {
    let mut words = text.split_whitespace().take(8);
    words.any(|word| matches!(word, "DETAIL:" | "HINT:" | "STATEMENT:" | "CONTEXT:" | "QUERY:"))
}

fn head(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// `"level":"error"`, or a number as Node's pino writes it.
fn json_level(text: &str) -> Option<Severity> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let value = ["\"level\"", "\"severity\"", "\"levelname\"", "\"lvl\""].iter().find_map(|key| text.split_once(key))?.1;
    let value = value.trim_start().strip_prefix(':')?.trim_start();
    match value.strip_prefix('"') {
        Some(word) => word_level(word.split('"').next()?),
        None => match value.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<u32>().ok()? {
            50.. => Some(Severity::Error),
            40..50 => Some(Severity::Warn),
            30..40 => Some(Severity::Info),
            _ => Some(Severity::Debug),
        },
    }
}

/// An access log's status: `"GET / HTTP/1.1" 500 12`, `GET / 200 0.234s`, `[404]: GET /`.
fn answered(text: &str) -> Option<Severity> {
    if let Some((_, after)) = text.split_once(" HTTP/") {
        let status = after.split_once('"')?.1;
        return by_status(status.split_whitespace().next()?);
    }
    let words: Vec<&str> = text.split_whitespace().take(10).collect();
    let method = words.iter().position(|word| METHODS.contains(word))?;
    if !words.get(method + 1)?.starts_with('/') {
        return None;
    }
    let before = method.checked_sub(1).and_then(|at| words[at].strip_prefix('[')?.strip_suffix("]:"));
    words.get(method + 2).copied().and_then(by_status).or_else(|| before.and_then(by_status))
}

fn by_status(word: &str) -> Option<Severity> {
    let digits = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    match word.as_bytes().first().filter(|_| digits)? {
        b'5' => Some(Severity::Error),
        b'4' => Some(Severity::Warn),
        b'1'..=b'3' => Some(Severity::Info),
        _ => None,
    }
}

/// The first word that is a level: in brackets, with a colon, in capitals, as `level=`, or first of the message.
fn named_level(text: &str) -> Option<Severity> {
    let mut only_time_so_far = true;
    for word in text.split_whitespace().take(WORDS) {
        if let Some((_, value)) = word.split_once("level=").or_else(|| word.split_once("severity=")).or_else(|| word.split_once("lvl=")) {
            return word_level(value.trim_matches('"')).or(Some(Severity::Info));
        }
        let bracketed = word.strip_prefix(['[', '(', '<']).and_then(|rest| rest.split([']', ')', '>']).next());
        let plain = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
        // Apache names the module too: `[php:error]`, `[core:warn]`.
        let named = bracketed.map_or(plain, |inside| inside.rsplit(':').next().unwrap_or(inside));
        let stands_out = bracketed.is_some()
            || word.ends_with(':')
            || only_time_so_far
            || (plain.len() > 2 && plain.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
        if stands_out && let Some(level) = word_level(named) {
            return Some(level);
        }
        if word.ends_with("Error:") || word.ends_with("Exception:") {
            return Some(Severity::Error);
        }
        only_time_so_far &= bracketed.is_some() || word.bytes().any(|byte| byte.is_ascii_digit()) || word == "UTC" || word == "PHP";
    }
    None
}

fn word_level(word: &str) -> Option<Severity> {
    let word = word.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_ascii_lowercase();
    match word.as_str() {
        "emerg" | "emergency" | "alert" | "crit" | "critical" | "fatal" | "panic" | "severe" | "error" | "err" => Some(Severity::Error),
        "warn" | "warning" | "wrn" => Some(Severity::Warn),
        "info" | "information" | "inf" | "notice" | "log" | "deprecated" => Some(Severity::Info),
        "debug" | "dbg" | "trace" | "verbose" => Some(Severity::Debug),
        _ => None,
    }
}

fn fault(text: &str) -> Option<Severity> {
    let text = text.to_ascii_lowercase();
    FAULTS.iter().any(|sign| text.contains(sign)).then_some(Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_usual_programs_are_as_grave_as_they_say() {
        use Severity::{Debug, Error, Info, Warn};
        for (line, expected) in [
            // Apache and nginx: errors
            ("[Sat Nov 21 13:00:00.123 2026] [php:error] [pid 17] [client 192.0.2.1:1] PHP Fatal error:  Uncaught Error: x", Error),
            ("[Sat Nov 21 13:00:00.123 2026] [core:notice] [pid 1] AH00094: Command line: 'apache2 -D FOREGROUND'", Info),
            ("[Sat Nov 21 13:00:00.123 2026] [mpm_prefork:warn] [pid 1] no room", Warn),
            ("2026/11/21 13:00:00 [error] 29#29: *1 open() \"/x\" failed (2: No such file or directory)", Error),
            ("2026/11/21 13:00:00 [emerg] 1#1: host not found", Error),
            ("2026/11/21 13:00:00 [notice] 1#1: start worker process 30", Info),
            // Apache and nginx: visits
            ("192.0.2.1 - - [21/Nov/2026:13:00:00 +0000] \"GET /error HTTP/1.1\" 200 612 \"-\" \"curl/8\"", Info),
            ("192.0.2.1 - - [21/Nov/2026:13:00:00 +0000] \"GET / HTTP/1.1\" 502 12 \"-\" \"ERROR: me\"", Error),
            ("192.0.2.1 - - [21/Nov/2026:13:00:00 +0000] \"POST /login HTTP/2.0\" 403 12 \"-\" \"-\"", Warn),
            ("GET /wp-admin/ 200 0.234s", Info),
            ("GET /boom 500 12.3 ms - 42", Error),
            ("[Sat Nov 21 13:00:00 2026] 127.0.0.1:5 [404]: GET /favicon.ico", Warn),
            // PHP
            ("PHP Notice: Undefined index: a in /x.php on line 3", Info),
            ("PHP Warning:  Undefined variable $a", Warn),
            ("PHP Fatal error:  Allowed memory size exhausted", Error),
            ("PHP Parse error: syntax error, unexpected '}'", Error),
            ("PHP Deprecated:  Function strftime() is deprecated", Info),
            // Node
            ("TypeError: Cannot read properties of undefined (reading 'a')", Error),
            ("node:internal/process/promises:288 Uncaught exception", Error),
            ("npm ERR! code ELIFECYCLE", Error),
            ("(node:1) Warning: Accessing non-existent property", Warn),
            ("(node:1) UnhandledPromiseRejectionWarning: boom", Error),
            ("{\"level\":50,\"time\":1,\"msg\":\"no\"}", Error),
            ("{\"time\":1,\"level\":30,\"msg\":\"error\"}", Info),
            ("{\"severity\": \"WARNING\", \"message\": \"slow\"}", Warn),
            ("time=1 level=error msg=\"no\"", Error),
            ("time=1 level=debug msg=\"error\"", Debug),
            // PostgreSQL
            ("2026-11-21 13:00:00.123 UTC [42] ERROR:  relation \"a\" does not exist at character 15", Error),
            ("2026-11-21 13:00:00.123 UTC [1] LOG:  database system is ready to accept connections", Info),
            ("2026-11-21 13:00:00.123 UTC [42] FATAL:  password authentication failed for user \"x\"", Error),
            ("2026-11-21 13:00:00.123 UTC [42] WARNING:  there is no transaction in progress", Warn),
            ("2026-11-21 13:00:00.123 UTC [42] LOG:  statement: select 'ERROR: no'", Info),
            ("DEBUG2:  autovacuum", Debug),
            // Others, and plain words
            ("2026-11-21T13:00:00Z  WARN web: slow answer", Warn),
            ("2026-11-21T13:00:00Z INFO no ERROR was found", Info),
            ("Error connecting to the database", Error),
            ("thread 'main' panicked at src/main.rs:3:5", Error),
            ("Traceback (most recent call last):", Error),
            ("build finished with 0 errors", Info),
            ("the errors.log is empty", Info),
            ("hello", Info),
            ("", Info),
        ] {
            assert_eq!(severity(line), expected, "{line}");
        }
    }

    #[test]
    fn traces_belong_to_the_error_above_them() {
        for line in [
            "    at Object.<anonymous> (/app/server.js:3:9)",
            "\tat java.lang.Thread.run",
            "#0 /var/www/html/index.php(3): boom()",
            "#12 {main}",
            "  thrown in /var/www/html/index.php on line 3",
            "}",
            "2026-11-21 13:00:00.123 UTC [42] STATEMENT:  select * from a",
            "HINT:  check the name",
        ] {
            assert!(continues(line), "{line}");
        }
        for line in ["GET / 200 1 ms", "Error: no", "#hashtag", "at", "2026 UTC [42] ERROR:  no"] {
            assert!(!continues(line), "{line}");
        }
    }
}
