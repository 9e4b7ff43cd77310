//! Deliveries to webhooks: one for each event and webhook, with every try on record.

use accounts::{Actor, Permission, Scope};
use kit::jobs::{self, Enqueue};
use kit::{Db, Error, Result, Timestamp, Tx, from_row, id_type, sql, text_enum};
use serde_json::Value;

use super::payload;
use super::send::DeliverWebhook;
use super::webhooks::{self, WebhookEvent, WebhookId};
use crate::Hosting;
use crate::deployments::{Deployment, DeploymentId};
use crate::sites::{self, Site, SiteId};

id_type!(
    /// A delivery: what a receiver sees as `X-Innkeeper-Delivery`, the same at each try.
    DeliveryId, "dlv_"
);

text_enum!(
    /// How far a delivery has come.
    DeliveryState {
        /// Waits for its first or next try.
        Waiting = "waiting",
        /// The receiver took it.
        Delivered = "delivered",
        /// Given up.
        Failed = "failed",
    }
);

/// One delivery.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Where to.
    pub webhook_id: WebhookId,
    /// What it tells of.
    pub event: WebhookEvent,
    /// About which deployment; none for a test.
    pub deployment_id: Option<DeploymentId>,
    /// What is sent, without the time of sending.
    pub body: String,
    /// How far it has come.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: i64,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// When it was taken or given up.
    pub finished_at: Option<Timestamp>,
    /// Why it was given up without a try.
    pub error: Option<String>,
}

from_row!(Delivery { id, webhook_id, event, deployment_id, body, state, attempts, created_at, next_at, finished_at, error });

pub(super) const COLUMNS: &str =
    "select id, webhook_id, event, deployment_id, body, state, attempts, created_at, next_at, finished_at, error from outgoing_delivery";

/// One try of a delivery.
#[derive(Debug, Clone)]
pub struct Try {
    /// Counted from 1.
    pub number: i64,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub duration_ms: i64,
    /// What the receiver answered; none when nothing came back.
    pub status: Option<i64>,
    /// Why nothing came back.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
}

from_row!(Try { number, at, duration_ms, status, error, answer });

/// Deliveries of a webhook of the scope with their last tries, newest first, `limit` at most, older than `before`.
pub async fn list(
    db: &Db,
    scope: &Scope,
    (site, webhook): (&SiteId, &WebhookId),
    before: Option<&DeliveryId>,
    limit: u32,
) -> Result<Vec<(Delivery, Option<Try>)>> {
    webhooks::get(db, scope, site, webhook).await?;
    let page = sql(COLUMNS).and("where webhook_id = $1").bind(webhook);
    let page = match before {
        Some(before) => page.and("and id < $2 order by id desc limit $3").bind(before),
        None => page.and("and cast($2 as text) is null order by id desc limit $3").bind(None::<String>),
    };
    let found: Vec<Delivery> = db.all(page.bind(limit.clamp(1, 201))).await?;
    let mut shown = Vec::with_capacity(found.len());
    for delivery in found {
        let last = tries_of(db, &delivery.id, "order by number desc limit 1").await?.pop();
        shown.push((delivery, last));
    }
    Ok(shown)
}

/// A delivery of a webhook of the scope, with all of its tries.
pub async fn get(db: &Db, scope: &Scope, (site, webhook): (&SiteId, &WebhookId), id: &DeliveryId) -> Result<(Delivery, Vec<Try>)> {
    webhooks::get(db, scope, site, webhook).await?;
    let found: Option<Delivery> = db.optional(sql(COLUMNS).and("where id = $1 and webhook_id = $2").bind(id).bind(webhook)).await?;
    let found = found.ok_or_else(|| Error::not_found("delivery"))?;
    let tries = tries_of(db, id, "order by number").await?;
    Ok((found, tries))
}

async fn tries_of(db: &Db, id: &DeliveryId, order: &'static str) -> Result<Vec<Try>> {
    let tries = sql("select number, at, duration_ms, status, error, answer from outgoing_try where delivery_id = $1");
    db.all(tries.and(order).bind(id)).await
}

/// Sends a test to a webhook of the actor's scope: one try, also to one that is paused.
pub async fn test(hosting: &Hosting, actor: &Actor, site: &SiteId, webhook: &WebhookId) -> Result<Delivery> {
    actor.may(Permission::WriteSites)?;
    webhooks::get(&hosting.db, &actor.scope(), site, webhook).await?;
    let site = sites::get(&hosting.db, &actor.scope(), site).await?;
    let body = payload::of_test(hosting, &site);
    let made = hosting.db.write(async |tx| add(&tx, hosting, webhook, WebhookEvent::Test, None, &body).await).await?;
    signal(hosting, &site.id);
    Ok(made)
}

/// Sends a delivery of a webhook of the actor's scope again, as a new one with the same content.
pub async fn send_again(hosting: &Hosting, actor: &Actor, (site, webhook): (&SiteId, &WebhookId), id: &DeliveryId) -> Result<Delivery> {
    actor.may(Permission::WriteSites)?;
    let (delivery, _) = get(&hosting.db, &actor.scope(), (site, webhook), id).await?;
    let to = webhooks::get(&hosting.db, &actor.scope(), site, webhook).await?;
    if to.state != webhooks::WebhookState::Active && delivery.event != WebhookEvent::Test {
        return Err(Error::conflict("this webhook is not sent at present; resume it first"));
    }
    let body: Value = serde_json::from_str(&delivery.body)?;
    let made =
        hosting.db.write(async |tx| add(&tx, hosting, webhook, delivery.event, delivery.deployment_id.as_ref(), &body).await).await?;
    signal(hosting, site);
    Ok(made)
}

/// Writes down what each webhook of a site is told of a deployment.
pub(super) async fn enqueue_all(tx: &Tx, hosting: &Hosting, site: &Site, event: WebhookEvent, deployment: &Deployment) -> Result<()> {
    let wanting = webhooks::active_in(tx, &site.id).await?;
    let body = payload::of_deployment(hosting, site, event, deployment);
    for webhook in wanting.iter().filter(|webhook| webhook.events.contains(event)) {
        add(tx, hosting, &webhook.id, event, Some(&deployment.id), &body).await?;
    }
    Ok(())
}

async fn add(
    tx: &Tx,
    hosting: &Hosting,
    webhook: &WebhookId,
    event: WebhookEvent,
    deployment: Option<&DeploymentId>,
    body: &Value,
) -> Result<Delivery> {
    let now = hosting.clock.now();
    let id = DeliveryId::new(&hosting.clock);
    tx.execute(
        sql("insert into outgoing_delivery (id, webhook_id, event, deployment_id, body, state, attempts, created_at, next_at)
             values ($1, $2, $3, $4, $5, 'waiting', 0, $6, $6)")
        .bind(&id)
        .bind(webhook)
        .bind(event)
        .bind(deployment)
        .bind(body.clone())
        .bind(now),
    )
    .await?;
    let job = DeliverWebhook { delivery_id: id.clone(), attempt: 1 };
    jobs::enqueue::<Hosting, _>(tx, &hosting.clock, &job, Enqueue::default()).await?;
    tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
}

/// Tells pages that a site's webhooks or their deliveries changed.
pub(super) fn signal(hosting: &Hosting, site: &SiteId) {
    hosting.bus.signal(format!("site:{site}"), format!("webhooks:{site}"));
}
