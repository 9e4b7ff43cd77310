//! Health models as data: which factors there are, what each is made from, and how much it weighs.

use kit::{Error, FieldError, Result, Timestamp, text_enum};
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
    /// What staff said of the customer ([`crate::pulse`]); when they said nothing, or it counts no more, there is no data.
    Pulse {},
    /// What events told of the customer, such as its plan: the points of the first band that fits. When none fits there is no data.
    Property {
        /// Its name.
        property: String,
        /// In the order in which they are tried.
        bands: Vec<PropertyBand>,
    },
}

/// What one answer of a property is worth: a text (`is`, in any case) or a number from which on (`at_least`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertyBand {
    /// This text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    /// This number and more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// 0 to 100.
    pub points: f64,
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

/// A model has at most so many factors.
pub const MOST_RULES: usize = 12;
/// No window is longer than so many days.
pub const MOST_DAYS: u32 = 120;
/// A property has at most so many bands.
pub const MOST_BANDS: usize = 20;
/// A model has at most so many named features in a rule.
pub const MOST_FEATURES: usize = 100;

impl Measure {
    /// The stored name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Measure::Count { .. } => "count",
            Measure::Penalty { .. } => "penalty",
            Measure::ActiveDays { .. } => "active_days",
            Measure::ActiveWeeks { .. } => "active_weeks",
            Measure::Features { .. } => "features",
            Measure::Success { .. } => "success",
            Measure::Invoices { .. } => "invoices",
            Measure::Momentum { .. } => "momentum",
            Measure::Ratings { .. } => "ratings",
            Measure::Pulse {} => "pulse",
            Measure::Property { .. } => "property",
        }
    }
}

/// Checks what a model's author wrote and names every field that is wrong, such as `rules.2.weight`.
pub fn check(rules: &[Rule]) -> Result<()> {
    let mut wrong = Vec::new();
    if rules.is_empty() || rules.len() > MOST_RULES {
        wrong.push(FieldError { field: "rules".to_owned(), message: format!("must be 1 to {MOST_RULES}") });
    }
    for (at, rule) in rules.iter().enumerate() {
        let mut complain =
            |field: &str, message: &str| wrong.push(FieldError { field: format!("rules.{at}.{field}"), message: message.to_owned() });
        let is_key = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if !(1..=32).contains(&rule.key.len()) || !rule.key.chars().all(is_key) {
            complain("key", "must have 1 to 32 lower-case letters, digits and _");
        } else if rules[..at].iter().any(|earlier| earlier.key == rule.key) {
            complain("key", "is used by another factor");
        }
        if rule.label.trim().is_empty() || rule.label.chars().count() > 60 || rule.label.chars().any(char::is_control) {
            complain("label", "must have 1 to 60 letters");
        }
        if !(rule.weight > 0.0 && rule.weight <= 1000.0) {
            complain("weight", "must be more than 0 and at most 1000");
        }
        check_measure(&rule.measure, &mut complain);
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
}

fn check_measure(measure: &Measure, complain: &mut impl FnMut(&str, &str)) {
    let (days, weeks) = match measure {
        Measure::Count { days, .. }
        | Measure::Penalty { days, .. }
        | Measure::ActiveDays { days, .. }
        | Measure::Features { days, .. }
        | Measure::Success { days, .. }
        | Measure::Invoices { days }
        | Measure::Ratings { days } => (*days, 1),
        // It looks back twice as far.
        Measure::Momentum { days, .. } => (days.saturating_mul(2), 1),
        Measure::ActiveWeeks { weeks } => (1, *weeks),
        Measure::Pulse {} | Measure::Property { .. } => (1, 1),
    };
    if !(1..=MOST_DAYS).contains(&days) {
        complain("measure.days", "must be 1 to 120, of a trend 1 to 60");
    }
    if !(1..=17).contains(&weeks) {
        complain("measure.weeks", "must be 1 to 17");
    }
    let is_amount = |amount: f64| amount > 0.0 && amount <= 1e9;
    match measure {
        Measure::Count { full, .. } | Measure::ActiveDays { full, .. } if !is_amount(*full) => {
            complain("measure.full", "must be more than 0");
        }
        Measure::Penalty { each, .. } if !is_amount(*each) => complain("measure.each", "must be more than 0"),
        Measure::Features { of, only, .. } => {
            if of.is_some_and(|of| !(1..=10_000).contains(&of)) {
                complain("measure.of", "must be 1 to 10000");
            }
            let is_name = |name: &String| (1..=200).contains(&name.len()) && !name.chars().any(char::is_control);
            let is_twice = only.iter().enumerate().any(|(at, name)| only[..at].contains(name));
            if only.len() > MOST_FEATURES || !only.iter().all(is_name) || is_twice {
                complain("measure.only", "must be up to 100 different names of features");
            }
        }
        Measure::Property { property, bands } => check_property(property, bands, complain),
        _ => {}
    }
}

/// Signs by which the form tells names and bands apart are refused, so that every model can be edited in it.
fn check_property(property: &str, bands: &[PropertyBand], complain: &mut impl FnMut(&str, &str)) {
    let is_plain = |text: &str, signs: &[char]| {
        let text = text.trim();
        (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control) && !text.contains(signs)
    };
    if !is_plain(property, &[':']) {
        complain("measure.property", "must have 1 to 100 letters and no colon");
    }
    if !(1..=MOST_BANDS).contains(&bands.len()) {
        complain("measure.bands", "must be 1 to 20");
    }
    for band in bands {
        let is_one = match (&band.is, band.at_least) {
            (Some(is), None) => is_plain(is, &[',', '=']) && !is.trim().starts_with('>'),
            (None, Some(least)) => least.abs() <= 1e12,
            _ => false,
        };
        if !is_one {
            complain("measure.bands", "must each be a text of 1 to 100 letters without , and =, or the least number");
        }
        if !(0.0..=100.0).contains(&band.points) {
            complain("measure.bands", "must each give 0 to 100 points");
        }
    }
}
