//! Usage: what sites take of the machine and what visitors ask of them. CPU and memory come from the kernel, requests from the
//! edge, both every ten seconds without asking Docker; the last hour is in memory, seven days and the days' sums on disk.
//!
//! `cgroup`, `edge` and `history` decide about texts and figures, `watch` goes round, `size` measures databases and files.
//! A figure that is not known is missing and never 0.

mod cgroup;
mod edge;
mod history;
mod size;
mod totals;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::sync::RwLock;
use std::time::Duration;

use kit::{Result, Timestamp};

use crate::Hosting;
use crate::probes::HealthState;
use crate::sites::{self, SiteId};

pub(crate) use cgroup::without_idle_cache;
pub use cgroup::{Reading, Roots};
pub use edge::Counts;
pub(crate) use edge::{Scrape, look};
use history::Ring;
pub use history::{Minute, STEP, Sample, history};
pub use size::measure;
pub use totals::{Totals, totals};
pub use watch::{Watcher, run};

/// Minutes of the last hour.
const MINUTES: i64 = 60;
const MINUTE_MS: i64 = 60_000;
/// Figures that are older than this are not shown as present ones: looking stopped.
const STALE: Duration = Duration::from_secs(45);

/// The figures of all sites, in memory. One per process, filled by [`run`].
#[derive(Debug, Default)]
pub struct Figures(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    as_of: Option<Timestamp>,
    sites: HashMap<String, SiteInMemory>,
}

#[derive(Debug, Default)]
struct SiteInMemory {
    services: BTreeMap<String, ServiceInMemory>,
    is_counted: bool,
    requests_per_second: Option<f64>,
    /// Since this process looks at the edge.
    requests_total: Option<u64>,
}

#[derive(Debug, Default)]
struct ServiceInMemory {
    /// What was read in the last round; none while it does not run.
    now: Option<ServiceFigures>,
    ring: Ring,
}

/// What a service takes at present.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceFigures {
    /// `www`, `api`, `alert`, `db`, or what an adopted container is.
    pub service: String,
    /// Share of one core in percent; none until two looks can be compared.
    pub cpu_percent: Option<f64>,
    /// Memory as `docker stats` counts it.
    pub memory_bytes: Option<u64>,
    /// What it may take at most; none without a limit.
    pub memory_limit: Option<u64>,
}

/// What a site takes at present, and the hour before.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SiteFigures {
    /// When it was looked at; none before the first look.
    pub as_of: Option<Timestamp>,
    /// Each service that runs.
    pub services: Vec<ServiceFigures>,
    /// All services together, in percent of one core.
    pub cpu_percent: Option<f64>,
    /// All services together.
    pub memory_bytes: Option<u64>,
    /// What all services together may take; none when one of them has no limit.
    pub memory_limit: Option<u64>,
    /// Requests through the edge in the last ten seconds.
    pub requests_per_second: Option<f64>,
    /// Whether visitors reach it through our edge: then requests are counted.
    pub is_counted: bool,
    /// Sixty minutes up to the present one, oldest first, also those of which nothing is known.
    pub last_hour: Vec<Point>,
}

/// A minute of the last hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When it began.
    pub at: Timestamp,
    /// Average CPU in percent of one core.
    pub cpu: Option<f64>,
    /// Highest memory in bytes.
    pub memory: Option<u64>,
    /// Average requests a second.
    pub requests: Option<f64>,
}

/// A site as Prometheus sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteSeries {
    /// Its id.
    pub site: String,
    /// Its customer's id.
    pub customer: String,
    /// Whether it runs and answers; none when Docker cannot be asked.
    pub up: Option<bool>,
    /// Requests since this process looks at the edge.
    pub requests_total: Option<u64>,
    /// Each service that runs.
    pub services: Vec<ServiceFigures>,
}

