//! The gauges of the card *Site Health*: CPU, memory and requests, each with its last hour; or an operator's Grafana panels.

use hosting::SiteId;
use hosting::usage::{Point, SiteFigures};
use kit::Timestamp;
use maud::{Markup, html};
use ui::gauge::{self, Gauge};
use ui::live::{self, Region};
use ui::table::{self, Column, Row, Table};
use ui::{card, format, help, icon};

use crate::app::App;
use crate::portal::site::Facts;
use crate::portal::to;

/// Seconds between looks without a socket.
const BEAT: u32 = 10;
/// Minutes that one row of the table stands for.
const ROW_MINUTES: usize = 5;

const HELP: &str = "CPU is what all parts of your site compute, 100 % being one processor core. Memory is what they hold. Requests are \
                    visits of pages, pictures and data. Short peaks are normal; a figure that stays high for long slows the site down. \
                    A restart helps only when memory grows and grows.";
const CPU_HELP: &str = "All parts of the site together. 100 % is one processor core kept busy.";
const MEMORY_HELP: &str = "All parts of the site together, without cache that can be given back. At its limit a part is restarted.";
const REQUESTS_HELP: &str =
    "What visitors' browsers asked of your site, each second. The arc compares it with the busiest minute of the last hour.";

/// The gauges with their heading; they keep themselves current.
pub(in crate::portal::site) fn part(app: &App, facts: &Facts) -> Markup {
    let grafana = &app.config.grafana.url;
    let panels = ["CPU", "Memory", "Requests per second"].into_iter().zip(1..);
    let panels: Vec<(&str, String)> = panels.filter_map(|(title, id)| Some((title, grafana.panel(id, &facts.site.id)?))).collect();
    html! {
        section.gap aria-label="Live figures" {
            h3.row { "Live figures" (help::popover("metrics", HELP)) }
            @if panels.is_empty() {
                @let here = to(&format!("/sites/{}", facts.site.id), &[("part", "figures"), ("layout", facts.layout().name())]);
                @let topic = format!("figures:{}", facts.site.id);
                (live::region(Region { topic: &topic, url: &here, poll: Some(BEAT), body: inside(app, &facts.site.id, facts.now), ..Region::default() }))
            } @else {
                div.panels {
                    @for (title, address) in &panels {
                        iframe.panel src=(address) title={ (title) " (Grafana)" } loading="lazy" sandbox="allow-scripts allow-same-origin"
                            referrerpolicy="no-referrer" {}
                    }
                }
            }
        }
    }
}

/// The part that changes.
pub(in crate::portal::site) fn inside(app: &App, site: &SiteId, now: Timestamp) -> Markup {
    let figures = app.hosting.figures.of(site, now);
    html! {
        (gauge::row(html! { (cpu(&figures)) (memory(&figures)) (requests(&figures)) }))
        details.hint.disclosure {
            summary { (icon::chevron_right()) "View as table" }
            (as_table(&figures.last_hour))
        }
    }
}

fn cpu(figures: &SiteFigures) -> Markup {
    let trend = trend(figures, |point| point.cpu);
    gauge::gauge(Gauge {
        label: "CPU",
        help: CPU_HELP,
        figure: &figures.cpu_percent.map(|percent| few_digits(percent, 1)).unwrap_or_default(),
        unit: "%",
        share: figures.cpu_percent.map(|percent| percent / 100.0),
        hint: "of one core",
        missing: why_missing(figures),
        trend: &trend,
        trend_label: &told("CPU", &trend, |percent| format!("{} %", few_digits(percent, 1))),
        ..Gauge::default()
    })
}

fn memory(figures: &SiteFigures) -> Markup {
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    let real = |bytes: u64| bytes as f64;
    let trend = trend(figures, |point| point.memory.map(real));
    let written = figures.memory_bytes.map(format::bytes).unwrap_or_default();
    let (figure, unit) = written.split_once('\u{a0}').unwrap_or((&written, ""));
    let hint = match figures.memory_limit {
        Some(limit) => format!("of {}", format::bytes(limit)),
        None => "without a limit".to_owned(),
    };
    let peak = trend.iter().copied().filter(|bytes| bytes.is_finite()).fold(0.0, f64::max);
    let most = figures.memory_limit.map_or(peak, real);
    gauge::gauge(Gauge {
        label: "Memory",
        help: MEMORY_HELP,
        figure,
        unit,
        share: figures.memory_bytes.filter(|_| most > 0.0).map(|bytes| real(bytes) / most),
        has_limit: figures.memory_limit.is_some(),
        hint: &hint,
        missing: why_missing(figures),
        trend: &trend,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes are whole and not negative")]
        trend_label: &told("Memory", &trend, |bytes| format::bytes(bytes as u64)),
    })
}

