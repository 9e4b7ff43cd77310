//! A customer's health in words and pictures: on the operator's pages, and on the customer's own.

mod breakdown;
mod trend;

pub(crate) use breakdown::{Asked, breakdown, next_action};
pub(crate) use trend::{as_file, trend};

use events::Day;
use insight::health::{Band, Health, Standing};
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::card;
use ui::chart::{self, Level, Sparkline};
use ui::format;

/// Why there is no score, or no change of one.
pub(crate) const UNHEARD: &str = "No events have come in yet";
const TOO_YOUNG: &str = "There was no score then";

/// Colour and shape of a band.
pub(crate) fn level(band: Option<Band>) -> Level {
    match band {
        Some(Band::Healthy) => Level::Good,
        Some(Band::AtRisk) => Level::Middling,
        Some(Band::Churning) => Level::Poor,
        None => Level::Unknown,
    }
}

/// The word for a band, with its shape.
pub(crate) fn band(band: Option<Band>) -> Markup {
    chart::level(level(band), band.map_or("No score yet", Band::label))
}

/// Score and band in a list.
pub(crate) fn cell(standing: Option<&Standing>) -> Markup {
    let (points, band) = standing.map_or((None, None), |standing| (standing.points, standing.band));
    html! {
        (chart::score_cell(points, level(band), band.map_or("", Band::label), UNHEARD))
        @if standing.is_some_and(|standing| standing.is_new && standing.points.is_some()) { " " (badge::tag(Tone::Neutral, "New")) }
    }
}

/// The last days of a score, in a list.
pub(crate) fn spark(standing: Option<&Standing>) -> Markup {
    let values: Vec<f64> =
        standing.map_or(Vec::new(), |standing| standing.recent.iter().map(|points| points.unwrap_or(f64::NAN)).collect());
    let last = values.iter().rfind(|value| value.is_finite()).map_or(format::MISSING.to_owned(), |last| format::score(*last));
    let label = format!("Health over the last {} days, now {last}", values.len());
    let tone = level(standing.and_then(|standing| standing.band)).tone();
    html! { div.spark-cell { (chart::sparkline(Sparkline { values: &values, label: &label, tone, bare: true, ..Sparkline::default() })) } }
}

/// The factor that moved a score most within a week, in a list.
pub(crate) fn moved_by(standing: Option<&Standing>) -> Markup {
    match standing.and_then(|standing| standing.moved_by.as_ref()) {
        Some((_, label, change)) => html! { span.row.nowrap { (label) (chart::tendency(Some(*change), "")) } },
        None => card::missing("Nothing moved it within 7 days"),
    }
}

/// A change since some days ago, of a customer in a list.
pub(crate) fn change_of(standing: Option<&Standing>, pick: fn(&Standing) -> Option<f64>) -> Markup {
    chart::tendency(standing.and_then(pick), TOO_YOUNG)
}

/// How it is and since when, in one sentence for the head of a page.
pub(crate) fn in_a_sentence(health: &Health) -> String {
    let (Some(points), Some(band)) = (health.score.points, health.score.band) else { return format!("{UNHEARD}.") };
    let mut text = format!("{} at {}", band.label(), format::score(points));
    if let Some(since) = since(health, band) {
        text += &format!(" since {}", long(since));
    }
    if let Some(movement) = &health.moved_30 {
        let change = movement.after - movement.before;
        let mostly =
            movement.parts.iter().max_by(|a, b| a.change.abs().total_cmp(&b.change.abs())).filter(|part| part.change.abs() >= 0.05);
        if change.abs() >= 0.5 {
            let verb = if change > 0.0 { "rose" } else { "fell" };
            let count = format::decimal(change.abs(), 0);
            text += &format!("; {verb} {count} point{} in 30 days", if count == "1" { "" } else { "s" });
            if let Some(part) = mostly {
                text += &format!(", mostly by {}", part.label);
            }
        }
    }
    text + "."
}

/// The first day of the stretch in this band that goes on today; none when it is as old as what is known.
fn since(health: &Health, band: Band) -> Option<Day> {
    let points = &health.trend.points;
    let other = points.iter().rposition(|point| point.points.is_none_or(|points| Band::of(points) != band))?;
    points.get(other + 1).map(|point| point.day)
}

/// `21 Nov 2026`.
pub(crate) fn long(day: Day) -> String {
    format::date(day.0.saturating_mul(86_400_000))
}

/// `21 Nov`.
pub(crate) fn short(day: Day) -> String {
    long(day).rsplit_once('\u{a0}').map_or_else(String::new, |(day, _)| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{long, short};
    use events::Day;

    #[test]
    fn days_are_written_as_people_read_them() {
        let day = Day::parse("2026-11-21").unwrap();
        assert_eq!((long(day).replace('\u{a0}', " "), short(day).replace('\u{a0}', " ")), ("21 Nov 2026".to_owned(), "21 Nov".to_owned()));
    }
}
