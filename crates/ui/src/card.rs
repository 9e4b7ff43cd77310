//! Cards and what stands in them: lists of facts, figures, and the word for "nothing yet".

use crate::{format, help, icon};
use maud::{Markup, html};

/// A framed part of a page.
#[derive(Debug, Clone, Default)]
pub struct Card<'a> {
    /// The heading; none if empty.
    pub title: &'a str,
    /// One sentence behind [?].
    pub help: &'a str,
    /// A line under the heading.
    pub hint: &'a str,
    /// A badge beside the heading.
    pub badge: Markup,
    /// Buttons or links at the right of the heading.
    pub actions: Markup,
    /// The content touches the edges: for tables, logs, lists.
    pub flush: bool,
    /// A line at the bottom, for "see all" or the time of measurement.
    pub footer: Markup,
    /// For links to this part of the page.
    pub id: &'a str,
    /// What it holds.
    pub body: Markup,
}

/// Shows a framed part of a page.
pub fn card(card: Card<'_>) -> Markup {
    let id = (!card.id.is_empty()).then_some(card.id);
    html! {
        section.card id=[id] data-flush[card.flush] {
            @if !card.title.is_empty() {
                header.card-head {
                    div.card-heading {
                        h2 { (card.title) }
                        @if !card.help.is_empty() { (help::popover(card.title, card.help)) }
                        (card.badge)
                    }
                    @if !card.actions.0.is_empty() { div.card-actions { (card.actions) } }
                    @if !card.hint.is_empty() { p.card-hint { (card.hint) } }
                }
            }
            div.card-body { (card.body) }
            @if !card.footer.0.is_empty() { footer.card-foot { (card.footer) } }
        }
    }
}

/// Shows a card with a heading and nothing special.
pub fn simple(title: &str, body: Markup) -> Markup {
    card(Card { title, body, ..Card::default() })
}

/// Sets cards side by side, as many as fit in columns of at least this width.
pub fn grid(width: GridWidth, cards: Markup) -> Markup {
    let class = match width {
        GridWidth::Narrow => "grid grid-narrow",
        GridWidth::Medium => "grid grid-medium",
        GridWidth::Wide => "grid grid-wide",
    };
    html! { div class=(class) { (cards) } }
}

/// The least width of a column in a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GridWidth {
    /// Figures: four in a row on a desk.
    Narrow,
    /// Three in a row on a desk.
    Medium,
    /// Two in a row on a desk.
    Wide,
}

/// Sets a main part and a narrower one beside it; below each other on small screens.
pub fn split(main: Markup, aside: Markup) -> Markup {
    html! { div.split { div.split-main { (main) } div.split-aside { (aside) } } }
}

/// Sets parts below each other with the usual distance.
pub fn stack(parts: Markup) -> Markup {
    html! { div.stack { (parts) } }
}

/// Shows a list of facts: name and value.
pub fn kv(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.kv {
            @for (name, value) in facts { div.kv-row { dt { (name) } dd { (value) } } }
        }
    }
}

/// A value that is not there, with the reason.
pub fn missing(reason: &str) -> Markup {
    html! { span.missing title=(reason) { (format::MISSING) span.visually-hidden { " (" (reason) ")" } } }
}

/// A figure against the one of the previous period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The change with its sign: `+12.4 %`.
    pub text: String,
    /// Which way it went.
    pub trend: Trend,
    /// Whether that is good; `None` if neither.
    pub good: Option<bool>,
}

/// Which way a figure went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// More.
    Up,
    /// Less.
    Down,
    /// The same.
    Flat,
}

/// Which way a figure should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Up,
    /// Less is better.
    Down,
    /// Neither is.
    Neither,
}

impl Delta {
    /// Compares a figure with the one before, in percent. `None` when there was none to compare with.
    pub fn between(now: f64, before: f64, better: Better) -> Option<Self> {
        if before == 0.0 || !now.is_finite() || !before.is_finite() {
            return None;
        }
        let change = (now - before) / before.abs();
        let trend = if change.abs() < 0.0005 {
            Trend::Flat
        } else if change > 0.0 {
            Trend::Up
        } else {
            Trend::Down
        };
        let sign = if trend == Trend::Up { "+" } else { "" };
        let good = match (trend, better) {
            (Trend::Flat, _) | (_, Better::Neither) => None,
            (Trend::Up, better) => Some(better == Better::Up),
            (Trend::Down, better) => Some(better == Better::Down),
        };
        Some(Self { text: format!("{sign}{}", format::percent(change, 1)), trend, good })
    }
}

