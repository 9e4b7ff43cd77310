//! The folder that the builder gets: the service's own, with the Dockerfile that was judged.

use std::path::{Path, PathBuf};

use kit::id::random_base32;
use kit::{Context, Result};

use crate::{Hosting, files};

/// Folders of builds that a crash left begin with this.
pub(crate) const PREFIX: &str = "context-";

/// A folder with the same files, by hard links; removed when dropped.
pub(super) struct BuildContext(PathBuf);

impl BuildContext {
    /// Makes it from `service`, with `dockerfile` in the place of its own. Blocks.
    pub(super) fn make(hosting: &Hosting, service: &Path, dockerfile: &str) -> Result<BuildContext> {
        let context = BuildContext(hosting.data().join("builds").join(format!("{PREFIX}{}", random_base32(8))));
        link_all(service, &context.0)?;
        let path = context.0.join("Dockerfile");
        std::fs::remove_file(&path).map_err(|error| files::storage(&path, error))?;
        std::fs::write(&path, dockerfile).map_err(|error| files::storage(&path, error))?;
        Ok(context)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for BuildContext {
    fn drop(&mut self) {
        // What is left is removed by the cleanup.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn link_all(from: &Path, into: &Path) -> Result<()> {
    files::create_folder(into)?;
    for entry in std::fs::read_dir(from).context(format!("reading {}", from.display()))? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, into.join(entry.file_name()));
        if kind.is_dir() {
            link_all(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            let leads_to = std::fs::read_link(entry.path())?;
            std::os::unix::fs::symlink(leads_to, &target).map_err(|error| files::storage(&target, error))?;
        } else if std::fs::hard_link(entry.path(), &target).is_err() {
            // Another file system, or one without hard links.
            std::fs::copy(entry.path(), &target).map_err(|error| files::storage(&target, error))?;
        }
    }
    Ok(())
}
