//! Who is scored by which model: the card on the page of models, and what its forms do.

use std::collections::HashMap;

use axum::extract::State;
use insight::health::assignments::{self, Assignment};
use insight::health::models::Listing;
use insight::health::{Model, VersionNo, runs};
use insight::segments::{Segment, SegmentId};
use kit::{Error, Result};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::field::{self, Choice, Field};
use ui::form::{self, PostButton};
use ui::format;
use ui::table::{Column, Row, Table, table};

use super::MODELS;
use crate::app::App;
use crate::extract::{Form, Path};
use crate::frame;
use crate::respond::Answer;
use crate::routes::Caller;

const PLACE: &str = "/admin/health/assignments";

/// What the card shows.
pub struct Shown<'a> {
    pub models: &'a [Listing],
    pub assignments: &'a [Assignment],
    pub segments: &'a [Segment],
    /// How many customers each version scores.
    pub customers: &'a HashMap<VersionNo, i64>,
    pub may_edit: bool,
}

impl Shown<'_> {
    fn version(&self, no: VersionNo) -> Option<&Model> {
        self.models.iter().flat_map(|listing| &listing.versions).find(|version| version.no == no)
    }
}

/// Shows the card.
pub fn card(shown: &Shown<'_>) -> Markup {
    let mut rows: Vec<Row<'_>> = shown.assignments.iter().map(|assignment| row(shown, assignment)).collect();
    if let Some(usual) = shown.models.iter().find_map(|listing| listing.in_use).and_then(|no| shown.version(no)) {
        rows.push(Row::new([html! { span.hint { "last" } }, html! { strong { "Everybody else" } }, name_of(usual), html! {}]));
    }
    let used: Vec<VersionNo> = shown.models.iter().flat_map(|listing| &listing.versions).map(|version| version.no).collect();
    let counts: Vec<String> = used
        .iter()
        .filter_map(|no| Some((shown.version(*no)?, *shown.customers.get(no)?)))
        .map(|(version, customers)| {
            format!("{}, version {}: {}", version.name, version.version, kit::words::counted(customers, "customer"))
        })
        .collect();
    card::card(Card {
        title: "Who is scored by what",
        help: "Customers of a segment can be scored by a model of their own. Who is in several of these segments is scored by the one with the \
               lowest number; of equal numbers the older segment decides. Who comes into a segment or leaves it changes model within about a minute.",
        hint: &counts.join("; "),
        id: "assigned",
        body: html! {
            (table(Table {
                caption: "Who is scored by what",
                columns: &[Column::number("Priority"), Column::new("Customers"), Column::new("Model"), Column::actions()],
                rows,
                bare: true,
                ..Table::default()
            }))
            @if shown.may_edit { (form_for(shown)) }
        },
        ..Card::default()
    })
}

fn name_of(version: &Model) -> Markup {
    html! { a.in-text href={ (MODELS) "/" (version.model) } { (version.name) } " " span.hint { "version " (version.version) } }
}

fn row(shown: &Shown<'_>, assignment: &Assignment) -> Row<'static> {
    Row::new([
        html! { (format::count(assignment.priority)) },
        html! { "Segment " a href={ "/admin/segments/" (assignment.segment) } { (assignment.name) } },
        shown.version(assignment.version).map_or_else(|| badge::tag(Tone::Neutral, "unknown"), name_of),
        html! {
            @if shown.may_edit {
                (form::post_button(PostButton {
                    action: &format!("{PLACE}/{}/remove", assignment.segment),
                    button: Button { label: "Take back", small: true, kind: Kind::Quiet, ..Button::default() },
                    ..PostButton::default()
                }))
            }
        },
    ])
}

fn form_for(shown: &Shown<'_>) -> Markup {
    let segments: Vec<Choice<'_>> = shown
        .segments
        .iter()
        // The others could not decide.
        .filter(|segment| !segment.expression.facts().any(|fact| fact.comes_from_health()))
        .map(|segment| Choice { value: segment.id.as_str(), label: &segment.name, disabled: false })
        .collect();
    if segments.is_empty() {
        return html! { p.hint {
            "Make a " a href="/admin/segments/new" { "segment" } " that does not ask about scores, such as a plan or a kind of site, to score its customers by another model."
        } };
    }
    let newest: Vec<(String, String)> = shown
        .models
        .iter()
        .filter_map(|listing| listing.versions.first())
        .map(|version| (version.no.0.to_string(), format!("{}, version {}", version.name, version.version)))
        .collect();
    let versions: Vec<Choice<'_>> = newest.iter().map(|(value, label)| Choice { value, label, disabled: false }).collect();
    let next = shown.assignments.iter().map(|assignment| assignment.priority).max().map_or(10, |last| last + 10).min(assignments::MOST);
    html! {
        details {
            summary { "Score a segment by another model" }
            form.form method="post" action=(PLACE) {
                (form::columns(html! {
                    (field::select(Field { name: "segment", label: "Segment", hint: "Segments that ask about scores are not offered.", required: true, ..Field::default() }, &segments))
                    (field::select(Field { name: "version", label: "Model", required: true, ..Field::default() }, &versions))
                    (field::number(Field { name: "priority", label: "Priority", value: &next.to_string(), hint: "The lowest decides.", required: true, ..Field::default() }))
                }))
                (form::actions(button::secondary("Use for the segment")))
            }
        }
    }
}

/// By what a segment's customers are to be scored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    segment: String,
    version: String,
    priority: String,
}

/// Has a segment's customers scored by a version of their own.
pub async fn assign(State(app): State<App>, Caller(actor): Caller, Form(typed): Form<Typed>) -> Answer {
    let outcome = async {
        let segment = SegmentId::parse(&typed.segment).map_err(|_| Error::invalid("segment", "choose a segment"))?;
        let number = |field: &'static str, text: &str| -> Result<i64> {
            text.trim().parse().map_err(|_| Error::invalid(field, "must be a whole number"))
        };
        let (no, priority) = (number("version", &typed.version)?, number("priority", &typed.priority)?);
        assignments::assign(&app.insight, &actor, &segment, VersionNo(no), priority).await?;
        runs::ask_recompute(&app.insight, &actor).await.map(|_| ())
    };
    frame::done_or_refused(&app, &format!("{MODELS}#assigned"), outcome.await, "The segment has a model of its own")
}

/// Has a segment's customers scored like everybody again.
pub async fn unassign(State(app): State<App>, Caller(actor): Caller, Path(segment): Path<SegmentId>) -> Answer {
    let outcome = async {
        assignments::unassign(&app.insight, &actor, &segment).await?;
        runs::ask_recompute(&app.insight, &actor).await.map(|_| ())
    };
    frame::done_or_refused(&app, &format!("{MODELS}#assigned"), outcome.await, "The segment's customers are scored like everybody")
}
