//! What previews follow: pushes to their branches, the end of these, and time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use accounts::Actor;
use kit::jobs::Reconciler;
use kit::words::counted;
use kit::{Error, Result, sql};
use tracing::{info, warn};

use super::{making, stay_longer};
use crate::Hosting;
use crate::deployments::{self, Deployment, DeploymentKind, Wish};
use crate::git::{self, Branch, BranchName};
use crate::operations::{self, OperationKind};
use crate::sites::{self, COLUMNS, Site, SiteId, SiteState};

/// Branches are compared in every fifth round: a push tells of itself, this is for what was missed.
const COMPARE_EVERY: u64 = 5;
/// So many expired ones are removed in one round.
const AT_ONCE: i64 = 20;

/// A branch of a site was pushed: its preview, if it has one, stays for another while and shows the commit. For whoever takes pushes
/// and has checked that the actor may; `commit` need not be the newest by the time this runs.
///
/// Answers with the deployment that was asked for; none where there is no preview, or where it takes the commit along as it is made.
pub async fn pushed(hosting: &Hosting, actor: &Actor, site: &SiteId, branch: &str, commit: &str) -> Result<Option<Deployment>> {
    let Some(preview) = of_branch(hosting, actor, site, branch).await? else { return Ok(None) };
    stay_longer(hosting, &preview.id).await?;
    let name = BranchName::parse(branch)?;
    let at = git::branch(&hosting.repository(&preview), &name).await?.filter(|at| at.commit == commit);
    let at = at.unwrap_or_else(|| Branch {
        name,
        commit: commit.to_owned(),
        subject: String::new(),
        author: String::new(),
        at: hosting.clock.now(),
    });
    show(hosting, actor, &preview, &at).await
}

