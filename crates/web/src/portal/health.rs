//! The customer's own health score, if the operator shows it: what it is made of and how it went, to read only.

use accounts::{Actor, CustomerId};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use insight::health::{self, Health};
use kit::Error;
use maud::html;
use ui::card;
use ui::live::{self, Region};
use ui::page::Page;

use super::to;
use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;
use crate::score;

const PLACE: &str = "/health";
const CSV: &str = "/health.csv";

/// Shows the score of the reader's own customer; staff find those of all customers elsewhere.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<score::Asked>) -> Answer {
    let Some(customer) = whose(&app, &actor)? else { return Ok(Redirect::to("/admin/customers").into_response()) };
    let health = of(&app, &actor, &customer).await?;
    let body = card::stack(html! { (score::breakdown(&health, &asked, PLACE)) (score::trend(&health, CSV)) });
    if view.is_fragment() {
        return Ok(view.fragment(body));
    }
    let here = to(PLACE, &[("moved", &asked.moved)]);
    let topic = format!("customer:{customer}");
    Ok(view.page(Page {
        title: "Health",
        help: "How well you and your sites are doing here, as your host sees it.",
        summary: html! { (score::in_a_sentence(&health)) },
        badge: score::band(health.score.band),
        scripts: &["chart.js"],
        body: live::region(Region { topic: &topic, url: &here, body, ..Region::default() }),
        ..Page::default()
    }))
}

/// The same by day as a file.
pub async fn csv(State(app): State<App>, Caller(actor): Caller) -> Answer<Response> {
    let Some(customer) = whose(&app, &actor)? else { return Ok(Redirect::to("/admin/customers").into_response()) };
    Ok(score::as_file(&of(&app, &actor, &customer).await?))
}

/// The reader's customer; none for staff. A page that is not shown does not exist.
fn whose(app: &App, actor: &Actor) -> kit::Result<Option<CustomerId>> {
    match app.config.insight.customers_see_their_health {
        true => Ok(actor.role().customer().cloned()),
        false => Err(Error::not_found("the page")),
    }
}

async fn of(app: &App, actor: &Actor, customer: &CustomerId) -> kit::Result<Health> {
    health::of_customer(&app.insight, &actor.scope(), customer).await
}
