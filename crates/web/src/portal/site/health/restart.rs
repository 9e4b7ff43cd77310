//! The button that restarts a site, or one of its services, and what it says while it cannot.

use axum::extract::State;
use hosting::operations::{OperationKind, OperationState};
use hosting::probes;
use hosting::{SiteId, SiteState};
use maud::{Markup, html};
use serde::Deserialize;
use ui::button::{self, Button, Kind};
use ui::dialog::{self, Confirm};
use ui::icon;

use super::Report;
use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame;
use crate::portal::site::Facts;
use crate::portal::to;
use crate::respond::Answer;
use crate::routes::Caller;

/// Which service; all of them when empty.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    service: String,
}

/// Restarts the site or one service of it.
pub async fn restart(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>, Query(wanted): Query<Wanted>) -> Answer {
    let service = Some(wanted.service.as_str()).filter(|service| !service.is_empty());
    let outcome = probes::restart::request(&app.hosting, &actor, &id, service).await;
    frame::done_or_refused(&app, &format!("/sites/{id}#health"), outcome.map(|_| ()), "Restarting")
}

/// Whether a restart is at work.
pub(super) fn is_restarting(facts: &Facts) -> bool {
    facts
        .newest
        .as_ref()
        .is_some_and(|(operation, _)| operation.kind == OperationKind::Restart && operation.state == OperationState::Running)
}

/// Why the last thing done to the site, a restart, failed.
pub(in crate::portal::site) fn failure(facts: &Facts) -> Option<&str> {
    let (operation, _) = facts.newest.as_ref()?;
    let failed = operation.kind == OperationKind::Restart && operation.state == OperationState::Failed;
    failed.then(|| operation.error.as_deref().unwrap_or("it stopped for a reason that is not known"))
}

/// The button for the whole site, with its question.
pub(super) fn button(facts: &Facts, report: &Report) -> Markup {
    if !facts.may_write || facts.site.state != SiteState::Active {
        return Markup::default();
    }
    if is_restarting(facts) {
        return html! {
            button.button.button-secondary type="button" disabled aria-busy="true" { (icon::loader()) span.button-label { "Restarting…" } }
        };
    }
    let button = Button { label: "Restart site", icon: Some(icon::refresh_cw()), ..blocked(facts, report) };
    html! {
        div {
            (button::opens_dialog("restart-site", button))
            (dialog::confirm_dialog(Confirm {
                id: "restart-site",
                title: &format!("Restart {}?", facts.site.name.as_str()),
                text: "All parts of the site are started again with the same content and settings. Visitors wait for some seconds.",
                action: &facts.action("restart"),
                button: "Restart",
                ..Confirm::default()
            }))
        }
    }
}

/// The button for one service.
pub(super) fn service_button(facts: &Facts, report: &Report, service: &str) -> Markup {
    if !facts.may_write || facts.site.state != SiteState::Active || is_restarting(facts) {
        return Markup::default();
    }
    let label = format!("Restart {service}");
    let id = format!("restart-{service}");
    let blocked = blocked(facts, report);
    // A countdown needs a word to count in; the button of the whole site has one.
    let disabled = blocked.disabled || blocked.available_at.is_some();
    let button = Button {
        label: &label,
        icon: Some(icon::refresh_cw()),
        icon_only: true,
        small: true,
        kind: Kind::Quiet,
        title: if disabled { blocked.title } else { &label },
        disabled,
        ..Button::default()
    };
    html! {
        (button::opens_dialog(&id, button))
        (dialog::confirm_dialog(Confirm {
            id: &id,
            title: &format!("Restart {service} alone?"),
            text: "Only this part is started again. The others go on.",
            action: &to(&facts.action("restart"), &[("service", service)]),
            button: "Restart",
            ..Confirm::default()
        }))
    }
}

/// Why it cannot be pressed now: counting down, or something else is being done.
fn blocked(facts: &Facts, report: &Report) -> Button<'static> {
    let title = match (facts.is_busy(), report.blocked_until) {
        (true, _) => "Something is being done to the site",
        (false, Some(_)) => "The site was restarted a short while ago",
        (false, None) => "",
    };
    Button { disabled: facts.is_busy(), available_at: report.blocked_until.map(|at| at.0), title, ..Button::default() }
}
