//! Figures for Prometheus.

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kit::jobs;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::app::App;
use crate::respond::Answer;

const REQUESTS: &str = "innkeeper_http_requests_total";
const SECONDS: &str = "innkeeper_http_request_duration_seconds";
const DUE: &str = "innkeeper_jobs_due";
const JOBS: &str = "innkeeper_jobs";
const MEMORY: &str = "innkeeper_resident_memory_bytes";
const UPTIME: &str = "innkeeper_uptime_seconds";
/// Pages should take 10 ms; what takes seconds talks to Docker.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Memory pages of Linux on the machines that this runs on.
const PAGE_BYTES: f64 = 4096.0;

/// One recorder serves the whole process: tests start several Innkeepers in one.
fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), BUCKETS)
            .expect("there are buckets")
            .build_recorder();
        let handle = recorder.handle();
        // Whoever set another recorder first keeps it; the page then shows an empty list.
        let _ = metrics::set_global_recorder(recorder);
        describe_counter!(REQUESTS, "Answered requests by method, route and status");
        describe_histogram!(SECONDS, "Time to answer by route");
        describe_gauge!(DUE, "Jobs that wait although their time has come");
        describe_gauge!(JOBS, "Jobs by state");
        describe_gauge!(MEMORY, "Resident memory of the process");
        describe_gauge!(UPTIME, "Time since the process started");
        handle
    })
}

/// Counts one answer. Routes are counted by template, so that their number has an end.
pub fn count_request(method: &str, route: &str, status: StatusCode, took: Duration) {
    recorder();
    counter!(REQUESTS, "method" => known_method(method), "route" => route.to_owned(), "status" => status.as_u16().to_string()).increment(1);
    histogram!(SECONDS, "route" => route.to_owned()).record(took.as_secs_f64());
}

/// Anyone may invent a method; each would be a series of its own.
fn known_method(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].into_iter().find(|known| *known == method).unwrap_or("other")
}

/// Shows everything in Prometheus' text format.
pub async fn show(State(app): State<App>) -> Answer {
    let handle = recorder();
    let depth = jobs::depth(&app.db, &app.clock).await?;
    gauge!(DUE).set(float(depth));
    let counts = jobs::counts(&app.db).await?;
    for state in jobs::JobState::ALL {
        let count = counts.iter().find(|(counted, _)| counted == state).map_or(0, |(_, count)| *count);
        gauge!(JOBS, "state" => state.as_str()).set(float(count));
    }
    if let Some(bytes) = resident_memory().await {
        gauge!(MEMORY).set(bytes);
    }
    gauge!(UPTIME).set(app.clock.now().since(app.started_at).as_secs_f64());
    handle.run_upkeep();
    let text: Response = handle.render().into_response();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.into_body()).into_response())
}

/// The second figure of `/proc/self/statm`, in pages.
async fn resident_memory() -> Option<f64> {
    let text = tokio::fs::read_to_string("/proc/self/statm").await.ok()?;
    let pages: i64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(float(pages) * PAGE_BYTES)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people, far below 2^52")]
fn float(number: i64) -> f64 {
    number as f64
}