fn requests(figures: &SiteFigures) -> Markup {
    let trend = trend(figures, |point| point.requests);
    let peak = trend.iter().copied().filter(|rate| rate.is_finite()).chain(figures.requests_per_second).fold(0.0, f64::max);
    let missing = match figures {
        SiteFigures { as_of: Some(_), is_counted: false, services, .. } if !services.is_empty() => {
            "Not counted: visitors do not come through Innkeeper's edge"
        }
        SiteFigures { as_of: Some(_), is_counted: true, cpu_percent: Some(_), .. } => "The edge does not tell at present",
        other => why_missing(other),
    };
    gauge::gauge(Gauge {
        label: "Requests",
        help: REQUESTS_HELP,
        figure: &figures.requests_per_second.map(|rate| few_digits(rate, 1)).unwrap_or_default(),
        unit: "/s",
        share: figures.requests_per_second.map(|rate| if peak > 0.0 { rate / peak } else { 0.0 }),
        hint: &format!("at most {} /s in the last hour", few_digits(peak, 1)),
        missing,
        trend: &trend,
        trend_label: &told("Requests a second", &trend, |rate| few_digits(rate, 1)),
        ..Gauge::default()
    })
}

fn why_missing(figures: &SiteFigures) -> &'static str {
    match figures {
        SiteFigures { as_of: None, .. } => "The first figures come in some seconds",
        SiteFigures { services, .. } if services.is_empty() => "No part of the site runs, or figures stopped coming",
        _ => "Two looks are needed: wait ten seconds",
    }
}

fn trend(figures: &SiteFigures, of: impl Fn(&Point) -> Option<f64>) -> Vec<f64> {
    figures.last_hour.iter().map(|point| of(point).unwrap_or(f64::NAN)).collect()
}

/// What the line shows, for those who do not see it.
fn told(what: &str, trend: &[f64], written: impl Fn(f64) -> String) -> String {
    let known: Vec<f64> = trend.iter().copied().filter(|figure| figure.is_finite()).collect();
    match known.last() {
        Some(last) => {
            let most = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            format!("{what} in the last hour: now {}, at most {}", written(*last), written(most))
        }
        None => format!("{what} in the last hour: not known"),
    }
}

/// The last hour in steps of five minutes, newest first.
fn as_table(hour: &[Point]) -> Markup {
    let rows = hour.rchunks(ROW_MINUTES).map(|minutes| {
        let average = |of: fn(&Point) -> Option<f64>| {
            let known: Vec<f64> = minutes.iter().filter_map(of).collect();
            #[expect(clippy::cast_precision_loss, reason = "at most five")]
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        let cell = |figure: Option<String>| match figure {
            Some(figure) => html! { (figure) },
            None => card::missing("Nothing was measured"),
        };
        let at = minutes.first().map_or(0, |point| point.at.0);
        Row::new([
            html! { time datetime=(format::iso(at)) title=(format::date_time(at)) { (format::clock(at).get(..5).unwrap_or_default()) " UTC" } },
            cell(average(|point| point.cpu).map(|percent| format!("{}\u{a0}%", few_digits(percent, 1)))),
            cell(minutes.iter().filter_map(|point| point.memory).max().map(format::bytes)),
            cell(average(|point| point.requests).map(|rate| few_digits(rate, 2))),
        ])
    });
    table::table(Table {
        caption: "The last hour in steps of five minutes",
        columns: &[Column::new("From"), Column::number("CPU"), Column::number("Memory"), Column::number("Requests/s")],
        rows: rows.collect(),
        bare: true,
        ..Table::default()
    })
}

/// Decimals only where they say something.
fn few_digits(figure: f64, places: usize) -> String {
    format::decimal(figure, if figure.abs() >= 10.0 { 0 } else { places })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(minute: i64, cpu: Option<f64>) -> Point {
        Point { at: Timestamp(minute * 60_000), cpu, memory: None, requests: None }
    }

    #[test]
    fn requests_of_an_adopted_site_are_a_dash_with_the_reason() {
        let service = hosting::usage::ServiceFigures {
            service: "wordpress".to_owned(),
            cpu_percent: Some(1.0),
            memory_bytes: Some(1),
            memory_limit: None,
        };
        let seen = SiteFigures { as_of: Some(Timestamp(1)), services: vec![service], cpu_percent: Some(1.0), ..SiteFigures::default() };
        let shown = requests(&seen).into_string();
        assert!(shown.contains('–') && shown.contains("visitors do not come through"), "{shown}");
        let shown = requests(&SiteFigures { is_counted: true, ..seen }).into_string();
        assert!(shown.contains("The edge does not tell"), "{shown}");
    }

    #[test]
    fn table_averages_five_minutes_and_keeps_gaps() {
        let hour: Vec<Point> = (0..60).map(|minute| point(minute, (minute >= 55).then_some(40.0))).collect();
        let shown = as_table(&hour).into_string();
        assert_eq!(shown.matches("<tr").count(), 13, "{shown}");
        assert_eq!(shown.matches("40\u{a0}%").count(), 1, "{shown}");
        assert!(shown.contains("Nothing was measured"));
    }

    #[test]
    fn line_is_told_in_words() {
        assert_eq!(told("CPU", &[1.0, f64::NAN, 4.0, 2.5], |it| format!("{it} %")), "CPU in the last hour: now 2.5 %, at most 4 %");
        assert_eq!(told("CPU", &[f64::NAN], |it| it.to_string()), "CPU in the last hour: not known");
    }
}
