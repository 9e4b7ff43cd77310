//! One delivery: what was sent, and what came of each try.

use accounts::Permission;
use axum::extract::State;
use hosting::SiteId;
use hosting::notify::deliveries::{self, Delivery, DeliveryId, DeliveryState, Try};
use hosting::notify::webhooks::{self, WebhookId};
use maud::{Markup, html};
use ui::button::Button;
use ui::card::{self, Card};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::steps::{self, Step};
use ui::{copy, format, icon};

use super::hook::is_over;
use super::{BEAT, crumbs, list_of, page_of, site_of, words};
use crate::api;
use crate::app::App;
use crate::extract::Path;
use crate::frame::{self, View};
use crate::respond::Answer;
use crate::routes::Caller;

/// Shows a delivery, or what changes of it by itself.
pub async fn page(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path((id, hook, delivery)): Path<(SiteId, WebhookId, DeliveryId)>,
) -> Answer {
    let site = site_of(&app, &actor, &id).await?;
    let webhook = webhooks::get(&app.db, &actor.scope(), &id, &hook).await?;
    let (found, tries) = deliveries::get(&app.db, &actor.scope(), (&id, &hook), &delivery).await?;
    let changing = tries_card(&found, &tries, app.clock.now().0);
    if view.is_fragment() {
        return Ok(view.fragment(changing));
    }
    let (list, parent, host) = (list_of(&id), page_of(&id, &hook), webhook.host(&app.key)?);
    let here = format!("{parent}/deliveries/{delivery}");
    let mut crumbs = crumbs(&site, &list);
    crumbs.push(Crumb::new(host.as_str(), parent.as_str()));
    let (topic, room) = (format!("webhooks:{id}"), format!("site:{id}"));
    let region = live::region(Region { topic: &topic, url: &here, poll: Some(BEAT), body: changing, ..Region::default() });
    let again = PostButton {
        action: &format!("{here}/again"),
        button: Button { label: "Send again", busy: "Sending…", icon: Some(icon::rotate_ccw()), ..Button::default() },
        ..PostButton::default()
    };
    let may_send = actor.can(Permission::WriteSites) && is_over(&found);
    Ok(view.page(Page {
        title: &format!("{}: {}", words::event(found.event), format::date_time(found.created_at.0)),
        crumbs: &crumbs,
        live_rooms: &[room.as_str()],
        actions: html! { @if may_send { (form::post_button(again)) } },
        body: card::split(html! { (region) (body_card(&found)) }, facts_card(&site.id, &found)),
        ..Page::default()
    }))
}

fn tries_card(delivery: &Delivery, tries: &[Try], now: i64) -> Markup {
    let texts: Vec<String> = tries.iter().map(words::answer).collect();
    let mut shown: Vec<Step<'_>> = tries
        .iter()
        .zip(&texts)
        .map(|(one, text)| {
            let taken = one.status.is_some_and(|status| (200..300).contains(&status));
            let state = if taken { steps::State::Done } else { steps::State::Failed };
            let (said, error) = if taken { (text.as_str(), "") } else { ("", text.as_str()) };
            Step {
                duration_ms: u64::try_from(one.duration_ms).ok(),
                text: said.into(),
                error: error.into(),
                body: html! {
                    p.hint { (format::time_ago(one.at.0, now)) }
                    @if let Some(answer) = &one.answer { details { summary.hint { "Answer" } pre.log-text tabindex="0" { (answer) } } }
                },
                ..Step::new(state, format!("Try {}", one.number))
            }
        })
        .collect();
    if let Some(next) = delivery.next_at {
        let body = html! { @if delivery.attempts > 0 { p.hint { "due " (format::time_ago(next.0, now)) } } };
        shown.push(Step { body, ..Step::new(steps::State::Waiting, format!("Try {}", delivery.attempts + 1)) });
    }
    card::card(Card {
        title: "Tries",
        badge: words::delivery(delivery),
        body: html! {
            @if let Some(error) = &delivery.error { p { (crate::respond::sentence(error)) } }
            @if !shown.is_empty() { (steps::steps(&shown)) }
        },
        ..Card::default()
    })
}

fn body_card(delivery: &Delivery) -> Markup {
    let value: Option<serde_json::Value> = serde_json::from_str(&delivery.body).ok();
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_default();
    card::card(Card {
        title: "What is sent",
        help: "With each try come “delivery”, the id of this delivery, and “sent_at”, the time of the try; both are signed.",
        flush: true,
        body: html! { pre.log-text.pad tabindex="0" { (pretty) } },
        ..Card::default()
    })
}

fn facts_card(site: &SiteId, delivery: &Delivery) -> Markup {
    let deployment = delivery.deployment_id.as_ref();
    card::simple(
        "Facts",
        card::kv(&[
            ("Event", html! { code { (delivery.event) } }),
            (
                "Deployment",
                html! {
                    @match deployment {
                        Some(id) => a href={ "/sites/" (site) "/deployments/" (id) } { (id) },
                        None => (card::missing("A test")),
                    }
                },
            ),
            (
                "Ended",
                html! { @match delivery.finished_at { Some(at) => (format::time_exact(at.0)), None => (card::missing(waiting(delivery))) } },
            ),
            ("Delivery id", copy::copy_field("Delivery id", delivery.id.as_str())),
        ]),
    )
}

fn waiting(delivery: &Delivery) -> &'static str {
    if delivery.state == DeliveryState::Waiting { "Still on its way" } else { "Not known" }
}

/// Sends it again, as a new delivery.
pub async fn again(
    State(app): State<App>,
    Caller(actor): Caller,
    Path((id, hook, delivery)): Path<(SiteId, WebhookId, DeliveryId)>,
) -> Answer {
    site_of(&app, &actor, &id).await?;
    let outcome = match api::allow_sending(&app, &actor) {
        Ok(()) => deliveries::send_again(&app.hosting, &actor, (&id, &hook), &delivery).await.map(|_| ()),
        Err(error) => Err(error),
    };
    frame::done_or_refused(&app, &page_of(&id, &hook), outcome, "It is on its way again")
}
