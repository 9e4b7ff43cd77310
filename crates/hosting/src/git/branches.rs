//! The branches of a repository, whatever they are called: names are passed as single arguments and parsed by separators that no
//! name can hold.

use std::path::Path;

use kit::{Context, Error, Result, Timestamp};

use super::git;
use crate::names::is_invisible;

/// Longer names are refused: nobody reads them, and they are stored and shown.
const LONGEST: usize = 200;

/// The name of a branch, by the rules of `git check-ref-format`, and without characters that nobody sees. Metacharacters of shells are
/// allowed by these, and harmless here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchName(String);

impl BranchName {
    /// Parses a name without `refs/heads/`.
    pub fn parse(text: &str) -> Result<BranchName> {
        let is_forbidden = |c: char| is_invisible(c) || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
        let fits = (1..=LONGEST).contains(&text.len())
            && !text.starts_with('-')
            && text != "@"
            && !text.ends_with('.')
            && !text.contains("..")
            && !text.contains("@{")
            && !text.chars().any(is_forbidden)
            && text.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"));
        if fits {
            return Ok(BranchName(text.to_owned()));
        }
        Err(Error::invalid("branch", "must be the name of a branch, such as feature/login"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for BranchName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A branch and the commit that it is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name.
    pub name: BranchName,
    /// The commit, in full.
    pub commit: String,
    /// First line of the commit's message.
    pub subject: String,
    /// Who wrote the commit.
    pub author: String,
    /// When it was committed.
    pub at: Timestamp,
}

/// The branches of a repository, the one with the newest commit first, `limit` at most. Those with names that we do not take are
/// left out.
pub async fn branches(bare: &Path, limit: usize) -> Result<Vec<Branch>> {
    list(bare, &["--sort=-committerdate", &format!("--count={limit}")], "refs/heads/").await
}

/// One branch; none when the repository has no such one.
pub async fn branch(bare: &Path, name: &BranchName) -> Result<Option<Branch>> {
    // A pattern also finds what is below it: `a` finds `a/b`, which cannot exist beside `a`.
    let found = list(bare, &[], &format!("refs/heads/{name}")).await?;
    Ok(found.into_iter().find(|branch| branch.name == *name))
}

async fn list(bare: &Path, options: &[&str], pattern: &str) -> Result<Vec<Branch>> {
    let format = "--format=%(refname)%00%(objectname)%00%(committerdate:unix)%00%(authorname)%00%(contents:subject)";
    let listed = git(bare)
        .arg("--git-dir")
        .arg(bare)
        .args(["for-each-ref", format])
        .args(options)
        .args(["--", pattern])
        .run()
        .await
        .context("listing the branches of a repository")?;
    Ok(listed.stdout.lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<Branch> {
    let mut parts = line.splitn(5, '\0');
    let name = BranchName::parse(parts.next()?.strip_prefix("refs/heads/")?).ok()?;
    let commit = parts.next()?.to_owned();
    // What is no commit (a tag object can be pushed as a branch by hand) has no date.
    let at = Timestamp(parts.next()?.parse::<i64>().ok()?.saturating_mul(1000));
    let author = parts.next()?.to_owned();
    Some(Branch { name, commit, subject: parts.next()?.to_owned(), author, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_branches_follow_the_rules_of_git() {
        for good in ["main", "feature/login", "a", "$(id)", "`id`;|&\"'<>", "ünïcode", "a/-b", "v1.2", "a--b"] {
            assert_eq!(BranchName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-b",
            "$(touch x)",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "[a",
            "a\\b",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "a.",
            "@",
            "a@{1}",
            "a\nb",
            "a\0b",
            "a\u{7f}",
            "a\u{202e}b",
            &"x".repeat(201),
        ] {
            assert!(BranchName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
