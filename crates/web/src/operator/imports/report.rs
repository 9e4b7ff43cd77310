//! What became of a file's rows, or would.

use events::import::Report;
use events::imports::{Import, ImportState};
use maud::{Markup, html};
use ui::card::{self, Card, Stat};
use ui::table::{self, Column, Row, Table};
use ui::{button, format};

use super::number;
use crate::portal::to;

/// Refused rows that a page shows.
const SHOWN: usize = 50;

/// Shows it.
pub fn show(import: &Import, report: &Report) -> Markup {
    let (title, stored) = match import.state {
        ImportState::Failed if import.is_check => ("What was checked until then", "Would be stored"),
        _ if import.is_check => ("What an import would do", "Would be stored"),
        ImportState::Done => ("What was imported", "Stored"),
        _ => ("What was imported until then", "Stored"),
    };
    let known = match import.is_check {
        true => card::missing("Only an import finds out"),
        false => html! { (number(report.duplicates)) },
    };
    let columns: Vec<String> =
        report.columns.iter().filter(|(_, column)| !column.is_empty()).map(|(field, column)| format!("{field}: {column}")).collect();
    let source = to("/admin/events", &[("source", import.source.as_str())]);
    card::card(Card {
        title,
        hint: &columns.join(" · "),
        actions: html! { @if !import.is_check && report.stored > 0 { (button::link_secondary(&source, "Its events")) } },
        body: html! {
            (card::stats(html! {
                (card::stat(Stat { label: "Rows read", figure: &number(report.rows), ..Stat::default() }))
                (card::stat(Stat { label: stored, figure: &number(report.stored), ..Stat::default() }))
                (card::stat(Stat { label: "Refused", figure: &number(report.refused), hint: "each is named below", ..Stat::default() }))
            }))
            (card::kv(&[
                ("Known before", known),
                ("From", html! { @match report.from { Some(at) => (format::time_exact(at.0)), None => (card::missing("No event")) } }),
                ("To", html! { @match report.to { Some(at) => (format::time_exact(at.0)), None => (card::missing("No event")) } }),
            ]))
            @if !report.names.is_empty() {
                details.fold open {
                    summary { "What happened, how often" }
                    (names(report))
                }
            }
            @if !report.problems.is_empty() {
                details.fold open {
                    summary { "Refused rows" }
                    (problems(report))
                }
            }
        },
        ..Card::default()
    })
}

fn names(report: &Report) -> Markup {
    let mut counted: Vec<(&String, &u64)> = report.names.iter().collect();
    counted.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    table::table(Table {
        caption: "Events by name",
        columns: &[Column::new("Event"), Column::number("Rows")],
        rows: counted.iter().map(|(name, count)| Row::new([html! { span.mono { (name) } }, html! { (number(**count)) }])).collect(),
        bare: true,
        ..Table::default()
    })
}

fn problems(report: &Report) -> Markup {
    let shown = report.problems.len().min(SHOWN);
    html! {
        (table::table(Table {
            caption: "Refused rows",
            columns: &[Column::number("Line"), Column::new("Why")],
            rows: report.problems[..shown].iter().map(|problem| Row::new([html! { (number(problem.line)) }, html! { (problem.message) }])).collect(),
            bare: true,
            ..Table::default()
        }))
        @if report.refused > shown as u64 { p.hint { "… and " (number(report.refused - shown as u64)) " more." } }
    }
}
