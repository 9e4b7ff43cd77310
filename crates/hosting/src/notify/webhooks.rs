//! Outgoing webhooks of a site: where to, about what, and whether they are sent.

use std::time::Duration;

use accounts::audit::{self, Entry};
use accounts::{Actor, Permission, Scope};
use kit::db::{FromValue, Value};
use kit::secrets::{InstanceKey, Secret, random_alphanumeric};
use kit::{Db, Error, Result, Timestamp, Tx, from_row, id_type, sql, text_enum};

use super::deliveries;
use crate::deployments::DeploymentState;
use crate::sites::{self, Site, SiteId};
use crate::{Hosting, adopt};

/// More webhooks than this a site does not have.
const MOST: i64 = 10;
/// A secret that was replaced goes on signing for so long.
pub const OLD_SECRET_FOR: Duration = Duration::from_secs(86_400);
/// After so many deliveries in a row that were given up, a webhook is stopped.
pub(super) const PATIENCE: i64 = 5;

id_type!(
    /// An outgoing webhook.
    WebhookId, "hook_"
);

text_enum!(
    /// What a webhook can be told of.
    WebhookEvent {
        /// Visitors get a new release.
        Succeeded = "deployment.succeeded",
        /// A deployment failed; what served before still serves.
        Failed = "deployment.failed",
        /// A new release did worse than the one before and was taken back.
        RolledBack = "deployment.rolled_back",
        /// A person stopped a deployment.
        Cancelled = "deployment.cancelled",
        /// Somebody tries whether it works.
        Test = "test",
    }
);

impl WebhookEvent {
    /// Those that can be chosen; a test is sent to every webhook.
    pub const CHOICES: &'static [WebhookEvent] =
        &[WebhookEvent::Succeeded, WebhookEvent::Failed, WebhookEvent::RolledBack, WebhookEvent::Cancelled];

    /// What a verdict is called; none for one that nobody is told of.
    pub(super) fn of(verdict: DeploymentState) -> Option<WebhookEvent> {
        match verdict {
            DeploymentState::Success => Some(WebhookEvent::Succeeded),
            DeploymentState::Failed => Some(WebhookEvent::Failed),
            DeploymentState::RolledBack => Some(WebhookEvent::RolledBack),
            DeploymentState::Cancelled => Some(WebhookEvent::Cancelled),
            DeploymentState::Queued | DeploymentState::Running | DeploymentState::Superseded => None,
        }
    }
}

/// The events of one webhook: at least one, each once, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvents(Vec<WebhookEvent>);

impl WebhookEvents {
    /// Parses names. Field: `events`.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<WebhookEvents> {
        let known = || WebhookEvent::CHOICES.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(", ");
        let mut events = Vec::new();
        for name in names {
            let event = WebhookEvent::from_text(name).filter(|event| WebhookEvent::CHOICES.contains(event));
            events.push(event.ok_or_else(|| Error::invalid("events", format!("choose among {}", known())))?);
        }
        events.sort_unstable();
        events.dedup();
        if events.is_empty() {
            return Err(Error::invalid("events", "choose at least one event"));
        }
        Ok(WebhookEvents(events))
    }

    /// Whether the event is among them.
    pub fn contains(&self, event: WebhookEvent) -> bool {
        self.0.contains(&event)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = WebhookEvent> + '_ {
        self.0.iter().copied()
    }
}

impl From<&WebhookEvents> for Value {
    fn from(events: &WebhookEvents) -> Value {
        Value::Text(events.0.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(" "))
    }
}

impl FromValue for WebhookEvents {
    fn from_value(value: Value) -> Result<WebhookEvents> {
        let text = String::from_value(value)?;
        WebhookEvents::parse(text.split(' ')).map_err(|_| Error::internal(format!("stored events `{text}` are malformed")))
    }
}

text_enum!(
    /// Whether a webhook is sent.
    WebhookState {
        /// It is.
        Active = "active",
        /// A person has paused it.
        Paused = "paused",
        /// Its receiver failed too often, or said that it is gone for good.
        Stopped = "stopped",
    }
);

