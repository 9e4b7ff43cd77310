//! A score, its factors, and what each adds.

use events::Day;
use kit::text_enum;

use super::model::VersionNo;

text_enum!(
    /// What a score means in a word.
    Band {
        /// 70 and more.
        Healthy = "healthy",
        /// 40 to below 70.
        AtRisk = "at_risk",
        /// Below 40.
        Churning = "churning",
    }
);

impl Band {
    /// The band of a score. Edges belong to the better band: 70 is healthy, 40 is at risk.
    pub fn of(points: f64) -> Band {
        if points >= 70.0 {
            Band::Healthy
        } else if points >= 40.0 {
            Band::AtRisk
        } else {
            Band::Churning
        }
    }

    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Band::Healthy => "Healthy",
            Band::AtRisk => "At risk",
            Band::Churning => "Churning",
        }
    }
}

/// The figure that a factor is made from.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// So many.
    Count(i64),
    /// So many of so many; no data when `of` is 0.
    Share {
        /// The part.
        part: i64,
        /// Of these.
        of: i64,
    },
    /// In the window and in the window before.
    Momentum {
        /// Now.
        now: i64,
        /// Before.
        before: i64,
    },
    /// The mean of so many ratings, 0 to 100.
    Mean {
        /// How many.
        of: i64,
        /// Their mean; 0 when there is none.
        mean: f64,
    },
    /// Points that were given, by staff or for a property; none when nothing fits.
    Given(Option<f64>),
}

/// One factor of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// Unique in the model, such as `login`.
    pub key: String,
    /// What it is called.
    pub label: String,
    /// What it is made from.
    pub raw: Raw,
    /// How many days it looks back, today included.
    pub days: i64,
    /// 0 to 100, unrounded. None: no data, and the model says "missing"; its weight goes to the others.
    pub score: Option<f64>,
    /// No data, and the model says "neutral": the score is 50.
    pub is_neutral: bool,
    /// Few data: the score is to be taken with care.
    pub is_thin: bool,
    /// As the model says.
    pub weight: f64,
    /// Its weight among the factors that count, 0 to 1.
    pub share: f64,
    /// Points that it adds to (or takes from) 50: `share · (score − 50)`. All of them sum to the score − 50.
    pub contribution: f64,
    /// In a sentence: `10 sign-ins in 30 days; 20 are full marks`.
    pub text: String,
}

/// A score that explains itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// For which day.
    pub day: Day,
    /// By which version of which model.
    pub version: VersionNo,
    /// The model's name.
    pub model: String,
    /// 0 to 100, unrounded; none when there is nothing to score.
    pub points: Option<f64>,
    /// Its band.
    pub band: Option<Band>,
    /// All factors, in the model's order.
    pub factors: Vec<Factor>,
    /// Share of the weights (0 to 1) that comes from data; the rest is neutral or missing.
    pub coverage: f64,
    /// Less than 30 days of events: say so beside the score.
    pub is_new: bool,
}
