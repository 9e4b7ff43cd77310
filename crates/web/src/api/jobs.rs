//! Jobs and reconcilers.

use axum::extract::State;
use axum::http::StatusCode;
use kit::Error;
use kit::jobs::{self, JobId, JobRow, JobState, ReconcilerState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::List;
use crate::app::App;
use crate::extract::{Json, Path, Query};
use crate::respond::Answer;

/// One piece of work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct ShownJob {
    id: String,
    #[schema(example = "mail.send")]
    kind: String,
    /// `queued`, `running`, `done` or `dead`.
    state: &'static str,
    attempts: i64,
    max_attempts: i64,
    run_at: String,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// What the last failed try said.
    error: Option<String>,
}

/// The last run of a reconciler.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reconciler)]
pub struct ShownReconciler {
    name: String,
    started_at: String,
    duration_ms: i64,
    summary: Option<String>,
    error: Option<String>,
}

impl From<JobRow> for ShownJob {
    fn from(job: JobRow) -> ShownJob {
        ShownJob {
            id: job.id.to_string(),
            kind: job.kind,
            state: job.state.as_str(),
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            run_at: job.run_at.rfc3339(),
            created_at: job.created_at.rfc3339(),
            started_at: job.started_at.map(|at| at.rfc3339()),
            finished_at: job.finished_at.map(|at| at.rfc3339()),
            error: job.error,
        }
    }
}

impl From<ReconcilerState> for ShownReconciler {
    fn from(state: ReconcilerState) -> ShownReconciler {
        ShownReconciler {
            name: state.name,
            started_at: state.started_at.rfc3339(),
            duration_ms: state.duration_ms,
            summary: state.summary,
            error: state.error,
        }
    }
}

/// Which jobs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `queued`, `running`, `done` or `dead`; all, if not said.
    state: Option<String>,
    /// What `next` of the page before says.
    before: Option<String>,
}

/// Lists jobs, newest first, 50 a page.
#[utoipa::path(get, path = "/api/jobs", tag = "Operations", params(Which),
    responses((status = 200, description = "One page", body = List<ShownJob>)))]
pub async fn list(State(app): State<App>, Query(which): Query<Which>) -> Answer<Json<List<ShownJob>>> {
    let state = match &which.state {
        Some(text) => Some(JobState::from_text(text).ok_or_else(|| Error::invalid("state", "must be queued, running, done or dead"))?),
        None => None,
    };
    let before = match &which.before {
        Some(text) => Some(JobId::parse(text).map_err(|_| Error::invalid("before", "must be what `next` said"))?),
        None => None,
    };
    let found = jobs::list(&app.db, state, before.as_ref()).await?;
    let next = found.last().filter(|_| found.len() >= 50).map(|job| job.id.to_string());
    Ok(Json(List { items: found.into_iter().map(ShownJob::from).collect(), next }))
}

/// Tries a job again that gave up.
#[utoipa::path(post, path = "/api/jobs/{job}/retry", tag = "Operations", params(("job" = String, Path, description = "Its id")),
    responses((status = 204, description = "Queued again")))]
pub async fn retry(State(app): State<App>, Path(id): Path<JobId>) -> Answer<StatusCode> {
    jobs::retry(&app.db, &app.clock, &id).await?;
    app.bus.signal("operators", "jobs");
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the last run of every reconciler.
#[utoipa::path(get, path = "/api/reconcilers", tag = "Operations",
    responses((status = 200, description = "All of them", body = List<ShownReconciler>)))]
pub async fn reconcilers(State(app): State<App>) -> Answer<Json<List<ShownReconciler>>> {
    let found = jobs::reconcilers(&app.db).await?;
    Ok(Json(List { items: found.into_iter().map(ShownReconciler::from).collect(), next: None }))
}
