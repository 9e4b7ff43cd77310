//! Whether there is room on the disks: a deployment is refused before it fills them, because databases stop on a full disk.

use std::path::PathBuf;
use std::time::Duration;

use kit::{Error, Result, disk};
use tracing::warn;

use super::cleanup;
use crate::Hosting;
use crate::operations::blocking;

const MB: u64 = 1_000_000;
/// How often the disks are looked at during a build.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What room is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Files of a commit, and images.
    Build,
    /// Containers of images that exist. Less, since the way back must not be barred by what a new release wrote.
    Rollout,
}

/// Refuses when there is too little room, after what is ours and useless was removed.
pub(crate) async fn ensure(hosting: &Hosting, need: Need) -> Result<()> {
    let wanted = wanted(hosting, need);
    if wanted == 0 || least_free(hosting).await?.0 >= wanted {
        return Ok(());
    }
    cleanup::make_room(hosting).await?;
    let (free, path) = least_free(hosting).await?;
    if free >= wanted {
        return Ok(());
    }
    warn!(
        "a deployment was refused: {} MB are free on the disk of {}, hosting.min_free_mb asks for {}",
        free / MB,
        path.display(),
        wanted / MB
    );
    Err(full(free, wanted))
}

/// Comes back when a build that goes on would leave too little room.
pub(super) async fn runs_out(hosting: &Hosting) -> Error {
    let least = wanted(hosting, Need::Rollout);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match least_free(hosting).await {
            Ok((free, _)) if free < least => return full(free, least),
            _ => {}
        }
    }
}

fn wanted(hosting: &Hosting, need: Need) -> u64 {
    let whole = u64::from(hosting.config.min_free_mb) * MB;
    match need {
        Need::Build => whole,
        Need::Rollout => whole / 4,
    }
}

fn full(free: u64, wanted: u64) -> Error {
    Error::conflict(format!(
        "a disk of this server is nearly full: {} MB are free, and {} MB are needed; whoever runs the server has to free some space",
        free / MB,
        wanted / MB
    ))
}

/// The fewest bytes that are free on a disk that a deployment writes to, and which one that is.
async fn least_free(hosting: &Hosting) -> Result<(u64, PathBuf)> {
    let mut folders = vec![hosting.data().to_owned()];
    // An engine on another machine has its folder there.
    folders.extend(hosting.runtime.about().await.map(|facts| facts.root).ok().filter(|root| root.is_dir()));
    blocking(move || {
        let mut least = (u64::MAX, PathBuf::new());
        for folder in folders {
            let free = disk::usage(&folder)?.free_bytes;
            if free < least.0 {
                least = (free, folder);
            }
        }
        Ok(least)
    })
    .await
}
