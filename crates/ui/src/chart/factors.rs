//! What a score is made of, and what changed it.

use std::borrow::Cow;

use maud::{Markup, html};

use super::trend::percent;
use crate::badge::Tone;
use crate::format;

/// What is known of a factor.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Given {
    /// Its score, from 0 to 100, was worked out.
    Scored(f64),
    /// Nothing is known, and it counts as this score, which neither helps nor harms.
    Neutral(f64),
    /// Nothing is known, and its weight is shared among the others.
    #[default]
    Missing,
}

/// One factor of a score.
#[derive(Debug, Clone, Default)]
pub struct Factor<'a> {
    /// What is looked at: "Sign-ins".
    pub name: Cow<'a, str>,
    /// What was seen: "6 sign-ins in 30 days, 20 are full marks".
    pub seen: Cow<'a, str>,
    /// What it is worth, from 0 to 100.
    pub given: Given,
    /// Its share of all weights, from 0 to 1; `None` when it does not count.
    pub weight: Option<f64>,
    /// Points it brings of those it could: weight times score.
    pub points: Option<f64>,
    /// Points above or below what an average customer would have got here.
    pub contribution: Option<f64>,
    /// A remark, such as "few builds".
    pub note: Cow<'a, str>,
}

/// Shows what a score is made of: for each factor what was seen, its score, its weight, its points and how far it helps or harms.
pub fn factors(factors: &[Factor<'_>]) -> Markup {
    let widest = widest(factors.iter().filter_map(|factor| factor.contribution));
    html! {
        div.factors-scroller tabindex="0" role="region" aria-label="Factors of the score" {
            table.factors {
                thead { tr {
                    th scope="col" { "Factor" }
                    th scope="col" { "Factor score" }
                    th scope="col" data-numeric { "Weight" }
                    th scope="col" data-numeric { "Points" }
                    th scope="col" { "Against neutral" }
                } }
                tbody { @for factor in factors { (row(factor, widest)) } }
            }
        }
    }
}

fn row(factor: &Factor<'_>, widest: f64) -> Markup {
    let most = factor.weight.map(|weight| weight * 100.0);
    html! {
        tr {
            th scope="row" {
                span.factor-name { (factor.name) }
                span.factor-seen { (factor.seen) @if !factor.note.is_empty() { " · " (factor.note) } }
            }
            td.factor-score {
                @match factor.given {
                    Given::Scored(score) => {
                        span.factor-figure { (format::decimal(score, 0)) }
                        (meter(score, tone(score)))
                    }
                    Given::Neutral(score) => {
                        span.factor-figure { (format::decimal(score, 0)) }
                        span.factor-unknown { "neutral" }
                    }
                    Given::Missing => { span.factor-figure { (format::MISSING) } span.factor-unknown { "left out" } }
                }
            }
            td.factor-weight data-numeric data-label="Weight" { @match factor.weight { Some(weight) => (format::percent(weight, places(weight))), None => (format::MISSING) } }
            td.factor-points data-numeric data-label="Points" {
                @match (factor.points, most) {
                    (Some(points), Some(most)) => { strong { (format::decimal(points, 1)) } span.factor-of { " of " (format::decimal(most, 1)) } }
                    _ => (format::MISSING),
                }
            }
            td.factor-contribution { (diverging(factor.contribution, widest)) }
        }
    }
}

/// A weight that is not whole percent shows one place.
fn places(weight: f64) -> usize {
    usize::from(((weight * 100.0).round() - weight * 100.0).abs() > 0.05)
}

/// The same limits as the bands of a whole score.
fn tone(score: f64) -> Tone {
    match score {
        score if score >= 70.0 => Tone::Ok,
        score if score >= 40.0 => Tone::Warn,
        _ => Tone::Bad,
    }
}

fn meter(score: f64, tone: Tone) -> Markup {
    html! {
        svg.factor-meter data-tone=(tone.name()) width="100%" height="6" aria-hidden="true" {
            rect.meter-track width="100%" height="6" rx="3" {}
            @if score > 0.0 { rect.meter-fill width={ (percent(score.clamp(0.0, 100.0))) "%" } height="6" rx="3" {} }
        }
    }
}

fn widest(changes: impl Iterator<Item = f64>) -> f64 {
    changes.filter(|change| change.is_finite()).fold(1.0, |widest, change| widest.max(change.abs()))
}

/// A bar to the right of the middle for what helps, to the left for what harms.
fn diverging(change: Option<f64>, widest: f64) -> Markup {
    let Some(change) = change.filter(|change| change.is_finite()) else {
        return html! { span.change-figure { (format::MISSING) } };
    };
    let length = (change.abs() / widest * 50.0).min(50.0);
    let from = if change < 0.0 { 50.0 - length } else { 50.0 };
    html! {
        span.change data-tone=(if change < 0.0 { "bad" } else { "ok" }) {
            (bar(from, length))
            span.change-figure { (signed(change)) }
        }
    }
}

fn bar(from: f64, length: f64) -> Markup {
    html! {
        svg.change-bar width="100%" height="10" aria-hidden="true" {
            rect x={ (percent(from)) "%" } width={ (percent(length)) "%" } height="10" rx="2" {}
            line x1="50%" x2="50%" y1="0" y2="10" {}
        }
    }
}

fn signed(change: f64) -> String {
    let text = format::decimal(change, 1);
    let is_more = change > 0.0 && text.chars().any(|letter| ('1'..='9').contains(&letter));
    if is_more { format!("+{text}") } else { text }
}

/// One part of a change.
#[derive(Debug, Clone, Default)]
pub struct Part<'a> {
    /// What changed.
    pub name: Cow<'a, str>,
    /// By how many points of the whole.
    pub points: f64,
    /// How: "from 14 to 6 sign-ins".
    pub text: Cow<'a, str>,
}

