//! Our own door: events of one customer, whom the address names, with an answer for each.

use std::time::{Duration, Instant};

use accounts::{Client, CustomerId};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use events::Outcome;
use events::intake::Answered;
use events::wire::{Door, Envelope, MOST_EVENTS, Sender};
use kit::id::random_base32;
use kit::{Error, FieldError};
use serde::Serialize;
use utoipa::ToSchema;

use super::body;
use super::door::{admit, client, finish, items, malformed, take as keep, within_its_time};
use super::keys::{self, Closed, Sending};
use super::refused::{COME_BACK, Refused};
use crate::app::App;
use crate::csrf;
use crate::extract::{Json, Path};
use crate::request::{REQUEST_ID, bearer};
use crate::respond::{Failure, FieldProblem, Problem, Reason};
use crate::session;
use crate::surroundings::metrics::count_request;

const PATH: &str = "/api/customers/{customer}/events";
/// Longest `Idempotency-Key`, as an event's id.
const LONGEST_KEY: usize = 90;

/// One event. Sent as it is, as a list, or as `{"events": […]}`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewEvent)]
pub struct Sent {
    /// What happened; also `event`, `event_type` or `type`.
    #[schema(example = "feature_used")]
    name: String,
    /// Unique among your events: what is sent twice counts once. Without it each sending is another event. At most 100 bytes.
    #[schema(example = "4f0c2a31-7d5e-4b39-9a3e-0d3a3f6f7a11")]
    id: Option<String>,
    /// ISO 8601 or unix milliseconds; now if not said.
    #[schema(example = "2026-01-14T10:30:00Z")]
    timestamp: Option<String>,
    /// Who did it, by your own name for them.
    #[schema(example = "user-17")]
    person: Option<String>,
    /// Whatever else there is to say; the catalogue of events says what is counted.
    properties: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What became of the events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventsTaken)]
pub struct Taken {
    stored: usize,
    duplicates: usize,
    refused: usize,
    /// One for each event, in their order.
    results: Vec<Verdict>,
}

/// What became of one event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventVerdict)]
pub struct Verdict {
    /// Its id, where it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    /// `stored`, `duplicate` or `refused`.
    #[schema(example = "stored")]
    result: &'static str,
    /// What was taken otherwise than it was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
    /// Which fields do not fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
}

/// Takes in events of a customer.
///
/// One event, a list, or `{"events": […]}`, up to 10,000 events and 20 MB, plain or compressed (gzip, deflate, zstd). The answer comes when they are
/// durable. Each has its own result: what is wrong with one keeps none of the others out. Only when none is taken is the answer 422, which
/// names each field. SDKs of PostHog and Segment can send as well; see Ingestion in the admin's pages.
#[utoipa::path(post, path = "/api/customers/{customer}/events", tag = "Events",
    params(("customer" = String, Path, description = "Its id")), request_body = Sent,
    responses(
        (status = 200, description = "What became of each", body = Taken),
        (status = 413, description = "More than 20 MB", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The token sends more than it may", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much is on its way; nothing was kept", body = Problem, content_type = "application/problem+json")))]
pub async fn take(State(app): State<App>, customer: Result<Path<CustomerId>, Failure>, request: Request) -> Response {
    let started = Instant::now();
    let client = client(&app, &request);
    let path = request.uri().path().to_owned();
    let outcome = match customer {
        Ok(Path(customer)) => within_its_time(&app, async { Ok(receive(&app, &client, customer, request).await) }).await,
        Err(failure) => Ok(Err(Refusal::Failure(failure))),
    };
    let mut response = match outcome {
        Ok(Ok(taken)) => Json(taken).into_response(),
        Ok(Err(Refusal::Failure(failure))) => problem(&failure, &path),
        Ok(Err(Refusal::Refused(refused))) | Err(refused) => {
            refused.note(&app, Door::Native.source(), &client);
            let mut response = problem(&failure(&refused), &path);
            refused.headers(&mut response);
            response
        }
    };
    finish(&mut response);
    count_request("POST", PATH, response.status(), started.elapsed());
    response
}

/// The address answers POST alone.
pub async fn other_methods(request: Request) -> Response {
    let mut response = problem(&Failure::because(Reason::MethodNotAllowed), request.uri().path());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    finish(&mut response);
    response
}

enum Refusal {
    Failure(Failure),
    Refused(Refused),
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Refusal {
        Refusal::Refused(refused)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Failure(Failure::from(error))
    }
}

