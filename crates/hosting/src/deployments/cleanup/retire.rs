//! Releases that are given up: older ones than are kept, those that never served, and those whose images are gone.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use kit::{Result, sql};

use super::in_work;
use crate::deployments::releases::{self, Release};
use crate::sites::{self, ReleaseId, Site};
use crate::{Hosting, files};

/// A release that never served is looked into by nobody after so long.
const FAILED_FOR: Duration = Duration::from_secs(86_400);

/// Keeps what serves, what a deployment names, and the last few that served.
pub(super) async fn beyond_limit(hosting: &Hosting) -> Result<usize> {
    let named = in_work(hosting).await?;
    let mut retired = 0;
    for site in sites::every(&hosting.db).await? {
        let all = releases::not_retired(&hosting.db, &site.id).await?;
        for release in surplus(&all, &site.release_id, &named, hosting) {
            retired += usize::from(retire(hosting, &site, release).await?);
        }
    }
    Ok(retired)
}

/// `all` in the order in which they last began to serve, newest first.
fn surplus<'a>(all: &'a [Release], live: &ReleaseId, named: &BTreeSet<ReleaseId>, hosting: &Hosting) -> Vec<&'a Release> {
    let others = usize::try_from(hosting.config.keep_releases).unwrap_or(1).saturating_sub(1);
    let long_ago = hosting.clock.now().minus(FAILED_FOR);
    let mut kept = 0;
    all.iter()
        .filter(|release| {
            if release.id == *live || named.contains(&release.id) {
                return false;
            }
            if release.live_at.is_none() {
                return release.created_at < long_ago;
            }
            kept += 1;
            kept > others
        })
        .collect()
}

/// There is no way back to a release without its images: after a restore, or when somebody removed them by hand.
pub(super) async fn without_images(hosting: &Hosting) -> Result<usize> {
    let named = in_work(hosting).await?;
    let mut retired = 0;
    let mut there: Option<HashSet<String>> = None;
    for site in sites::every(&hosting.db).await? {
        for release in releases::not_retired(&hosting.db, &site.id).await? {
            if release.id == site.release_id || named.contains(&release.id) || release.live_at.is_none() {
                continue;
            }
            // Asked after the release was read: its images were there when it was recorded.
            if there.is_none() {
                there = Some(hosting.runtime.image_names().await?.into_iter().collect());
            }
            let images = release.images()?;
            if there.as_ref().is_some_and(|there| images.values().any(|image| !there.contains(image))) {
                retired += usize::from(retire(hosting, &site, &release).await?);
            }
        }
    }
    Ok(retired)
}

/// False when it began to serve, or was asked for, in the meantime.
async fn retire(hosting: &Hosting, site: &Site, release: &Release) -> Result<bool> {
    let changed = hosting
        .db
        .execute(
            sql("update release set retired_at = $2
                 where id = $1 and retired_at is null
                   and not exists (select 1 from site where site.id = release.site_id and site.release_id = release.id)
                   and not exists (select 1 from deployment
                                   where state in ('queued', 'running')
                                     and (deployment.release_id = release.id or previous_release_id = release.id))")
            .bind(&release.id)
            .bind(hosting.clock.now()),
        )
        .await?;
    if changed > 0 {
        files::remove_folder(&hosting.site_folder(site).join("releases").join(release.id.as_str()))?;
    }
    Ok(changed > 0)
}
