//! One site: while something is done to it the steps, otherwise all about it.
//!
//! The head (state and steps) is fetched again whenever the site changes; when what stands below it no longer fits
//! (made, stopped, deleted), the fragment tells the browser to load the page anew.

pub(super) mod actions;
pub(super) mod adopted;
mod archived;
mod certificate;
mod danger;
pub(super) mod deployments;
pub(super) mod environment;
mod head;
pub(super) mod health;
mod history;
pub(super) mod notifications;
mod preview;
pub(crate) mod previews;
mod progress;
pub(super) mod publicity;
mod ready;
pub(super) mod repository;
mod settings;
mod tabs;
mod usage_card;

use accounts::{Actor, Customer, Permission, customers};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hosting::git::repositories;
use hosting::operations::{self, Operation, OperationKind, OperationState, Step};
use hosting::probes::{self, Standing};
use hosting::templates::Kind;
use hosting::usage::{self, Totals};
use hosting::{Site, SiteId, SiteState, sites};
use kit::{Error, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::card;
use ui::live::{self, Region};
use ui::page::{Crumb, Page};

use self::tabs::SiteTab;
use super::seen::{self, Seen};
use super::to;
use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint, Failure, sentence};
use crate::routes::Caller;

/// Seconds between looks.
const BEAT: u32 = 10;
/// Seconds between looks while something is done.
const BUSY_BEAT: u32 = 3;
const LOAD_AGAIN: (&str, HeaderValue) = ("hx-refresh", HeaderValue::from_static("true"));
const TO_THE_LIST: (&str, HeaderValue) = ("hx-redirect", HeaderValue::from_static("/sites"));

/// Which part is asked for, and below which layout it will stand.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    part: String,
    layout: String,
}

/// What the page shows of a site.
struct Facts {
    site: Site,
    newest: Option<(Operation, Vec<Step>)>,
    deployment: Option<deployments::Newest>,
    seen: Seen,
    customer: Option<Customer>,
    url: String,
    repository_url: String,
    may_write: bool,
    may_examine: bool,
    now: Timestamp,
}

/// What a form of the page left behind.
#[derive(Default)]
struct Left {
    name: Option<String>,
    complaint: Complaint,
    password: Option<String>,
}

/// What stands below the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Nothing: it is being made, brought back or removed.
    Steps,
    /// How to bring it back.
    Archived,
    /// All about it.
    Whole { serves: bool, is_busy: bool },
}

impl Layout {
    fn of(site: &Site, is_busy: bool) -> Layout {
        match site.state {
            SiteState::Active => Layout::Whole { serves: true, is_busy },
            SiteState::Stopped => Layout::Whole { serves: false, is_busy },
            SiteState::Archived => Layout::Archived,
            _ => Layout::Steps,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Layout::Steps => "steps",
            Layout::Archived => "archived",
            Layout::Whole { serves: true, is_busy: false } => "serving",
            Layout::Whole { serves: true, is_busy: true } => "serving-busy",
            Layout::Whole { serves: false, is_busy: false } => "stopped",
            Layout::Whole { serves: false, is_busy: true } => "stopped-busy",
        }
    }
}

impl Facts {
    async fn gather(app: &App, actor: &Actor, id: &SiteId) -> kit::Result<Facts> {
        let scope = actor.scope();
        let site = sites::get(&app.db, &scope, id).await?;
        let newest = operations::newest(&app.db, &scope, id).await?;
        let customer = match scope.is_house() && actor.can(Permission::ReadCustomers) {
            true => Some(customers::get(&app.db, &scope, &site.customer_id).await?),
            false => None,
        };
        let is_busy = newest.as_ref().is_some_and(|(operation, _)| operation.state == OperationState::Running);
        Ok(Facts {
            seen: seen::of_site(app, &site, is_busy),
            url: app.hosting.url(&site),
            repository_url: app.hosting.repository_url(&site),
            may_write: actor.can(Permission::WriteSites),
            may_examine: scope.is_house() && actor.can(Permission::OperateHouse),
            now: app.clock.now(),
            deployment: deployments::Newest::of(app, actor, id).await?,
            site,
            newest,
            customer,
        })
    }