/// How a score came from one figure to another.
#[derive(Debug, Clone, Default)]
pub struct Changes<'a> {
    /// When it was `before`: "30 days ago".
    pub since: &'a str,
    /// What it was.
    pub before: f64,
    /// What it is.
    pub now: f64,
    /// What changed it, the largest first; together they make the difference.
    pub parts: Vec<Part<'a>>,
}

/// Shows what changed a score: the parts, and that they make the difference.
pub fn changes(changes: &Changes<'_>) -> Markup {
    let widest = widest(changes.parts.iter().map(|part| part.points));
    html! {
        ul.changes {
            li.changes-end { span { (changes.since) } strong { (format::decimal(changes.before, 1)) } }
            @for part in &changes.parts {
                li.changes-part {
                    span.changes-name { (part.name) @if !part.text.is_empty() { span.factor-seen { (part.text) } } }
                    (diverging(Some(part.points), widest))
                }
            }
            li.changes-end { span { "Now" } strong { (format::decimal(changes.now, 1)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_neutral_factors_are_told_apart_from_zero() {
        let shown = factors(&[
            Factor {
                name: "<Logins>".into(),
                given: Given::Scored(0.0),
                weight: Some(0.25),
                points: Some(0.0),
                contribution: Some(-12.5),
                ..Factor::default()
            },
            Factor {
                name: "Rating".into(),
                given: Given::Neutral(50.0),
                weight: Some(0.1),
                points: Some(5.0),
                contribution: Some(0.0),
                ..Factor::default()
            },
            Factor { name: "Builds".into(), ..Factor::default() },
        ])
        .into_string();
        assert!(
            shown.contains("&lt;Logins&gt;") && shown.contains(">0<") && shown.contains("−12.5") && shown.contains("neutral"),
            "{shown}"
        );
        assert!(shown.contains("left out") && shown.matches('–').count() >= 4, "{shown}");
    }

    #[test]
    fn what_helps_lies_right_of_the_middle_and_what_harms_left() {
        assert!(diverging(Some(-5.0), 10.0).into_string().contains(r#"x="25%" width="25%""#));
        assert!(diverging(Some(10.0), 10.0).into_string().contains(r#"x="50%" width="50%""#));
        assert_eq!(signed(0.02), "0.0");
    }

    #[test]
    fn changes_tell_from_where_to_where() {
        let parts = vec![Part { name: "Tickets".into(), points: -8.0, text: "from 1 to 5".into() }];
        let shown = changes(&Changes { since: "7 days ago", before: 64.83, now: 56.83, parts }).into_string();
        assert!(shown.contains("64.8") && shown.contains("56.8") && shown.contains("−8.0") && shown.contains("from 1 to 5"), "{shown}");
    }
}
