//! Previews for programs.

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hosting::edge::PREVIEW_USER;
use hosting::{Site, SiteId, previews};
use kit::{Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, created};
use crate::portal;
use crate::respond::Answer;
use crate::routes::Caller;

/// A branch of a site at an address of its own.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// Its own id: what can be asked of a site by its id can be asked of a preview.
    #[schema(example = "app_m2v9q2m7")]
    app_id: String,
    /// The site whose branch it shows.
    #[schema(example = "app_k3v9q2m7")]
    preview_of: String,
    #[schema(example = "feature/login")]
    branch: String,
    #[schema(example = "https://feature-login--mysite.sites.example.com")]
    url: String,
    /// `provisioning`, `active`, `stopped`, `failed` or `deleting`.
    #[schema(example = "active")]
    status: String,
    /// What its database began as: `empty` or `copy`.
    #[schema(example = "empty")]
    database: Option<String>,
    /// The name that its door asks for (HTTP Basic).
    #[schema(example = "preview")]
    user: &'static str,
    /// The password that its door asks for; `null` for whoever may not change the site.
    password: Option<String>,
    #[schema(example = "2026-01-14T10:30:00Z")]
    created_at: String,
    /// When it is removed by itself; `null`: not before its branch is deleted.
    expires_at: Option<String>,
}

fn shown(app: &App, actor: &Actor, preview: &Site) -> Result<Preview> {
    let password = if actor.can(Permission::WriteSites) { previews::password(&app.hosting, preview)? } else { None };
    Ok(Preview {
        app_id: preview.id.to_string(),
        preview_of: preview.shown().to_string(),
        branch: preview.branch().to_owned(),
        url: app.hosting.url(preview),
        status: preview.state.to_string(),
        database: preview.preview_database.map(|database| database.to_string()),
        user: PREVIEW_USER,
        password: password.map(|password| password.reveal().to_owned()),
        created_at: preview.created_at.rfc3339(),
        expires_at: preview.preview_expires_at.map(Timestamp::rfc3339),
    })
}

/// Lists the previews of a site, newest first.
///
/// They are few, so there is one page only.
#[utoipa::path(get, path = "/api/sites/{app_id}/previews", tag = "Previews",
    params(("app_id" = String, Path, description = "Id of the site")),
    responses((status = 200, description = "All of them", body = List<Preview>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Json<List<Preview>>> {
    let found = previews::list(&app.db, &actor.scope(), &id).await?;
    let items = found.iter().map(|preview| shown(&app, &actor, preview)).collect::<Result<Vec<Preview>>>()?;
    Ok(Json(List { items, next: None }))
}

/// A preview to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePreview {
    /// A branch of the site's repository, other than the one that the site shows.
    #[schema(example = "feature/login")]
    branch: String,
    /// `empty`, or `copy` for a copy of the site's database and uploads, personal data included.
    #[serde(default = "empty")]
    #[schema(example = "empty", default = "empty")]
    database: String,
    /// Whether it gets the variables that the customer gave the site.
    #[serde(default = "yes")]
    #[schema(default = true)]
    variables: bool,
}

fn empty() -> String {
    "empty".to_owned()
}

fn yes() -> bool {
    true
}

/// Makes a preview of a branch.
///
/// Answers at once; it is made in steps that `GET /api/sites/{app_id}/operation` with the preview's own id tells of.
#[utoipa::path(post, path = "/api/sites/{app_id}/previews", tag = "Previews", request_body = CreatePreview,
    params(("app_id" = String, Path, description = "Id of the site")),
    responses((status = 201, description = "Being made", body = Preview)))]
pub async fn create(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<SiteId>,
    Json(body): Json<CreatePreview>,
) -> Answer<Response> {
    // Another customer's site is not there, whatever is asked for.
    hosting::sites::get(&app.db, &actor.scope(), &id).await?;
    let new = portal::preview_wish(&body.branch, &body.database, body.variables)?;
    let preview = previews::create(&app.hosting, &actor, &id, &new).await?;
    changed::audit(&app, Some(&preview.customer_id));
    Ok(created(&format!("/api/sites/{}", preview.id), shown(&app, &actor, &preview)?))
}

/// Removes a preview; nothing of it is kept.
#[utoipa::path(delete, path = "/api/sites/{app_id}/previews/{preview}", tag = "Previews",
    params(("app_id" = String, Path, description = "Id of the site"), ("preview" = String, Path, description = "Id of the preview")),
    responses((status = 202, description = "Being removed", body = Preview)))]
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path((id, preview)): Path<(SiteId, SiteId)>) -> Answer<Response> {
    let preview = previews::remove(&app.hosting, &actor, &id, &preview).await?;
    changed::audit(&app, Some(&preview.customer_id));
    Ok((StatusCode::ACCEPTED, Json(shown(&app, &actor, &preview)?)).into_response())
}
