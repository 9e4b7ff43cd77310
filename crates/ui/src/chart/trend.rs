//! Lines over time, with what happened meanwhile.
//!
//! Places are percent of the width and pixels of the height, so that letters and dots keep their size on every screen; only the lines
//! themselves are stretched.

use std::borrow::Cow;
use std::fmt::Write as _;

use maud::{Markup, html};

use super::figure::{self, Data, Figure, Legend, series};
use super::scale::{Axis, labelled};
use crate::badge::Tone;
use crate::format;

/// Room above the highest figure, where marks are named.
const TOP: f64 = 18.0;
/// Room below the lowest figure, for the labels of places.
const BOTTOM: f64 = 24.0;
/// More labels than this run into each other on a desk; on a telephone every other one is left away.
const MOST_LABELS: usize = 6;
/// Columns that are so few are all named.
const MOST_NAMED: usize = 12;

/// One line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Line<'a> {
    /// What it shows.
    pub name: &'a str,
    /// Its figures, one for each place; a gap is NaN.
    pub values: &'a [f64],
    /// Its last figures from this place on are expected, not measured: dashed.
    pub expected_from: Option<usize>,
}

/// Something that happened at a place.
#[derive(Debug, Clone, Default)]
pub struct Mark<'a> {
    /// At which place.
    pub at: usize,
    /// In a word or two, such as `v3`: written at the line.
    pub label: Cow<'a, str>,
    /// In a sentence: part of the figures' table.
    pub text: Cow<'a, str>,
    /// The way of counting changed here: what lies left and right of it cannot simply be compared.
    pub is_version: bool,
}

/// A range of figures with a meaning, such as "at risk".
#[derive(Debug, Clone, Copy)]
pub struct Zone<'a> {
    /// Its word.
    pub name: &'a str,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Its colour.
    pub tone: Tone,
}

/// Lines over time.
#[derive(Debug, Clone)]
pub struct Trend<'a> {
    /// What it shows.
    pub title: &'a str,
    /// What one reads off it, for those who do not see it.
    pub summary: &'a str,
    /// What the places are called in the table: "Day".
    pub place: &'a str,
    /// The places, oldest first, in few letters: `14 Nov`.
    pub labels: &'a [String],
    /// One to six lines.
    pub lines: &'a [Line<'a>],
    /// The figures between which the first line is expected, in percent of likelihood: low and high for each place, NaN where none.
    pub band: Option<(&'a [f64], &'a [f64])>,
    /// What the band is, for the table: "80 % of cases".
    pub band_name: &'a str,
    /// A wider band around it, as a fan, with its name.
    pub wide_band: Option<(&'a [f64], &'a [f64])>,
    /// What the wider band is.
    pub wide_band_name: &'a str,
    /// Ranges with a meaning.
    pub zones: &'a [Zone<'a>],
    /// What happened.
    pub marks: &'a [Mark<'a>],
    /// The upright axis; by default around all figures.
    pub axis: Option<Axis>,
    /// How figures are written.
    pub figure: fn(f64) -> String,
    /// How high the picture is, in pixels.
    pub height: u32,
    /// Where the figures come as CSV.
    pub csv: &'a str,
}

impl Default for Trend<'_> {
    fn default() -> Self {
        Trend {
            title: "",
            summary: "",
            place: "Day",
            labels: &[],
            lines: &[],
            band: None,
            band_name: "",
            wide_band: None,
            wide_band_name: "",
            zones: &[],
            marks: &[],
            axis: None,
            figure: |figure| format::decimal(figure, 0),
            height: 220,
            csv: "",
        }
    }
}

