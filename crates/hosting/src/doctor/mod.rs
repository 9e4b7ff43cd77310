//! The examination: looks at the house, or at one site and what it stands on, and says what is wrong and what to do about it.
//!
//! It changes nothing and never gives up: each look has a time limit of its own, all are made at once, and one that cannot be
//! made is itself a finding. What is seen and what follows from it are apart: functions called `judge_…` are pure.

mod books;
mod disk;
mod edge;
mod engine;
mod overview;
mod site;

use std::cmp::Reverse;
use std::future::Future;
use std::time::Duration;

use futures_util::future::BoxFuture;
use kit::{Error, Result, Timestamp, text_enum};
use serde::Serialize;
use tokio::time::Instant;
use tracing::warn;

use crate::runtime::Runtime;
use crate::sites::{Site, SiteId};
use crate::{Hosting, HostingConfig};

/// How long one look may take. Most take some milliseconds; what is away is usually noticed by this.
const PATIENCE: Duration = Duration::from_secs(6);

text_enum!(
    /// How much a finding matters; the worst is the greatest.
    Severity {
        /// As it should be.
        Ok = "ok",
        /// It works, or may; somebody should look before it does not.
        Warn = "warn",
        /// Something does not work, or is open to those it should be closed to.
        Bad = "bad",
    }
);

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `docker`, `disk`, `route`, ….
    pub check: &'static str,
    /// Which one of them: a folder, a port, a service.
    pub subject: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was seen, as a sentence.
    pub message: String,
    /// What to do, with commands in backticks; empty when all is well.
    pub advice: String,
}

impl Finding {
    fn ok(check: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding { check, subject: subject.into(), severity: Severity::Ok, message: message.into(), advice: String::new() }
    }

    fn warn(check: &'static str, subject: impl Into<String>, message: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { check, subject: subject.into(), severity: Severity::Warn, message: message.into(), advice: advice.into() }
    }

    fn bad(check: &'static str, subject: impl Into<String>, message: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { severity: Severity::Bad, ..Finding::warn(check, subject, message, advice) }
    }

    /// What could not be looked at may be well or not.
    fn unseen(check: &'static str, subject: impl Into<String>, why: &str) -> Finding {
        let advice = "It may be well or not. Mend what stands in the way, then examine again.";
        Finding::warn(check, subject, format!("Could not look: {why}."), advice)
    }
}

/// What an examination found, worst first.
#[derive(Debug, Clone)]
pub struct Report {
    /// The site that was examined; the house when absent.
    pub site: Option<SiteId>,
    /// When it began.
    pub began_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    fn new(site: Option<SiteId>, began_at: Timestamp, started: Instant, mut findings: Vec<Finding>) -> Report {
        // Stable: what belongs together stays together within a severity.
        findings.sort_by_key(|finding| Reverse(finding.severity));
        Report { site, began_at, took: started.elapsed(), findings }
    }

    /// The worst that was found.
    pub fn severity(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok)
    }

    /// How many findings of this severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Examines the house, or one site: then of the house only what is not well is told.
pub async fn examine(hosting: &Hosting, site: Option<&Site>) -> Report {
    let (began_at, started) = (hosting.clock.now(), Instant::now());
    let findings = match site {
        None => {
            let (house, sites) = tokio::join!(Box::pin(house(hosting)), overview::examine(hosting));
            [house, sites].concat()
        }
        Some(site) => {
            let (own, mut house) = tokio::join!(Box::pin(site::examine(hosting, site)), Box::pin(house(hosting)));
            house.retain(|finding| finding.severity != Severity::Ok);
            [own, house].concat()
        }
    };
    Report::new(site.map(|site| site.id.clone()), began_at, started, findings)
}

/// Examines what can be looked at although the house itself does not open, for the reason `error`.
pub async fn examine_closed(clock: &kit::Clock, config: &HostingConfig, data: &std::path::Path, error: &Error) -> Report {
    let (began_at, started) = (clock.now(), Instant::now());
    let runtime = Runtime::default();
    let (docker, disk) = tokio::join!(engine::examine(&runtime), disk::examine(&runtime, data.to_owned()));
    let closed = Finding::bad(
        "house",
        "Innkeeper",
        format!("Innkeeper does not open: {}.", said(error)),
        format!(
            "Mend that first; nothing about the sites below {} can be looked at before. `innkeeper config check` shows the settings in effect.",
            config.base_domain
        ),
    );
    Report::new(None, began_at, started, [vec![closed], docker, disk].concat())
}

