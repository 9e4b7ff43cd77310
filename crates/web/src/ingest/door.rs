//! What happens at a door, from the request's head to its answer.

use std::sync::Arc;
use std::time::Instant;

use accounts::Client;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use events::intake::Answered;
use events::quota::Admission;
use events::wire::cloudevents::structured;
use events::wire::{Door, Envelope, Item, Malformed, Rules, Sender};
use kit::Error;
use percent_encoding::percent_decode;

use super::answer::{allow_browsers, taken};
use super::body::{self, LARGE, field};
use super::keys::{self, Closed, Sending};
use super::refused::Refused;
use crate::app::App;
use crate::request::{Peer, RequestFacts};
use crate::surroundings::metrics::count_request;

/// Answers a request at one of the doors of others' formats.
pub async fn answer(door: Door, path: &'static str, State(app): State<App>, request: Request) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let wanted_headers = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = match method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        Method::POST => {
            let client = client(&app, &request);
            let outcome = within_its_time(&app, receive(door, &app, &client, request)).await;
            outcome.unwrap_or_else(|refused| {
                refused.note(&app, door.source(), &client);
                refused.answer(door, &app)
            })
        }
        _ => Refused::Method.answer(door, &app),
    };
    let preflight = wanted_headers.filter(|_| method == Method::OPTIONS);
    allow_browsers(door, preflight.as_ref(), response.headers_mut());
    finish(&mut response);
    count_request(method.as_str(), path, response.status(), started.elapsed());
    response
}

/// What every answer has.
pub fn finish(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// Whoever is at the other end.
pub fn client(app: &App, request: &Request) -> Client {
    let peer = request.extensions().get::<Peer>().map_or(std::net::IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    RequestFacts::gather(String::new(), peer, request.headers(), &app.config.server.trusted_proxies).remote(request.headers())
}

/// Nothing may hold a connection for ever. What was not answered is sent again, and counted once.
pub async fn within_its_time<T>(app: &App, work: impl Future<Output = Result<T, Refused>>) -> Result<T, Refused> {
    match tokio::time::timeout(app.config.server.request_timeout(), work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Refused::TooSlow),
    }
}

async fn receive(door: Door, app: &App, client: &Client, request: Request) -> Result<Response, Refused> {
    let (parts, content) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let mut share = app.ingest().share();
    let mut text = body::read(&parts.headers, query, content, &mut share).await?;
    if door == Door::CloudEvents
        && let Some(whole) = in_headers(&parts.headers, &text)
    {
        text = whole;
    }
    let mut envelope = Envelope::read(door, &text).map_err(malformed)?;
    let sending = who_sends(app, client, &parts.headers, query, &envelope).await?;
    envelope.sent_at = clock_of_sender(door, &parts.headers, query).or(envelope.sent_at);
    if door == Door::PosthogV1 && envelope.is_empty() {
        return Err(Refused::EmptyBatch);
    }
    let admission = admit(app, &sending, envelope.len()).await?;
    let is_single = envelope.is_single;
    let sender = Sender { tenant: sending.tenant, customer: None, received_at: app.clock.now(), key: None };
    let items = items(envelope, text, sender, app.ingest().intake.rules().clone()).await?;
    if door == Door::PosthogV1 && items.iter().any(|item| item.id.is_empty()) {
        return Err(Refused::NoUuid);
    }
    let answers = take(app, door, &sending.token, items).await?;
    admission.used();
    taken(door, is_single, &answers)
}

/// Asks whether the token may send so many events now.
pub async fn admit(app: &App, sending: &Sending, events: usize) -> Result<Admission, Refused> {
    let admitted = app.ingest().quotas.admit(&sending.token, sending.limits, events).await.map_err(Refused::Error)?;
    admitted.map_err(|why| Refused::TooMuch { why, token: sending.token.clone() })
}

/// Keeps what can be kept.
pub async fn take(app: &App, door: Door, token: &str, items: Vec<Item>) -> Result<Vec<Answered>, Refused> {
    app.ingest().intake.take(door.source(), token, items).await.map_err(Refused::Error)
}

/// Reads the events of a request: of a large one, beside the threads that serve others.
pub async fn items(envelope: Envelope, text: String, sender: Sender, rules: Arc<Rules>) -> Result<Vec<Item>, Refused> {
    if text.len() <= LARGE {
        return Ok(envelope.items(&text, &sender, &rules));
    }
    tokio::task::spawn_blocking(move || envelope.items(&text, &sender, &rules))
        .await
        .map_err(|error| Refused::Error(Error::internal(format!("reading events: {error}"))))
}

/// What a body that cannot be read is answered with.
pub fn malformed(malformed: Malformed) -> Refused {
    match malformed {
        Malformed::TooMany => Refused::TooMany,
        other => Refused::Malformed(other.to_string()),
    }
}

async fn who_sends(app: &App, client: &Client, headers: &HeaderMap, query: &str, envelope: &Envelope) -> Result<Sending, Refused> {
    let in_query = || field(query.as_bytes(), "api_key").or_else(|| field(query.as_bytes(), "token"));
    let key = keys::in_headers(headers).or_else(|| envelope.key.clone()).or_else(in_query);
    let key = key.ok_or(Refused::Key(Closed::Unknown))?;
    app.ingest().keys.whose(app, client, key.trim()).await.map_err(Refused::Error)?.map_err(Refused::Key)
}

/// The CloudEvent whose attributes are headers that begin with `ce-`; none where the body has the whole event.
fn in_headers(headers: &HeaderMap, data: &str) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/cloudevents") || !headers.contains_key("ce-specversion") {
        return None;
    }
    let attributes = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("ce-")?;
        // What is no ASCII is sent as `%` and two digits for each byte.
        Some((name.to_owned(), percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned()))
    });
    Some(structured(&attributes.collect::<Vec<_>>(), kind, data))
}

/// When the request left, where a header or the query says so.
fn clock_of_sender(door: Door, headers: &HeaderMap, query: &str) -> Option<kit::Timestamp> {
    match door {
        Door::PosthogV1 => events::wire::read_time(headers.get("posthog-request-timestamp")?.to_str().ok()?),
        Door::PosthogV0 | Door::PosthogAi => events::wire::read_time(&field(query.as_bytes(), "_")?),
        _ => None,
    }
}
