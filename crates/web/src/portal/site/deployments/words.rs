//! Deployments in words.

use hosting::deployments::{Deployment, DeploymentKind, DeploymentState, Place};
use kit::Timestamp;
use kit::words::counted;
use maud::{Markup, html};
use ui::badge::{self, Status, Tone};
use ui::format;

/// What a deployment came from.
pub(super) fn kind(kind: DeploymentKind) -> &'static str {
    match kind {
        DeploymentKind::Push => "Push",
        DeploymentKind::Manual => "By hand",
        DeploymentKind::Settings => "New settings",
        DeploymentKind::Rollback => "Rollback",
        DeploymentKind::AutomaticRollback => "Automatic rollback",
    }
}

/// What it is called: the first line of the commit's message, or what it came from.
pub(super) fn title(deployment: &Deployment) -> &str {
    match deployment.subject.trim() {
        "" => kind(deployment.kind),
        subject => subject,
    }
}

/// How far it has come; `is_serving`: visitors get its release now.
pub(super) fn state(deployment: &Deployment, is_serving: bool) -> Markup {
    match deployment.state {
        DeploymentState::Queued => badge::tag(Tone::Accent, "Waiting"),
        DeploymentState::Running if deployment.cancelled_by.is_some() => badge::status_as(Status::Restarting, "Stopping"),
        DeploymentState::Running => badge::status_as(Status::Provisioning, "Deploying"),
        DeploymentState::Success if is_serving => badge::status_as(Status::Running, "Live"),
        DeploymentState::Success => badge::dot(Tone::Ok, "Success"),
        DeploymentState::Failed => badge::status_as(Status::Error, "Failed"),
        DeploymentState::Cancelled => badge::dot(Tone::Neutral, "Cancelled"),
        DeploymentState::Superseded => badge::dot(Tone::Neutral, "Superseded"),
        DeploymentState::RolledBack => badge::tag(Tone::Warn, "Rolled back"),
    }
}

/// Where it stands in the queue.
pub(super) fn place(place: Place, now: Timestamp) -> Markup {
    html! {
        @if place.ahead == 0 { "Next in line" } @else { (counted(place.ahead, "deployment")) " before it" }
        @if let Some(at) = place.expected_start.filter(|at| at.0 > now.0) { ", starts " (format::time_ago(at.0, now.0)) }
    }
}

/// From its start to its verdict, or until now while it runs.
pub(super) fn took(deployment: &Deployment, now: Timestamp) -> Option<u64> {
    let until = deployment.finished_at.or((deployment.state == DeploymentState::Running).then_some(now))?;
    u64::try_from(until.0 - deployment.started_at?.0).ok()
}

/// The commit as digits; nothing for one that is about none.
pub(super) fn commit(hash: &str) -> Markup {
    html! { code.commit title=(hash) { (hash.get(..7).unwrap_or(hash)) } }
}

/// Words of others: whatever direction they are written in, they turn nothing around them.
pub(super) fn foreign(text: &str) -> Markup {
    html! { bdi { (text) } }
}
