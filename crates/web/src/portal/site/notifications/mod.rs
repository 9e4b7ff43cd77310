//! Who is told what became of a site's deployments: the reader by mail, programs by webhooks.

mod delivery;
mod form;
mod hook;
pub mod words;

use accounts::{Actor, Permission};
use axum::extract::State;
use hosting::notify::preferences::{self, Preferences};
use hosting::notify::webhooks::{self, Webhook, WebhookId, WebhookState};
use hosting::sites;
use hosting::templates::Kind;
use hosting::{Site, SiteId};
use kit::{Error, Result, Timestamp};
use maud::{Markup, html};
use ui::button::{self, Button};
use ui::card::{self, Card, Empty};
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{badge, format, icon};

pub use delivery::{again, page as delivery};
pub use form::{create, form};
pub use hook::{change, page as hook, pause, remove, replace_secret, resume, test};

use super::tabs::{self, SiteTab};
use crate::app::App;
use crate::extract::Path;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;

/// Seconds between looks without a socket.
const BEAT: u32 = 10;

/// A site whose webhooks can be seen: an adopted container has no deployments.
async fn site_of(app: &App, actor: &Actor, id: &SiteId) -> Result<Site> {
    let site = sites::get(&app.db, &actor.scope(), id).await?;
    if site.kind == Kind::Adopted { Err(Error::not_found("the page")) } else { Ok(site) }
}

fn list_of(site: &SiteId) -> String {
    format!("/sites/{site}/notifications")
}

fn page_of(site: &SiteId, webhook: &WebhookId) -> String {
    format!("/sites/{site}/notifications/{webhook}")
}

/// The way back from a page below the list.
fn crumbs<'a>(site: &'a Site, list: &'a str) -> Vec<Crumb<'a>> {
    let mut crumbs = tabs::crumbs(site);
    crumbs.push(Crumb::new("Notifications", list));
    crumbs
}

/// Shows who is told, or the part of it that changes.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>) -> Answer {
    let site = site_of(&app, &actor, &id).await?;
    let hooks = webhooks::list(&app.db, &actor.scope(), &id).await?;
    let list = hooks_card(&app, &actor, &site, &hooks)?;
    if view.is_fragment() {
        return Ok(view.fragment(list));
    }
    let (topic, room, here) = (format!("webhooks:{id}"), format!("site:{id}"), list_of(&id));
    let region = live::region(Region { topic: &topic, url: &here, poll: Some(BEAT), body: list, ..Region::default() });
    let mails = mails_card(preferences::of(&app.db, &actor).await?);
    Ok(view.page(Page {
        title: "Notifications",
        help: "Who is told when a deployment of this site succeeds or fails: you by mail, your programs by webhook.",
        crumbs: &tabs::crumbs(&site),
        tabs: tabs::strip(&site, SiteTab::Notifications),
        live_rooms: &[room.as_str()],
        body: card::split(region, mails),
        ..Page::default()
    }))
}

fn hooks_card(app: &App, actor: &Actor, site: &Site, hooks: &[Webhook]) -> Result<Markup> {
    let new = format!("{}/new", list_of(&site.id));
    let may_write = actor.can(Permission::WriteSites);
    let now = app.clock.now();
    let rows = hooks.iter().map(|hook| Ok(row(hook, &hook.host(&app.key)?, now))).collect::<Result<Vec<_>>>()?;
    let add = Button { label: "Add webhook", icon: Some(icon::plus()), small: true, ..Button::default() };
    Ok(card::card(Card {
        title: "Webhooks",
        help: "After each deployment a signed message is sent to an address of yours, such as a chat, a pipeline or a program.",
        actions: html! { @if may_write && !hooks.is_empty() { (button::link(&new, add)) } },
        flush: true,
        body: table::table(Table {
            caption: "Webhooks",
            bare: true,
            columns: &[Column::new("Sent to"), Column::new("About"), Column::new("State"), Column::new("Changed").minor()],
            rows,
            empty: card::empty_state(Empty {
                icon: Some(icon::webhook()),
                title: "No webhooks",
                text: "Add one to have a chat, a pipeline or a program of yours told about each deployment.",
                action: html! { @if may_write { (button::link_primary(&new, "Add webhook")) } },
            }),
            ..Table::default()
        }),
        ..Card::default()
    }))
}

fn row(hook: &Webhook, host: &str, now: Timestamp) -> Row<'static> {
    Row::link(
        page_of(&hook.site_id, &hook.id),
        [
            html! { strong { (host) } },
            html! { span.row { @for event in hook.events.iter() { (badge::tag(words::tone(event), words::event(event))) } } },
            html! {
                (words::state(hook.state))
                @if let Some(note) = hook.note.as_deref().filter(|_| hook.state == WebhookState::Stopped) { p.hint { (note) } }
            },
            format::time_ago(hook.updated_at.0, now.0),
        ],
    )
}

/// What the reader is mailed; they change it in their account, because it holds for all sites.
fn mails_card(chosen: Option<Preferences>) -> Markup {
    let facts = |chosen: &Preferences| {
        let word = |on: bool| {
            if on {
                html! { (badge::tag(badge::Tone::Ok, "Mailed")) }
            } else {
                html! { (badge::tag(badge::Tone::Neutral, "Off")) }
            }
        };
        card::kv(&[
            ("A deployment failed", word(chosen.deployment_failed)),
            ("A new version is online", word(chosen.deployment_succeeded)),
            ("A version was taken back", word(chosen.rolled_back)),
        ])
    };
    card::card(Card {
        title: "Your mails",
        help: "Each member decides for themselves. Several failures within ten minutes come in one mail.",
        actions: html! {
            @if chosen.is_some() {
                (button::link("/account#notifications", Button { label: "Change", small: true, ..Button::default() }))
            }
        },
        body: html! {
            @match &chosen {
                Some(chosen) => (facts(chosen)),
                None => p { "Members of the customer choose in their own accounts which mails they get. Staff get none." },
            }
        },
        ..Card::default()
    })
}
