//! The card *Site Health*: how the site is, since when, what was wrong before, and restarting it without asking anyone.

mod figures;
mod incidents;
pub(in crate::portal) mod logs;
mod restart;
mod services;
mod uptime;

use accounts::Actor;
use hosting::probes::incidents::Incident;
use hosting::probes::uptime::Day;
use hosting::probes::{self, HealthState, OutsideLook};
use kit::{Result, Timestamp};
use maud::{Markup, html};
use ui::badge::Tone;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::feedback::{self, Banner};
use ui::live::{self, Region};
use ui::{format, help, icon};

pub(super) use figures::{inside as figures_inside, part as figures};
pub(super) use restart::failure as failed_restart;
pub use restart::restart;
pub(crate) use uptime::bar as uptime_bar;

use super::Facts;
use crate::app::App;
use crate::portal::{to, words};
use crate::respond::sentence;

/// Seconds between looks: uptime goes on without a signal.
const BEAT: u32 = 10;
/// Incidents that are shown.
const INCIDENTS: u32 = 10;

const STATUS_HELP: &str = "Running: everything works. Restarting: it is being started again, wait a moment. Stopped: it does not run; \
                           restart it. Error: it is there, but something is wrong; restart it, and contact support if that does not help.";
const RESTART_HELP: &str = "Restarts all parts of the site, with the same content and settings. Nothing is lost; visitors wait for some seconds. \
                            Use it when the site hangs or shows errors. It can be done once in 5 minutes.";

/// What the card shows beside the facts of the page.
pub(super) struct Report {
    blocked_until: Option<Timestamp>,
    days: Vec<Day>,
    incidents: Vec<Incident>,
    support: String,
}

impl Report {
    pub(super) async fn gather(app: &App, actor: &Actor, facts: &Facts) -> Result<Report> {
        let (scope, id) = (actor.scope(), &facts.site.id);
        Ok(Report {
            blocked_until: probes::restart::blocked_until(&app.hosting, id).await?,
            days: probes::uptime::days(&app.db, &scope, id, facts.now).await?,
            incidents: probes::incidents::of_site(&app.db, &scope, id, INCIDENTS).await?,
            support: app.config.server.support.clone(),
        })
    }
}

/// The whole card; `figures` and `logs` are its further parts.
pub(super) fn card(facts: &Facts, report: &Report, figures: Markup, logs: Markup) -> Markup {
    let here = to(&format!("/sites/{}", facts.site.id), &[("part", "health"), ("layout", facts.layout().name())]);
    let topic = format!("site:{}", facts.site.id);
    card::card(Card {
        title: "Site Health",
        id: "health",
        help: "Whether your site works, and what you can do when it does not. Figures and states come straight from the server.",
        body: html! {
            (live::region(Region { topic: &topic, url: &here, poll: Some(BEAT), always_poll: true, body: inside(facts, report), ..Region::default() }))
            (figures)
            (logs)
        },
        ..Card::default()
    })
}

/// The part that changes with the site's state.
pub(super) fn inside(facts: &Facts, report: &Report) -> Markup {
    let state = facts.seen.state();
    html! {
        div.health-head {
            dl.health-facts {
                dt { "Status" }
                dd { span.row.nowrap { (words::status(&facts.site, &facts.seen)) (help::popover("status", STATUS_HELP)) } }
                dt { "Uptime" }
                dd { (uptime_of(facts)) }
                @if let Some(look) = &facts.seen.health.outside { dt { "Visitors" } dd { (visitors(look, facts.now)) } }
            }
            div.row.nowrap {
                (restart::button(facts, report))
                (help::popover("restart", RESTART_HELP))
            }
        }
        (trouble(facts, report, state))
        (services::table(facts, report))
        (uptime::bar(&report.days))
        (incidents::list(&report.incidents, facts.now))
    }
}

fn uptime_of(facts: &Facts) -> Markup {
    match facts.seen.health.up_since {
        Some(since) => html! {
            time.figures datetime=(format::iso(since.0)) title=(format!("since {}", format::date_time(since.0))) {
                (probes::uptime_text(facts.now.since(since)))
            }
        },
        None => card::missing("It does not run"),
    }
}

/// As a visitor met the site.
fn visitors(look: &OutsideLook, now: Timestamp) -> Markup {
    let when = format::time_ago(look.at.0, now.0);
    html! {
        @match &look.problem {
            None => { "Answered in " span.figures { (look.latency.as_millis()) " ms" } " · " (when) },
            Some((_, problem)) => { (sentence(&format!("it {problem}"))) " · " (when) },
        }
    }
}

/// What is wrong and what to do, in one banner; nothing when all is well.
fn trouble(facts: &Facts, report: &Report, state: HealthState) -> Markup {
    if let Some(failure) = failed_restart(facts) {
        return banner(
            Tone::Bad,
            "The restart did not help",
            &format!("{} You can try once more in half a minute. If it stays like this, contact support.", sentence(failure)),
            support(report),
        );
    }
    let reason = sentence(&facts.seen.health.reason);
    match state {
        HealthState::Unknown => banner(
            Tone::Neutral,
            "Status unavailable",
            "The server's containers cannot be asked right now. The site itself may well be up; only its state cannot be seen.",
            button::link(
                &format!("/sites/{}#health", facts.site.id),
                Button { label: "Try again", icon: Some(icon::refresh_cw()), small: true, kind: Kind::Secondary, ..Button::default() },
            ),
        ),
        HealthState::Error => banner(
            Tone::Serious,
            "Something is wrong",
            &format!("{reason} A restart may help. Contact support if it persists."),
            support(report),
        ),
        HealthState::Stopped if facts.is_provisioned() => {
            banner(Tone::Bad, "The site is down", &format!("{reason} Restart it. Contact support if it persists."), support(report))
        }
        _ => Markup::default(),
    }
}

fn banner(tone: Tone, title: &str, text: &str, action: Markup) -> Markup {
    html! { div.gap { (feedback::banner(Banner { tone, title, text, action })) } }
}

/// The way to support, where the operator named one.
fn support(report: &Report) -> Markup {
    let href = match report.support.as_str() {
        "" => return Markup::default(),
        address if address.contains("://") => address.to_owned(),
        address => format!("mailto:{address}"),
    };
    button::link(
        &href,
        Button { label: "Contact support", icon: Some(icon::mail()), small: true, kind: Kind::Secondary, ..Button::default() },
    )
}
