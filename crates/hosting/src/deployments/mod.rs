//! Deployments: from a pushed commit, or changed settings, to a release that visitors get.
//!
//! A deployment waits in a durable queue ([`queue`]), one at a time per site, and then runs as an operation of named steps
//! ([`steps`]): the release is built and started beside the one that serves, the route is switched, and only after the edge has
//! answered with the new release does the old one drain and go. Whatever fails before that leaves the old release as it was.

mod ask;
pub mod build;
pub mod checkout;
pub mod cleanup;
pub mod colours;
mod follow;
pub mod log;
pub mod queue;
pub mod releases;
pub mod rollout;
mod room;
pub mod status;
pub(crate) mod steps;
pub mod watch;

use accounts::Scope;
use kit::db::{FromValue, Value};
use kit::{Clock, Db, Error, Result, Timestamp, from_row, sql, text_enum};
use serde::{Deserialize, Serialize};

pub use ask::{BackTo, deploy, go_back};
pub use follow::{Growth, Until, follow};
pub use queue::{Place, Wish, cancel, place, request, rollback, supersede_and_enqueue};
pub use releases::Release;

use crate::operations::{self, Operation, OperationId, Step};
use crate::sites::{self, ReleaseId, Site, SiteId};

text_enum!(
    /// What a deployment came from.
    DeploymentKind {
        /// A push to the site's repository, or a webhook's word of one.
        Push = "push",
        /// A person or a script asked for it.
        Manual = "manual",
        /// Changed settings: the containers are replaced, nothing is built.
        Settings = "settings",
        /// Back to a release that was kept.
        Rollback = "rollback",
        /// Back to the release before, because the new one failed its watch.
        AutomaticRollback = "automatic_rollback",
    }
);

text_enum!(
    /// How far a deployment has come.
    DeploymentState {
        /// Waits for its turn.
        Queued = "queued",
        /// At work.
        Running = "running",
        /// Visitors got its release.
        Success = "success",
        /// Stopped at a step; what served before still serves.
        Failed = "failed",
        /// A person stopped it.
        Cancelled = "cancelled",
        /// A newer one for the same site took its place in the queue.
        Superseded = "superseded",
        /// Served, failed its watch, and was replaced by the release before.
        RolledBack = "rolled_back",
    }
);

impl DeploymentState {
    /// Whether nothing more happens to it.
    pub fn is_over(self) -> bool {
        !matches!(self, DeploymentState::Queued | DeploymentState::Running)
    }
}

/// Names a deployment: `deploy-YYYYMMDD-HHMMSS` (UTC), with `-2`, `-3` … for those of one second.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeploymentId(String);

impl DeploymentId {
    /// Parses what [`DeploymentId::at`] makes; anything else is answered like one that does not exist.
    pub fn parse(text: &str) -> Result<DeploymentId> {
        let rest = text.strip_prefix("deploy-").unwrap_or_default();
        let digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        let mut parts = rest.split('-');
        let complete = parts.next().is_some_and(|day| digits(day, 8)) && parts.next().is_some_and(|time| digits(time, 6));
        let suffix_fits = match parts.next() {
            None => true,
            Some(number) => (1..=4).contains(&number.len()) && digits(number, number.len()) && !number.starts_with('0'),
        };
        if complete && suffix_fits && parts.next().is_none() {
            return Ok(DeploymentId(text.to_owned()));
        }
        Err(Error::not_found("deployment"))
    }

