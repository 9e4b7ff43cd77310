//! The pushed commit as files: exactly that commit, and nothing of it is run.

use std::path::Path;

use kit::{Context, Result};

use crate::{files, git};

/// Writes the files of `commit` into `target`, which is emptied first.
pub(crate) async fn export(bare: &Path, commit: &str, target: &Path) -> Result<()> {
    files::remove_folder(target)?;
    files::create_folder(target)?;
    git::export(bare, commit, target).await.context(format!("reading commit {commit}"))
}
