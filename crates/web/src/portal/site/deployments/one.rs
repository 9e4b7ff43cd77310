//! One deployment: how it stands, its steps, its log, and what can be done about it.
//!
//! All but the log is fetched again when something changes; the log grows by itself, so that nobody loses their place in it.

use accounts::Actor;
use axum::extract::State;
use hosting::deployments::{self, Deployment, DeploymentId, DeploymentKind, DeploymentState, Place};
use hosting::operations::{self, Operation, StepState};
use hosting::{SiteId, SiteState};
use kit::{Error, Result};
use maud::{Markup, html};
use ui::badge::Tone;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::feedback::{self, Banner};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::log::Log;
use ui::page::{Crumb, Page};
use ui::{copy, field, format, icon, steps};

use super::super::progress;
use super::super::tabs::{self, SiteTab};
use super::super::{BEAT, BUSY_BEAT};
use super::kept::Kept;
use super::{Scene, evidence, log, words};
use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame::View;
use crate::respond::{Answer, sentence};
use crate::routes::Caller;

/// Lines of the log that stand first when it failed.
const LAST_LINES: usize = 12;

/// What the page shows.
struct Facts {
    scene: Scene,
    deployment: Deployment,
    work: Option<(Operation, Vec<operations::Step>)>,
    place: Option<Place>,
    is_serving: bool,
    kept: Kept,
    url: String,
}

/// A deployment of this site, of the actor's scope.
pub(super) async fn of_site(app: &App, actor: &Actor, site: &SiteId, id: &DeploymentId) -> Result<Deployment> {
    let found = deployments::get(&app.db, &actor.scope(), id).await?;
    if found.site_id == *site { Ok(found) } else { Err(Error::not_found("deployment")) }
}

impl Facts {
    async fn gather(app: &App, actor: &Actor, site: &SiteId, id: &DeploymentId) -> Result<Facts> {
        let scene = Scene::of(app, actor, site).await?;
        let deployment = of_site(app, actor, site, id).await?;
        let serving = deployments::serving(&app.db, &scene.site).await?;
        Ok(Facts {
            work: deployments::work_of(&app.db, &actor.scope(), &deployment).await?,
            place: deployments::place(&app.db, app.hosting.config.parallel_deployments, scene.now, &deployment).await?,
            is_serving: serving.is_some_and(|serving| serving.id == deployment.id),
            kept: Kept::of(app, actor, &scene.site).await?,
            url: app.hosting.url(&scene.site),
            scene,
            deployment,
        })
    }

    fn is_busy(&self) -> bool {
        let is_tidying = self.work.as_ref().is_some_and(|(operation, _)| operation.state == operations::OperationState::Running);
        is_tidying || !self.deployment.state.is_over()
    }

    /// The dialog that asks before its release serves again.
    fn way_back(&self) -> Option<&str> {
        self.deployment.release_id.as_ref().filter(|_| self.deployment.served_at.is_some()).and_then(|release| self.kept.dialog(release))
    }

    fn failed_step(&self) -> Option<&operations::Step> {
        self.work.iter().flat_map(|(_, steps)| steps).find(|step| step.state == StepState::Failed)
    }
}

/// Shows a deployment, or the part of it that has changed.
pub async fn page(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path((site, id)): Path<(SiteId, DeploymentId)>,
    Query(asked): Query<log::Asked>,
) -> Answer {
    let facts = Facts::gather(&app, &actor, &site, &id).await?;
    let changing = changing(&app, &actor, &facts).await?;
    if view.is_fragment() {
        return Ok(view.fragment(changing));
    }
    let here = facts.scene.address(&id);
    let topic = facts.scene.topic();
    let poll = Some(if facts.is_busy() { BUSY_BEAT } else { BEAT });
    let region = Region { topic: &topic, url: &here, poll, body: changing, ..Region::default() };
    let list = facts.scene.list();
    let mut crumbs = tabs::crumbs(&facts.scene.site);
    crumbs.push(Crumb::new("Deployments", list.as_str()));
    let log = log::card(&app, &actor, &facts.deployment, &here, &asked, facts.is_busy()).await?;
    Ok(view.page(Page {
        title: id.as_str(),
        own_heading: true,
        crumbs: &crumbs,
        live_rooms: &[topic.as_str()],
        scripts: &["deployment.js"],
        body: html! {
            (tabs::strip(&facts.scene.site, SiteTab::Deployments))
            (live::region(region))
            (log)
        },
        ..Page::default()
    }))
}

