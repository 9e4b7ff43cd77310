//! Columns side by side, stacked by kind: costs by day and model, events by day.

use std::borrow::Cow;

use maud::{Markup, html};

use super::figure::{self, Data, Figure, Legend, series};
use super::scale::Axis;
use super::trend::{Plot, percent, px};
use crate::format;

/// One kind within the columns.
#[derive(Debug, Clone, Copy)]
pub struct Stack<'a> {
    /// What it is.
    pub name: &'a str,
    /// Its figures, one for each place; NaN where nothing is known.
    pub values: &'a [f64],
}

/// Columns side by side.
#[derive(Debug, Clone)]
pub struct Columns<'a> {
    /// What they show.
    pub title: &'a str,
    /// What one reads off them, for those who do not see them.
    pub summary: &'a str,
    /// What the places are called in the table: "Day".
    pub place: &'a str,
    /// The places, oldest first, in few letters.
    pub labels: &'a [String],
    /// The kinds, the lowest first.
    pub stacks: &'a [Stack<'a>],
    /// From this place on figures are not final: a day that is not over, or a forecast.
    pub unfinished_from: Option<usize>,
    /// A figure not to be passed, such as a budget, and its name.
    pub limit: Option<(f64, &'a str)>,
    /// How figures are written.
    pub figure: fn(f64) -> String,
    /// How high the picture is, in pixels.
    pub height: u32,
    /// Where the figures come as CSV.
    pub csv: &'a str,
}

impl Default for Columns<'_> {
    fn default() -> Self {
        Columns {
            title: "",
            summary: "",
            place: "Day",
            labels: &[],
            stacks: &[],
            unfinished_from: None,
            limit: None,
            figure: |figure| format::decimal(figure, 0),
            height: 200,
            csv: "",
        }
    }
}

/// Shows columns side by side.
pub fn columns(columns: &Columns<'_>) -> Markup {
    let places = columns.labels.len();
    let sum = |place: usize| -> Option<f64> {
        let known = columns.stacks.iter().filter_map(|stack| stack.values.get(place)).filter(|value| value.is_finite());
        known.copied().reduce(|sum, value| sum + value)
    };
    let sums: Vec<Option<f64>> = (0..places).map(sum).collect();
    if sums.iter().all(Option::is_none) {
        return html! { p.chart-none { "Nothing measured yet." } };
    }
    let limit = columns.limit.map(|(limit, _)| limit);
    let plot = Plot { axis: Axis::around(sums.iter().flatten().copied().chain(limit)), places, height: f64::from(columns.height) };
    let entries: Vec<Legend<'_>> =
        columns.stacks.iter().enumerate().map(|(place, stack)| Legend { name: stack.name, series: place + 1, is_line: false }).collect();
    figure::figure(&Figure {
        places: "slots",
        legend: legend(&entries, columns.limit.map(|(_, name)| name)),
        picture: html! {
            div.plot {
                (plot.scale(columns.figure))
                svg.plot-field role="img" width="100%" height=(columns.height) {
                    title { (columns.title) }
                    desc { (columns.summary) }
                    (plot.grid())
                    @for (number, stack) in columns.stacks.iter().enumerate() {
                        g.plot-stack data-series=(series(number + 1)) {
                            @for place in 0..places { (block(&plot, columns, number, stack, place)) }
                        }
                    }
                    @if let Some((limit, name)) = columns.limit {
                        @let y = px(plot.y(limit));
                        line.plot-limit x1="0" x2="100%" y1=(y) y2=(y) { title { (name) ": " ((columns.figure)(limit)) } }
                    }
                    (plot.labels(columns.labels, true))
                }
            }
        },
        data: &data(columns, &sums),
    })
}

/// What the colours stand for, when there is more than one, and the name of the limit.
fn legend(entries: &[Legend<'_>], limit: Option<&str>) -> Markup {
    html! {
        @if entries.len() > 1 || limit.is_some() {
            div.row {
                @if entries.len() > 1 { (figure::legend(entries)) }
                @if let Some(name) = limit { span.legend-limit { svg.legend-line width="18" height="8" aria-hidden="true" { line.plot-limit x1="0" x2="18" y1="4" y2="4" {} } (name) } }
            }
        }
    }
}

/// One kind at one place, on top of those below it.
fn block(plot: &Plot, columns: &Columns<'_>, number: usize, stack: &Stack<'_>, place: usize) -> Markup {
    let Some(value) = stack.values.get(place).copied().filter(|value| value.is_finite() && *value > 0.0) else { return Markup::default() };
    let below: f64 = columns.stacks[..number].iter().filter_map(|stack| stack.values.get(place)).filter(|value| value.is_finite()).sum();
    let (top, bottom) = (plot.y(below + value), plot.y(below));
    let slot = 100.0 / plot.places as f64;
    let is_unfinished = columns.unfinished_from.is_some_and(|from| place >= from);
    html! {
        rect data-unfinished[is_unfinished] x={ (percent(place as f64 * slot + slot * 0.12)) "%" } width={ (percent(slot * 0.76)) "%" }
            y=(px(top)) height=(px((bottom - top).max(0.5))) {}
    }
}

fn data<'a>(columns: &Columns<'a>, sums: &[Option<f64>]) -> Data<'a> {
    let is_stacked = columns.stacks.len() > 1;
    let mut headings: Vec<Cow<'a, str>> = vec![columns.place.into()];
    headings.extend(columns.stacks.iter().map(|stack| Cow::from(stack.name)));
    headings.extend(is_stacked.then_some(Cow::from("Together")));
    let write = |value: Option<f64>| value.filter(|value| value.is_finite()).map_or(format::MISSING.to_owned(), columns.figure);
    let row = |(place, label): (usize, &String)| {
        let is_unfinished = columns.unfinished_from.is_some_and(|from| place >= from);
        let mut cells: Vec<Cow<'a, str>> = vec![if is_unfinished { format!("{label} (not final)").into() } else { label.clone().into() }];
        cells.extend(columns.stacks.iter().map(|stack| Cow::from(write(stack.values.get(place).copied()))));
        cells.extend(is_stacked.then(|| Cow::from(write(sums[place]))));
        cells
    };
    Data { columns: headings, rows: columns.labels.iter().enumerate().map(row).collect(), csv: columns.csv }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_stand_on_each_other_and_unknown_is_no_column() {
        let labels: Vec<String> = ["Mon", "Tue", "Wed"].map(str::to_owned).into();
        let stacks = [Stack { name: "A", values: &[1.0, f64::NAN, 2.0] }, Stack { name: "<B>", values: &[1.0, f64::NAN, 0.0] }];
        let chart =
            Columns { labels: &labels, stacks: &stacks, unfinished_from: Some(2), limit: Some((3.0, "Budget")), ..Columns::default() };
        let shown = columns(&chart).into_string();
        assert_eq!(shown.matches("<rect").count(), 3, "{shown}");
        assert_eq!(shown.matches("data-unfinished").count(), 1);
        assert!(shown.contains("Wed (not final)") && shown.contains("Budget") && shown.contains("&lt;B&gt;"));
        assert!(shown.contains("<th scope=\"row\">Tue</th><td>–</td><td>–</td><td>–</td>"), "{shown}");
    }

    #[test]
    fn nothing_known_is_said() {
        let labels = vec!["Mon".to_owned()];
        let shown = columns(&Columns { labels: &labels, stacks: &[Stack { name: "A", values: &[f64::NAN] }], ..Columns::default() });
        assert!(shown.into_string().contains("Nothing measured yet"));
    }
}
