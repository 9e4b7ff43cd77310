//! One webhook: how its deliveries go, and what can be done with it.

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::response::Response;
use hosting::notify::deliveries::{self, Delivery, DeliveryId, DeliveryState, Try};
use hosting::notify::webhooks::{self, Webhook, WebhookChange, WebhookEvent, WebhookId, WebhookState};
use hosting::{Site, SiteId};
use kit::{Result, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::Tone;
use ui::button::{self, Button};
use ui::card::{self, Card, Empty};
use ui::dialog::{self, Confirm};
use ui::feedback::{self, Banner};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Column, Pager, Row, Table};
use ui::{badge, copy, format, icon};

use super::form::{Typed, fields, show_secret};
use super::{BEAT, crumbs, list_of, page_of, site_of, words};
use crate::api;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path, Query};
use crate::frame::{self, View};
use crate::portal::to;
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// Deliveries on a page.
const ROWS: u32 = 25;

/// Which deliveries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    before: String,
}

/// What the page shows.
struct Facts {
    site: Site,
    hook: Webhook,
    host: String,
    may_write: bool,
    now: Timestamp,
}

impl Facts {
    async fn gather(app: &App, actor: &Actor, id: &SiteId, hook: &WebhookId) -> Result<Facts> {
        let site = site_of(app, actor, id).await?;
        let hook = webhooks::get(&app.db, &actor.scope(), id, hook).await?;
        let host = hook.host(&app.key)?;
        Ok(Facts { site, hook, host, may_write: actor.can(Permission::WriteSites), now: app.clock.now() })
    }

    fn page(&self) -> String {
        page_of(&self.site.id, &self.hook.id)
    }
}

/// Shows a webhook, or what changes of it by itself.
pub async fn page(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path((id, hook)): Path<(SiteId, WebhookId)>,
    Query(asked): Query<Asked>,
) -> Answer {
    let facts = Facts::gather(&app, &actor, &id, &hook).await?;
    if view.is_fragment() {
        return Ok(view.fragment(changing(&app, &actor, &facts, &asked).await?));
    }
    show(&app, &actor, view, &facts, &asked, None).await
}

/// `left` is what a form that was refused has typed.
async fn show(app: &App, actor: &Actor, view: View, facts: &Facts, asked: &Asked, left: Option<(&Typed, &Complaint)>) -> Answer<Response> {
    let (list, topic, room) = (list_of(&facts.site.id), format!("webhooks:{}", facts.site.id), format!("site:{}", facts.site.id));
    let here = to(&facts.page(), &[("before", &asked.before)]);
    let body = changing(app, actor, facts, asked).await?;
    let region = live::region(Region { topic: &topic, url: &here, poll: Some(BEAT), body, ..Region::default() });
    let aside = html! {
        @if facts.may_write { (settings(app, facts, left)?) }
        (facts_card(facts))
        @if facts.may_write { (danger(facts)) }
    };
    let none = Complaint::none();
    let test = PostButton {
        action: &format!("{}/test", facts.page()),
        button: Button { label: "Send a test", busy: "Sending…", icon: Some(icon::zap()), ..Button::default() },
        ..PostButton::default()
    };
    Ok(view.complaining(left.map_or(&none, |(_, complaint)| complaint)).page(Page {
        title: &facts.host,
        crumbs: &crumbs(&facts.site, &list),
        live_rooms: &[room.as_str()],
        actions: html! { @if facts.may_write { (form::post_button(test)) } },
        body: card::split(region, aside),
        ..Page::default()
    }))
}

async fn changing(app: &App, actor: &Actor, facts: &Facts, asked: &Asked) -> Result<Markup> {
    // An id that somebody made up begins where the list begins.
    let before = DeliveryId::parse(&asked.before).ok();
    let at = (&facts.site.id, &facts.hook.id);
    let mut found = deliveries::list(&app.db, &actor.scope(), at, before.as_ref(), ROWS + 1).await?;
    let more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    Ok(card::stack(html! { (standing(facts)) (log(facts, &found, more, before.is_some())) }))
}

