//! What visitors did, as Traefik counted it: its figures in Prometheus' text format, read as they come in.
//!
//! Traefik counts from its start and per service; [`Meter`] turns that into what was new since the last look.

use std::collections::HashMap;

use kit::{Error, Result};

use crate::proxy::Proxy;
use crate::sites::SiteId;

const REQUESTS: &str = "traefik_service_requests_total";
const BYTES_OUT: &str = "traefik_service_responses_bytes_total";
const STARTED: &str = "process_start_time_seconds";
/// Lines of ours are far shorter; what is longer is left out.
const LONGEST_LINE: usize = 4096;

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests that reached a service.
    pub requests: u64,
    /// Those answered with a status from 500.
    pub server_errors: u64,
    /// Bytes of the answers.
    pub bytes_out: u64,
}

/// A service of a site, as Traefik's service names say it.
pub type ServiceOfSite = (SiteId, String);

/// All that one look saw.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scrape {
    /// When Traefik was started, as it writes it.
    started: Option<String>,
    /// Counts of each service since then.
    pub services: HashMap<ServiceOfSite, Counts>,
}

/// Asks Traefik once.
pub async fn look(proxy: &Proxy) -> Result<Scrape> {
    let mut parser = Parser::default();
    proxy.metrics(|bytes| parser.push(bytes)).await?;
    let scrape = parser.finish();
    if scrape.started.is_none() {
        return Err(Error::unavailable("the edge answers without figures"));
    }
    Ok(scrape)
}

/// Reads the text in pieces of any size; lines that it does not know or cannot read are left out.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    seen: Scrape,
}

impl Parser {
    /// Takes the next piece.
    pub fn push(&mut self, mut piece: &[u8]) {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            if self.line.is_empty() {
                self.seen.note(&piece[..end]);
            } else {
                self.keep(&piece[..end]);
                self.seen.note(&self.line);
                self.line.clear();
            }
            piece = &piece[end + 1..];
        }
        self.keep(piece);
    }

    /// What was read, when there is no more.
    pub fn finish(mut self) -> Scrape {
        self.seen.note(&self.line);
        self.seen
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = (LONGEST_LINE + 1).saturating_sub(self.line.len());
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

impl Scrape {
    fn note(&mut self, line: &[u8]) {
        let is_ours = [REQUESTS, BYTES_OUT, STARTED].iter().any(|name| line.starts_with(name.as_bytes()));
        if !is_ours || line.len() > LONGEST_LINE {
            return;
        }
        let Ok(line) = std::str::from_utf8(line) else { return };
        let Some(sample) = Sample::parse(line) else { return };
        if sample.name == STARTED {
            self.started = Some(sample.value.to_owned());
            return;
        }
        let Some(service) = sample.label("service").and_then(|name| service_of_site(&name)) else { return };
        let Some(value) = whole(sample.value) else { return };
        let counts = self.services.entry(service).or_default();
        match sample.name {
            REQUESTS => {
                counts.requests = counts.requests.saturating_add(value);
                if sample.label("code").is_some_and(|code| code.starts_with('5')) {
                    counts.server_errors = counts.server_errors.saturating_add(value);
                }
            }
            BYTES_OUT => counts.bytes_out = counts.bytes_out.saturating_add(value),
            _ => {}
        }
    }
}

/// One line: `name{label="value",…} figure`.
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: &'a str,
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Option<Sample<'a>> {
        let end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inside) => {
                let close = end_of_labels(inside)?;
                (&inside[..close], &inside[close + 1..])
            }
            None => ("", rest),
        };
        // A time may follow the figure.
        Some(Sample { name, labels, value: rest.split_whitespace().next()? })
    }

    fn label(&self, wanted: &str) -> Option<String> {
        let mut rest = self.labels;
        while let Some((name, after)) = rest.split_once("=\"") {
            let end = end_of_text(after)?;
            if name.trim_matches([',', ' ']) == wanted {
                return Some(unescaped(&after[..end]));
            }
            rest = &after[end + 1..];
        }
        None
    }
}

/// Where the closing brace is: one within a value does not count.
fn end_of_labels(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let next = at + text[at..].find(['}', '"'])?;
        if text.as_bytes()[next] == b'}' {
            return Some(next);
        }
        at = next + 1 + end_of_text(&text[next + 1..])? + 1;
    }
}

/// Where the closing quote is: one behind a backslash does not count.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

fn unescaped(text: &str) -> String {
    text.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\")
}

/// Figures are reals in this format: `12`, `1.2e+06`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole, and the range is checked")]
fn whole(text: &str) -> Option<u64> {
    let value: f64 = text.parse().ok()?;
    (value.is_finite() && (0.0..=9e15).contains(&value)).then_some(value as u64)
}

/// Services are called `{customer}-{site}-{service}@file`; those of the edge itself and of others are `None`.
fn service_of_site(name: &str) -> Option<ServiceOfSite> {
    let mut parts = name.strip_suffix("@file")?.split('-');
    let (_customer, site, service) = (parts.next()?, parts.next()?, parts.next()?);
    if service.is_empty() || parts.next().is_some() {
        return None;
    }
    Some((SiteId::parse(site).ok()?, service.to_owned()))
}

/// Turns counts since Traefik's start into what was new.
#[derive(Debug, Default)]
pub struct Meter {
    last: Option<Scrape>,
}

