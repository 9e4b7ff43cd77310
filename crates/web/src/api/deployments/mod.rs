//! Deployments, for programs: asked for, watched, stopped, taken back.

mod log;
mod shapes;

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hosting::SiteId;
use hosting::deployments::releases;
use hosting::deployments::{self, BackTo, Deployment, DeploymentId};
use hosting::sites::{self, ReleaseId};
use kit::{Error, Result};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, MaybeJson, Path, Query, all_or_complaints};
use crate::respond::Answer;
use crate::routes::{Access, Caller, Routes, routes};
pub(super) use shapes::{Entry, history_of};
use shapes::{Release, Told};

/// Rows of a list, unless said otherwise, and at most.
const ROWS: u32 = 50;
const MOST_ROWS: u32 = 199;

/// Everything about deployments.
pub fn routes(all: Routes) -> Routes {
    let read = Access::May(Permission::ReadSites);
    let deploy = Access::May(Permission::DeploySites);
    all.api(read, routes!(list))
        .api_create(deploy, routes!(ask))
        .api(read, routes!(get))
        .api(read, routes!(log::log))
        .api(deploy, routes!(cancel))
        .api_create(deploy, routes!(roll_back))
        .api(read, routes!(kept))
}

/// Which deployments.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// How many, 1 to 199; 50 if not said.
    limit: Option<u32>,
    /// Those that are older than this one: what `next` said.
    #[param(example = "deploy-20260114-154500")]
    before: Option<String>,
}

impl Which {
    fn parse(&self) -> Result<(u32, Option<DeploymentId>)> {
        all_or_complaints!(
            limit: match self.limit.unwrap_or(ROWS) {
                limit @ 1..=MOST_ROWS => Ok(limit),
                _ => Err(Error::invalid("limit", format!("must be 1 to {MOST_ROWS}"))),
            },
            before: self.before.as_deref().map(DeploymentId::parse).transpose().map_err(|_| no_such_cursor()),
        );
        Ok((limit, before))
    }
}

fn no_such_cursor() -> Error {
    Error::invalid("before", "must be the id of a deployment of this site")
}

/// Lists the deployments of a site, newest first.
#[utoipa::path(get, path = "/api/sites/{app_id}/deployments", tag = "Deployments",
    params(("app_id" = String, Path, description = "The site"), Which),
    responses((status = 200, description = "One page", body = List<Told>)))]
pub async fn list(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<SiteId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<Told>>> {
    let site = sites::get(&app.db, &actor.scope(), &id).await?;
    let (limit, before) = which.parse()?;
    if let Some(before) = &before {
        let cursor = deployments::get(&app.db, &actor.scope(), before).await.map_err(|_| no_such_cursor())?;
        if cursor.site_id != site.id {
            return Err(no_such_cursor().into());
        }
    }
    // One more than shown tells whether there is a next page.
    let mut found = deployments::history(&app.db, &actor.scope(), &id, before.as_ref(), limit + 1).await?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| has_more).map(|last| last.id.to_string());
    let serving = deployments::serving(&app.db, &site).await?;
    let mut items = Vec::new();
    for deployment in &found {
        items.push(shapes::told(&app, deployment, serving.as_ref()).await?);
    }
    Ok(Json(List { items, next }))
}

/// What to deploy.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ask {
    /// A commit (its first four digits do) or a branch of the site's repository; the newest commit of its branch if not said.
    #[schema(example = "4f2c9e1")]
    commit: Option<String>,
}

/// Deploys a commit.
///
/// Answers at once; `GET /api/deployments/{id}` tells how it goes on, its log can be followed. What still waits for the same site is
/// superseded. The body may be left out.
#[utoipa::path(post, path = "/api/sites/{app_id}/deployments", tag = "Deployments",
    params(("app_id" = String, Path, description = "The site")), request_body = Ask,
    responses((status = 202, description = "Asked for", body = Told)))]
pub async fn ask(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>, MaybeJson(body): MaybeJson<Ask>) -> Answer {
    let deployment = deployments::deploy(&app.hosting, &actor, &id, body.commit.as_deref()).await?;
    accepted(&app, &actor, &deployment).await
}

