//! A site's own repository: bare, with the template as its first commit.
//!
//! Here it is made and read, and here are the parts of serving it that know nothing of HTTP: the two services as processes
//! ([`serve`]), what a push says ([`receive`], [`pkt`]), what it leads to ([`pushes`]), and with what one may ([`tokens`]).
//! Where the site's repository is at a provider ([`providers`]), the bare one here is a copy that holds what was deployed.

pub mod deliveries;
pub mod heads;
pub mod look;
pub mod outside;
pub mod pkt;
pub mod providers;
pub mod pushed;
pub mod pushes;
pub mod receive;
pub mod repositories;
pub mod serve;
pub mod tokens;

mod branches;
mod commits;

use std::path::{Path, PathBuf};
use std::time::Duration;

use kit::exec::Command;
use kit::{Context, Result};

use crate::Hosting;
use crate::files::storage;
use crate::sites::{Site, SiteState};
use crate::templates::Kind;

pub use branches::{Branch, BranchName, branch, branches};
pub(crate) use commits::changed_migrations;
pub use commits::{Commit, resolve};

/// What never enters the repository: secrets, and what Innkeeper renders.
const IGNORED: &str = ".env\ndocker-compose.yaml\ndeployment.log\nnode_modules/\n";

/// The branch whose pushes are deployments.
pub const BRANCH: &str = "main";

/// The repository of a site, for those who may reach the site; `None` when it has none, or none yet.
pub fn repository_of(hosting: &Hosting, site: &Site) -> Option<PathBuf> {
    let bare = hosting.repository(site);
    let is_there = site.kind != Kind::Adopted && site.state != SiteState::Deleting && bare.join("HEAD").is_file();
    is_there.then_some(bare)
}

