//! The queue: durable, first come first served, one at a time per site, several sites at once up to a limit.
//!
//! A newer wish for the same site takes the place of those that still wait. Nothing here works on a site: [`dispatch`] begins the
//! operation whose turn it is, in the same transaction that marks the deployment as running, so that neither is lost without the
//! other.

use std::time::Duration;

use accounts::Actor;
use accounts::audit::{self, Entry};
use kit::{Db, Error, Result, Timestamp, Tx, sql};

use super::{COLUMNS, Deployment, DeploymentId, DeploymentKind, DeploymentState, fresh_id, releases, status};
use crate::operations::{self, OperationKind};
use crate::sites::{self, ReleaseId, Site, SiteId, SiteState};
use crate::{Hosting, adopt, environment, notify};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What it comes from.
    pub kind: DeploymentKind,
    /// The branch; empty for none.
    pub branch: String,
    /// The commit, in full.
    pub commit: String,
    /// First line of its message, where known.
    pub subject: String,
    /// Who wrote it, where known.
    pub author: String,
    /// The release to go back to; only for rollbacks.
    pub release: Option<ReleaseId>,
}

impl Wish {
    /// The same commit with the settings as they are now.
    pub fn new_settings() -> Wish {
        Wish {
            kind: DeploymentKind::Settings,
            branch: String::new(),
            commit: String::new(),
            subject: String::new(),
            author: String::new(),
            release: None,
        }
    }
}

/// Where a waiting deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// How many must end or begin before it.
    pub ahead: u32,
    /// When its turn may come, by how long the last ones took; none before anything was deployed here.
    pub expected_start: Option<Timestamp>,
}

/// A deployment's time in the queue, for those who count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Of which site.
    pub site_id: SiteId,
    /// From when.
    pub from: Timestamp,
    /// Until it was begun or given up; none while it waits.
    pub until: Option<Timestamp>,
}

/// Who waited in the queue at any moment of a stretch of time. Of the whole house: for the house's own counting, not for people.
pub async fn waits(db: &Db, from: Timestamp, to: Timestamp) -> Result<Vec<Wait>> {
    let rows: Vec<(SiteId, Timestamp, Option<Timestamp>)> = db
        .all(
            sql("select site_id, created_at, cast(null as bigint) as until
                 from deployment
                 where state in ('queued', 'running') and state = 'queued' and created_at <= $2
                 union all
                 select site_id, created_at, started_at as until
                 from deployment
                 where started_at > $1 and created_at <= $2
                 union all
                 select site_id, created_at, finished_at as until
                 from deployment
                 where finished_at > $1 and started_at is null and created_at <= $2")
            .bind(from)
            .bind(to),
        )
        .await?;
    Ok(rows.into_iter().map(|(site_id, from, until)| Wait { site_id, from, until }).collect())
}

/// Asks for a deployment of a site of the actor's scope. What still waits for the same site is superseded.
pub async fn request(hosting: &Hosting, actor: &Actor, site: &SiteId, wish: &Wish) -> Result<Deployment> {
    let (site, deployment) = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), site).await?;
            let deployment = supersede_and_enqueue(&tx, hosting, &site, actor, wish).await?;
            Ok((site, deployment))
        })
        .await?;
    enqueued(hosting, &site.id).await?;
    hosting.signal(&site);
    get_again(hosting, &deployment.id).await
}

/// As [`request`], in the caller's transaction; the caller calls [`enqueued`] once it is committed.
pub async fn supersede_and_enqueue(tx: &Tx, hosting: &Hosting, site: &Site, actor: &Actor, wish: &Wish) -> Result<Deployment> {
    refuse_unless_active(site)?;
    let now = hosting.clock.now();
    let waiting: Vec<Deployment> = tx.all(sql(COLUMNS).and("where site_id = $1 and state = 'queued'").bind(&site.id)).await?;
    let environment_version = environment::current_version(tx, &site.id).await?;
    // New settings do not push a commit out of the queue: it takes them along.
    if wish.kind == DeploymentKind::Settings
        && let Some(queued) = waiting.iter().find(|it| matches!(it.kind, DeploymentKind::Push | DeploymentKind::Manual))
    {
        let update = sql("update deployment set environment_version = $2 where id = $1").bind(&queued.id).bind(environment_version);
        tx.execute(update).await?;
        return tx.one(sql(COLUMNS).and("where id = $1").bind(&queued.id)).await;
    }
    tx.execute(
        sql("update deployment set state = 'superseded', finished_at = $2 where site_id = $1 and state = 'queued'")
            .bind(&site.id)
            .bind(now),
    )
    .await?;
    for superseded in &waiting {
        notify::enqueue(tx, hosting, &superseded.id).await?;
    }
    let id = fresh_id(tx, &hosting.clock).await?;
    tx.execute(
        sql("insert into deployment (id, site_id, kind, state, branch, commit_hash, subject, author, requested_by, environment_version,
                                     release_id, created_at)
             values ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, $10, $11)")
        .bind(&id)
        .bind(&site.id)
        .bind(wish.kind)
        .bind(shortened(&wish.branch))
        .bind(shortened(&wish.commit))
        .bind(shortened(&wish.subject))
        .bind(shortened(&wish.author))
        .bind(actor.name())
        .bind(environment_version)
        .bind(wish.release.clone())
        .bind(now),
    )
    .await?;
    let detail = serde_json::json!({ "deployment": id.as_str(), "kind": wish.kind.as_str(), "commit": wish.commit, "branch": wish.branch });
    let entry = Entry { action: "site.deploy", customer: Some(&site.customer_id), subject: site.id.as_str(), detail };
    audit::record(tx, &hosting.clock, actor, entry).await?;
    tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
}

