//! A score from 0 to 100 with the word for it.

use maud::{Markup, PreEscaped, html};

use crate::badge::Tone;
use crate::card::{self, Delta, Trend};
use crate::format;

/// How good a score is: colour and shape. The word is the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// ● green.
    Good,
    /// ◐ amber.
    Middling,
    /// ▼ red.
    Poor,
    /// ○ grey: not known.
    #[default]
    Unknown,
}

impl Level {
    /// Its colour.
    pub fn tone(self) -> Tone {
        match self {
            Level::Good => Tone::Ok,
            Level::Middling => Tone::Warn,
            Level::Poor => Tone::Bad,
            Level::Unknown => Tone::Neutral,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Level::Good => "good",
            Level::Middling => "middling",
            Level::Poor => "poor",
            Level::Unknown => "unknown",
        }
    }

    fn shape(self) -> PreEscaped<String> {
        let drawing = match self {
            Level::Good => r#"<circle cx="5" cy="5" r="4"/>"#,
            Level::Middling => {
                r#"<circle cx="5" cy="5" r="3.5" fill="none" stroke="currentColor" stroke-width="1.25"/><path d="M5 1a4 4 0 0 0 0 8z"/>"#
            }
            Level::Poor => r#"<path d="M5 9.2.4 1h9.2z" stroke-linejoin="round"/>"#,
            Level::Unknown => r#"<circle cx="5" cy="5" r="3.5" fill="none" stroke="currentColor" stroke-width="1.25"/>"#,
        };
        PreEscaped(format!(r#"<svg class="shape" viewBox="0 0 10 10" aria-hidden="true">{drawing}</svg>"#))
    }
}

/// Shows the word for a level with its shape, as a badge: `◐ At risk`.
pub fn level(level: Level, word: &str) -> Markup {
    html! { span.badge.badge-status data-tone=(level.tone().name()) { (level.shape()) (word) } }
}

/// A score in large.
#[derive(Debug, Clone, Default)]
pub struct Score<'a> {
    /// From 0 to 100; `None` is shown as "–".
    pub score: Option<f64>,
    /// How good it is.
    pub level: Level,
    /// The word for it: "At risk".
    pub word: &'a str,
    /// What it is a score of: read out by screen readers.
    pub label: &'a str,
    /// Why there is none.
    pub missing: &'a str,
}

/// Shows a score in large: a ring with the figure, and the word below.
pub fn score(score: &Score<'_>) -> Markup {
    let figure = score.score.filter(|figure| figure.is_finite()).map(|figure| figure.clamp(0.0, 100.0));
    let text = figure.map_or(format::MISSING.to_owned(), format::score);
    html! {
        div.score data-tone=(score.level.tone().name()) {
            svg.score-ring viewBox="0 0 120 120" role="img"
                aria-label={ (score.label) ": " @if figure.is_some() { (text) " of 100, " (score.word) } @else { "unknown" } } {
                circle.ring-track cx="60" cy="60" r="52" {}
                @if let Some(figure) = figure.filter(|figure| *figure > 0.0) {
                    // The circle's pathLength is 100, so dashes are points.
                    circle.ring-fill cx="60" cy="60" r="52" pathLength="100" stroke-dasharray=(format!("{figure:.1} 100")) transform="rotate(-90 60 60)" {}
                }
                text.score-figure x="60" y="58" text-anchor="middle" dominant-baseline="central" aria-hidden="true" { (text) }
                @if figure.is_some() { text.score-of x="60" y="84" text-anchor="middle" aria-hidden="true" { "of 100" } }
            }
            @if figure.is_some() { (level(score.level, score.word)) } @else { p.hint { (score.missing) } }
        }
    }
}

/// Shows a score in a table: the figure beside the shape and word of its level. The shape comes from the style sheet: there are many.
pub fn score_cell(score: Option<f64>, level: Level, word: &str, missing: &str) -> Markup {
    match score.filter(|score| score.is_finite()) {
        Some(score) => html! {
            span.score-cell data-tone=(level.tone().name()) {
                span.score-cell-figure { (format::score(score)) } span.score-cell-word data-level=(level.name()) { (word) }
            }
        },
        None => card::missing(missing),
    }
}

/// A change in points since then, with arrow, sign and judgement: more is better. `None` where there was nothing to compare with.
pub fn tendency(change: Option<f64>, missing: &str) -> Markup {
    let Some(change) = change.filter(|change| change.is_finite()) else { return card::missing(missing) };
    let rounded = (change * 10.0).round() / 10.0;
    let (trend, good, sign) = match rounded {
        rounded if rounded > 0.0 => (Trend::Up, Some(true), "+"),
        rounded if rounded < 0.0 => (Trend::Down, Some(false), ""),
        _ => (Trend::Flat, None, "±"),
    };
    card::delta(&Delta { text: format!("{sign}{}", format::decimal(rounded, 1)), trend, good })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_score_reads_as_a_ten_that_it_has_not_reached() {
        for (points, text) in [
            (69.6, "69.6"),
            (69.99, "69.9"),
            (39.5, "39.5"),
            (99.7, "99.7"),
            (70.0, "70"),
            (70.4, "70"),
            (69.4, "69"),
            (65.5, "66"),
            (0.0, "0"),
            (100.0, "100"),
        ] {
            assert_eq!(format::score(points), text);
            let shown = |level, word| score(&Score { score: Some(points), level, word, ..Score::default() }).into_string();
            assert!(shown(Level::Middling, "At risk").contains(&format!("{text} of 100, At risk")));
            assert!(score_cell(Some(points), Level::Middling, "At risk", "").into_string().contains(&format!(">{text}<")));
        }
    }

    #[test]
    fn unknown_score_is_a_dash_with_its_reason() {
        let shown = score(&Score { label: "Health", missing: "No events yet", ..Score::default() }).into_string();
        assert!(
            shown.contains("Health: unknown") && shown.contains("No events yet") && shown.contains(">–<") && !shown.contains("ring-fill")
        );
        assert!(score_cell(Some(f64::NAN), Level::Good, "Healthy", "No events yet").into_string().contains("No events yet"));
    }

    #[test]
    fn score_of_nothing_is_a_figure_and_never_leaves_the_ring() {
        let shown =
            |figure| score(&Score { score: Some(figure), level: Level::Poor, word: "Churning", label: "Health", ..Score::default() });
        assert!(shown(0.0).into_string().contains("Health: 0 of 100, Churning"));
        assert!(shown(260.0).into_string().contains("100.0 100"));
    }

    #[test]
    fn tendency_has_a_sign_and_unknown_is_not_unchanged() {
        assert!(tendency(Some(3.21), "").into_string().contains("+3.2"));
        assert!(tendency(Some(-12.0), "").into_string().contains("−12.0"));
        assert!(tendency(Some(0.04), "").into_string().contains("±0.0"));
        assert!(tendency(None, "One day old").into_string().contains("One day old"));
    }
}
