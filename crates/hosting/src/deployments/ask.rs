//! What people and scripts ask for: a commit by its name, the way back by a word. The queue does the rest.

use accounts::Actor;
use kit::{Error, Result};

use super::queue::refuse_unless_active;
use super::{Deployment, DeploymentId, DeploymentKind, Wish, queue, releases, serving};
use crate::sites::{self, ReleaseId, Site, SiteId};
use crate::{Hosting, git};

/// Where to go back to.
#[derive(Debug, Clone, Default)]
pub enum BackTo {
    /// What served before.
    #[default]
    Before,
    /// A kept release.
    Release(ReleaseId),
    /// The release that a deployment made live.
    Deployment(DeploymentId),
}

/// Asks for a commit of a site of the actor's scope to be deployed: the one that is named (its first digits and branches do), or
/// the newest of the site's branch.
pub async fn deploy(hosting: &Hosting, actor: &Actor, site: &SiteId, commit: Option<&str>) -> Result<Deployment> {
    let site = sites::get(&hosting.db, &actor.scope(), site).await?;
    // Before git is asked: a site that is being made has no repository yet.
    refuse_unless_active(&site)?;
    let commit = git::resolve(&hosting.repository(&site), commit.unwrap_or(site.branch())).await?;
    let wish = Wish {
        kind: DeploymentKind::Manual,
        branch: commit.branch,
        commit: commit.hash,
        subject: commit.subject,
        author: commit.author,
        release: None,
    };
    queue::request(hosting, actor, &site.id, &wish).await
}

/// Asks for an earlier release of a site of the actor's scope to serve again; nothing is built.
pub async fn go_back(hosting: &Hosting, actor: &Actor, site: &SiteId, to: &BackTo) -> Result<Deployment> {
    let site = sites::get(&hosting.db, &actor.scope(), site).await?;
    refuse_unless_active(&site)?;
    let release = match to {
        BackTo::Before => before(hosting, actor, &site).await?,
        BackTo::Release(release) => release.clone(),
        BackTo::Deployment(id) => {
            let deployment = super::get(&hosting.db, &actor.scope(), id).await?;
            if deployment.site_id != site.id {
                return Err(Error::not_found("deployment"));
            }
            deployment.release_id.ok_or_else(|| Error::conflict("this deployment made no release"))?
        }
    };
    queue::rollback(hosting, actor, &site.id, &release).await
}

/// The release that served before the one that serves, as far as it is kept.
async fn before(hosting: &Hosting, actor: &Actor, site: &Site) -> Result<ReleaseId> {
    let mut kept = releases::kept(&hosting.db, &actor.scope(), &site.id).await?;
    kept.retain(|release| release.id != site.release_id);
    let previous = serving(&hosting.db, site).await?.and_then(|it| it.previous_release_id);
    let found = kept.iter().find(|release| Some(&release.id) == previous.as_ref()).or_else(|| kept.iter().max_by_key(|it| it.live_at));
    found.map(|release| release.id.clone()).ok_or_else(|| Error::conflict("there is no earlier release to go back to"))
}
