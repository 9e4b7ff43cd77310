//! Who may send, and how much.

use accounts::sending::{self, Sender};
use accounts::{Actor, SendingLimits, TokenId};
use axum::extract::State;
use kit::{Result, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::field::{self, Field};
use ui::form;
use ui::table::{self, Column, Row, Table};
use ui::{format, icon};

use super::PLACE;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame;
use crate::respond::Answer;
use crate::routes::Caller;

const SHOWN: u32 = 20;

/// A token, and what it has sent today where it has an end.
pub struct Key {
    sender: Sender,
    sent: Option<i64>,
}

/// The tokens that were used last.
pub async fn list(app: &App, actor: &Actor) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    for sender in sending::senders(&app.db, &app.clock, actor, SHOWN).await? {
        let sent = match sender.limits.per_day {
            Some(_) => Some(app.ingest().quotas.sent_today(sender.id.as_str()).await?),
            None => None,
        };
        keys.push(Key { sender, sent });
    }
    Ok(keys)
}

/// What was typed for one token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    events_per_second: String,
    events_per_day: String,
}

/// Says how much a token may send.
pub async fn limit(State(app): State<App>, Caller(actor): Caller, Path(id): Path<TokenId>, Form(typed): Form<Typed>) -> Answer {
    let outcome = match SendingLimits::parse(&typed.events_per_second, &typed.events_per_day) {
        Ok(limits) => sending::limit(&app.db, &app.clock, &actor, &id, limits).await,
        Err(error) => Err(error),
    };
    changed::audit(&app, None);
    frame::done_or_refused(&app, PLACE, outcome, "Said. It holds within some seconds.")
}

/// Shows them.
pub fn show(keys: &[Key], may_make: bool, now: Timestamp) -> Markup {
    card::card(Card {
        title: "Keys",
        help: "A key is an API token with the scope events:write. One of yours may send for any customer; one of a customer's member only for that customer.",
        actions: html! { @if may_make { (button::link_secondary("/account/tokens/new", "New token")) } },
        flush: true,
        body: table::table(Table {
            caption: "Tokens that may send events",
            columns: &[
                Column::new("Token"),
                Column::new("Id").minor(),
                Column::new("Last used"),
                Column::new("Expires").minor(),
                Column::new("May send"),
            ],
            rows: keys.iter().map(|key| row(key, now)).collect(),
            empty: card::empty_state(Empty {
                icon: Some(icon::key_round()),
                title: "Nobody may send yet",
                text: "Make a token with the scope events:write and give it to the SDK as its key.",
                ..Empty::default()
            }),
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn row(Key { sender, sent }: &Key, now: Timestamp) -> Row<'static> {
    Row::new([
        table::two_lines(sender.name.as_str(), &sender.owner),
        html! { span.mono { (sender.id) } },
        sender.last_used_at.map_or_else(|| card::missing("Never used"), |at| format::time_ago(at.0, now.0)),
        html! { @match sender.expires_at { Some(at) => (format::date(at.0)), None => "Never" } },
        html! {
            details {
                summary { (words(sender.limits)) }
                (limits_form(sender))
            }
            @if let (Some(sent), Some(_)) = (sent, sender.limits.per_day) { p.hint { (format::count(*sent)) " sent today" } }
        },
    ])
}

fn words(limits: SendingLimits) -> String {
    match (limits.per_second, limits.per_day) {
        (None, None) => "Without an end".to_owned(),
        (Some(second), None) => format!("{} a second", format::count(second)),
        (None, Some(day)) => format!("{} a day", format::count(day)),
        (Some(second), Some(day)) => format!("{} a second, {} a day", format::count(second), format::count(day)),
    }
}

fn limits_form(sender: &Sender) -> Markup {
    let text = |limit: Option<i64>| limit.map(|limit| limit.to_string()).unwrap_or_default();
    let (second, day) = (text(sender.limits.per_second), text(sender.limits.per_day));
    let ids = [format!("second-{}", sender.id), format!("day-{}", sender.id)];
    html! {
        form.form method="post" action={ (PLACE) "/keys/" (sender.id) } {
            (field::number(Field { name: "events_per_second", label: "Events a second", value: &second, id: &ids[0], unmarked: true, ..Field::default() }))
            (field::number(Field { name: "events_per_day", label: "Events a day", value: &day, hint: "Empty: without an end.", id: &ids[1], unmarked: true, ..Field::default() }))
            (form::actions(button::submit(Button { label: "Save", kind: Kind::Secondary, small: true, ..Button::default() })))
        }
    }
}
