//! Gauges: a present figure on an arc, with the hour behind it as a line.

use crate::{badge::Tone, card, chart, chart::Sparkline, help};
use maud::{Markup, html};

/// A present figure.
#[derive(Debug, Clone, Default)]
pub struct Gauge<'a> {
    /// What is measured.
    pub label: &'a str,
    /// One sentence behind [?].
    pub help: &'a str,
    /// The figure; if empty, `missing` says why.
    pub figure: &'a str,
    /// What it is counted in.
    pub unit: &'a str,
    /// How far the arc is filled, from 0 to 1; `None` leaves it empty.
    pub share: Option<f64>,
    /// The share is of a limit: amber from 80 %, red from 95 %.
    pub has_limit: bool,
    /// The small line: what the arc is measured by.
    pub hint: &'a str,
    /// Why there is no figure.
    pub missing: &'a str,
    /// Figures up to now, oldest first; a gap is NaN.
    pub trend: &'a [f64],
    /// What the trend shows, read out by screen readers: `CPU in the last hour`.
    pub trend_label: &'a str,
}

/// Shows a figure on an arc.
pub fn gauge(gauge: Gauge<'_>) -> Markup {
    let share = gauge.share.filter(|share| share.is_finite() && !gauge.figure.is_empty()).map(|share| share.clamp(0.0, 1.0));
    let tone = match share {
        Some(share) if gauge.has_limit && share >= 0.95 => Tone::Bad,
        Some(share) if gauge.has_limit && share >= 0.8 => Tone::Warn,
        _ => Tone::Accent,
    };
    // The arc's pathLength is 100, so dashes are percent.
    let dash = format!("{:.1} 200", share.unwrap_or(0.0) * 100.0);
    html! {
        div.gauge {
            div.gauge-label { span { (gauge.label) } @if !gauge.help.is_empty() { (help::popover(gauge.label, gauge.help)) } }
            div.gauge-dial data-tone=(tone.name()) {
                svg.gauge-arc viewBox="0 0 120 66" aria-hidden="true" {
                    path.gauge-track d="M8 60A52 52 0 0 1 112 60" {}
                    @if share.is_some_and(|share| share > 0.0) {
                        path.gauge-fill d="M8 60A52 52 0 0 1 112 60" pathLength="100" stroke-dasharray=(dash) {}
                    }
                }
                div.gauge-figure {
                    @if gauge.figure.is_empty() {
                        span.figure { (card::missing(gauge.missing)) }
                    } @else {
                        span.figure { (gauge.figure) } @if !gauge.unit.is_empty() { span.unit { (gauge.unit) } }
                    }
                }
            }
            // The reason is told beside the dash already, but a tip does not open by touch.
            p.gauge-hint { @if gauge.figure.is_empty() { (gauge.missing) } @else { (gauge.hint) } }
            div.gauge-trend {
                (chart::sparkline(Sparkline { values: gauge.trend, label: gauge.trend_label, tone: Tone::Neutral, from_zero: true, ..Sparkline::default() }))
            }
        }
    }
}

/// Sets gauges side by side; below each other where there is no room.
pub fn row(gauges: Markup) -> Markup {
    html! { div.gauges { (gauges) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_figure_is_a_dash_with_its_reason_and_no_arc() {
        let shown = gauge(Gauge { label: "<CPU>", missing: "It does not run", share: Some(0.5), ..Gauge::default() }).into_string();
        assert!(shown.contains("–") && shown.contains("It does not run") && shown.contains("&lt;CPU&gt;"), "{shown}");
        assert!(!shown.contains("gauge-fill"), "{shown}");
    }

    #[test]
    fn colour_warns_of_limits_only() {
        let tone = |share: f64, has_limit: bool| {
            let shown = gauge(Gauge { figure: "1", share: Some(share), has_limit, ..Gauge::default() }).into_string();
            shown.split("gauge-dial\" data-tone=\"").nth(1).and_then(|rest| rest.split('"').next().map(str::to_owned)).unwrap()
        };
        assert_eq!(tone(0.5, true), "accent");
        assert_eq!(tone(0.8, true), "warn");
        assert_eq!(tone(7.0, true), "bad");
        assert_eq!(tone(1.0, false), "accent");
    }

    #[test]
    fn arc_never_leaves_its_track() {
        let shown = gauge(Gauge { figure: "300", share: Some(3.0), ..Gauge::default() }).into_string();
        assert!(shown.contains("stroke-dasharray=\"100.0 200\""), "{shown}");
        assert!(!gauge(Gauge { figure: "?", share: Some(f64::NAN), ..Gauge::default() }).into_string().contains("gauge-fill"));
    }
}
