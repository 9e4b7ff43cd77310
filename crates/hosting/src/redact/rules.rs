//! Which rules concern a line, and what they find on it.
//!
//! One automaton over all keywords goes through each line. A line without any keyword is clean, and that is nearly all of them; on
//! the others only the rules run whose keyword is there.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::providers::{self, PROVIDERS};
use super::{assignment, escapes, pem, structure};

/// A part of a line that must not be seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hidden {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: &'static str,
}

/// What a keyword calls for.
#[derive(Clone, Copy)]
enum Rule {
    Address,
    Authorization,
    Cookie,
    Name,
    Query,
    Insert,
    Pem,
    Percent,
    Backslash,
    Shell,
    Provider(usize),
}

const KEYWORDS: &[(&str, Rule)] = &[
    ("://", Rule::Address),
    ("authorization", Rule::Authorization),
    ("cookie", Rule::Cookie),
    ("pass", Rule::Name),
    ("pwd", Rule::Name),
    ("secret", Rule::Name),
    ("token", Rule::Name),
    ("key", Rule::Name),
    ("credential", Rule::Name),
    ("auth", Rule::Name),
    ("session", Rule::Name),
    ("signature", Rule::Name),
    ("jwt", Rule::Name),
    ("otp", Rule::Name),
    ("sid", Rule::Name),
    ("csrf", Rule::Name),
    ("connectionstring", Rule::Name),
    ("connection_string", Rule::Name),
    ("identified by", Rule::Name),
    ("?code=", Rule::Query),
    ("&code=", Rule::Query),
    ("?sig=", Rule::Query),
    ("&sig=", Rule::Query),
    ("?key=", Rule::Query),
    ("&key=", Rule::Query),
    ("?hash=", Rule::Query),
    ("&hash=", Rule::Query),
    ("?ticket=", Rule::Query),
    ("&ticket=", Rule::Query),
    ("insert into", Rule::Insert),
    ("-----BEGIN", Rule::Pem),
    ("%3d", Rule::Percent),
    ("%3a", Rule::Percent),
    ("%22", Rule::Percent),
    ("%26", Rule::Percent),
    ("\\\"", Rule::Backslash),
    ("\\u00", Rule::Backslash),
    ("\\x22", Rule::Backslash),
    ("\\x0a", Rule::Backslash),
    (":\\/\\/", Rule::Backslash),
    ("'\\''", Rule::Shell),
];

/// So many layers of escapes are undone.
const LAYERS: u8 = 3;

/// So many times the length of a line may be looked at before the rest of it is hidden instead…
const EFFORT: usize = 32;
/// …and so many bytes of a short one.
const LEAST_EFFORT: usize = 4096;

struct Rules {
    keywords: AhoCorasick,
    /// What each keyword calls for, and the keyword itself where its capitals matter.
    rules: Vec<(Rule, Option<&'static [u8]>)>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let of_providers =
        PROVIDERS.iter().enumerate().flat_map(|(at, provider)| provider.keywords.iter().map(move |it| (*it, Rule::Provider(at))));
    let all: Vec<(&'static str, Rule)> = KEYWORDS.iter().copied().chain(of_providers).collect();
    let keywords = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        // The fastest kind; for these few short words it is small.
        .kind(Some(AhoCorasickKind::DFA))
        .build(all.iter().map(|(keyword, _)| keyword))
        .expect("the keywords are few");
    let with_capitals = |keyword: &'static str| keyword.bytes().any(|byte| byte.is_ascii_uppercase()).then_some(keyword.as_bytes());
    Rules { keywords, rules: all.iter().map(|&(keyword, rule)| (rule, with_capitals(keyword))).collect() }
});

/// Whether any rule concerns the line.
pub(super) fn concern(line: &[u8]) -> bool {
    RULES.keywords.is_match(line)
}

/// Appends what is to be hidden, in any order; parts may overlap.
pub(super) fn find(line: &[u8], hidden: &mut Vec<Hidden>) {
    layer(line, LAYERS, hidden);
}

fn layer(line: &[u8], layers: u8, hidden: &mut Vec<Hidden>) {
    let mut providers = [0_u64; PROVIDERS.len().div_ceil(64)];
    let (mut percent, mut backslash, mut shell, mut armour) = (false, false, false, false);
    // Several keywords lie in one name ("secret_key"); it is looked at once. What is hidden already needs no second look.
    let mut names_until = 0;
    let first = hidden.len();
    // A line made for it could have each of thousands of names look at all of the rest.
    let mut effort = EFFORT * line.len() + LEAST_EFFORT;
    for found in RULES.keywords.find_overlapping_iter(line) {
        let (start, end) = (found.start(), found.end());
        let (rule, exact) = RULES.rules[found.pattern().as_usize()];
        if exact.is_some_and(|exact| &line[start..end] != exact) {
            continue;
        }
        let is_hidden = || hidden[first..].last().is_some_and(|last| last.start <= start && end <= last.end);
        let looked = match rule {
            Rule::Pem => {
                armour = true;
                continue;
            }
            Rule::Percent => {
                percent = true;
                continue;
            }
            Rule::Backslash => {
                backslash = true;
                continue;
            }
            Rule::Shell => {
                shell = true;
                continue;
            }
            Rule::Provider(at) => {
                providers[at / 64] |= 1 << (at % 64);
                continue;
            }
            _ if is_hidden() => continue,
            Rule::Address => structure::address(line, start, hidden),
            Rule::Authorization => structure::authorization(line, start, end, hidden),
            Rule::Cookie => structure::cookie(line, start, end, hidden),
            Rule::Query => structure::query(line, end, hidden),
            Rule::Insert => structure::insert(line, end, hidden),
            Rule::Name if end <= names_until => continue,
            Rule::Name => {
                let (name_end, looked) = assignment::find(line, start, end, hidden);
                names_until = name_end;
                looked
            }
        };
        effort = effort.saturating_sub(looked.saturating_sub(start));
        if effort == 0 {
            hidden.push(Hidden { start, end: line.len(), kind: "undecided" });
            break;
        }
    }
    if armour {
        pem::find(line, hidden);
    }
    for (block, bits) in providers.into_iter().enumerate() {
        let mut bits = bits;
        while bits != 0 {
            providers::find(block * 64 + bits.trailing_zeros() as usize, line, hidden);
            bits &= bits - 1;
        }
    }
    if layers > 0 {
        let plain =
            [percent.then(|| escapes::percent(line)), backslash.then(|| escapes::backslash(line)), shell.then(|| escapes::shell(line))];
        for plain in plain.into_iter().flatten() {
            if plain.text.len() == line.len() {
                continue;
            }
            let first = hidden.len();
            layer(&plain.text, layers - 1, hidden);
            for it in &mut hidden[first..] {
                (it.start, it.end) = (plain.place(it.start), plain.place(it.end));
            }
        }
    }
}

/// Whether a word can begin at `at`: nothing of a longer word is before it, unless that is an escape such as `%3D` or `\n`.
pub(super) fn begins_word(line: &[u8], at: usize) -> bool {
    let before = &line[..at];
    match before {
        [] => true,
        [.., last] if !last.is_ascii_alphanumeric() => true,
        [.., b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'\\', b'u', b'0', b'0', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    }
}
