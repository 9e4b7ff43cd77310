//! What a change comes to, before it is made: names, and what will happen. No value is shown.

use hosting::SiteState;
use hosting::environment::Diff;
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::{field, form};

use super::{Draft, Facts};

pub(super) fn card(facts: &Facts, draft: &Draft, diff: &Diff, sealed: &str) -> Markup {
    let serves = facts.site().state == SiteState::Active;
    let title = match draft {
        Draft::Typed(_) => "Apply these changes?".to_owned(),
        Draft::Back { version, .. } => format!("Go back to version {version}?"),
    };
    let label = if serves { "Apply" } else { "Save for the next start" };
    card::card(Card {
        title: &title,
        body: html! {
            form.form method="post" action=(facts.action("/apply")) {
                (field::hidden("draft", sealed))
                (names(diff))
                p {
                    @if serves {
                        "The site's containers are replaced one release by the other: new ones start beside the old, visitors are sent over once they are healthy. "
                        "Nothing is built, the database is left alone, and if the new ones do not get healthy the old ones go on."
                    } @else {
                        "The site is stopped. It takes the new variables over when it is started."
                    }
                }
                (form::actions(html! {
                    (button::submit(Button { label, kind: Kind::Primary, busy: "Applying…", ..Button::default() }))
                    @if matches!(draft, Draft::Typed(_)) {
                        (button::submit(Button { label: "Change something", name: "edit", value: "yes", ..Button::default() }))
                    }
                    (button::link(&facts.action(""), Button { label: "Cancel", kind: Kind::Quiet, ..Button::default() }))
                }))
            }
        },
        ..Card::default()
    })
}

/// The names of a difference, by what becomes of them.
pub(super) fn names(diff: &Diff) -> Markup {
    let groups = [(Tone::Ok, "Added", &diff.added), (Tone::Accent, "Changed", &diff.changed), (Tone::Bad, "Removed", &diff.removed)];
    html! {
        ul.env-diff {
            @for (tone, word, names) in groups {
                @if !names.is_empty() {
                    li { (badge::tag(tone, word)) span.env-names { @for name in names { code { (name) } " " } } }
                }
            }
        }
    }
}
