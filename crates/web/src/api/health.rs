//! Health: what a customer's score is made of, the models, and computing all scores anew.

use accounts::CustomerId;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use insight::health::model::{Model, Rule, VersionNo};
use insight::health::models::{self, Listing};
use insight::health::{self, Band, Changed, Distribution, DryRun, Factor, Health, MovedBy, Movement, Point, Raw};
use kit::Error;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{Json, Path, created};
use crate::request::RequestFacts;
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
}

/// One factor.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactorOfScore {
    key: String,
    label: String,
    /// The figure that was seen: `count`, or `part` and `of`, or `now` and `before`, or `mean` and `of`.
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

/// The seeds' word for a band's colour.
pub(super) fn color(band: Band) -> &'static str {
    match band {
        Band::Healthy => "green",
        Band::AtRisk => "yellow",
        Band::Churning => "red",
    }
}

impl From<Factor> for FactorOfScore {
    fn from(factor: Factor) -> FactorOfScore {
        let raw = match factor.raw {
            Raw::Count(count) => serde_json::json!({ "count": count }),
            Raw::Share { part, of } => serde_json::json!({ "part": part, "of": of }),
            Raw::Momentum { now, before } => serde_json::json!({ "now": now, "before": before }),
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
            model: ModelOfScore { name: score.model, version_no: score.version.0 },
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

/// Leads to the dashboard; customers, and whoever is not signed in, to their way in.
pub async fn dashboard(Extension(facts): Extension<RequestFacts>) -> Response {
    let is_staff = facts.caller.get().is_some_and(|actor| actor.scope().is_house());
    Redirect::to(if is_staff { "/admin/health" } else { "/" }).into_response()
}

/// What computing all scores did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recalculated {
    /// So many customers.
    customers: u64,
    took_ms: u64,
}

/// Computes the scores of all customers anew.
///
/// They are fresh anyway, within seconds; this is for whoever wants to be sure.
#[utoipa::path(post, path = "/api/analytics/dashboard/health/recalculate/", tag = "Health",
    responses((status = 200, description = "Done", body = Recalculated)))]
pub async fn recalculate(State(app): State<App>) -> Answer<Json<Recalculated>> {
    let done = health::recompute(&app.insight).await?;
    Ok(Json(Recalculated { customers: done.customers, took_ms: done.took_ms }))
}

/// A health model.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthModel {
    #[schema(example = "account")]
    id: String,
    name: String,
    /// Comes with Innkeeper: copy it to change it.
    built_in: bool,
    /// The number of the version by which scores are made, when it is one of this model.
    version_in_use: Option<i64>,
    /// Factors that are being edited.
    #[schema(value_type = Option<Vec<Object>>)]
    draft: Option<Vec<Rule>>,
    /// Newest first.
    versions: Vec<HealthModelVersion>,
}

/// A published version of a model.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthModelVersion {
    /// Its number in the house.
    no: i64,
    /// Its number within the model.
    version: i64,
    #[schema(value_type = Vec<Object>)]
    factors: Vec<Rule>,
    note: String,
    published_at: String,
    published_by: String,
}

impl From<Model> for HealthModelVersion {
    fn from(model: Model) -> HealthModelVersion {
        HealthModelVersion {
            no: model.no.0,
            version: model.version,
            factors: model.rules,
            note: model.note,
            published_at: model.published_at.rfc3339(),
            published_by: model.published_by,
        }
    }
}

impl From<Listing> for HealthModel {
    fn from(listing: Listing) -> HealthModel {
        HealthModel {
            built_in: listing.is_built_in(),
            id: listing.id,
            name: listing.name,
            version_in_use: listing.in_use.map(|no| no.0),
            draft: listing.draft,
            versions: listing.versions.into_iter().map(HealthModelVersion::from).collect(),
        }
    }
}

/// All models.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthModels {
    items: Vec<HealthModel>,
}

/// Lists the health models with their versions.
#[utoipa::path(get, path = "/api/health/models", tag = "Health", responses((status = 200, description = "All of them", body = HealthModels)))]
pub async fn models(State(app): State<App>) -> Answer<Json<HealthModels>> {
    Ok(Json(HealthModels { items: models::list(&app.db).await?.into_iter().map(HealthModel::from).collect() }))
}

/// A copy to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyModel {
    /// The model to copy.
    #[schema(example = "account")]
    from: String,
    #[schema(example = "Agencies")]
    name: String,
}

/// Copies a health model, to be edited.
#[utoipa::path(post, path = "/api/health/models", tag = "Health", request_body = CopyModel,
    responses((status = 201, description = "The copy, with a draft", body = HealthModel)))]