    fn layout(&self) -> Layout {
        Layout::of(&self.site, self.is_busy())
    }

    fn is_busy(&self) -> bool {
        self.newest.as_ref().is_some_and(|(operation, _)| operation.state == OperationState::Running)
    }

    /// The operation that is at work or stopped badly, with its steps.
    fn unfinished(&self) -> Option<&(Operation, Vec<Step>)> {
        // A restart is told of where it was asked for, and a deployment has a card and pages of its own.
        let has_its_own_place = |kind| matches!(kind, OperationKind::Restart | OperationKind::Deploy | OperationKind::Rollout);
        self.newest.as_ref().filter(|(operation, _)| operation.state != OperationState::Done && !has_its_own_place(operation.kind))
    }

    /// Whether it failed while it was being made, so that it can be given up without losing anything.
    fn can_be_given_up(&self) -> bool {
        let never_made = |kind| matches!(kind, OperationKind::Create | OperationKind::Preview | OperationKind::Discard);
        self.site.state == SiteState::Failed && self.newest.as_ref().is_some_and(|(operation, _)| never_made(operation.kind))
    }

    /// Whether its containers are there to stay.
    fn is_provisioned(&self) -> bool {
        self.site.state == SiteState::Active
    }

    fn is_adopted(&self) -> bool {
        self.site.kind == Kind::Adopted
    }

    fn action(&self, verb: &str) -> String {
        format!("/sites/{}/{verb}", self.site.id)
    }
}

/// Shows a site, or the part of its page that has changed.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>, Query(asked): Query<Asked>) -> Answer {
    if !view.is_fragment() {
        return show(&app, &actor, view, &id, Left::default()).await;
    }
    match part(&app, &actor, view, &id, &asked).await {
        // Given up and gone while somebody looked.
        Err(error @ Error::NotFound(_)) => Ok(([TO_THE_LIST], Failure::from(error)).into_response()),
        outcome => Ok(outcome?),
    }
}

/// One part of the page, or the order to load it anew.
async fn part(app: &App, actor: &Actor, view: View, id: &SiteId, asked: &Asked) -> kit::Result<Response> {
    if asked.part == "figures" {
        // All open pages ask for it once a minute and more; it needs little of what the page shows.
        let Standing { site, is_busy, .. } = probes::standing(&app.hosting, &actor.scope(), id).await?;
        return Ok(match Layout::of(&site, is_busy).name() == asked.layout {
            true => view.fragment(health::figures_inside(app, id, app.clock.now())),
            false => load_again(),
        });
    }
    let facts = Facts::gather(app, actor, id).await?;
    if facts.layout().name() != asked.layout {
        // Whoever watched a restart at work is told that it failed; the page itself says so to everyone.
        return Ok(match health::failed_restart(&facts).filter(|_| asked.layout.ends_with("-busy")) {
            Some(why) => frame::with_failure(app, load_again(), "The restart did not help", &sentence(why)),
            None => load_again(),
        });
    }
    Ok(view.fragment(match asked.part.as_str() {
        "usage" => {
            let totals = usage::totals(&app.db, &actor.scope(), id, facts.now).await?;
            usage_card::inside(&app.hosting.config, &totals, facts.now)
        }
        "health" => health::inside(&facts, &health::Report::gather(app, actor, &facts).await?),
        _ => changing(&facts),
    }))
}

fn load_again() -> Response {
    ([LOAD_AGAIN], StatusCode::NO_CONTENT).into_response()
}

