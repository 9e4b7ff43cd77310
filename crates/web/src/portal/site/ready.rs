//! The card *Your site is ready*: address, repository, how the owner signs in.

use hosting::SiteState;
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::button::{self, Button};
use ui::card::{self, Card};
use ui::{copy, icon};

use super::Facts;

/// So long a site counts as new.
const NEW_MS: i64 = 86_400_000;

pub(super) fn card(facts: &Facts, password: Option<&str>) -> Markup {
    let site = &facts.site;
    // Every template has its owner's door there.
    let owner = format!("{}/owner", facts.url);
    let is_up = site.state == SiteState::Active;
    let age = facts.now.0 - site.created_at.0;
    card::card(Card {
        title: if is_up { "Your site is ready" } else { "Your site" },
        badge: if is_up && age < NEW_MS { badge::tag(Tone::Ok, "New") } else { Markup::default() },
        hint: "Sign in on your site with this e-mail and password, and change texts and pictures right on the page.",
        body: card::kv(&[
            ("Address", html! { a.link-external href=(facts.url) { (facts.url) (icon::external_link()) } }),
            ("Repository", copy::copy_field("Repository clone URL", &facts.repository_url)),
            ("Editing", html! { a.link-external href=(owner) { "Sign in on your site" (icon::external_link()) } }),
            ("Sign-in e-mail", copy::copy_field("Sign-in e-mail", &site.owner_email)),
            (
                "Password",
                html! { div #owner-password { @match password { Some(password) => (revealed(password)), None => (hidden(facts)) } } },
            ),
        ]),
        ..Card::default()
    })
}

/// The password, after it was asked for.
pub(super) fn revealed(password: &str) -> Markup {
    html! {
        (copy::copy_field("Password", password))
        p.hint { "The first one. Once you change it on the site, only yours works." }
    }
}

/// Asks for the password; with scripts it appears in place, without them the page comes again with it.
fn hidden(facts: &Facts) -> Markup {
    let action = facts.action("reveal");
    html! {
        @if facts.may_write {
            form.post-button method="post" action=(action) hx-post=(action) hx-target="#owner-password" {
                (button::submit(Button { label: "Show password", icon: Some(icon::eye()), small: true, busy: "Asking…", ..Button::default() }))
            }
            p.hint { "That it was shown is kept in the activity log." }
        } @else {
            (card::missing("Only people who may change the site can see it"))
        }
    }
}
