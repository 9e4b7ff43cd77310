//! Work that the house does by itself: what waits, runs, failed and gave up; and its reconcilers.

use std::collections::HashMap;

use axum::extract::State;
use hosting::operations::{self, Subject};
use kit::Timestamp;
use kit::jobs::{self, JobId, JobRow, JobState, ReconcilerState};
use kit::words::counted;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Status, Tone};
use ui::button::{Button, Kind};
use ui::card::{self, Card, Empty};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Chip, Column, Pager, Row, Table, Toolbar};
use ui::{format, icon};

use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame::{self, View};
use crate::portal::words;
use crate::respond::Answer;
use crate::routes::Caller;

const PLACE: &str = "/admin/jobs";

/// State and page, as they stand in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    state: String,
    before: String,
}

/// Lists jobs, newest first.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let state = JobState::from_text(&asked.state);
    let before = JobId::parse(&asked.before).ok();
    let found = jobs::list(&app.db, state, before.as_ref()).await?;
    let subjects = operations::subjects_of(&app.db, &actor.scope(), &found).await?;
    let counts = jobs::counts(&app.db).await?;
    let reconcilers = jobs::reconcilers(&app.db).await?;
    let now = app.clock.now();
    let parts = html! { (jobs_table(state, &found, &subjects, &counts, now)) (reconciler_card(&reconcilers, now)) };
    if view.is_fragment() {
        return Ok(view.fragment(parts));
    }
    let dead = count(&counts, JobState::Dead);
    let here = match (state, &before) {
        (None, None) => PLACE.to_owned(),
        _ => format!("{PLACE}?state={}&before={}", state.map_or("", JobState::as_str), before.as_ref().map_or("", JobId::as_str)),
    };
    Ok(view.page(Page {
        title: "Jobs",
        help: "Work that the house does by itself. A job that fails is tried again with growing pauses, and gives up in the end.",
        badge: match dead {
            0 => badge::status_as(Status::Running, "All well"),
            many => badge::status_as(Status::Error, &format!("{} gave up", counted(many, "job"))),
        },
        body: live::region(Region { topic: "jobs", url: &here, always_poll: true, body: card::stack(parts), ..Region::default() }),
        ..Page::default()
    }))
}

/// Puts a job that gave up back into the queue.
pub async fn retry(State(app): State<App>, Path(id): Path<JobId>) -> Answer {
    let outcome = jobs::retry(&app.db, &app.clock, &id).await;
    app.bus.signal("operators", "jobs");
    frame::done_or_refused(&app, "/admin/jobs?state=dead", outcome, "The job is queued again")
}

fn count(counts: &[(JobState, i64)], state: JobState) -> i64 {
    counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count)
}

fn jobs_table(
    state: Option<JobState>,
    found: &[JobRow],
    subjects: &HashMap<JobId, Subject>,
    counts: &[(JobState, i64)],
    now: Timestamp,
) -> Markup {
    let all: i64 = counts.iter().map(|(_, count)| count).sum();
    let chip =
        |label: &'static str, of: JobState| Chip::counted(label, format!("{PLACE}?state={of}"), state == Some(of), count(counts, of));
    let chips = [
        Chip::counted("All", PLACE, state.is_none(), all),
        chip("Waiting", JobState::Queued),
        chip("Running", JobState::Running),
        chip("Done", JobState::Done),
        chip("Gave up", JobState::Dead),
    ];
    let text = format!("{} shown", found.len());
    // The slice gives out 50 at a time.
    let next = found
        .last()
        .filter(|_| found.len() >= 50)
        .map(|last| format!("{PLACE}?state={}&before={}", state.map_or("", JobState::as_str), last.id).into());
    table::table(Table {
        caption: "Jobs",
        columns: &[
            Column::new("Job"),
            Column::new("State"),
            Column::number("Tries").minor(),
            Column::new("Queued"),
            Column::number("Took").minor(),
            Column::actions(),
        ],
        rows: found.iter().map(|job| job_row(job, subjects.get(&job.id), now)).collect(),
        toolbar: table::toolbar(Toolbar { chips: &chips, ..Toolbar::default() }),
        empty: card::empty_state(Empty {
            icon: Some(icon::list_checks()),
            title: "No jobs here",
            text: "Nothing is in this state.",
            ..Empty::default()
        }),
        pager: Some(Pager { text: &text, previous: None, next }),
        ..Table::default()
    })
}

fn job_row(job: &JobRow, subject: Option<&Subject>, now: Timestamp) -> Row<'static> {
    let retries = job.state == JobState::Queued && job.attempts > 0;
    let (status, word) = match job.state {
        JobState::Queued if retries => (Status::Restarting, "Trying again"),
        JobState::Queued => (Status::Stopped, "Waiting"),
        JobState::Running => (Status::Provisioning, "Running"),
        JobState::Done => (Status::Running, "Done"),
        JobState::Dead => (Status::Error, "Gave up"),
    };
    let took = job.started_at.zip(job.finished_at).map(|(from, to)| u64::try_from(to.since(from).as_millis()).unwrap_or(0));
    let again = PostButton {
        action: &format!("{PLACE}/{}/retry", job.id),
        button: Button { label: "Try again", small: true, kind: Kind::Quiet, ..Button::default() },
        ..PostButton::default()
    };
    Row::new([
        html! {
            (table::two_lines(&job.kind, job.id.as_str()))
            @if let Some(subject) = subject {
                p.hint { (words::doing(subject.kind)) ": " a href={ "/sites/" (subject.site_id) } { (subject.site_name.as_str()) } }
            }
            @if let Some(error) = job.error.as_deref().filter(|_| job.state != JobState::Done) {
                details { summary.hint { "Why" } p.mono { (error) } }
            }
        },
        badge::status_as(status, word),
        html! { (job.attempts) " of " (job.max_attempts) },
        format::time_ago(job.created_at.0, now.0),
        took.map_or_else(|| card::missing("Not finished"), |took| html! { (format::duration(took)) }),
        html! { @if job.state == JobState::Dead { div.button-row { (form::post_button(again)) } } },
    ])
}

fn reconciler_card(states: &[ReconcilerState], now: Timestamp) -> Markup {
    let rows = states
        .iter()
        .map(|state| {
            let outcome = match (&state.error, &state.summary) {
                (Some(error), _) => html! { span.mono { (error) } },
                (None, Some(summary)) => html! { (summary) },
                (None, None) => card::missing("Said nothing"),
            };
            let tag = if state.error.is_some() { badge::tag(Tone::Bad, "Failed") } else { badge::tag(Tone::Ok, "Well") };
            Row::new([
                html! { strong { (state.name) } },
                tag,
                outcome,
                format::time_ago(state.started_at.0, now.0),
                html! { (format::duration(u64::try_from(state.duration_ms).unwrap_or(0))) },
            ])
        })
        .collect();
    card::card(Card {
        title: "Reconcilers",
        help: "They compare what should be with what is, and close the gap, over and over.",
        flush: true,
        body: table::table(Table {
            caption: "Reconcilers",
            bare: true,
            columns: &[
                Column::new("Name"),
                Column::new("Last run"),
                Column::new("What it did"),
                Column::new("When").minor(),
                Column::number("Took").minor(),
            ],
            rows,
            empty: card::empty_state(Empty { title: "None has run yet", ..Empty::default() }),
            ..Table::default()
        }),
        ..Card::default()
    })
}
