//! A score from day to day, as a chart and as CSV.

use std::collections::BTreeMap;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use events::Day;
use insight::health::{Health, Trend};
use maud::{Markup, html};
use ui::badge::Tone;
use ui::card::{self, Card};
use ui::chart::{self, Axis, Line, Mark, Zone};
use ui::format;

use super::{long, short};

/// The bands. Their edges are those of [`insight::health::Band::of`].
const ZONES: [Zone<'static>; 3] = [
    Zone { name: "Healthy", from: 70.0, to: 100.0, tone: Tone::Ok },
    Zone { name: "At risk", from: 40.0, to: 70.0, tone: Tone::Warn },
    Zone { name: "Churning", from: 0.0, to: 40.0, tone: Tone::Bad },
];

/// Shows how the score went, with the versions of the model. `csv` is where the figures come as a file.
pub(crate) fn trend(health: &Health, csv: &str) -> Markup {
    let trend = &health.trend;
    let (days, values) = figures(trend);
    let labels: Vec<String> = days.iter().map(|day| short(*day)).collect();
    let place = |day: Day| days.iter().position(|other| *other >= day).unwrap_or_default();
    let marks: Vec<Mark<'_>> = trend
        .versions
        .iter()
        .filter(|(day, _)| days.first().is_some_and(|first| day >= first))
        .map(|(day, name)| Mark {
            at: place(*day),
            label: "New model".into(),
            text: format!("{name}: the score is made differently from here on").into(),
            is_version: true,
        })
        .collect();
    let few = days.len() < 2;
    card::card(Card {
        title: "Trend",
        help: "The score as it was kept at the end of each day. A dashed line marks another version of the model: a step there is not behaviour.",
        body: html! {
            @if few { p.hint { "The trend begins tomorrow: each day's score is kept." } } @else {
                (chart::trend(&chart::Trend {
                    title: "Health score by day",
                    summary: &summary(trend, &days, &values),
                    labels: &labels,
                    lines: &[Line { name: "Health", values: &values, expected_from: None }],
                    zones: &ZONES,
                    marks: &marks,
                    axis: Some(Axis::fixed(0.0, 100.0, 20.0)),
                    csv,
                    ..chart::Trend::default()
                }))
            }
        },
        ..Card::default()
    })
}

/// Every day from the first to the last; those without a score are gaps.
fn figures(trend: &Trend) -> (Vec<Day>, Vec<f64>) {
    let by_day: BTreeMap<Day, Option<f64>> = trend.points.iter().map(|point| (point.day, point.points)).collect();
    let (Some((first, _)), Some((last, _))) = (by_day.first_key_value(), by_day.last_key_value()) else { return Default::default() };
    let days: Vec<Day> = (first.0..=last.0).map(Day).collect();
    let values = days.iter().map(|day| by_day.get(day).copied().flatten().unwrap_or(f64::NAN)).collect();
    (days, values)
}

fn summary(trend: &Trend, days: &[Day], values: &[f64]) -> String {
    let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let (Some(first), Some(last), Some(day)) = (known.first(), known.last(), days.first()) else { return String::new() };
    let slope =
        trend.slope.map_or(String::new(), |slope| format!(" Over the last 28 days it changes by {} a day.", format::decimal(slope, 1)));
    format!("From {} on {} to {} now.{slope}", format::score(*first), long(*day), format::score(*last))
}

/// Scores by day as a file.
pub(crate) fn as_file(health: &Health) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"health.csv\"")];
    (headers, as_csv(&health.trend)).into_response()
}

/// A line for each day with its score.
fn as_csv(trend: &Trend) -> String {
    let mut text = String::from("day,score,model_version\r\n");
    for point in &trend.points {
        let points = point.points.map(|points| format!("{points:.2}")).unwrap_or_default();
        text += &format!("{},{points},{}\r\n", point.day.iso(), point.version.0);
    }
    text
}

#[cfg(test)]
mod tests {
    use insight::health::{Point, VersionNo};

    use super::*;

    fn point(day: i64, points: Option<f64>) -> Point {
        Point { day: Day(day), points, version: VersionNo(2) }
    }

    #[test]
    fn days_without_a_score_are_gaps_and_never_zero() {
        let trend = Trend { points: vec![point(10, Some(50.0)), point(11, None), point(13, Some(0.0))], ..Trend::default() };
        let (days, values) = figures(&trend);
        assert_eq!(days.len(), 4);
        assert!(values[0] == 50.0 && values[1].is_nan() && values[2].is_nan() && values[3] == 0.0);
        assert_eq!(as_csv(&trend), "day,score,model_version\r\n1970-01-11,50.00,2\r\n1970-01-12,,2\r\n1970-01-14,0.00,2\r\n");
        assert_eq!(figures(&Trend::default()).0.len(), 0);
    }
}
