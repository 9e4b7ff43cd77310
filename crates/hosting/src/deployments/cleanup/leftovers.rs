//! Folders and files in the data folder that outlived what they were for.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use kit::{Result, Timestamp};

use crate::deployments::build::CONTEXT_PREFIX;
use crate::deployments::{DeploymentId, get_any};
use crate::operations::{self, blocking};
use crate::sites::{self, SiteId};
use crate::{Hosting, files};

/// No build takes longer.
const BUILD_AT_MOST: Duration = Duration::from_secs(86_400);
/// Logs of deployments are kept for so long.
const LOGS_FOR: Duration = Duration::from_secs(90 * 86_400);

/// Removes what is left of builds that are over, and logs that are old or of sites that are gone.
pub(super) async fn remove(hosting: &Hosting) -> Result<usize> {
    Ok(builds(hosting).await? + logs(hosting).await?)
}

async fn builds(hosting: &Hosting) -> Result<usize> {
    let now = hosting.clock.now();
    let mut removed = 0;
    for entry in entries(&hosting.data().join("builds"))? {
        let name = entry.name.strip_suffix(".index").unwrap_or(&entry.name);
        let is_over = match DeploymentId::parse(name) {
            Ok(id) => match get_any(&hosting.db, &id).await {
                // Asked in this order: a deployment that is over with an operation still at work is tidying up.
                Ok(found) => found.state.is_over() && !operations::busy_sites(&hosting.db).await?.contains(&found.site_id.to_string()),
                Err(kit::Error::NotFound(_)) => true,
                Err(error) => return Err(error),
            },
            Err(_) => name.starts_with(CONTEXT_PREFIX) && entry.written < now.minus(BUILD_AT_MOST),
        };
        if is_over {
            removed += usize::from(remove_entry(entry.path).await?);
        }
    }
    Ok(removed)
}

async fn logs(hosting: &Hosting) -> Result<usize> {
    let oldest = hosting.clock.now().minus(LOGS_FOR);
    let mut removed = 0;
    for folder in entries(&hosting.data().join("deployments"))? {
        let Ok(site) = SiteId::parse(&folder.name) else { continue };
        if !sites::exists(&hosting.db, &site).await? {
            removed += usize::from(remove_entry(folder.path).await?);
            continue;
        }
        for log in entries(&folder.path)? {
            if log.written < oldest && log.name.ends_with(".log") {
                removed += usize::from(remove_entry(log.path).await?);
            }
        }
    }
    Ok(removed)
}

struct Entry {
    name: String,
    path: PathBuf,
    written: Timestamp,
}

fn entries(folder: &Path) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| files::storage(folder, error))? {
        let entry = entry?;
        // Gone since it was listed.
        let Ok(metadata) = entry.metadata() else { continue };
        let written = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = entry.file_name().to_string_lossy().into_owned();
        found.push(Entry { name, path: entry.path(), written: Timestamp::default().plus(written) });
    }
    Ok(found)
}

async fn remove_entry(path: PathBuf) -> Result<bool> {
    blocking(move || {
        match std::fs::symlink_metadata(&path) {
            Ok(seen) if seen.is_dir() => files::remove_folder(&path)?,
            Ok(_) => std::fs::remove_file(&path).map_err(|error| files::storage(&path, error))?,
            Err(_) => return Ok(false),
        }
        Ok(true)
    })
    .await
}