async fn changing(app: &App, actor: &Actor, facts: &Facts) -> Result<Markup> {
    let last_lines = match facts.deployment.state {
        DeploymentState::Failed => log::last(app, actor, &facts.deployment, LAST_LINES).await?,
        _ => Vec::new(),
    };
    Ok(html! {
        (head(facts))
        div.gap { (verdict(facts)) }
        @if !last_lines.is_empty() {
            div.gap { (card::card(Card {
                title: "The last it said",
                flush: true,
                body: ui::log::block(Log { label: "Last lines of the log", lines: &last_lines, ..Log::default() }),
                ..Card::default()
            })) }
        }
        div.gap { (card::split(
            steps_card(facts),
            html! { (facts_card(facts)) (evidence::card(&facts.deployment)) },
        )) }
        @if let Some(release) = facts.deployment.release_id.as_ref().filter(|_| facts.way_back().is_some() && facts.scene.may_deploy) {
            (facts.kept.question_about(&facts.scene, release))
        }
        @if facts.is_busy() { noscript { p.hint { a href=(facts.scene.address(&facts.deployment.id)) { "Look again" } } } }
    })
}

fn head(facts: &Facts) -> Markup {
    let (deployment, now) = (&facts.deployment, facts.scene.now);
    html! {
        div.hero {
            div {
                div.hero-line { h1.deployment-title { (words::foreign(words::title(deployment))) } (words::state(deployment, facts.is_serving)) }
                div.hero-facts {
                    span { (words::kind(deployment.kind)) " by " (words::foreign(&deployment.requested_by)) }
                    @if !deployment.commit_hash.is_empty() { span { (words::commit(&deployment.commit_hash)) } }
                    span { "Asked for " (format::time_ago(deployment.created_at.0, now.0)) }
                    @if let Some(took) = words::took(deployment, now) {
                        @let counts = (deployment.state == DeploymentState::Running).then_some(deployment.started_at.unwrap_or(now).0);
                        span { "Took " span data-count-up=[counts] { (format::duration(took)) } }
                    }
                }
            }
            (button::row(buttons(facts)))
        }
    }
}

fn buttons(facts: &Facts) -> Markup {
    let deployment = &facts.deployment;
    let can_be_stopped = !deployment.state.is_over() && deployment.served_at.is_none() && deployment.cancelled_by.is_none();
    let can_be_repeated = deployment.state.is_over() && !deployment.commit_hash.is_empty() && facts.scene.site.state == SiteState::Active;
    let has_failed = matches!(deployment.state, DeploymentState::Failed | DeploymentState::Cancelled);
    let cancel = format!("{}/cancel", facts.scene.address(&deployment.id));
    html! {
        @if facts.scene.may_deploy {
            @if can_be_stopped {
                (form::post_button(PostButton {
                    action: &cancel,
                    button: Button { label: "Cancel", icon: Some(icon::circle_x()), busy: "Stopping…", ..Button::default() },
                    ..PostButton::default()
                }))
            }
            @if can_be_repeated {
                (form::post_button(PostButton {
                    action: &facts.scene.list(),
                    hidden: field::hidden("commit", &deployment.commit_hash),
                    button: Button {
                        label: if has_failed { "Try again" } else { "Deploy again" },
                        kind: if has_failed { Kind::Primary } else { Kind::Secondary },
                        icon: Some(icon::rotate_ccw()),
                        busy: "Asking…",
                        title: "The same commit, with the settings of today",
                        ..Button::default()
                    },
                }))
            }
            @if let Some(dialog) = facts.way_back() {
                (button::opens_dialog(dialog, Button { label: "Roll back to this", icon: Some(icon::undo()), ..Button::default() }))
            }
        }
        @if facts.is_serving {
            (button::link(&facts.url, Button { label: "Visit", kind: Kind::Primary, icon: Some(icon::external_link()), ..Button::default() }))
        }
    }
}

/// What became of it, what that means, and what to do.
fn verdict(facts: &Facts) -> Markup {
    let (deployment, now) = (&facts.deployment, facts.scene.now);
    let (tone, title, text) = match deployment.state {
        DeploymentState::Queued => (Tone::Accent, "Waiting for its turn".to_owned(), queued(facts)),
        DeploymentState::Running => match &deployment.cancelled_by {
            Some(by) => (Tone::Warn, "Being stopped".to_owned(), format!("{by} asked for that. What served before still serves.")),
            None => return Markup::default(),
        },
        DeploymentState::Success if deployment.watched_until.is_some_and(|until| until.0 > now.0) && facts.is_serving => {
            let left = deployment.watched_until.map_or(0, |until| u64::try_from(until.0 - now.0).unwrap_or(0));
            let text = format!(
                "It is watched for {} more; if it does worse than the one before, that one comes back by itself.",
                format::duration(left)
            );
            (Tone::Ok, "Visitors get this release".to_owned(), text)
        }
        DeploymentState::Success if facts.is_serving => (Tone::Ok, "Visitors get this release".to_owned(), String::new()),
        DeploymentState::Success => {
            let text = "A later one has taken its place.".to_owned();
            (Tone::Neutral, "Visitors got this release".to_owned(), text)
        }
        DeploymentState::Failed => (Tone::Bad, failed_at(facts), failure(facts)),
        DeploymentState::Cancelled => {
            let by = deployment.cancelled_by.as_deref().unwrap_or("somebody");
            (Tone::Neutral, format!("Cancelled by {by}"), "What served before still serves.".to_owned())
        }
        DeploymentState::Superseded => {
            let text = "A newer one for this site came before its turn. Nothing of this one was built.".to_owned();
            (Tone::Neutral, "Superseded".to_owned(), text)
        }
        DeploymentState::RolledBack => {
            let why = evidence::reason(deployment).unwrap_or_else(|| "it did worse than the release before".to_owned());
            (Tone::Warn, "Taken back by itself".to_owned(), format!("{} The release before serves again.", sentence(&why)))
        }
    };
    feedback::banner(Banner { tone, title: &title, text: &text, ..Banner::default() })
}

