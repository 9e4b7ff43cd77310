//! Health models: copied, edited, tried, published, put to use.

use axum::extract::State;
use axum::response::Response;
use insight::health::model::{Model, Rule, VersionNo};
use insight::health::models::{self, Listing};
use insight::health::runs::{ask_dry_run, ask_recompute};
use insight::health::{Band, Changed, Distribution, DryRun, Scored};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::assignments::ModelOfSegment;
use super::runs::{self, HealthRun};
use crate::app::App;
use crate::extract::{Json, Path, created};
use crate::respond::Answer;
use crate::routes::Caller;

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
    /// Segments whose customers are scored by one of its versions.
    segments: Vec<ModelOfSegment>,
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
            segments: listing.segments.into_iter().map(ModelOfSegment::from).collect(),
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
    /// `own`: the customers whom the model scores now, the others keep their scores; `all`: everybody, as if a model that scores nobody
    /// were put to use.
    customers: &'static str,
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
        let customers = match run.scored {
            Scored::Own => "own",
            Scored::AllOnTrial => "all",
        };
        DryRunOfModel {
            customers,
            before: run.before.into(),
            after: run.after.into(),
            moves: run.moves.into_iter().map(moved).collect(),
            changed: run.changed.into_iter().map(changed).collect(),
        }
    }
}

/// Finds out what a health model's draft would do; changes nothing. Without a draft its newest version is tried.
///
/// Answers before it is known; `Location` says where to look.
#[utoipa::path(post, path = "/api/health/models/{model}/dry-run", tag = "Health", params(("model" = String, Path, description = "Its id")),
    responses((status = 202, description = "Queued", body = HealthRun)))]
pub async fn dry_run(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    let run = ask_dry_run(&app.insight, &caller.0, &id).await?;
    runs::asked(&app, &caller, &run).await
}

/// Why a version is published.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublishModel {
    note: String,
}

/// Publishes a health model's draft as its next version.
///
/// Where the model is in use, for everybody or for segments, scores are made by the new version from now on.
#[utoipa::path(post, path = "/api/health/models/{model}/publish", tag = "Health", params(("model" = String, Path, description = "Its id")),
    request_body = PublishModel, responses((status = 200, description = "The version", body = HealthModelVersion)))]
pub async fn publish(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<PublishModel>,
) -> Answer<Json<HealthModelVersion>> {
    let version = models::publish(&app.insight, &actor, &id, &body.note).await?;
    ask_recompute(&app.insight, &actor).await?;
    Ok(Json(version.into()))
}

/// Makes scores by this version from now on.
#[utoipa::path(post, path = "/api/health/versions/{version}/use", tag = "Health",
    params(("version" = i64, Path, description = "Its number in the house")),
    responses((status = 200, description = "The version", body = HealthModelVersion)))]
pub async fn use_version(State(app): State<App>, Caller(actor): Caller, Path(no): Path<i64>) -> Answer<Json<HealthModelVersion>> {
    models::use_version(&app.insight, &actor, VersionNo(no)).await?;
    ask_recompute(&app.insight, &actor).await?;
    Ok(Json(models::version(&app.db, VersionNo(no)).await?.into()))
}
