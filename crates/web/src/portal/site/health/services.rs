//! The services of a site, each with its own state, uptime and restart.

use hosting::probes::{self, HealthState, ServiceHealth};
use hosting::{SiteState, templates};
use kit::words::counted;
use maud::{Markup, html};
use ui::card;
use ui::table::{self, Column, Row, Table};

use super::{Report, restart};
use crate::portal::site::Facts;
use crate::portal::words;

/// What visitors meet first stands first.
const ORDER: &[&str] = &["www", "api", "alert", "db"];

pub(super) fn table(facts: &Facts, report: &Report) -> Markup {
    let mut services: Vec<&ServiceHealth> = facts.seen.health.services.iter().collect();
    services.sort_by_key(|service| ORDER.iter().position(|known| *known == service.service).unwrap_or(ORDER.len()));
    let rows = services.into_iter().map(|service| {
        Row::new([
            table::two_lines(&service.service, words::service_purpose(&service.service)),
            status(facts, service),
            uptime(facts, service),
            limits(facts, service),
            restart::service_button(facts, report, &service.service),
        ])
    });
    html! {
        div.gap {
            (table::table(Table {
                caption: "Services",
                columns: &[
                    Column::new("Service"),
                    Column::new("Status"),
                    Column::new("Uptime").minor(),
                    Column::number("At most").minor(),
                    Column::actions(),
                ],
                rows: rows.collect(),
                bare: true,
                ..Table::default()
            }))
        }
    }
}

fn status(facts: &Facts, service: &ServiceHealth) -> Markup {
    // A stopped site's containers are there or not: neither is a fault.
    if facts.site.state == SiteState::Stopped {
        return words::health(HealthState::Stopped);
    }
    let state = facts.seen.shown(service.reading.state);
    let why = service.reading.cause.map(|cause| probes::reason(cause, service.reading.exit_code));
    html! {
        span title=[why.as_deref()] { (words::service_status(state, &service.reading)) }
        @if let Some(why) = why.filter(|_| state != HealthState::Running && state != HealthState::Unknown) { p.hint { (why) } }
        @if service.reading.restarts > 0 { p.hint { (counted(service.reading.restarts, "automatic restart")) } }
    }
}

fn uptime(facts: &Facts, service: &ServiceHealth) -> Markup {
    match service.reading.since.filter(|_| service.reading.is_well()) {
        Some(since) => html! { span.figures { (probes::uptime_text(facts.now.since(since))) } },
        None => card::missing("It does not run"),
    }
}

fn limits(facts: &Facts, service: &ServiceHealth) -> Markup {
    let manifest = templates::find(facts.site.kind).map(|template| &template.manifest);
    match manifest.and_then(|manifest| manifest.services.get(&service.service)) {
        Some(limit) => html! { (limit.cpus) " CPU · " (limit.memory.replace('M', " MB").replace('G', " GB")) },
        None => card::missing("Its limits were set elsewhere"),
    }
}
