//! What a repository holds, for people to read: branches and commits. Everything read is bounded.

use std::path::Path;
use std::time::{Duration, SystemTime};

use kit::{Context, Error, Result, Timestamp};

use super::{git, receive};

/// Branches that are listed.
pub const MOST_BRANCHES: usize = 50;
/// Letters of a subject or a name that are kept.
const LETTERS: usize = 200;
/// A push that takes longer than this has been given up; what it left in the repository goes.
const LEFTOVER: Duration = Duration::from_secs(2 * 3600);

/// A branch, and the commit it is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name, without `refs/heads/`.
    pub name: String,
    /// The commit.
    pub commit: String,
    /// First line of the commit's message.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
    /// When it was committed, by the committer's own clock.
    pub at: Timestamp,
}

/// The first line of a commit's message, and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// First line of the message.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
}

/// The branches of a repository, the latest committed first, at most [`MOST_BRANCHES`].
pub async fn branches(bare: &Path) -> Result<Vec<Branch>> {
    let count = format!("--count={MOST_BRANCHES}");
    let format = "--format=%(refname)%00%(objectname)%00%(contents:subject)%00%(authorname)%00%(committerdate:unix)";
    let listed = git(bare)
        .args(["for-each-ref", &count, "--sort=-committerdate", format, "refs/heads"])
        .run()
        .await
        .context("listing the branches")?;
    Ok(listed.stdout.lines().filter_map(branch).collect())
}

fn branch(line: &str) -> Option<Branch> {
    let mut parts = line.split('\0');
    let name = parts.next()?.strip_prefix("refs/heads/")?.to_owned();
    let commit = parts.next().filter(|id| receive::is_id(id))?.to_owned();
    let (subject, author) = (bounded(parts.next()?), bounded(parts.next()?));
    let at = Timestamp(parts.next()?.trim().parse::<i64>().ok()?.saturating_mul(1000));
    Some(Branch { name, commit, subject, author, at })
}

/// Where a branch or tag is; `None` when it is not there.
pub(crate) async fn commit_of(bare: &Path, reference: &str) -> Result<Option<String>> {
    if !reference.starts_with("refs/") {
        return Err(Error::internal(format!("`{reference}` is no full name")));
    }
    let listed = git(bare).args(["for-each-ref", "--format=%(objectname)%00%(refname)", "--"]).arg(reference).run().await?;
    let found = listed.stdout.lines().filter_map(|line| line.split_once('\0')).find(|(_, name)| *name == reference);
    Ok(found.map(|(id, _)| id.to_owned()))
}

/// What a commit says of itself; nothing for what is no commit.
pub(crate) async fn words(bare: &Path, commit: &str) -> Words {
    if !receive::is_id(commit) || receive::is_nothing(commit) {
        return Words::default();
    }
    let shown = git(bare).args(["log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%s%x00%an", commit, "--"]).run().await;
    let Ok(shown) = shown else { return Words::default() };
    let (subject, author) = shown.stdout.split_once('\0').unwrap_or_default();
    Words { subject: bounded(subject), author: bounded(author) }
}

fn bounded(text: &str) -> String {
    readable(text.trim(), LETTERS)
}

/// What others wrote, as one line of so many letters: without colours, moves of the cursor, and what else a terminal or a page would
/// obey instead of showing it.
pub fn readable(text: &str, longest: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => skip_sequence(&mut letters),
            '\t' | '\n' => line.push(' '),
            letter if letter.is_control() => continue,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            letter => line.push(letter),
        }
        length += 1;
        if length == longest && letters.peek().is_some() {
            line.push('…');
            break;
        }
    }
    line
}

/// Passes over the rest of a terminal's sequence: `[…m` and the like up to their letter, `]…` up to its bell.
fn skip_sequence(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match letters.next_if(|next| matches!(next, '[' | ']')) {
        Some('[') => drop(letters.find(|end| ('@'..='~').contains(end))),
        Some(_) => drop(letters.find(|end| matches!(end, '\u{7}' | '\u{1b}'))),
        None => {}
    }
}

/// Packs what many pushes left loose, and removes what pushes left that were cut off.
pub(crate) async fn tidy(bare: &Path) -> Result<()> {
    let left = std::fs::read_dir(bare.join("objects")).map_err(|error| crate::files::storage(bare, error))?;
    for entry in left.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("tmp_objdir-")) {
        let changed = entry.metadata().and_then(|data| data.modified()).ok();
        #[expect(clippy::disallowed_methods, reason = "compared with the time of a file, which is the machine's")]
        let age = changed.and_then(|at| SystemTime::now().duration_since(at).ok());
        if age.is_some_and(|age| age > LEFTOVER) {
            crate::files::remove_folder(&entry.path())?;
        }
    }
    git(bare)
        .args(["-c", "gc.auto=2000", "-c", "gc.autoDetach=false", "-c", "pack.threads=1", "-c", "pack.windowMemory=128m"])
        .args(["gc", "--auto", "--quiet"])
        .timeout(Duration::from_secs(900))
        .run()
        .await
        .context("packing the repository")
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_nothing_to_obey() {
        for (text, shown) in [
            ("A new \u{1b}[1;31mface\u{1b}[0m", "A new face"),
            ("\u{1b}]0;title\u{7}quiet\r", "quiet"),
            ("a\tb\nc", "a b c"),
            ("\u{202e}evil", "evil"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("\u{1b}c reset", "c reset"),
            ("名前🌱", "名前🌱"),
        ] {
            assert_eq!(readable(text, 50), shown, "{text:?}");
        }
        assert_eq!(readable("abcdef", 3), "abc…");
        assert_eq!(readable("abc", 3), "abc");
        assert!(readable(&"\u{1b}[".repeat(100_000), 50).chars().count() <= 51);
    }

    #[test]
    fn lines_of_branches_are_read_and_others_passed_over() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let read = branch(&format!("refs/heads/a/b\0{id}\0It's <b>new</b>\0Ada\01700000000")).unwrap();
        assert_eq!((read.name.as_str(), read.subject.as_str(), read.at), ("a/b", "It's <b>new</b>", Timestamp(1_700_000_000_000)));
        for bad in ["", "refs/tags/v1\0x", "refs/heads/x\0nothex\0\0\x001", &format!("refs/heads/x\0{id}\0s\0a\0later")] {
            assert_eq!(branch(bad), None, "{bad}");
        }
    }
}