pub(crate) fn git(dir: &Path) -> Command {
    Command::new("git")
        .args(["-c", "init.defaultBranch=main", "-c", "gc.auto=0", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Innkeeper")
        .env("GIT_AUTHOR_EMAIL", "innkeeper@localhost")
        .env("GIT_COMMITTER_NAME", "Innkeeper")
        .env("GIT_COMMITTER_EMAIL", "innkeeper@localhost")
        .dir(dir)
}

/// Makes the bare repository at `bare` with the files of `folder` as its first commit, and `folder` its working copy.
///
/// Safe to run again after it was interrupted anywhere: the bare repository appears under its name only when complete.
pub async fn create(folder: &Path, bare: &Path) -> Result<()> {
    if bare.join("HEAD").is_file() {
        return Ok(());
    }
    let ignore = folder.join(".gitignore");
    let own = std::fs::read_to_string(&ignore).unwrap_or_default();
    if !own.contains(IGNORED) {
        std::fs::write(&ignore, format!("{own}{IGNORED}")).map_err(|error| storage(&ignore, error))?;
    }
    if !folder.join(".git/HEAD").is_file() {
        git(folder).args(["init", "--quiet"]).run().await.context("creating the repository")?;
    }
    // Left by a process that was killed while it held it.
    let _ = std::fs::remove_file(folder.join(".git/index.lock"));
    git(folder).args(["add", "--all"]).run().await.context("adding the template's files")?;
    let has_commit = git(folder).args(["rev-parse", "--verify", "--quiet", "HEAD"]).run().await.is_ok();
    if !has_commit {
        git(folder).args(["commit", "--quiet", "--message", "Start from the template"]).run().await.context("committing the template")?;
    }
    let partial = bare.with_extension("partial");
    let _ = std::fs::remove_dir_all(&partial);
    git(folder)
        .args(["clone", "--quiet", "--bare", "--no-hardlinks", "--"])
        .arg(folder)
        .arg(&partial)
        .run()
        .await
        .context("making the bare repository")?;
    // A clone remembers the folder it came from; nothing is fetched from there.
    git(&partial).args(["remote", "remove", "origin"]).run().await.context("finishing the bare repository")?;
    std::fs::rename(&partial, bare).map_err(|error| storage(bare, error))?;
    let known = git(folder).args(["remote", "get-url", "origin"]).run().await.is_ok();
    let verb = if known { "set-url" } else { "add" };
    git(folder).args(["remote", verb, "origin"]).arg(bare).run().await.context("pointing the working copy at its repository").map(|_| ())
}

/// The commit that the site's branch is at.
pub async fn head(bare: &Path) -> Result<String> {
    let output =
        git(bare).args(["rev-parse", "--verify"]).arg(format!("refs/heads/{BRANCH}")).run().await.context("reading the repository")?;
    Ok(output.stdout.trim().to_owned())
}

/// What a branch is at; none where it does not exist.
pub(crate) async fn branch_head(bare: &Path, branch: &str) -> Result<Option<String>> {
    let pattern = format!("refs/heads/{branch}");
    let listed = git(bare).args(["for-each-ref", "--count=1", "--format=%(objectname)"]).arg(&pattern).run().await;
    let head = listed.context("reading the repository")?.stdout.trim().to_owned();
    Ok((!head.is_empty()).then_some(head))
}

/// Whether the repository holds this commit, and it is one.
pub(crate) async fn has_commit(bare: &Path, commit: &str) -> bool {
    git(bare).args(["cat-file", "-e", &format!("{commit}^{{commit}}")]).run().await.is_ok()
}

/// Whether all that `commit` has is in `other` already.
pub(crate) async fn is_ancestor(bare: &Path, commit: &str, other: &str) -> Result<bool> {
    let more = git(bare).args(["rev-list", "--max-count=1", commit, &format!("^{other}")]).run().await;
    Ok(more.context("comparing two commits")?.stdout.trim().is_empty())
}

/// First line of a commit's message, and who wrote it.
pub(crate) async fn describe(bare: &Path, commit: &str) -> Result<(String, String)> {
    let told = git(bare).args(["log", "--max-count=1", "--format=%s%x00%an", commit, "--"]).run().await.context("reading a commit")?;
    let (subject, author) = told.stdout.trim_end().split_once('\0').unwrap_or_default();
    Ok((subject.to_owned(), author.to_owned()))
}

/// All files of a commit as `git ls-tree -r -l -z` lists them; `None` when that takes more than `limit` bytes.
pub(crate) async fn list_tree(bare: &Path, commit: &str, time: Duration, limit: usize) -> Result<Option<Vec<u8>>> {
    let list = git(bare).args(["ls-tree", "-r", "-l", "-z", "--full-tree", &format!("{commit}^{{tree}}")]);
    list.timeout(time).output_within(limit).await.context("listing the commit's files")
}

/// The contents of objects, as text; `None` when they take more than `limit` bytes.
pub(crate) async fn blobs(bare: &Path, ids: &[&str], limit: usize) -> Result<Option<Vec<String>>> {
    if ids.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let asked = git(bare).args(["cat-file", "--batch"]).stdin(ids.iter().map(|id| format!("{id}\n")).collect::<String>());
    let Some(answer) = asked.output_within(limit).await.context("reading the commit's links")? else { return Ok(None) };
    // Of each: `{object} {type} {size}`, its bytes, and a line feed.
    let mut rest = answer.as_slice();
    let mut contents = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size = head.rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
        let body = size.and_then(|size| rest.get(end + 1..end + 1 + size));
        let Some(body) = body else { return Err(kit::Error::unavailable(format!("an object of the commit cannot be read: {head}"))) };
        contents.push(String::from_utf8_lossy(body).into_owned());
        rest = &rest[(end + 2 + body.len()).min(rest.len())..];
    }
    Ok(Some(contents))
}

/// Writes the files of a commit into the empty folder `target`. Symbolic links become files that hold their target, and
/// submodules empty folders: nothing outside is reached by either. No filter runs: none is configured.
pub(crate) async fn export(bare: &Path, commit: &str, target: &Path) -> Result<()> {
    let index = target.with_extension("index");
    let _ = std::fs::remove_file(&index);
    let at = |command: Command| command.env("GIT_INDEX_FILE", &index).env("GIT_DIR", bare).env("GIT_ATTR_NOSYSTEM", "1");
    let written = async {
        at(git(bare)).args(["read-tree", &format!("{commit}^{{tree}}")]).run().await.context("reading the commit's tree")?;
        at(git(target))
            .env("GIT_WORK_TREE", target)
            .args(["-c", "core.symlinks=false", "-c", "core.bare=false", "-c", "core.attributesFile=/dev/null"])
            .args(["checkout-index", "--all", "--force"])
            .timeout(Duration::from_secs(300))
            .run()
            .await
            .context("writing the commit's files")
    };
    let written = written.await;
    let _ = std::fs::remove_file(&index);
    written.map(|_| ())
}

/// Names at the root of a commit.
pub(crate) async fn root_names(bare: &Path, commit: &str) -> Result<Vec<String>> {
    let listed = git(bare).args(["ls-tree", "--name-only", "-z", &format!("{commit}^{{tree}}")]).run().await?;
    Ok(listed.stdout.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Lets the working copy in `folder` stand at a commit of its repository, without touching a file.
pub(crate) async fn follow(folder: &Path, commit: &str) -> Result<()> {
    if !folder.join(".git/HEAD").is_file() {
        return Ok(());
    }
    let _ = std::fs::remove_file(folder.join(".git/index.lock"));
    git(folder).args(["fetch", "--quiet", "--no-tags", "origin"]).run().await.context("fetching from the repository")?;
    git(folder).args(["reset", "--quiet", "--mixed", commit]).run().await.context("following the repository").map(|_| ())
}
