//! The rows of deliveries.

use std::time::Duration;

use accounts::Scope;
use kit::jobs::{Attempt, Job};
use kit::{Db, Result, Timestamp, Tx, from_row, sql};
use serde::{Deserialize, Serialize};

use super::{Answer, DeliveryId, Outcome};
use crate::Hosting;
use crate::deployments::DeploymentId;
use crate::git::providers::ProviderKind;
use crate::sites::{self, SiteId};

/// Deliveries are kept for so long; one that comes again after that is a new one.
const KEEP: Duration = Duration::from_secs(30 * 86_400);

/// One delivery, as it is kept.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// For which site.
    pub site_id: SiteId,
    /// Whose form it had; `embedded` for the plain one.
    pub provider: ProviderKind,
    /// The sender's id of it, or the hash of its body.
    pub delivery_id: String,
    /// What the sender calls the event.
    pub event: String,
    /// When it came.
    pub received_at: Timestamp,
    /// What it leads to.
    pub outcome: Outcome,
    /// What the sender was told.
    pub answer: String,
    /// The branch that was pushed.
    pub branch: Option<String>,
    /// What it is at.
    pub commit_hash: Option<String>,
    /// The deployment that came of it.
    pub deployment_id: Option<DeploymentId>,
    /// Why none did.
    pub note: Option<String>,
}

from_row!(Delivery { id, site_id, provider, delivery_id, event, received_at, outcome, answer, branch, commit_hash, deployment_id, note });

/// Deliveries to a site of the scope, newest first, `limit` at most, older than `before`.
pub async fn list(db: &Db, scope: &Scope, site: &SiteId, before: Option<&DeliveryId>, limit: u32) -> Result<Vec<Delivery>> {
    sites::get(db, scope, site).await?;
    db.all(
        sql("select id, site_id, provider, delivery_id, event, received_at, outcome, answer, branch, commit_hash, deployment_id, note
             from webhook_delivery
             where site_id = $1 and (cast($2 as text) is null or id < $2)
             order by id desc limit $3")
        .bind(site)
        .bind(before)
        .bind(i64::from(limit.clamp(1, 201))),
    )
    .await
}

/// What was answered to a delivery with this id, or with this very body. The id is not signed, the body is: a delivery that somebody
/// has caught and sends under another id is not a new one.
pub(super) async fn known(tx: &Tx, site: &SiteId, provider: ProviderKind, delivery_id: &str, body_hash: &str) -> Result<Option<Answer>> {
    let by_id = sql("select id, outcome, answer from webhook_delivery where site_id = $1 and provider = $2 and delivery_id = $3")
        .bind(site)
        .bind(provider)
        .bind(delivery_id);
    let by_body = sql("select id, outcome, answer from webhook_delivery where site_id = $1 and body_hash = $2").bind(site).bind(body_hash);
    for query in [by_id, by_body] {
        let found: Option<(DeliveryId, Outcome, String)> = tx.optional(query).await?;
        if let Some((id, outcome, message)) = found {
            return Ok(Some(Answer { id, site_id: site.clone(), outcome, message }));
        }
    }
    Ok(None)
}

/// Whether a later delivery asks for another commit of the same site.
pub(crate) async fn has_newer(tx: &Tx, site: &SiteId, than: &DeliveryId) -> Result<bool> {
    let newer: Option<(String,)> = tx
        .optional(
            sql("select id from webhook_delivery where site_id = $1 and id > $2 and outcome = 'queued' limit 1").bind(site).bind(than),
        )
        .await?;
    Ok(newer.is_some())
}

/// The deployment that came of a delivery.
pub(crate) async fn deployment_of(tx: &Tx, delivery: &DeliveryId) -> Result<Option<DeploymentId>> {
    let found: Option<(Option<DeploymentId>,)> =
        tx.optional(sql("select deployment_id from webhook_delivery where id = $1").bind(delivery)).await?;
    Ok(found.and_then(|(deployment,)| deployment))
}

/// Notes which deployment came of a delivery.
pub(crate) async fn came_to(tx: &Tx, delivery: &DeliveryId, deployment: &DeploymentId) -> Result<()> {
    tx.execute(sql("update webhook_delivery set deployment_id = $2, note = null where id = $1").bind(delivery).bind(deployment))
        .await
        .map(|_| ())
}

/// Notes why nothing came of a delivery.
pub(crate) async fn note(db: &Db, delivery: &DeliveryId, why: &str) -> Result<()> {
    let why: String = why.chars().filter(|c| *c != '\0').take(500).collect();
    db.execute(sql("update webhook_delivery set note = $2 where id = $1").bind(delivery).bind(why)).await.map(|_| ())
}

/// Forgets old deliveries.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sweep {}

impl<C: AsRef<Hosting> + Clone + Send + Sync + 'static> Job<C> for Sweep {
    const KIND: &'static str = "webhook.sweep";

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let hosting = context.as_ref();
        let limit = hosting.clock.now().minus(KEEP);
        hosting.db.execute(sql("delete from webhook_delivery where received_at < $1").bind(limit)).await.map(|_| ())
    }
}