/// Shows lines over time.
pub fn trend(trend: &Trend<'_>) -> Markup {
    let known = trend.lines.iter().any(|line| line.values.iter().any(|value| value.is_finite()));
    if !known || trend.labels.is_empty() {
        return html! { p.chart-none { "Nothing measured yet." } };
    }
    let bands = [trend.band, trend.wide_band].into_iter().flatten();
    let band = bands.flat_map(|(low, high)| low.iter().chain(high)).copied();
    let axis = trend.axis.clone().unwrap_or_else(|| Axis::around(trend.lines.iter().flat_map(|line| line.values).copied().chain(band)));
    let plot = Plot { axis, places: trend.labels.len(), height: f64::from(trend.height) };
    let entries: Vec<Legend<'_>> =
        trend.lines.iter().enumerate().map(|(place, line)| Legend { name: line.name, series: place + 1, is_line: true }).collect();
    figure::figure(&Figure {
        places: "points",
        legend: if entries.len() > 1 { figure::legend(&entries) } else { Markup::default() },
        picture: html! {
            div.plot {
                (plot.scale(trend.figure))
                svg.plot-field role="img" width="100%" height=(trend.height) {
                    title { (trend.title) }
                    desc { (trend.summary) }
                    @for zone in trend.zones { (plot.zone(zone)) }
                    (plot.grid())
                    @for mark in trend.marks { (plot.mark(mark)) }
                    svg.plot-lines viewBox=(format!("0 0 1000 {}", plot.room())) preserveAspectRatio="none" x="0" y=(TOP) width="100%" height=(plot.room()) {
                        @for (low, high) in [trend.wide_band, trend.band].into_iter().flatten() { (plot.band(low, high)) }
                        @for (place, line) in trend.lines.iter().enumerate() { (plot.line(line, place + 1)) }
                    }
                    @for (place, line) in trend.lines.iter().enumerate() { (plot.ends(line, place + 1)) }
                    (plot.labels(trend.labels, false))
                }
            }
        },
        data: &data(trend),
    })
}

fn data<'a>(trend: &Trend<'a>) -> Data<'a> {
    let has_marks = !trend.marks.is_empty();
    let mut columns: Vec<Cow<'a, str>> = vec![trend.place.into()];
    columns.extend(trend.lines.iter().map(|line| Cow::from(line.name)));
    columns.extend(trend.band.map(|_| Cow::from(trend.band_name)));
    columns.extend(trend.wide_band.map(|_| Cow::from(trend.wide_band_name)));
    columns.extend(has_marks.then_some(Cow::from("What happened")));
    let write =
        |value: Option<&f64>| value.filter(|value| value.is_finite()).map_or(format::MISSING.to_owned(), |value| (trend.figure)(*value));
    let row = |place: usize, label: &String| {
        let mut cells: Vec<Cow<'a, str>> = vec![label.clone().into()];
        cells.extend(trend.lines.iter().map(|line| Cow::from(write(line.values.get(place)))));
        for (low, high) in [trend.band, trend.wide_band].into_iter().flatten() {
            let (low, high) = (low.get(place), high.get(place));
            let is_known = low.is_some_and(|low| low.is_finite()) && high.is_some_and(|high| high.is_finite());
            cells.push(if is_known { format!("{} to {}", write(low), write(high)).into() } else { format::MISSING.into() });
        }
        if has_marks {
            let here: Vec<&str> = trend
                .marks
                .iter()
                .filter(|mark| mark.at == place)
                .map(|mark| if mark.text.is_empty() { &*mark.label } else { &*mark.text })
                .collect();
            cells.push(here.join("; ").into());
        }
        cells
    };
    Data { columns, rows: trend.labels.iter().enumerate().map(|(place, label)| row(place, label)).collect(), csv: trend.csv }
}

/// Where things stand in the picture.
pub(super) struct Plot {
    pub axis: Axis,
    pub places: usize,
    pub height: f64,
}

impl Plot {
    /// The height that is left for figures.
    pub fn room(&self) -> f64 {
        (self.height - TOP - BOTTOM).max(20.0)
    }

    /// Pixels from the top of the picture.
    pub fn y(&self, figure: f64) -> f64 {
        TOP + self.room() * (1.0 - self.axis.share(figure))
    }

    /// Percent of the width, from edge to edge.
    pub fn x(&self, place: usize) -> f64 {
        if self.places < 2 { 50.0 } else { place as f64 / (self.places - 1) as f64 * 100.0 }
    }

