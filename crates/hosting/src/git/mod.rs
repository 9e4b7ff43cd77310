//! A site's own repository: bare, with the template as its first commit. Serving it is a surface of its own.

use std::path::Path;

use kit::exec::Command;
use kit::{Context, Result};

use crate::files::storage;

/// What never enters the repository: secrets, and what Innkeeper renders.
const IGNORED: &str = ".env\ndocker-compose.yaml\ndeployment.log\nnode_modules/\n";

/// The branch whose pushes are deployments.
pub const BRANCH: &str = "main";

fn git(dir: &Path) -> Command {
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
