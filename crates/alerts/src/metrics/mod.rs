//! The figures of the house by name: what they mean, and how to read them now and for any moment of the past.
//!
//! A figure is read in two steps, so that one look and a replay of 30 days are the same code: [`load`] fetches what a stretch of time
//! needs ([`Track`]), and [`Track::readings`] says, without touching the database, what the figure was at a moment.

mod activity;
mod builds;
mod costs;
mod customers;
mod gauges;
mod sites;

use std::collections::BTreeMap;
use std::time::Duration;

use kit::{Result, Timestamp, text_enum};
use serde::{Deserialize, Serialize};

use crate::Alerts;
pub use gauges::sample;

text_enum!(
    /// A figure of the house.
    Metric {
        /// What calls of language models cost today.
        DailyCost = "daily_cost",
        /// Builds and deployments that failed, in percent of those that ended.
        ErrorRate = "error_rate",
        /// Deployments that wait for their turn.
        BuildQueue = "build_queue",
        /// What a slow build takes.
        BuildTime = "build_time",
        /// Events taken in.
        IngestionRate = "ingestion_rate",
        /// Sites that do not answer.
        SitesDown = "sites_down",
        /// For how long each site does not answer.
        SiteDown = "site_down",
        /// Customers at risk.
        CustomersAtRisk = "customers_at_risk",
        /// Customers churning.
        CustomersChurning = "customers_churning",
        /// Free room on the disk of the data folder.
        DiskFree = "disk_free",
        /// For how long the house's own work waits.
        JobsWaiting = "jobs_waiting",
        /// Work of the house that gave up.
        JobsDead = "jobs_dead",
    }
);

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// As lists name it.
    pub label: &'static str,
    /// How it is counted, in a sentence: this is the query of an alert's evidence.
    pub query: &'static str,
    /// What it is counted in; empty for a plain number.
    pub unit: &'static str,
    /// What a window of a rule means for it; empty when it has none.
    pub window: &'static str,
    /// Whether it is a share or a percentile, which says little of few samples.
    pub has_samples: bool,
    /// Whether there is one figure for each of many things, each with its own alert.
    pub is_labelled: bool,
}

impl Metric {
    /// What it is.
    pub fn about(self) -> About {
        let plain = About { label: "", query: "", unit: "", window: "", has_samples: false, is_labelled: false };
        match self {
            Metric::DailyCost => About {
                label: "Daily cost",
                query: "What calls of language models of the calendar day cost until now, in the time zone of the house; calls without a price are not in it",
                unit: "USD",
                ..plain
            },
            Metric::ErrorRate => About {
                label: "Error rate",
                query: "Failed builds and deployments in percent of all that ended in the window, by the events build_failed, build_succeeded, deploy_failed and deploy_succeeded",
                unit: "%",
                window: "what ended in it",
                has_samples: true,
                ..plain
            },
            Metric::BuildQueue => {
                About { label: "Build queue", query: "Deployments that wait for their turn at this moment", unit: "waiting", ..plain }
            }
            Metric::BuildTime => About {
                label: "Build time",
                query: "What nine of ten builds of sites that ended in the window took at most (90th percentile, nearest rank)",
                unit: "s",
                window: "what ended in it",
                has_samples: true,
                ..plain
            },
            Metric::IngestionRate => About {
                label: "Events a minute",
                query: "Events of the window by the time at which they happened, divided by its whole minutes; the minute that is not over is left out",
                unit: "a minute",
                window: "the mean of it",
                ..plain
            },
            Metric::SitesDown => About {
                label: "Sites down",
                query: "Sites with an open incident: a service that does not run, or visitors who are not answered",
                unit: "sites",
                ..plain
            },
            Metric::SiteDown => About {
                label: "Time a site is down",
                query: "Minutes since the oldest open incident of a site began; an alert for each site",
                unit: "min",
                is_labelled: true,
                ..plain
            },
            Metric::CustomersAtRisk => About {
                label: "Customers at risk",
                query: "Customers whose health score is 40 to below 70; of past days as it was at their end",
                unit: "customers",
                ..plain
            },
            Metric::CustomersChurning => About {
                label: "Customers churning",
                query: "Customers whose health score is below 40; of past days as it was at their end",
                unit: "customers",
                ..plain
            },
            Metric::DiskFree => {
                About { label: "Free disk", query: "Room that may still be written on the disk of the data folder", unit: "%", ..plain }
            }
            Metric::JobsWaiting => About {
                label: "Waiting work",
                query: "Minutes for which the oldest job waits although its time has come; 0 when none waits",
                unit: "min",
                ..plain
            },
            Metric::JobsDead => {
                About { label: "Work that gave up", query: "Jobs that failed at every try and wait for somebody", unit: "jobs", ..plain }
            }
        }
    }

    /// A figure with its unit: `16.7 %`.
    pub fn with_unit(self, value: f64) -> String {
        let figure = plain(value);
        match self.about().unit {
            "" => figure,
            unit => format!("{figure} {unit}"),
        }
    }
}

/// A figure with as many decimals as it needs, two at most.
pub fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What tells the things of a labelled figure apart: `site`, `customer`.
pub type Labels = BTreeMap<String, String>;

/// The labels as one text, always the same for the same labels.
pub fn fingerprint(labels: &Labels) -> String {
    let parts: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.join(",")
}