    /// The name of the `number`th deployment (from 1) of the second in which `now` lies.
    pub fn at(now: Timestamp, number: u32) -> DeploymentId {
        let text = now.rfc3339();
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let (day, time) = digits.split_at(8.min(digits.len()));
        let suffix = if number > 1 { format!("-{number}") } else { String::new() };
        DeploymentId(format!("deploy-{day}-{time}{suffix}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DeploymentId {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<DeploymentId, String> {
        DeploymentId::parse(&text).map_err(|error| error.to_string())
    }
}

impl From<DeploymentId> for String {
    fn from(id: DeploymentId) -> String {
        id.0
    }
}

impl From<&DeploymentId> for Value {
    fn from(id: &DeploymentId) -> Value {
        Value::Text(id.0.clone())
    }
}

impl From<DeploymentId> for Value {
    fn from(id: DeploymentId) -> Value {
        Value::Text(id.0)
    }
}

impl FromValue for DeploymentId {
    fn from_value(value: Value) -> Result<DeploymentId> {
        let text = String::from_value(value)?;
        DeploymentId::parse(&text).map_err(|_| Error::internal(format!("stored id `{text}` is malformed")))
    }
}

/// One attempt to make a release live.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Of which site.
    pub site_id: SiteId,
    /// What it came from.
    pub kind: DeploymentKind,
    /// How far it has come.
    pub state: DeploymentState,
    /// The branch that was pushed; empty for one that is about no branch.
    pub branch: String,
    /// The commit, 40 or 64 hex digits; empty for the template's own state.
    pub commit_hash: String,
    /// First line of the commit's message; may be empty.
    pub subject: String,
    /// Who wrote the commit; may be empty.
    pub author: String,
    /// Who asked for it.
    pub requested_by: String,
    /// Which version of the site's own variables it uses.
    pub environment_version: i64,
    /// What it makes live; known once it is built.
    pub release_id: Option<ReleaseId>,
    /// What served when it began.
    pub previous_release_id: Option<ReleaseId>,
    /// The operation that carries it out; none while it waits.
    pub operation_id: Option<OperationId>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its turn came.
    pub started_at: Option<Timestamp>,
    /// When visitors first got its release.
    pub served_at: Option<Timestamp>,
    /// When its verdict was reached.
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
    /// Who stopped it, or asked for that.
    pub cancelled_by: Option<String>,
    /// Until when its release is watched.
    pub watched_until: Option<Timestamp>,
    /// What the watch saw, as JSON ([`watch::Evidence`]).
    pub evidence: Option<String>,
}

from_row!(Deployment {
    id,
    site_id,
    kind,
    state,
    branch,
    commit_hash,
    subject,
    author,
    requested_by,
    environment_version,
    release_id,
    previous_release_id,
    operation_id,
    created_at,
    started_at,
    served_at,
    finished_at,
    error,
    cancelled_by,
    watched_until,
    evidence,
});

pub(crate) const COLUMNS: &str = "select id, site_id, kind, state, branch, commit_hash, subject, author, requested_by, environment_version,
       release_id, previous_release_id, operation_id, created_at, started_at, served_at, finished_at, error, cancelled_by,
       watched_until, evidence
from deployment";

impl Deployment {
    /// Seconds from its start to its verdict; none before that.
    pub fn duration_seconds(&self) -> Option<u64> {
        Some(self.finished_at?.since(self.started_at?).as_secs())
    }

