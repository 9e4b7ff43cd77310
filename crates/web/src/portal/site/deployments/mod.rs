//! A site's deployments: the list, one with its log, and what their buttons do.

pub(in crate::portal) mod actions;
mod card;
mod evidence;
mod history;
mod kept;
pub(in crate::portal) mod log;
mod newest_commit;
pub(in crate::portal) mod one;
mod words;

use accounts::{Actor, Permission};
use axum::extract::State;
use hosting::deployments::{self, Deployment, DeploymentId, DeploymentState};
use hosting::templates::Kind;
use hosting::{Site, SiteId, sites};
use kit::{Error, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::card as ui_card;
use ui::live::{self, Region};
use ui::page::Page;

pub(in crate::portal::site) use card::{Newest, card};

use super::tabs::{self, SiteTab};
use super::{BEAT, BUSY_BEAT};
use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame::View;
use crate::portal::to;
use crate::respond::Answer;
use crate::routes::Caller;

/// Rows of the list.
const ROWS: u32 = 20;

/// Which part of the history.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    before: Option<String>,
}

/// What every page of deployments goes by.
struct Scene {
    site: Site,
    may_deploy: bool,
    now: Timestamp,
}

impl Scene {
    async fn of(app: &App, actor: &Actor, id: &SiteId) -> kit::Result<Scene> {
        let site = sites::get(&app.db, &actor.scope(), id).await?;
        // A container that was here before is not deployed by us.
        if site.kind == Kind::Adopted {
            return Err(Error::not_found("deployments of an adopted container"));
        }
        Ok(Scene { site, may_deploy: actor.can(Permission::DeploySites), now: app.clock.now() })
    }

    fn list(&self) -> String {
        format!("/sites/{}/deployments", self.site.id)
    }

    fn address(&self, deployment: &DeploymentId) -> String {
        format!("/sites/{}/deployments/{deployment}", self.site.id)
    }

    fn topic(&self) -> String {
        format!("site:{}", self.site.id)
    }
}

/// Shows what was deployed, or the part of it that has changed.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>, Query(asked): Query<Asked>) -> Answer {
    let scene = Scene::of(&app, &actor, &id).await?;
    let before = asked.before.as_deref().filter(|text| !text.is_empty()).map(DeploymentId::parse).transpose()?;
    // One more than shown tells whether there is a next page.
    let mut found = deployments::history(&app.db, &actor.scope(), &id, before.as_ref(), ROWS + 1).await?;
    let next = match found.len() > ROWS as usize {
        true => found.get(ROWS as usize - 1).map(|last| last.id.clone()),
        false => None,
    };
    found.truncate(ROWS as usize);
    let is_busy = found.iter().any(|deployment| !deployment.state.is_over());
    let body = inside(&app, &actor, &scene, &found, before.as_ref(), next.as_ref()).await?;
    if view.is_fragment() {
        return Ok(view.fragment(body));
    }
    let here = to(&scene.list(), &[("before", before.as_ref().map_or("", DeploymentId::as_str))]);
    let topic = scene.topic();
    let region = Region { topic: &topic, url: &here, poll: Some(if is_busy { BUSY_BEAT } else { BEAT }), body, ..Region::default() };
    Ok(view.page(Page {
        title: "Deployments",
        help: "Each push to the site's branch, each change of its settings and each way back is one deployment. What serves is replaced only \
               once the new release has answered.",
        crumbs: &tabs::crumbs(&scene.site),
        tabs: tabs::strip(&scene.site, SiteTab::Deployments),
        live_rooms: &[topic.as_str()],
        body: live::region(region),
        ..Page::default()
    }))
}

async fn inside(
    app: &App,
    actor: &Actor,
    scene: &Scene,
    found: &[Deployment],
    before: Option<&DeploymentId>,
    next: Option<&DeploymentId>,
) -> kit::Result<Markup> {
    let serving = deployments::serving(&app.db, &scene.site).await?;
    let kept = kept::Kept::of(app, actor, &scene.site).await?;
    let mut places = Vec::new();
    for deployment in found.iter().filter(|it| it.state == DeploymentState::Queued) {
        let parallel = app.hosting.config.parallel_deployments;
        places.extend(deployments::place(&app.db, parallel, scene.now, deployment).await?.map(|place| (deployment.id.clone(), place)));
    }
    let newest = newest_commit::card(app, scene, serving.as_ref()).await;
    let history = history::card(history::Shown { scene, found, serving: serving.as_ref(), kept: &kept, places: &places, before, next });
    Ok(html! {
        @if before.is_none() { (newest) }
        (ui_card::split(history, kept::card(scene, &kept)))
    })
}
