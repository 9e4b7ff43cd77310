//! A deleted site: what happened, and until when it can be brought back.

use hosting::git::repositories::Repository;
use maud::{Markup, html};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::form::{self, PostButton};
use ui::{format, icon};

use super::Facts;
use crate::app::App;
use crate::portal::words;

/// `outside` is its repository, where that is at a provider.
pub(super) fn card(app: &App, facts: &Facts, outside: Option<&Repository>) -> Markup {
    let until = words::restorable_until(&app.hosting, &facts.site);
    let by = facts.newest.as_ref().map(|(operation, _)| format!(" by {}", operation.requested_by)).unwrap_or_default();
    let when = facts.site.archived_at.map(|at| format::date(at.0)).unwrap_or_default();
    let text = format!(
        "Deleted on {when}{by}. Its pages, uploads, database and {} are kept until {}: {}.{}",
        if outside.is_some() { "a copy of its repository" } else { "repository" },
        format::date_time(until.0),
        words::time_left(until, facts.now),
        outside.map(what_stays).unwrap_or_default()
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

fn what_stays(repository: &Repository) -> String {
    let (name, provider) = (&repository.full_name, repository.provider.title());
    match repository.webhook_id {
        Some(_) => {
            format!(" The repository {name} stays at {provider}, and so does its webhook, which could not be taken away: remove it there.")
        }
        None => format!(" The repository {name} stays at {provider}."),
    }
}
