//! The card about the site's certificate.

use hosting::sites::CertificateState;
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::card::{self, Card};
use ui::format;

use super::Facts;
use crate::app::App;
use crate::portal::words;

/// Certificates are renewed long before; one that ends within this time deserves a word.
const SOON_MS: i64 = 30 * 86_400_000;
/// The certificate: until when it is good, or why there is none.
pub(super) fn card(app: &App, facts: &Facts) -> Markup {
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
