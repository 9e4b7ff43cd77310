//! Recent logs: a part of the Site Health card that is fetched once the page stands, a page of their own, a file, and a stream.

use std::convert::Infallible;

use accounts::{Actor, Permission};
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use hosting::logs::{self, Followed, Line, MOST_LINES, Order, Recent, Severity, Wanted};
use hosting::{Site, SiteId, sites};
use kit::{Error, Timestamp};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};
use ui::badge::Tone;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::feedback::{self, Banner};
use ui::live;
use ui::log::{self, Log};
use ui::page::{Crumb, Page};
use ui::table::{self, Chip, Search, Toolbar};
use ui::{field, format, icon};

use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame::View;
use crate::lasting::while_let_in;
use crate::portal::to;
use crate::respond::{Answer, sentence};
use crate::routes::Caller;

/// Lines of the part on the site's page.
const LINES: usize = 50;
/// What stands there when there is nothing to worry about.
const ALL_IS_WELL: &str = "No recent errors - your site is running smoothly!";
/// What visitors meet first stands first.
const SERVICES: &[&str] = &["www", "api", "alert", "db"];
const LONG_LINES: &[usize] = &[50, 200, MOST_LINES];
/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Which lines, as the address says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    service: String,
    order: String,
    lines: String,
}

impl Asked {
    fn wanted(&self, usual: usize) -> Wanted {
        let lines = self.lines.parse().ok().filter(|lines| LONG_LINES.contains(lines)).unwrap_or(usual);
        let service = Some(self.service.clone()).filter(|service| !service.is_empty());
        let order = if self.order == "errors" { Order::ErrorsFirst } else { Order::NewestFirst };
        Wanted { service, lines, order, search: self.q.trim().to_owned() }
    }

    /// The address of the same lines but for `changed`.
    fn address(&self, path: &str, changed: &[(&str, &str)]) -> String {
        let now = [("q", self.q.trim()), ("service", &self.service), ("order", &self.order), ("lines", &self.lines)];
        to(path, &now.map(|(name, value)| (name, changed.iter().find(|(it, _)| *it == name).map_or(value, |(_, value)| *value))))
    }
}

/// What there is to show.
enum Seen {
    Lines(Recent),
    /// Why nothing can be shown, for people.
    Unavailable(String),
}

/// Where the lines stand.
enum Place {
    /// Part of a card.
    Part,
    /// A page of their own; its reader may follow.
    Page { may_follow: bool },
}

struct Shown<'a> {
    site: &'a SiteId,
    asked: &'a Asked,
    seen: &'a Seen,
    place: Place,
    now: Timestamp,
}

/// The part of the Site Health card; holds nothing yet and asks for its lines once the page stands.
pub(in crate::portal::site) fn part(site: &SiteId) -> Markup {
    let url = place(site);
    live::lazy(
        &url,
        html! {
            div.log-part {
                div.log-head { h3 { "Recent logs" } }
                div.pad.needs-js { (live::skeleton(5)) }
                noscript { p.pad { a href=(url) { "Show the recent logs" } } }
            }
        },
    )
}

fn place(site: &SiteId) -> String {
    format!("/sites/{site}/logs")
}

/// Shows the last lines: as a page, or as the part of the site's page.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>, Query(asked): Query<Asked>) -> Answer {
    let site = sites::get(&app.db, &actor.scope(), &id).await?;
    let is_part = view.is_fragment();
    let seen = look(&app, &actor, &site, asked.wanted(if is_part { LINES } else { LONG_LINES[1] })).await?;
    let may_follow = may_follow(&actor);
    let place = if is_part { Place::Part } else { Place::Page { may_follow } };
    let shown = Shown { site: &site.id, asked: &asked, seen: &seen, place, now: app.clock.now() };
    if is_part {
        return Ok(view.fragment(inside(&shown)));
    }
    let list = if actor.scope().is_house() { "/admin/sites" } else { "/sites" };
    Ok(view.page(Page {
        title: "Logs",
        help: "What the containers of this site have written. Passwords and keys are taken out before anything is shown.",
        crumbs: &[Crumb::new("Sites", list), Crumb::new(site.name.as_str(), format!("/sites/{}", site.id))],
        scripts: if may_follow { &["logs.js"] } else { &[] },
        body: card::card(Card { flush: true, body: inside(&shown), ..Card::default() }),
        ..Page::default()
    }))
}

/// A stream holds a connection and asks Docker every second.
fn may_follow(actor: &Actor) -> bool {
    actor.scope().is_house() && actor.can(Permission::OperateHouse)
}

