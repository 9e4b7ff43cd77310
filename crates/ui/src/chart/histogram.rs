//! How many there are of each size: customers by score.

use std::borrow::Cow;

use maud::{Markup, html};

use super::figure::{self, Data, Figure};
use super::scale::Axis;
use super::trend::{Plot, percent, px};
use crate::badge::Tone;
use crate::format;

/// One size.
#[derive(Debug, Clone, Default)]
pub struct Bin<'a> {
    /// From where to where: `60–69`.
    pub label: Cow<'a, str>,
    /// How many.
    pub count: i64,
    /// Its colour; the label says the same.
    pub tone: Tone,
    /// Those behind the figure.
    pub href: Cow<'a, str>,
}

/// How many there are of each size.
#[derive(Debug, Clone, Default)]
pub struct Histogram<'a> {
    /// What is counted: "Customers by health score".
    pub title: &'a str,
    /// What one reads off it.
    pub summary: &'a str,
    /// What the sizes are called in the table: "Score".
    pub size: &'a str,
    /// What is counted, in the table: "Customers".
    pub what: &'a str,
    /// The sizes, least first.
    pub bins: &'a [Bin<'a>],
    /// Counts to compare with, one for each size: a second, hollow bar beside it.
    pub before: Option<(&'a [i64], &'a str)>,
    /// Where the figures come as CSV.
    pub csv: &'a str,
}

/// Shows how many there are of each size.
pub fn histogram(histogram: &Histogram<'_>) -> Markup {
    const HEIGHT: f64 = 190.0;
    let bins = histogram.bins;
    let before = histogram.before.map_or(&[][..], |(before, _)| before);
    let most = bins.iter().map(|bin| bin.count).chain(before.iter().copied()).max().unwrap_or(0);
    let plot = Plot { axis: Axis { low: 0.0, high: most.max(1) as f64, ticks: vec![0.0] }, places: bins.len(), height: HEIGHT };
    let slot = 100.0 / bins.len().max(1) as f64;
    let labels: Vec<String> = bins.iter().map(|bin| bin.label.clone().into_owned()).collect();
    let bar = |place: usize, bin: &Bin<'_>| {
        let (y, foot) = (plot.y(bin.count as f64), plot.y(0.0));
        let width = if before.is_empty() { 0.84 } else { 0.42 };
        let left = place as f64 * slot + slot * 0.08;
        html! {
            @if let Some(count) = before.get(place).filter(|count| **count > 0) {
                @let y = plot.y(*count as f64);
                rect.plot-before x={ (percent(left + slot * 0.42)) "%" } width={ (percent(slot * 0.42)) "%" } y=(px(y)) height=(px(foot - y)) {}
            }
            @if bin.count > 0 {
                rect.plot-bar data-tone=(bin.tone.name()) x={ (percent(left)) "%" } width={ (percent(slot * width)) "%" } y=(px(y)) height=(px((foot - y).max(1.0))) rx="2" {}
            }
            text.plot-count x={ (percent(left + slot * width / 2.0)) "%" } y=(px(y - 5.0)) text-anchor="middle" { (format::count(bin.count)) }
        }
    };
    let mut data = Data {
        columns: vec![histogram.size.into(), histogram.what.into()],
        rows: bins.iter().map(|bin| vec![bin.label.clone(), format::count(bin.count).into()]).collect(),
        csv: histogram.csv,
    };
    if let Some((before, name)) = histogram.before {
        data.columns.push(name.into());
        for (row, count) in data.rows.iter_mut().zip(before) {
            row.push(format::count(*count).into());
        }
    }
    figure::figure(&Figure {
        places: "slots",
        legend: Markup::default(),
        picture: html! {
            div.plot data-plain {
                svg.plot-field role=(if bins.iter().any(|bin| !bin.href.is_empty()) { "group" } else { "img" }) width="100%" height=(HEIGHT) {
                    title { (histogram.title) }
                    desc { (histogram.summary) }
                    (plot.grid())
                    @for (place, bin) in bins.iter().enumerate() {
                        @if bin.href.is_empty() { (bar(place, bin)) } @else {
                            a href=(bin.href) aria-label={ (bin.label) ": " (format::count(bin.count)) } {
                                // The whole slot is the link, also where the bar is low.
                                rect.plot-target x={ (percent(place as f64 * slot)) "%" } width={ (percent(slot)) "%" } y="0" height=(HEIGHT) {}
                                (bar(place, bin))
                            }
                        }
                    }
                    (plot.labels(&labels, true))
                }
            }
        },
        data: &data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_its_count_and_its_way_to_the_rows() {
        let bins = [
            Bin { label: "0–9".into(), count: 0, ..Bin::default() },
            Bin { label: "10–19".into(), count: 1_200, tone: Tone::Bad, href: "/c?a=1&b=2".into() },
        ];
        let shown = histogram(&Histogram { title: "By score", size: "Score", what: "Customers", bins: &bins, ..Histogram::default() })
            .into_string();
        assert!(
            shown.contains("1,200") && shown.contains("href=\"/c?a=1&amp;b=2\"") && shown.contains("aria-label=\"10–19: 1,200\""),
            "{shown}"
        );
        assert_eq!(shown.matches("plot-bar").count(), 1, "nobody is no bar: {shown}");
    }

    #[test]
    fn nobody_at_all_is_still_a_chart() {
        let bins = [Bin { label: "0–9".into(), ..Bin::default() }];
        assert!(
            !histogram(&Histogram { bins: &bins, before: Some((&[0], "Before")), ..Histogram::default() }).into_string().contains("NaN")
        );
    }
}