fn queued(facts: &Facts) -> String {
    match facts.place {
        Some(Place { ahead: 0, .. }) | None => "It is next, and begins as soon as nothing else is done to the site.".to_owned(),
        Some(Place { ahead, expected_start }) => {
            let before = if ahead == 1 { "One deployment is".to_owned() } else { format!("{ahead} deployments are") };
            let start = match expected_start.filter(|at| at.0 > facts.scene.now.0) {
                Some(at) => format!(" It should start {}.", format::ago(at.0, facts.scene.now.0)),
                None => String::new(),
            };
            format!("{before} before it.{start}")
        }
    }
}

fn failed_at(facts: &Facts) -> String {
    match facts.failed_step() {
        Some(step) => format!("It failed at “{}”", operations::title(&step.name)),
        None => "It failed".to_owned(),
    }
}

fn failure(facts: &Facts) -> String {
    let reason = facts.deployment.error.as_deref().or_else(|| facts.failed_step().and_then(|step| step.error.as_deref()));
    let advice = match facts.failed_step().map(|step| step.name.as_str()) {
        Some("build") => "Mend what the last lines name and push again.",
        Some("migrate") => "Mend the migration and push again; what it had done to the database by then stays.",
        Some("start_beside") => "The new containers did not get healthy: their last words are in the log. Mend that and push again.",
        Some("switch") => {
            "The containers were healthy, but no visitor would have got an answer. Try again; if it fails the same way, ask the people who run this server."
        }
        _ => "Try again; if it fails the same way, ask the people who run this server.",
    };
    format!("{} What served before still serves; visitors noticed nothing. {advice}", sentence(reason.unwrap_or("no reason was recorded")))
}

fn steps_card(facts: &Facts) -> Markup {
    let Some((_, found)) = &facts.work else {
        let text = match facts.deployment.state {
            DeploymentState::Queued => "The steps appear once its turn has come.",
            _ => "It did not begin.",
        };
        return card::simple("Steps", html! { p.hint { (text) } });
    };
    let shown: Vec<steps::Step<'_>> = found.iter().map(|step| progress::step(step, facts.scene.now)).collect();
    let done = found.iter().filter(|step| step.state == StepState::Done).count();
    card::card(Card {
        title: "Steps",
        actions: html! { span.muted { (done) " of " (found.len()) " done" } },
        body: steps::steps(&shown),
        ..Card::default()
    })
}

fn facts_card(facts: &Facts) -> Markup {
    let deployment = &facts.deployment;
    let at = |at: Option<kit::Timestamp>, reason: &str| match at {
        Some(at) => format::time_exact(at.0),
        None => card::missing(reason),
    };
    let mut rows: Vec<(&str, Markup)> = Vec::new();
    if !deployment.commit_hash.is_empty() {
        rows.push(("Commit", copy::copy_field("Commit", &deployment.commit_hash)));
    }
    if !deployment.author.is_empty() {
        rows.push(("Author", words::foreign(&deployment.author)));
    }
    if !deployment.branch.is_empty() {
        rows.push(("Branch", html! { code { (words::foreign(&deployment.branch)) } }));
    }
    rows.push(("Id", html! { code { (deployment.id) } }));
    rows.push(("Asked for", format::time_exact(deployment.created_at.0)));
    rows.push(("Began", at(deployment.started_at, "Its turn has not come")));
    let is_way_back = matches!(deployment.kind, DeploymentKind::Rollback | DeploymentKind::AutomaticRollback);
    rows.push((if is_way_back { "Served again" } else { "First served" }, at(deployment.served_at, "Visitors never got it")));
    rows.push(("Ended", at(deployment.finished_at, "It is not over")));
    card::simple("Facts", card::kv(&rows))
}
