//! What a push says and what Git answers it: the commands at the head of a request, and the report in the answer. Pure.

use kit::{Error, Result};

use super::pkt::{self, Packet, Reader};

/// Longest head of a push, in bytes: some two thousand branches and tags.
pub const LONGEST_HEAD: usize = 256 << 10;
/// Branches and tags that one push may move.
pub const MOST_UPDATES: usize = 200;
/// More of a report is not listened to.
const LONGEST_REPORT: usize = 256 << 10;

/// One branch or tag to be made, moved or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Where it was: all zeros when it was not there.
    pub old: String,
    /// Where it shall be: all zeros when it shall go.
    pub new: String,
    /// Its full name: `refs/heads/main`.
    pub reference: String,
}

impl Update {
    /// Whether it shall go.
    pub fn removes(&self) -> bool {
        is_nothing(&self.new)
    }

    /// Whether it is the site's branch.
    pub fn is_of_the_site(&self) -> bool {
        self.reference.strip_prefix("refs/heads/") == Some(super::BRANCH)
    }
}

/// Whether a commit's id stands for "not there".
pub fn is_nothing(id: &str) -> bool {
    id.bytes().all(|digit| digit == b'0')
}

/// What a push asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The updates in order; none in a request that only probes whether it would be let in.
    pub updates: Vec<Update>,
    /// Whether the client shows what we tell it meanwhile.
    pub side_band: bool,
}

