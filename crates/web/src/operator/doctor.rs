//! The examination as a page: of the house, and of one site. What is wrong stands first, each with what to do.

use accounts::Actor;
use axum::extract::State;
use hosting::doctor::{self, Finding, Report, Severity};
use hosting::{Site, SiteId, sites};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Status};
use ui::button::{self, Button};
use ui::card::{self, Card};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{format, icon, live};

use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;

const PLACE: &str = "/admin/doctor";
const HELP: &str = "Looks at everything that sites stand on and says what to do about what is not well. It changes nothing.";

/// Whether to look now, as it stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    run: String,
}

/// Examines the house.
///
/// The page comes at once and fetches what was found by itself; without scripts, a link asks for it.
pub async fn house(State(app): State<App>, view: View, Query(asked): Query<Asked>) -> Answer {
    let report = match asked.run.is_empty() {
        true => None,
        false => Some(doctor::examine(&app.hosting, None).await),
    };
    Ok(show(&app, view, None, report.as_ref()))
}

/// Examines one site.
pub async fn site(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>, Query(asked): Query<Asked>) -> Answer {
    let site = find(&app, &actor, &id).await?;
    let report = match asked.run.is_empty() {
        true => None,
        false => Some(doctor::examine(&app.hosting, Some(&site)).await),
    };
    Ok(show(&app, view, Some(&site), report.as_ref()))
}

async fn find(app: &App, actor: &Actor, id: &SiteId) -> kit::Result<Site> {
    sites::get(&app.db, &actor.scope(), id).await
}

fn show(app: &App, view: View, site: Option<&Site>, report: Option<&Report>) -> axum::response::Response {
    let here = site.map_or_else(|| PLACE.to_owned(), |site| format!("/sites/{}/doctor", site.id));
    let body = match report {
        Some(report) => found(app, report, &here),
        None => live::lazy(&format!("{here}?run=now"), waiting(&here)),
    };
    if view.is_fragment() {
        return view.fragment(body);
    }
    let title = site.map_or_else(|| "Doctor".to_owned(), |site| format!("Examination of {}", site.name));
    let crumbs: Vec<Crumb<'_>> = match site {
        Some(site) => vec![Crumb::new("Sites", "/admin/sites"), Crumb::new(site.name.as_str(), format!("/sites/{}", site.id))],
        None => Vec::new(),
    };
    view.page(Page { title: &title, help: HELP, crumbs: &crumbs, body, ..Page::default() })
}

fn waiting(here: &str) -> Markup {
    card::simple(
        "Examining",
        html! {
            (live::skeleton(6))
            noscript { (button::link_primary(&format!("{here}?run=now"), "Examine now")) }
        },
    )
}

fn found(app: &App, report: &Report, here: &str) -> Markup {
    let now = app.clock.now();
    let milliseconds = u64::try_from(report.took.as_millis()).unwrap_or(0);
    card::stack(html! {
        div.spread {
            div.row {
                (verdict(report))
                span.hint { "Looked " (format::time_ago(report.began_at.0, now.0)) ", in " (format::duration(milliseconds)) }
            }
            (button::link(here, Button { label: "Examine again", icon: Some(icon::refresh_cw()), ..Button::default() }))
        }
        @for severity in [Severity::Bad, Severity::Warn, Severity::Ok] { (group(report, severity)) }
    })
}

fn verdict(report: &Report) -> Markup {
    match (report.count(Severity::Bad), report.count(Severity::Warn)) {
        (0, 0) => badge::status_as(Status::Running, "All well"),
        (0, warn) => badge::status_as(Status::Restarting, &format!("{warn} to look at")),
        (bad, 0) => badge::status_as(Status::Error, &format!("{bad} not working")),
        (bad, warn) => badge::status_as(Status::Error, &format!("{bad} not working, {warn} to look at")),
    }
}

fn group(report: &Report, severity: Severity) -> Markup {
    let (title, hint, status) = match severity {
        Severity::Bad => ("Does not work", "Mend these first.", Status::Error),
        Severity::Warn => ("Deserves a look", "It works, or may: see to it before it does not.", Status::Restarting),
        Severity::Ok => ("As it should be", "", Status::Running),
    };
    let rows: Vec<Row<'_>> = report.findings.iter().filter(|finding| finding.severity == severity).map(row).collect();
    if rows.is_empty() {
        return Markup::default();
    }
    card::card(Card {
        title,
        hint,
        badge: badge::status_as(status, &rows.len().to_string()),
        flush: true,
        body: table::table(Table {
            caption: title,
            bare: true,
            columns: &[Column::new("What"), Column::new("Finding")],
            rows,
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn row(finding: &Finding) -> Row<'static> {
    Row::new([
        table::two_lines(&finding.subject, finding.check),
        table::text(html! {
            p { (with_code(&finding.message)) }
            @if !finding.advice.is_empty() { p.hint { (with_code(&finding.advice)) } }
        }),
    ])
}

/// What stands in backticks is a command or a setting.
fn with_code(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_set_apart_and_all_is_escaped() {
        assert_eq!(with_code("Run `a <b>`; wait.").into_string(), "Run <code>a &lt;b&gt;</code>; wait.");
        assert_eq!(with_code("<i>").into_string(), "&lt;i&gt;");
    }
}
