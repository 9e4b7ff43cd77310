//! The site's services, each with its state, and its certificate.

use hosting::runtime::ServiceState;
use hosting::sites::CertificateState;
use hosting::{SiteState, templates};
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::live::{self, Region};
use ui::table::{self, Column, Row, Table};
use ui::{format, icon};

use super::Facts;
use crate::app::App;
use crate::portal::services::Services;
use crate::portal::{to, words};

/// Certificates are renewed long before; one that ends within this time deserves a word.
const SOON_MS: i64 = 30 * 86_400_000;
/// Seconds between looks: containers change without anyone telling us.
const BEAT: u32 = 10;
const ORDER: &[&str] = &["www", "api", "alert", "db"];

pub(super) fn card(facts: &Facts) -> Markup {
    let here = to(&format!("/sites/{}", facts.site.id), &[("part", "services"), ("layout", facts.layout().name())]);
    let topic = format!("site:{}", facts.site.id);
    card::card(Card {
        title: "Services",
        help: "The parts of your site. Each runs in a container of its own, apart from those of other sites.",
        flush: true,
        body: live::region(Region {
            topic: &topic,
            url: &here,
            poll: Some(BEAT),
            always_poll: true,
            body: inside(facts),
            ..Region::default()
        }),
        ..Card::default()
    })
}

pub(super) fn inside(facts: &Facts) -> Markup {
    let states = match &facts.services {
        Services::Known(states) | Services::Changing(states) => states,
        Services::Unknown(why) => return unavailable(facts, why),
    };
    let manifest = templates::find(facts.site.kind).map(|template| &template.manifest);
    let limits = |name: &str| match manifest.and_then(|manifest| manifest.services.get(name)) {
        Some(service) => html! { (service.cpus) " CPU · " (service.memory.replace('M', " MB").replace('G', " GB")) },
        None => card::missing("Not part of the template"),
    };
    // What visitors meet first stands first.
    let mut ordered: Vec<_> = states.iter().collect();
    ordered.sort_by_key(|(name, _)| ORDER.iter().position(|known| *known == name.as_str()).unwrap_or(ORDER.len()));
    let rows = ordered
        .into_iter()
        .map(|(name, state)| Row::new([table::two_lines(name, words::service_purpose(name)), status(facts, *state), limits(name)]));
    table::table(Table {
        caption: "Services",
        columns: &[Column::new("Service"), Column::new("Status"), Column::number("At most").minor()],
        rows: rows.collect(),
        bare: true,
        ..Table::default()
    })
}

/// A stopped site's containers are there or not: neither is a fault.
fn status(facts: &Facts, state: ServiceState) -> Markup {
    match (facts.site.state, state) {
        (SiteState::Stopped, ServiceState::Missing) => words::service_status(ServiceState::Stopped),
        (_, state) => words::service_status(state),
    }
}

fn unavailable(facts: &Facts, why: &str) -> Markup {
    // Only staff can do something about the engine.
    let why = if facts.customer.is_some() { why } else { "The server's containers cannot be asked right now" };
    let text = format!("{why}. The site itself may well be up; only its state cannot be seen.");
    card::empty_state(Empty {
        icon: Some(icon::plug()),
        title: "Status unavailable",
        text: &text,
        action: button::link(
            &format!("/sites/{}", facts.site.id),
            Button { label: "Look again", icon: Some(icon::refresh_cw()), kind: Kind::Secondary, ..Button::default() },
        ),
    })
}

/// The certificate: until when it is good, or why there is none.
pub(super) fn certificate(app: &App, facts: &Facts) -> Markup {
    let site = &facts.site;
    let expiry = match site.certificate_expires_at {
        Some(at) => html! {
            time datetime=(format::iso(at.0)) title=(format::date_time(at.0)) { (format::date(at.0)) }
            @if at.0 - facts.now.0 < SOON_MS { " · " (words::time_left(at, facts.now)) }
        },
        None => card::missing("There is no certificate yet"),
    };
    let mut rows = vec![("Good until", expiry)];
    if let Some(own) = &site.custom_domain {
        rows.push(("Own domain", html! { (own) " " (badge::tag(Tone::Warn, "Not routed yet")) }));
    }
    let address = &app.hosting.config.public_ip;
    card::card(Card {
        title: "Certificate",
        help: "It lets browsers open the site over HTTPS. Innkeeper gets and renews it by itself.",
        badge: match site.certificate_state {
            CertificateState::Valid => badge::tag(Tone::Ok, "Valid"),
            CertificateState::Pending => badge::tag(Tone::Accent, "On its way"),
            CertificateState::Failed => badge::tag(Tone::Serious, "Missing"),
        },
        body: html! {
            (card::kv(&rows))
            @if site.certificate_state == CertificateState::Failed {
                p { (crate::respond::sentence(site.certificate_error.as_deref().unwrap_or("the authority did not give one"))) }
                p.hint {
                    "Check that " code { (site.domain) } " leads to this server"
                    @if !address.is_empty() { " (" code { (address) } ")" }
                    ". Innkeeper asks again every ten minutes."
                }
            }
        },
        ..Card::default()
    })
}