/// An outgoing webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Of which site.
    pub site_id: SiteId,
    /// Sealed: see [`Webhook::url`].
    url: String,
    /// Sealed: see [`Webhook::secret`].
    secret: String,
    /// Sealed: see [`Webhook::old_secret`].
    old_secret: Option<String>,
    /// Until when the secret before this one signs as well.
    pub old_secret_until: Option<Timestamp>,
    /// What it is told of.
    pub events: WebhookEvents,
    /// Whether it is sent.
    pub state: WebhookState,
    /// Why it was stopped.
    pub note: Option<String>,
    /// Deliveries in a row that were given up.
    pub failures: i64,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

from_row!(Webhook {
    id,
    site_id,
    url,
    secret,
    old_secret,
    old_secret_until,
    events,
    state,
    note,
    failures,
    created_by,
    created_at,
    updated_at
});

const COLUMNS: &str = "select id, site_id, url, secret, old_secret, old_secret_until, events, state, note, failures,
                              created_by, created_at, updated_at from outgoing_webhook";

impl Webhook {
    /// Where it is sent to. For whoever may change it: with many receivers the address is the secret.
    pub fn url(&self, key: &InstanceKey) -> Result<Secret> {
        key.open(&format!("outgoing_webhook.url:{}", self.id), &self.url)
    }

    /// The host of [`Webhook::url`], for everyone who may see the site.
    pub fn host(&self, key: &InstanceKey) -> Result<String> {
        let url = self.url(key)?;
        Ok(host_of(url.reveal()))
    }

    pub(super) fn secret(&self, key: &InstanceKey) -> Result<Secret> {
        key.open(&format!("outgoing_webhook.secret:{}", self.id), &self.secret)
    }

    /// The secret before this one, as long as it signs as well.
    pub(super) fn old_secret(&self, key: &InstanceKey, now: Timestamp) -> Result<Option<Secret>> {
        let sealed = self.old_secret.as_ref().filter(|_| self.signs_with_old_secret(now));
        sealed.map(|sealed| key.open(&format!("outgoing_webhook.secret:{}", self.id), sealed)).transpose()
    }

    /// Whether the secret before this one still signs.
    pub fn signs_with_old_secret(&self, now: Timestamp) -> bool {
        self.old_secret_until.is_some_and(|until| until > now)
    }
}

fn host_of(url: &str) -> String {
    let parsed = kit::fetch::Url::parse(url).ok();
    parsed.as_ref().and_then(|url| url.host_str()).unwrap_or_default().to_owned()
}

/// A webhook to be.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Where to, as typed.
    pub url: String,
    /// What about.
    pub events: WebhookEvents,
}

/// What may be changed of one.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// Another address, as typed.
    pub url: Option<String>,
    /// Other events.
    pub events: Option<WebhookEvents>,
    /// `false` pauses it, `true` sends it again and forgets what failed.
    pub active: Option<bool>,
}

/// A webhook and the new secret that signs its deliveries: shown this once.
#[derive(Debug)]
pub struct MadeWebhook {
    /// The webhook.
    pub webhook: Webhook,
    /// Its secret.
    pub secret: Secret,
}

/// The webhooks of a site of the scope, oldest first.
pub async fn list(db: &Db, scope: &Scope, site: &SiteId) -> Result<Vec<Webhook>> {
    sites::get(db, scope, site).await?;
    db.all(sql(COLUMNS).and("where site_id = $1 order by id").bind(site)).await
}

/// A webhook of a site of the scope.
pub async fn get(db: &Db, scope: &Scope, site: &SiteId, id: &WebhookId) -> Result<Webhook> {
    sites::get(db, scope, site).await?;
    let found: Option<Webhook> = db.optional(sql(COLUMNS).and("where id = $1 and site_id = $2").bind(id).bind(site)).await?;
    found.ok_or_else(|| Error::not_found("webhook"))
}

/// The webhook that a delivery goes to, for work that was already allowed.
pub(super) async fn find_any(db: &Db, id: &WebhookId) -> Result<Option<Webhook>> {
    db.optional(sql(COLUMNS).and("where id = $1").bind(id)).await
}