/// A failure that may pass is part of what is shown: the rest of the page stands, and offers to look again.
async fn look(app: &App, actor: &Actor, site: &Site, wanted: Wanted) -> kit::Result<Seen> {
    if let Err(error) = crate::api::allow_logs(app, actor) {
        return Ok(Seen::Unavailable(error.public_message()));
    }
    match logs::recent(&app.hosting, &actor.scope(), &site.id, &wanted).await {
        Ok(recent) => Ok(Seen::Lines(recent)),
        Err(error @ (Error::NotFound(_) | Error::Invalid(_) | Error::Forbidden(_))) => Err(error),
        Err(error @ Error::Internal(_)) => {
            error!(site.id = %site.id, "logs of site `{}` cannot be shown: {error}", site.id);
            Ok(Seen::Unavailable(error.public_message()))
        }
        Err(error) => {
            warn!(site.id = %site.id, "logs of site `{}` are unavailable: {error}", site.id);
            // Only staff can do something about the engine.
            let why = if actor.scope().is_house() {
                error.public_message()
            } else {
                "The server's containers cannot be asked right now".to_owned()
            };
            Ok(Seen::Unavailable(why))
        }
    }
}

/// Gives the last lines as a text file, oldest first.
pub async fn download(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>, Query(asked): Query<Asked>) -> Answer {
    crate::api::allow_logs(&app, &actor)?;
    let wanted = Wanted { lines: MOST_LINES, order: Order::OldestFirst, ..asked.wanted(MOST_LINES) };
    let recent = logs::recent(&app.hosting, &actor.scope(), &id, &wanted).await?;
    Ok(as_file(&id, &recent))
}

fn as_file(id: &SiteId, recent: &Recent) -> Response {
    let mut text = String::new();
    for (service, why) in &recent.unreadable {
        text.push_str(&format!("# {service} could not be read: {why}\n"));
    }
    for line in &recent.lines {
        text.push_str(&format!("{} {:<5} {:<5} {}\n", line.stamp, line.service, line.severity, line.text));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        // An id is letters, digits and `_`.
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"logs-{id}.txt\"")),
    ];
    (headers, text).into_response()
}

/// What to follow.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Following {
    service: Option<String>,
    after: Option<String>,
}

