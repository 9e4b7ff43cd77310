//! How events come in: how many, what was wrong with some, who may send, and how to.

mod keys;
mod snippets;

use accounts::Permission;
use axum::extract::State;
use events::Vitals;
use events::warnings::Warning;
use kit::Timestamp;
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::button;
use ui::card::{self, Card, Empty, Stat};
use ui::chart::{self, Sparkline};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Column, Row, Table};
use ui::{format, icon};

use crate::app::App;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;

pub use keys::limit;

const PLACE: &str = "/admin/ingestion";
/// Days of warnings that are shown, today included.
const DAYS: i64 = 7;
const WARNINGS: u32 = 50;

/// Shows it.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let now = app.clock.now();
    let today = app.events.calendar().day(now);
    let warnings = app.ingest().intake.warnings().list(today.plus(1 - DAYS), WARNINGS).await?;
    let live = html! {
        (figures(&app.events.vitals(), app.ingest().bytes_read(), &warnings))
        (troubles(&warnings, now))
    };
    if view.is_fragment() {
        return Ok(view.fragment(live));
    }
    let senders = keys::list(&app, &actor).await?;
    let may_make = actor.can(Permission::OwnTokens);
    Ok(view.page(Page {
        title: "Ingestion",
        help: "How events come in, what was wrong with those that were refused, and how to send some.",
        actions: html! { (button::link_secondary("/admin/ingestion/import", "Import a file")) (button::link_secondary("/admin/events", "Events")) },
        body: card::stack(html! {
            (live::region(Region { topic: "ingestion", url: PLACE, always_poll: true, body: card::stack(live), ..Region::default() }))
            (keys::show(&senders, may_make, now))
            (snippets::show(app.config.server.public_url.origin()))
        }),
        ..Page::default()
    }))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a minute, for a picture")]
fn figures(vitals: &Vitals, bytes_read: usize, warnings: &[Warning]) -> Markup {
    let rate = format::decimal(vitals.rate(), if vitals.rate() < 10.0 { 1 } else { 0 });
    let values: Vec<f64> = vitals.stored.iter().map(|count| *count as f64).collect();
    let stored: u64 = vitals.stored.iter().sum();
    let label = format!("{} in the last minute", format::count(i64::try_from(stored).unwrap_or(i64::MAX)));
    let duplicates = format::count(i64::try_from(vitals.duplicates).unwrap_or(i64::MAX));
    let waiting = format::bytes(vitals.waiting_bytes + bytes_read as u64);
    let commit = vitals.last_commit.map(|took| format::duration(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))).unwrap_or_default();
    let group = format!("{} events in it", format::count(i64::try_from(vitals.last_group).unwrap_or(i64::MAX)));
    let turned_away = format!("{} requests turned away since the start", format::count(i64::try_from(vitals.refused).unwrap_or(i64::MAX)));
    let refused: i64 = warnings.iter().filter(|warning| warning.trouble.refuses()).map(|warning| warning.events).sum();
    card::stats(html! {
        (card::stat(Stat {
            label: "Events a second", figure: &rate, hint: &label, href: "/admin/events",
            picture: chart::sparkline(Sparkline { values: &values, label: &label, tone: Tone::Accent, from_zero: true, ..Sparkline::default() }),
            ..Stat::default()
        }))
        (card::stat(Stat {
            label: "Sent again", figure: &duplicates, hint: "in the last minute, counted once",
            help: "Events whose source and id were known already. Senders repeat what was not answered in time.", ..Stat::default()
        }))
        (card::stat(Stat { label: "Waiting", figure: &waiting, hint: &turned_away, help: "Bodies that are being read and events that wait to be written. When it is too much, senders are told to come back.", ..Stat::default() }))
        (card::stat(Stat { label: "Last write", figure: &commit, hint: if commit.is_empty() { "nothing was written since the start" } else { &group }, ..Stat::default() }))
        (card::stat(Stat { label: "Refused", figure: &format::count(refused), hint: "in the last 7 days, of the kinds below", ..Stat::default() }))
    })
}

fn troubles(warnings: &[Warning], now: Timestamp) -> Markup {
    let table = table::table(Table {
        caption: "Warnings",
        columns: &[
            Column::new("What is wrong"),
            Column::new("Event"),
            Column::number("How many"),
            Column::new("Last").minor(),
            Column::new("Source").minor(),
        ],
        rows: warnings.iter().map(|warning| trouble(warning, now)).collect(),
        empty: card::empty_state(Empty {
            icon: Some(icon::circle_check()),
            title: "Nothing was wrong",
            text: "All events of the last 7 days were taken as they were sent.",
            ..Empty::default()
        }),
        bare: true,
        ..Table::default()
    });
    card::card(Card {
        title: "Warnings",
        help: "SDKs are answered “ok” for a batch even if some of its events are refused, as they would send all of it again. Here is what was refused or changed, and why.",
        hint: "The last 7 days, newest first, each with the newest event as a sample.",
        flush: true,
        body: table,
        ..Card::default()
    })
}

fn trouble(warning: &Warning, now: Timestamp) -> Row<'static> {
    let (tone, word) = if warning.trouble.refuses() { (Tone::Bad, "Refused") } else { (Tone::Warn, "Changed") };
    let has_more = !warning.reason.is_empty() || !warning.sample.is_empty() || !warning.sender.is_empty();
    Row::new([
        html! {
            p { (badge::tag(tone, word)) " " (warning.trouble.words()) }
            @if has_more {
                details {
                    summary.hint { "Newest" }
                    @if !warning.reason.is_empty() { p { (warning.reason) } }
                    @if !warning.sample.is_empty() { pre.log-text tabindex="0" { (warning.sample) } }
                    @if !warning.sender.is_empty() { p.hint { "Sent with token " span.mono { (warning.sender) } } }
                }
            }
        },
        html! { @if warning.name.is_empty() { (card::missing("Not known, or of many names")) } @else { span.mono { (warning.name) } } },
        html! { (format::count(warning.events)) },
        format::time_ago(warning.last_at.0, now.0),
        badge::tag(Tone::Neutral, &warning.source),
    ])
}
