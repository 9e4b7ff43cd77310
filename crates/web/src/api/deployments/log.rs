//! A deployment's log as text: all of it so far, or as it grows until the verdict.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::IntoResponse;
use futures_util::StreamExt;
use hosting::deployments::colours;
use hosting::deployments::log::{self, LogLine};
use hosting::deployments::{self, DeploymentId, Growth, Until};
use serde::Deserialize;
use serde_json::json;
use tracing::warn;
use utoipa::IntoParams;

use super::super::container::caller_of;
use crate::app::App;
use crate::extract::{Path, Query};
use crate::lasting::while_let_in;
use crate::limit::PerMinute;
use crate::portal;
use crate::respond::Answer;
use crate::routes::Caller;

/// A log may be megabytes.
const ASKED: PerMinute = PerMinute(60);
/// Longer than any deployment may take; whoever still listens then asks again.
const LIFE: Duration = Duration::from_secs(3600);
/// Where the next read begins.
static NEXT_FROM: HeaderName = HeaderName::from_static("x-next-from");

/// What of the log.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// Whether to go on until the verdict.
    follow: Option<bool>,
    /// From this byte of what is kept on: what `X-Next-From`, or the `id` of the last event, said.
    from: Option<u64>,
}

/// Gives a deployment's log.
///
/// Plain text, one line each: time, step, words. With `follow=true` it goes on until the verdict, which is the last line. With
/// `Accept: text/event-stream` the lines come as events (`line`, at the end `verdict`), whose `id` is where to go on from; a client that
/// reconnects with `Last-Event-ID` misses nothing. Both end without a verdict when the token is revoked or the session ends. Secrets are replaced by `[redacted:…]`. 60 times a minute.
#[utoipa::path(get, path = "/api/deployments/{deployment_id}/log", tag = "Deployments",
    params(("deployment_id" = String, Path, description = "Its id"), Part),
    responses((status = 200, description = "The log", body = String, content_type = "text/plain",
        headers(("X-Next-From" = u64, description = "Where the next read begins; not there when it is followed")))))]
pub async fn log(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<DeploymentId>,
    headers: HeaderMap,
    Query(part): Query<Part>,
) -> Answer {
    deployments::get(&app.db, &actor.scope(), &id).await?;
    app.limits().take("deployment.log", caller_of(&actor), ASKED)?;
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_events = text(header::ACCEPT).contains("text/event-stream");
    let last_event = text(HeaderName::from_static("last-event-id")).parse().ok();
    let from = part.from.or(last_event).unwrap_or(0);
    if !is_events && part.follow != Some(true) {
        let (_, lines, next) = log::read(&app.hosting, &actor.scope(), &id, from).await?;
        let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (NEXT_FROM.clone(), next.to_string())];
        return Ok((headers, portal::deployment_log_as_text(&lines)).into_response());
    }
    let grown = deployments::follow(&app.hosting, &actor.scope(), &id, from, Until::Verdict, LIFE).await?;
    let parts = while_let_in(&app, &actor, grown).filter_map(move |growth| {
        let part = growth.inspect_err(|error| warn!("a log that is followed cannot be read: {error}")).ok();
        ready(part.map(|growth| Ok::<Bytes, Infallible>(if is_events { events(&growth) } else { lines(&growth) }.into())))
    });
    let kind = if is_events { "text/event-stream" } else { "text/plain; charset=utf-8" };
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response())
}

fn lines(growth: &Growth) -> String {
    let mut text = portal::deployment_log_as_text(&growth.lines);
    if growth.is_last {
        let deployment = &growth.deployment;
        let reason = deployment.error.as_deref().map(|error| format!(": {}", one_line(error))).unwrap_or_default();
        text.push_str(&format!("{} {}{reason}\n", deployment.id, deployment.state));
    }
    text
}

/// As a browser's `EventSource` reads it. The id comes after the lines of a beat: whoever loses the connection in between gets a line
/// twice rather than never.
fn events(growth: &Growth) -> String {
    let mut text = String::new();
    let event = |line: &LogLine| json!({ "at": line.at.rfc3339(), "step": line.step, "text": colours::plain(&line.text) });
    for line in &growth.lines {
        text.push_str(&format!("event: line\ndata: {}\n\n", event(line)));
    }
    // An event without data only sets the id.
    text.push_str(&format!("id: {}\n\n", growth.next));
    if growth.is_last {
        let deployment = &growth.deployment;
        let verdict = json!({ "deployment_id": deployment.id.as_str(), "status": deployment.state.as_str(), "error": deployment.error });
        text.push_str(&format!("event: verdict\ndata: {verdict}\n\n"));
    }
    text
}

fn one_line(text: &str) -> String {
    colours::plain(&text.replace('\n', " "))
}
