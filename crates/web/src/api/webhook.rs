//! Where the webhooks of sites' repositories deliver to, and what they delivered.

use accounts::Permission;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hosting::SiteId;
use hosting::git::deliveries::{self, Delivery, DeliveryId, Incoming, Outcome, Payload};
use hosting::git::providers::ProviderKind;
use kit::Error;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::List;
use crate::app::App;
use crate::extract::{Json, Path, Query, from_json, read_body};
use crate::respond::{Answer, Failure, Reason};
use crate::routes::{Access, Caller, Limits, Routes, routes};

/// A push of thousands of commits is some megabytes; what is larger is found by looking at the branch.
const LARGEST: usize = 5 << 20;
/// Rows of a list.
const ROWS: u32 = 50;

/// The webhook and its deliveries.
pub(super) fn routes(all: Routes) -> Routes {
    let limits = Limits { body_bytes: Some(LARGEST), unhurried: false };
    all.api_within(Access::Public, limits, routes!(deliver)).api(Access::May(Permission::ReadSites), routes!(list))
}

/// What a delivery leads to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryAnswer)]
pub struct Told {
    /// Under which id it is kept; the same when it comes again.
    #[schema(example = "whd_06tq2v9k3m1f8c7a5e")]
    delivery: String,
    #[schema(example = "app_k3v9q2m7")]
    app_id: String,
    /// `queued`: the commit will be deployed. `ignored`: nothing is to be done.
    #[schema(example = "queued")]
    outcome: &'static str,
    /// In words.
    message: String,
}

/// The plain form of a delivery; GitHub's `push` and Bitbucket's `repo:push` are understood as they are. Further fields may be there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PushDelivery)]
pub struct Plain {
    #[schema(example = "refs/heads/main")]
    r#ref: String,
    /// The commit in full; zeros for a branch that was deleted.
    #[schema(example = "6113728f27ae82c7b1a177c8d03f9e96e0adf246")]
    after: String,
    repository: PlainRepository,
}

/// Whose delivery it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlainRepository {
    #[schema(example = "customer/site-repo")]
    full_name: String,
}

/// Takes in the word of a push.
///
/// The site is known by its repository, the sender by `X-Hub-Signature-256`: `sha256=` and the HMAC-SHA-256 of the body with the site's
/// webhook secret (`REPO_WEBHOOK_SECRET` in its `.env`); Bitbucket's `X-Hub-Signature` of that form will do. A delivery is kept before it
/// is answered; one that comes again (`X-GitHub-Delivery`, `X-Request-UUID`, or the same body) gets the same answer.
#[utoipa::path(post, path = "/api/webhook/customer-site", tag = "Webhook", request_body = Plain,
    responses(
        (status = 202, description = "The commit will be deployed", body = Told),
        (status = 200, description = "Nothing is to be done: another branch, a tag, a deletion, another event, or the site is stopped", body = Told),
        (status = 403, description = "The signature is missing or wrong, or no site has this repository", body = crate::respond::Problem,
            content_type = "application/problem+json")))]
pub async fn deliver(State(app): State<App>, request: Request) -> Answer<Response> {
    let headers = request.headers().clone();
    if !is_json(&headers) {
        return Err(Failure::because(Reason::UnsupportedType("application/json")));
    }
    let body = read_body(request, &app).await?;
    let payload: Payload = from_json(&body)?;
    let incoming = incoming(&headers, &body);
    let answer = deliveries::receive(&app.hosting, &incoming, &payload).await?;
    let status = match answer.outcome {
        Outcome::Queued => StatusCode::ACCEPTED,
        Outcome::Ignored => StatusCode::OK,
    };
    let told = Told {
        delivery: answer.id.to_string(),
        app_id: answer.site_id.to_string(),
        outcome: answer.outcome.as_str(),
        message: answer.message,
    };
    Ok((status, Json(told)).into_response())
}

fn is_json(headers: &HeaderMap) -> bool {
    text(headers, header::CONTENT_TYPE.as_str()).is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim() == "application/json")
}

fn incoming<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Incoming<'a> {
    let (github, bitbucket) = (text(headers, "x-github-event"), text(headers, "x-event-key"));
    let (provider, event, delivery_id) = match (github, bitbucket) {
        (Some(event), _) => (Some(ProviderKind::Github), event, text(headers, "x-github-delivery")),
        (None, Some(event)) => (Some(ProviderKind::Bitbucket), event, text(headers, "x-request-uuid")),
        (None, None) => (None, "", text(headers, "x-github-delivery").or(text(headers, "x-request-uuid"))),
    };
    // GitHub's `X-Hub-Signature` is SHA-1, which is not enough; Bitbucket's is what GitHub calls `-256`.
    let old = || text(headers, "x-hub-signature").filter(|signature| signature.starts_with("sha256="));
    Incoming { provider, event, delivery_id, signature: text(headers, "x-hub-signature-256").or_else(old), body }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A delivery that was kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct Kept {
    #[schema(example = "whd_06tq2v9k3m1f8c7a5e")]
    delivery: String,
    /// `github`, `bitbucket`, or `embedded` for the plain form.
    #[schema(example = "github")]
    provider: String,
    /// The sender's id of it; the hash of its body where there is none.
    sender_id: String,
    #[schema(example = "push")]
    event: String,
    received_at: String,
    /// `queued` or `ignored`.
    #[schema(example = "queued")]
    outcome: String,
    /// What the sender was told.
    answer: String,
    branch: Option<String>,
    commit_hash: Option<String>,
    /// The deployment that came of it.
    deployment_id: Option<String>,
    /// Why none came of it.
    note: Option<String>,
}

impl From<Delivery> for Kept {
    fn from(delivery: Delivery) -> Kept {
        Kept {
            delivery: delivery.id.to_string(),
            provider: delivery.provider.to_string(),
            sender_id: delivery.delivery_id,
            event: delivery.event,
            received_at: delivery.received_at.rfc3339(),
            outcome: delivery.outcome.to_string(),
            answer: delivery.answer,
            branch: delivery.branch,
            commit_hash: delivery.commit_hash,
            deployment_id: delivery.deployment_id.map(|id| id.to_string()),
            note: delivery.note,
        }
    }
}

/// Which deliveries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Those that came before this one: `next` of the page before.
    before: Option<String>,
}

/// Lists what the webhook of a site's repository delivered, newest first.
///
/// Kept for 30 days. Deliveries with a wrong signature are not kept.
#[utoipa::path(get, path = "/api/sites/{app_id}/webhook-deliveries", tag = "Webhook",
    params(("app_id" = String, Path, description = "Its id"), Which),
    responses((status = 200, description = "One page", body = List<Kept>)))]
pub async fn list(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<SiteId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<Kept>>> {
    let before = which.before.as_deref().map(DeliveryId::parse).transpose();
    let before = before.map_err(|_| Error::invalid("before", "must be the id of a delivery, such as whd_…"))?;
    // One more than shown tells whether there is a next page.
    let mut found = deliveries::list(&app.db, &actor.scope(), &id, before.as_ref(), ROWS + 1).await?;
    let more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(List { items: found.into_iter().map(Kept::from).collect(), next }))
}
