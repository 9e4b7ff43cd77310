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
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(LETTERS).collect()
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
