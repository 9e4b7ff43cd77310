//! Commits by the names that people give them, and what changed between two.

use std::path::Path;

use kit::{Context, Error, Result};

use super::git;

/// A commit of a site's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// In full: 40 or 64 hex digits.
    pub hash: String,
    /// First line of its message; may be empty.
    pub subject: String,
    /// Who wrote it; may be empty.
    pub author: String,
    /// The branch by whose name it was found; empty when it was named by digits.
    pub branch: String,
}

/// The commit that `named` means: all of its digits, the first four or more of them, or a branch. Field: `commit`.
///
/// What else git would understand (ranges, paths, `@{…}`, options) is refused before git sees it.
pub async fn resolve(bare: &Path, named: &str) -> Result<Commit> {
    let by_digits = is_hex(named) && (4..=64).contains(&named.len());
    if by_digits && let Some(hash) = peel(bare, named).await {
        return describe(bare, &hash, "").await;
    }
    if may_be_branch(named)
        && let Some(hash) = peel(bare, &format!("refs/heads/{named}")).await
    {
        return describe(bare, &hash, named).await;
    }
    // Which of the two it was meant to be, nobody can tell; whether there is anything at all, the repository can.
    if !bare.join("HEAD").is_file() {
        return Err(Error::unavailable("the site's repository is not there"));
    }
    Err(Error::invalid("commit", "is neither a commit nor a branch of this site's repository"))
}

/// Files below a folder `migrations`, anywhere, that are not the same in both commits.
pub(crate) async fn changed_migrations(bare: &Path, from: &str, to: &str) -> Result<Vec<String>> {
    if !(is_hex(from) && is_hex(to)) {
        return Err(Error::internal("comparing what are no commits"));
    }
    let listed = git(bare)
        .args(["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", from, to, "--", ":(glob)**/migrations/**"])
        .run()
        .await
        .context("comparing two commits")?;
    Ok(listed.stdout.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// The commit behind a name that is known to be none of git's options; none when there is none.
async fn peel(bare: &Path, name: &str) -> Option<String> {
    let output = git(bare).args(["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).run().await.ok()?;
    let hash = output.stdout.trim();
    (is_hex(hash) && matches!(hash.len(), 40 | 64)).then(|| hash.to_owned())
}

async fn describe(bare: &Path, hash: &str, branch: &str) -> Result<Commit> {
    let told = git(bare).args(["log", "-1", "--format=%s%x00%an", hash, "--"]).run().await.context("reading a commit")?;
    let (subject, author) = told.stdout.trim_end_matches('\n').split_once('\0').unwrap_or_default();
    Ok(Commit { hash: hash.to_owned(), subject: subject.to_owned(), author: author.to_owned(), branch: branch.to_owned() })
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// By git's own rules for names of branches, but for what nobody needs.
fn may_be_branch(name: &str) -> bool {
    let is_forbidden = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    (1..=200).contains(&name.len())
        && !name.contains(is_forbidden)
        && !["..", "@{", "//", "/."].iter().any(|part| name.contains(part))
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.ends_with(".lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bare repository with two commits on `main`, the second also on `feature/x`, and a file that is no commit.
    async fn repository(folder: &Path) -> std::path::PathBuf {
        let (work, bare) = (folder.join("work"), folder.join("site.git"));
        std::fs::create_dir_all(work.join("api/migrations")).unwrap();
        std::fs::write(work.join("README"), "first").unwrap();
        super::super::create(&work, &bare).await.unwrap();
        std::fs::write(work.join("api/migrations/0002.sql"), "create table more (id int)").unwrap();
        std::fs::write(work.join("README"), "second").unwrap();
        git(&work).args(["add", "--all"]).run().await.unwrap();
        git(&work)
            .args(["commit", "--quiet", "--author", "Ada & Co <ada@example.test>", "--message", "Second <script>"])
            .run()
            .await
            .unwrap();
        git(&work).args(["push", "--quiet", "origin", "HEAD:main", "HEAD:refs/heads/feature/x"]).run().await.unwrap();
        bare
    }

    #[tokio::test]
    async fn commits_are_found_by_digits_and_branches_and_by_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let bare = repository(folder.path()).await;
        let head = super::super::head(&bare).await.unwrap();
        let by_branch = resolve(&bare, "main").await.unwrap();
        assert_eq!((by_branch.hash.as_str(), by_branch.branch.as_str()), (head.as_str(), "main"));
        assert_eq!((by_branch.subject.as_str(), by_branch.author.as_str()), ("Second <script>", "Ada & Co"));
        assert_eq!(resolve(&bare, &head).await.unwrap(), Commit { branch: String::new(), ..by_branch.clone() });
        assert_eq!(resolve(&bare, &head[..7]).await.unwrap().hash, head);
        assert_eq!(resolve(&bare, "feature/x").await.unwrap().branch, "feature/x");

        let blob = git(&bare).args(["rev-parse", "main:README"]).run().await.unwrap().stdout.trim().to_owned();
        let unknown = "0123456789abcdef0123456789abcdef01234567";
        for bad in [
            "",
            "abc",
            unknown,
            &unknown[..8],
            &blob,
            "HEAD",
            "HEAD~1",
            "main~1",
            "main^",
            "main..feature/x",
            "main@{0}",
            "@",
            ":/Second",
            "main:README",
            "--all",
            "--output=/tmp/x",
            "-h",
            "nobody",
            "main\n",
            " main",
            "refs/heads/main/",
            "../main",
            "main.lock",
            "a\0b",
            "--upload-pack=touch /tmp/x",
            "$(id)",
            "main;id",
        ] {
            let error = resolve(&bare, bad).await.unwrap_err();
            assert!(matches!(&error, Error::Invalid(fields) if fields[0].field == "commit"), "{bad}: {error}");
        }
        assert!(matches!(resolve(&folder.path().join("gone.git"), "main").await, Err(Error::Unavailable { .. })));
    }

    #[tokio::test]
    async fn migrations_are_told_from_other_changes() {
        let folder = tempfile::tempdir().unwrap();
        let bare = repository(folder.path()).await;
        let new = resolve(&bare, "main").await.unwrap().hash;
        let old = git(&bare).args(["rev-parse", "main~1"]).run().await.unwrap().stdout.trim().to_owned();
        assert_eq!(changed_migrations(&bare, &new, &old).await.unwrap(), ["api/migrations/0002.sql"]);
        assert!(changed_migrations(&bare, &new, &new).await.unwrap().is_empty());
        assert!(changed_migrations(&bare, "--output=/tmp/x", &new).await.is_err());
    }
}
