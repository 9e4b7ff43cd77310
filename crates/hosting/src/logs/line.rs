//! From a line as it was written to one that may be shown: harmless, without secrets, cut to a length, with its severity. Pure.

use kit::Timestamp;

use super::harmless::harmless;
use super::read::{Raw, Source};
use super::severity::{Severity, continues, severity};

/// Bytes that are shown of a line.
const SHOWN: usize = 4 * 1024;
/// Of a line whose end is missing, this much before the cut is not shown: it may hold the first half of a secret.
const MARGIN: usize = 8 * 1024;
/// Lines that a stack trace may have.
const LONGEST_ENTRY: usize = 100;
/// Lines that a key in PEM form may have.
const LONGEST_KEY: usize = 200;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
/// What stands for a key whose beginning or end is missing.
const KEY: &str = "[redacted:private-key]";

/// One line that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub at: Timestamp,
    /// The same to the nanosecond, as RFC 3339.
    pub stamp: String,
    /// By which service.
    pub service: String,
    /// How grave it is.
    pub severity: Severity,
    /// The words.
    pub text: String,
}

/// What belongs together: a line, and the trace below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub lines: Vec<Line>,
    source: Source,
}

impl Entry {
    pub fn stamp(&self) -> &str {
        self.lines.first().map_or("", |line| line.stamp.as_str())
    }

    pub fn severity(&self) -> Severity {
        self.lines.first().map_or(Severity::Debug, |line| line.severity)
    }
}

/// Makes lines of one service fit to be shown, oldest first. Nothing leaves this module that did not pass through `redact`.
pub(super) fn entries(service: &str, raws: &[Raw], redact: &dyn Fn(&str) -> String) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for source in [Source::Out, Source::Err] {
        for (raw, text) in texts(raws.iter().filter(|raw| raw.source == source), redact) {
            let line = |severity| Line { at: raw.at, stamp: raw.stamp.clone(), service: service.to_owned(), severity, text: text.clone() };
            match entries.last_mut().filter(|entry| entry.source == source && entry.lines.len() < LONGEST_ENTRY && continues(&text)) {
                Some(entry) => {
                    let severity = entry.severity();
                    entry.lines.push(line(severity));
                }
                None => entries.push(Entry { lines: vec![line(severity(&text))], source }),
            }
        }
    }
    entries.sort_by(|one, other| one.stamp().cmp(other.stamp()));
    entries
}

/// The words of each line; a key over several lines is looked at as a whole.
fn texts<'a>(raws: impl Iterator<Item = &'a Raw>, redact: &dyn Fn(&str) -> String) -> Vec<(&'a Raw, String)> {
    let mut texts: Vec<(&Raw, String)> = Vec::new();
    let mut key: Option<(&Raw, Vec<String>)> = None;
    for raw in raws {
        let clean = harmless(&raw.bytes);
        let (begins, ends) = (clean.bare.rfind(BEGIN), clean.bare.rfind(END));
        if let Some((first, mut lines)) = key.take() {
            lines.push(clean.bare);
            match (ends.is_some(), lines.len() < LONGEST_KEY) {
                (true, _) => texts.extend(redact(&lines.join("\n")).split('\n').map(|line| (first, cut(line.to_owned(), 0)))),
                (false, true) => key = Some((first, lines)),
                (false, false) => texts.push((first, KEY.to_owned())),
            }
        } else if begins.is_some() && begins > ends {
            key = Some((raw, vec![clean.bare]));
        } else if ends.is_some() && begins.is_none() {
            // The beginning came before what was read.
            while texts.last().is_some_and(|(_, text)| text == KEY || is_base64(text)) {
                texts.pop();
            }
            texts.push((raw, KEY.to_owned()));
        } else {
            let safe = redact(&clean.bare);
            let text = match clean.marked {
                Some(marked) if safe == clean.bare => redact(&marked),
                _ => safe,
            };
            texts.push((raw, cut(text, raw.left_out)));
        }
    }
    texts.extend(key.map(|(first, _)| (first, KEY.to_owned())));
    texts.retain(|(_, text)| !text.trim().is_empty());
    texts
}

