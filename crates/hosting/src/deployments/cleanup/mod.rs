//! What deployments leave behind: containers of releases that do not serve, folders of builds, images that nobody can go back to,
//! logs that nobody reads any more. Only what carries our label or stands in our folder is touched, one thing at a time; nothing
//! is ever pruned by a command for the whole host.

mod images;
mod leftovers;
mod retire;

use std::collections::BTreeSet;

use kit::words::counted;
use kit::{Result, sql};
use tracing::info;

use super::rollout;
use crate::Hosting;
use crate::compose::INSTANCE_LABEL;
use crate::operations;
use crate::sites::{self, ReleaseId, SiteState};

/// What a round of cleaning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Releases that can no longer be gone back to.
    pub releases: usize,
    /// Images of such releases.
    pub images: usize,
    /// Stages and steps of builds.
    pub stages: usize,
    /// Folders and logs.
    pub files: usize,
}

impl std::fmt::Display for Cleaned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cleaned { releases, images, stages, files } = *self;
        let (releases, images, stages) = (counted(releases, "release"), counted(images, "image"), counted(stages, "build stage"));
        write!(f, "{releases} retired; {images}, {stages}, {} removed", counted(files, "folder or log"))
    }
}

/// Removes containers of releases that do not serve, as a crash or a Docker that was away can leave them. Returns how many.
pub(crate) async fn stray_containers(hosting: &Hosting) -> Result<usize> {
    let listed = hosting.runtime.containers(Some(&format!("{INSTANCE_LABEL}={}", hosting.edge.project))).await?;
    // Looked at after the containers: whatever began since then is busy, and whatever ended has its release in the row.
    let busy = operations::busy_sites(&hosting.db).await?;
    let mut removed = 0;
    for site in sites::known(&hosting.db).await? {
        if site.state != SiteState::Active || busy.iter().any(|id| id == site.id.as_str()) {
            continue;
        }
        if rollout::has_leftovers(&listed, &site)? {
            removed += rollout::remove_all_but_live(hosting, &site).await?;
        }
    }
    Ok(removed)
}

/// Everything that is due: for the reconciler that comes by now and then.
pub async fn all(hosting: &Hosting) -> Result<Cleaned> {
    let releases = retire::beyond_limit(hosting).await? + retire::without_images(hosting).await?;
    let images = images::unused(hosting).await?;
    let stages = images::stages(hosting, images::Age::Old).await?;
    let files = leftovers::remove(hosting).await?;
    let cleaned = Cleaned { releases, images, stages, files };
    if cleaned != Cleaned::default() {
        info!("cleaned up: {cleaned}");
    }
    Ok(cleaned)
}

/// All that can be spared, because a disk is nearly full: also what would make the next builds quicker.
pub(super) async fn make_room(hosting: &Hosting) -> Result<()> {
    all(hosting).await?;
    let stages = images::stages(hosting, images::Age::Any).await?;
    info!("a disk is nearly full: removed {}", counted(stages, "build stage"));
    Ok(())
}

/// Releases that a deployment names which waits or is at work.
async fn in_work(hosting: &Hosting) -> Result<BTreeSet<ReleaseId>> {
    let rows: Vec<(Option<ReleaseId>, Option<ReleaseId>)> =
        hosting.db.all(sql("select release_id, previous_release_id from deployment where state in ('queued', 'running')")).await?;
    Ok(rows.into_iter().flat_map(|(new, previous)| [new, previous]).flatten().collect())
}
