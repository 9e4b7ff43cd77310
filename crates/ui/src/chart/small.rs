//! Small pictures of figures, drawn by the server, so that they also serve in mail.
//!
//! Interactive charts are a script of their own, loaded where they are used.

use crate::{badge::Tone, format};
use maud::{Markup, PreEscaped, html};
use std::fmt::Write as _;

/// A line of figures without axes.
#[derive(Debug, Clone, Default)]
pub struct Sparkline<'a> {
    /// The figures, oldest first; a gap is NaN.
    pub values: &'a [f64],
    /// What it shows, with its newest figure: read out by screen readers.
    pub label: &'a str,
    /// Its colour.
    pub tone: Tone,
    /// The scale starts at 0 instead of at the least figure.
    pub from_zero: bool,
    /// Only the line, without the ground below it: for lists with many of them.
    pub bare: bool,
}

/// Shows a line of figures without axes. It fills the width of its place.
pub fn sparkline(sparkline: Sparkline<'_>) -> Markup {
    // Ten units to a pixel: whole numbers take fewer letters than decimals, and there are many of them.
    const HEIGHT: f64 = 280.0;
    const EDGE: f64 = 20.0;
    let known = || sparkline.values.iter().copied().filter(|value| value.is_finite());
    let most = known().fold(f64::NEG_INFINITY, f64::max);
    let least = if sparkline.from_zero { 0.0 } else { known().fold(f64::INFINITY, f64::min) };
    if sparkline.values.len() < 2 || !most.is_finite() {
        return html! { span.spark-none { (format::MISSING) span.visually-hidden { " (not enough figures yet)" } } };
    }
    let range = if most > least { most - least } else { 1.0 };
    let step = 1000.0 / (sparkline.values.len() - 1) as f64;
    let (mut line, mut area) = (String::new(), String::new());
    let mut run: Vec<(f64, f64)> = Vec::new();
    for (place, value) in sparkline.values.iter().chain([&f64::NAN]).enumerate() {
        if value.is_finite() {
            let height = if most > least { (value - least) / range } else { 0.5 };
            run.push((place as f64 * step, HEIGHT - EDGE - height * (HEIGHT - 2.0 * EDGE)));
        } else if let (Some(first), Some(last)) = (run.first().copied(), run.last().copied()) {
            // Points after the first of an `M` are lines by themselves. A point alone is a line of no length, which shows as a dot.
            let mut path = String::from("M");
            for (index, (x, y)) in run.iter().enumerate() {
                let _ = write!(path, "{}{x:.0} {y:.0}", if index == 0 { "" } else { " " });
            }
            if run.len() == 1 {
                path += "h0";
            }
            if !sparkline.bare {
                let _ = write!(area, "{path}L{:.0} {HEIGHT:.0}L{:.0} {HEIGHT:.0}Z", last.0, first.0);
            }
            line += &path;
            run.clear();
        }
    }
    let area = if sparkline.bare { String::new() } else { format!(r#"<path class="spark-area" d="{area}"/>"#) };
    html! {
        svg.spark data-tone=(sparkline.tone.name()) viewBox="0 0 1000 280" preserveAspectRatio="none" role="img" aria-label=(sparkline.label) {
            (PreEscaped(format!(r#"{area}<path class="spark-line" d="{line}" vector-effect="non-scaling-stroke"/>"#)))
        }
    }
}

/// Shows figures as small bars, such as requests per hour or uptime per day.
pub fn spark_bars(values: &[f64], label: &str, tone: Tone) -> Markup {
    let most = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let slot = 100.0 / values.len().max(1) as f64;
    let mut bars = String::new();
    for (place, value) in values.iter().enumerate() {
        let height = if most > 0.0 && value.is_finite() { (value / most * 28.0).max(1.0) } else { 1.0 };
        let _ = write!(
            bars,
            r#"<rect x="{:.2}" y="{:.2}" width="{:.2}" height="{height:.2}"/>"#,
            place as f64 * slot + slot * 0.12,
            28.0 - height,
            slot * 0.76,
        );
    }
    html! {
        svg.spark.spark-bars data-tone=(tone.name()) viewBox="0 0 100 28" preserveAspectRatio="none" role="img" aria-label=(label) {
            (PreEscaped(bars))
        }
    }
}

/// One stretch of time in a bar of them, such as a day.
#[derive(Debug, Clone)]
pub struct Slot {
    /// How it was.
    pub tone: Tone,
    /// Whether anything is known of it; it is faint otherwise.
    pub is_known: bool,
    /// What stands in its tooltip.
    pub title: String,
}

/// Shows stretches of time side by side, each in the colour of how it was: uptime by day. Those of which nothing is known say nothing.
pub fn slots(slots: &[Slot], label: &str) -> Markup {
    // Each slot is ten units wide, eight of them filled; width and height stand in the style sheet, as there are many slots.
    html! {
        svg.slots viewBox=(format!("0 0 {} 28", slots.len() * 10)) preserveAspectRatio="none" role="img" aria-label=(label) {
            @for (place, slot) in slots.iter().enumerate() {
                @if slot.is_known {
                    rect data-tone=(slot.tone.name()) x=(place * 10 + 1) { title { (slot.title) } }
                } @else {
                    rect x=(place * 10 + 1) {}
                }
            }
        }
    }
}

/// A share of a whole as a ring with the figure inside.
#[derive(Debug, Clone, Default)]
pub struct Ring<'a> {
    /// From 0 to 1; `None` is shown as "–".
    pub share: Option<f64>,
    /// The figure inside, such as `72` or `48 %`.
    pub figure: &'a str,
    /// What it shows: read out by screen readers before the figure.
    pub label: &'a str,
    /// Its colour.
    pub tone: Tone,
    /// 64 px instead of 32.
    pub large: bool,
}

/// Shows a share of a whole as a ring.
pub fn ring(ring: Ring<'_>) -> Markup {
    let share = ring.share.filter(|share| share.is_finite()).map(|share| share.clamp(0.0, 1.0));
    let figure = if share.is_none() { format::MISSING } else { ring.figure };
    // The circle's pathLength is 100, so dashes are percent.
    let dash = format!("{:.1} 100", share.unwrap_or(0.0) * 100.0);
    html! {
        svg.ring data-tone=(ring.tone.name()) data-large[ring.large] viewBox="0 0 36 36" role="img" aria-label={ (ring.label) ": " (figure) } {
            circle.ring-track cx="18" cy="18" r="15.5" {}
            @if share.is_some_and(|share| share > 0.0) {
                circle.ring-fill cx="18" cy="18" r="15.5" pathLength="100" stroke-dasharray=(dash) transform="rotate(-90 18 18)" {}
            }
            text.ring-figure x="18" y="18" text-anchor="middle" dominant-baseline="central" aria-hidden="true" { (figure) }
        }
    }
}

/// Shows parts of a whole as one bar with a legend: label, count, colour.
pub fn distribution(label: &str, parts: &[(&str, i64, Tone)]) -> Markup {
    let whole: i64 = parts.iter().map(|(_, count, _)| *count).sum();
    let mut start = 0.0;
    html! {
        div.distribution {
            svg.distribution-bar width="100%" height="10" role="img" aria-label=(label) {
                @for (_, count, tone) in parts {
                    @let width = if whole > 0 { *count as f64 / whole as f64 * 100.0 } else { 0.0 };
                    @let from = { let from = start; start += width; from };
                    rect data-tone=(tone.name()) x=(format!("{from:.2}%")) width=(format!("{width:.2}%")) height="10" {}
                }
            }
            ul.legend {
                @for (name, count, tone) in parts {
                    li data-tone=(tone.name()) { span.legend-name { (name) } span.legend-count { (format::count(*count)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_break_the_line_and_one_figure_is_too_few() {
        let shown = sparkline(Sparkline { values: &[1.0, 2.0, f64::NAN, 2.0, 1.0], label: "<x>", ..Sparkline::default() }).into_string();
        assert_eq!(shown.split("spark-line").nth(1).map(|line| line.matches('M').count()), Some(2));
        assert!(shown.contains("&lt;x&gt;") && !shown.contains("NaN"));
        assert!(sparkline(Sparkline { values: &[1.0], ..Sparkline::default() }).into_string().contains("not enough"));
    }

    #[test]
    fn ring_without_share_is_a_dash() {
        assert!(ring(Ring { label: "Health", ..Ring::default() }).into_string().contains("Health: –"));
    }
}