impl Figures {
    /// What a site takes at `now`.
    pub fn of(&self, site: &SiteId, now: Timestamp) -> SiteFigures {
        let inner = self.read();
        let last_minute = now.0.div_euclid(MINUTE_MS);
        let minutes = last_minute - MINUTES + 1..=last_minute;
        let as_of = inner.as_of;
        let Some(seen) = inner.sites.get(site.as_str()) else {
            return SiteFigures { as_of, last_hour: minutes.map(Point::empty).collect(), ..SiteFigures::default() };
        };
        let last_hour = minutes.map(|minute| seen.minute(minute)).collect();
        let is_current = as_of.is_some_and(|as_of| now.since(as_of) < STALE);
        if !is_current {
            return SiteFigures { as_of, is_counted: seen.is_counted, last_hour, ..SiteFigures::default() };
        }
        let services = seen.running();
        SiteFigures {
            as_of,
            cpu_percent: sum(services.iter().map(|service| service.cpu_percent), |one, other| one + other),
            memory_bytes: sum(services.iter().map(|service| service.memory_bytes), u64::saturating_add),
            memory_limit: all(services.iter().map(|service| service.memory_limit)),
            requests_per_second: seen.requests_per_second,
            is_counted: seen.is_counted,
            services,
            last_hour,
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl SiteInMemory {
    fn running(&self) -> Vec<ServiceFigures> {
        self.services.values().filter_map(|service| service.now.clone()).collect()
    }

    fn minute(&self, minute: i64) -> Point {
        let whole = self.services.values().map(|service| service.ring.minute(minute)).fold(Sample::default(), Sample::beside);
        Point {
            at: Timestamp(minute * MINUTE_MS),
            cpu: whole.cpu_percent.map(f64::from),
            memory: whole.memory_kib.map(|kib| u64::from(kib) * 1024),
            requests: whole.requests.map(|requests| f64::from(requests) / 60.0),
        }
    }
}

impl Point {
    fn empty(minute: i64) -> Point {
        Point { at: Timestamp(minute * MINUTE_MS), cpu: None, memory: None, requests: None }
    }
}

/// What is known of them together; none when nothing is.
fn sum<T>(figures: impl Iterator<Item = Option<T>>, add: impl Fn(T, T) -> T) -> Option<T> {
    figures.flatten().reduce(add)
}

/// The sum of all; none when one is not known, or there are none.
fn all(figures: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let figures: Option<Vec<u64>> = figures.collect();
    figures.filter(|figures| !figures.is_empty()).map(|figures| figures.iter().sum())
}

/// All sites that are not archived, for Prometheus: a site that is gone from the database is gone from here at once.
pub async fn series(hosting: &Hosting) -> Result<Vec<SiteSeries>> {
    let known = sites::known(&hosting.db).await?;
    let now = hosting.clock.now();
    let series = known.iter().map(|site| {
        let inner = hosting.figures.read();
        let is_current = inner.as_of.is_some_and(|as_of| now.since(as_of) < STALE);
        let seen = inner.sites.get(site.id.as_str());
        SiteSeries {
            site: site.id.to_string(),
            customer: site.customer_id.to_string(),
            up: match hosting.board.health(site).state {
                HealthState::Unknown => None,
                state => Some(state == HealthState::Running),
            },
            requests_total: seen.and_then(|seen| seen.requests_total),
            services: seen.filter(|_| is_current).map(SiteInMemory::running).unwrap_or_default(),
        }
    });
    Ok(series.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unknown_limit_makes_the_whole_unknown_and_one_unknown_figure_does_not() {
        assert_eq!(all([Some(1), Some(2)].into_iter()), Some(3));
        assert_eq!(all([Some(1), None].into_iter()), None);
        assert_eq!(all(std::iter::empty()), None);
        assert_eq!(sum([Some(1), None, Some(2)].into_iter(), |a, b| a + b), Some(3));
        assert_eq!(sum([None::<u64>].into_iter(), |a, b| a + b), None);
    }

    #[test]
    fn site_that_was_never_seen_has_an_hour_of_nothing() {
        let figures = Figures::default().of(&SiteId::parse("app_aaaaaaaa").unwrap(), Timestamp(1_768_386_600_000));
        assert_eq!(figures.last_hour.len(), 60);
        assert_eq!(figures.last_hour[59].at, Timestamp(1_768_386_600_000));
        assert_eq!((figures.cpu_percent, figures.memory_bytes, figures.requests_per_second), (None, None, None));
    }
}
