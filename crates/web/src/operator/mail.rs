//! The outbox: what was sent, what waits, what could not be sent.

use accounts::audit;
use axum::extract::State;
use kit::mail::{self, MailId, MailRow, MailState};
use maud::html;
use serde::Deserialize;
use serde_json::json;
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Empty};
use ui::feedback::{self, Banner};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Pager, Row, Table};
use ui::{copy, format, icon};

use crate::app::App;
use crate::changed;
use crate::extract::{Path, Query};
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;

const PLACE: &str = "/admin/mail";

/// The page, as it stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    before: String,
}

/// Lists mails, newest first.
pub async fn list(State(app): State<App>, view: View, Query(asked): Query<Asked>) -> Answer {
    let before = MailId::parse(&asked.before).ok();
    let found = mail::outbox(&app.db, before.as_ref()).await?;
    let now = app.clock.now();
    let text = format!("{} shown", found.len());
    let next = found.last().filter(|_| found.len() >= 50).map(|last| format!("{PLACE}?before={}", last.id).into());
    let table = table::table(Table {
        caption: "Mail",
        columns: &[Column::new("Mail"), Column::new("State"), Column::new("Written"), Column::number("Tries").minor(), Column::actions()],
        rows: found.iter().map(|mail| row(mail, now)).collect(),
        empty: card::empty_state(Empty {
            icon: Some(icon::mail()),
            title: "No mail yet",
            text: "Invitations and reset links appear here.",
            ..Empty::default()
        }),
        pager: Some(Pager { text: &text, previous: None, next }),
        ..Table::default()
    });
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let here = before.map_or_else(|| PLACE.to_owned(), |before| format!("{PLACE}?before={before}"));
    let held_back = Banner {
        tone: Tone::Warn,
        title: "Mail is held back",
        text: "No mail server is configured. Set [mail] host, or pass links on by hand: open a mail and copy it.",
        ..Banner::default()
    };
    Ok(view.page(Page {
        title: "Mail",
        help: "Everything that was sent to people, and whether the mail server took it.",
        banner: html! { @if app.config.mail.host.is_empty() { (feedback::banner(held_back)) } },
        body: live::region(Region { topic: "mail", url: &here, body: table, ..Region::default() }),
        ..Page::default()
    }))
}

/// Shows the text of a mail that nobody has received, to be passed on by hand. Written down in the audit log: it may
/// hold a link that signs somebody in.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<MailId>) -> Answer {
    let text = app.mailer.unsent_text(&id).await?;
    app.db
        .write(async |tx| {
            let entry = audit::Entry { action: "mail.show", customer: None, subject: id.as_str(), detail: json!({}) };
            audit::record(&tx, &app.clock, &actor, entry).await
        })
        .await?;
    changed::audit(&app, None);
    Ok(view.page(Page {
        title: "Unsent mail",
        help: "It may hold a link that signs its reader in: pass it on to its recipient only.",
        crumbs: &[Crumb::new("Mail", PLACE)],
        narrow: true,
        body: card::simple(
            "Text",
            html! {
                pre.log-text tabindex="0" { (text.reveal()) }
                (copy::copy_button("the text", text.reveal()))
                (button::link_secondary(PLACE, "Back"))
            },
        ),
        ..Page::default()
    }))
}

fn row(mail: &MailRow, now: kit::Timestamp) -> Row<'static> {
    let (tone, word) = match mail.state {
        MailState::Queued if mail.attempts > 0 => (Tone::Warn, "Trying again"),
        MailState::Queued => (Tone::Neutral, "Waiting"),
        MailState::Sent => (Tone::Ok, "Sent"),
        MailState::Failed => (Tone::Bad, "Failed"),
        MailState::Held => (Tone::Warn, "Held back"),
    };
    let open = PostButton {
        action: &format!("{PLACE}/{}/show", mail.id),
        button: Button { label: "Open", small: true, kind: Kind::Quiet, ..Button::default() },
        ..PostButton::default()
    };
    Row::new([
        html! {
            (table::two_lines(&mail.subject, &mail.recipient))
            @if let Some(error) = &mail.error { details { summary.hint { "Why" } p.mono { (error) } } }
        },
        badge::tag(tone, word),
        format::time_ago(mail.created_at.0, now.0),
        html! { (mail.attempts) },
        html! { @if matches!(mail.state, MailState::Held | MailState::Failed) { div.button-row { (form::post_button(open)) } } },
    ])
}
