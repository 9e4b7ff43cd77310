//! One alert: what was wrong, and what that rests on.

use alerts::history::{self, Alert, AlertId};
use alerts::metrics::Affected;
use axum::extract::State;
use maud::{Markup, html};
use ui::button;
use ui::card::{self, Card, Empty};
use ui::chart::{self, Line};
use ui::format;
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};

use super::{PLACE, words};
use crate::app::App;
use crate::extract::Path;
use crate::frame::View;
use crate::portal::to;
use crate::respond::Answer;
use crate::routes::Caller;

/// Shows one alert.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<AlertId>) -> Answer {
    let alert = history::get(&app.alerts, &actor, &id).await?;
    let now = app.clock.now();
    let about = alert.about();
    let title = if about.is_empty() { alert.rule_name.clone() } else { format!("{} · {about}", alert.rule_name) };
    let silence = silence_of(&alert);
    Ok(view.page(Page {
        title: &title,
        badge: words::standing(&alert),
        summary: html! { p { (alert.words()) ". " @if alert.ended_at.is_some() { "Lasted " } @else { "Lasts for " } (words::lasted(&alert, now)) "." } },
        crumbs: &[Crumb::new("Alerts", PLACE)],
        actions: html! {
            @if alert.ended_at.is_none() { (button::link_secondary(&silence, "Silence")) }
            @if let Some(rule) = &alert.rule_id { (button::link_secondary(&format!("/admin/alerts/rules/{rule}"), "Rule")) }
        },
        body: card::stack(html! { (facts(&alert)) (evidence(&alert)) (affected(&alert.evidence.affected)) }),
        ..Page::default()
    }))
}

/// The form for a silence of just this.
fn silence_of(alert: &Alert) -> String {
    let rule = alert.rule_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let site = alert.labels.get("site").map_or("", String::as_str);
    to("/admin/alerts/silences", &[("rule", rule.as_str()), ("site", site)])
}

fn facts(alert: &Alert) -> Markup {
    let figure = |value: Option<f64>| html! { @match value { Some(value) => (alert.metric.with_unit(value)), None => (card::missing("No figure")) } };
    let told = |at: Option<kit::Timestamp>, why: &str| html! { @match at { Some(at) => (format::time_exact(at.0)), None => (card::missing(why)) } };
    card::simple(
        "What happened",
        card::kv(&[
            ("How grave", words::severity(alert.severity)),
            ("Fired", format::time_exact(alert.fired_at.0)),
            ("Over", told(alert.ended_at, "It lasts")),
            ("Figure when it fired", figure(alert.value)),
            ("Worst figure", figure(alert.peak)),
            ("Channels were told", told(alert.told_at, "Not yet: silenced, quiet hours, or it waits for others")),
            ("Channels were told that it is over", told(alert.told_end_at, "Not yet, or they never knew of it")),
        ]),
    )
}

fn evidence(alert: &Alert) -> Markup {
    let evidence = &alert.evidence;
    let labels: Vec<String> = evidence.points.iter().map(|(at, _)| format::clock(*at)[..5].to_owned()).collect();
    let values: Vec<f64> = evidence.points.iter().map(|(_, value)| value.unwrap_or(f64::NAN)).collect();
    card::card(Card {
        title: "What it rests on",
        body: html! {
            (card::kv(&[
                ("Figure", html! { (evidence.query) }),
                ("Condition", html! { (evidence.condition) }),
                ("Window", html! { (format::date_time(evidence.from)) " to " (format::date_time(evidence.to)) }),
                ("Out of", html! { @match evidence.samples { Some(samples) => (samples), None => (card::missing("This figure is a plain count")) } }),
            ]))
            @if let Some(error) = &evidence.error { p { "The figure could not be read: " (error) } }
            @if values.iter().any(|value| value.is_finite()) {
                (chart::trend(&chart::Trend {
                    title: alert.metric.about().label,
                    summary: &format!("The figure until the alert fired: {}.", alert.words()),
                    place: "Time (UTC)",
                    labels: &labels,
                    lines: &[Line { name: alert.metric.about().label, values: &values, expected_from: None }],
                    figure: alerts_figure,
                    height: 180,
                    ..chart::Trend::default()
                }))
            }
        },
        ..Card::default()
    })
}

/// How figures of rules are written in charts.
pub(super) fn alerts_figure(value: f64) -> String {
    alerts::metrics::plain(value)
}

fn affected(affected: &[Affected]) -> Markup {
    let rows = affected
        .iter()
        .map(|it| {
            let (href, kind) = match it.kind.as_str() {
                "site" => (format!("/sites/{}", it.id), "Site"),
                _ => (format!("/admin/customers/{}", it.id), "Customer"),
            };
            Row::link(href, [html! { strong { (it.name) } }, html! { (kind) }, html! { (it.note) }])
        })
        .collect();
    card::card(Card {
        title: "Whom it is about",
        flush: true,
        body: table::table(Table {
            caption: "Customers and sites that this alert is about",
            bare: true,
            columns: &[Column::new("Name"), Column::new("What").minor(), Column::new("Why")],
            rows,
            empty: card::empty_state(Empty {
                title: "The whole house",
                text: "This figure is not about single customers or sites.",
                ..Empty::default()
            }),
            ..Table::default()
        }),
        ..Card::default()
    })
}
