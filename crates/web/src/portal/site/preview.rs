//! What the page of a preview has in place of what only a site of its own has.

use hosting::SiteState;
use hosting::edge::PREVIEW_USER;
use hosting::previews;
use maud::{Markup, html};
use ui::button::{Button, Kind};
use ui::card::{self, Card};
use ui::dialog::{self, Confirm};
use ui::form::{self, PostButton};
use ui::{copy, icon};

use super::Facts;
use super::previews::{database_in_words, expiry, password};
use crate::app::App;

/// The card with the address and what opens it.
pub(super) fn card(app: &App, facts: &Facts) -> kit::Result<Markup> {
    let site = &facts.site;
    let secret = if facts.may_write { previews::password(&app.hosting, site)? } else { None };
    Ok(card::card(Card {
        title: if site.state == SiteState::Active { "The preview is ready" } else { "The preview" },
        hint: "Whoever opens it is asked for this name and password.",
        body: card::kv(&[
            ("Address", html! { a.link-external href=(facts.url) { (facts.url) (icon::external_link()) } }),
            ("User name", copy::copy_field("User name", PREVIEW_USER)),
            ("Password", password(secret.as_ref().map(|secret| secret.reveal()))),
            ("Branch", html! { code { (site.branch()) } }),
            ("Database", html! { (database_in_words(site)) }),
            ("Kept until", expiry(site, facts.now)),
        ]),
        ..Card::default()
    }))
}

/// What takes it away.
pub(super) fn danger(facts: &Facts, is_busy: bool) -> Markup {
    let Some(parent) = &facts.site.preview_of else { return Markup::default() };
    if is_busy {
        return dialog::danger_zone(html! { p.pad.hint { "Something is being done to the preview. Wait until it has ended." } });
    }
    let stopped = facts.site.state == SiteState::Stopped;
    let (title, text, verb, label, busy) = match stopped {
        true => ("Stopped", "Whoever opens it sees a page that says so. Nothing is lost.", "start", "Start", "Starting…"),
        false => ("Stop the preview", "Whoever opens it sees a page that says so, until it is started again.", "stop", "Stop", "Stopping…"),
    };
    let switch = PostButton {
        action: &facts.action(verb),
        button: Button { label, kind: Kind::Secondary, busy, ..Button::default() },
        ..PostButton::default()
    };
    dialog::danger_zone(html! {
        (dialog::danger_row(title, text, form::post_button(switch)))
        (dialog::danger_action(
            "Remove the preview",
            "Nothing of it is kept. The branch stays in the repository.",
            Confirm {
                id: "remove-preview",
                title: &format!("Remove the preview of {}?", facts.site.branch()),
                text: "The branch stays in the repository, and the site is not touched.",
                loses: &["The preview's database and uploads", "Its address and password"],
                action: &format!("/sites/{parent}/previews/{}/remove", facts.site.id),
                button: "Remove",
                ..Confirm::default()
            },
        ))
    })
}