/// Only what serves can be replaced.
pub(super) fn refuse_unless_active(site: &Site) -> Result<()> {
    adopt::refuse_adopted(site)?;
    if site.state != SiteState::Active {
        return Err(Error::conflict(format!("a site that is {} cannot be deployed", site.state)));
    }
    Ok(())
}

/// Texts of others as they are stored: bounded, without control characters.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

async fn get_again(hosting: &Hosting, id: &DeploymentId) -> Result<Deployment> {
    super::get_any(&hosting.db, id).await
}

/// Asks to go back to a kept release of a site of the actor's scope; nothing is built.
pub async fn rollback(hosting: &Hosting, actor: &Actor, site: &SiteId, release: &ReleaseId) -> Result<Deployment> {
    let site = sites::get(&hosting.db, &actor.scope(), site).await?;
    let kept = releases::kept(&hosting.db, &actor.scope(), &site.id).await?;
    let Some(target) = kept.iter().find(|kept| kept.id == *release) else {
        return Err(Error::not_found("release"));
    };
    if target.id == site.release_id {
        return Err(Error::conflict("this release is the one that serves"));
    }
    request(hosting, actor, &site.id, &wish_back_to(DeploymentKind::Rollback, target)).await
}

pub(crate) fn wish_back_to(kind: DeploymentKind, release: &releases::Release) -> Wish {
    Wish {
        kind,
        branch: String::new(),
        commit: release.commit_hash.clone(),
        subject: String::new(),
        author: String::new(),
        release: Some(release.id.clone()),
    }
}

/// Tells programs that a deployment of the site waits, and begins what may begin.
pub async fn enqueued(hosting: &Hosting, site: &SiteId) -> Result<u32> {
    let waiting: Option<Deployment> = hosting.db.optional(sql(COLUMNS).and("where site_id = $1 and state = 'queued'").bind(site)).await?;
    waiting.iter().for_each(|deployment| notify::announce(hosting, deployment));
    dispatch(hosting).await
}

/// Begins what may begin: as many as there are places for, oldest first, none on a site at which something is at work. Safe to
/// call at any time, from any instance.
pub async fn dispatch(hosting: &Hosting) -> Result<u32> {
    let mut begun = 0;
    while let Some(site) = hosting.db.write(async |tx| begin_next(&tx, hosting).await).await? {
        begun += 1;
        let running: Option<Deployment> =
            hosting.db.optional(sql(COLUMNS).and("where site_id = $1 and state = 'running'").bind(&site)).await?;
        running.iter().for_each(|deployment| notify::announce(hosting, deployment));
        hosting.signal(&sites::get_any(&hosting.db, &site).await?);
    }
    Ok(begun)
}

