//! The funnel of the house: from visitor to deployed site, by week and by day, as a snapshot and as a cohort.

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use events::Day;
use insight::funnel::Rate;
use insight::funnel::stages::{self, Kind, STAGES, StageDay, WEEK, WINDOW_DAYS};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button;
use ui::card::{self, Better, Card, Delta, Empty};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Column, Row, Table};
use ui::tabs::{self, Tab};
use ui::{feedback, format, icon};

use super::funnels;
use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::request::RequestFacts;
use crate::respond::Answer;
use crate::score;

/// Where the page is.
pub const PLACE: &str = "/admin/funnel";
const CSV: &str = "/admin/funnel.csv";
/// So many days are in the table.
const DAYS: i64 = 30;
/// And in the file.
const DAYS_IN_FILE: i64 = 400;

/// Which funnel, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    kind: String,
}

impl Asked {
    fn kind(&self) -> Kind {
        if self.kind == "cohort" { Kind::Cohort } else { Kind::Snapshot }
    }

    fn place(&self) -> &'static str {
        match self.kind() {
            Kind::Snapshot => PLACE,
            Kind::Cohort => "/admin/funnel?kind=cohort",
        }
    }
}

struct Shown {
    kind: Kind,
    today: Day,
    zone: String,
    /// The seven days that ended yesterday, and the seven before.
    week: Option<StageDay>,
    before: Option<StageDay>,
    /// Newest first.
    days: Vec<StageDay>,
}

/// Shows both funnels, one at a time.
pub async fn show(State(app): State<App>, view: View, Query(asked): Query<Asked>) -> Answer {
    let kind = asked.kind();
    let today = app.events.calendar().day(app.clock.now());
    let weeks = stages::days(&app.insight, kind, WEEK, today.plus(-1 - WEEK), today.plus(-1)).await?;
    let week_to = |day: Day| weeks.iter().find(|week| week.day == day).copied();
    let mut days = stages::days(&app.insight, kind, 1, today.plus(1 - DAYS), today).await?;
    days.reverse();
    let shown = Shown {
        kind,
        today,
        zone: app.events.calendar().zone_name().to_owned(),
        week: week_to(today.plus(-1)),
        before: week_to(today.plus(-1 - WEEK)),
        days,
    };
    let body = body(&shown);
    if view.is_fragment() {
        return Ok(view.fragment(body));
    }
    Ok(view.page(Page {
        title: "Funnel",
        help: "How strangers become people with a deployed site, and where they stop.",
        summary: sentence(&shown),
        actions: html! { (button::link_secondary(&funnels::address(&stages::question(30)), "Change or break down")) },
        body: html! {
            (tabs::segmented("Which funnel", &[
                Tab::new("Snapshot", PLACE, kind == Kind::Snapshot),
                Tab::new("Cohort", "/admin/funnel?kind=cohort", kind == Kind::Cohort),
            ]))
            (live::region(Region { topic: "funnel", url: asked.place(), poll: Some(300), body, ..Region::default() }))
        },
        ..Page::default()
    }))
}

fn sentence(shown: &Shown) -> Markup {
    let Some(week) = &shown.week else { return Markup::default() };
    let [visitors, .., deployed] = week.people;
    html! {
        @match shown.kind {
            Kind::Snapshot => { "In the 7 days to " (score::long(week.day)) " there were " (kit::words::counted(count(visitors), "visitor")) ", and "
                (format::count(deployed)) " had a site deployed." },
            Kind::Cohort => { "Of the " (kit::words::counted(count(visitors), "visitor")) " of the 7 days to " (score::long(week.day)) ", " (format::count(deployed))
                @if week.is_final { " had" } @else { " have so far had" } " a site deployed." },
        }
    }
}

fn count(people: i64) -> u64 {
    u64::try_from(people).unwrap_or(0)
}

fn body(shown: &Shown) -> Markup {
    if shown.days.is_empty() {
        return card::simple(
            "Stages",
            card::empty_state(Empty {
                icon: Some(icon::funnel()),
                title: "Not worked out yet",
                text: "The funnel is worked out within minutes after Innkeeper started, and whenever events came in.",
                action: button::link_secondary("/admin/ingestion", "How to send events"),
            }),
        );
    }
    card::stack(html! { (week(shown)) (by_day(shown)) })
}