async fn show(app: &App, actor: &Actor, view: View, id: &SiteId, left: Left) -> Answer<Response> {
    let facts = Facts::gather(app, actor, id).await?;
    let below = match facts.layout() {
        Layout::Steps => Markup::default(),
        Layout::Archived => {
            let outside = repositories::outside(&app.db, id).await?;
            archived::card(app, &facts, outside.as_ref())
        }
        Layout::Whole { is_busy, .. } => {
            let history = operations::history(&app.db, &actor.scope(), id).await?;
            let report = health::Report::gather(app, actor, &facts).await?;
            let totals = usage::totals(&app.db, &actor.scope(), id, facts.now).await?;
            let aside = html! {
                @if !facts.site.is_preview() { (publicity::card(app, actor, &facts).await?) }
                (adopted::card(app, actor, &facts).await?)
            };
            let shown = Shown { left: &left, report: &report, totals: &totals, history: &history, aside };
            whole(app, &facts, shown, is_busy)?
        }
    };
    let layout = facts.layout().name();
    let here = to(&format!("/sites/{id}"), &[("part", "head"), ("layout", layout)]);
    let topic = format!("site:{id}");
    // Looked at even with a socket: containers change without anyone telling us.
    let poll = Some(if facts.is_busy() { BUSY_BEAT } else { BEAT });
    let head = live::region(Region { topic: &topic, url: &here, poll, always_poll: true, body: changing(&facts), ..Region::default() });
    let crumbs = match &facts.customer {
        Some(customer) => {
            vec![Crumb::new("Sites", "/admin/sites"), Crumb::new(customer.name.as_str(), format!("/admin/customers/{}", customer.id))]
        }
        None if facts.site.is_preview() => {
            let mut crumbs = tabs::crumbs(&facts.site);
            crumbs.pop();
            crumbs
        }
        None => vec![Crumb::new("Sites", "/sites")],
    };
    Ok(view.complaining(&left.complaint).page(Page {
        title: if facts.site.is_preview() { facts.site.branch() } else { facts.site.name.as_str() },
        own_heading: true,
        crumbs: &crumbs,
        live_rooms: &[topic.as_str()],
        body: html! {
            (previews::banner(&facts.site))
            (head)
            @if matches!(facts.layout(), Layout::Whole { .. }) && !facts.is_adopted() { (tabs::strip(&facts.site, SiteTab::Overview)) }
            (below)
        },
        ..Page::default()
    }))
}

/// What changes by itself: state, and the steps of what is being done.
fn changing(facts: &Facts) -> Markup {
    html! {
        (head::head(facts))
        @if let Some((operation, steps)) = facts.unfinished() { (progress::card(facts, operation, steps)) }
        @else if let (Some(deployment), SiteState::Active) = (&facts.deployment, facts.site.state) { (deployments::card(deployment, facts.now)) }
    }
}

/// What stands below the head of a site that is there.
struct Shown<'a> {
    left: &'a Left,
    report: &'a health::Report,
    totals: &'a Totals,
    history: &'a [Operation],
    aside: Markup,
}

fn whole(app: &App, facts: &Facts, shown: Shown<'_>, is_busy: bool) -> kit::Result<Markup> {
    let Shown { left, report, totals, history, aside } = shown;
    let is_preview = facts.site.is_preview();
    Ok(card::split(
        html! {
            @if is_preview {
                (preview::card(app, facts)?)
            } @else if !facts.is_adopted() {
                (ready::card(facts, left.password.as_deref()))
            }
            (health::card(facts, report, health::figures(app, facts), health::logs::part(&facts.site.id)))
            (usage_card::card(app, facts, totals))
            (history::card(history, facts.now))
        },
        html! {
            @if !facts.is_adopted() { (certificate::card(app, facts)) }
            (settings::facts(facts))
            @if facts.may_write && !facts.is_adopted() && !is_preview { (settings::card(facts, left)) }
            (aside)
            @if facts.may_write && is_preview {
                (preview::danger(facts, is_busy))
            } @else if facts.may_write && !facts.is_adopted() {
                (danger::zone(app, facts, is_busy))
            }
        },
    ))
}