impl Head {
    /// Reads the head of a push from the first bytes of its request; `None` while there is more of it to come.
    pub fn parse(bytes: &[u8]) -> Result<Option<Head>> {
        let mut head = Head::default();
        let mut at = 0;
        loop {
            let Some((packet, length)) = pkt::first(&bytes[at..])? else {
                return if bytes.len() > LONGEST_HEAD { Err(too_many()) } else { Ok(None) };
            };
            at += length;
            if at > LONGEST_HEAD {
                return Err(too_many());
            }
            match packet {
                Packet::Flush => return Ok(Some(head)),
                Packet::Mark => return Err(unfit()),
                Packet::Data(line) => head.take(line)?,
            }
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<()> {
        let line = std::str::from_utf8(line).map_err(|_| Error::invalid("body", "names of branches and tags must be UTF-8"))?;
        let (line, capabilities) = line.split_once('\0').unwrap_or((line, ""));
        let line = line.strip_suffix('\n').unwrap_or(line);
        // What a clone without its whole history does not have; Git reads it again for itself.
        if line.starts_with("shallow ") && self.updates.is_empty() {
            return Ok(());
        }
        if self.updates.is_empty() {
            self.side_band = capabilities.split([' ', '\n']).any(|capability| capability == "side-band-64k");
        }
        if self.updates.len() == MOST_UPDATES {
            return Err(too_many());
        }
        let mut words = line.splitn(3, ' ');
        let (Some(old), Some(new), Some(reference)) = (words.next(), words.next(), words.next()) else { return Err(unfit()) };
        if !is_id(old) || !is_id(new) || reference.is_empty() || reference.chars().any(char::is_control) {
            return Err(unfit());
        }
        self.updates.push(Update { old: old.to_owned(), new: new.to_owned(), reference: reference.to_owned() });
        Ok(())
    }
}

/// Whether it is the id of an object: 40 or 64 lower-case hex digits.
pub fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn unfit() -> Error {
    Error::invalid("body", "is not what Git sends when it pushes")
}

fn too_many() -> Error {
    Error::invalid("body", format!("one push may move {MOST_UPDATES} branches and tags at most; push them in several goes"))
}

/// What became of a push, as Git itself reports it.
#[derive(Debug, Default)]
pub struct Report {
    reader: Reader,
    seen: usize,
    refs: Vec<(String, Option<String>)>,
    unpacked: Option<String>,
}

impl Report {
    /// Takes a piece of the report. What is none is passed over: then nothing was stored, as far as we know.
    pub fn feed(&mut self, piece: &[u8]) {
        self.seen += piece.len();
        if self.seen > LONGEST_REPORT {
            return;
        }
        let (refs, unpacked) = (&mut self.refs, &mut self.unpacked);
        let _ = self.reader.feed(piece, |packet| {
            let Packet::Data(line) = packet else { return };
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end_matches('\n');
            if let Some(outcome) = line.strip_prefix("unpack ") {
                *unpacked = Some(outcome.to_owned());
            } else if let Some(name) = line.strip_prefix("ok ") {
                refs.push((name.to_owned(), None));
            } else if let Some((name, why)) = line.strip_prefix("ng ").and_then(|rest| rest.split_once(' ')) {
                refs.push((name.to_owned(), Some(why.to_owned())));
            }
        });
    }

    /// Whether the branch or tag is where the push wanted it; why not, in Git's words.
    pub fn of(&self, reference: &str) -> std::result::Result<(), String> {
        match self.refs.iter().find(|(name, _)| name == reference) {
            Some((_, None)) => Ok(()),
            Some((_, Some(why))) => Err(why.clone()),
            None => Err(match &self.unpacked {
                Some(outcome) if outcome != "ok" => outcome.clone(),
                _ => "the push did not finish".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "0123456789abcdef0123456789abcdef01234567";
    const NEW: &str = "fedcba9876543210fedcba9876543210fedcba98";

    fn head(lines: &[String]) -> Vec<u8> {
        lines.iter().flat_map(|line| pkt::write(line.as_bytes())).chain(b"0000PACK....".to_vec()).collect()
    }

    #[test]
    fn a_head_names_what_moves() {
        let zeros = "0".repeat(40);
        let bytes = head(&[
            format!("shallow {OLD}"),
            format!("{OLD} {NEW} refs/heads/main\0 report-status-v2 side-band-64k agent=git/2\n"),
            format!("{NEW} {zeros} refs/heads/a b"),
        ]);
        let read = Head::parse(&bytes).unwrap().unwrap();
        assert!(read.side_band);
        assert!(read.updates[0].is_of_the_site() && !read.updates[0].removes());
        assert_eq!((read.updates[1].reference.as_str(), read.updates[1].removes()), ("refs/heads/a b", true));
        for cut in 0..bytes.len() - "0000PACK....".len() {
            assert_eq!(Head::parse(&bytes[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(Head::parse(b"0000").unwrap().unwrap().updates, []);
        let without = Head::parse(&head(&[format!("{OLD} {NEW} refs/heads/main\0report-status")])).unwrap().unwrap();
        assert!(!without.side_band);
    }

    #[test]
    fn what_git_would_not_send_is_refused() {
        for line in [
            "push-cert\0 side-band-64k".to_owned(),
            format!("{OLD} {NEW}"),
            format!("{OLD} {NEW} "),
            format!("{OLD} {NEW} refs/heads/a\u{7}b"),
            format!("{OLD} {} refs/heads/main", "A".repeat(40)),
            format!("{OLD} --upload-pack=x refs/heads/main"),
            String::new(),
        ] {
            assert!(Head::parse(&head(std::slice::from_ref(&line))).is_err(), "{line}");
        }
        assert!(Head::parse(b"0001").is_err());
        let many: Vec<String> = (0..=MOST_UPDATES).map(|number| format!("{OLD} {NEW} refs/heads/b{number}")).collect();
        assert!(Head::parse(&head(&many)).is_err());
        assert!(Head::parse(&head(&many[1..])).is_ok());
        let endless: Vec<u8> = std::iter::repeat_n(pkt::write(format!("shallow {OLD}").as_bytes()), 6000).flatten().collect();
        assert!(endless.len() > LONGEST_HEAD);
        assert!(Head::parse(&endless).is_err());
    }

    #[test]
    fn a_report_is_believed_only_when_it_says_ok() {
        let mut report = Report::default();
        let text: Vec<u8> =
            ["unpack ok\n", "ok refs/heads/main\n", "option forced-update\n", "ng refs/heads/x deny updating a hidden ref\n"]
                .iter()
                .flat_map(|line| pkt::write(line.as_bytes()))
                .collect();
        for byte in text {
            report.feed(&[byte]);
        }
        assert_eq!(report.of("refs/heads/main"), Ok(()));
        assert_eq!(report.of("refs/heads/x"), Err("deny updating a hidden ref".to_owned()));
        assert_eq!(report.of("refs/heads/mai"), Err("the push did not finish".to_owned()));
        let mut failed = Report::default();
        failed.feed(&pkt::write(b"unpack index-pack abnormal exit\n"));
        assert_eq!(failed.of("refs/heads/main"), Err("index-pack abnormal exit".to_owned()));
        assert_eq!(Report::default().of("refs/heads/main"), Err("the push did not finish".to_owned()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_either_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = Head::parse(&bytes);
            let mut report = Report::default();
            report.feed(&bytes);
            prop_assert!(report.of("refs/heads/main").is_err() || bytes.windows(3).any(|it| it == b"ok "));
        }

        #[test]
        fn lines_of_any_text_never_make_more_than_was_said(lines in prop::collection::vec("\\PC{0,120}", 0..30)) {
            if let Ok(Some(head)) = Head::parse(&head(&lines)) {
                prop_assert!(head.updates.len() <= lines.len());
                prop_assert!(head.updates.iter().all(|update| is_id(&update.old) && is_id(&update.new)));
            }
        }
    }
}
