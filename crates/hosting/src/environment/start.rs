//! What a site that serves nobody takes over before it starts: settings that were changed while it was stopped.

use accounts::Scope;
use kit::{Result, sql};

use crate::deployments::DeploymentId;
use crate::deployments::releases::{self, NewRelease};
use crate::deployments::steps::live_release;
use crate::sites::{self, ReleaseId, Site, SiteId};
use crate::{Hosting, environment};

/// Gives a site that serves nobody a release with its newest variables, where these were saved for its start. What a deployment
/// began to bring is left to that: it may have failed for good reason, or been rolled back.
pub(crate) async fn take_newest(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let live = live_release(hosting, site).await?;
    let history = environment::history(&hosting.db, &Scope::house_of_job(), &site.id, None, 1).await?;
    let is_newer = |newest: &&environment::Version| {
        newest.version != live.environment_version && live.live_at.is_none_or(|live_at| newest.created_at >= live_at)
    };
    let Some(newest) = history.first().filter(is_newer) else { return Ok(None) };
    if tried(hosting, &site.id, newest.version).await? {
        return Ok(None);
    }
    let (id, images) = (ReleaseId::new(&hosting.clock), live.images()?);
    let new = NewRelease {
        commit: &live.commit_hash,
        images: &images,
        environment_version: newest.version,
        template_version: &live.template_version,
    };
    hosting
        .db
        .write(async |tx| {
            releases::record(&tx, &hosting.clock, &site.id, &id, &new).await?;
            sites::set_release(&tx, &hosting.clock, &site.id, &id).await
        })
        .await?;
    Ok(Some(format!("variables of version {}", newest.version)))
}

/// Whether a deployment ever began to bring a version.
async fn tried(hosting: &Hosting, site: &SiteId, version: i64) -> Result<bool> {
    let begun: Option<(DeploymentId,)> = hosting
        .db
        .optional(
            sql("select id from deployment where site_id = $1 and environment_version = $2 and started_at is not null limit 1")
                .bind(site)
                .bind(version),
        )
        .await?;
    Ok(begun.is_some())
}

/// Notes that the release with which a site was started serves, where it never did before.
pub(crate) async fn note_live(hosting: &Hosting, site: &Site) -> Result<()> {
    if live_release(hosting, site).await?.live_at.is_some() {
        return Ok(());
    }
    hosting.db.write(async |tx| releases::went_live(&tx, &hosting.clock, &site.release_id).await).await
}
