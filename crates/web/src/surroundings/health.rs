//! Whether the process lives, and whether it can do its work.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tracing::warn;

use crate::app::App;
use crate::extract::Json;

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
    let status = if database.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |good: bool| if good { "ok" } else { "unavailable" };
    (status, Json(json!({ "status": word(database.is_ok()), "database": word(database.is_ok()) }))).into_response()
}
