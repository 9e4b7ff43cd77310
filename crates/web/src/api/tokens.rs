//! One's own API tokens.

use accounts::{Actor, Label, MemberId, NewToken, SendingLimits, Token, TokenId, TokenScopes, tokens};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use kit::{Error, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, created};
use crate::respond::Answer;
use crate::routes::Caller;

/// A token; its secret is not kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct Shown {
    id: String,
    name: String,
    /// What it may be used for.
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// A token to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    #[schema(example = "CI of the shop")]
    name: String,
    #[schema(example = json!(["sites:read", "sites:deploy"]))]
    scopes: Vec<String>,
    /// Days until it ends; for ever, if not said (and no longer than the token that makes it).
    #[schema(minimum = 1, maximum = 3650)]
    valid_days: Option<u16>,
    /// Events a second that it may send; ten times as many may come at once. Without it there is no end.
    #[schema(minimum = 1)]
    events_per_second: Option<i64>,
    /// Events a day that it may send. Without it there is no end.
    #[schema(minimum = 1)]
    events_per_day: Option<i64>,
}

/// The new token. Its secret is in this answer and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewSecret {
    id: String,
    /// Send it as `Authorization: Bearer …`.
    token: String,
}

impl From<Token> for Shown {
    fn from(token: Token) -> Shown {
        Shown {
            id: token.id.to_string(),
            name: token.name.as_str().to_owned(),
            scopes: token.scopes.iter().map(|scope| scope.to_string()).collect(),
            created_at: token.created_at.rfc3339(),
            expires_at: token.expires_at.map(|at| at.rfc3339()),
            last_used_at: token.last_used_at.map(|at| at.rfc3339()),
        }
    }
}

/// Lists one's own tokens.
#[utoipa::path(get, path = "/api/tokens", tag = "Tokens", responses((status = 200, description = "All of them", body = List<Shown>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller) -> Answer<Json<List<Shown>>> {
    let found = tokens::list(&app.db, &actor, own_id(&actor)?).await?;
    Ok(Json(List { items: found.into_iter().map(Shown::from).collect(), next: None }))
}

/// Makes a token.
///
/// A token can only make tokens with scopes that it has itself.
#[utoipa::path(post, path = "/api/tokens", tag = "Tokens", request_body = CreateToken,
    responses((status = 201, description = "Made; the secret is shown this once", body = NewSecret)))]
pub async fn create(State(app): State<App>, Caller(actor): Caller, Json(body): Json<CreateToken>) -> Answer<Response> {
    let new = parse(&body, app.clock.now())?;
    let made = tokens::create(&app.db, &app.clock, &actor, own_id(&actor)?, new).await?;
    changed::members(&app, actor.role().customer());
    let secret = NewSecret { id: made.id.to_string(), token: made.secret.reveal().to_owned() };
    Ok(created(&format!("/api/tokens/{}", made.id), secret))
}

/// Revokes a token.
#[utoipa::path(delete, path = "/api/tokens/{token}", tag = "Tokens", params(("token" = String, Path, description = "Its id")),
    responses((status = 204, description = "Revoked")))]
pub async fn revoke(State(app): State<App>, Caller(actor): Caller, Path(id): Path<TokenId>) -> Answer<StatusCode> {
    tokens::revoke(&app.db, &app.clock, &actor, &id).await?;
    changed::members(&app, actor.role().customer());
    Ok(StatusCode::NO_CONTENT)
}

fn own_id(actor: &Actor) -> kit::Result<&MemberId> {
    actor.member_id().ok_or_else(|| Error::forbidden("only a member has tokens"))
}

fn parse(body: &CreateToken, now: Timestamp) -> kit::Result<NewToken> {
    let days = match body.valid_days {
        None => Ok(None),
        Some(days @ 1..=3650) => Ok(Some(days)),
        Some(_) => Err(Error::invalid("valid_days", "must be 1 to 3650")),
    };
    crate::extract::all_or_complaints!(
        name: Label::parse(&body.name),
        scopes: TokenScopes::parse(&body.scopes.join(" ")),
        days: days,
        limits: SendingLimits::new(body.events_per_second, body.events_per_day),
    );
    let expires_at = days.map(|days| now.plus(std::time::Duration::from_secs(u64::from(days) * 86_400)));
    Ok(NewToken { name, scopes, expires_at, limits })
}
