//! Whether everyone may read the site's status page: for whoever decides for the customer.

use accounts::{Actor, Permission};
use axum::extract::State;
use hosting::SiteId;
use hosting::probes::status_page;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button::{Button, Kind};
use ui::card::{self, Card};
use ui::copy;
use ui::field;
use ui::form::{self, PostButton};

use super::Facts;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame;
use crate::respond::Answer;
use crate::routes::Caller;
use crate::status;

/// The switch for those who may turn it, else the address where there is something to read.
pub(super) async fn card(app: &App, actor: &Actor, facts: &Facts) -> kit::Result<Markup> {
    let is_public = status_page::is_published(&app.db, &facts.site.id).await?;
    let may_switch = actor.can(Permission::EditCustomer);
    if !may_switch && !is_public {
        return Ok(Markup::default());
    }
    let path = status::path_of(&facts.site.id);
    let address = status::url_of(app, &facts.site.id);
    Ok(card::card(Card {
        title: "Public status page",
        id: "status-page",
        help: "A page that tells everyone whether the site works: uptime of 90 days and incidents, and nothing else about you.",
        badge: badge::tag(if is_public { Tone::Ok } else { Tone::Neutral }, if is_public { "On" } else { "Off" }),
        body: html! {
            @if is_public {
                (copy::copy_field("Address", &address))
                p.hint { a href=(path) { "Look at it" } }
            } @else {
                p { "Only people of this account see how the site is. " a href=(path) { "See the page" } " that everyone could see." }
            }
            @if may_switch { div.gap { (switch(facts, is_public)) } }
        },
        ..Card::default()
    }))
}

fn switch(facts: &Facts, is_public: bool) -> Markup {
    let (label, busy, kind) = match is_public {
        true => ("Turn off", "Turning off…", Kind::Secondary),
        false => ("Turn on", "Turning on…", Kind::Primary),
    };
    form::post_button(PostButton {
        action: &facts.action("status-page"),
        hidden: field::hidden("public", if is_public { "no" } else { "yes" }),
        button: Button { label, busy, kind, ..Button::default() },
    })
}

/// What is wanted: `yes` or `no`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    public: String,
}

/// Turns it on or off.
pub async fn set(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>, Form(wanted): Form<Wanted>) -> Answer {
    let is_public = wanted.public == "yes";
    let site = status_page::publish(&app.hosting, &actor, &id, is_public).await?;
    changed::audit(&app, Some(&site.customer_id));
    let title = if is_public { "Everyone can read the status page now" } else { "The status page is private again" };
    Ok(frame::done(&app, &format!("/sites/{id}#status-page"), title))
}
