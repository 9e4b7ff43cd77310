//! Outgoing webhooks of a site.

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hosting::SiteId;
use hosting::notify::deliveries::{self, Delivery, DeliveryId, Try};
use hosting::notify::webhooks::{self, NewWebhook, Webhook, WebhookChange, WebhookEvents, WebhookId};
use hosting::sites;
use kit::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::List;
use super::container::caller_of;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query, created};
use crate::limit::PerMinute;
use crate::respond::Answer;
use crate::routes::Caller;

/// Tests, and what is sent again by hand: each makes us ask somebody else's server something.
const SENT_BY_HAND: PerMinute = PerMinute(20);
/// Deliveries of a page, unless said otherwise, and at most.
const ROWS: u32 = 50;
const MOST_ROWS: u32 = 200;

/// Counts what is sent by hand, or says how long to wait. Pages and the API count together.
pub(crate) fn allow_sending(app: &App, actor: &Actor) -> Result<()> {
    app.limits().take("webhook.send", caller_of(actor), SENT_BY_HAND)
}

/// A webhook. Its secret is not shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OutgoingWebhook)]
pub struct Shown {
    id: String,
    /// Where it is sent to; its host alone for those who may not change it.
    #[schema(example = "https://example.com/hooks/deployments")]
    url: String,
    /// What is sent.
    #[schema(example = json!(["deployment.failed", "deployment.succeeded"]))]
    events: Vec<String>,
    /// `active`, `paused` (by a person) or `stopped` (by itself, see `note`).
    #[schema(example = "active")]
    state: String,
    /// Why it was stopped.
    note: Option<String>,
    /// Until when the secret before the present one signs as well; `null` when it does not.
    old_secret_until: Option<String>,
    created_by: String,
    created_at: String,
    updated_at: String,
}

impl Shown {
    fn of(app: &App, actor: &Actor, webhook: &Webhook) -> Result<Shown> {
        let url = match actor.can(Permission::WriteSites) {
            true => webhook.url(&app.key)?.reveal().to_owned(),
            false => webhook.host(&app.key)?,
        };
        Ok(Shown {
            id: webhook.id.to_string(),
            url,
            events: webhook.events.iter().map(|event| event.to_string()).collect(),
            state: webhook.state.to_string(),
            note: webhook.note.clone(),
            old_secret_until: webhook.old_secret_until.filter(|_| webhook.signs_with_old_secret(app.clock.now())).map(|at| at.rfc3339()),
            created_by: webhook.created_by.clone(),
            created_at: webhook.created_at.rfc3339(),
            updated_at: webhook.updated_at.rfc3339(),
        })
    }
}

/// A webhook to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// Gets a POST with JSON. Public addresses only; redirects are not followed.
    #[schema(example = "https://example.com/hooks/deployments")]
    url: String,
    /// Any of `deployment.succeeded`, `deployment.failed`, `deployment.rolled_back`, `deployment.cancelled`.
    #[schema(example = json!(["deployment.failed", "deployment.succeeded"]))]
    events: Vec<String>,
}

/// A webhook with its new secret, which is in this answer and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeWebhook {
    #[serde(flatten)]
    webhook: Shown,
    /// Signs each delivery: `X-Innkeeper-Signature-256` is `sha256=` and the HMAC-SHA-256 of the body in hex.
    secret: String,
}

/// What may be changed; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWebhook {
    /// Another address.
    #[serde(default)]
    url: Option<String>,
    /// Other events.
    #[serde(default)]
    events: Option<Vec<String>>,
    /// `active` or `paused`.
    #[serde(default)]
    #[schema(example = "paused")]
    state: Option<String>,
}

/// A delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OutgoingDelivery)]
pub struct ShownDelivery {
    /// What the receiver sees as `X-Innkeeper-Delivery`.
    id: String,
    #[schema(example = "deployment.failed")]
    event: String,
    /// About which deployment; `null` for a test.
    deployment_id: Option<String>,
    /// `waiting`, `delivered` or `failed`.
    #[schema(example = "delivered")]
    state: String,
    /// Tries so far.
    attempts: i64,
    /// When it is tried next.
    next_at: Option<String>,
    created_at: String,
    finished_at: Option<String>,
    /// Why it ended without a try.
    error: Option<String>,
    /// The last try.
    last_try: Option<ShownTry>,
}

/// One try of a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OutgoingTry)]
pub struct ShownTry {
    number: i64,
    at: String,
    duration_ms: i64,
    /// What the receiver answered.
    status: Option<i64>,
    /// Why nothing came back.
    error: Option<String>,
    /// The beginning of the answer, at most 1 KB.
    answer: Option<String>,
}