    /// The figures beside the picture.
    pub fn scale(&self, write: fn(f64) -> String) -> Markup {
        html! {
            svg.plot-scale width="100%" height=(self.height) aria-hidden="true" {
                @for tick in &self.axis.ticks { text x="100%" y=(px(self.y(*tick) + 4.0)) text-anchor="end" { (write(*tick)) } }
            }
        }
    }

    pub fn grid(&self) -> Markup {
        html! {
            @for tick in &self.axis.ticks {
                @let y = px(self.y(*tick).round() + 0.5);
                line.plot-grid x1="0" x2="100%" y1=(y) y2=(y) {}
            }
        }
    }

    fn zone(&self, zone: &Zone<'_>) -> Markup {
        let (top, bottom) = (self.y(zone.to), self.y(zone.from));
        html! {
            rect.plot-zone data-tone=(zone.tone.name()) x="0" width="100%" y=(px(top)) height=(px((bottom - top).max(0.0))) {}
            text.plot-zone-name data-tone=(zone.tone.name()) x="6" y=(px(top + 13.0)) { (zone.name) }
        }
    }

    fn mark(&self, mark: &Mark<'_>) -> Markup {
        let x = self.x(mark.at.min(self.places.saturating_sub(1)));
        html! {
            g.plot-mark data-version[mark.is_version] {
                line x1={ (percent(x)) "%" } x2={ (percent(x)) "%" } y1=(px(TOP - 4.0)) y2=(px(TOP + self.room())) {}
                text x={ (percent(x)) "%" } y="10" text-anchor=(anchor(x)) { (mark.label) }
            }
        }
    }

    /// From one known figure to the next; a gap breaks the line.
    fn line(&self, line: &Line<'_>, number: usize) -> Markup {
        let path = |from: usize, to: usize| {
            let mut path = String::new();
            let mut is_begun = false;
            for (place, value) in line.values.iter().enumerate().take(to.min(self.places)).skip(from) {
                if value.is_finite() {
                    let letter = if is_begun { 'L' } else { 'M' };
                    let _ = write!(path, "{letter}{} {}", px(self.x(place) * 10.0), px(self.y(*value) - TOP));
                }
                is_begun = value.is_finite();
            }
            path
        };
        let expected = line.expected_from.unwrap_or(usize::MAX);
        let measured = path(0, expected);
        // The dashed part begins where the measured one ends.
        let rest = if expected < self.places { path(expected.saturating_sub(1), self.places) } else { String::new() };
        html! {
            path.plot-line data-series=(series(number)) d=(measured) vector-effect="non-scaling-stroke" {}
            @if !rest.is_empty() { path.plot-line data-series=(series(number)) data-expected d=(rest) vector-effect="non-scaling-stroke" {} }
        }
    }

    fn band(&self, low: &[f64], high: &[f64]) -> Markup {
        let known: Vec<usize> = (0..self.places)
            .filter(|place| low.get(*place).is_some_and(|low| low.is_finite()) && high.get(*place).is_some_and(|high| high.is_finite()))
            .collect();
        let mut path = String::new();
        let point = |place: usize, value: f64| format!("{} {}", px(self.x(place) * 10.0), px(self.y(value) - TOP));
        for (index, place) in known.iter().enumerate() {
            let _ = write!(path, "{}{}", if index == 0 { "M" } else { "L" }, point(*place, high[*place]));
        }
        for place in known.iter().rev() {
            let _ = write!(path, "L{}", point(*place, low[*place]));
        }
        html! { @if known.len() > 1 { path.plot-band d={ (path) "Z" } {} } }
    }

    /// A dot at the newest figure, and at figures that stand alone between gaps.
    fn ends(&self, line: &Line<'_>, number: usize) -> Markup {
        let known = |place: usize| line.values.get(place).is_some_and(|value| value.is_finite());
        let last = line.values.iter().take(self.places).rposition(|value| value.is_finite());
        html! {
            @for place in 0..line.values.len().min(self.places) {
                @if known(place) && (Some(place) == last || (place == 0 || !known(place - 1)) && !known(place + 1)) {
                    circle.plot-dot data-series=(series(number)) cx={ (percent(self.x(place))) "%" } cy=(px(self.y(line.values[place]))) r="3" {}
                }
            }
        }
    }