/// The webhooks of a site that are sent.
pub(super) async fn active_in(tx: &Tx, site: &SiteId) -> Result<Vec<Webhook>> {
    tx.all(sql(COLUMNS).and("where site_id = $1 and state = 'active' order by id").bind(site)).await
}

async fn get_in(tx: &Tx, scope: &Scope, site: &SiteId, id: &WebhookId) -> Result<(Site, Webhook)> {
    let site = sites::get_in(tx, scope, site).await?;
    let found: Option<Webhook> = tx.optional(sql(COLUMNS).and("where id = $1 and site_id = $2").bind(id).bind(&site.id)).await?;
    Ok((site, found.ok_or_else(|| Error::not_found("webhook"))?))
}

/// Adds a webhook to a site of the actor's scope. Fields: `url`, `events`.
pub async fn create(hosting: &Hosting, actor: &Actor, site: &SiteId, new: &NewWebhook) -> Result<MadeWebhook> {
    actor.may(Permission::WriteSites)?;
    sites::get(&hosting.db, &actor.scope(), site).await?;
    let url = hosting.outside.parse(&new.url)?.to_string();
    let id = WebhookId::new(&hosting.clock);
    let secret = Secret::new(random_alphanumeric(43));
    let sealed_url = hosting.key.seal(&format!("outgoing_webhook.url:{id}"), &url);
    let sealed_secret = hosting.key.seal(&format!("outgoing_webhook.secret:{id}"), secret.reveal());
    let webhook = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), site).await?;
            adopt::refuse_adopted(&site)?;
            let (there,): (i64,) =
                tx.one(sql("select cast(count(*) as bigint) from outgoing_webhook where site_id = $1").bind(&site.id)).await?;
            if there >= MOST {
                return Err(Error::conflict(format!("a site may have {MOST} webhooks; remove one first")));
            }
            tx.execute(
                sql("insert into outgoing_webhook (id, site_id, url, secret, events, state, failures, created_by, created_at, updated_at)
                     values ($1, $2, $3, $4, $5, 'active', 0, $6, $7, $7)")
                .bind(&id)
                .bind(&site.id)
                .bind(&sealed_url)
                .bind(&sealed_secret)
                .bind(&new.events)
                .bind(actor.name())
                .bind(hosting.clock.now()),
            )
            .await?;
            told(&tx, hosting, actor, &site, "site.webhook_add", &id, &url, &new.events).await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
        })
        .await?;
    deliveries::signal(hosting, site);
    Ok(MadeWebhook { webhook, secret })
}

/// Changes a webhook of a site of the actor's scope. Fields: `url`, `events`.
pub async fn change(hosting: &Hosting, actor: &Actor, site: &SiteId, id: &WebhookId, change: &WebhookChange) -> Result<Webhook> {
    actor.may(Permission::WriteSites)?;
    let before = get(&hosting.db, &actor.scope(), site, id).await?;
    let url = match &change.url {
        Some(typed) => hosting.outside.parse(typed)?.to_string(),
        None => before.url(&hosting.key)?.reveal().to_owned(),
    };
    let sealed_url = hosting.key.seal(&format!("outgoing_webhook.url:{id}"), &url);
    let webhook = hosting
        .db
        .write(async |tx| {
            let (site, before) = get_in(&tx, &actor.scope(), site, id).await?;
            let events = change.events.clone().unwrap_or(before.events);
            let state = match change.active {
                Some(true) => WebhookState::Active,
                Some(false) => WebhookState::Paused,
                None => before.state,
            };
            let forgives = change.active == Some(true);
            tx.execute(
                sql("update outgoing_webhook
                     set url = $2, events = $3, state = $4, updated_at = $5,
                         failures = case when $6 then 0 else failures end,
                         note = case when $4 = 'stopped' then note else null end
                     where id = $1")
                .bind(id)
                .bind(&sealed_url)
                .bind(&events)
                .bind(state)
                .bind(hosting.clock.now())
                .bind(forgives),
            )
            .await?;
            let action = match change.active {
                Some(true) => "site.webhook_resume",
                Some(false) => "site.webhook_pause",
                None => "site.webhook_change",
            };
            told(&tx, hosting, actor, &site, action, id, &url, &events).await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(id)).await
        })
        .await?;
    deliveries::signal(hosting, site);
    Ok(webhook)
}

