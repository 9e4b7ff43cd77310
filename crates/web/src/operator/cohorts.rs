//! Who comes back: weekly cohorts, how many of each came back in the weeks after, and how many converted.

use std::borrow::Cow;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use events::{Day, Who};
use insight::funnel::Rate;
use insight::retention::{self, Answer as Figures, Cell, Cohort, Part, Question};
use kit::Error;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::Tone;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::chart::{self, Heat, HeatRow};
use ui::feedback::{self, Banner};
use ui::field::{self, Choice, Field};
use ui::form;
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{format, icon};

use super::funnel::to_page;
use super::funnels;
use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::portal::to;
use crate::request::RequestFacts;
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;
use crate::score;

/// Where the page is.
pub const PLACE: &str = "/admin/cohorts";
const PEOPLE: &str = "/admin/cohorts/people";
const ROWS: u32 = 50;

/// What is asked for, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    start: String,
    back: String,
    goal: String,
    weeks: String,
    later: String,
    who: String,
    /// Of the list of people: the first day of the cohort's week, and `all`, `converted` or a week.
    cohort: String,
    part: String,
    after: String,
}

impl Asked {
    /// The question, without the part that is for the list of people.
    pub fn question(&self) -> kit::Result<Question> {
        let usual = Question::default();
        let or = |text: &str, usual: String| if text.trim().is_empty() { usual } else { text.trim().to_owned() };
        let question = Question {
            start: or(&self.start, usual.start),
            back: self.back.trim().to_owned(),
            goal: or(&self.goal, usual.goal),
            weeks: match self.weeks.as_str() {
                "" => usual.weeks,
                text => text.parse().map_err(|_| Error::invalid("weeks", "must be a whole number"))?,
            },
            is_unbounded: self.later == "yes",
            who: match self.who.as_str() {
                "" | "people" => Who::People,
                "customers" => Who::Customers,
                _ => return Err(Error::invalid("who", "must be `people` or `customers`")),
            },
        };
        question.validate()?;
        Ok(question)
    }

    fn address(&self, place: &str, more: &[(&str, &str)]) -> String {
        let mut pairs: Vec<(&str, &str)> = vec![
            ("start", &self.start),
            ("back", &self.back),
            ("goal", &self.goal),
            ("weeks", &self.weeks),
            ("later", &self.later),
            ("who", &self.who),
        ];
        pairs.extend_from_slice(more);
        to(place, &pairs)
    }
}

/// Shows the table of cohorts.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let answered = match asked.question() {
        Ok(question) => retention::ask(&app.insight, &actor, &question).await.map(|figures| (question, figures)),
        Err(error) => Err(error),
    };
    let (answered, complaint, heavy) = match answered {
        Ok(answered) => (Some(answered), Complaint::none(), None),
        Err(Error::Unavailable { message, .. }) => (None, Complaint::none(), Some(message)),
        Err(error) => (None, Complaint::from(error)?, None),
    };
    let zone = app.events.calendar().zone_name();
    let body = card::stack(html! {
        @if let Some(message) = &heavy { (feedback::banner(Banner { tone: Tone::Warn, title: "That was too much", text: message, ..Banner::default() })) }
        @if let Some((question, figures)) = &answered { (table_of(&asked, question, figures, zone)) (conversions(&asked, question, figures)) }
        (form(&asked, &complaint))
    });
    Ok(view.complaining(&complaint).page(Page {
        title: "Cohorts",
        help: "People by the week in which they began, and how many of them came back in the weeks after.",
        crumbs: &[Crumb::new("Funnel", super::funnel::PLACE)],
        body,
        ..Page::default()
    }))
}

