//! The steps of what is being done to a site, and what to do when one failed.

use hosting::operations::{self, Operation, OperationKind, OperationState, StepState};
use kit::Timestamp;
use maud::{Markup, html};
use ui::badge::{self, Status};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::dialog::{self, Confirm};
use ui::form::{self, PostButton};
use ui::steps::{self, State, Step};
use ui::{feedback, icon};

use super::Facts;
use crate::portal::words;
use crate::respond::sentence;

pub(super) fn card(facts: &Facts, operation: &Operation, steps: &[operations::Step]) -> Markup {
    let has_failed = operation.state == OperationState::Failed;
    let done = steps.iter().filter(|step| step.state == StepState::Done).count();
    let count = format!("{done} of {} steps done", steps.len());
    let shown: Vec<Step<'_>> = steps.iter().map(|step| one(facts, step)).collect();
    let not_begun = !has_failed && steps.iter().all(|step| step.state == StepState::Waiting);
    card::card(Card {
        title: words::doing(operation.kind),
        badge: if has_failed { badge::status_as(Status::Error, "Failed") } else { Markup::default() },
        hint: hint(operation, not_begun),
        actions: html! { span.muted { (count) } },
        body: html! {
            @if !has_failed { (feedback::progress(&count, share(done, steps.len()))) }
            @if has_failed && steps.iter().all(|step| step.state != StepState::Failed) {
                p role="alert" { (sentence(operation.error.as_deref().unwrap_or("it stopped for a reason that is not known"))) }
            }
            div.gap[!has_failed] { (steps::steps(&shown)) }
            @if has_failed && facts.may_write { div.gap { (ways_on(facts, operation)) } }
            @if !has_failed { noscript { p.hint { a href={ "/sites/" (facts.site.id) } { "Look again" } } } }
        },
        ..Card::default()
    })
}

#[expect(clippy::cast_precision_loss, reason = "there are about ten steps")]
fn share(done: usize, all: usize) -> f64 {
    done as f64 / all.max(1) as f64
}

fn hint(operation: &Operation, not_begun: bool) -> &'static str {
    match (operation.state, operation.kind) {
        (OperationState::Failed, OperationKind::Create) => "Nothing is served yet, and nothing is lost: it goes on from the failed step.",
        (OperationState::Failed, OperationKind::Preview) => {
            "The site is not touched. It goes on from the failed step; a push to the branch begins anew."
        }
        (OperationState::Failed, OperationKind::Restore) => "The archive is untouched. It goes on from the failed step.",
        (OperationState::Failed, OperationKind::Delete) => "Nothing is lost that was not saved before. It goes on from the failed step.",
        (OperationState::Failed, _) => "It goes on from the failed step.",
        (_, _) if not_begun => "Waiting for its turn. You can leave this page; it goes on.",
        (_, OperationKind::Create) => "Usually done in well under a minute. You can leave this page; it goes on.",
        _ => "You can leave this page; it goes on.",
    }
}

fn one<'a>(facts: &Facts, step: &'a operations::Step) -> Step<'a> {
    let shown = self::step(step, facts.now);
    match step.state {
        StepState::Failed => Step { error: format!("{} {}", shown.error, advice(facts, &step.name)).into(), ..shown },
        _ => shown,
    }
}

/// A step with its time and what came out of it.
pub(super) fn step(step: &operations::Step, now: Timestamp) -> Step<'_> {
    let state = match step.state {
        StepState::Waiting => State::Waiting,
        StepState::Running => State::Running,
        StepState::Done => State::Done,
        StepState::Failed => State::Failed,
    };
    let until = match step.state {
        StepState::Running => Some(now.0),
        _ => step.finished_at.map(|at| at.0),
    };
    let took = step.started_at.zip(until).map(|(from, until)| u64::try_from(until - from.0).unwrap_or(0));
    let failure = step.error.as_deref().unwrap_or_default();
    Step {
        title: operations::title(&step.name).into(),
        state,
        duration_ms: took,
        started_at: step.started_at.map(|at| at.0),
        text: match step.state {
            // It failed once and is tried again: said, without alarm.
            StepState::Running if !failure.is_empty() => sentence(failure).into(),
            _ => step.detail.as_deref().unwrap_or_default().into(),
        },
        error: match step.state {
            StepState::Failed => sentence(failure).into(),
            _ => "".into(),
        },
        ..Step::default()
    }
}

/// What may help when a step failed: customers cannot look at the server, staff can.
fn advice(facts: &Facts, step: &str) -> &'static str {
    if facts.customer.is_none() {
        return "Try again; if it fails the same way, ask the people who run this server.";
    }
    match step {
        "folder" | "environment" | "compose" | "webhook" | "pack" | "unpack" | "remove" => {
            "Check that the server's disk is not full, then try again."
        }
        "repository" => "Check that git is installed and the disk is not full, then try again.",
        "build" => "Try again; if it fails the same way, the output of the build is in Innkeeper's log.",
        "address" | "route" | "holding" | "unroute" => "Check that the edge (Traefik) runs on this server, then try again.",
        "certificate" => "Check that the address leads to this server, then try again.",
        "start" | "apply" => "Check that Docker runs and what `docker logs` of the service says, then try again.",
        "stop" | "containers" | "dump" | "database" | "files" | "uploads" => "Check that Docker runs on this server, then try again.",
        _ => "Try again in a moment.",
    }
}

fn ways_on(facts: &Facts, operation: &Operation) -> Markup {
    let retry = PostButton {
        action: &facts.action("retry"),
        button: Button {
            label: "Try again",
            kind: Kind::Primary,
            icon: Some(icon::rotate_ccw()),
            busy: "Trying again…",
            ..Button::default()
        },
        ..PostButton::default()
    };
    html! {
        (button::row(html! {
            (form::post_button(retry))
            @if facts.can_be_given_up() && matches!(operation.kind, OperationKind::Create | OperationKind::Preview) {
                (button::opens_dialog("give-up", Button { label: "Give up", kind: Kind::Danger, ..Button::default() }))
            }
            @if facts.may_examine {
                (button::link(&facts.action("doctor"), Button { label: "Examine", icon: Some(icon::activity()), ..Button::default() }))
            }
        }))
        @if facts.can_be_given_up() && matches!(operation.kind, OperationKind::Create | OperationKind::Preview) {
            (dialog::confirm_dialog(Confirm {
                id: "give-up",
                title: &format!("Give up {}?", facts.site.name.as_str()),
                text: &match &facts.site.outside_url {
                    _ if facts.site.is_preview() => "The preview was never finished. The branch stays in the repository.".to_owned(),
                    Some(url) => format!("The site was never finished. Its address becomes free again; the repository {url} stays where it is."),
                    None => "The site was never finished. Its address becomes free again.".to_owned(),
                },
                loses: &["Everything that has been made of it so far"],
                action: &facts.action("discard"),
                button: "Give up",
                danger: true,
                ..Confirm::default()
            }))
        }
    }
}