fn week(shown: &Shown) -> Markup {
    let Some(week) = &shown.week else {
        return card::simple("The last 7 days", html! { p.hint { "The first day is not over yet." } });
    };
    let title = match shown.kind {
        Kind::Snapshot => "Snapshot of the last 7 days",
        Kind::Cohort => "Cohort of the last 7 days",
    };
    let help = match shown.kind {
        Kind::Snapshot => {
            "How many people did each step within these days, whenever they did the others. A step can have more people than the one before it: some of them came earlier."
        }
        Kind::Cohort => {
            "How far those got who came within these days, one step after the other, within 14 days of their visit. They may have got there after these days."
        }
    };
    let first = week.people[0];
    let mut columns =
        vec![Column::new("Stage"), Column::number("People"), Column::number("Of visitors"), Column::number("Of the stage before")];
    if shown.kind == Kind::Cohort {
        columns.push(Column::number("Dropped").minor());
    }
    columns.push(Column::number("Against the 7 days before").minor());
    let rows = STAGES
        .iter()
        .enumerate()
        .map(|(stage, (name, events))| {
            let people = week.people[stage];
            let previous = stage.checked_sub(1).map(|stage| week.people[stage]);
            let mut cells = vec![
                html! { (table::two_lines(name, events)) },
                html! { strong { (format::count(people)) } (feedback::bar(Tone::Accent, share(people, first).unwrap_or(0.0))) },
                rate(shown.kind, people, first),
                previous.map_or_else(|| card::missing("It is the first stage"), |previous| rate(shown.kind, people, previous)),
            ];
            if shown.kind == Kind::Cohort {
                cells.push(
                    previous
                        .map_or_else(|| card::missing("It is the first stage"), |previous| html! { (format::count(previous - people)) }),
                );
            }
            cells.push(against(shown, stage));
            Row::new(cells)
        })
        .collect();
    card::card(Card {
        title,
        help,
        hint: &format!("{} to {}, by the calendar of {}", score::long(week.day.plus(1 - WEEK)), score::long(week.day), shown.zone),
        badge: html! { @if !week.is_final { (badge::tag(Tone::Neutral, "Still converting")) } },
        flush: true,
        body: table::table(Table { caption: title, columns: &columns, rows, bare: true, ..Table::default() }),
        footer: html! { "Worked out " (format::date_time(week.computed_at.0)) "." @if shown.kind == Kind::Cohort { " Ranges are where the share lies with 95 %." } },
        ..Card::default()
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A share, of a cohort with the range in which it lies. The people of two stages of a snapshot need not be the same, so it has none.
fn rate(kind: Kind, part: i64, whole: i64) -> Markup {
    match (kind, share(part, whole)) {
        (Kind::Cohort, Some(_)) => funnels::rate(Rate::of(count(part), count(whole))),
        (Kind::Snapshot, Some(share)) => html! { (format::percent(share, 1)) },
        (_, None) => card::missing("Nobody was there"),
    }
}

/// A week that still converts is not held against one that does so less.
fn against(shown: &Shown, stage: usize) -> Markup {
    match (&shown.week, &shown.before) {
        (Some(week), Some(before)) if week.is_final || shown.kind == Kind::Snapshot || stage == 0 => {
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            let change = Delta::between(week.people[stage] as f64, before.people[stage] as f64, Better::Up);
            change.map_or_else(|| card::missing("Nobody was there the 7 days before"), |change| card::delta(&change))
        }
        (_, None) => card::missing("The 7 days before were not worked out"),
        _ => card::missing("These days may still get further"),
    }
}

fn by_day(shown: &Shown) -> Markup {
    let mut columns = vec![Column::new("Day")];
    columns.extend(STAGES.iter().map(|(name, _)| Column::number(*name)));
    columns.push(Column::number("Deployed of visitors"));
    let row = |day: &StageDay| {
        let mut cells = vec![html! {
            (score::long(day.day))
            @if day.day == shown.today { " " (badge::tag(Tone::Neutral, "So far")) } @else if !day.is_final { " " (badge::tag(Tone::Neutral, "Still converting")) }
        }];
        cells.extend(day.people.map(|people| html! { (format::count(people)) }));
        cells.push(match share(day.people[5], day.people[0]) {
            Some(share) => html! { (format::percent(share, 1)) },
            None => card::missing("Nobody came"),
        });
        Row { faded: !day.is_final, ..Row::new(cells) }
    };
    let (title, help) = match shown.kind {
        Kind::Snapshot => (
            "Snapshot by day",
            "How many people did each step on each day. The days of a week do not add up to the week: who came twice is one person of it.",
        ),
        Kind::Cohort => ("Cohort by day", "How far those got who came on each day, within 14 days."),
    };
    let csv = if shown.kind == Kind::Cohort { "/admin/funnel.csv?kind=cohort" } else { CSV };
    card::card(Card {
        title,
        help,
        actions: button::link_secondary(csv, "CSV"),
        flush: true,
        body: table::table(Table {
            caption: title,
            columns: &columns,
            rows: shown.days.iter().map(row).collect(),
            bare: true,
            ..Table::default()
        }),
        footer: html! { @if let Some(newest) = shown.days.first() { "Worked out " (format::date_time(newest.computed_at.0)) "; days of " (shown.zone) "." } },
        ..Card::default()
    })
}

/// All days of one funnel as a file.
pub async fn export(State(app): State<App>, Query(asked): Query<Asked>) -> Answer<Response> {
    let today = app.events.calendar().day(app.clock.now());
    let days = stages::days(&app.insight, asked.kind(), 1, today.plus(1 - DAYS_IN_FILE), today).await?;
    let mut text = "day,visitors,requests,emails,verified,builds,deployed,final\r\n".to_owned();
    for day in days {
        let people: Vec<String> = day.people.iter().map(i64::to_string).collect();
        text += &format!("{},{},{}\r\n", day.day.iso(), people.join(","), if day.is_final { "yes" } else { "no" });
    }
    let name = if asked.kind() == Kind::Cohort { "funnel-cohorts.csv" } else { "funnel-snapshots.csv" };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, text).into_response())
}

/// Leads from the seed's address to the page.
pub async fn of_seed(Extension(facts): Extension<RequestFacts>) -> Response {
    to_page(&facts, PLACE)
}

/// Leads staff to a page; customers, and whoever is not signed in, to their way in.
pub(super) fn to_page(facts: &RequestFacts, place: &str) -> Response {
    let is_staff = facts.caller.get().is_some_and(|actor| actor.scope().is_house());
    Redirect::to(if is_staff { place } else { "/" }).into_response()
}

const _: () = assert!(WINDOW_DAYS == 14, "the texts say so");
