//! The newest deployment on the site's own page: where it stands, and that a failed one changed nothing for visitors.

use accounts::Actor;
use hosting::deployments::{self, Deployment, DeploymentState};
use hosting::operations::{self, Operation, StepState};
use kit::{Result, Timestamp};
use maud::{Markup, html};
use ui::card::{self as ui_card, Card};
use ui::{feedback, format};

use super::{evidence, words};
use crate::app::App;
use crate::respond::sentence;

/// The newest deployment of a site, where there is something to say of it.
pub(in crate::portal::site) struct Newest {
    deployment: Deployment,
    work: Option<(Operation, Vec<operations::Step>)>,
}

impl Newest {
    /// What is at work, waits, or went wrong; what went well is in the history.
    pub(in crate::portal::site) async fn of(app: &App, actor: &Actor, site: &hosting::SiteId) -> Result<Option<Newest>> {
        let scope = actor.scope();
        let Some(deployment) = deployments::newest(&app.db, &scope, site).await? else { return Ok(None) };
        let says_nothing = matches!(deployment.state, DeploymentState::Success | DeploymentState::Cancelled | DeploymentState::Superseded);
        if says_nothing {
            return Ok(None);
        }
        let work = deployments::work_of(&app.db, &scope, &deployment).await?;
        Ok(Some(Newest { deployment, work }))
    }
}

pub(in crate::portal::site) fn card(newest: &Newest, now: Timestamp) -> Markup {
    let deployment = &newest.deployment;
    let href = format!("/sites/{}/deployments/{}", deployment.site_id, deployment.id);
    ui_card::card(Card {
        title: "Deployment",
        badge: words::state(deployment, false),
        actions: html! { a href=(href) { @if deployment.state == DeploymentState::Failed { "See why" } @else { "Watch it" } } },
        body: html! {
            p {
                strong { (words::foreign(words::title(deployment))) } " "
                @if !deployment.commit_hash.is_empty() { (words::commit(&deployment.commit_hash)) }
                span.hint { " · " (format::time_ago(deployment.created_at.0, now.0)) }
            }
            @match deployment.state {
                DeploymentState::Queued => p.hint { "Waits for its turn. What serves now goes on serving." },
                DeploymentState::Failed => {
                    p { (sentence(deployment.error.as_deref().unwrap_or("no reason was recorded"))) }
                    p.hint { "The site itself is not touched by that: the release before still serves." }
                }
                DeploymentState::RolledBack => {
                    p { (sentence(&evidence::reason(deployment).unwrap_or_else(|| "it did worse than the release before".to_owned()))) }
                    p.hint { "The release before serves again." }
                }
                _ => (at_work(newest)),
            }
        },
        ..Card::default()
    })
}

#[expect(clippy::cast_precision_loss, reason = "there are about ten steps")]
fn at_work(newest: &Newest) -> Markup {
    let steps = newest.work.iter().flat_map(|(_, steps)| steps);
    let (mut done, mut all, mut current) = (0_usize, 0_usize, None);
    for step in steps {
        all += 1;
        done += usize::from(step.state == StepState::Done);
        current = current.or(Some(step).filter(|step| step.state == StepState::Running));
    }
    let label = format!("{done} of {all} steps done");
    html! {
        div.gap { (feedback::progress(&label, done as f64 / all.max(1) as f64)) }
        p.hint { (label) @if let Some(step) = current { ": " (operations::title(&step.name)) } ". What serves now goes on serving." }
    }
}
