//! A site's own variables for programs: names and versions, never values.

use std::collections::BTreeMap;

use axum::extract::State;
use hosting::SiteId;
use hosting::environment::{self, Applied, Change, Diff, Version};
use kit::secrets::Secret;
use kit::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query};
use crate::respond::Answer;
use crate::routes::Caller;

/// Versions of a page, unless said otherwise, and at most.
const ROWS: u32 = 50;
const MOST_ROWS: u32 = 200;

/// The variables of a site, without values.
#[derive(Debug, Serialize, ToSchema)]
pub struct Environment {
    #[schema(example = "app_k3v9q2m7")]
    app_id: String,
    /// The newest version, 0 before there were any: what a change is based on.
    #[schema(example = 3)]
    version: i64,
    /// The version of the release that serves.
    #[schema(example = 3)]
    live_version: i64,
    /// `applied`, `rolling_out`, `at_next_start`, or `not_applied` where its deployment failed.
    #[schema(example = "applied")]
    status: String,
    /// What is rolling it out, or failed to.
    #[schema(example = "deploy-20260114-154500")]
    deployment_id: Option<String>,
    variables: Vec<Name>,
}

/// One variable, without its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnvironmentVariable)]
pub struct Name {
    #[schema(example = "STRIPE_KEY")]
    name: String,
    /// When it got the value it has; `null` when that is too long ago to be told.
    changed_at: Option<String>,
}

/// Lists the names of a site's own variables.
///
/// Values are sealed and never given out here.
#[utoipa::path(get, path = "/api/sites/{app_id}/environment", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Names and versions", body = Environment)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Json<Environment>> {
    let overview = environment::overview(&app.hosting, &actor.scope(), &id).await?;
    let (status, deployment) = match &overview.applied {
        Applied::Yes => ("applied", None),
        Applied::Underway(deployment) => ("rolling_out", Some(deployment)),
        Applied::AtStart => ("at_next_start", None),
        Applied::No(deployment) => ("not_applied", deployment.as_ref()),
    };
    let deployment_id = deployment.map(|deployment| deployment.id.to_string());
    let name = |variable: environment::Variable| Name { name: variable.name, changed_at: variable.since.map(|at| at.rfc3339()) };
    Ok(Json(Environment {
        app_id: id.to_string(),
        version: overview.version,
        live_version: overview.live_version,
        status: status.to_owned(),
        deployment_id,
        variables: overview.variables.into_iter().map(name).collect(),
    }))
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEnvironment {
    /// The `version` that the change was made from; another one in between is a conflict.
    #[schema(example = 3)]
    base_version: i64,
    /// Names with their new values.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>, example = json!({"STRIPE_KEY": "sk_live_…"}))]
    set: BTreeMap<String, Secret>,
    /// Names that go.
    #[serde(default)]
    #[schema(example = json!(["OLD_KEY"]))]
    remove: Vec<String>,
}

/// What came of a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnvironmentChanged {
    /// The new version.
    #[schema(example = 4)]
    version: i64,
    #[schema(example = json!(["STRIPE_KEY"]))]
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
    /// `rolling_out`, or `at_next_start` for a stopped site.
    #[schema(example = "rolling_out")]
    status: String,
    /// What rolls it out; several changes in a row may share one.
    #[schema(example = "deploy-20260114-154500")]
    deployment_id: Option<String>,
}

/// Changes a site's own variables, all at once or not at all.
///
/// The containers are replaced without downtime and without a build. A stopped site takes the change over at its next start.
#[utoipa::path(patch, path = "/api/sites/{app_id}/environment", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    request_body = ChangeEnvironment, responses((status = 200, description = "The new version", body = EnvironmentChanged)))]
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<SiteId>,
    Json(body): Json<ChangeEnvironment>,
) -> Answer<Json<EnvironmentChanged>> {
    let site = hosting::sites::get(&app.db, &actor.scope(), &id).await?;
    if let Some(name) = body.remove.iter().find(|name| body.set.contains_key(*name)) {
        return Err(Error::invalid(format!("remove.{name}"), "is set by the same change").into());
    }
    let change = Change { base_version: body.base_version, set: body.set, remove: body.remove.into_iter().collect(), restores: None };
    let made = environment::change(&app.hosting, &actor, &id, &change).await?;
    changed::audit(&app, Some(&site.customer_id));
    let Diff { added, changed, removed } = made.diff;
    let status = if made.deployment.is_some() { "rolling_out" } else { "at_next_start" };
    let deployment_id = made.deployment.map(|deployment| deployment.id.to_string());
    Ok(Json(EnvironmentChanged { version: made.version, added, changed, removed, status: status.to_owned(), deployment_id }))
}

/// One version.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnvironmentVersion {
    #[schema(example = 3)]
    version: i64,
    #[schema(example = json!(["STRIPE_KEY"]))]
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
    /// The earlier version whose values it brought back.
    restores: Option<i64>,
    #[schema(example = "Ada")]
    created_by: String,
    #[schema(example = "2026-01-14T10:30:00Z")]
    created_at: String,
    deployment_id: Option<String>,
}

impl EnvironmentVersion {
    fn of(version: &Version) -> Result<EnvironmentVersion> {
        let Diff { added, changed, removed } = version.changes()?;
        Ok(EnvironmentVersion {
            version: version.version,
            added,
            changed,
            removed,
            restores: version.restores,
            created_by: version.created_by.clone(),
            created_at: version.created_at.rfc3339(),
            deployment_id: version.deployment_id.as_ref().map(ToString::to_string),
        })
    }
}

/// Which versions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// How many, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Those before this version.
    before: Option<i64>,
}

/// Lists the versions of a site's own variables, newest first: who changed which names when.
#[utoipa::path(get, path = "/api/sites/{app_id}/environment/history", tag = "Sites",
    params(("app_id" = String, Path, description = "Its id"), Which),
    responses((status = 200, description = "Versions", body = Vec<EnvironmentVersion>)))]
pub async fn history(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<SiteId>,
    Query(which): Query<Which>,
) -> Answer<Json<Vec<EnvironmentVersion>>> {
    let limit = which.limit.unwrap_or(ROWS);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(Error::invalid("limit", format!("must be 1 to {MOST_ROWS}")).into());
    }
    let versions = environment::history(&app.db, &actor.scope(), &id, which.before, limit).await?;
    Ok(Json(versions.iter().map(EnvironmentVersion::of).collect::<Result<_>>()?))
}
