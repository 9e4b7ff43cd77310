//! What was done to a site, by whom, and how it ended.

use hosting::operations::{Operation, OperationState};
use kit::Timestamp;
use maud::{Markup, html};
use ui::badge::{self, Status};
use ui::card::{self, Card};
use ui::format;
use ui::table::{self, Column, Row, Table};

use crate::portal::words;

pub(super) fn card(operations: &[Operation], now: Timestamp) -> Markup {
    let rows = operations.iter().map(|operation| {
        Row::new([
            html! { strong { (what(operation)) } },
            outcome(operation),
            html! { (operation.requested_by) },
            format::time_ago(operation.created_at.0, now.0),
            took(operation),
        ])
    });
    card::card(Card {
        title: "History",
        help: "What was done to the site as a whole. The last 20 are shown.",
        flush: true,
        body: table::table(Table {
            caption: "History",
            columns: &[
                Column::new("What"),
                Column::new("Outcome"),
                Column::new("By").minor(),
                Column::new("When"),
                Column::number("Took").minor(),
            ],
            rows: rows.collect(),
            bare: true,
            empty: html! { p.pad.hint { "Nothing so far." } },
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn what(operation: &Operation) -> &'static str {
    match operation.state {
        OperationState::Done => words::deed(operation.kind),
        OperationState::Running | OperationState::Failed => words::doing(operation.kind),
    }
}

fn outcome(operation: &Operation) -> Markup {
    match operation.state {
        OperationState::Running => badge::status_as(Status::Provisioning, "Running"),
        OperationState::Done => badge::status_as(Status::Running, "Done"),
        OperationState::Failed => html! {
            span title=[operation.error.as_deref()] { (badge::status_as(Status::Error, "Failed")) }
        },
    }
}

fn took(operation: &Operation) -> Markup {
    match operation.finished_at {
        Some(at) => html! { (format::duration(u64::try_from(at.0 - operation.created_at.0).unwrap_or(0))) },
        None => card::missing("Not finished"),
    }
}
