//! Alerts that last, by rule; and those that are over.

use std::time::Duration;

use alerts::history::{self, Alert, AlertId};
use alerts::silences::{self, Silence};
use alerts::{Alerts, Evaluate, channels};
use axum::extract::State;
use kit::Timestamp;
use kit::jobs::{self, Reconciler, ReconcilerState};
use kit::words::counted;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Status, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::feedback::{self, Banner};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Column, Pager, Row, Table};
use ui::{format, icon};

use super::{PLACE, tabs, words};
use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;

const ROWS: u32 = 50;
/// What looks at rules, and when a look is missed.
const LOOKS: &str = <Evaluate as Reconciler<Alerts>>::NAME;
const LATE: Duration = Duration::from_secs(180);
const HISTORY: &str = "/admin/alerts/history";

/// Shows alerts that last.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let open = history::open(&app.alerts, &actor).await?;
    let silences = silences::list(&app.alerts, &actor).await?;
    let stopped: Vec<String> =
        channels::list(&app.alerts, &actor).await?.into_iter().filter(|it| it.note.is_some()).map(|it| it.name).collect();
    let now = app.clock.now();
    let looks = jobs::reconcilers(&app.db).await?.into_iter().find(|it| it.name == LOOKS);
    let body = html! { (banner(&stopped)) (groups(&open, &silences, now)) (last_look(looks.as_ref(), now)) };
    if view.is_fragment() {
        return Ok(view.fragment(card::stack(body)));
    }
    let badge = match open.len() {
        0 => badge::status_as(Status::Running, "All quiet"),
        many => badge::status_as(Status::Error, &format!("{} firing", counted(many, "alert"))),
    };
    let new = Button { label: "New rule", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() };
    Ok(view.page(Page {
        title: "Alerts",
        help: "Rules look at figures of the house four times a minute. What is wrong now stands here, with what it rests on.",
        badge,
        tabs: tabs(PLACE),
        actions: button::link("/admin/alerts/rules/new", new),
        body: live::region(Region {
            topic: "alerts",
            url: PLACE,
            poll: Some(30),
            announce: true,
            body: card::stack(body),
            ..Region::default()
        }),
        ..Page::default()
    }))
}

/// When rules were looked at: nobody is woken by rules that nobody looks at.
fn last_look(looks: Option<&ReconcilerState>, now: Timestamp) -> Markup {
    let is_late = looks.is_none_or(|it| it.error.is_some() || now.since(it.started_at) > LATE);
    html! {
        @if is_late {
            (feedback::banner(Banner {
                tone: Tone::Bad,
                title: "Rules are not looked at",
                text: looks.and_then(|it| it.error.as_deref()).unwrap_or("No look at the rules was noted in the last minutes. Is the server running?"),
                action: button::link_secondary("/admin/jobs", "Jobs"),
            }))
        }
        @if let Some(looks) = looks {
            p.hint { "As of " (format::time_exact(looks.started_at.0)) ". Rules are looked at every 15 seconds; times are UTC." }
        }
    }
}

fn banner(stopped: &[String]) -> Markup {
    html! {
        @if !stopped.is_empty() {
            (feedback::banner(Banner {
                tone: Tone::Bad,
                title: "Nobody is told by some channels",
                text: &format!("Switched off after repeated failures: {}.", stopped.join(", ")),
                action: button::link_secondary("/admin/alerts/channels", "Channels"),
            }))
        }
    }
}