impl ShownDelivery {
    fn of(delivery: Delivery, last: Option<Try>) -> ShownDelivery {
        ShownDelivery {
            id: delivery.id.to_string(),
            event: delivery.event.to_string(),
            deployment_id: delivery.deployment_id.map(String::from),
            state: delivery.state.to_string(),
            attempts: delivery.attempts,
            next_at: delivery.next_at.map(|at| at.rfc3339()),
            created_at: delivery.created_at.rfc3339(),
            finished_at: delivery.finished_at.map(|at| at.rfc3339()),
            error: delivery.error,
            last_try: last.map(|one| ShownTry {
                number: one.number,
                at: one.at.rfc3339(),
                duration_ms: one.duration_ms,
                status: one.status,
                error: one.error,
                answer: one.answer,
            }),
        }
    }
}

fn events(names: &[String]) -> Result<WebhookEvents> {
    WebhookEvents::parse(names.iter().map(String::as_str))
}

/// Lists the webhooks of a site.
#[utoipa::path(get, path = "/api/sites/{app_id}/webhooks", tag = "Outgoing webhooks", params(("app_id" = String, Path, description = "The site")),
    responses((status = 200, description = "All of them", body = List<Shown>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Json<List<Shown>>> {
    let found = webhooks::list(&app.db, &actor.scope(), &id).await?;
    let items = found.iter().map(|webhook| Shown::of(&app, &actor, webhook)).collect::<Result<_>>()?;
    Ok(Json(List { items, next: None }))
}

/// Adds a webhook; a site may have 10.
#[utoipa::path(post, path = "/api/sites/{app_id}/webhooks", tag = "Outgoing webhooks", params(("app_id" = String, Path, description = "The site")),
    request_body = CreateWebhook, responses((status = 201, description = "Added; its secret is shown this once", body = MadeWebhook)))]
pub async fn create(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<SiteId>,
    Json(body): Json<CreateWebhook>,
) -> Answer<Response> {
    let site = sites::get(&app.db, &actor.scope(), &id).await?;
    let new = NewWebhook { url: body.url, events: events(&body.events)? };
    let made = webhooks::create(&app.hosting, &actor, &id, &new).await?;
    changed::audit(&app, Some(&site.customer_id));
    let shown = Shown::of(&app, &actor, &made.webhook)?;
    let location = format!("/api/sites/{id}/webhooks/{}", shown.id);
    Ok(created(&location, MadeWebhook { webhook: shown, secret: made.secret.reveal().to_owned() }))
}

/// Changes, pauses or resumes a webhook.
#[utoipa::path(patch, path = "/api/sites/{app_id}/webhooks/{webhook}", tag = "Outgoing webhooks",
    params(("app_id" = String, Path, description = "The site"), ("webhook" = String, Path, description = "Its id")),
    request_body = ChangeWebhook, responses((status = 200, description = "The webhook as it is now", body = Shown)))]
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    Path((id, webhook)): Path<(SiteId, WebhookId)>,
    Json(body): Json<ChangeWebhook>,
) -> Answer<Json<Shown>> {
    let site = sites::get(&app.db, &actor.scope(), &id).await?;
    let active = match body.state.as_deref() {
        None => None,
        Some("active") => Some(true),
        Some("paused") => Some(false),
        Some(_) => return Err(Error::invalid("state", "must be active or paused").into()),
    };
    let change = WebhookChange { url: body.url, events: body.events.as_deref().map(events).transpose()?, active };
    let changed = webhooks::change(&app.hosting, &actor, &id, &webhook, &change).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(Json(Shown::of(&app, &actor, &changed)?))
}

/// Gives a webhook another secret.
///
/// From now on `X-Innkeeper-Signature-256` is made with it. For a day the secret before it signs as well, in
/// `X-Innkeeper-Signature-256-Old`, so that the receiver can be changed without losing a delivery.
#[utoipa::path(post, path = "/api/sites/{app_id}/webhooks/{webhook}/secret", tag = "Outgoing webhooks",
    params(("app_id" = String, Path, description = "The site"), ("webhook" = String, Path, description = "Its id")),
    responses((status = 200, description = "The webhook and its new secret, shown this once", body = MadeWebhook)))]
