//! How likely customers are lost, and how good that was.

use accounts::CustomerId;
use axum::extract::State;
use axum::http::StatusCode;
use insight::churn::{self, CAPACITY, Churn, Definition, FEATURES};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{Json, MaybeJson, Path};
use crate::respond::Answer;
use crate::routes::Caller;

/// How likely a customer is lost.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Churn)]
pub struct Shown {
    /// `known`, `not_yet` (nothing was learnt so far), `too_little` (history to learn from), `too_new` (the customer) or `lost` (already).
    #[schema(example = "known")]
    state: &'static str,
    /// 0 to 1.
    probability: Option<f64>,
    /// What a customer with usual figures has.
    usual: Option<f64>,
    /// Days that are looked ahead.
    horizon_days: Option<u32>,
    /// Days without activity that count as lost.
    inactive_days: Option<u32>,
    /// The strongest first. Contributions are added to the log-odds and sum to the difference from a usual customer.
    parts: Vec<ShownPart>,
    /// Why nothing can be said.
    why: Option<String>,
    trained_at: Option<String>,
}

/// What one figure adds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChurnPart)]
pub struct ShownPart {
    #[schema(example = "quiet_days")]
    key: &'static str,
    label: &'static str,
    /// What is counted.
    means: &'static str,
    value: f64,
    usual: f64,
    /// Above 0 makes leaving likelier.
    contribution: f64,
}

/// How the newest model did, or why there is none.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Backtest {
    /// `learnt`, `too_little` or `not_yet`.
    #[schema(example = "learnt")]
    state: &'static str,
    trained_at: Option<String>,
    inactive_days: Option<u32>,
    horizon_days: Option<u32>,
    /// How many customers the team can call.
    capacity: Option<u32>,
    customers: Option<i64>,
    churned: Option<i64>,
    /// On a day that it was not learnt from: AUC, Brier, precision, recall and lift at capacity, tenths of the ranking, who was missed.
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
    /// Why nothing was learnt.
    why: Option<String>,
}

/// What is learnt.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LearnChurnAsked {
    /// Days without activity that count as lost, 7 to 180; 30 if not said.
    inactive_days: Option<u32>,
    /// Days to look ahead, 7 to 365; 60 if not said.
    horizon_days: Option<u32>,
    /// How many customers the team can call; 20 if not said.
    capacity: Option<u32>,
}

/// Shows how likely a customer is lost, and why.
///
/// A figure of its own beside the health score. Computed from what is known now.
#[utoipa::path(get, path = "/api/customers/{customer}/churn", tag = "Churn", params(("customer" = String, Path, description = "Its id")),
    responses((status = 200, description = "The probability, or why there is none", body = Shown)))]
pub async fn of_customer(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer<Json<Shown>> {
    let churn = churn::of_customer(&app.insight, &actor.scope(), &id).await?;
    Ok(Json(match churn {
        Churn::NotYet => Shown { state: "not_yet", ..Shown::default() },
        Churn::TooLittle { why, .. } => Shown { state: "too_little", why: Some(why), ..Shown::default() },
        Churn::TooNew => Shown { state: "too_new", ..Shown::default() },
        Churn::Lost => Shown { state: "lost", ..Shown::default() },
        Churn::Known { prediction, definition, trained_at } => Shown {
            state: "known",
            probability: Some(prediction.probability),
            usual: Some(prediction.usual),
            horizon_days: Some(definition.horizon_days),
            inactive_days: Some(definition.inactive_days),
            parts: prediction
                .parts
                .iter()
                .map(|part| ShownPart {
                    key: FEATURES[part.feature].key,
                    label: FEATURES[part.feature].label,
                    means: FEATURES[part.feature].means,
                    value: part.value,
                    usual: part.usual,
                    contribution: part.contribution,
                })
                .collect(),
            why: None,
            trained_at: Some(trained_at.rfc3339()),
        },
    }))
}

/// Shows how good the newest model was on a day that it was not learnt from.
#[utoipa::path(get, path = "/api/churn/backtest", tag = "Churn", responses((status = 200, description = "The report, or why there is none", body = Backtest)))]
pub async fn backtest(State(app): State<App>) -> Answer<Json<Backtest>> {
    let Some(model) = churn::newest(&app.db).await? else { return Ok(Json(Backtest { state: "not_yet", ..Backtest::default() })) };
    Ok(Json(Backtest {
        state: if model.predictor.is_some() { "learnt" } else { "too_little" },
        trained_at: Some(model.trained_at.rfc3339()),
        inactive_days: Some(model.definition.inactive_days),
        horizon_days: Some(model.definition.horizon_days),
        capacity: Some(model.capacity),
        customers: Some(model.customers),
        churned: Some(model.churned),
        report: model.report.map(serde_json::to_value).transpose().map_err(kit::Error::from)?,
        why: model.note,
    }))
}

/// Learns anew.
///
/// Answers before it is done.
#[utoipa::path(post, path = "/api/churn/learn", tag = "Churn", request_body = LearnChurnAsked, responses((status = 202, description = "Queued")))]
pub async fn learn(State(app): State<App>, Caller(actor): Caller, MaybeJson(body): MaybeJson<LearnChurnAsked>) -> Answer<StatusCode> {
    let usual = Definition::default();
    let definition = Definition {
        inactive_days: body.inactive_days.unwrap_or(usual.inactive_days),
        horizon_days: body.horizon_days.unwrap_or(usual.horizon_days),
    };
    churn::learn_soon(&app.insight, &actor, definition, body.capacity.unwrap_or(CAPACITY)).await?;
    Ok(StatusCode::ACCEPTED)
}
