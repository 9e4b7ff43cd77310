//! Health scores: models as data, factors, one figure from 0 to 100 that explains itself, its trend and what moved it.
//!
//! A score is computed from roll-ups whenever it is asked for ([`of_customer`]). Lists read a table of current scores ([`list`]) that a
//! reconciler keeps fresh. What a score was on past days is kept by a snapshot each day.

pub mod assignments;
mod besides;
mod current;
mod customer;
mod dry_run;
mod figures;
mod kept;
pub mod model;
pub mod models;
mod movement;
mod overview;
#[cfg(test)]
mod properties;
mod refresh;
pub mod runs;
mod score;
mod scorer;
mod sentences;
mod trend;
mod unpacked;

use accounts::Customer;
pub use assignments::Assignment;
use events::Day;
use kit::Timestamp;
use serde::{Deserialize, Serialize};

pub use current::{distribution, list, standings};
pub(crate) use customer::Replay;
pub use customer::of_customer;
pub use dry_run::{Changed, DryRun, Scored};
pub use model::{Measure, Missing, Model, Rule, VersionNo};
pub use movement::{MovedBy, Movement, NextAction};
pub(crate) use overview::Cache;
pub use overview::{BandsOfDay, FactorMean, bands_by_day, customers_by_version, factor_means, tens};
pub use refresh::{Recomputed, Scores, recompute, refresh_changed, renew};
pub use score::{Band, Factor, Raw, Score};
pub use sentences::formula;
pub use trend::{Point, Trend};

/// A customer's health in full, as its page and the API show it.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whose.
    pub customer: Customer,
    /// Today's score with all factors.
    pub score: Score,
    /// What moved it within 7 days; none without a score then or now.
    pub moved_7: Option<Movement>,
    /// What moved it within 30 days.
    pub moved_30: Option<Movement>,
    /// The factor with the largest reachable gain.
    pub next: Option<NextAction>,
    /// Daily scores up to today, with changes and slope.
    pub trend: Trend,
    /// When the first event came; none before there was any.
    pub first_at: Option<Timestamp>,
    /// The segment for which this model was chosen; none for the model of everybody.
    pub chosen_for: Option<Assignment>,
}

/// A customer's row in a list: the current score as the table of current scores has it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The day that it was computed for.
    pub day: Day,
    /// The score; none when nothing is known.
    pub points: Option<f64>,
    /// Its band.
    pub band: Option<Band>,
    /// Share of the weights (0 to 1) that comes from data; the rest is neutral or missing.
    pub coverage: f64,
    /// Less than 30 days of events: say so beside the score.
    pub is_new: bool,
    /// The change against 7 days ago.
    pub change_7: Option<f64>,
    /// The change against 30 days ago.
    pub change_30: Option<f64>,
    /// Points a day, fitted through the last 28 days.
    pub slope: Option<f64>,
    /// The line through the last 14 days falls by more than a point a day.
    pub falls_fast: bool,
    /// The factor that moved it most within 7 days: key, name, change in points.
    pub moved_by: Option<(String, String, f64)>,
    /// Factor scores by key; a missing factor has none.
    pub factors: Vec<(String, Option<f64>)>,
    /// Scores of the last days, oldest first, the last is today's: for a sparkline.
    pub recent: Vec<Option<f64>>,
    /// The last day on which something happened.
    pub last_day: Option<Day>,
}

/// A customer in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Who.
    pub customer: Customer,
    /// How it is; none while nothing was computed yet.
    pub standing: Option<Standing>,
}

/// By which column customers are listed. Unknown values come last in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// When the customer was created.
    #[default]
    Created,
    /// By name.
    Name,
    /// By score.
    Score,
    /// By the change within 7 days.
    Change7,
    /// By the change within 30 days.
    Change30,
    /// By the points a day of the last 28 days.
    Slope,
    /// By how many points the factor that moved it most did so within 7 days.
    MovedBy,
    /// By the last day on which something happened.
    LastDay,
}

/// Which customers to list.
#[derive(Debug, Clone)]
pub struct Query {
    /// Those whose name contains this or whose id begins with it; empty for all.
    pub search: String,
    /// Those in one of these bands; empty for all.
    pub bands: Vec<Band>,
    /// Those that fall fast.
    pub falls_fast: bool,
    /// Those of this saved segment.
    pub segment: Option<String>,
    /// In which order.
    pub sort: Sort,
    /// Largest first.
    pub descending: bool,
    /// What [`accounts::Page::next`] of the page before said.
    pub after: Option<String>,
    /// How many, up to [`accounts::MAX_PAGE`].
    pub limit: u32,
}

impl Default for Query {
    fn default() -> Query {
        Query {
            search: String::new(),
            bands: Vec::new(),
            falls_fast: false,
            segment: None,
            sort: Sort::Created,
            descending: true,
            after: None,
            limit: 50,
        }
    }
}

/// How many customers are in each band, and how many have no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Distribution {
    /// 70 and more.
    pub healthy: i64,
    /// 40 to below 70.
    pub at_risk: i64,
    /// Below 40.
    pub churning: i64,
    /// Nothing is known.
    pub unknown: i64,
}

impl Distribution {
    /// Counts one more.
    pub fn add(&mut self, band: Option<Band>) {
        match band {
            Some(Band::Healthy) => self.healthy += 1,
            Some(Band::AtRisk) => self.at_risk += 1,
            Some(Band::Churning) => self.churning += 1,
            None => self.unknown += 1,
        }
    }

    /// All of them.
    pub fn all(&self) -> i64 {
        self.healthy + self.at_risk + self.churning + self.unknown
    }
}