pub async fn replace_secret(
    State(app): State<App>,
    Caller(actor): Caller,
    Path((id, webhook)): Path<(SiteId, WebhookId)>,
) -> Answer<Json<MadeWebhook>> {
    let site = sites::get(&app.db, &actor.scope(), &id).await?;
    let made = webhooks::replace_secret(&app.hosting, &actor, &id, &webhook).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(Json(MadeWebhook { webhook: Shown::of(&app, &actor, &made.webhook)?, secret: made.secret.reveal().to_owned() }))
}

/// Removes a webhook.
#[utoipa::path(delete, path = "/api/sites/{app_id}/webhooks/{webhook}", tag = "Outgoing webhooks",
    params(("app_id" = String, Path, description = "The site"), ("webhook" = String, Path, description = "Its id")),
    responses((status = 204, description = "Removed")))]
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path((id, webhook)): Path<(SiteId, WebhookId)>) -> Answer<StatusCode> {
    let site = sites::get(&app.db, &actor.scope(), &id).await?;
    webhooks::remove(&app.hosting, &actor, &id, &webhook).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test to a webhook, also to one that is paused.
///
/// Answers before it is sent: the delivery tells how it went. At most 20 times a minute, with what is sent again.
#[utoipa::path(post, path = "/api/sites/{app_id}/webhooks/{webhook}/test", tag = "Outgoing webhooks",
    params(("app_id" = String, Path, description = "The site"), ("webhook" = String, Path, description = "Its id")),
    responses((status = 202, description = "On its way", body = ShownDelivery)))]
pub async fn test(
    State(app): State<App>,
    Caller(actor): Caller,
    Path((id, webhook)): Path<(SiteId, WebhookId)>,
) -> Answer<(StatusCode, Json<ShownDelivery>)> {
    webhooks::get(&app.db, &actor.scope(), &id, &webhook).await?;
    allow_sending(&app, &actor)?;
    let made = deliveries::test(&app.hosting, &actor, &id, &webhook).await?;
    Ok((StatusCode::ACCEPTED, Json(ShownDelivery::of(made, None))))
}

/// Which deliveries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// How many, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Those before this one.
    before: Option<String>,
}

/// Lists the deliveries of a webhook of the last 30 days, newest first.
#[utoipa::path(get, path = "/api/sites/{app_id}/webhooks/{webhook}/deliveries", tag = "Outgoing webhooks",
    params(("app_id" = String, Path, description = "The site"), ("webhook" = String, Path, description = "Its id"), Which),
    responses((status = 200, description = "One page", body = List<ShownDelivery>)))]
pub async fn list_deliveries(
    State(app): State<App>,
    Caller(actor): Caller,
    Path((id, webhook)): Path<(SiteId, WebhookId)>,
    Query(which): Query<Which>,
) -> Answer<Json<List<ShownDelivery>>> {
    let limit = match which.limit.unwrap_or(ROWS) {
        limit @ 1..=MOST_ROWS => limit,
        _ => return Err(Error::invalid("limit", format!("must be 1 to {MOST_ROWS}")).into()),
    };
    let no_such = |_| Error::invalid("before", "must be the id of a delivery of the list");
    let before = which.before.as_deref().map(DeliveryId::parse).transpose().map_err(no_such)?;
    let mut found = deliveries::list(&app.db, &actor.scope(), (&id, &webhook), before.as_ref(), limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|(last, _)| last.id.to_string());
    Ok(Json(List { items: found.into_iter().map(|(delivery, last)| ShownDelivery::of(delivery, last)).collect(), next }))
}

/// Sends a delivery again, as a new one with the same content.
///
/// At most 20 times a minute, with tests.
#[utoipa::path(post, path = "/api/sites/{app_id}/webhooks/{webhook}/deliveries/{delivery}/again", tag = "Outgoing webhooks",
    params(("app_id" = String, Path, description = "The site"), ("webhook" = String, Path, description = "Its id"),
        ("delivery" = String, Path, description = "The delivery")),
    responses((status = 202, description = "The new delivery, on its way", body = ShownDelivery)))]
pub async fn again(
    State(app): State<App>,
    Caller(actor): Caller,
    Path((id, webhook, delivery)): Path<(SiteId, WebhookId, DeliveryId)>,
) -> Answer<(StatusCode, Json<ShownDelivery>)> {
    deliveries::get(&app.db, &actor.scope(), (&id, &webhook), &delivery).await?;
    allow_sending(&app, &actor)?;
    let made = deliveries::send_again(&app.hosting, &actor, (&id, &webhook), &delivery).await?;
    Ok((StatusCode::ACCEPTED, Json(ShownDelivery::of(made, None))))
}
