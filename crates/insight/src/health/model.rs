//! Health models as data: which factors there are, what each is made from, and how much it weighs.

use kit::{Timestamp, text_enum};
use serde::{Deserialize, Serialize};

/// The number of a published version of a model; unique in the house, never changed once published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionNo(pub i64);

text_enum!(
    /// What can be counted by the day.
    Countable {
        /// Sign-ins.
        Logins = "logins",
        /// Calls of the API.
        ApiCalls = "api_calls",
        /// What people did.
        Actions = "actions",
        /// Support tickets opened.
        TicketsOpened = "tickets_opened",
        /// Builds that succeeded.
        BuildsSucceeded = "builds_succeeded",
        /// Builds that failed.
        BuildsFailed = "builds_failed",
        /// Deployments that went live.
        DeploysSucceeded = "deploys_succeeded",
        /// Deployments that failed.
        DeploysFailed = "deploys_failed",
    }
);

text_enum!(
    /// Whose success.
    Tries {
        /// Builds.
        Builds = "builds",
        /// Deployments.
        Deploys = "deploys",
    }
);

text_enum!(
    /// What a factor without data counts as.
    Missing {
        /// 50.
        Neutral = "neutral",
        /// Nothing: its weight goes to the others.
        Missing = "missing",
    }
);

/// What a factor is made from. Windows are calendar days that end with the day of the score, today included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Measure {
    /// The more, the better: `min(100, 100 · n / full)`. None is 0: a fact.
    Count {
        /// What is counted.
        what: Countable,
        /// The window.
        days: u32,
        /// So many are full marks.
        full: f64,
    },
    /// The fewer, the better: `max(0, 100 − each · n)`. None is 100: a fact.
    Penalty {
        /// What is counted.
        what: Countable,
        /// The window.
        days: u32,
        /// Points that each takes.
        each: f64,
    },
    /// Days on which somebody did something: `min(100, 100 · n / full)`.
    ActiveDays {
        /// The window.
        days: u32,
        /// So many are full marks.
        full: f64,
    },
    /// 7-day blocks, the last of which ends with the day, in which somebody did something: `100 · n / weeks`.
    ActiveWeeks {
        /// How many blocks.
        weeks: u32,
    },
    /// Distinct features: `min(100, 100 · n / of)`. With `only`, just those count, and `of` is their number; without both, the house's
    /// settings say (`events.key_features`, `events.features`).
    Features {
        /// The window.
        days: u32,
        /// So many are full marks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u32>,
        /// The features that count; empty for all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        only: Vec<String>,
    },
    /// `100 · successes / (successes + failures)`; without any there is no data.
    Success {
        /// Of what.
        of: Tries,
        /// The window.
        days: u32,
    },
    /// Invoices due in the window up to now, and those issued in it that are paid already: `100 · on time / all`; without any there is no
    /// data.
    Invoices {
        /// The window.
        days: u32,
    },
    /// This window against the one before: `100 · now / (now + before)`; without any there is no data.
    Momentum {
        /// What is counted.
        what: Countable,
        /// The window.
        days: u32,
    },
    /// The mean of ratings (1–5 and 0–10, mapped to 0–100); without any there is no data.
    Ratings {
        /// The window.
        days: u32,
    },
}

/// One factor of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique in the model: lower-case letters, digits and `_`.
    pub key: String,
    /// What it is called.
    pub label: String,
    /// How much it weighs; relative to the others.
    pub weight: f64,
    /// What it is made from.
    pub measure: Measure,
    /// What it counts as without data.
    pub missing: Missing,
}

/// A published version of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The model's id: `account`, `builder`, or a name of the operator's.
    pub model: String,
    /// What it is called.
    pub name: String,
    /// Its number in the house.
    pub no: VersionNo,
    /// Its number within the model, from 1.
    pub version: i64,
    /// The factors.
    pub rules: Vec<Rule>,
    /// Since when it is published.
    pub published_at: Timestamp,
    /// By whom.
    pub published_by: String,
    /// Why, as they said.
    pub note: String,
}