    /// The labels below: in the middle of `slots`, or at points from edge to edge.
    pub fn labels(&self, labels: &[String], are_slots: bool) -> Markup {
        let y = px(self.height - 6.0);
        let most = if are_slots && labels.len() <= MOST_NAMED { MOST_NAMED } else { MOST_LABELS };
        let places = labelled(labels.len(), most);
        html! {
            @for (index, place) in places.iter().copied().enumerate() {
                @let is_minor = (places.len() - 1 - index) % 2 == 1;
                @let x = if are_slots { (place as f64 + 0.5) / labels.len() as f64 * 100.0 } else { self.x(place) };
                text.plot-label data-minor[is_minor && places.len() > 3] x={ (percent(x)) "%" } y=(y) text-anchor=(if most == MOST_NAMED { "middle" } else { anchor(x) }) { (labels[place]) }
            }
        }
    }
}

/// Letters near an edge grow away from it.
fn anchor(x: f64) -> &'static str {
    match x {
        x if x < 6.0 => "start",
        x if x > 94.0 => "end",
        _ => "middle",
    }
}

/// A length with as many digits as can be seen.
pub(super) fn px(length: f64) -> String {
    let text = format!("{length:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

pub(super) fn percent(share: f64) -> String {
    let text = format!("{share:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(count: usize) -> Vec<String> {
        (1..=count).map(|day| format!("{day} <Nov>")).collect()
    }

    #[test]
    fn gaps_break_lines_and_stand_as_dashes_in_the_table() {
        let labels = labels(5);
        let lines = [Line { name: "Health", values: &[1.0, 2.0, f64::NAN, 4.0, f64::NAN], expected_from: None }];
        let shown = trend(&Trend { title: "<Health>", labels: &labels, lines: &lines, ..Trend::default() }).into_string();
        let path =
            shown.split("plot-line\"").nth(1).and_then(|rest| rest.split("d=\"").nth(1)).and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(shown.matches("<td>–</td>").count(), 2, "{shown}");
        assert_eq!(shown.matches("plot-dot").count(), 1, "the last figure, which also stands alone: {shown}");
        assert!(!shown.contains("NaN") && shown.contains("&lt;Health&gt;") && shown.contains("5 &lt;Nov&gt;") && !shown.contains("<Nov>"));
    }

    #[test]
    fn nothing_known_is_said_and_not_drawn() {
        let labels = labels(2);
        let lines = [Line { name: "Health", values: &[f64::NAN, f64::NAN], expected_from: None }];
        let shown = trend(&Trend { labels: &labels, lines: &lines, ..Trend::default() }).into_string();
        assert!(shown.contains("Nothing measured yet") && !shown.contains("<svg"), "{shown}");
    }

    #[test]
    fn marks_and_bands_are_part_of_the_table() {
        let labels = labels(3);
        let lines = [Line { name: "Cost", values: &[1.0, 2.0, 3.0], expected_from: Some(2) }];
        let marks = [Mark { at: 1, label: "v2".into(), text: "Model version 2".into(), is_version: true }];
        let (low, high) = ([f64::NAN, f64::NAN, 2.0], [f64::NAN, f64::NAN, 4.0]);
        let chart = Trend {
            labels: &labels,
            lines: &lines,
            marks: &marks,
            band: Some((&low, &high)),
            band_name: "80 % of cases",
            wide_band: Some((&[f64::NAN, f64::NAN, 1.0], &[f64::NAN, f64::NAN, 5.0])),
            wide_band_name: "95 % of cases",
            ..Trend::default()
        };
        let shown = trend(&chart).into_string();
        assert!(
            shown.contains("<td>2 to 4</td><td>1 to 5</td>")
                && shown.contains("95 % of cases")
                && shown.contains("<td>Model version 2</td>")
                && shown.contains("data-expected"),
            "{shown}"
        );
    }
}
