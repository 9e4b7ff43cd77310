//! The status page of one site, as one would show it to one's customers.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hosting::SiteId;
use hosting::probes::status_page::{PublicIncident, StatusPage};
use maud::{Markup, html};
use ui::badge::{self, Status};
use ui::card;
use ui::format;
use ui::page::Theme;
use ui::public::{self, Public};

use super::{kept, private_hint, read_site, words};
use crate::app::App;
use crate::extract::Path;
use crate::frame::BRAND;
use crate::portal;
use crate::respond::Answer;
use crate::routes::Caller;

const PRIVATE: &str = "Others are told that there is nothing here. The owner can show it to everyone on the site's page.";

/// Shows it.
pub async fn page(State(app): State<App>, caller: Option<Extension<Caller>>, Path(id): Path<SiteId>) -> Answer {
    let page = read_site(&app, caller.as_deref(), &id).await?;
    let is_public = page.is_public;
    Ok(kept(show(&page), is_public))
}

fn show(page: &StatusPage) -> Response {
    let (verdict, meaning) = words::of_site(page.state);
    public::public(Public {
        brand: BRAND,
        title: &page.name,
        kicker: "Status",
        banner: private_hint(page.is_public, PRIVATE),
        footer: html! { "As of " (format::time_exact(page.as_of.0)) },
        // Not whoever looks: what everyone may read is the same for everyone.
        theme: Theme::System,
        body: html! {
            (public::verdict(words::status(page.state), verdict, meaning))
            (card::simple("Uptime", portal::uptime_bar(&page.days)))
            (card::simple("Incidents", incidents(page)))
        },
    })
    .into_response()
}

fn incidents(page: &StatusPage) -> Markup {
    if page.current.is_none() && page.past.is_empty() {
        return html! { p { "None in the last 90 days." } };
    }
    html! {
        ul.stack {
            @if let Some(incident) = &page.current { li { (lasting(incident, page)) } }
            @for incident in &page.past { li { (over(incident, page)) } }
        }
    }
}

fn lasting(incident: &PublicIncident, page: &StatusPage) -> Markup {
    html! {
        p.row { (badge::status_as(Status::Error, "Now")) strong { (words::of_lasting_outage(incident.outage)) } }
        p.hint { "Since " (format::time_exact(incident.started_at.0)) ", for " (words::length(incident, page.as_of)) " now." }
    }
}

fn over(incident: &PublicIncident, page: &StatusPage) -> Markup {
    html! {
        p { strong { (words::of_outage(incident.outage)) } }
        p.hint { (format::time_exact(incident.started_at.0)) " · lasted " (words::length(incident, page.as_of)) }
    }
}
