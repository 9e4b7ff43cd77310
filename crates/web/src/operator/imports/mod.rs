//! Files of events: sent, looked at, checked, imported.

mod one;
mod report;

use axum::extract::{Request, State};
use axum::response::Redirect;
use axum::response::{IntoResponse, Response};
use events::imports::{Import, ImportState};
use kit::Timestamp;
use maud::{Markup, html};
use ui::badge::{self, Status, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::field::{self, Choice, Field};
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{form, format, icon};

use crate::app::App;
use crate::frame::View;
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;
use crate::uploads;

pub use one::{cancel, discard, show, start};

/// Where the list is.
pub const PLACE: &str = "/admin/ingestion/import";
const SHOWN: u32 = 20;

/// Lists what was imported, with the form for the next file.
pub async fn list(State(app): State<App>, view: View) -> Answer {
    page(&app, view, &Complaint::none()).await
}

/// Takes a file in.
pub async fn upload(State(app): State<App>, Caller(actor): Caller, view: View, request: Request) -> Answer {
    match uploads::keep_from_form(&app, &actor, request).await {
        Ok(import) => Ok(Redirect::to(&format!("{PLACE}/{}", import.id)).into_response()),
        Err(failure) => {
            let complaint = Complaint::of_failure(failure)?;
            page(&app, view, &complaint).await
        }
    }
}

async fn page(app: &App, view: View, complaint: &Complaint) -> Answer<Response> {
    let imports = app.imports.list(SHOWN).await?;
    let rows = table(&imports, app.clock.now());
    if view.is_fragment() {
        return Ok(view.fragment(rows));
    }
    let body = card::stack(html! {
        (upload_form(app.events.config().import_mb, complaint))
        (live::region(Region { topic: "imports", url: PLACE, body: rows, ..Region::default() }))
    });
    Ok(view.complaining(complaint).page(Page {
        title: "Import events",
        help: "Brings in what happened before, from a file: CSV with a head, or one JSON object a line. The same file counts once, however often it is imported.",
        crumbs: &[Crumb::new("Ingestion", "/admin/ingestion")],
        body,
        ..Page::default()
    }))
}

fn upload_form(most_mb: u32, complaint: &Complaint) -> Markup {
    let formats = [("", "By the end of its name"), ("csv", "CSV"), ("ndjson", "NDJSON")].map(|(value, label)| Choice {
        value,
        label,
        ..Choice::default()
    });
    let hint = format!("Up to {} MB. Nothing is stored before you have seen what is in it.", format::count(i64::from(most_mb)));
    card::simple(
        "New import",
        html! {
            form.form method="post" action=(PLACE) enctype="multipart/form-data" {
                (complaint.summary(&["format", "file"]))
                (form::columns(html! {
                    (field::select(Field { name: "format", label: "Format", error: complaint.of("format"), unmarked: true, ..Field::default() }, &formats))
                    (field::file(Field { name: "file", label: "File", hint: &hint, error: complaint.of("file"), required: true, ..Field::default() }, ".csv,.tsv,.txt,.ndjson,.jsonl,.json"))
                }))
                (form::actions(button::submit(Button { label: "Send file", kind: Kind::Primary, ..Button::default() })))
            }
        },
    )
}

fn table(imports: &[Import], now: Timestamp) -> Markup {
    card::card(Card {
        title: "Imports",
        flush: true,
        body: table::table(Table {
            caption: "Imports",
            columns: &[
                Column::new("File"),
                Column::new("State"),
                Column::number("Rows read"),
                Column::number("Stored").minor(),
                Column::number("Refused").minor(),
                Column::new("Sent").minor(),
            ],
            rows: imports.iter().map(|import| row(import, now)).collect(),
            empty: card::empty_state(Empty {
                icon: Some(icon::file_text()),
                title: "Nothing was imported here yet",
                text: "Imports by the command line are not listed.",
                ..Empty::default()
            }),
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn row(import: &Import, now: Timestamp) -> Row<'static> {
    let figure = |pick: fn(&events::import::Report) -> u64| match import.report.as_ref().filter(|_| !import.is_check) {
        Some(report) => html! { (number(pick(report))) },
        None => card::missing("Not imported yet"),
    };
    Row::link(
        format!("{PLACE}/{}", import.id),
        [
            table::two_lines(&import.file, &format!("{}, {}", import.format.as_str(), format::bytes(import.bytes))),
            state(import),
            figure(|report| report.rows),
            figure(|report| report.stored),
            figure(|report| report.refused),
            html! { (format::time_ago(import.created_at.0, now.0)) " by " (import.created_by) },
        ],
    )
}

/// Where an import is, in a word.
fn state(import: &Import) -> Markup {
    match import.state {
        ImportState::Ready if import.report.is_some() => badge::tag(Tone::Neutral, "Checked"),
        ImportState::Ready => badge::tag(Tone::Neutral, "Waits for you"),
        ImportState::Checking => badge::status_as(Status::Provisioning, "Being checked"),
        ImportState::Running => badge::status_as(Status::Provisioning, "Being imported"),
        ImportState::Done => badge::status_as(Status::Running, "Imported"),
        ImportState::Cancelled => badge::status_as(Status::Stopped, "Ended by hand"),
        ImportState::Failed => badge::status_as(Status::Error, "Could not go on"),
    }
}

fn number(count: u64) -> String {
    format::count(i64::try_from(count).unwrap_or(i64::MAX))
}
