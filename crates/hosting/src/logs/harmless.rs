//! Text that may come from anyone, made harmless to look at: no terminal sequences, no control characters, nothing invisible,
//! nothing that turns the direction of writing. Pure.

/// A run of unprintable characters longer than this is counted instead of shown.
const SHOWN_RUN: usize = 8;
/// Accents that may be stacked on one letter; more of them reach into the lines above and below.
const ACCENTS: usize = 3;
/// How far the end of a terminal sequence is looked for.
const SEQUENCE: usize = 4096;

/// A line without what is dangerous to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Harmless {
    /// The readable characters alone: what secrets are looked for in, because a zero-width space within a password would hide it.
    pub bare: String,
    /// The same with a visible mark for each character that is not readable; none when there was no such character.
    pub marked: Option<String>,
}

/// Reads a line as UTF-8 as far as it is, without terminal sequences.
pub(super) fn harmless(line: &[u8]) -> Harmless {
    if line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        // Just checked to be ASCII, so nothing is replaced.
        return Harmless { bare: String::from_utf8_lossy(line).trim_end().to_owned(), marked: None };
    }
    let text = String::from_utf8_lossy(line);
    let mut rest = text.trim_end_matches(['\r', '\n']);
    let (mut bare, mut marked) = (String::with_capacity(rest.len()), String::with_capacity(rest.len()));
    let (mut run, mut accents, mut has_marks) = (Vec::new(), 0, false);
    while let Some(first) = rest.chars().next() {
        if let Some(length) = terminal_sequence(rest) {
            rest = &rest[length..];
            continue;
        }
        rest = &rest[first.len_utf8()..];
        match kind(first) {
            Kind::Readable => {
                mark(&mut marked, &mut run);
                accents = 0;
                bare.push(first);
                marked.push(first);
            }
            Kind::Accent => {
                accents += 1;
                if accents <= ACCENTS {
                    mark(&mut marked, &mut run);
                    bare.push(first);
                    marked.push(first);
                }
            }
            Kind::Unreadable => {
                has_marks = true;
                run.push(first);
            }
            Kind::Nothing => {}
        }
    }
    mark(&mut marked, &mut run);
    bare.truncate(bare.trim_end().len());
    Harmless { bare, marked: has_marks.then(|| marked.trim_end().to_owned()) }
}

/// Writes down what was unreadable, and forgets it.
fn mark(marked: &mut String, run: &mut Vec<char>) {
    match run.as_slice() {
        [] => {}
        [.., _] if run.len() > SHOWN_RUN => marked.push_str(&format!("⟨{} unprintable characters⟩", run.len())),
        few => few.iter().for_each(|one| marked.push_str(&visible(*one))),
    }
    run.clear();
}

/// What stands for an unreadable character.
fn visible(character: char) -> String {
    // Unicode has pictures of control characters, but many fonts do not.
    match u32::from(character) {
        0x00 => "⟨NUL⟩".to_owned(),
        0x07 => "⟨BEL⟩".to_owned(),
        0x08 => "⟨BS⟩".to_owned(),
        0x0b => "⟨VT⟩".to_owned(),
        0x0c => "⟨FF⟩".to_owned(),
        0x0d => "⟨CR⟩".to_owned(),
        0x1b => "⟨ESC⟩".to_owned(),
        0x7f => "⟨DEL⟩".to_owned(),
        0xfffd => "�".to_owned(),
        code => format!("⟨U+{code:04X}⟩"),
    }
}

enum Kind {
    Readable,
    /// Stands on the letter before it.
    Accent,
    /// Control, invisible, turns the direction of writing, or was no UTF-8.
    Unreadable,
    /// Says only how the character before it is drawn.
    Nothing,
}

fn kind(character: char) -> Kind {
    match u32::from(character) {
        0x09 | 0x20..=0x7e => Kind::Readable,
        0x00..=0x1f | 0x7f..=0x9f => Kind::Unreadable,
        0xfe00..=0xfe0f => Kind::Nothing,
        0x0300..=0x034e | 0x0350..=0x036f | 0x0483..=0x0489 | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f => {
            Kind::Accent
        }
        // Soft hyphen, joiners, spaces of no width, marks and overrides of direction, separators of lines, fillers, tags.
        0x00ad | 0x034f | 0x061c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e => {
            Kind::Unreadable
        }
        0x2060..=0x206f | 0x3164 | 0xfeff | 0xffa0 | 0xfff0..=0xfffd | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff => Kind::Unreadable,
        _ => Kind::Readable,
    }
}

/// Length in bytes of the terminal sequence that `text` begins with; none when it begins with something else.
///
/// What looks like one but has no end is left to be read, without its first character: nothing can hide what follows it.
fn terminal_sequence(text: &str) -> Option<usize> {
    let mut letters = text.char_indices();
    let (_, first) = letters.next()?;
    let (opener, start) = match first {
        '\u{1b}' => {
            let (at, second) = letters.next()?;
            (second, at + second.len_utf8())
        }
        '\u{9b}' => ('[', first.len_utf8()),
        '\u{9d}' | '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => (']', first.len_utf8()),
        _ => return None,
    };
    match opener {
        '[' => {
            let parameters = text[start..].find(|letter| !matches!(letter, ' '..='?')).unwrap_or(text.len() - start);
            let end = text[start + parameters..].chars().next().filter(|last| matches!(last, '@'..='~') && parameters <= SEQUENCE);
            Some(end.map_or(start, |_| start + parameters + 1))
        }
        ']' | 'P' | 'X' | '^' | '_' => Some(string_end(&text[start..]).map_or(start, |length| start + length)),
        // Character sets and the like: intermediate letters, then one final letter.
        ' '..='/' => {
            let between = text[start..].find(|letter| !matches!(letter, ' '..='/')).unwrap_or(0);
            let last = text[start + between..].chars().next().filter(|last| matches!(last, '0'..='~'));
            Some(last.map_or(start, |_| start + between + 1))
        }
        '0'..='~' => Some(start),
        _ => None,
    }
}

