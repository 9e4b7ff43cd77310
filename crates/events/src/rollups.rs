//! Reading what was counted by the day.

use std::collections::BTreeMap;

use crate::Day;

/// What a customer did on one day, summed over the customer and its people.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts {
    /// All events.
    pub events: i64,
    /// Events that a person did, as the catalogue says.
    pub actions: i64,
    /// Sign-ins.
    pub logins: i64,
    /// Calls of the API.
    pub api_calls: i64,
    /// Support tickets opened.
    pub tickets_opened: i64,
    /// Support tickets closed.
    pub tickets_closed: i64,
    /// Builds that succeeded.
    pub builds_succeeded: i64,
    /// Builds that failed.
    pub builds_failed: i64,
    /// Deployments that went live.
    pub deploys_succeeded: i64,
    /// Deployments that failed.
    pub deploys_failed: i64,
    /// Ratings given.
    pub ratings: i64,
    /// Sum of the ratings, each mapped to 0..100.
    pub rating_points: f64,
}

impl Counts {
    /// Adds those of another day or subject.
    pub fn add(&mut self, other: &Counts) {
        self.events += other.events;
        self.actions += other.actions;
        self.logins += other.logins;
        self.api_calls += other.api_calls;
        self.tickets_opened += other.tickets_opened;
        self.tickets_closed += other.tickets_closed;
        self.builds_succeeded += other.builds_succeeded;
        self.builds_failed += other.builds_failed;
        self.deploys_succeeded += other.deploys_succeeded;
        self.deploys_failed += other.deploys_failed;
        self.ratings += other.ratings;
        self.rating_points += other.rating_points;
    }
}

/// An invoice as events told of it; times in unix milliseconds, amounts in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Its number, as the sender says.
    pub invoice: String,
    /// When it was issued.
    pub issued_at: Option<kit::Timestamp>,
    /// When it is due.
    pub due_at: Option<kit::Timestamp>,
    /// When it was paid.
    pub paid_at: Option<kit::Timestamp>,
    /// How much.
    pub amount: Option<i64>,
    /// In what.
    pub currency: Option<String>,
}

/// All that a health model may ask about one customer, for any day in `days`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// By day; a day without events is missing.
    pub days: BTreeMap<Day, Counts>,
    /// Days on which each feature was used, by the feature's name.
    pub features: BTreeMap<String, Vec<Day>>,
    /// Invoices.
    pub invoices: Vec<Invoice>,
    /// When the first event came, if any did.
    pub first_at: Option<kit::Timestamp>,
}
