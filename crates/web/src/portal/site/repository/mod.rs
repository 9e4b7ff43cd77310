//! The site's repository: where to push, with what, and what was pushed.

mod begin;
mod tokens;

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::response::Response;
use hosting::git::look::{self, Branch};
use hosting::git::pushes::{self, Push, PushState};
use hosting::git::tokens::SiteToken;
use hosting::templates::Kind;
use hosting::{Site, SiteId, sites};
use kit::{Error, Timestamp};
use maud::{Markup, html};
use ui::badge::{self, Status};
use ui::card::{self, Card};
use ui::format;
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Column, Row, Table};

use super::tabs::{self, SiteTab};
use crate::app::App;
use crate::extract::Path;
use crate::frame::View;
use crate::respond::{Answer, sentence};
use crate::routes::Caller;

pub use tokens::{make as make_token, revoke as revoke_token};

/// Pushes that are shown.
const PUSHES: u32 = 20;

/// What the page shows.
struct Facts {
    site: Site,
    url: String,
    branches: Vec<Branch>,
    pushes: Vec<Push>,
    tokens: Vec<SiteToken>,
    may_write: bool,
    now: Timestamp,
}

impl Facts {
    async fn gather(app: &App, actor: &Actor, id: &SiteId) -> kit::Result<Facts> {
        let site = sites::get(&app.db, &actor.scope(), id).await?;
        if site.kind == Kind::Adopted {
            return Err(Error::not_found("repository"));
        }
        let branches = match hosting::git::repository_of(&app.hosting, &site) {
            Some(bare) => look::branches(&bare).await?,
            None => Vec::new(),
        };
        Ok(Facts {
            url: app.hosting.repository_url(&site),
            branches,
            pushes: pushes::last(&app.db, actor, id, PUSHES).await?,
            tokens: hosting::git::tokens::list(&app.db, actor, id).await?,
            may_write: actor.can(Permission::WriteSites),
            now: app.clock.now(),
            site,
        })
    }
}

/// Shows the page, or what of it has changed.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>) -> Answer {
    let facts = Facts::gather(&app, &actor, &id).await?;
    if view.is_fragment() {
        return Ok(view.fragment(changing(&facts)));
    }
    Ok(show(view, &facts, &tokens::Left::default()))
}

fn show(view: View, facts: &Facts, left: &tokens::Left) -> Response {
    let site = &facts.site;
    let topic = format!("site:{}", site.id);
    let here = format!("/sites/{}/repository", site.id);
    let region = live::region(Region { topic: &topic, url: &here, body: changing(facts), ..Region::default() });
    view.complaining(&left.complaint).page(Page {
        title: "Repository",
        help: "The Git repository that your site is made from. Push to it, and the site is built anew.",
        crumbs: &tabs::crumbs(site),
        tabs: tabs::strip(site, SiteTab::Repository),
        live_rooms: &[topic.as_str()],
        body: html! {
            @if let Some(made) = &left.made { (tokens::made(facts, made)) }
            // At another host, the ways in are that host's.
            @if facts.site.outside_url.is_some() { (card::stack(html! { (begin::card(facts)) (region) })) }
            @else { (card::split(html! { (begin::card(facts)) (region) }, tokens::card(facts, left))) }
        },
        ..Page::default()
    })
}

/// What changes by itself.
fn changing(facts: &Facts) -> Markup {
    card::stack(html! { (branches(facts)) (last_pushes(facts)) })
}

fn branches(facts: &Facts) -> Markup {
    let rows = facts.branches.iter().map(|branch| {
        let deploys = branch.name == hosting::git::BRANCH;
        Row::new([
            table::two_lines(&branch.name, if deploys { "is deployed" } else { "is kept" }),
            table::two_lines(&branch.subject, &format!("{} by {}", short(&branch.commit), branch.author)),
            format::time_ago(branch.at.0, facts.now.0),
        ])
    });
    card::card(Card {
        title: "Branches",
        help: "What you push to main goes live. Other branches are kept, and can be given a preview.",
        flush: true,
        body: table::table(Table {
            caption: "Branches",
            columns: &[Column::new("Branch"), Column::new("Newest commit"), Column::new("Committed").minor()],
            rows: rows.collect(),
            bare: true,
            empty: html! { p.pad.hint { "The repository is not ready yet." } },
            ..Table::default()
        }),
        footer: html! { @if facts.branches.len() == look::MOST_BRANCHES { (look::MOST_BRANCHES) " are shown, the latest ones." } },
        ..Card::default()
    })
}

fn last_pushes(facts: &Facts) -> Markup {
    let rows = facts.pushes.iter().map(|push| {
        Row::new([
            format::time_ago(push.created_at.0, facts.now.0),
            table::two_lines(reference(push), &push.pushed_by),
            what(push),
            outcome(facts, push),
        ])
    });
    card::card(Card {
        title: "Last pushes",
        flush: true,
        body: table::table(Table {
            caption: "Last pushes",
            columns: &[Column::new("When"), Column::new("Branch or tag"), Column::new("What").minor(), Column::new("Outcome")],
            rows: rows.collect(),
            bare: true,
            empty: html! { p.pad.hint { "Nothing was pushed yet." } },
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn reference(push: &Push) -> &str {
    ["refs/heads/", "refs/tags/"].iter().find_map(|start| push.reference.strip_prefix(start)).unwrap_or(&push.reference)
}

fn what(push: &Push) -> Markup {
    let removed = hosting::git::receive::is_nothing(&push.new_commit);
    match (removed, push.state) {
        (true, _) => html! { "Removed" },
        // Its words say why it was refused; they stand beside that.
        (false, PushState::Refused) => html! { code { (short(&push.new_commit)) } },
        (false, _) => table::two_lines(&push.subject, short(&push.new_commit)),
    }
}

fn outcome(facts: &Facts, push: &Push) -> Markup {
    match (push.state, &push.deployment_id) {
        (PushState::Begun, _) => badge::status_as(Status::Provisioning, "On its way"),
        (PushState::Refused, _) => html! { span title=(sentence(&push.subject)) { (badge::status_as(Status::Error, "Refused")) } },
        (PushState::Stored, Some(deployment)) => {
            html! { a href={ "/sites/" (facts.site.id) "/deployments/" (deployment) } { "Deployment" } }
        }
        (PushState::Stored, None) => html! { "Stored" },
    }
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}
