//! Who asks.

use accounts::{How, Permission};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::Json;
use crate::routes::Caller;

/// Who asks, and what they may do with what they sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    #[schema(example = "mem_0f3kq8v2a1b2c3d4e5")]
    member_id: Option<String>,
    name: String,
    email: Option<String>,
    /// `owner`, `member`, `concierge` or `admin`.
    role: &'static str,
    /// The customer whom the member belongs to; staff belong to none.
    customer_id: Option<String>,
    /// `session` or `token`.
    how: &'static str,
    /// The scopes of the token.
    scopes: Option<Vec<String>>,
    /// What the caller may do.
    permissions: Vec<&'static str>,
}

/// Tells who asks.
///
/// Answers any session and any token, whatever its scopes: a good first call.
#[utoipa::path(get, path = "/api/me", tag = "Account", responses((status = 200, description = "Who asks", body = Me)))]
pub async fn me(Caller(actor): Caller) -> Json<Me> {
    let scopes = match actor.how() {
        How::Token { scopes, .. } => Some(scopes.iter().map(|scope| scope.to_string()).collect()),
        _ => None,
    };
    Json(Me {
        member_id: actor.member_id().map(ToString::to_string),
        name: actor.name().to_owned(),
        email: actor.email().map(|email| email.as_str().to_owned()),
        role: actor.role().as_str(),
        customer_id: actor.role().customer().map(ToString::to_string),
        how: actor.how().as_str(),
        scopes,
        permissions: Permission::ALL.iter().filter(|permission| actor.can(**permission)).map(|permission| permission.as_str()).collect(),
    })
}
