//! Work on all customers that was asked for.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use insight::health::runs::{self, Outcome, Run, RunId};
use serde::Serialize;
use utoipa::ToSchema;

use super::models::DryRunOfModel;
use crate::app::App;
use crate::extract::{Json, Path};
use crate::respond::Answer;
use crate::routes::Caller;

/// Work on all customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthRun {
    #[schema(example = "hrun_01j2k3l4m5n6o7p8q9")]
    id: String,
    /// `recompute` or `dry_run`.
    kind: &'static str,
    /// `waiting`, `running`, `done` or `failed`.
    state: &'static str,
    /// Customers that are done.
    done: i64,
    total: i64,
    asked_by: String,
    asked_at: String,
    /// What computing all scores came to, once it is done.
    recalculated: Option<Recalculated>,
    /// What a draft would do, once it is known.
    dry_run: Option<DryRunOfModel>,
    /// Why it was given up.
    error: Option<String>,
}

/// What computing all scores did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recalculated {
    /// So many customers.
    customers: u64,
    took_ms: u64,
}

impl From<Run> for HealthRun {
    fn from(run: Run) -> HealthRun {
        let (recalculated, dry_run) = match run.outcome {
            Some(Outcome::Recomputed(done)) => (Some(Recalculated { customers: done.customers, took_ms: done.took_ms }), None),
            Some(Outcome::DryRun(found)) => (None, Some(DryRunOfModel::from(*found))),
            None => (None, None),
        };
        HealthRun {
            id: run.id.to_string(),
            kind: run.kind.as_str(),
            state: run.state.as_str(),
            done: run.done,
            total: run.total,
            asked_by: run.asked_by,
            asked_at: run.asked_at.rfc3339(),
            recalculated,
            dry_run,
            error: run.error,
        }
    }
}

/// Says that a run was asked for, and where to see how far it is.
pub async fn asked(app: &App, Caller(actor): &Caller, id: &RunId) -> Answer<Response> {
    let run = HealthRun::from(runs::get(&app.insight, actor, id).await?);
    let place = format!("/api/health/runs/{id}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], axum::Json(run)).into_response())
}

/// Computes the scores of all customers anew.
///
/// They are fresh anyway, within seconds; this is for whoever wants to be sure. Answers before it is done; `Location` says where to look.
#[utoipa::path(post, path = "/api/analytics/dashboard/health/recalculate/", tag = "Health",
    responses((status = 202, description = "Queued, or under way already", body = HealthRun)))]
pub async fn recalculate(State(app): State<App>, caller: Caller) -> Answer<Response> {
    let id = runs::ask_recompute(&app.insight, &caller.0).await?;
    asked(&app, &caller, &id).await
}

/// Shows how far work on all customers is, and what came out.
#[utoipa::path(get, path = "/api/health/runs/{run}", tag = "Health", params(("run" = String, Path, description = "Its id")),
    responses((status = 200, description = "The run", body = HealthRun)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<RunId>) -> Answer<Json<HealthRun>> {
    Ok(Json(runs::get(&app.insight, &actor, &id).await?.into()))
}
