//! Which model scores whom.

use axum::extract::State;
use axum::http::StatusCode;
use insight::health::assignments::{self, Assignment};
use insight::health::{VersionNo, runs};
use insight::segments::SegmentId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{Json, Path};
use crate::respond::Answer;
use crate::routes::Caller;

/// A segment whose customers are scored by a version of their own.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelOfSegment {
    segment_id: String,
    segment_name: String,
    /// The version's number in the house.
    version_no: i64,
    /// Who is in several of these segments is scored by the lowest number; of equal ones by the older segment.
    priority: i64,
    since: String,
    by: String,
}

impl From<Assignment> for ModelOfSegment {
    fn from(assignment: Assignment) -> ModelOfSegment {
        ModelOfSegment {
            segment_id: assignment.segment.to_string(),
            segment_name: assignment.name,
            version_no: assignment.version.0,
            priority: assignment.priority,
            since: assignment.since.rfc3339(),
            by: assignment.by,
        }
    }
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelsOfSegments {
    /// The one that decides first at the top.
    items: Vec<ModelOfSegment>,
}

/// Lists the segments whose customers are scored by a version of their own, in the order in which they decide.
///
/// Everybody else is scored by the version in use.
#[utoipa::path(get, path = "/api/health/assignments", tag = "Health",
    responses((status = 200, description = "All of them", body = ModelsOfSegments)))]
pub async fn list(State(app): State<App>) -> Answer<Json<ModelsOfSegments>> {
    let items = assignments::list(&app.db).await?.into_iter().map(ModelOfSegment::from).collect();
    Ok(Json(ModelsOfSegments { items }))
}

/// By what a segment's customers are to be scored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignModel {
    /// The version's number in the house.
    #[schema(example = 2)]
    version_no: i64,
    /// 1 to 1000; the lowest decides.
    #[schema(example = 10)]
    priority: i64,
}

/// Has a segment's customers scored by a version of their own.
///
/// The segment must not ask about scores: its customers could leave it by their new score.
#[utoipa::path(put, path = "/api/health/assignments/{segment}", tag = "Health", params(("segment" = String, Path, description = "Its id")),
    request_body = AssignModel, responses((status = 200, description = "All of them as they are now", body = ModelsOfSegments)))]
pub async fn assign(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(segment): Path<SegmentId>,
    Json(body): Json<AssignModel>,
) -> Answer<Json<ModelsOfSegments>> {
    assignments::assign(&app.insight, &actor, &segment, VersionNo(body.version_no), body.priority).await?;
    runs::ask_recompute(&app.insight, &actor).await?;
    list(State(app)).await
}

/// Has a segment's customers scored like everybody again.
#[utoipa::path(delete, path = "/api/health/assignments/{segment}", tag = "Health", params(("segment" = String, Path, description = "Its id")),
    responses((status = 204, description = "Done")))]
pub async fn unassign(State(app): State<App>, Caller(actor): Caller, Path(segment): Path<SegmentId>) -> Answer<StatusCode> {
    assignments::unassign(&app.insight, &actor, &segment).await?;
    runs::ask_recompute(&app.insight, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