fn groups(open: &[Alert], silences: &[Silence], now: Timestamp) -> Markup {
    if open.is_empty() {
        return card::empty_state(Empty {
            icon: Some(icon::circle_check()),
            title: "Nothing is wrong",
            text: "No rule is alerting. What was wrong before stands in the history.",
            action: button::link_secondary("/admin/alerts/rules", "Rules"),
        });
    }
    let mut rules: Vec<&str> = open.iter().map(|alert| alert.rule_name.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    // Critical ones first, then by name.
    rules.sort_by_key(|rule| !open.iter().any(|it| it.rule_name == *rule && it.severity == alerts::rules::Severity::Critical));
    html! {
        @for rule in rules {
            @let of_rule: Vec<&Alert> = open.iter().filter(|alert| alert.rule_name == rule).collect();
            (group(rule, &of_rule, silences, now))
        }
    }
}

fn group(rule: &str, open: &[&Alert], silences: &[Silence], now: Timestamp) -> Markup {
    let rows = open
        .iter()
        .map(|alert| {
            let is_silenced = silences.iter().any(|silence| silence.covers(alert, now));
            Row {
                faded: is_silenced,
                ..Row::link(
                    format!("{PLACE}/{}", alert.id),
                    [
                        html! { (alert.words()) @if !alert.about().is_empty() { p.hint { (alert.about()) } } },
                        html! { span.row { (words::severity(alert.severity)) @if is_silenced { (badge::tag(Tone::Neutral, "Silenced")) } } },
                        html! { @match alert.peak { Some(peak) => (alert.metric.with_unit(peak)), None => (card::missing("No figure")) } },
                        affected(alert),
                        format::time_ago(alert.fired_at.0, now.0),
                    ],
                )
            }
        })
        .collect();
    let edit = open.first().and_then(|alert| alert.rule_id.as_ref());
    card::card(Card {
        title: rule,
        actions: html! { @if let Some(rule) = edit { (button::link(&format!("/admin/alerts/rules/{rule}"), Button { label: "Rule", small: true, ..Button::default() })) } },
        flush: true,
        body: table::table(Table {
            caption: "Alerts of this rule",
            bare: true,
            columns: &[
                Column::new("What"),
                Column::new("How grave"),
                Column::number("Worst").minor(),
                Column::new("About").minor(),
                Column::new("Since"),
            ],
            rows,
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn affected(alert: &Alert) -> Markup {
    match alert.evidence.affected.as_slice() {
        [] => card::missing("The whole house"),
        [one] => html! { (one.name) },
        [first, rest @ ..] => html! { (first.name) " and " (rest.len()) " more" },
    }
}

/// Page, as it stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    before: String,
}

/// Lists all alerts, newest first.
pub async fn history(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let before = AlertId::parse(&asked.before).ok();
    let mut found = history::list(&app.alerts, &actor, None, before.as_ref(), ROWS + 1).await?;
    let more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let next = found.last().filter(|_| more).map(|last| format!("{HISTORY}?before={}", last.id).into());
    let table = table_of(&found, app.clock.now(), Some(Pager { text: &format!("{} shown", found.len()), previous: None, next }), false);
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let here = if before.is_some() { format!("{HISTORY}?before={}", asked.before) } else { HISTORY.to_owned() };
    Ok(view.page(Page {
        title: "Alerts",
        help: "All alerts, with what each rests on. Kept for 400 days.",
        tabs: tabs(HISTORY),
        body: live::region(Region { topic: "alerts", url: &here, poll: Some(60), body: table, ..Region::default() }),
        ..Page::default()
    }))
}

/// Alerts in a table.
pub(super) fn table_of(found: &[Alert], now: Timestamp, pager: Option<Pager<'_>>, bare: bool) -> Markup {
    let rows = found
        .iter()
        .map(|alert| {
            Row::link(
                format!("{PLACE}/{}", alert.id),
                [
                    html! { (words::name_of(alert)) p.hint { (alert.words()) } },
                    words::standing(alert),
                    words::severity(alert.severity),
                    html! { (words::lasted(alert, now)) },
                    format::time_ago(alert.fired_at.0, now.0),
                ],
            )
        })
        .collect();
    table::table(Table {
        caption: "Alerts",
        bare,
        columns: &[
            Column::new("Alert"),
            Column::new("State"),
            Column::new("How grave").minor(),
            Column::number("Lasted").minor(),
            Column::new("Fired"),
        ],
        rows,
        empty: card::empty_state(Empty {
            icon: Some(icon::history()),
            title: "No alerts yet",
            text: "When a rule's condition is met, it is noted here with what it rests on.",
            ..Empty::default()
        }),
        pager,
        ..Table::default()
    })
}