/// What a figure was at a moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Of what; empty for the whole house.
    pub labels: Labels,
    /// The figure; none when nothing is known, which is never 0.
    pub value: Option<f64>,
    /// Out of how many; none for what is simply counted.
    pub samples: Option<i64>,
}

impl Reading {
    fn of_house(value: Option<f64>) -> Reading {
        Reading { value, ..Reading::default() }
    }
}

/// Something that an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// `customer` or `site`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// What it is called; empty until somebody looked.
    pub name: String,
    /// What is the matter with it, in a few words.
    pub note: String,
}

impl Affected {
    fn of(kind: &str, id: impl ToString, note: impl Into<String>) -> Affected {
        Affected { kind: kind.to_owned(), id: id.to_string(), name: String::new(), note: note.into() }
    }
}

/// All that is needed to say what a figure was at any moment of a stretch of time.
#[derive(Debug, Clone)]
pub enum Track {
    /// Things that ended, by when.
    Ended(Vec<hosting::happened::Happened>),
    /// Deployments that waited.
    Waits(Vec<hosting::deployments::queue::Wait>),
    /// Stretches of time in which a site was down, one figure for all.
    Outages(Vec<hosting::probes::incidents::Outage>),
    /// The same, a figure for each.
    OutagesBySite(Vec<hosting::probes::incidents::Outage>),
    /// Counts of minutes.
    Minutes(activity::Minutes),
    /// The share of what failed, by minutes.
    Failures(activity::Minutes),
    /// One figure for each stretch, by its end: what was known last.
    Steps(Vec<(Timestamp, f64)>, Duration),
}

impl Track {
    /// What the figure was at a moment, looking back over `window`. A labelled figure has a reading for each thing in trouble.
    pub fn readings(&self, at: Timestamp, window: Duration) -> Vec<Reading> {
        match self {
            Track::Ended(ended) => vec![builds::slow(ended, at, window)],
            Track::Waits(waits) => vec![builds::waiting(waits, at)],
            Track::Outages(outages) => vec![sites::down(outages, at)],
            Track::OutagesBySite(outages) => sites::down_for(outages, at),
            Track::Minutes(minutes) => vec![minutes.rate(at, window)],
            Track::Failures(minutes) => vec![minutes.failures(at, window)],
            Track::Steps(steps, lasts) => vec![gauges::last(steps, at, *lasts)],
        }
    }

    /// What it is about at a moment, the gravest first; names are still empty.
    fn affected(&self, at: Timestamp, window: Duration) -> Vec<Affected> {
        match self {
            Track::Ended(ended) => builds::slowest(ended, at, window),
            Track::Waits(waits) => builds::who_waits(waits, at),
            Track::Outages(outages) | Track::OutagesBySite(outages) => sites::which(outages, at),
            Track::Minutes(_) | Track::Failures(_) | Track::Steps(..) => Vec::new(),
        }
    }
}

/// Fetches what is needed to say what a figure was between two moments (both included), looking back over `window` at each.
pub async fn load(alerts: &Alerts, metric: Metric, from: Timestamp, to: Timestamp, window: Duration) -> Result<Track> {
    let since = from.minus(window);
    match metric {
        Metric::DailyCost => costs::of_days(alerts, from, to).await,
        Metric::ErrorRate => Ok(Track::Failures(activity::minutes(alerts, since, to).await?)),
        Metric::IngestionRate => Ok(Track::Minutes(activity::minutes(alerts, since, to).await?)),
        Metric::BuildTime => builds::ended(alerts, since, to).await.map(Track::Ended),
        Metric::BuildQueue => hosting::deployments::queue::waits(&alerts.db, from, to).await.map(Track::Waits),
        Metric::SitesDown => hosting::probes::incidents::outages(&alerts.db, from, to).await.map(Track::Outages),
        Metric::SiteDown => hosting::probes::incidents::outages(&alerts.db, from, to).await.map(Track::OutagesBySite),
        Metric::CustomersAtRisk => customers::in_band(alerts, |bands| bands.at_risk, from, to).await,
        Metric::CustomersChurning => customers::in_band(alerts, |bands| bands.churning, from, to).await,
        Metric::DiskFree | Metric::JobsWaiting | Metric::JobsDead => gauges::track(alerts, metric, from, to).await,
    }
}

/// Customers and sites that an alert is about, by name, at most `limit`.
pub async fn affected(
    alerts: &Alerts,
    metric: Metric,
    track: &Track,
    at: Timestamp,
    window: Duration,
    limit: usize,
) -> Result<Vec<Affected>> {
    let mut found = match metric {
        Metric::ErrorRate => activity::who_failed(alerts, at, window, limit).await?,
        Metric::CustomersAtRisk | Metric::CustomersChurning => customers::who(alerts, metric, limit).await?,
        _ => track.affected(at, window),
    };
    found.truncate(limit);
    sites::add_names(alerts, &mut found).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_short_as_they_are() {
        assert_eq!([plain(16.0), plain(16.666), plain(0.5), plain(100.0)], ["16", "16.67", "0.5", "100"]);
        assert_eq!(Metric::ErrorRate.with_unit(16.666), "16.67 %");
        for metric in Metric::ALL {
            let about = metric.about();
            assert!(!about.label.is_empty() && !about.query.is_empty(), "{metric}");
        }
    }
}
