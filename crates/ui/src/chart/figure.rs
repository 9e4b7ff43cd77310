//! What every chart with axes has around its picture: name, legend, the figures as a table, and as CSV.

use std::borrow::Cow;

use maud::{Markup, html};

use crate::icon;

/// The figures of a chart, as they are read.
#[derive(Debug, Clone, Default)]
pub struct Data<'a> {
    /// Headings; the first is that of the places along the chart, such as "Day".
    pub columns: Vec<Cow<'a, str>>,
    /// A row for each place: its label, and its figures in words.
    pub rows: Vec<Vec<Cow<'a, str>>>,
    /// Where the same comes as a file; no link if empty.
    pub csv: &'a str,
}

/// One entry of a legend.
#[derive(Debug, Clone, Copy)]
pub struct Legend<'a> {
    /// What it stands for.
    pub name: &'a str,
    /// Which of the six series, from 1: colour and dashes.
    pub series: usize,
    /// Drawn as a line; a square otherwise.
    pub is_line: bool,
}

/// Shows which colour (and dashes) stands for what.
pub fn legend(entries: &[Legend<'_>]) -> Markup {
    html! {
        ul.legend {
            @for entry in entries {
                li.legend-series data-series=(series(entry.series)) data-line[entry.is_line] {
                    @if entry.is_line { svg.legend-line width="18" height="8" aria-hidden="true" { line x1="0" x2="18" y1="4" y2="4" {} } }
                    span.legend-name { (entry.name) }
                }
            }
        }
    }
}

/// The colours repeat after six.
pub(super) fn series(number: usize) -> usize {
    (number.max(1) - 1) % 6 + 1
}

/// A picture with its legend and its figures.
pub(super) struct Figure<'a> {
    /// How places along the chart lie: `points` from edge to edge, `slots` side by side.
    pub places: &'static str,
    pub legend: Markup,
    pub picture: Markup,
    pub data: &'a Data<'a>,
}

pub(super) fn figure(figure: &Figure<'_>) -> Markup {
    html! {
        div.chart data-chart=(figure.places) {
            @if !figure.legend.0.is_empty() { (figure.legend) }
            (figure.picture)
            (figure_table(figure.data))
        }
    }
}

/// Shows the figures of a chart as a table that opens on demand, with a link to them as CSV.
pub fn figure_table(data: &Data<'_>) -> Markup {
    html! {
        @if !data.rows.is_empty() {
            details.chart-data {
                summary { (icon::chevron_right()) "View as table" }
                @if !data.csv.is_empty() { a.chart-csv href=(data.csv) download { (icon::download()) "CSV" } }
                div.chart-scroller tabindex="0" role="region" aria-label="The figures of the chart" {
                    table {
                        thead { tr { @for column in &data.columns { th scope="col" { (column) } } } }
                        tbody {
                            @for row in &data.rows {
                                tr { @for (place, cell) in row.iter().enumerate() { @if place == 0 { th scope="row" { (cell) } } @else { td { (cell) } } } }
                            }
                        }
                    }
                }
            }
        }
    }
}