/// Length of a terminal's string argument with what ends it: BEL, or ESC and a backslash.
fn string_end(text: &str) -> Option<usize> {
    let end = text.find(['\u{7}', '\u{1b}', '\u{9c}']).filter(|end| *end <= SEQUENCE)?;
    match text[end..].chars().next()? {
        '\u{1b}' => text[end..].starts_with("\u{1b}\\").then_some(end + 2),
        last => Some(end + last.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: impl AsRef<[u8]>) -> String {
        let clean = harmless(line.as_ref());
        clean.marked.unwrap_or(clean.bare)
    }

    #[test]
    fn terminal_sequences_are_gone_and_hide_nothing() {
        for (line, expected) in [
            ("\u{1b}[31merror\u{1b}[0m: no", "error: no"),
            ("\u{1b}[38;5;196;1mred\u{1b}[K", "red"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            ("a\u{1b}]8;;https://evil.test\u{1b}\\link\u{1b}]8;;\u{1b}\\b", "alinkb"),
            ("a\u{1b}Pdata\u{1b}\\b\u{1b}(Bc\u{1b}7d\u{1b}c", "abcd"),
            ("a\u{9b}31mb\u{9d}title\u{9c}c", "abc"),
            ("a\u{1b}]0;no end, so this is read", "a0;no end, so this is read"),
            ("a\u{1b}[12;", "a12;"),
            ("a\u{1b}", "a⟨ESC⟩"),
            ("a\u{1b}\u{1b}[0mb", "a⟨ESC⟩b"),
            ("\u{1b}[2J\u{1b}[1;1Hroot@host", "root@host"),
        ] {
            assert_eq!(shown(line), expected, "{line:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_marked_and_left_out_of_the_search_for_secrets() {
        let clean = harmless("pass\u{200b}word\u{202e}=\u{0}x".as_bytes());
        assert_eq!(clean.bare, "password=x");
        assert_eq!(clean.marked.as_deref(), Some("pass⟨U+200B⟩word⟨U+202E⟩=⟨NUL⟩x"));
        assert_eq!(shown("10 %\r20 %\r\n"), "10 %⟨CR⟩20 %");
        assert_eq!(shown("a\u{2028}b\u{85}c\u{b}d"), "a⟨U+2028⟩b⟨U+0085⟩c⟨VT⟩d");
        assert_eq!(shown("\u{feff}tag\u{e0041}"), "⟨U+FEFF⟩tag⟨U+E0041⟩");
        assert_eq!(shown("a\u{fe0f}\tb  "), "a\tb");
    }

    #[test]
    fn what_is_no_text_is_counted() {
        assert_eq!(shown(b"caf\xe9 ok"), "caf� ok");
        assert_eq!(shown([0_u8; 4096]), "⟨4096 unprintable characters⟩");
        assert_eq!(shown([b"PNG".as_slice(), &[0x80; 40], b"end"].concat()), "PNG⟨40 unprintable characters⟩end");
        assert_eq!(shown(format!("e{}x", "\u{301}".repeat(500))), "e\u{301}\u{301}\u{301}x");
    }

    #[test]
    fn languages_and_pictures_stay_as_they_are() {
        for line in ["Größe: 12 µm – «naïve»", "名前 🌱 안녕 مرحبا", "{\"a\":\t[1, 2]}"] {
            let clean = harmless(line.as_bytes());
            assert_eq!((clean.bare.as_str(), clean.marked), (line, None));
        }
    }

    /// Every pair of a sequence's beginnings with every character that matters: none of what is dangerous comes through.
    #[test]
    fn nothing_dangerous_is_left_of_any_combination() {
        let parts = [
            "\u{1b}", "\u{9b}", "\u{9d}", "[", "]", "31", "m", ";", "\u{7}", "\\", "\u{1b}\\", "P", "(", "\u{202e}", "\u{200d}", "\r", "x",
            "é", "\u{0}",
        ];
        let mut seen = 0;
        for a in parts {
            for b in parts {
                for c in parts {
                    for d in parts {
                        let line = [a, b, c, d, "end"].concat();
                        let clean = harmless(line.as_bytes());
                        let shown = clean.marked.as_deref().unwrap_or(&clean.bare);
                        for text in [shown, &clean.bare] {
                            assert!(
                                !text.chars().any(|letter| letter.is_control() || ('\u{200b}'..='\u{202e}').contains(&letter)),
                                "{line:?}: {text:?}"
                            );
                        }
                        assert!(clean.bare.ends_with("nd"), "{line:?} hides what follows it: {clean:?}");
                        seen += 1;
                    }
                }
            }
        }
        assert_eq!(seen, 19_usize.pow(4));
    }
}
