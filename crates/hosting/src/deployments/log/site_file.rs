//! `deployment.log` in a site's folder: the course of its deployments in a few words, for whoever works in the folder by hand.

use std::io::Write;
use std::path::Path;

use kit::disk::open_to_append;
use kit::text_enum;
use tracing::warn;

use crate::deployments::DeploymentId;
use crate::sites::Site;
use crate::{Hosting, redact};

/// The file's name, and that of the one before it.
pub(crate) const NAME: &str = "deployment.log";
pub(crate) const OLDER: &str = "deployment.log.1";
/// At this size it is put aside, and the one put aside before is gone.
const MOST: u64 = 1 << 20;

text_enum!(
    /// How grave a line is.
    Level {
        /// What is done.
        Info = "INFO",
        /// It went well.
        Success = "SUCCESS",
        /// It went well, but.
        Warning = "WARNING",
        /// It failed.
        Error = "ERROR",
    }
);

/// Adds a line. Failing to is no reason to fail a deployment: the log in the data folder is the one that counts.
pub(crate) async fn note(hosting: &Hosting, site: &Site, deployment: &DeploymentId, level: Level, words: &str) {
    let outcome = redact::known_of(hosting, site).await.map(|known| redact::text(&known, words)).and_then(|words| {
        let line = format!("[{}] [{deployment}] {level}: {}\n", hosting.clock.now().rfc3339(), words.lines().collect::<Vec<_>>().join(" "));
        append(&hosting.site_folder(site), &line)
    });
    outcome.unwrap_or_else(|error| warn!(site.id = %site.id, "writing deployment.log of site `{}`: {error}", site.id));
}

fn append(folder: &Path, line: &str) -> kit::Result<()> {
    let path = folder.join(NAME);
    let is_long = std::fs::symlink_metadata(&path).is_ok_and(|seen| seen.len() + line.len() as u64 > MOST);
    if is_long {
        std::fs::rename(&path, folder.join(OLDER)).map_err(|error| crate::files::storage(&path, error))?;
    }
    let mut file = open_to_append(&path)?;
    file.write_all(line.as_bytes()).map_err(|error| crate::files::storage(&path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_not_followed_and_a_long_file_is_put_aside() {
        let place = tempfile::tempdir().unwrap();
        let (folder, target) = (place.path().join("site"), place.path().join("target"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(&target, "untouched").unwrap();
        std::os::unix::fs::symlink(&target, folder.join(NAME)).unwrap();
        assert!(append(&folder, "a\n").is_err());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "untouched");
        std::fs::remove_file(folder.join(NAME)).unwrap();

        append(&folder, "first\n").unwrap();
        append(&folder, &"x".repeat(1 << 20)).unwrap();
        append(&folder, "last\n").unwrap();
        assert_eq!(std::fs::read_to_string(folder.join(NAME)).unwrap(), "last\n");
        assert_eq!(std::fs::read_to_string(folder.join(OLDER)).unwrap().len(), 1 << 20);
    }
}