/// Shows a change with arrow, sign and colour.
pub fn delta(delta: &Delta) -> Markup {
    let good = match delta.good {
        Some(true) => "ok",
        Some(false) => "bad",
        None => "neutral",
    };
    let (arrow, word) = match delta.trend {
        Trend::Up => ("▲", "up"),
        Trend::Down => ("▼", "down"),
        Trend::Flat => ("▬", "unchanged"),
    };
    html! {
        span.delta data-tone=(good) {
            span.delta-arrow aria-hidden="true" { (arrow) } span.visually-hidden { (word) " " } (delta.text)
        }
    }
}

/// One figure in large.
#[derive(Debug, Clone, Default)]
pub struct Stat<'a> {
    /// What is counted.
    pub label: &'a str,
    /// The figure; "–" if empty, and then `hint` says why.
    pub figure: &'a str,
    /// What it is counted in.
    pub unit: &'a str,
    /// Against the previous period.
    pub delta: Option<Delta>,
    /// The small line: the period compared with, or the reason for a missing figure.
    pub hint: &'a str,
    /// One sentence behind [?].
    pub help: &'a str,
    /// A small picture at the right, such as a sparkline or ring.
    pub picture: Markup,
    /// Where the figure leads.
    pub href: &'a str,
}

/// Shows one figure in large.
pub fn stat(stat: Stat<'_>) -> Markup {
    let figure = if stat.figure.is_empty() { format::MISSING } else { stat.figure };
    html! {
        div.stat {
            div.stat-label {
                @if stat.href.is_empty() { span { (stat.label) } } @else { a.stat-link href=(stat.href) { (stat.label) } }
                @if !stat.help.is_empty() { (help::popover(stat.label, stat.help)) }
            }
            div.stat-figure { span.figure { (figure) } @if !stat.unit.is_empty() { span.unit { (stat.unit) } } }
            @if !stat.picture.0.is_empty() { div.stat-picture { (stat.picture) } }
            @if stat.delta.is_some() || !stat.hint.is_empty() {
                div.stat-foot {
                    @if let Some(change) = &stat.delta { (delta(change)) }
                    @if !stat.hint.is_empty() { span.hint { (stat.hint) } }
                }
            }
        }
    }
}

/// Sets figures in one framed strip.
pub fn stats(tiles: Markup) -> Markup {
    html! { div.stats { (tiles) } }
}

/// The word for "nothing yet", with the next step.
#[derive(Debug, Clone, Default)]
pub struct Empty<'a> {
    /// A picture; an inbox if none is given.
    pub icon: Option<Markup>,
    /// What is not there: "No sites yet".
    pub title: &'a str,
    /// One sentence on what will appear here and how.
    pub text: &'a str,
    /// The next step, a button or link.
    pub action: Markup,
}

/// Shows that there is nothing yet, and the next step.
pub fn empty_state(empty: Empty<'_>) -> Markup {
    html! {
        div.empty {
            div.empty-icon { (empty.icon.unwrap_or_else(icon::inbox)) }
            p.empty-title { (empty.title) }
            @if !empty.text.is_empty() { p.empty-text { (empty.text) } }
            @if !empty.action.0.is_empty() { div.empty-action { (empty.action) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delta_carries_sign_and_judgement() {
        let cost = Delta::between(110.0, 100.0, Better::Down).expect("there is a figure before");
        assert_eq!((cost.text.as_str(), cost.trend, cost.good), ("+10.0\u{a0}%", Trend::Up, Some(false)));
        let same = Delta::between(100.0, 100.0, Better::Up).expect("there is a figure before");
        assert_eq!((same.text.as_str(), same.good), ("0.0\u{a0}%", None));
        assert_eq!(Delta::between(5.0, 0.0, Better::Up), None);
    }

    #[test]
    fn missing_figure_is_a_dash_and_text_is_escaped() {
        let tile = stat(Stat { label: "<Visits>", hint: "No traffic yet", ..Stat::default() }).into_string();
        assert!(tile.contains("–") && tile.contains("No traffic yet") && tile.contains("&lt;Visits&gt;"));
    }
}