async fn begin_next(tx: &Tx, hosting: &Hosting) -> Result<Option<SiteId>> {
    // Stopped or deleted meanwhile. What was pushed is deployed when the site is started again; its settings are read at every start.
    let ended: Vec<(DeploymentId,)> = tx
        .all(
            sql("update deployment
             set state = 'cancelled', finished_at = $1, error = 'the site does not run any more'
             where state = 'queued'
               and exists (select 1 from site s where s.id = deployment.site_id and s.state <> 'active')
               and not exists (select 1 from site_operation o where o.site_id = deployment.site_id and o.state = 'running')
             returning id")
            .bind(hosting.clock.now()),
        )
        .await?;
    for (id,) in &ended {
        notify::enqueue(tx, hosting, id).await?;
    }
    let (running,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from deployment where state = 'running'")).await?;
    if running >= i64::from(hosting.config.parallel_deployments) {
        return Ok(None);
    }
    let next: Option<(DeploymentId, SiteId, DeploymentKind)> = tx
        .optional(sql("select d.id, d.site_id, d.kind
             from deployment d
             join site s on s.id = d.site_id
             where d.state = 'queued' and s.state = 'active'
               and not exists (select 1 from site_operation o where o.site_id = d.site_id and o.state = 'running')
             order by d.created_at, d.id
             limit 1"))
        .await?;
    let Some((id, site, kind)) = next else { return Ok(None) };
    let operation = match kind {
        DeploymentKind::Push | DeploymentKind::Manual => OperationKind::Deploy,
        DeploymentKind::Settings | DeploymentKind::Rollback | DeploymentKind::AutomaticRollback => OperationKind::Rollout,
    };
    let actor = Actor::job("deployments");
    let operation = operations::begin(tx, hosting, &site, operation, &actor).await?;
    tx.execute(
        sql("update deployment
             set state = 'running', started_at = $2, operation_id = $3,
                 previous_release_id = (select release_id from site where site.id = deployment.site_id)
             where id = $1")
        .bind(&id)
        .bind(hosting.clock.now())
        .bind(&operation),
    )
    .await?;
    status::announce(tx, hosting, &id).await?;
    // Its watch is over: what it watches is about to be replaced.
    tx.execute(sql("update deployment set watched_until = null where site_id = $1 and watched_until is not null").bind(&site)).await?;
    Ok(Some(site))
}

/// Sites that a version without releases made get one by a roll-out of what they are: their containers carry no release, and the
/// route names one. Asked for once; returns for how many.
pub(crate) async fn renew_the_unrecorded(hosting: &Hosting) -> Result<u32> {
    let unrecorded: Vec<(SiteId,)> = hosting
        .db
        .all(sql("select s.id from site s
             where s.state = 'active' and s.kind <> 'adopted'
               and not exists (select 1 from release r where r.id = s.release_id)
               and not exists (select 1 from deployment d where d.site_id = s.id)
               and not exists (select 1 from site_operation o where o.site_id = s.id and o.state = 'running')"))
        .await?;
    let mut asked = 0;
    for (site,) in unrecorded {
        request(hosting, &Actor::job("deployments.upgrade"), &site, &Wish::new_settings()).await?;
        asked += 1;
    }
    Ok(asked)
}

/// Stops a deployment of the actor's scope: one that waits at once, one at work as soon as its step lets go. Too late once
/// visitors get the new release.
pub async fn cancel(hosting: &Hosting, actor: &Actor, id: &DeploymentId) -> Result<Deployment> {
    let found = super::get(&hosting.db, &actor.scope(), id).await?;
    let site = sites::get(&hosting.db, &actor.scope(), &found.site_id).await?;
    hosting
        .db
        .write(async |tx| {
            let now = hosting.clock.now();
            let changed = tx
                .execute(
                    sql("update deployment
                         set cancelled_by = $2,
                             finished_at = case when state = 'queued' then $3 else finished_at end,
                             state = case when state = 'queued' then 'cancelled' else state end
                         where id = $1 and served_at is null and state in ('queued', 'running')")
                    .bind(id)
                    .bind(actor.name())
                    .bind(now),
                )
                .await?;
            if changed == 0 {
                return Err(Error::conflict("it is too late: this deployment has its verdict"));
            }
            let detail = serde_json::json!({ "deployment": id.as_str() });
            // One that waited has its verdict by that; one at work gets it when its step lets go.
            notify::enqueue(&tx, hosting, id).await?;
            let entry = Entry { action: "site.deploy_cancel", customer: Some(&site.customer_id), subject: site.id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await
        })
        .await?;
    hosting.cancelled.notify_waiters();
    hosting.signal(&site);
    get_again(hosting, id).await
}

/// Where a deployment stands in the queue; none when it does not wait.
pub async fn place(db: &Db, parallel: u32, now: Timestamp, deployment: &Deployment) -> Result<Option<Place>> {
    if deployment.state != DeploymentState::Queued {
        return Ok(None);
    }
    let (ahead,): (i64,) = db
        .one(
            sql("select cast(count(*) as bigint) from deployment
                 where state = 'running' or (state = 'queued' and (created_at, id) < ($1, $2))")
            .bind(deployment.created_at)
            .bind(&deployment.id),
        )
        .await?;
    let took: Vec<(i64,)> = db
        .all(sql("select finished_at - started_at from deployment
             where served_at is not null and finished_at is not null
             order by finished_at desc limit 20"))
        .await?;
    let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
    let mean = took.iter().map(|(millis,)| millis.max(&0)).sum::<i64>().checked_div(i64::try_from(took.len()).unwrap_or(1));
    let expected_start = mean.filter(|_| !took.is_empty()).map(|mean| {
        let rounds = u64::from(ahead.div_ceil(parallel.max(1)));
        now.plus(Duration::from_millis(u64::try_from(mean).unwrap_or(0) * rounds))
    });
    Ok(Some(Place { ahead, expected_start }))
}