/// Gives a webhook of a site of the actor's scope another secret, shown this once. The one before signs beside it for
/// [`OLD_SECRET_FOR`], so that the receiver can be changed without losing a delivery.
pub async fn replace_secret(hosting: &Hosting, actor: &Actor, site: &SiteId, id: &WebhookId) -> Result<MadeWebhook> {
    actor.may(Permission::WriteSites)?;
    let url = get(&hosting.db, &actor.scope(), site, id).await?.url(&hosting.key)?;
    let secret = Secret::new(random_alphanumeric(43));
    let sealed = hosting.key.seal(&format!("outgoing_webhook.secret:{id}"), secret.reveal());
    let now = hosting.clock.now();
    let webhook = hosting
        .db
        .write(async |tx| {
            let (site, before) = get_in(&tx, &actor.scope(), site, id).await?;
            tx.execute(
                sql("update outgoing_webhook set old_secret = secret, old_secret_until = $3, secret = $2, updated_at = $4 where id = $1")
                    .bind(id)
                    .bind(&sealed)
                    .bind(now.plus(OLD_SECRET_FOR))
                    .bind(now),
            )
            .await?;
            told(&tx, hosting, actor, &site, "site.webhook_secret", id, url.reveal(), &before.events).await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(id)).await
        })
        .await?;
    deliveries::signal(hosting, site);
    Ok(MadeWebhook { webhook, secret })
}

/// Forgets secrets that were replaced and sign no more.
pub(super) async fn forget_old_secrets(db: &Db, now: Timestamp) -> Result<()> {
    db.execute(sql("update outgoing_webhook set old_secret = null, old_secret_until = null where old_secret_until <= $1").bind(now))
        .await
        .map(|_| ())
}

/// Removes a webhook of a site of the actor's scope, with its deliveries.
pub async fn remove(hosting: &Hosting, actor: &Actor, site: &SiteId, id: &WebhookId) -> Result<()> {
    actor.may(Permission::WriteSites)?;
    let url = get(&hosting.db, &actor.scope(), site, id).await?.url(&hosting.key)?;
    hosting
        .db
        .write(async |tx| {
            let (site, webhook) = get_in(&tx, &actor.scope(), site, id).await?;
            tx.execute(sql("delete from outgoing_webhook where id = $1").bind(id)).await?;
            told(&tx, hosting, actor, &site, "site.webhook_remove", id, url.reveal(), &webhook.events).await
        })
        .await?;
    deliveries::signal(hosting, site);
    Ok(())
}

/// Stops a webhook whose receiver is gone or fails too often; its people see why.
pub(super) async fn stop_in(tx: &Tx, hosting: &Hosting, id: &WebhookId, why: &str) -> Result<()> {
    tx.execute(
        sql("update outgoing_webhook set state = 'stopped', note = $2, updated_at = $3 where id = $1 and state = 'active'")
            .bind(id)
            .bind(why)
            .bind(hosting.clock.now()),
    )
    .await
    .map(|_| ())
}

/// The log says where to by the host alone: the rest of an address may be a secret.
#[expect(clippy::too_many_arguments, reason = "private, and each is a different thing")]
async fn told(
    tx: &Tx,
    hosting: &Hosting,
    actor: &Actor,
    site: &Site,
    action: &'static str,
    id: &WebhookId,
    url: &str,
    events: &WebhookEvents,
) -> Result<()> {
    let events: Vec<&str> = events.iter().map(WebhookEvent::as_str).collect();
    let detail = serde_json::json!({ "webhook": id, "host": host_of(url), "events": events });
    audit::record(tx, &hosting.clock, actor, Entry { action, customer: Some(&site.customer_id), subject: site.id.as_str(), detail }).await
}