fn name(cohort: &Cohort) -> String {
    format!("Week of {}{}", score::short(cohort.monday), if cohort.is_open { " (so far)" } else { "" })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

fn table_of(asked: &Asked, question: &Question, figures: &Figures, zone: &str) -> Markup {
    if figures.cohorts.iter().all(|cohort| cohort.size == 0) {
        return card::simple(
            "Came back",
            card::empty_state(Empty {
                icon: Some(icon::users()),
                title: "Nobody began within these weeks",
                text: "A cohort is made of those whose first event of the kind that you ask for came in one week.",
                action: button::link_secondary("/admin/ingestion", "How to send events"),
            }),
        );
    }
    let columns: Vec<Cow<'_, str>> = (0..=question.weeks).map(|week| format!("Week {week}").into()).collect();
    let rows: Vec<HeatRow<'_>> = figures
        .cohorts
        .iter()
        .map(|cohort| HeatRow {
            label: name(cohort).into(),
            size: i64::try_from(cohort.size).ok(),
            cells: cohort
                .cells
                .iter()
                .map(|cell| match *cell {
                    Cell::Final(_) | Cell::Partial(_) if cohort.size == 0 => chart::Cell::Unknown,
                    Cell::Final(back) => chart::Cell::Final(share(back, cohort.size)),
                    Cell::Partial(back) => chart::Cell::Partial(share(back, cohort.size)),
                    Cell::Future => chart::Cell::Future,
                })
                .collect(),
            href: asked.address(PEOPLE, &[("cohort", &cohort.monday.iso()), ("part", "all")]).into(),
        })
        .chain(std::iter::once(HeatRow {
            label: "All, weighted".into(),
            size: None,
            cells: figures
                .means
                .iter()
                .map(|mean| mean.weighted.map_or(chart::Cell::Unknown, |rate| chart::Cell::Final(rate.share)))
                .collect(),
            href: "".into(),
        }))
        .chain(std::iter::once(HeatRow {
            label: "All, simple mean".into(),
            size: None,
            cells: figures.means.iter().map(|mean| mean.simple.map_or(chart::Cell::Unknown, chart::Cell::Final)).collect(),
            href: "".into(),
        }))
        .collect();
    let hint = format!("Weeks from Monday to Sunday, by the calendar of {zone}. Began: {}. Came back: {}.", question.start, back(question));
    card::card(Card {
        title: "Came back",
        help: "Week 0 is the week in which somebody began, 100 % by definition. Hatched weeks are not over and in no mean; blank ones have not begun. The first row of means counts each person alike, the second each week.",
        hint: &hint,
        flush: true,
        body: chart::heat(&Heat {
            caption: "Who came back, by week",
            rows_are: "Began",
            sizes_are: if question.who == Who::People { "People" } else { "Customers" },
            columns: &columns,
            rows: &rows,
        }),
        footer: html! {
            "As of " (format::date_time(figures.as_of.0)) ", worked out in " (format::count(i64::try_from(figures.took_ms).unwrap_or(i64::MAX))) " ms."
            @if question.is_unbounded { " Weeks that are over may still grow: coming back later counts for them, too." }
            @if let Some(day) = figures.kept_from { " Events before " (score::long(day)) " are not kept: who began earlier may look new." }
        },
        ..Card::default()
    })
}

fn back(question: &Question) -> &str {
    if question.back.is_empty() { "anything that a person did" } else { &question.back }
}

fn conversions(asked: &Asked, question: &Question, figures: &Figures) -> Markup {
    let rows = figures
        .cohorts
        .iter()
        .rev()
        .filter(|cohort| cohort.size > 0)
        .map(|cohort| {
            let mut cells = vec![
                html! { (name(cohort)) },
                html! { (format::count(i64::try_from(cohort.size).unwrap_or(i64::MAX))) },
                html! {
                    @if cohort.converted == 0 { "0" } @else {
                        a href=(asked.address(PEOPLE, &[("cohort", &cohort.monday.iso()), ("part", "converted")])) { (format::count(i64::try_from(cohort.converted).unwrap_or(i64::MAX))) }
                    }
                },
                funnels::rate(Rate::of(cohort.converted, cohort.size)),
            ];
            let weeks = cohort.cells.iter().enumerate().skip(1).filter_map(|(week, cell)| match cell {
                Cell::Final(back) | Cell::Partial(back) if *back > 0 => Some((week, *back)),
                _ => None,
            });
            let links = html! {
                @for (place, (week, back)) in weeks.enumerate() {
                    @if place > 0 { " · " }
                    a.nowrap href=(asked.address(PEOPLE, &[("cohort", &cohort.monday.iso()), ("part", &week.to_string())])) { "Week " (week) ": " (format::count(i64::try_from(back).unwrap_or(i64::MAX))) }
                }
            };
            cells.push(links);
            Row::new(cells)
        })
        .collect();
    let hint = match figures.goal {
        Some(rate) => format!("{} of all who are shown, so far", format::percent(rate.share, 1)),
        None => String::new(),
    };
    card::card(Card {
        title: "Converted",
        help: "Who did the goal at any time since they began. Younger cohorts had less time for it.",
        hint: &hint,
        flush: true,
        body: table::table(Table {
            caption: "Conversion by cohort",
            columns: &[
                Column::new("Began"),
                Column::number("In it"),
                Column::number(question.goal.clone()),
                Column::number("Share"),
                Column::new("Who came back").minor(),
            ],
            rows,
            empty: html! { p.card-note.hint { "Nobody began within these weeks." } },
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn form(asked: &Asked, complaint: &Complaint) -> Markup {
    let usual = Question::default();
    let text = |name, label, value: &str, placeholder: &str| {
        field::text(Field {
            name,
            label,
            value,
            placeholder,
            unmarked: true,
            autocomplete: "off",
            maxlength: Some(400),
            error: complaint.of(name),
            ..Field::default()
        })
    };
    let choices = |list: &[(&'static str, &'static str)]| -> Vec<Choice<'static>> {
        list.iter().map(|(value, label)| Choice { value, label, ..Choice::default() }).collect()
    };
    let weeks = if asked.weeks.is_empty() { usual.weeks.to_string() } else { asked.weeks.clone() };
    let select = |name, label, value: &str, choices: &[Choice<'_>]| {
        field::select(Field { name, label, value, unmarked: true, error: complaint.of(name), ..Field::default() }, choices)
    };
    card::card(Card {
        title: "Ask",
        help: "Events by name, several with `|` between them.",
        body: html! {
            form.form method="get" action=(PLACE) {
                (complaint.summary(&["start", "back", "goal", "weeks"]))
                (form::columns(html! {
                    (text("start", "Began with", &asked.start, &usual.start))
                    (text("back", "Came back with", &asked.back, "anything that a person did"))
                    (text("goal", "Converted with", &asked.goal, &usual.goal))
                    (select("weeks", "Up to week", &weeks, &choices(&[("4", "4"), ("8", "8"), ("12", "12")])))
                    (select("later", "A week counts", if asked.later == "yes" { "yes" } else { "" }, &choices(&[("", "Who came back in it"), ("yes", "Who came back in it or later")])))
                    (select("who", "Count", if asked.who == "customers" { "customers" } else { "" }, &choices(&[("", "People"), ("customers", "Customers")])))
                }))
                (form::actions(html! { (button::submit(Button { label: "Show", kind: Kind::Primary, ..Button::default() })) (button::link_secondary(PLACE, "Start over")) }))
            }
        },
        ..Card::default()
    })
}

/// Lists the people behind a cell.
pub async fn people(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let question = asked.question()?;
    let nobody = || Error::not_found("the cohort");
    let cohort = Day::parse(&asked.cohort).ok_or_else(nobody)?;
    let (part, did) = match asked.part.as_str() {
        "all" => (Part::All, "Began".to_owned()),
        "converted" => (Part::Converted, "Converted, and began".to_owned()),
        week => {
            let week: usize = week.parse().ok().filter(|week| *week <= retention::MOST_WEEKS).ok_or_else(nobody)?;
            (Part::Back(week), format!("Came back in week {week}, and began"))
        }
    };
    let after = match asked.after.as_str() {
        "" => None,
        after => Some(after.parse().map_err(|_| nobody())?),
    };
    let found = retention::people(&app.insight, &actor, &question, (cohort, part), after, ROWS).await?;
    let place = |after: &str| asked.address(PEOPLE, &[("cohort", &asked.cohort), ("part", &asked.part), ("after", after)]);
    let next = found.next.map(|next| place(&next.to_string()));
    let body = funnels::people_table(&app, &actor.scope(), (question.who, &found.items), next, after.is_some().then(|| place(""))).await?;
    Ok(view.page(Page {
        title: &format!("{did} in the week of {}", score::long(cohort)),
        crumbs: &[Crumb::new("Funnel", super::funnel::PLACE), Crumb::new("Cohorts", PLACE)],
        actions: button::link_secondary(&asked.address(PLACE, &[]), "Back to the cohorts"),
        body,
        ..Page::default()
    }))
}

/// Leads from the seed's address to the page.
pub async fn of_seed(Extension(facts): Extension<RequestFacts>) -> Response {
    to_page(&facts, PLACE)
}