/// A branch of a site was deleted: so is its preview.
pub async fn branch_deleted(hosting: &Hosting, actor: &Actor, site: &SiteId, branch: &str) -> Result<()> {
    let Some(preview) = of_branch(hosting, actor, site, branch).await? else { return Ok(()) };
    match operations::request(hosting, actor, &preview.id, OperationKind::Discard).await {
        // Worked on just now: the reconciler removes it later, because its branch is gone.
        Ok(_) | Err(Error::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn of_branch(hosting: &Hosting, actor: &Actor, site: &SiteId, branch: &str) -> Result<Option<Site>> {
    let site = sites::get(&hosting.db, &actor.scope(), site).await?;
    hosting.db.optional(sql(COLUMNS).and("where preview_of = $1 and preview_branch = $2").bind(&site.id).bind(branch)).await
}

/// Lets a preview show a commit of its branch.
async fn show(hosting: &Hosting, actor: &Actor, preview: &Site, at: &Branch) -> Result<Option<Deployment>> {
    match preview.state {
        SiteState::Active => {
            let wish = Wish {
                kind: DeploymentKind::Push,
                branch: preview.branch().to_owned(),
                commit: at.commit.clone(),
                subject: at.subject.clone(),
                author: at.author.clone(),
                release: None,
            };
            deployments::request(hosting, actor, &preview.id, &wish).await.map(Some)
        }
        // Its making failed, perhaps at what this commit mends.
        SiteState::Failed if is_unmade(hosting, preview).await? => {
            hosting
                .db
                .write(async |tx| {
                    operations::refuse_while_busy(&tx, &preview.id).await?;
                    making::begin(&tx, hosting, actor, preview, DeploymentKind::Push, at).await
                })
                .await?;
            hosting.signal(preview);
            deployments::newest(&hosting.db, &actor.scope(), &preview.id).await
        }
        // Being made, stopped or removed: what it misses is seen when it is over.
        _ => Ok(None),
    }
}

async fn is_unmade(hosting: &Hosting, preview: &Site) -> Result<bool> {
    let last = operations::last(&hosting.db, &preview.id).await?;
    Ok(last.is_some_and(|operation| operation.kind == OperationKind::Preview))
}

/// Removes previews whose time is over or whose branch is gone, and lets the others catch up with pushes that nobody told of.
#[derive(Default)]
pub struct Previews {
    rounds: AtomicU64,
}

impl<C: AsRef<Hosting> + Send + 'static> Reconciler<C> for Previews {
    const NAME: &'static str = "hosting.previews";
    const EVERY: Duration = Duration::from_secs(60);

    async fn reconcile(&self, context: C) -> Result<String> {
        let hosting = context.as_ref().clone();
        let round = self.rounds.fetch_add(1, Ordering::Relaxed);
        let mut removed = remove_expired(&hosting).await?;
        let mut behind = 0;
        if round.is_multiple_of(COMPARE_EVERY) {
            let (gone, deployed) = compare(&hosting).await?;
            removed += gone;
            behind = deployed;
        }
        Ok(format!("{} removed, {behind} brought up to date", counted(removed, "preview")))
    }
}

/// Removes those whose time is over; returns how many were begun with.
pub(crate) async fn remove_expired(hosting: &Hosting) -> Result<u32> {
    let expired: Vec<Site> = hosting
        .db
        .all(
            sql(COLUMNS)
                .and("where preview_of is not null and preview_expires_at is not null and preview_expires_at <= $1")
                .and("order by preview_expires_at limit $2")
                .bind(hosting.clock.now())
                .bind(AT_ONCE),
        )
        .await?;
    let mut removed = 0;
    for preview in expired {
        removed += u32::from(give_up(hosting, &preview, "its time is over").await?);
    }
    Ok(removed)
}

/// Compares each preview with its branch: how many were removed, and how many get a newer commit.
pub(crate) async fn compare(hosting: &Hosting) -> Result<(u32, u32)> {
    let previews: Vec<Site> = hosting.db.all(sql(COLUMNS).and("where preview_of is not null order by preview_of, preview_branch")).await?;
    let busy = operations::busy_sites(&hosting.db).await?;
    let (mut removed, mut behind) = (0, 0);
    for preview in previews.iter().filter(|preview| !busy.iter().any(|id| id == preview.id.as_str())) {
        // One that cannot be looked at must not keep the others waiting, and is not taken for one that is gone.
        match catch_up(hosting, preview).await {
            Ok(Caught::Gone) => removed += u32::from(give_up(hosting, preview, "its branch is gone").await?),
            Ok(Caught::Behind) => behind += 1,
            Ok(Caught::Right) => {}
            Err(error) => warn!(site.id = %preview.id, "comparing preview `{}` with its branch: {error}", preview.id),
        }
    }
    Ok((removed, behind))
}

enum Caught {
    Gone,
    Behind,
    Right,
}

async fn catch_up(hosting: &Hosting, preview: &Site) -> Result<Caught> {
    let repository = hosting.repository(preview);
    if !repository.join("HEAD").is_file() {
        return Err(Error::unavailable("the repository is not there"));
    }
    let name = BranchName::parse(preview.branch())?;
    let Some(at) = git::branch(&repository, &name).await? else { return Ok(Caught::Gone) };
    let actor = Actor::job("previews");
    // Whatever became of it: a commit that failed is not tried again by itself.
    let newest = deployments::history(&hosting.db, &actor.scope(), &preview.id, None, 20).await?;
    let last = newest.iter().find(|deployment| matches!(deployment.kind, DeploymentKind::Push | DeploymentKind::Manual));
    if last.is_some_and(|last| last.commit_hash == at.commit) {
        return Ok(Caught::Right);
    }
    Ok(if show(hosting, &actor, preview, &at).await?.is_some() { Caught::Behind } else { Caught::Right })
}

/// Removes a preview; false when something is done to it just now.
async fn give_up(hosting: &Hosting, preview: &Site, why: &str) -> Result<bool> {
    match operations::request(hosting, &Actor::job("previews"), &preview.id, OperationKind::Discard).await {
        Ok(_) => {
            info!(site.id = %preview.id, "removing preview `{}` of `{}`: {why}", preview.id, preview.shown());
            Ok(true)
        }
        Err(Error::Conflict(_) | Error::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
