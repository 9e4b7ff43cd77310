//! The way from the word of a push to a deployment: fetches exactly the pushed commit, then asks for its deployment. A job, so that
//! a provider that is away for a while, or a restart of ours, loses no push.

use accounts::Actor;
use kit::jobs::{Attempt, Enqueue, Job, enqueue};
use kit::{Error, Result, Timestamp, Tx, sql};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::deliveries::{self, DeliveryId};
use super::providers::{Place, ProviderKind};
use super::{heads, providers, repositories};
use crate::deployments::{self, DeploymentId, DeploymentKind, DeploymentState, Wish};
use crate::sites::{self, Site, SiteId};
use crate::{Hosting, git};

/// Deploys a pushed commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployPushed {
    /// Of which site.
    pub site_id: SiteId,
    /// The branch that was pushed.
    pub branch: String,
    /// The commit, in full.
    pub commit: String,
    /// What the branch was at before, where the sender says so.
    pub before: Option<String>,
    /// The delivery that told of it; none where it was found by looking.
    pub delivery_id: Option<DeliveryId>,
}

impl<C: AsRef<Hosting> + Clone + Send + Sync + 'static> Job<C> for DeployPushed {
    const KIND: &'static str = "git.deploy_pushed";
    /// Pauses up to ten minutes: an hour in all. Later the reconciler of heads finds it.
    const MAX_ATTEMPTS: i64 = 13;
    /// Longer than `git` may take.
    const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1500);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let hosting = context.as_ref();
        let Some(site) = find(hosting, &self.site_id).await? else { return Ok(()) };
        let outcome = match deploy(hosting, &site, &self).await? {
            Outcome::Requested(deployment) => {
                info!(site.id = %site.id, "commit {} of site `{}` waits for its deployment `{deployment}`", self.commit, site.id);
                deployments::queue::enqueued(hosting, &site.id).await?;
                None
            }
            Outcome::Known => None,
            Outcome::Left(why) => Some(why),
        };
        if let (Some(delivery), Some(why)) = (&self.delivery_id, &outcome) {
            deliveries::note(&hosting.db, delivery, why).await?;
        }
        hosting.signal(&site);
        Ok(())
    }

    async fn gave_up(self, context: C, error: String) -> Result<()> {
        let Some(delivery) = &self.delivery_id else { return Ok(()) };
        deliveries::note(&context.as_ref().db, delivery, &format!("not deployed: {error}")).await
    }
}

/// What became of a pushed commit.
enum Outcome {
    /// Its deployment was asked for.
    Requested(DeploymentId),
    /// It has one.
    Known,
    /// None is needed, and why.
    Left(String),
}

/// A site may be gone when its turn comes.
async fn find(hosting: &Hosting, id: &SiteId) -> Result<Option<Site>> {
    match sites::get_any(&hosting.db, id).await {
        Ok(site) => Ok(Some(site)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn deploy(hosting: &Hosting, site: &Site, push: &DeployPushed) -> Result<Outcome> {
    // One at a time: two fetches would move one branch.
    let lock = hosting.build_lock(&format!("fetch:{}", site.id));
    let _alone = lock.lock().await;
    if is_overtaken(hosting, push).await? {
        return Ok(Outcome::Left(OVERTAKEN.to_owned()));
    }
    let repository = repositories::of_site(hosting, site).await?;
    let bare = hosting.repository(site);
    let place = Place { bare: &bare, repository: &repository };
    hosting.providers.of(repository.provider)?.fetch(place, &push.branch, &push.commit).await?;
    if came_late(&bare, push).await? {
        return Ok(Outcome::Left("told late: the branch is further on already".to_owned()));
    }
    if repository.provider != ProviderKind::Embedded {
        providers::take_over(&bare, &push.branch, &push.commit).await?;
    }
    let (subject, author) = git::describe(&bare, &push.commit).await?;
    let wish =
        Wish { kind: DeploymentKind::Push, branch: push.branch.clone(), commit: push.commit.clone(), subject, author, release: None };
    let outcome = hosting.db.write(async |tx| request(&tx, hosting, push, &wish).await).await;
    match outcome {
        // Stopped, or being moved: what waits is found by looking once it serves again.
        Err(Error::Conflict(why)) => Ok(Outcome::Left(why)),
        other => other,
    }
}

const OVERTAKEN: &str = "a newer push came before its turn";

async fn request(tx: &Tx, hosting: &Hosting, push: &DeployPushed, wish: &Wish) -> Result<Outcome> {
    let site = sites::get_in(tx, &accounts::Scope::house_of_job(), &push.site_id).await?;
    if let Some(delivery) = &push.delivery_id {
        if deliveries::deployment_of(tx, delivery).await?.is_some() {
            return Ok(Outcome::Known);
        }
        if deliveries::has_newer(tx, &push.site_id, delivery).await? {
            return Ok(Outcome::Left(OVERTAKEN.to_owned()));
        }
    } else if !heads::is_missed(tx, &push.site_id, &push.commit).await? {
        return Ok(Outcome::Left("it was deployed meanwhile".to_owned()));
    }
    // Told twice, by a push and by a delivery, or by a delivery that comes after it was found by looking.
    let newest: Option<(DeploymentId, DeploymentState, String)> = tx
        .optional(
            sql("select id, state, commit_hash from deployment
                 where site_id = $1 and kind = 'push'
                 order by created_at desc, id desc limit 1")
            .bind(&push.site_id),
        )
        .await?;
    let same = newest.filter(|(_, state, commit)| {
        *commit == push.commit && matches!(state, DeploymentState::Queued | DeploymentState::Running | DeploymentState::Success)
    });
    let (outcome, deployment) = match same {
        Some((id, ..)) => (Outcome::Known, id),
        None => {
            let actor = Actor::job(if push.delivery_id.is_some() { "webhook" } else { "git.heads" });
            let made = deployments::supersede_and_enqueue(tx, hosting, &site, &actor, wish).await?;
            (Outcome::Requested(made.id.clone()), made.id)
        }
    };
    if let Some(delivery) = &push.delivery_id {
        deliveries::came_to(tx, delivery, &deployment).await?;
    }
    Ok(outcome)
}

async fn is_overtaken(hosting: &Hosting, push: &DeployPushed) -> Result<bool> {
    match &push.delivery_id {
        Some(delivery) => hosting.db.write(async |tx| deliveries::has_newer(&tx, &push.site_id, delivery).await).await,
        None => Ok(false),
    }
}

/// Whether a delivery tells of a commit that the branch has left behind. One that goes back on purpose says that it comes from
/// where the branch is.
async fn came_late(bare: &std::path::Path, push: &DeployPushed) -> Result<bool> {
    let (Some(before), Some(head)) = (&push.before, git::branch_head(bare, &push.branch).await?) else { return Ok(false) };
    if *before == head || push.commit == head {
        return Ok(false);
    }
    git::is_ancestor(bare, &push.commit, &head).await
}

/// Asks for the deployment of a commit that was found by looking; false when that is at work already.
pub(crate) async fn enqueue_found(hosting: &Hosting, site: &SiteId, branch: &str, commit: &str) -> Result<bool> {
    let job = DeployPushed { site_id: site.clone(), branch: branch.to_owned(), commit: commit.to_owned(), before: None, delivery_id: None };
    let once = || Enqueue { unique_key: Some(format!("found:{site}:{commit}")), run_at: None::<Timestamp> };
    let added = hosting.db.write(async |tx| enqueue::<Hosting, _>(&tx, &hosting.clock, &job, once()).await).await?;
    Ok(added.is_some())
}