fn is_base64(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

fn cut(text: String, left_out: usize) -> String {
    if left_out == 0 && text.len() <= SHOWN {
        return text;
    }
    let most = if left_out == 0 { SHOWN } else { SHOWN.min(text.len().saturating_sub(MARGIN)) };
    let end = text.floor_char_boundary(most);
    format!("{} … ⟨{} more bytes⟩", &text[..end], text.len() - end + left_out)
}

#[cfg(test)]
mod tests {
    use super::super::read::KEPT;
    use super::*;

    fn raw(number: usize, source: Source, text: &[u8]) -> Raw {
        let stamp = format!("2026-11-21T13:00:00.{number:09}Z");
        let kept = text.len().min(KEPT);
        let at = Timestamp(1_795_266_000_000);
        Raw { stamp, at, source, bytes: text[..kept].to_vec(), left_out: text.len() - kept, is_finished: true }
    }

    fn shown(lines: &[&str], redact: &dyn Fn(&str) -> String) -> Vec<String> {
        let raws: Vec<Raw> = lines.iter().enumerate().map(|(number, text)| raw(number, Source::Out, text.as_bytes())).collect();
        entries("www", &raws, redact).into_iter().flat_map(|entry| entry.lines).map(|line| line.text).collect()
    }

    /// Knows one secret, and keys as a whole.
    fn redact(text: &str) -> String {
        match text.contains("BEGIN PRIVATE KEY") && text.contains("END PRIVATE KEY") {
            true => "[redacted:pem]".to_owned(),
            false => text.replace("hunter2hunter2", "[redacted:known]"),
        }
    }

    #[test]
    fn a_secret_does_not_hide_behind_colours_or_invisible_letters() {
        let lines = ["pw hunter2\u{1b}[31mhunter2", "pw hunter2\u{200b}hunter2\u{0}", "pw hunter2\u{200b}hunter3"];
        assert_eq!(shown(&lines, &redact), ["pw [redacted:known]", "pw [redacted:known]", "pw hunter2⟨U+200B⟩hunter3"]);
    }

    #[test]
    fn long_lines_are_cut_and_say_so() {
        let cut = shown(&[&"ä".repeat(3000)], &redact);
        assert!(cut[0].ends_with("… ⟨1904 more bytes⟩") && cut[0].len() < SHOWN + 40, "{}", &cut[0][cut[0].len() - 40..]);
        let megabyte = shown(&["x".repeat(1 << 20).as_str()], &redact);
        assert!(megabyte[0].ends_with(&format!("⟨{} more bytes⟩", (1 << 20) - SHOWN)), "{}", &megabyte[0][SHOWN..]);
    }

    /// What is kept of a long line may end within a secret; if all before it shrinks away, that must not come into view.
    #[test]
    fn half_a_secret_at_the_cut_is_not_shown() {
        let filler = "hunter2hunter2".repeat(KEPT / 14);
        let secret_at_the_cut = format!("{}hunter2hunter2", &filler[..KEPT - 7]);
        let line = [secret_at_the_cut.as_str(), &"y".repeat(100_000)].concat();
        let shrinking = |text: &str| redact(text).replace("[redacted:known]", "");
        assert!(shown(&[&line], &shrinking)[0].starts_with(" … ⟨"));
    }

    #[test]
    fn keys_over_several_lines_are_one_secret() {
        let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
        assert_eq!(shown(&["a", begin, "MIIE", "abc=", end, "b"], &redact), ["a", "[redacted:pem]", "b"]);
        assert_eq!(shown(&["MIIE", "abc=", end, "b"], &redact), [KEY, "b"], "its beginning is missing");
        assert_eq!(shown(&["a", begin, "MIIE"], &redact), ["a", KEY], "its end is missing");
        let certificate = ["-----BEGIN CERTIFICATE-----", "MIIE", "-----END CERTIFICATE-----"];
        assert_eq!(shown(&certificate, &redact), certificate);
        let endless: Vec<&str> = std::iter::once(begin).chain(std::iter::repeat_n("MIIE", 300)).collect();
        let shown = shown(&endless, &redact);
        assert_eq!((shown[0].as_str(), shown.len()), (KEY, 1 + 301 - LONGEST_KEY));
    }

    #[test]
    fn a_trace_stays_with_its_error() {
        let raws = [
            raw(0, Source::Err, b"TypeError: no"),
            raw(1, Source::Out, b"GET / 200 1 ms"),
            raw(2, Source::Err, b"    at app.js:3"),
            raw(3, Source::Err, b""),
            raw(4, Source::Out, b"GET /x 404 1 ms"),
        ];
        let entries = entries("api", &raws, &redact);
        let seen: Vec<(usize, Severity)> = entries.iter().map(|entry| (entry.lines.len(), entry.severity())).collect();
        assert_eq!(seen, [(2, Severity::Error), (1, Severity::Info), (1, Severity::Warn)]);
        assert_eq!(entries[0].lines[1].severity, Severity::Error);
    }
}
