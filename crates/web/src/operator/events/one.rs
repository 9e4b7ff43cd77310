//! One event, with all that was sent.

use accounts::customers;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use events::{Event, catalogue};
use kit::Timestamp;
use maud::html;
use serde_json::Value;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::page::{Crumb, Page};
use ui::{copy, format, icon};

use super::{PLACE, source_words};
use crate::app::App;
use crate::extract::Path;
use crate::frame::View;
use crate::portal::to;
use crate::respond::Answer;
use crate::routes::Caller;

/// Longer properties are downloaded rather than shown.
const MOST_SHOWN: usize = 24 << 10;

/// Shows an event.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View, Path((at, seq)): Path<(i64, i64)>) -> Answer {
    let event = app.events.get(&actor.scope(), Timestamp(at), seq).await?;
    let customer = match &event.customer {
        Some(id) => customers::names(&app.db, &actor.scope(), std::slice::from_ref(id)).await?.remove(id),
        None => None,
    };
    let now = app.clock.now();
    let label = catalogue::label(&event.name);
    let facts = card::kv(&[
        ("Event", html! { span.mono { (event.name) } }),
        (
            "Customer",
            html! { @match (&event.customer, &customer) {
                (Some(id), name) => a href={ "/admin/customers/" (id) } { (name.as_ref().map_or(id.as_str(), |name| name.as_str())) },
                (None, _) => (card::missing("No customer is known")),
            } },
        ),
        (
            "Person",
            html! { @match &event.person {
                Some((no, name)) => a href=(to(PLACE, &[("person", &no.to_string())])) { (name) },
                None => (card::missing("Nobody did it")),
            } },
        ),
        ("When", html! { (format::time_exact(event.at.0)) " (" (format::time_ago(event.at.0, now.0)) ")" }),
        ("Source", html! { (source_words(&event.source)) }),
        ("Id", html! { span.mono { (event.id) } }),
    ]);
    let pretty = pretty(&event);
    let download = button::link(
        &format!("{PLACE}/{at}/{seq}/raw"),
        Button { label: "Download", kind: Kind::Quiet, small: true, icon: Some(icon::download()), ..Button::default() },
    );
    let body = card::stack(html! {
        (card::simple("What happened", facts))
        (card::card(Card {
            title: "Properties",
            help: "As they are kept: what was on the list of names that must not be kept is not here.",
            actions: html! { @if pretty.is_some() { (copy::copy_button("the properties", &event.props)) } (download) },
            body: html! { @match &pretty {
                Some(text) => pre.log-text tabindex="0" { (text) },
                None => p.hint { "They are too long to be shown here: " (format::bytes(event.props.len() as u64)) "." },
            } },
            ..Card::default()
        }))
    });
    Ok(view.page(Page { title: &label, crumbs: &[Crumb::new("Events", PLACE)], body, ..Page::default() }))
}

/// Gives the properties as a file, whatever their length.
pub async fn raw(State(app): State<App>, Caller(actor): Caller, Path((at, seq)): Path<(i64, i64)>) -> Answer {
    let event = app.events.get(&actor.scope(), Timestamp(at), seq).await?;
    let name = format!("attachment; filename=\"event-{at}-{seq}.json\"");
    let response: Response =
        ([(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_DISPOSITION, name)], event.props).into_response();
    Ok(response)
}

fn pretty(event: &Event) -> Option<String> {
    if event.props.len() > MOST_SHOWN {
        return None;
    }
    let value: Value = serde_json::from_str(&event.props).ok()?;
    let text = serde_json::to_string_pretty(&value).ok()?;
    (text.len() <= 2 * MOST_SHOWN).then_some(text)
}
