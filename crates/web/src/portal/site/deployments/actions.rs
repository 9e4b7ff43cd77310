//! What the buttons of deployments do. Each leads to the page that shows how it goes on.

use accounts::Actor;
use axum::extract::State;
use hosting::SiteId;
use hosting::deployments::{self, BackTo, Deployment, DeploymentId};
use hosting::sites::{self, ReleaseId};
use kit::{Error, Result};
use serde::Deserialize;

use super::one;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame;
use crate::respond::{Answer, sentence};
use crate::routes::Caller;

/// Which commit; the newest of the branch when none is named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Which {
    commit: Option<String>,
}

/// Deploys a commit.
pub async fn deploy(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>, Form(which): Form<Which>) -> Answer {
    let commit = which.commit.as_deref().filter(|commit| !commit.is_empty());
    let outcome = deployments::deploy(&app.hosting, &actor, &id, commit).await;
    settle(&app, &actor, &id, outcome, "Deployment asked for").await
}

/// Where to go back to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Back {
    release_id: String,
}

/// Makes a kept release serve again.
pub async fn roll_back(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>, Form(back): Form<Back>) -> Answer {
    // First whether the site is there for them: somebody else's is not, whatever is sent.
    sites::get(&app.db, &actor.scope(), &id).await?;
    let outcome = match ReleaseId::parse(&back.release_id) {
        Ok(release) => deployments::go_back(&app.hosting, &actor, &id, &BackTo::Release(release)).await,
        Err(_) => Err(Error::not_found("release")),
    };
    // It was kept when the page was made.
    let outcome = outcome.map_err(|error| match error {
        Error::NotFound(_) => Error::conflict("this release is not kept any more"),
        other => other,
    });
    settle(&app, &actor, &id, outcome, "Rolling back").await
}

/// Stops a deployment that has no verdict yet.
pub async fn cancel(State(app): State<App>, Caller(actor): Caller, Path((id, deployment)): Path<(SiteId, DeploymentId)>) -> Answer {
    let found = one::of_site(&app, &actor, &id, &deployment).await?;
    let outcome = deployments::cancel(&app.hosting, &actor, &found.id).await;
    let next = format!("/sites/{id}/deployments/{deployment}");
    tell(&app, &actor, &id).await?;
    frame::done_or_refused(&app, &next, outcome.map(|_| ()), "Stopping it")
}

/// Pages with the audit log have a new line to show.
async fn tell(app: &App, actor: &Actor, site: &SiteId) -> Result<()> {
    let site = sites::get(&app.db, &actor.scope(), site).await?;
    changed::audit(app, Some(&site.customer_id));
    Ok(())
}

async fn settle(app: &App, actor: &Actor, site: &SiteId, outcome: Result<Deployment>, title: &str) -> Answer {
    match outcome {
        Ok(deployment) => {
            tell(app, actor, site).await?;
            Ok(frame::done(app, &format!("/sites/{site}/deployments/{}", deployment.id), title))
        }
        Err(Error::Invalid(fields)) => {
            let text = fields.first().map(|field| format!("the {} {}", field.field, field.message)).unwrap_or_default();
            Ok(frame::refused(app, &format!("/sites/{site}/deployments"), "That did not work", &sentence(&text)))
        }
        Err(error) => frame::done_or_refused(app, &format!("/sites/{site}/deployments"), Err(error), title),
    }
}
