//! Whether the process lives, and whether it can do its work.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tracing::warn;

use crate::app::App;
use crate::extract::Json;

/// Whoever asks for readiness does not wait long.
const DOCKER_PATIENCE: Duration = Duration::from_secs(1);

/// The process answers: nothing more.
pub async fn alive() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// The database answers. Docker is reported and does not count: without it pages and the API still work.
pub async fn ready(State(app): State<App>) -> Response {
    let database = app.db.ping().await;
    if let Err(error) = &database {
        warn!("the database does not answer: {error}");
    }
    let docker = tokio::time::timeout(DOCKER_PATIENCE, app.hosting.runtime.ping()).await.is_ok_and(|answer| answer.is_ok());
    let status = if database.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |good: bool| if good { "ok" } else { "unavailable" };
    (status, Json(json!({ "status": word(database.is_ok()), "database": word(database.is_ok()), "docker": word(docker) }))).into_response()
}
