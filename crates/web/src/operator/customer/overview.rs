//! How a customer is, what moved it, what to do next, and what happened lately.

use accounts::{Actor, Customer, CustomerId, customers};
use axum::extract::State;
use axum::response::Response;
use insight::health::{self, Health, Movement};
use maud::{Markup, html};
use ui::card::{self, Card, Stat};
use ui::live::{self, Region};
use ui::{copy, format};

use super::{Content, Part, page, timeline};
use crate::app::App;
use crate::extract::{Path, Query};
use crate::follow_ups;
use crate::frame::View;
use crate::portal::to;
use crate::respond::Answer;
use crate::routes::Caller;
use crate::score;

/// Shows how the customer is.
pub async fn show(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<CustomerId>,
    Query(asked): Query<score::Asked>,
) -> Answer {
    let customer = customers::get(&app.db, &actor.scope(), &id).await?;
    let health = health::of_customer(&app.insight, &actor.scope(), &id).await?;
    let place = Part::Overview.address(&id);
    let measured = measured(&app, &actor, &health, &asked, &place).await?;
    if view.is_fragment() {
        return Ok(view.fragment(measured));
    }
    let follow_ups = follow_ups::customer::cards(&app, &actor, &id).await?;
    let here = to(&place, &[("moved", &asked.moved)]);
    let topic = format!("customer:{id}");
    let content = Content {
        part: Part::Overview,
        badge: score::band(health.score.band),
        summary: html! { (score::in_a_sentence(&health)) },
        scripts: &["chart.js"],
        body: card::split(
            live::region(Region { topic: &topic, url: &here, body: measured, ..Region::default() }),
            card::stack(html! {
                (score::next_action(health.next.as_ref(), Markup::default()))
                (follow_ups)
                (facts(&customer))
            }),
        ),
    };
    page(view, &actor, &customer, content)
}

/// The part of the page that events change.
async fn measured(app: &App, actor: &Actor, health: &Health, asked: &score::Asked, place: &str) -> kit::Result<Markup> {
    let csv = format!("{place}/health.csv");
    Ok(card::stack(html! {
        (card::stats(tiles(app, health)))
        (score::breakdown(health, asked, place))
        (score::trend(health, &csv))
        (timeline::newest(app, actor, &health.customer.id).await?)
    }))
}

fn tiles(app: &App, health: &Health) -> Markup {
    let trend = &health.trend;
    let now = app.clock.now().0;
    let change = |label: &'static str, change: Option<f64>, hint: &'static str| {
        let figure = change.map_or_else(String::new, |change| {
            let text = format::decimal(change, 1);
            if change >= 0.05 { format!("+{text}") } else { text }
        });
        let hint = if change.is_some() { hint } else { "There was no score then" };
        card::stat(Stat { label, figure: &figure, unit: if change.is_some() { "points" } else { "" }, hint, ..Stat::default() })
    };
    let slope = trend.slope.map_or_else(String::new, |slope| format::decimal(slope, 2));
    #[expect(clippy::cast_precision_loss, reason = "days are small")]
    let known = health.first_at.map_or_else(String::new, |at| format::decimal(((now - at.0).max(0) / 86_400_000) as f64, 0));
    html! {
        (change("Last 7 days", difference(trend.change_7, health.moved_7.as_ref()), "against a week ago"))
        (change("Last 30 days", difference(trend.change_30, health.moved_30.as_ref()), "against 30 days ago"))
        (card::stat(Stat {
            label: "Slope", figure: &slope, unit: if slope.is_empty() { "" } else { "a day" },
            help: "Points a day, fitted through the scores of the last 28 days. A score falls fast when the last 14 days lose more than a point a day.",
            hint: if slope.is_empty() { "Too few days" } else if trend.falls_fast { "Falls fast" } else { "over 28 days" },
            ..Stat::default()
        }))
        (card::stat(Stat {
            label: "Known for", figure: &known, unit: if known.is_empty() { "" } else { "days" },
            hint: if known.is_empty() { "No event yet" } else { "since the first event" }, ..Stat::default()
        }))
    }
}

/// The change that was kept; else the one that "what moved it" tells, so that both say the same.
fn difference(kept: Option<f64>, moved: Option<&Movement>) -> Option<f64> {
    kept.or(moved.map(|movement| movement.after - movement.before))
}

fn facts(customer: &Customer) -> Markup {
    card::card(Card {
        title: "Facts",
        body: html! {
            (card::kv(&[
                ("Since", html! { (format::date(customer.created_at.0)) }),
                ("Members", html! { (format::count(customer.members)) }),
                ("Currency", html! { (customer.currency.as_str()) }),
                ("Suspended", match customer.suspended_at { Some(at) => format::time_exact(at.0), None => html! { "No" } }),
                ("Customer id", copy::copy_field("Customer id", customer.id.as_str())),
            ]))
        },
        ..Card::default()
    })
}

/// The customer's scores by day as a file.
pub async fn health_csv(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer<Response> {
    let health = health::of_customer(&app.insight, &actor.scope(), &id).await?;
    Ok(score::as_file(&health))
}
