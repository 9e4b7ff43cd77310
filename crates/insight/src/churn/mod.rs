//! How likely a customer is lost: beside the health score, never instead of it.
//!
//! Learnt from what became of this house's own customers ([`training`]), with features that were known at the time ([`features`]), by
//! logistic regression ([`regression`]), calibrated, and tested on a day that was not learnt from ([`metrics`]). A job learns anew each
//! day and writes each customer's probability for lists; a customer's own page predicts from what is known at that moment.

pub mod features;
mod job;
pub mod metrics;
pub mod regression;
mod store;
pub mod training;

#[cfg(test)]
mod against_sklearn;

use accounts::{CustomerId, Scope, customers};
use events::Day;
use kit::{Result, Timestamp, id_type};

use crate::Insight;
pub use features::{Definition, FEATURES, Feature};
pub use job::{LearnChurn, is_learning, learn, learn_soon};
pub use store::{history_of_models, newest};
pub use training::{BandOutcome, LEAST_CHURNED, Part, Prediction, Predictor, Report};

id_type!(
    /// What was learnt on one day.
    ModelId, "chm_"
);

/// So many customers a team can call, unless it is said otherwise.
pub const CAPACITY: u32 = 20;

/// What was learnt, or why nothing was.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its id.
    pub id: ModelId,
    /// When.
    pub trained_at: Timestamp,
    /// When a customer counts as lost.
    pub definition: Definition,
    /// How many customers the team can call.
    pub capacity: u32,
    /// Customers that were looked at.
    pub customers: i64,
    /// Of them lost at any time that was learnt from.
    pub churned: i64,
    /// What predicts; none when there was too little to learn from.
    pub predictor: Option<Predictor>,
    /// How it did on a day that it was not learnt from.
    pub report: Option<Report>,
    /// Why nothing was learnt.
    pub note: Option<String>,
}

/// What can be said of one customer.
#[derive(Debug, Clone, PartialEq)]
pub enum Churn {
    /// Nobody has tried to learn yet.
    NotYet,
    /// There is too little to learn from; in a sentence.
    TooLittle {
        /// Customers lost so far.
        churned: i64,
        /// Why.
        why: String,
    },
    /// The customer is known for less than thirty days.
    TooNew,
    /// It is lost already by the definition, or its contract has ended.
    Lost,
    /// A prediction.
    Known {
        /// The figure and its parts.
        prediction: Prediction,
        /// What "lost" means, and how far is looked ahead.
        definition: Definition,
        /// When the model was learnt.
        trained_at: Timestamp,
    },
}

/// How likely a customer is lost, from what is known now.
pub async fn of_customer(insight: &Insight, scope: &Scope, id: &CustomerId) -> Result<Churn> {
    let customer = customers::get(insight.db(), scope, id).await?;
    let Some(model) = newest(insight.db()).await? else { return Ok(Churn::NotYet) };
    let Some(predictor) = model.predictor else {
        return Ok(Churn::TooLittle { churned: model.churned, why: model.note.unwrap_or_default() });
    };
    let calendar = insight.events().calendar();
    let today = calendar.day(insight.clock().now());
    let history = insight.events().history(scope, id, today.plus(-job::LOOKS_BACK), today).await?;
    let ended = customer.suspended_at.map(|at| calendar.day(at));
    Ok(said_of(calendar, features::Story { history: &history, ended }, today, &predictor, model.definition)
        .map_or_else(|churn| churn, |prediction| Churn::Known { prediction, definition: model.definition, trained_at: model.trained_at }))
}

/// A prediction of who can be predicted, and what to say of others.
fn said_of(
    calendar: &events::Calendar,
    story: features::Story<'_>,
    today: Day,
    predictor: &Predictor,
    definition: Definition,
) -> Result<Prediction, Churn> {
    if !features::is_candidate(calendar, story, today, definition) {
        return Err(match features::is_new(calendar, story.history, today) {
            true => Churn::TooNew,
            false => Churn::Lost,
        });
    }
    predictor.predict(&features::features(calendar, story.history, today)).ok_or(Churn::NotYet)
}
