//! Tells the provider of a site's repository how its commits fare: shown beside the commit, with a link to the deployment.

use kit::jobs::{Attempt, Enqueue, Job, enqueue};
use kit::{Error, Result, Tx, sql};
use serde::{Deserialize, Serialize};

use super::{DeploymentId, DeploymentState, get_any};
use crate::git::providers::{CommitStatus, Place, StatusState};
use crate::git::repositories;
use crate::{Hosting, sites};

/// Tells the provider how the commit of a deployment fares. It tells the state as it is when it runs, so that words which were held
/// up cannot say something that is over.
#[derive(Debug, Serialize, Deserialize)]
pub struct TellProvider {
    /// Which deployment.
    pub deployment_id: DeploymentId,
}

impl<C: AsRef<Hosting> + Clone + Send + Sync + 'static> Job<C> for TellProvider {
    const KIND: &'static str = "deployment.status";

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let hosting = context.as_ref();
        match tell(hosting, &self.deployment_id).await {
            // As long as they ask for, which may be longer than jobs are tried.
            Err(Error::Throttled { retry_after, .. }) => {
                let later = hosting.clock.now().plus(retry_after);
                hosting
                    .db
                    .write(async |tx| {
                        let how = Enqueue { unique_key: None, run_at: Some(later) };
                        enqueue::<C, _>(&tx, &hosting.clock, &self, how).await.map(|_| ())
                    })
                    .await
            }
            // The site is gone, and with it who wanted to know.
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }
}

async fn tell(hosting: &Hosting, id: &DeploymentId) -> Result<()> {
    let deployment = get_any(&hosting.db, id).await?;
    let site = sites::get_any(&hosting.db, &deployment.site_id).await?;
    let (state, description) = match deployment.state {
        DeploymentState::Queued => (StatusState::Pending, "Waits for its turn"),
        DeploymentState::Running => (StatusState::Pending, "Being deployed"),
        DeploymentState::Success => (StatusState::Success, "Visitors get it"),
        DeploymentState::Failed => (StatusState::Failure, "Not deployed; what served before still serves"),
        DeploymentState::Cancelled => (StatusState::Cancelled, "Cancelled; what served before still serves"),
        DeploymentState::Superseded => (StatusState::Cancelled, "A newer commit took its place"),
        DeploymentState::RolledBack => (StatusState::Failure, "Taken back: it did worse than the release before"),
    };
    let link = format!("{}/sites/{}/deployments/{id}", hosting.public_url.trim_end_matches('/'), site.id);
    let status = CommitStatus { commit: deployment.commit_hash.clone(), state, description: description.to_owned(), link };
    let repository = repositories::of_site(hosting, &site).await?;
    let bare = hosting.repository(&site);
    let place = Place { bare: &bare, repository: &repository };
    hosting.providers.of(repository.provider)?.set_status(place, &status).await
}

/// Has the provider told of a deployment whose state changes in this transaction. Nothing is told of what is about no pushed commit,
/// nor where the repository is ours.
pub(crate) async fn announce(tx: &Tx, hosting: &Hosting, id: &DeploymentId) -> Result<()> {
    let about: Option<(sites::SiteId,)> = tx
        .optional(sql("select site_id from deployment where id = $1 and kind in ('push', 'manual') and commit_hash <> ''").bind(id))
        .await?;
    let Some((site,)) = about else { return Ok(()) };
    if repositories::is_outside(tx, &site).await? {
        let job = TellProvider { deployment_id: id.clone() };
        enqueue::<Hosting, _>(tx, &hosting.clock, &job, Enqueue::default()).await?;
    }
    Ok(())
}

/// As [`announce`], after the change was stored.
pub(crate) async fn announce_now(hosting: &Hosting, id: &DeploymentId) -> Result<()> {
    hosting.db.write(async |tx| announce(&tx, hosting, id).await).await
}
