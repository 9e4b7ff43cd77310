//! What a score is made of: the ring, what moved it, and each factor from the figure that was seen to the points it brings.

use insight::health::{Band, Factor, Health, Movement, NextAction};
use kit::words::counted;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::card::{self, Card};
use ui::chart::{self, Changes, Given, Part};
use ui::tabs::{self, Tab};
use ui::{format, icon};

use super::{UNHEARD, level};

/// Against when the score is compared, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// `7`, or 30 days.
    pub moved: String,
}

impl Asked {
    fn is_week(&self) -> bool {
        self.moved == "7"
    }
}

/// Shows the score with all that it is made of. `here` is the address of the page.
pub(crate) fn breakdown(health: &Health, asked: &Asked, here: &str) -> Markup {
    let score = &health.score;
    let help = "Each factor is worked out from what was seen, as a score from 0 to 100. The weights say how much each counts; points are weight \
                times score, and all points together are the health score. 50 is neutral.";
    let chosen = health.chosen_for.as_ref().map_or(String::new(), |chosen| format!(" (for the segment “{}”)", chosen.name));
    let hint = format!("{}{chosen}, {} of its weight from data.", score.model, format::percent(score.coverage, 0));
    card::card(Card {
        title: "Health",
        help,
        hint: &hint,
        badge: html! {
            @if score.is_new { (badge::tag(Tone::Neutral, "Fewer than 30 days of data")) }
            @if health.trend.falls_fast { (badge::tag(Tone::Bad, "Falling fast")) }
        },
        actions: since_tabs(asked, here),
        flush: true,
        id: "health",
        body: html! {
            div.health-summary {
                (chart::score(&chart::Score {
                    score: score.points,
                    level: level(score.band),
                    word: score.band.map_or("", Band::label),
                    label: "Health score",
                    missing: UNHEARD,
                }))
                (moved(health, asked))
            }
            (chart::factors(&score.factors.iter().map(factor).collect::<Vec<_>>()))
        },
        ..Card::default()
    })
}

fn since_tabs(asked: &Asked, here: &str) -> Markup {
    let to = |moved: &str| crate::portal::to(here, &[("moved", moved)]) + "#health";
    tabs::segmented("Compared with", &[Tab::new("7 days", to("7"), asked.is_week()), Tab::new("30 days", to(""), !asked.is_week())])
}

fn moved(health: &Health, asked: &Asked) -> Markup {
    let (movement, days) = if asked.is_week() { (&health.moved_7, 7) } else { (&health.moved_30, 30) };
    let Some(movement) = movement else {
        return html! { p.hint { "What moved it can be told once there is a score of " (days) " days ago." } };
    };
    html! {
        div {
            h3 { "What moved it" }
            (chart::changes(&Changes { since: &format!("{days} days ago"), before: movement.before, now: movement.after, parts: parts(movement) }))
        }
    }
}

/// The parts that can be seen, largest first. What is left out is less than is shown of any figure.
fn parts(movement: &Movement) -> Vec<Part<'_>> {
    let score = |score: Option<f64>| score.map_or("no data".to_owned(), |score| format::decimal(score, 0));
    let mut parts: Vec<Part<'_>> = movement
        .parts
        .iter()
        .map(|part| Part {
            name: part.label.as_str().into(),
            points: part.change,
            text: format!("factor score {} → {}", score(part.before), score(part.after)).into(),
        })
        .collect();
    parts.push(Part {
        name: "Counted differently".into(),
        points: movement.other,
        text: "another model, other properties, or events that came late".into(),
    });
    parts.retain(|part| part.points.abs() >= 0.05);
    parts.sort_by(|a, b| b.points.abs().total_cmp(&a.points.abs()));
    parts
}

fn factor(factor: &Factor) -> chart::Factor<'_> {
    let is_missing = factor.score.is_none();
    chart::Factor {
        name: factor.label.as_str().into(),
        seen: factor.text.as_str().into(),
        given: match factor.score {
            Some(score) if factor.is_neutral => Given::Neutral(score),
            Some(score) => Given::Scored(score),
            None => Given::Missing,
        },
        weight: (!is_missing).then_some(factor.share),
        points: factor.score.map(|score| score * factor.share),
        contribution: (!is_missing).then_some(factor.contribution),
        note: if factor.is_thin { "few data".into() } else { "".into() },
    }
}

/// Shows what would help most.
pub(crate) fn next_action(next: Option<&NextAction>, actions: Markup) -> Markup {
    let Some(next) = next else { return Markup::default() };
    let gain = counted(next.gain.round().max(1.0) as i64, "point");
    card::card(Card {
        title: "Best next action",
        help: "The factor with the most points to be had, and what would bring them.",
        body: html! {
            div.row.nowrap {
                span.next-mark { (icon::trending_up()) }
                div {
                    p { strong { (next.text) } }
                    p.hint { (next.label) ": up to " (gain) " more." }
                }
            }
        },
        footer: actions,
        ..Card::default()
    })
}

#[cfg(test)]
mod tests {
    use events::Day;
    use insight::health::MovedBy;

    use super::*;

    #[test]
    fn parts_are_largest_first_and_what_cannot_be_seen_is_left_out() {
        let by =
            |label: &str, change: f64| MovedBy { key: label.to_owned(), label: label.to_owned(), before: Some(10.0), after: None, change };
        let movement = Movement {
            since: Day(1),
            before: 60.0,
            after: 50.0,
            parts: vec![by("Sign-ins", 1.0), by("Support", -12.0), by("API", 0.01)],
            other: 1.0,
        };
        let shown: Vec<(String, f64)> = parts(&movement).iter().map(|part| (part.name.to_string(), part.points)).collect();
        assert_eq!(shown.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Support", "Sign-ins", "Counted differently"]);
        assert!(parts(&movement)[0].text.contains("no data"));
    }
}