    /// The first seven digits of the commit.
    pub fn short_commit(&self) -> &str {
        self.commit_hash.get(..7).unwrap_or(&self.commit_hash)
    }
}

/// A deployment of a site of the scope.
pub async fn get(db: &Db, scope: &Scope, id: &DeploymentId) -> Result<Deployment> {
    let found: Option<Deployment> = db.optional(sql(COLUMNS).and("where id = $1").bind(id)).await?;
    let found = found.ok_or_else(|| Error::not_found("deployment"))?;
    sites::get(db, scope, &found.site_id).await.map_err(|_| Error::not_found("deployment"))?;
    Ok(found)
}

/// Deployments of a site of the scope, newest first, `limit` at most, older than `before`.
pub async fn history(db: &Db, scope: &Scope, site: &SiteId, before: Option<&DeploymentId>, limit: u32) -> Result<Vec<Deployment>> {
    sites::get(db, scope, site).await?;
    let cursor = match before {
        Some(before) => Some(get(db, scope, before).await?),
        None => None,
    };
    db.all(
        sql(COLUMNS)
            .and("where site_id = $1 and (cast($2 as bigint) is null or (created_at, id) < ($2, $3))")
            .and("order by created_at desc, id desc limit $4")
            .bind(site)
            .bind(cursor.as_ref().map(|it| it.created_at))
            .bind(cursor.as_ref().map(|it| it.id.clone()))
            .bind(i64::from(limit.clamp(1, 200))),
    )
    .await
}

/// The newest deployment of a site of the scope.
pub async fn newest(db: &Db, scope: &Scope, site: &SiteId) -> Result<Option<Deployment>> {
    Ok(history(db, scope, site, None, 1).await?.pop())
}

/// The deployment whose release serves; none when that is from before there were any.
pub async fn serving(db: &Db, site: &Site) -> Result<Option<Deployment>> {
    // A way back makes an earlier release serve again: the newest of them is meant.
    db.optional(
        sql(COLUMNS)
            .and("where site_id = $1 and release_id = $2 and served_at is not null")
            .and("order by created_at desc, id desc limit 1")
            .bind(&site.id)
            .bind(&site.release_id),
    )
    .await
}

/// The operation that carries out a deployment of a site of the scope, with its steps; none while it waits.
pub async fn work_of(db: &Db, scope: &Scope, deployment: &Deployment) -> Result<Option<(Operation, Vec<Step>)>> {
    match &deployment.operation_id {
        Some(operation) => operations::find_with_steps(db, scope, &deployment.site_id, operation).await,
        None => Ok(None),
    }
}

/// The deployment that an operation carries out.
pub(crate) async fn of_operation(db: &Db, operation: &OperationId) -> Result<Option<Deployment>> {
    db.optional(sql(COLUMNS).and("where operation_id = $1").bind(operation)).await
}

/// A deployment for work that was already allowed.
pub(crate) async fn get_any(db: &Db, id: &DeploymentId) -> Result<Deployment> {
    get(db, &Scope::house_of_job(), id).await
}

/// A deployment for work that was already allowed, if it is still there.
pub(crate) async fn find_any(db: &Db, id: &DeploymentId) -> Result<Option<Deployment>> {
    db.optional(sql(COLUMNS).and("where id = $1").bind(id)).await
}

/// The same as a transaction sees it.
pub(crate) async fn get_in(tx: &kit::Tx, id: &DeploymentId) -> Result<Deployment> {
    tx.optional(sql(COLUMNS).and("where id = $1").bind(id)).await?.ok_or_else(|| Error::not_found("deployment"))
}

/// A free id for a deployment that is made now.
pub(crate) async fn fresh_id(tx: &kit::Tx, clock: &Clock) -> Result<DeploymentId> {
    let now = clock.now();
    for number in 1..10_000 {
        let id = DeploymentId::at(now, number);
        let taken: Option<(String,)> = tx.optional(sql("select id from deployment where id = $1").bind(&id)).await?;
        if taken.is_none() {
            return Ok(id);
        }
    }
    Err(Error::conflict("too many deployments in one second; please try again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_the_time_and_parse_strictly() {
        let at = Timestamp::parse_rfc3339("2025-01-14T15:45:00.999Z").unwrap();
        assert_eq!(DeploymentId::at(at, 1).as_str(), "deploy-20250114-154500");
        assert_eq!(DeploymentId::at(at, 12).as_str(), "deploy-20250114-154500-12");
        for good in ["deploy-20250114-154500", "deploy-20250114-154500-2", "deploy-20250114-154500-9999"] {
            assert_eq!(DeploymentId::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "deploy-",
            "deploy-20250114",
            "deploy-20250114-15450",
            "deploy-20250114-154500-",
            "deploy-20250114-154500-02",
            "deploy-20250114-154500-2-3",
            "deploy-../../etc-154500",
            "Deploy-20250114-154500",
            "deploy-20250114-154500-12345",
        ] {
            assert!(DeploymentId::parse(bad).is_err(), "{bad}");
        }
    }
}