pub async fn copy(State(app): State<App>, Caller(actor): Caller, Json(body): Json<CopyModel>) -> Answer<Response> {
    let id = models::copy(&app.insight, &actor, &body.from, &body.name).await?;
    let model = models::get(&app.db, &id).await?;
    Ok(created("/api/health/models", HealthModel::from(model)))
}

/// A draft.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftOfModel {
    /// What the model is called from now on; as before if not said.
    name: Option<String>,
    /// Each as a version shows them.
    #[schema(value_type = Vec<Object>)]
    factors: Vec<Rule>,
}

/// Keeps a draft of a health model.
#[utoipa::path(put, path = "/api/health/models/{model}/draft", tag = "Health", params(("model" = String, Path, description = "Its id")),
    request_body = DraftOfModel, responses((status = 200, description = "The model with its draft", body = HealthModel)))]
pub async fn draft(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<DraftOfModel>,
) -> Answer<Json<HealthModel>> {
    let name = match body.name {
        Some(name) => name,
        None => models::get(&app.db, &id).await?.name,
    };
    models::save_draft(&app.insight, &actor, &id, &name, &body.factors).await?;
    Ok(Json(models::get(&app.db, &id).await?.into()))
}

/// How many customers are in each band.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bands {
    healthy: i64,
    at_risk: i64,
    churning: i64,
    /// Without a score.
    unknown: i64,
}

impl From<Distribution> for Bands {
    fn from(bands: Distribution) -> Bands {
        Bands { healthy: bands.healthy, at_risk: bands.at_risk, churning: bands.churning, unknown: bands.unknown }
    }
}

/// What a draft would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct DryRunOfModel {
    before: Bands,
    after: Bands,
    /// How many customers would go from one band to another.
    moves: Vec<BandMove>,
    /// Who would change most, those who change band first; up to 25.
    changed: Vec<ChangedScore>,
}

/// Customers that would go from one band to another.
#[derive(Debug, Serialize, ToSchema)]
pub struct BandMove {
    from: Option<&'static str>,
    to: Option<&'static str>,
    customers: i64,
}

/// A customer whose score would change.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedScore {
    customer_id: String,
    name: String,
    before: Option<f64>,
    after: Option<f64>,
}

impl From<DryRun> for DryRunOfModel {
    fn from(run: DryRun) -> DryRunOfModel {
        let moved = |(from, to, customers): (Option<Band>, Option<Band>, i64)| BandMove {
            from: from.map(Band::as_str),
            to: to.map(Band::as_str),
            customers,
        };
        let changed = |Changed { customer, name, before, after }| ChangedScore { customer_id: customer.to_string(), name, before, after };
        DryRunOfModel {
            before: run.before.into(),
            after: run.after.into(),
            moves: run.moves.into_iter().map(moved).collect(),
            changed: run.changed.into_iter().map(changed).collect(),
        }
    }
}

/// Shows what a health model's draft would do to all customers; changes nothing.
#[utoipa::path(post, path = "/api/health/models/{model}/dry-run", tag = "Health", params(("model" = String, Path, description = "Its id")),
    responses((status = 200, description = "Before and after", body = DryRunOfModel)))]
pub async fn dry_run(State(app): State<App>, Caller(actor): Caller, Path(id): Path<String>) -> Answer<Json<DryRunOfModel>> {
    let model = models::get(&app.db, &id).await?;
    let rules = model.draft.or_else(|| model.versions.into_iter().next().map(|version| version.rules)).unwrap_or_default();
    Ok(Json(health::dry_run(&app.insight, &actor, &rules).await?.into()))
}

/// Why a version is published.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublishModel {
    note: String,
}

/// Publishes a health model's draft as its next version.
///
/// When the model is in use, scores are made by the new version from now on.
#[utoipa::path(post, path = "/api/health/models/{model}/publish", tag = "Health", params(("model" = String, Path, description = "Its id")),
    request_body = PublishModel, responses((status = 200, description = "The version", body = HealthModelVersion)))]
pub async fn publish(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<PublishModel>,
) -> Answer<Json<HealthModelVersion>> {
    let version = models::publish(&app.insight, &actor, &id, &body.note).await?;
    health::refresh_changed(&app.insight).await?;
    Ok(Json(version.into()))
}

/// Makes scores by this version from now on.
#[utoipa::path(post, path = "/api/health/versions/{version}/use", tag = "Health",
    params(("version" = i64, Path, description = "Its number in the house")),
    responses((status = 200, description = "The version", body = HealthModelVersion)))]
pub async fn use_version(State(app): State<App>, Caller(actor): Caller, Path(no): Path<i64>) -> Answer<Json<HealthModelVersion>> {
    models::use_version(&app.insight, &actor, VersionNo(no)).await?;
    health::refresh_changed(&app.insight).await?;
    Ok(Json(models::version(&app.db, VersionNo(no)).await?.into()))
}
