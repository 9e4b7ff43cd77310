//! Where one is signed in. For sessions only: no token reaches them.

use accounts::{Session, SessionId, sessions};
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::List;
use crate::app::App;
use crate::extract::{Json, Path};
use crate::live::SESSIONS;
use crate::respond::Answer;
use crate::routes::Caller;

/// One signed-in browser.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct Shown {
    id: String,
    ip: String,
    user_agent: String,
    created_at: String,
    last_seen_at: String,
    ends_at: String,
    /// Whether it is the one that asks.
    current: bool,
}

impl From<Session> for Shown {
    fn from(session: Session) -> Shown {
        Shown {
            id: session.id.to_string(),
            ip: session.ip,
            user_agent: session.user_agent,
            created_at: session.created_at.rfc3339(),
            last_seen_at: session.last_seen_at.rfc3339(),
            ends_at: session.ends_at.rfc3339(),
            current: session.current,
        }
    }
}

/// Lists one's sessions.
#[utoipa::path(get, path = "/api/sessions", tag = "Account", responses((status = 200, description = "All of them", body = List<Shown>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller) -> Answer<Json<List<Shown>>> {
    let found = sessions::list(&app.db, &app.clock, &actor).await?;
    Ok(Json(List { items: found.into_iter().map(Shown::from).collect(), next: None }))
}

/// Ends a session.
#[utoipa::path(delete, path = "/api/sessions/{session}", tag = "Account", params(("session" = String, Path, description = "Its id")),
    responses((status = 204, description = "Ended")))]
pub async fn revoke(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SessionId>) -> Answer<StatusCode> {
    sessions::revoke(&app.db, &app.clock, &actor, &id).await?;
    app.bus.signal(SESSIONS, "ended");
    Ok(StatusCode::NO_CONTENT)
}
