//! What a customer's score is made of.

use accounts::CustomerId;
use axum::extract::State;
use insight::health::{self, Band, Factor, Health, MovedBy, Movement, Point, Raw};
use kit::Error;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::color;
use crate::app::App;
use crate::extract::{Json, Path};
use crate::respond::Answer;
use crate::routes::Caller;

/// A customer's health: the score, what it is made of, what moved it, how it went.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerHealth {
    customer_id: String,
    name: String,
    /// 0 to 100, not rounded; `null` while no event has come.
    #[schema(example = 56.83)]
    score: Option<f64>,
    /// `healthy` (70 and more), `at_risk` (40 to below 70) or `churning` (below 40).
    band: Option<&'static str>,
    /// The band's colour: `green`, `yellow` or `red`.
    color: Option<&'static str>,
    /// For which calendar day.
    #[schema(example = "2026-11-21")]
    day: String,
    /// Whose calendar.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    model: ModelOfScore,
    /// Share of the weights, 0 to 1, that comes from data; the rest is neutral or missing.
    coverage: f64,
    /// Fewer than 30 days of events: to be taken with care.
    is_new: bool,
    first_event_at: Option<String>,
    /// By the factor's key, in the model's order.
    #[serde(serialize_with = "by_key")]
    #[schema(value_type = std::collections::HashMap<String, FactorOfScore>)]
    factors: Vec<FactorOfScore>,
    moved_7d: Option<MovementOfScore>,
    moved_30d: Option<MovementOfScore>,
    next_action: Option<NextActionOfScore>,
    trend: TrendOfScore,
}

/// The version that made a score.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelOfScore {
    name: String,
    /// Its number in the house.
    version_no: i64,
    /// The segment for whose customers this version was chosen; `null` when it scores everybody, and always for members.
    for_segment: Option<String>,
}

/// One factor.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactorOfScore {
    key: String,
    label: String,
    /// The figure that was seen: `count`, or `part` and `of`, or `now` and `before`, or `mean` and `of`, or `points`.
    #[schema(value_type = Object)]
    raw: serde_json::Value,
    /// How many calendar days it looks back, today included.
    window_days: i64,
    /// 0 to 100, not rounded; `null` when it has no data and does not count.
    score: Option<f64>,
    /// As the model says.
    weight: f64,
    /// Its part of the weights that count, 0 to 1.
    share: f64,
    /// Points that it adds to (or takes from) 50; they sum to the score less 50.
    contribution: f64,
    /// It has no data and counts as 50.
    neutral: bool,
    /// It has no data and does not count.
    missing: bool,
    /// It has few data.
    thin: bool,
    text: String,
}

/// What moved a score since a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovementOfScore {
    #[schema(example = "2026-11-14")]
    since: String,
    before: f64,
    after: f64,
    change: f64,
    /// Largest first. With `other` they sum to the change.
    parts: Vec<PartOfMovement>,
    /// Another version of the model since then, and events of those days that came late.
    other: f64,
}

/// What one factor did to a score.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartOfMovement {
    key: String,
    label: String,
    /// The factor's score then.
    before: Option<f64>,
    after: Option<f64>,
    /// Points that the whole score moved by it.
    change: f64,
}

/// The factor with the largest gain within reach.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextActionOfScore {
    key: String,
    label: String,
    gain: f64,
    text: String,
}

/// How a score went.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrendOfScore {
    change_7d: Option<f64>,
    change_30d: Option<f64>,
    /// Points a day, fitted through the last 28 days.
    slope: Option<f64>,
    /// The line through the last 14 days falls by more than a point a day.
    falling_fast: bool,
    /// Up to 90 days, oldest first, as they were kept; the last is today's.
    points: Vec<PointOfTrend>,
    /// From these days on another version of a model made the score: a step there is not behaviour.
    versions: Vec<VersionMark>,
}

/// A day's score.
#[derive(Debug, Serialize, ToSchema)]
pub struct PointOfTrend {
    day: String,
    score: Option<f64>,
    version_no: i64,
}

