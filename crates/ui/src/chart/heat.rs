//! Shares in a grid, darker where they are larger: who came back, by week.

use std::borrow::Cow;

use maud::{Markup, html};

use crate::card;
use crate::format;

/// One share.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Cell {
    /// From 0 to 1, and it will not change any more.
    Final(f64),
    /// From 0 to 1, but its time is not over: hatched, and marked in words.
    Partial(f64),
    /// Its time has not come: blank.
    #[default]
    Future,
    /// Not known: a dash.
    Unknown,
}

/// One row.
#[derive(Debug, Clone, Default)]
pub struct HeatRow<'a> {
    /// What it is: "Week of 2 Nov".
    pub label: Cow<'a, str>,
    /// Of how many the shares are.
    pub size: Option<i64>,
    /// The shares.
    pub cells: Vec<Cell>,
    /// Those behind the row.
    pub href: Cow<'a, str>,
}

/// Shares in a grid.
#[derive(Debug, Clone, Default)]
pub struct Heat<'a> {
    /// What it shows; read out by screen readers.
    pub caption: &'a str,
    /// What the rows are: "Cohort".
    pub rows_are: &'a str,
    /// Of what the shares are: "Customers". The column is left away if empty.
    pub sizes_are: &'a str,
    /// The columns.
    pub columns: &'a [Cow<'a, str>],
    /// The rows.
    pub rows: &'a [HeatRow<'a>],
}

/// Shows shares in a grid. The scale is always 0 to 100 %, so that grids can be compared.
pub fn heat(heat: &Heat<'_>) -> Markup {
    html! {
        div.heat-scroller tabindex="0" role="region" aria-label=(heat.caption) {
            table.heat {
                caption.visually-hidden { (heat.caption) }
                thead { tr {
                    th scope="col" { (heat.rows_are) }
                    @if !heat.sizes_are.is_empty() { th scope="col" data-numeric { (heat.sizes_are) } }
                    @for column in heat.columns { th scope="col" data-numeric { (column) } }
                } }
                tbody {
                    @for row in heat.rows {
                        tr {
                            th scope="row" { @if row.href.is_empty() { (row.label) } @else { a href=(row.href) { (row.label) } } }
                            @if !heat.sizes_are.is_empty() {
                                td data-numeric { @match row.size { Some(size) => (format::count(size)), None => (card::missing("Not counted")) } }
                            }
                            @for cell in &row.cells { (one(*cell)) }
                        }
                    }
                }
            }
        }
    }
}

fn one(cell: Cell) -> Markup {
    match cell {
        Cell::Final(share) if share.is_finite() => html! { td data-heat=(step(share)) { (format::percent(share, 0)) } },
        Cell::Partial(share) if share.is_finite() => html! {
            td data-heat=(step(share)) data-partial title="Not over yet" { (format::percent(share, 0)) span.visually-hidden { " so far" } }
        },
        Cell::Future => html! { td {} },
        _ => html! { td data-numeric { (card::missing("Not known")) } },
    }
}

/// Ten steps of colour; 0 has none.
fn step(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 10.0).ceil() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn future_is_blank_partial_is_said_and_zero_is_a_figure() {
        let rows = [HeatRow {
            label: "<W1>".into(),
            size: Some(12),
            cells: vec![Cell::Final(1.0), Cell::Final(0.0), Cell::Partial(0.31), Cell::Future],
            href: "".into(),
        }];
        let columns = ["0", "1", "2", "3"].map(Cow::from);
        let shown = heat(&Heat { caption: "Return", rows_are: "Week", sizes_are: "People", columns: &columns, rows: &rows }).into_string();
        assert!(
            shown.contains(r#"data-heat="10""#) && shown.contains("0\u{a0}%") && shown.contains("so far") && shown.contains("<td></td>"),
            "{shown}"
        );
        assert!(shown.contains("&lt;W1&gt;") && shown.contains(r#"data-heat="4" data-partial"#), "{shown}");
        assert!(one(Cell::Final(f64::NAN)).into_string().contains("Not known"));
    }
}
