//! What the next days are expected to cost, and how good such forecasts were.

use events::Day;
use insight::cost::{Overview, Usd};
use insight::forecast::{Expected, Forecast, Method};
use maud::{Markup, html};
use ui::card::{self, Card, Stat};
use ui::chart::{self, Line, Mark, Trend};
use ui::format;

use super::dollars;
use crate::score;

/// The card with the next 7 and 30 days.
pub fn card(overview: &Overview) -> Markup {
    let body = match &overview.forecast {
        Some(forecast) => html! { (sums(forecast)) (fan(overview, forecast)) (how(overview, forecast)) },
        None => html! { p.hint { "There is no full day with costs yet, so nothing can be said about the next ones." } },
    };
    card::card(Card {
        title: "What to expect",
        help: "Made from full days alone: today counts as the first day that is expected. The bands hold what comes in 80 and in 95 of 100 cases.",
        body,
        ..Card::default()
    })
}

fn range(low: f64, high: f64) -> String {
    format!("{} to {}", Usd::of_dollars(low), Usd::of_dollars(high))
}

fn sums(forecast: &Forecast) -> Markup {
    let tile = |label: &str, of: Option<&Expected>| {
        let Some(of) = of else { return Markup::default() };
        let hint = format!("80 %: {}; 95 %: {}", range(of.low_80, of.high_80), range(of.low_95, of.high_95));
        card::stat(Stat { label, figure: &Usd::of_dollars(of.mean).to_string(), hint: &hint, ..Stat::default() })
    };
    card::stats(html! {
        (tile("7 days, from today", forecast.sums.first()))
        (tile("30 days, from today", forecast.sums.get(1)))
    })
}

/// 30 days as they were, and 30 as they are expected.
fn fan(overview: &Overview, forecast: &Forecast) -> Markup {
    let today = overview.days.1;
    let past: Vec<Day> = (overview.days.0.0..today.0).map(Day).collect();
    let ahead = &forecast.days[..forecast.days.len().min(30)];
    let labels: Vec<String> = past.iter().copied().chain((0..ahead.len()).map(|day| today.plus(day as i64))).map(score::short).collect();
    let cost = |day: &Day| overview.by_day.iter().filter(|(it, _)| it == day).map(|(_, model)| model.sum.cost).sum::<Usd>().dollars();
    let gap = vec![f64::NAN; past.len()];
    let with_gap = |of: fn(&Expected) -> f64| -> Vec<f64> { gap.iter().copied().chain(ahead.iter().map(of)).collect() };
    let values: Vec<f64> = past.iter().map(cost).chain(ahead.iter().map(|it| it.mean)).collect();
    let (low, high) = (with_gap(|it| it.low_80), with_gap(|it| it.high_80));
    let (wide_low, wide_high) = (with_gap(|it| it.low_95), with_gap(|it| it.high_95));
    let marks: Vec<Mark<'_>> = overview
        .marks
        .iter()
        .filter_map(|mark| {
            let at = usize::try_from(mark.day.0 - overview.days.0.0).ok().filter(|at| *at < labels.len())?;
            Some(Mark { at, label: "price".into(), text: format!("Price changed: {}", mark.label).into(), is_version: true })
        })
        .collect();
    let summary = forecast.sums.get(1).map_or_else(String::new, |of| format!("{} expected in the next 30 days.", Usd::of_dollars(of.mean)));
    chart::trend(&Trend {
        title: "Costs by day, as they were and as they are expected",
        summary: &summary,
        labels: &labels,
        lines: &[Line { name: "Cost", values: &values, expected_from: Some(past.len()) }],
        band: Some((&low, &high)),
        band_name: "80 of 100 cases",
        wide_band: Some((&wide_low, &wide_high)),
        wide_band_name: "95 of 100 cases",
        marks: &marks,
        figure: dollars,
        ..Trend::default()
    })
}

/// How it was made, and how good such forecasts were.
fn how(overview: &Overview, forecast: &Forecast) -> Markup {
    let from = match forecast.shift.and_then(|day| i64::try_from(day).ok()) {
        Some(day) => format!(", since the level changed on {}", score::short(overview.history_from.plus(day))),
        None => String::new(),
    };
    html! {
        p.hint {
            @if forecast.method == Method::Mean { strong { "Not enough data. " } }
            "Made of " (kit::words::counted(forecast.days_used, "full day")) (from) " by " (forecast.method.label()) ". "
            @match &forecast.accuracy {
                Some(told) => {
                    "Tried as of each of the last " (kit::words::counted(told.origins, "day")) ", a week ahead: error "
                    (format::decimal(told.mase, 2)) " of that of “as last week” (MASE)"
                    @if let Some(mape) = told.mape { ", " (format::decimal(mape, 0)) " % of what came (MAPE)" }
                    "; " (format::percent(told.coverage, 0)) " of what came was in the 80 % band"
                    @if told.widened > 1.005 { ", which is " (format::decimal(told.widened, 2)) " times as wide as errors alone make it" }
                    ". Others: "
                    @for (place, (method, mase)) in told.compared.iter().skip(1).enumerate() {
                        @if place > 0 { ", " } (method.label()) " " (format::decimal(*mase, 2))
                    }
                    "."
                }
                None => "With three weeks of full days it says how good it is.",
            }
            @if overview.full.unpriced > 0 { " Unpriced calls are not in it." }
        }
    }
}
