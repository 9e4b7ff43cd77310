//! Words and badges that the pages about alerts share.

use alerts::history::{Alert, EndedWhy};
use alerts::machine::State;
use alerts::rules::Severity;
use maud::{Markup, html};
use ui::badge::{self, Status, Tone};

/// A rule's state.
pub(super) fn state(state: State) -> Markup {
    let status = match state {
        State::Normal => Status::Running,
        State::Pending | State::Recovering => Status::Restarting,
        State::Alerting | State::Error => Status::Error,
        State::NoData | State::Paused => Status::Stopped,
    };
    badge::status_as(status, state.label())
}

/// How grave it is.
pub(super) fn severity(severity: Severity) -> Markup {
    match severity {
        Severity::Critical => badge::tag(Tone::Bad, "Critical"),
        Severity::Warning => badge::tag(Tone::Warn, "Warning"),
    }
}

/// Whether an alert lasts, and why not.
pub(super) fn standing(alert: &Alert) -> Markup {
    match alert.ended_why {
        None => badge::status_as(Status::Error, "Alerting"),
        Some(EndedWhy::Resolved) => badge::status_as(Status::Running, "Resolved"),
        Some(EndedWhy::Paused) => badge::status_as(Status::Stopped, "Rule paused"),
        Some(EndedWhy::Changed) => badge::status_as(Status::Stopped, "Rule changed"),
        Some(EndedWhy::Removed) => badge::status_as(Status::Stopped, "Rule removed"),
    }
}

/// What an alert is about: the site of a labelled figure, or the rule alone.
pub(super) fn name_of(alert: &Alert) -> Markup {
    let about = alert.about();
    html! {
        strong { (alert.rule_name) }
        @if !about.is_empty() { " · " (about) }
    }
}

/// How long an alert lasts or lasted.
pub(super) fn lasted(alert: &Alert, now: kit::Timestamp) -> String {
    let took = alert.ended_at.unwrap_or(now).since(alert.fired_at);
    ui::format::duration(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}
