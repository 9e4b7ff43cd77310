//! The delivery log: what was sent to whom, and what came of it.

use alerts::messages::{self, Kind as Says, Message, MessageId, MessageState};
use axum::extract::State;
use kit::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Status};
use ui::button::{Button, Kind};
use ui::card::{self, Empty};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Column, Pager, Row, Table};
use ui::{format, icon};

use super::tabs;
use crate::api::allow_sending;
use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame::{self, View};
use crate::respond::Answer;
use crate::routes::Caller;

const DELIVERIES: &str = "/admin/alerts/deliveries";
const ROWS: u32 = 50;

/// Page, as it stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    before: String,
}

/// Lists messages, newest first.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let before = MessageId::parse(&asked.before).ok();
    let mut found = messages::list(&app.alerts, &actor, before.as_ref(), ROWS + 1).await?;
    let more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let next = found.last().filter(|_| more).map(|last| format!("{DELIVERIES}?before={}", last.id).into());
    let text = format!("{} shown", found.len());
    let now = app.clock.now();
    let table = table::table(Table {
        caption: "Deliveries",
        columns: &[
            Column::new("Message"),
            Column::new("To"),
            Column::new("State"),
            Column::new("Answer").minor(),
            Column::number("Tries").minor(),
            Column::new("When"),
            Column::actions(),
        ],
        rows: found.iter().map(|message| row(message, now)).collect(),
        empty: card::empty_state(Empty {
            icon: Some(icon::mail()),
            title: "Nothing was sent yet",
            text: "Each message to each address stands here, with what the receiver answered.",
            ..Empty::default()
        }),
        pager: Some(Pager { text: &text, previous: None, next }),
        ..Table::default()
    });
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let here = if before.is_some() { format!("{DELIVERIES}?before={}", asked.before) } else { DELIVERIES.to_owned() };
    Ok(view.page(Page {
        title: "Alerts",
        help: "What was sent to whom, and what came of it. Kept for 90 days.",
        tabs: tabs(DELIVERIES),
        body: live::region(Region { topic: "alerts", url: &here, poll: Some(30), body: table, ..Region::default() }),
        ..Page::default()
    }))
}

fn row(message: &Message, now: Timestamp) -> Row<'static> {
    let (status, word) = match message.state {
        MessageState::Waiting if message.attempts > 0 => (Status::Restarting, "Trying again"),
        MessageState::Waiting => (Status::Provisioning, "On its way"),
        MessageState::Delivered => (Status::Running, if message.mail_id.is_some() { "Sent" } else { "Delivered" }),
        MessageState::Held => (Status::Stopped, "In the outbox"),
        MessageState::Failed => (Status::Error, "Failed"),
    };
    let says = match message.kind {
        Says::Firing => "Alerting",
        Says::Again => "Said again",
        Says::Resolved => "Resolved",
        Says::Test => "Test",
    };
    let again = PostButton {
        action: &format!("{DELIVERIES}/{}/again", message.id),
        button: Button { label: "Send again", kind: Kind::Quiet, small: true, ..Button::default() },
        ..PostButton::default()
    };
    Row::new([
        html! { strong { (message.subject) } p.hint { (says) } },
        html! { (message.target) p.hint { (message.channel_name) } },
        badge::status_as(status, word),
        answer(message),
        html! { (message.attempts) },
        format::time_ago(message.created_at.0, now.0),
        html! { @if message.state == MessageState::Failed && message.channel_id.is_some() { div.button-row { (form::post_button(again)) } } },
    ])
}

fn answer(message: &Message) -> Markup {
    html! {
        @match (message.status, &message.error, message.state) {
            (Some(status), ..) => { (status) @if let Some(answer) = &message.answer { p.hint.mono { (answer) } } },
            (None, Some(error), _) => span.mono { (error) },
            (None, None, MessageState::Held) => "No mail server is set up",
            (None, None, MessageState::Delivered) => "The mail server took it",
            (None, None, _) => (card::missing("Nothing came back yet")),
        }
    }
}

/// Sends what was given up once more.
pub async fn again(State(app): State<App>, Caller(actor): Caller, Path(id): Path<MessageId>) -> Answer {
    let outcome = match allow_sending(&app, &actor) {
        Ok(()) => messages::again(&app.alerts, &actor, &id).await.map(|_| ()),
        Err(error) => Err(error),
    };
    app.bus.signal("operators", "alerts");
    frame::done_or_refused(&app, DELIVERIES, outcome, "It is sent again")
}