/// Shows one deployment, with its steps.
#[utoipa::path(get, path = "/api/deployments/{deployment_id}", tag = "Deployments",
    params(("deployment_id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The deployment", body = Told)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<DeploymentId>) -> Answer<Json<Told>> {
    let deployment = deployments::get(&app.db, &actor.scope(), &id).await?;
    Ok(Json(whole(&app, &actor, &deployment).await?))
}

/// Stops a deployment that has no verdict yet.
///
/// One that waits is cancelled at once; one at work ends as soon as its step lets go. Once visitors get its release it is too late (409).
#[utoipa::path(post, path = "/api/deployments/{deployment_id}/cancel", tag = "Deployments",
    params(("deployment_id" = String, Path, description = "Its id")),
    responses((status = 202, description = "Being stopped", body = Told)))]
pub async fn cancel(State(app): State<App>, Caller(actor): Caller, Path(id): Path<DeploymentId>) -> Answer {
    let deployment = deployments::cancel(&app.hosting, &actor, &id).await?;
    accepted(&app, &actor, &deployment).await
}

/// Where to go back to: at most one of the two.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Back {
    /// A kept release.
    release_id: Option<String>,
    /// The release that this deployment made live.
    deployment_id: Option<String>,
}

impl Back {
    fn parse(&self) -> Result<BackTo> {
        match (&self.release_id, &self.deployment_id) {
            (None, None) => Ok(BackTo::Before),
            (Some(release), None) => {
                let release = ReleaseId::parse(release).map_err(|_| Error::invalid("release_id", "must be the id of a release"))?;
                Ok(BackTo::Release(release))
            }
            (None, Some(deployment)) => {
                let parsed = DeploymentId::parse(deployment);
                Ok(BackTo::Deployment(parsed.map_err(|_| Error::invalid("deployment_id", "must be the id of a deployment"))?))
            }
            (Some(_), Some(_)) => Err(Error::invalid("deployment_id", "must be left out where a release is named")),
        }
    }
}

/// Makes a kept release serve again.
///
/// Nothing is built, so it takes seconds; the database is not taken back. Without a body it is the release that served before.
#[utoipa::path(post, path = "/api/sites/{app_id}/rollback", tag = "Deployments",
    params(("app_id" = String, Path, description = "The site")), request_body = Back,
    responses((status = 202, description = "Asked for", body = Told)))]
pub async fn roll_back(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>, MaybeJson(body): MaybeJson<Back>) -> Answer {
    sites::get(&app.db, &actor.scope(), &id).await?;
    let deployment = deployments::go_back(&app.hosting, &actor, &id, &body.parse()?).await?;
    accepted(&app, &actor, &deployment).await
}

/// Lists the releases of a site that can serve, newest first.
#[utoipa::path(get, path = "/api/sites/{app_id}/releases", tag = "Deployments",
    params(("app_id" = String, Path, description = "The site")),
    responses((status = 200, description = "All that are kept", body = List<Release>)))]
pub async fn kept(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Json<List<Release>>> {
    let site = sites::get(&app.db, &actor.scope(), &id).await?;
    let kept = releases::kept(&app.db, &actor.scope(), &id).await?;
    let items = kept.iter().map(|release| Release::of(release, &site)).collect::<Result<_>>()?;
    Ok(Json(List { items, next: None }))
}

async fn whole(app: &App, actor: &Actor, deployment: &Deployment) -> Result<Told> {
    let site = sites::get(&app.db, &actor.scope(), &deployment.site_id).await?;
    let serving = deployments::serving(&app.db, &site).await?;
    let work = deployments::work_of(&app.db, &actor.scope(), deployment).await?;
    Ok(shapes::told(app, deployment, serving.as_ref()).await?.with_steps(work.as_ref()))
}

async fn accepted(app: &App, actor: &Actor, deployment: &Deployment) -> Answer<Response> {
    let site = sites::get(&app.db, &actor.scope(), &deployment.site_id).await?;
    changed::audit(app, Some(&site.customer_id));
    let location = format!("/api/deployments/{}", deployment.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(whole(app, actor, deployment).await?)).into_response())
}