/// A day since when another version made scores.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionMark {
    day: String,
    name: String,
}

fn by_key<S: Serializer>(factors: &[FactorOfScore], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(factors.len()))?;
    for factor in factors {
        map.serialize_entry(&factor.key, factor)?;
    }
    map.end()
}

impl From<Factor> for FactorOfScore {
    fn from(factor: Factor) -> FactorOfScore {
        let raw = match factor.raw {
            Raw::Count(count) => serde_json::json!({ "count": count }),
            Raw::Share { part, of } => serde_json::json!({ "part": part, "of": of }),
            Raw::Momentum { now, before } => serde_json::json!({ "now": now, "before": before }),
            Raw::Given(points) => serde_json::json!({ "points": points }),
            Raw::Mean { of, mean } => serde_json::json!({ "mean": (of > 0).then_some(mean), "of": of }),
        };
        FactorOfScore {
            key: factor.key,
            label: factor.label,
            raw,
            window_days: factor.days,
            score: factor.score,
            weight: factor.weight,
            share: factor.share,
            contribution: factor.contribution,
            neutral: factor.is_neutral,
            missing: factor.score.is_none(),
            thin: factor.is_thin,
            text: factor.text,
        }
    }
}

impl From<Movement> for MovementOfScore {
    fn from(movement: Movement) -> MovementOfScore {
        let part = |MovedBy { key, label, before, after, change }| PartOfMovement { key, label, before, after, change };
        MovementOfScore {
            since: movement.since.iso(),
            before: movement.before,
            after: movement.after,
            change: movement.after - movement.before,
            parts: movement.parts.into_iter().map(part).collect(),
            other: movement.other,
        }
    }
}

impl CustomerHealth {
    fn new(health: Health, time_zone: &str) -> CustomerHealth {
        let (score, trend) = (health.score, health.trend);
        let point = |Point { day, points, version }| PointOfTrend { day: day.iso(), score: points, version_no: version.0 };
        CustomerHealth {
            customer_id: health.customer.id.to_string(),
            name: health.customer.name.as_str().to_owned(),
            score: score.points,
            band: score.band.map(Band::as_str),
            color: score.band.map(color),
            day: score.day.iso(),
            time_zone: time_zone.to_owned(),
            model: ModelOfScore {
                name: score.model,
                version_no: score.version.0,
                for_segment: health.chosen_for.map(|chosen| chosen.name),
            },
            coverage: score.coverage,
            is_new: score.is_new,
            first_event_at: health.first_at.map(|at| at.rfc3339()),
            factors: score.factors.into_iter().map(FactorOfScore::from).collect(),
            moved_7d: health.moved_7.map(MovementOfScore::from),
            moved_30d: health.moved_30.map(MovementOfScore::from),
            next_action: health.next.map(|next| NextActionOfScore { key: next.key, label: next.label, gain: next.gain, text: next.text }),
            trend: TrendOfScore {
                change_7d: trend.change_7,
                change_30d: trend.change_30,
                slope: trend.slope,
                falling_fast: trend.falls_fast,
                points: trend.points.into_iter().map(point).collect(),
                versions: trend.versions.into_iter().map(|(day, name)| VersionMark { day: day.iso(), name }).collect(),
            },
        }
    }
}

/// Shows a customer's health.
///
/// The score is computed from what was counted up to this moment. Members see their own where the operator shows it to customers.
#[utoipa::path(get, path = "/api/customers/{customer}/health", tag = "Health", params(("customer" = String, Path, description = "Its id")),
    responses((status = 200, description = "Score, factors, what moved it, trend", body = CustomerHealth)))]
pub async fn of_customer(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer<Json<CustomerHealth>> {
    if !actor.scope().is_house() && !app.config.insight.customers_see_their_health {
        return Err(Error::not_found("the customer").into());
    }
    let mut health = health::of_customer(&app.insight, &actor.scope(), &id).await?;
    if !actor.scope().is_house() {
        // What to do about a customer is for the house.
        health.next = None;
    }
    Ok(Json(CustomerHealth::new(health, app.events.calendar().zone_name())))
}
