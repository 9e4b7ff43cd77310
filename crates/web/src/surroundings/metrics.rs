//! Figures for Prometheus.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hosting::usage::{ServiceFigures, SiteSeries};
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
const SITE_CPU: &str = "innkeeper_site_cpu_percent";
const SITE_MEMORY: &str = "innkeeper_site_memory_bytes";
const SITE_MEMORY_LIMIT: &str = "innkeeper_site_memory_limit_bytes";
const SITE_REQUESTS: &str = "innkeeper_site_requests_total";
const SITE_UP: &str = "innkeeper_site_up";
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
    // Not through the recorder, which keeps a series for ever: those of a site end with it.
    let sites = text_of_sites(&hosting::usage::series(&app.hosting).await?);
    let ingestion =
        super::ingestion_figures::text(&app.events.vitals(), app.ingest().bytes_read(), &app.ingest().intake.warnings().since_start());
    let text: Response = (handle.render() + &sites + &ingestion).into_response();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.into_body()).into_response())
}

/// What sites take, in Prometheus' text format. What is not known has no line.
fn text_of_sites(sites: &[SiteSeries]) -> String {
    let mut text = String::new();
    let service_figures = |figure: fn(&ServiceFigures) -> Option<f64>| {
        sites.iter().flat_map(move |site| {
            let lines = site.services.iter().filter_map(move |service| Some((service.service.as_str(), figure(service)?)));
            lines.map(|(service, figure)| {
                let (site, customer, service) = (label(&site.site), label(&site.customer), label(service));
                (format!(r#"site="{site}",service="{service}",customer="{customer}""#), figure)
            })
        })
    };
    #[expect(clippy::cast_precision_loss, reason = "bytes and counts, far below 2^52")]
    let real = |number: u64| number as f64;
    let site_figures = |figure: &dyn Fn(&SiteSeries) -> Option<f64>| -> Vec<(String, f64)> {
        let lines = sites
            .iter()
            .filter_map(|site| Some((format!(r#"site="{}",customer="{}""#, label(&site.site), label(&site.customer)), figure(site)?)));
        lines.collect()
    };
    family(&mut text, SITE_CPU, "gauge", "CPU of a service of a site in percent of one core", service_figures(|it| it.cpu_percent));
    family(
        &mut text,
        SITE_MEMORY,
        "gauge",
        "Memory of a service of a site, as docker stats counts it",
        service_figures(|it| it.memory_bytes.map(|bytes| bytes as f64)),
    );
    family(
        &mut text,
        SITE_MEMORY_LIMIT,
        "gauge",
        "Memory that a service of a site may take",
        service_figures(|it| it.memory_limit.map(|bytes| bytes as f64)),
    );
    family(&mut text, SITE_REQUESTS, "counter", "Requests of visitors to a site", site_figures(&|it| it.requests_total.map(real)));
    family(&mut text, SITE_UP, "gauge", "Whether a site runs and answers", site_figures(&|it| it.up.map(|up| f64::from(u8::from(up)))));
    text
}

pub(super) fn family(text: &mut String, name: &str, kind: &str, help: &str, lines: impl IntoIterator<Item = (String, f64)>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, figure) in lines {
        let _ = writeln!(text, "{name}{{{labels}}} {figure}");
    }
}

/// A label's value: names of adopted containers are not ours.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_has_no_line_and_labels_cannot_break_out() {
        let service = |name: &str, cpu: Option<f64>| ServiceFigures {
            service: name.to_owned(),
            cpu_percent: cpu,
            memory_bytes: Some(5_000_000),
            memory_limit: None,
        };
        let sites = [
            SiteSeries {
                site: "app_aaaaaaaa".to_owned(),
                customer: "cust_a".to_owned(),
                up: Some(true),
                requests_total: Some(12),
                services: vec![service("www", Some(1.5)), service("x\"y\\\n", None)],
            },
            SiteSeries { site: "app_bbbbbbbb".to_owned(), customer: "cust_b".to_owned(), up: None, requests_total: None, services: vec![] },
        ];
        let expected = r#"# HELP innkeeper_site_cpu_percent CPU of a service of a site in percent of one core
# TYPE innkeeper_site_cpu_percent gauge
innkeeper_site_cpu_percent{site="app_aaaaaaaa",service="www",customer="cust_a"} 1.5
# HELP innkeeper_site_memory_bytes Memory of a service of a site, as docker stats counts it
# TYPE innkeeper_site_memory_bytes gauge
innkeeper_site_memory_bytes{site="app_aaaaaaaa",service="www",customer="cust_a"} 5000000
innkeeper_site_memory_bytes{site="app_aaaaaaaa",service="x\"y\\\n",customer="cust_a"} 5000000
# HELP innkeeper_site_requests_total Requests of visitors to a site
# TYPE innkeeper_site_requests_total counter
innkeeper_site_requests_total{site="app_aaaaaaaa",customer="cust_a"} 12
# HELP innkeeper_site_up Whether a site runs and answers
# TYPE innkeeper_site_up gauge
innkeeper_site_up{site="app_aaaaaaaa",customer="cust_a"} 1
"#;
        assert_eq!(text_of_sites(&sites), expected);
    }
}
