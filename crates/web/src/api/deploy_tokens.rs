//! Deploy tokens: what programs fetch from a site's repository and push to it with.

use accounts::Label;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hosting::SiteId;
use hosting::git::tokens::{self, SiteToken, SiteTokenId, TokenAccess};
use kit::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, all_or_complaints, created};
use crate::respond::Answer;
use crate::routes::Caller;

/// A deploy token; its secret is not kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeployToken {
    id: String,
    name: String,
    /// `read` or `push`.
    #[schema(example = "push")]
    access: &'static str,
    created_by: String,
    created_at: String,
    last_used_at: Option<String>,
}

impl From<SiteToken> for DeployToken {
    fn from(token: SiteToken) -> DeployToken {
        DeployToken {
            id: token.id.to_string(),
            name: token.name.as_str().to_owned(),
            access: token.access.as_str(),
            created_by: token.created_by,
            created_at: token.created_at.rfc3339(),
            last_used_at: token.last_used_at.map(|at| at.rfc3339()),
        }
    }
}

/// A deploy token to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDeployToken {
    #[schema(example = "CI")]
    name: String,
    /// `read`: clone and fetch; `push`: push, too.
    #[schema(example = "push")]
    access: String,
}

/// The new token. Its secret is in this answer and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewDeployToken {
    id: String,
    /// Git sends it as the password, with any user name.
    token: String,
}

/// Lists the deploy tokens of a site.
#[utoipa::path(get, path = "/api/sites/{app_id}/deploy-tokens", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 200, description = "All of them", body = List<DeployToken>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Path(site): Path<SiteId>) -> Answer<Json<List<DeployToken>>> {
    let found = tokens::list(&app.db, &actor, &site).await?;
    Ok(Json(List { items: found.into_iter().map(DeployToken::from).collect(), next: None }))
}

/// Makes a deploy token for a site.
///
/// It is good for this site's repository alone. An API token that makes one needs `sites:write` with `sites:read`, and
/// `sites:deploy` for `push`, and must be one that does not end.
#[utoipa::path(post, path = "/api/sites/{app_id}/deploy-tokens", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    request_body = CreateDeployToken, responses((status = 201, description = "Made; the secret is shown this once", body = NewDeployToken)))]
pub async fn create(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(site): Path<SiteId>,
    Json(body): Json<CreateDeployToken>,
) -> Answer<Response> {
    let site = hosting::sites::get(&app.db, &actor.scope(), &site).await?;
    let (name, access) = parse(&body.name, &body.access)?;
    let made = tokens::create(&app.hosting, &actor, &site.id, &name, access).await?;
    changed::audit(&app, Some(&site.customer_id));
    let secret = NewDeployToken { id: made.id.to_string(), token: made.secret.reveal().to_owned() };
    Ok(created(&format!("/api/sites/{}/deploy-tokens/{}", site.id, made.id), secret))
}

/// Name and access of a token to be. Fields: `name`, `access`.
pub(crate) fn parse(name: &str, access: &str) -> kit::Result<(Label, TokenAccess)> {
    all_or_complaints!(
        name: Label::parse(name),
        access: TokenAccess::from_text(access).ok_or_else(|| Error::invalid("access", "must be read or push")),
    );
    Ok((name, access))
}

/// Revokes a deploy token.
#[utoipa::path(delete, path = "/api/sites/{app_id}/deploy-tokens/{deploy_token}", tag = "Sites",
    params(("app_id" = String, Path, description = "The site's id"), ("deploy_token" = String, Path, description = "The token's id")),
    responses((status = 204, description = "Revoked")))]
pub async fn revoke(State(app): State<App>, Caller(actor): Caller, Path((site, token)): Path<(SiteId, SiteTokenId)>) -> Answer<StatusCode> {
    tokens::revoke(&app.hosting, &actor, &site, &token).await?;
    let site = hosting::sites::get(&app.db, &actor.scope(), &site).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(StatusCode::NO_CONTENT)
}
