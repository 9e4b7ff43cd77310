//! Which mails about deployments one wants.

use accounts::Actor;
use axum::extract::State;
use hosting::notify::preferences::{self, Preferences};
use maud::{Markup, html};
use serde::Deserialize;
use ui::card::{self, Card};
use ui::field::{self, Field};
use ui::{button, form};

use crate::app::App;
use crate::extract::Form;
use crate::frame;
use crate::respond::Answer;
use crate::routes::Caller;

/// The choices; a box that is not ticked is not sent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    deployment_failed: Option<String>,
    deployment_succeeded: Option<String>,
    rolled_back: Option<String>,
}

/// The card of the profile page; nothing for staff, who are not mailed about the sites of customers.
pub(super) async fn card(app: &App, actor: &Actor) -> kit::Result<Markup> {
    let Some(chosen) = preferences::of(&app.db, actor).await? else { return Ok(Markup::default()) };
    let choice = |name: &'static str, label: &'static str, hint: &'static str, on: bool| {
        field::checkbox(on, Field { name, label, hint, value: "yes", ..Field::default() })
    };
    Ok(card::card(Card {
        title: "Mails about deployments",
        id: "notifications",
        body: html! {
            form.form method="post" action="/account/notifications" {
                (choice("deployment_failed", "A deployment failed", "Several within ten minutes come in one mail.", chosen.deployment_failed))
                (choice("rolled_back", "A new version was taken back", "It did worse than the one before.", chosen.rolled_back))
                (choice("deployment_succeeded", "A new version is online", "After each deployment of any of your sites.", chosen.deployment_succeeded))
                (form::actions(button::secondary("Save")))
            }
        },
        ..Card::default()
    }))
}

/// Changes what one is mailed.
pub async fn change(State(app): State<App>, Caller(actor): Caller, Form(typed): Form<Typed>) -> Answer {
    let wanted = Preferences {
        deployment_failed: typed.deployment_failed.is_some(),
        deployment_succeeded: typed.deployment_succeeded.is_some(),
        rolled_back: typed.rolled_back.is_some(),
    };
    let outcome = preferences::set(&app.db, &app.clock, &actor, wanted).await;
    frame::done_or_refused(&app, "/account#notifications", outcome, "Saved")
}
