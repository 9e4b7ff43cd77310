//! What a value looks like: prose, a stand-in, a label, a word. None of these is a secret.

/// Words with which a sentence goes on after "password:".
const PROSE: &[&str] = &[
    "a",
    "all",
    "already",
    "an",
    "and",
    "are",
    "as",
    "at",
    "be",
    "but",
    "by",
    "can",
    "cannot",
    "changed",
    "check",
    "contains",
    "correct",
    "could",
    "did",
    "disabled",
    "do",
    "does",
    "doesn't",
    "enter",
    "expired",
    "failed",
    "field",
    "for",
    "from",
    "has",
    "have",
    "if",
    "in",
    "incorrect",
    "invalid",
    "is",
    "it",
    "its",
    "length",
    "loaded",
    "may",
    "mismatch",
    "missing",
    "must",
    "needs",
    "no",
    "not",
    "of",
    "on",
    "only",
    "or",
    "please",
    "read",
    "refreshed",
    "required",
    "requires",
    "reset",
    "revoked",
    "see",
    "sent",
    "should",
    "the",
    "this",
    "to",
    "too",
    "unexpected",
    "unknown",
    "updated",
    "use",
    "user",
    "using",
    "value",
    "was",
    "we",
    "were",
    "will",
    "with",
    "wrong",
    "you",
    "your",
];

/// Whether a text is a sentence that goes on after a colon.
pub(super) fn is_prose(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let word = text.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    let more = word.len() < text.len();
    let word = word.strip_suffix(b",").or(word.strip_suffix(b".")).unwrap_or(word);
    let Ok(word) = std::str::from_utf8(word) else { return false };
    let word = word.to_ascii_lowercase();
    PROSE.contains(&word.as_str()) && (more || word.len() > 4)
}

/// Values that stand for another or for none.
pub(super) fn stands_for_nothing(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let text = text.trim().trim_end_matches([',', ';']);
    const NOTHING: [&str; 30] = [
        "",
        "-",
        "?",
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "yes",
        "no",
        "on",
        "off",
        "{",
        "[",
        "(",
        "{}",
        "[]",
        "|",
        ">",
        "|-",
        ">-",
        "string",
        "str",
        "string;",
        "text",
        "[object",
        "[object Object]",
        "n/a",
        "NaN",
    ];
    if NOTHING.iter().any(|nothing| text.eq_ignore_ascii_case(nothing))
        || text.chars().all(|c| matches!(c, '*' | '•' | '.'))
        || text.len() > 2 && text.chars().all(|c| matches!(c, 'x' | 'X' | '#'))
    {
        return true;
    }
    let inside = |open: &str, close: &str| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | ' ' | '.'));
    if inside("${", "}")
        .or(inside("{{", "}}"))
        .or(inside("%(", ")s"))
        .or(inside("<", ">"))
        .or(inside("[", "]"))
        .is_some_and(|it| name(it.trim()))
    {
        return true;
    }
    let constant =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c == '_') || text.len() == 1 && text < ":";
    if text.strip_prefix('$').is_some_and(constant) || matches!(text, "%s" | "%v" | "%q" | "{:?}") {
        return true;
    }
    const SOURCES: [&str; 7] = ["process.env.", "os.environ", "os.getenv(", "getenv(", "env(", "req.body.", "config."];
    SOURCES.iter().any(|source| text.starts_with(source))
}

/// Whether a text is the name of a field in some language: letters and spaces around a word for "password".
pub(super) fn is_label(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let text = text.to_lowercase();
    const WORDS: [&str; 14] = [
        "passwor",
        "mot de passe",
        "contraseña",
        "kennwort",
        "senha",
        "wachtwoord",
        "lösenord",
        "hasło",
        "heslo",
        "парол",
        "密码",
        "パスワード",
        "secret",
        "api key",
    ];
    text.chars().all(|c| c.is_alphabetic() || " .,:!?'’-".contains(c)) && WORDS.iter().any(|word| text.contains(word))
}

/// Several words, and nothing but words.
pub(super) fn is_sentence(text: &[u8]) -> bool {
    let words = || text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    words().count() >= 3 && words().all(|word| word.iter().all(|byte| byte.is_ascii_alphabetic() || b".,:;!?'-/()".contains(byte)))
}

/// A plain word or number in the way of `expired`, `guest_user` or `1024`.
pub(super) fn is_word(text: &[u8]) -> bool {
    let letters = text.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/'));
    let capitals = text.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    let title = text[0].is_ascii_uppercase() && text[1..].iter().all(u8::is_ascii_lowercase);
    let number = text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':' | b'T' | b'Z'));
    letters || capitals || title || number
}