/// Sends new lines as they come, a JSON object a second, for a minute: the reader asks again, and is checked again.
pub async fn follow(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>, Query(asked): Query<Following>) -> Answer {
    // First whether it is there for them: somebody else's site is not, whatever their role.
    sites::get(&app.db, &actor.scope(), &id).await?;
    if !may_follow(&actor) {
        return Err(Error::forbidden("logs are followed by admins").into());
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let beats = logs::follow(&app.hosting, &actor.scope(), &id, given(asked.service), given(asked.after)).await?;
    let body = Body::from_stream(while_let_in(&app, &actor, beats).map(|followed| Ok::<_, Infallible>(beat(followed))));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

#[derive(Serialize)]
struct Beat {
    lines: Vec<BeatLine>,
    problem: String,
}

#[derive(Serialize)]
struct BeatLine {
    at: String,
    clock: String,
    service: String,
    severity: &'static str,
    text: String,
}

fn beat(followed: Followed) -> String {
    let line = |line: Line| BeatLine {
        clock: format::clock(line.at.0),
        at: line.stamp,
        service: line.service,
        severity: line.severity.as_str(),
        text: line.text,
    };
    let beat = Beat { lines: followed.lines.into_iter().map(line).collect(), problem: followed.problem };
    let mut text = serde_json::to_string(&beat).expect("lines are plain data");
    text.push('\n');
    text
}

fn inside(shown: &Shown<'_>) -> Markup {
    let is_part = matches!(shown.place, Place::Part);
    let lines = match shown.seen {
        Seen::Lines(recent) => recent.lines.len(),
        Seen::Unavailable(_) => 0,
    };
    let body = html! {
        div.log-head {
            @if is_part { h3 { "Recent logs" } } @else { h2 { "Recent lines" } }
            div.log-actions {
                @if let Place::Page { may_follow: true } = shown.place { (follow_button(shown)) }
                (refresh(shown, "Refresh"))
                @if is_part && lines > 5 { (log::fold(&format!("All {lines} lines"))) }
            }
        }
        @match shown.seen {
            Seen::Unavailable(why) => { (unavailable(shown, why)) }
            Seen::Lines(recent) => { (tools(shown, recent)) (seen(shown, recent)) (foot(shown)) }
        }
    };
    match is_part {
        // Links and the search change the part, not the page.
        true => html! {
            div.log-part id="site-logs" hx-boost="true" hx-target="#site-logs" hx-swap="outerHTML" hx-push-url="false" { (body) }
        },
        false => html! { div.log-part id="site-logs" { (body) } },
    }
}

fn refresh(shown: &Shown<'_>, label: &str) -> Markup {
    let button = Button { label, icon: Some(icon::refresh_cw()), kind: Kind::Quiet, small: true, ..Button::default() };
    button::link(&shown.asked.address(&place(shown.site), &[]), button)
}

fn follow_button(shown: &Shown<'_>) -> Markup {
    let source = to(&format!("{}/follow", place(shown.site)), &[("service", &shown.asked.service)]);
    html! {
        button type="button" class="button button-quiet button-small needs-js" aria-pressed="false"
            data-log-follow=(source) data-log-into="logs-lines" data-log-search=(shown.asked.q.trim()) {
            (icon::radio()) span.button-label { "Follow" }
        }
    }
}

fn unavailable(shown: &Shown<'_>, why: &str) -> Markup {
    let text = format!("{} The site itself may well be up; only its logs cannot be seen.", sentence(why));
    card::empty_state(Empty { icon: Some(icon::plug()), title: "Logs unavailable", text: &text, action: refresh(shown, "Try again") })
}

/// Search and filters.
fn tools(shown: &Shown<'_>, recent: &Recent) -> Markup {
    let (asked, path) = (shown.asked, place(shown.site));
    let mut services = recent.services.clone();
    services.sort_by_key(|name| SERVICES.iter().position(|known| known == name).unwrap_or(SERVICES.len()));
    let mut chips = vec![Chip::new("All", asked.address(&path, &[("service", "")]), asked.service.is_empty())];
    if services.len() > 1 {
        for name in &services {
            chips.push(Chip::new(name.clone(), asked.address(&path, &[("service", name)]), asked.service == *name));
        }
    }
    let by_errors = asked.order == "errors";
    chips.push(Chip::new("Errors first", asked.address(&path, &[("order", if by_errors { "" } else { "errors" })]), by_errors));
    if let Place::Page { .. } = shown.place {
        let now = asked.wanted(LONG_LINES[1]).lines;
        for lines in LONG_LINES {
            let label = format!("{lines} lines");
            chips.push(Chip::new(label, asked.address(&path, &[("lines", &lines.to_string())]), now == *lines));
        }
    }
    let kept = [("service", &asked.service), ("order", &asked.order), ("lines", &asked.lines)];
    table::toolbar(Toolbar {
        search: Some(Search {
            action: &path,
            value: asked.q.trim(),
            placeholder: "Search these logs",
            hidden: html! { @for (name, value) in kept.iter().filter(|(_, value)| !value.is_empty()) { (field::hidden(name, value)) } },
            ..Search::default()
        }),
        chips: &chips,
        ..Toolbar::default()
    })
}

fn seen(shown: &Shown<'_>, recent: &Recent) -> Markup {
    let lines: Vec<log::Line<'_>> = recent.lines.iter().map(|line| as_shown(line, shown.now)).collect();
    let has_faults = recent.lines.iter().any(|line| line.severity >= Severity::Warn);
    let search = shown.asked.q.trim();
    let nothing_matches = format!("No line contains “{search}”.");
    html! {
        @for (service, why) in &recent.unreadable {
            p.log-note role="status" { (icon::triangle_alert()) span { b { (service) } " could not be read: " (sentence(why)) } }
        }
        @if !lines.is_empty() {
            @if shown.asked.order == "errors" && !has_faults && search.is_empty() && recent.unreadable.is_empty() { (all_is_well()) }
            (log::block(Log {
                label: "Recent logs",
                lines: &lines,
                foldable: matches!(shown.place, Place::Part),
                id: "logs",
                ..Log::default()
            }))
        } @else if !search.is_empty() {
            (log::block(Log { empty: &nothing_matches, ..Log::default() }))
        } @else if recent.read.is_empty() && recent.unreadable.is_empty() {
            (log::block(Log { empty: "Nothing of this site runs here, so there are no logs.", ..Log::default() }))
        } @else if recent.unreadable.is_empty() {
            (all_is_well())
        }
    }
}

fn all_is_well() -> Markup {
    feedback::banner(Banner { tone: Tone::Ok, title: ALL_IS_WELL, ..Banner::default() })
}

fn as_shown(line: &Line, now: Timestamp) -> log::Line<'_> {
    // The day is said where it is another one.
    let at = match line.at.0.div_euclid(DAY_MS) == now.0.div_euclid(DAY_MS) {
        true => format::clock(line.at.0),
        false => format!("{} {}", format::date(line.at.0), format::clock(line.at.0)),
    };
    log::Line {
        at: at.into(),
        moment: Some(line.at.0),
        source: line.service.as_str().into(),
        severity: match line.severity {
            Severity::Debug => log::Severity::Debug,
            Severity::Info => log::Severity::Info,
            Severity::Warn => log::Severity::Warn,
            Severity::Error => log::Severity::Error,
        },
        text: line.text.as_str().into(),
        ..log::Line::default()
    }
}

/// The ways out: the file, and from the card the page.
fn foot(shown: &Shown<'_>) -> Markup {
    let file = shown.asked.address(&format!("{}.txt", place(shown.site)), &[("lines", "")]);
    html! {
        p.log-foot {
            span.hint { "Times are UTC. Passwords and keys are taken out." }
            a href=(file) download hx-boost="false" { (icon::download()) "Download" }
            @if matches!(shown.place, Place::Part) {
                a href=(shown.asked.address(&place(shown.site), &[])) hx-boost="false" { (icon::scroll_text()) "Open in full" }
            }
        }
    }
}

#[cfg(test)]
mod tests;