async fn receive(app: &App, client: &Client, customer: CustomerId, request: Request) -> Result<Taken, Refusal> {
    let (parts, content) = request.into_parts();
    let sending = who_sends(app, client, &parts).await?;
    // Another's is answered like one that does not exist.
    let is_within_reach = sending.tenant.as_ref().is_none_or(|tenant| *tenant == customer);
    if !is_within_reach || !app.ingest().intake.knows(&customer).await? {
        return Err(Error::not_found("the customer").into());
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/json");
    if !kind.split(';').next().is_some_and(|kind| kind.trim().ends_with("json")) {
        return Err(Refusal::Failure(Failure::because(Reason::UnsupportedType("application/json"))));
    }
    let key = parts.headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::trim).filter(|key| !key.is_empty());
    if key.is_some_and(|key| key.len() > LONGEST_KEY) {
        return Err(Error::invalid("Idempotency-Key", format!("must have at most {LONGEST_KEY} bytes")).into());
    }
    let mut share = app.ingest().share();
    let text = body::read(&parts.headers, "", content, &mut share).await?;
    let envelope = Envelope::read(Door::Native, &text).map_err(malformed)?;
    if envelope.is_empty() {
        return Err(Error::invalid("events", "must have 1 to 10000 events").into());
    }
    let admission = admit(app, &sending, envelope.len()).await?;
    // A list's events need their own.
    let key = key.filter(|_| envelope.is_single).map(str::to_owned);
    let is_single = envelope.is_single;
    let sender = Sender { tenant: sending.tenant, customer: Some(customer), received_at: app.clock.now(), key };
    let items = items(envelope, text, sender, app.ingest().intake.rules().clone()).await?;
    let answers = keep(app, Door::Native, &sending.token, items).await?;
    admission.used();
    tell(answers, is_single)
}

async fn who_sends(app: &App, client: &Client, head: &Parts) -> Result<Sending, Refusal> {
    let unknown = || Refusal::Failure(Failure::because(Reason::SignInNeeded));
    let allowed = |found: Result<Sending, Closed>| {
        found.map_err(|closed| match closed {
            Closed::Unknown => unknown(),
            Closed::NotAllowed(why) => Error::forbidden(why).into(),
        })
    };
    if let Some(key) = bearer(&head.headers) {
        return allowed(app.ingest().keys.whose(app, client, key).await?);
    }
    let Some(cookie) = session::token(app, &head.headers) else { return Err(unknown()) };
    if csrf::is_cross_site(&head.method, &head.headers, &app.config.server.public_url, true) {
        return Err(Refusal::Failure(Failure::because(Reason::CrossSite)));
    }
    let actor = accounts::sessions::authenticate(&app.db, &app.clock, client, cookie).await?.ok_or_else(unknown)?;
    allowed(keys::sending(&actor))
}

fn tell(answers: Vec<Answered>, is_single: bool) -> Result<Taken, Refusal> {
    if answers.iter().all(|answer| answer.verdict.is_err()) {
        return Err(Refusal::Failure(Failure::fields(complaints(answers, is_single))));
    }
    let results: Vec<Verdict> = answers.into_iter().map(verdict).collect();
    let count = |wanted: &str| results.iter().filter(|verdict| verdict.result == wanted).count();
    Ok(Taken { stored: count("stored"), duplicates: count("duplicate"), refused: count("refused"), results })
}

fn verdict(answer: Answered) -> Verdict {
    let (result, errors) = match answer.verdict {
        Ok(Outcome::Stored) => ("stored", Vec::new()),
        Ok(Outcome::Duplicate) => ("duplicate", Vec::new()),
        Err(refusal) => {
            let errors = refusal.fields.into_iter().map(|error| FieldProblem { field: error.field, message: error.message });
            ("refused", errors.collect())
        }
    };
    Verdict { id: answer.id, result, warnings: answer.notes.iter().map(|note| note.as_str()).collect(), errors }
}

/// Each field with the number of its event; as many as somebody reads.
fn complaints(answers: Vec<Answered>, is_single: bool) -> Vec<FieldError> {
    let numbered = answers.into_iter().enumerate().filter_map(|(at, answer)| Some((at, answer.verdict.err()?)));
    let all = numbered.flat_map(|(at, refusal)| {
        refusal.fields.into_iter().map(move |error| FieldError {
            field: if is_single { error.field } else { format!("events.{at}.{}", error.field) },
            message: error.message,
        })
    });
    all.take(100).collect()
}

fn failure(refused: &Refused) -> Failure {
    match refused {
        Refused::TooLarge => Failure::because(Reason::TooLarge(events::wire::LARGEST_BODY)),
        Refused::TooMany => Failure::from(Error::invalid("events", format!("must have at most {MOST_EVENTS} events"))),
        Refused::Encoding => Failure::because(Reason::UnsupportedType("application/json")),
        Refused::TooMuch { .. } => {
            Failure::from(Error::Throttled { message: refused.message(), retry_after: Duration::from_secs(refused.wait()) })
        }
        Refused::TooSlow => Failure::because(Reason::TimedOut),
        Refused::Busy | Refused::Error(_) => Failure::from(Error::unavailable(refused.message())),
        _ => Failure::because(Reason::Malformed(refused.message())),
    }
}

fn problem(failure: &Failure, path: &str) -> Response {
    let id = format!("req_{}", random_base32(16));
    let mut response = Problem::of(failure, &id, path).into_response();
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(&REQUEST_ID, value);
    }
    if failure.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if failure.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(COME_BACK));
    }
    response
}
