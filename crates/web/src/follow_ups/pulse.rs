//! The pulse on the customer's page: what staff say of the customer, why, and until when it counts.

use accounts::{Actor, CustomerId, Permission};
use axum::extract::State;
use events::Day;
use insight::pulse::{self, NewPulse, Pulse};
use kit::{Error, Result};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::field::{self, Choice, Field};
use ui::form::{self, PostButton};
use ui::format;

use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame;
use crate::respond::Answer;
use crate::routes::Caller;
use crate::score;

/// What can be said, as people say it; the API takes any number.
const WORDS: [(&str, &str); 5] =
    [("100", "Very good: 100"), ("75", "Good: 75"), ("50", "So-so: 50"), ("25", "Bad: 25"), ("0", "Very bad: 0")];
/// A pulse counts for a month if nobody says more.
const USUAL_DAYS: i64 = 30;
/// Earlier ones that stand on the page.
const EARLIER: u32 = 5;

fn address(customer: &CustomerId) -> String {
    format!("/admin/customers/{customer}/pulse")
}

/// Shows what was said last, and a form to say something else.
pub async fn card(app: &App, actor: &Actor, customer: &CustomerId) -> Result<Markup> {
    let all = pulse::list(&app.insight, actor, customer, pulse::EVER, 1 + EARLIER).await?;
    let today = app.events.calendar().day(app.clock.now());
    let now = all.first().filter(|pulse| pulse.points.is_some() && today <= pulse.until);
    let may_write = actor.can(Permission::WriteFollowUps);
    Ok(card::card(Card {
        title: "Pulse",
        help: "How you say that the customer is, until the day that you name. It counts in the health score where the model has the factor “Pulse”. The customer never sees the note; who may read their own health sees the factor's points.",
        body: html! {
            @match now {
                Some(pulse) => (said(app, pulse)),
                None => p.hint { "Nobody has said anything that counts now." },
            }
            @if may_write { (form_for(customer, today, now.is_some())) }
            @if all.len() > usize::from(now.is_some()) {
                details {
                    summary.hint { "Earlier" }
                    (card::stack(html! { @for pulse in all.iter().skip(usize::from(now.is_some())) { (said(app, pulse)) } }))
                }
            }
        },
        ..Card::default()
    }))
}

fn said(app: &App, pulse: &Pulse) -> Markup {
    let tone = match pulse.points {
        Some(70..) => Tone::Ok,
        Some(40..) => Tone::Warn,
        Some(_) => Tone::Bad,
        None => Tone::Neutral,
    };
    let words = pulse.points.map_or("Taken back".to_owned(), |points| format!("{points} of 100"));
    html! {
        div {
            p.row { (badge::tag(tone, &words)) @if pulse.points.is_some() { span.hint { "until " (score::long(pulse.until)) } } }
            @for line in pulse.note.split('\n').filter(|line| !line.trim().is_empty()) { p { (line) } }
            p.hint { (pulse.set_by) ", " (format::time_ago(pulse.set_at.0, app.clock.now().0)) }
        }
    }
}

fn form_for(customer: &CustomerId, today: Day, is_set: bool) -> Markup {
    let choices = WORDS.map(|(value, label)| Choice { value, label, disabled: false });
    let until = today.plus(USUAL_DAYS).iso();
    html! {
        details.fold {
            summary { @if is_set { "Say something else" } @else { "Say how they are" } }
            form.form method="post" action=(address(customer)) {
                (form::columns(html! {
                    (field::select(Field { name: "points", label: "They are", value: "50", required: true, ..Field::default() }, &choices))
                    (field::date(Field { name: "until", label: "Counts until", value: &until, required: true, ..Field::default() }))
                }))
                (field::textarea(2, Field { name: "note", label: "Why", id: "pulse-note", maxlength: Some(500), required: true, ..Field::default() }))
                (form::actions(button::secondary("Set pulse")))
            }
            @if is_set {
                (form::post_button(PostButton {
                    action: &format!("{}/clear", address(customer)),
                    button: Button { label: "Take it back", small: true, kind: Kind::Quiet, ..Button::default() },
                    ..PostButton::default()
                }))
            }
        }
    }
}

/// What is to be said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    points: String,
    until: String,
    note: String,
}

impl Typed {
    fn parse(self) -> Result<NewPulse> {
        Ok(NewPulse {
            points: self.points.trim().parse().map_err(|_| Error::invalid("points", "must be 0 to 100"))?,
            until: Day::parse(self.until.trim()).ok_or_else(|| Error::invalid("until", "must be a day such as 2026-12-31"))?,
            note: self.note,
        })
    }
}

/// Says how the customer is.
pub async fn set(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>, Form(typed): Form<Typed>) -> Answer {
    let outcome = async { pulse::set(&app.insight, &actor, &id, &typed.parse()?).await };
    let outcome = outcome.await;
    changed::follow_ups(&app);
    frame::done_or_refused(&app, &format!("/admin/customers/{id}"), outcome, "The pulse is set")
}

/// Takes back what was said.
pub async fn clear(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer {
    let outcome = pulse::clear(&app.insight, &actor, &id).await;
    changed::follow_ups(&app);
    frame::done_or_refused(&app, &format!("/admin/customers/{id}"), outcome, "The pulse is taken back")
}