impl Meter {
    /// What was counted since the look before; `None` for the first one, with which nothing can be compared.
    pub fn since_last(&mut self, scrape: Scrape) -> Option<HashMap<ServiceOfSite, Counts>> {
        let last = self.last.replace(scrape.clone())?;
        let has_restarted = last.started != scrape.started;
        let new = scrape.services.into_iter().map(|(service, now)| {
            let before = last.services.get(&service).copied().filter(|before| !has_restarted && !now.is_behind(before));
            let before = before.unwrap_or_default();
            let new = Counts {
                requests: now.requests - before.requests,
                server_errors: now.server_errors - before.server_errors,
                bytes_out: now.bytes_out - before.bytes_out,
            };
            (service, new)
        });
        Some(new.collect())
    }
}

impl Counts {
    /// Whether counting began anew: Traefik forgets a service that is taken out of its routes.
    fn is_behind(&self, before: &Counts) -> bool {
        self.requests < before.requests || self.server_errors < before.server_errors || self.bytes_out < before.bytes_out
    }

    /// Adds what came later.
    pub(super) fn add(&mut self, more: Counts) {
        self.requests = self.requests.saturating_add(more.requests);
        self.server_errors = self.server_errors.saturating_add(more.server_errors);
        self.bytes_out = self.bytes_out.saturating_add(more.bytes_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.76838660052e+09
traefik_service_request_duration_seconds_bucket{code="200",method="GET",protocol="http",service="cust_aaaaaaaaaaaa-app_aaaaaaaa-www@file",le="0.01"} 5
traefik_service_requests_total{code="200",method="GET",protocol="http",service="cust_aaaaaaaaaaaa-app_aaaaaaaa-www@file"} 5
traefik_service_requests_total{code="502",method="GET",protocol="http",service="cust_aaaaaaaaaaaa-app_aaaaaaaa-www@file"} 2
traefik_service_requests_total{code="200",method="POST",protocol="http",service="cust_aaaaaaaaaaaa-app_aaaaaaaa-api@file"} 1.2e+06 1768386600123
traefik_service_requests_total{code="200",method="}\"odd\\",service="cust_aaaaaaaaaaaa-app_bbbbbbbb-www@file"} 3
traefik_service_requests_total{code="200",method="GET",protocol="http",service="innkeeper-holding@file"} 9
traefik_service_requests_total{code="200",method="GET",protocol="http",service="prometheus@internal"} 9
traefik_service_responses_bytes_total{code="200",method="GET",protocol="http",service="cust_aaaaaaaaaaaa-app_aaaaaaaa-www@file"} 4096
traefik_service_requests_total{code="200",service="cust_aaaaaaaaaaaa-app_aaaaaaaa-www@file"} NaN
traefik_service_requests_total{code="200",service="cust_aaaaaaaaaaaa-app_aaaaaaaa-www@file
traefik_service_requests_total_of_another 3"#;

    fn of(site: &str, service: &str) -> ServiceOfSite {
        (SiteId::parse(site).unwrap(), service.to_owned())
    }

    fn read(text: &[u8], piece: usize) -> Scrape {
        let mut parser = Parser::default();
        text.chunks(piece).for_each(|piece| parser.push(piece));
        parser.finish()
    }

    #[test]
    fn lines_of_sites_are_summed_and_all_others_left_out() {
        let scrape = read(TEXT.as_bytes(), usize::MAX);
        let counts = |service: &ServiceOfSite| scrape.services[service];
        assert_eq!(scrape.services.len(), 3);
        assert_eq!(counts(&of("app_aaaaaaaa", "www")), Counts { requests: 7, server_errors: 2, bytes_out: 4096 });
        assert_eq!(counts(&of("app_aaaaaaaa", "api")).requests, 1_200_000);
        assert_eq!(counts(&of("app_bbbbbbbb", "www")).requests, 3);
        assert_eq!(scrape.started.as_deref(), Some("1.76838660052e+09"));
    }

    #[test]
    fn text_may_come_in_pieces_of_any_size() {
        let whole = read(TEXT.as_bytes(), usize::MAX);
        for piece in [1, 2, 7, 64, 1000] {
            assert_eq!(read(TEXT.as_bytes(), piece), whole, "{piece}");
        }
    }

    #[test]
    fn endless_line_takes_no_memory_and_the_next_one_counts() {
        let mut parser = Parser::default();
        parser.push(b"traefik_service_requests_total{x=\"");
        for _ in 0..1000 {
            parser.push(&[b'a'; 1000]);
        }
        assert!(parser.line.len() <= LONGEST_LINE + 1);
        parser.push(b"\nprocess_start_time_seconds 7\n");
        assert_eq!(parser.finish().started.as_deref(), Some("7"));
    }

    fn scrape(started: &str, requests: u64) -> Scrape {
        let counts = Counts { requests, server_errors: 0, bytes_out: requests * 10 };
        Scrape { started: Some(started.to_owned()), services: HashMap::from([(of("app_aaaaaaaa", "www"), counts)]) }
    }

    #[test]
    fn counters_that_go_back_begin_anew() {
        let mut meter = Meter::default();
        let mut new =
            |started: &str, requests: u64| meter.since_last(scrape(started, requests)).map(|new| new[&of("app_aaaaaaaa", "www")].requests);
        assert_eq!(new("1", 100), None, "what was before the first look is nobody's");
        assert_eq!(new("1", 130), Some(30));
        assert_eq!(new("1", 130), Some(0));
        assert_eq!(new("1", 5), Some(5), "Traefik forgot the service");
        assert_eq!(new("2", 8), Some(8), "Traefik was restarted and has counted further than before");
        assert_eq!(new("2", 9), Some(1));
    }

    #[test]
    fn service_that_appears_later_counts_from_nothing() {
        let mut meter = Meter::default();
        assert_eq!(meter.since_last(Scrape { started: Some("1".to_owned()), ..Scrape::default() }), None);
        let new = meter.since_last(scrape("1", 4)).unwrap();
        assert_eq!(new[&of("app_aaaaaaaa", "www")].requests, 4);
    }
}