async fn house(hosting: &Hosting) -> Vec<Finding> {
    let (docker, disk, edge, books) = tokio::join!(
        engine::examine(&hosting.runtime),
        disk::examine(&hosting.runtime, hosting.data().to_owned()),
        edge::examine(hosting),
        books::examine(hosting),
    );
    [docker, edge, disk, books].concat()
}

/// Makes one look within its time; what cannot be seen becomes a finding about `subject`.
///
/// Boxed, as all looks are made at once: their states side by side are too much for a stack.
fn look<'a>(
    check: &'static str,
    subject: impl Into<String>,
    work: impl Future<Output = Result<Vec<Finding>>> + Send + 'a,
) -> BoxFuture<'a, Vec<Finding>> {
    let (subject, work) = (subject.into(), Box::pin(work));
    Box::pin(async move {
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(findings)) => findings,
            Ok(Err(error)) => {
                warn!(check, "examining `{check}` of {subject}: {error}");
                vec![Finding::unseen(check, subject, &said(&error))]
            }
            Err(_) => vec![Finding::unseen(check, subject, &format!("there was no answer within {} s", PATIENCE.as_secs()))],
        }
    })
}

/// What a person may read of an error. Of a program that failed only what it said: its whole command line says nothing more.
fn said(error: &Error) -> String {
    let text = error.public_message();
    let last_words = text.split_once("` failed (").and_then(|(_, rest)| rest.split_once("): ")).map(|(_, said)| said);
    let words = last_words.filter(|said| !said.is_empty()).unwrap_or(&text).trim_end_matches('.');
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect()
}

/// Ends what another program said as a sentence.
fn ended(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
}

/// Looks at files beside the event loop.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal(format!("a look at files failed: {error}")))?
}

/// A size for people, thousand to the step.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    if unit == 0 || tenths >= 100 {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// A length of time for people, in its largest unit.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} hours", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// `1 job`, `2 jobs`.
fn plural(count: i64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// The leading numbers of a version: `20.10.24+dfsg1` is 20, 10, 24.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().ok());
    Some((parts.next()??, parts.next().flatten().unwrap_or(0), parts.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_that_fails_or_hangs_is_a_finding() {
        let failed = look("docker", "Docker", async { Err(Error::unavailable("Docker does not answer")) }).await;
        assert_eq!((failed[0].severity, failed[0].message.as_str()), (Severity::Warn, "Could not look: Docker does not answer."));
        assert!(failed[0].advice.contains("examine again"));
        let hung = look("docker", "Docker", std::future::pending()).await;
        assert_eq!(hung[0].message, "Could not look: there was no answer within 6 s.");
        let ours = look("docker", "Docker", async { Err(Error::internal("secret detail")) }).await;
        assert!(!ours[0].message.contains("secret"), "{ours:?}");
    }

    #[test]
    fn of_a_program_that_failed_its_last_words_are_told() {
        let failed = Error::unavailable("`docker exec x psql --command select 1` failed (exit status: 2): psql: error:\nno such database.");
        assert_eq!(said(&failed), "psql: error: no such database");
        assert_eq!([ended("is it running?"), ended("it is not")], ["is it running?", "it is not."]);
        assert_eq!(said(&Error::unavailable("the program `docker` is not installed")), "the program `docker` is not installed");
    }

    #[test]
    fn the_worst_comes_first_and_decides() {
        let findings =
            vec![Finding::ok("a", "", ""), Finding::bad("b", "", "", "x"), Finding::warn("c", "", "", "x"), Finding::bad("d", "", "", "x")];
        let report = Report::new(None, Timestamp(0), Instant::now(), findings);
        assert_eq!(report.findings.iter().map(|finding| finding.check).collect::<String>(), "bdca");
        assert_eq!((report.severity(), report.count(Severity::Bad)), (Severity::Bad, 2));
        assert_eq!(Report::new(None, Timestamp(0), Instant::now(), Vec::new()).severity(), Severity::Ok);
    }

    #[test]
    fn figures_are_for_people() {
        assert_eq!([size(0), size(999), size(1500), size(45_678_901), size(u64::MAX)], ["0 B", "999 B", "1.5 kB", "45 MB", "18446744 TB"]);
        let spans = [5, 119, 120, 7200, 180_000].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(spans, ["5 s", "119 s", "2 min", "2 hours", "2 days"]);
        assert_eq!([plural(1, "job"), plural(2, "job")], ["1 job", "2 jobs"]);
        assert_eq!(version("20.10.24+dfsg1"), Some((20, 10, 24)));
        assert_eq!(version("5.6.1"), Some((5, 6, 1)));
        assert_eq!(version("29"), Some((29, 0, 0)));
        assert_eq!(version("dev"), None);
    }
}
