//! A deleted site: what happened, and until when it can be brought back.

use maud::{Markup, html};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::form::{self, PostButton};
use ui::{format, icon};

use super::Facts;
use crate::app::App;
use crate::portal::words;

pub(super) fn card(app: &App, facts: &Facts) -> Markup {
    let until = words::restorable_until(&app.hosting, &facts.site);
    let by = facts.newest.as_ref().map(|(operation, _)| format!(" by {}", operation.requested_by)).unwrap_or_default();
    let when = facts.site.archived_at.map(|at| format::date(at.0)).unwrap_or_default();
    let text = format!(
        "Deleted on {when}{by}. Its pages, uploads, database and repository are kept until {}: {}.",
        format::date_time(until.0),
        words::time_left(until, facts.now)
    );
    let restore = PostButton {
        action: &facts.action("restore"),
        button: Button { label: "Restore", kind: Kind::Primary, icon: Some(icon::undo()), busy: "Restoring…", ..Button::default() },
        ..PostButton::default()
    };
    card::card(Card {
        body: card::empty_state(Empty {
            icon: Some(icon::archive()),
            title: "This site was deleted",
            text: &text,
            action: html! {
                @if facts.may_write { (form::post_button(restore)) }
                (button::link_secondary("/sites", "All sites"))
            },
        }),
        ..Card::default()
    })
}