/// Whether it is sent, and the switch for that.
fn standing(facts: &Facts) -> Markup {
    let (title, text, tone, verb, label) = match facts.hook.state {
        WebhookState::Active => {
            return html! { p.row { (words::state(facts.hook.state)) span.hint { "Sent after each deployment that it asks for." } } };
        }
        WebhookState::Paused => {
            ("Paused", "Nothing is sent until it is resumed. What happens meanwhile is not sent later.", Tone::Warn, "resume", "Resume")
        }
        WebhookState::Stopped => ("Stopped", facts.hook.note.as_deref().unwrap_or_default(), Tone::Bad, "resume", "Resume"),
    };
    let post = PostButton {
        action: &format!("{}/{verb}", facts.page()),
        button: Button { label, busy: "Resuming…", ..Button::default() },
        ..PostButton::default()
    };
    feedback::banner(Banner { tone, title, text, action: html! { @if facts.may_write { (form::post_button(post)) } } })
}

fn log(facts: &Facts, found: &[(Delivery, Option<Try>)], more: bool, later: bool) -> Markup {
    let next = found.last().filter(|_| more).map(|(last, _)| to(&facts.page(), &[("before", last.id.as_str())]).into());
    let text = format!("{} shown", found.len());
    card::card(Card {
        title: "Deliveries",
        help: "Each message with every try. What is not taken is tried again after 1 and 5 minutes, half an hour, 2 and 6 hours. Kept for 30 days.",
        flush: true,
        body: table::table(Table {
            caption: "Deliveries",
            bare: true,
            columns: &[
                Column::new("About"),
                Column::new("State"),
                Column::new("Last answer"),
                Column::number("Tries").minor(),
                Column::new("When"),
            ],
            rows: found.iter().map(|(delivery, last)| row(facts, delivery, last.as_ref())).collect(),
            empty: card::empty_state(Empty {
                icon: Some(icon::webhook()),
                title: "Nothing was sent yet",
                text: "The next deployment that this webhook asks for is sent. Try it before with a test.",
                ..Empty::default()
            }),
            pager: (later || more).then(|| Pager { text: &text, previous: later.then(|| facts.page().into()), next }),
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn row(facts: &Facts, delivery: &Delivery, last: Option<&Try>) -> Row<'static> {
    let about = delivery.deployment_id.as_ref().map_or("", |id| id.as_str());
    Row::link(
        format!("{}/deliveries/{}", facts.page(), delivery.id),
        [
            html! { (badge::tag(words::tone(delivery.event), words::event(delivery.event))) @if !about.is_empty() { p.hint { (about) } } },
            html! {
                (words::delivery(delivery))
                @if let Some(next) = delivery.next_at.filter(|_| delivery.attempts > 0) { p.hint { "next " (format::time_ago(next.0, facts.now.0)) } }
            },
            match (&delivery.error, last) {
                (Some(error), _) => html! { (error) },
                (None, Some(last)) => {
                    html! { (words::answer(last)) p.hint { (format::duration(u64::try_from(last.duration_ms).unwrap_or(0))) } }
                }
                (None, None) => card::missing("Not tried yet"),
            },
            html! { (delivery.attempts) },
            format::time_ago(delivery.created_at.0, facts.now.0),
        ],
    )
}

fn settings(app: &App, facts: &Facts, left: Option<(&Typed, &Complaint)>) -> Result<Markup> {
    let (none, kept) = (Complaint::none(), kept(app, facts)?);
    let (typed, complaint) = left.unwrap_or((&kept, &none));
    Ok(card::simple(
        "Settings",
        html! {
            form.form method="post" action={ (facts.page()) "/change" } {
                (complaint.summary(&["url", "events"]))
                (fields(typed, complaint))
                (form::actions(button::secondary("Save")))
            }
        },
    ))
}

fn kept(app: &App, facts: &Facts) -> Result<Typed> {
    let events = facts.hook.events.iter().map(|event: WebhookEvent| event.as_str().to_owned()).collect();
    Ok(Typed { url: facts.hook.url(&app.key)?.reveal().to_owned(), events })
}

fn facts_card(facts: &Facts) -> Markup {
    card::simple(
        "Facts",
        card::kv(&[
            ("Added by", html! { (facts.hook.created_by) }),
            ("Added", html! { (format::date(facts.hook.created_at.0)) }),
            (
                "Signed with",
                html! {
                    "HMAC-SHA-256, in " code { "X-Innkeeper-Signature-256" }
                    @if let Some(until) = facts.hook.old_secret_until.filter(|_| facts.hook.signs_with_old_secret(facts.now)) {
                        p.hint { "Until " (format::date_time(until.0)) " UTC with the secret before it too, in " code { "X-Innkeeper-Signature-256-Old" } }
                    }
                },
            ),
            ("Webhook id", copy::copy_field("Webhook id", facts.hook.id.as_str())),
        ]),
    )
}

fn danger(facts: &Facts) -> Markup {
    let remove = Confirm {
        id: "remove-webhook",
        title: "Remove this webhook?",
        text: "Nothing is sent to this address any more.",
        loses: &["The record of its deliveries", "Its secret: a new webhook gets a new one"],
        action: &format!("{}/remove", facts.page()),
        button: "Remove webhook",
        ..Confirm::default()
    };
    let secret = Confirm {
        id: "new-secret",
        title: "Make a new secret?",
        text: "The new one is shown once and signs from now on. For a day the old one signs as well, in a header of its own.",
        loses: &["A program that checks only X-Innkeeper-Signature-256 refuses what is sent until it knows the new secret"],
        action: &format!("{}/secret", facts.page()),
        button: "New secret",
        ..Confirm::default()
    };
    let pause = PostButton {
        action: &format!("{}/pause", facts.page()),
        button: Button { label: "Pause", busy: "Pausing…", ..Button::default() },
        ..PostButton::default()
    };
    dialog::danger_zone(html! {
        @if facts.hook.state == WebhookState::Active {
            (dialog::danger_row("Pause", "Nothing is sent until it is resumed.", form::post_button(pause)))
        }
        (dialog::danger_action("Secret", "For when it got into the wrong hands, or is lost.", secret))
        (dialog::danger_action("Remove", "The address is told of nothing more.", remove))
    })
}

/// Changes address and events, or shows the form again.
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path((id, hook)): Path<(SiteId, WebhookId)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer {
    let facts = Facts::gather(&app, &actor, &id, &hook).await?;
    let typed = Typed::read(pairs)?;
    let outcome = match typed.events() {
        Ok(events) => {
            let change = WebhookChange { url: Some(typed.url.clone()), events: Some(events), active: None };
            webhooks::change(&app.hosting, &actor, &id, &hook, &change).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => {
            changed::audit(&app, Some(&facts.site.customer_id));
            Ok(frame::done(&app, &facts.page(), "Saved"))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            show(&app, &actor, view, &facts, &Asked::default(), Some((&typed, &complaint))).await
        }
    }
}

/// Makes another secret and shows it, this once.
pub async fn replace_secret(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path((id, hook)): Path<(SiteId, WebhookId)>,
) -> Answer {
    let site = site_of(&app, &actor, &id).await?;
    let made = webhooks::replace_secret(&app.hosting, &actor, &id, &hook).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(show_secret(view, &site, &made, &made.webhook.host(&app.key)?, app.clock.now()))
}

/// Sends nothing for a while.
pub async fn pause(State(app): State<App>, Caller(actor): Caller, Path((id, hook)): Path<(SiteId, WebhookId)>) -> Answer {
    switch(&app, &actor, (&id, &hook), false, "Paused").await
}

/// Sends again.
pub async fn resume(State(app): State<App>, Caller(actor): Caller, Path((id, hook)): Path<(SiteId, WebhookId)>) -> Answer {
    switch(&app, &actor, (&id, &hook), true, "It is sent again").await
}

async fn switch(app: &App, actor: &Actor, (id, hook): (&SiteId, &WebhookId), active: bool, title: &str) -> Answer {
    let site = site_of(app, actor, id).await?;
    let change = WebhookChange { active: Some(active), ..WebhookChange::default() };
    let outcome = webhooks::change(&app.hosting, actor, id, hook, &change).await;
    changed::audit(app, Some(&site.customer_id));
    frame::done_or_refused(app, &page_of(id, hook), outcome.map(|_| ()), title)
}

/// Removes it.
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path((id, hook)): Path<(SiteId, WebhookId)>) -> Answer {
    let site = site_of(&app, &actor, &id).await?;
    webhooks::remove(&app.hosting, &actor, &id, &hook).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(frame::done(&app, &list_of(&id), "Webhook removed"))
}

/// Sends a test.
pub async fn test(State(app): State<App>, Caller(actor): Caller, Path((id, hook)): Path<(SiteId, WebhookId)>) -> Answer {
    site_of(&app, &actor, &id).await?;
    let outcome = match api::allow_sending(&app, &actor) {
        Ok(()) => deliveries::test(&app.hosting, &actor, &id, &hook).await.map(|_| ()),
        Err(error) => Err(error),
    };
    frame::done_or_refused(&app, &page_of(&id, &hook), outcome, "The test is on its way")
}

/// Whether nothing more happens to a delivery.
pub(super) fn is_over(delivery: &Delivery) -> bool {
    delivery.state != DeliveryState::Waiting
}
