//! What was deployed, newest first.

use hosting::deployments::{Deployment, DeploymentId, DeploymentState, Place};
use maud::{Markup, html};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::table::{self, Column, Pager, Row, Table};
use ui::{format, icon};

use super::kept::Kept;
use super::{Scene, words};
use crate::portal::to;
use crate::respond::sentence;

/// What the list is made of.
pub(super) struct Shown<'a> {
    pub scene: &'a Scene,
    pub found: &'a [Deployment],
    pub serving: Option<&'a Deployment>,
    pub kept: &'a Kept,
    pub places: &'a [(DeploymentId, Place)],
    pub before: Option<&'a DeploymentId>,
    pub next: Option<&'a DeploymentId>,
}

pub(super) fn card(shown: Shown<'_>) -> Markup {
    let scene = shown.scene;
    let rows: Vec<Row<'_>> = shown.found.iter().map(|deployment| row(&shown, deployment)).collect();
    let text = format!("{} shown", rows.len());
    let older = shown.next.map(|last| to(&scene.list(), &[("before", last.as_str())]));
    let pager = Pager { text: &text, previous: shown.before.map(|_| scene.list().into()), next: older.map(Into::into) };
    card::card(Card {
        title: "History",
        flush: true,
        body: table::table(Table {
            caption: "Deployments",
            columns: &[
                Column::new("Deployment"),
                Column::new("Commit").minor(),
                Column::new("State"),
                Column::new("When").minor(),
                Column::number("Took").minor(),
                Column::actions(),
            ],
            rows,
            bare: true,
            pager: Some(pager).filter(|pager| pager.previous.is_some() || pager.next.is_some()),
            empty: card::empty_state(Empty {
                icon: Some(icon::rocket()),
                title: if shown.before.is_some() { "Nothing older" } else { "Nothing deployed yet" },
                text: "Push a commit to the site's repository, and it is built and made live here. What serves now came with the site.",
                action: button::link_secondary(&format!("/sites/{}/repository", scene.site.id), "Where to push"),
            }),
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn row<'a>(shown: &Shown<'_>, deployment: &Deployment) -> Row<'a> {
    let (scene, now) = (shown.scene, shown.scene.now);
    let is_serving = shown.serving.is_some_and(|serving| serving.id == deployment.id);
    let back = deployment.release_id.as_ref().filter(|_| deployment.served_at.is_some()).and_then(|release| shown.kept.dialog(release));
    let cells = [
        html! {
            span.two-lines {
                span.two-lines-first { (words::foreign(words::title(deployment))) }
                span.two-lines-second {
                    (words::kind(deployment.kind))
                    @if !deployment.branch.is_empty() { " to " (words::foreign(&deployment.branch)) }
                    span.history-id { " · " (deployment.id) }
                }
            }
        },
        html! {
            @if deployment.commit_hash.is_empty() { (card::missing("About no commit")) }
            @else {
                span.two-lines {
                    span.two-lines-first { (words::commit(&deployment.commit_hash)) }
                    @if !deployment.author.is_empty() { span.two-lines-second { (words::foreign(&deployment.author)) } }
                }
            }
        },
        html! {
            span.two-lines {
                span { (words::state(deployment, is_serving)) }
                @if let Some(remark) = remark(shown, deployment) { span.two-lines-second { (remark) } }
            }
        },
        format::time_ago(deployment.created_at.0, now.0),
        match words::took(deployment, now) {
            Some(took) => html! { (format::duration(took)) },
            None => card::missing("It did not begin"),
        },
        html! {
            @if let Some(dialog) = back.filter(|_| scene.may_deploy) {
                (button::opens_dialog(dialog, Button { label: "Roll back to this", kind: Kind::Quiet, small: true, ..Button::default() }))
            }
        },
    ];
    Row::link(scene.address(&deployment.id), cells)
}

/// What the badge does not say.
fn remark(shown: &Shown<'_>, deployment: &Deployment) -> Option<Markup> {
    let reason = |text: &str| {
        let text = sentence(text.lines().next().unwrap_or_default());
        html! { span title=(text) { (text) } }
    };
    match deployment.state {
        DeploymentState::Queued => {
            let (_, place) = shown.places.iter().find(|(id, _)| *id == deployment.id)?;
            Some(words::place(*place, shown.scene.now))
        }
        DeploymentState::Failed => deployment.error.as_deref().map(reason),
        DeploymentState::Cancelled => deployment.cancelled_by.as_deref().map(|by| html! { "by " (words::foreign(by)) }),
        DeploymentState::RolledBack => super::evidence::reason(deployment).map(|text| reason(&text)),
        _ => None,
    }
}
