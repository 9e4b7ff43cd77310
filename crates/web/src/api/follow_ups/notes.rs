//! Notes about a customer.

use accounts::CustomerId;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use insight::notes::{self, Note, NoteId};
use kit::Error;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query, created};
use crate::respond::Answer;
use crate::routes::Caller;

/// A note.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Note)]
pub struct Shown {
    id: String,
    customer_id: String,
    /// Plain text with line breaks.
    body: String,
    author: String,
    created_at: String,
    edited_at: Option<String>,
}

impl From<Note> for Shown {
    fn from(note: Note) -> Shown {
        Shown {
            id: note.id.to_string(),
            customer_id: note.customer_id.to_string(),
            body: note.body,
            author: note.author_name,
            created_at: note.created_at.rfc3339(),
            edited_at: note.edited_at.map(|at| at.rfc3339()),
        }
    }
}

/// What a note says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteNote {
    /// 1 to 10,000 characters.
    #[schema(example = "Called; they move to the larger plan in January.")]
    body: String,
}

/// Which notes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Those before this one.
    before: Option<String>,
    /// How many, 1 to 200; 50 if not said.
    limit: Option<u32>,
}

/// Lists notes about a customer, newest first.
#[utoipa::path(get, path = "/api/customers/{customer}/notes", tag = "Follow-ups",
    params(("customer" = String, Path, description = "Its id"), Which), responses((status = 200, description = "One page", body = List<Shown>)))]
pub async fn list(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<CustomerId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<Shown>>> {
    let limit = which.limit.unwrap_or(50).clamp(1, accounts::MAX_PAGE);
    let no_such = |_| Error::invalid("before", "must be the id of a note of the list");
    let before = which.before.as_deref().map(NoteId::parse).transpose().map_err(no_such)?;
    let mut found = notes::list(&app.db, &actor, &id, before.as_ref(), limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(List { items: found.into_iter().map(Shown::from).collect(), next }))
}

/// Writes a note.
#[utoipa::path(post, path = "/api/customers/{customer}/notes", tag = "Follow-ups", params(("customer" = String, Path, description = "Its id")),
    request_body = WriteNote, responses((status = 201, description = "Written", body = Shown)))]
pub async fn create(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<CustomerId>,
    Json(body): Json<WriteNote>,
) -> Answer<Response> {
    let note = notes::add(&app.db, &app.clock, &actor, &id, &body.body).await?;
    changed::follow_ups(&app);
    Ok(created(&format!("/api/customers/{id}/notes/{}", note.id), Shown::from(note)))
}

/// Changes a note.
///
/// Its author and admins may.
#[utoipa::path(patch, path = "/api/customers/{customer}/notes/{note}", tag = "Follow-ups",
    params(("customer" = String, Path, description = "The customer"), ("note" = String, Path, description = "Its id")),
    request_body = WriteNote, responses((status = 200, description = "The note as it is now", body = Shown)))]
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    Path((customer, id)): Path<(CustomerId, NoteId)>,
    Json(body): Json<WriteNote>,
) -> Answer<Json<Shown>> {
    let note = notes::edit(&app.db, &app.clock, &actor, &customer, &id, &body.body).await?;
    changed::follow_ups(&app);
    Ok(Json(note.into()))
}

/// Removes a note.
///
/// Its author and admins may.
#[utoipa::path(delete, path = "/api/customers/{customer}/notes/{note}", tag = "Follow-ups",
    params(("customer" = String, Path, description = "The customer"), ("note" = String, Path, description = "Its id")),
    responses((status = 204, description = "Removed")))]
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path((customer, id)): Path<(CustomerId, NoteId)>) -> Answer<StatusCode> {
    notes::remove(&app.db, &app.clock, &actor, &customer, &id).await?;
    changed::follow_ups(&app);
    Ok(StatusCode::NO_CONTENT)
}
