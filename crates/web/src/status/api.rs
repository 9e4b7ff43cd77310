//! The same for programs.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hosting::SiteId;
use hosting::probes::status_page::{self, PublicIncident};
use hosting::probes::uptime::overall;
use kit::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{kept, read_site, url_of, words};
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path};
use crate::respond::Answer;
use crate::routes::Caller;

const DAY_MS: i64 = 86_400_000;

/// How a site is, for everyone.
#[derive(Debug, Serialize, ToSchema)]
pub struct SiteStatus {
    #[schema(example = "app_k3v7q2mx")]
    app_id: String,
    #[schema(example = "Atelier Nord")]
    name: String,
    /// `up`, `working` (something is being done to it), `degraded`, `down`, `off` or `unknown`.
    #[schema(example = "up")]
    status: &'static str,
    /// The same as a sentence.
    #[schema(example = "Everything works")]
    text: &'static str,
    /// Over the last 90 days; `null` when it was not watched yet.
    #[schema(example = 99.98)]
    uptime_percent: Option<f64>,
    /// The last 90 days, oldest first.
    days: Vec<StatusDay>,
    /// What lasts.
    current_incident: Option<StatusIncident>,
    /// What is over, newest first, at most 10 of the last 90 days.
    incidents: Vec<StatusIncident>,
    as_of: String,
}

/// One day, in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusDay {
    #[schema(example = "2026-01-14")]
    day: String,
    /// `null` when it was not watched.
    #[schema(example = 100.0)]
    uptime_percent: Option<f64>,
}

/// One stretch of time in which a site did not work as it should.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusIncident {
    /// `restart`, `partial`, `insecure` or `unreachable`.
    #[schema(example = "unreachable")]
    kind: &'static str,
    #[schema(example = "The site could not be reached")]
    text: &'static str,
    started_at: String,
    /// `null` while it lasts.
    ended_at: Option<String>,
}

impl StatusIncident {
    fn of(incident: &PublicIncident) -> StatusIncident {
        StatusIncident {
            kind: incident.outage.as_str(),
            text: match incident.ended_at {
                Some(_) => words::of_outage(incident.outage),
                None => words::of_lasting_outage(incident.outage),
            },
            started_at: incident.started_at.rfc3339(),
            ended_at: incident.ended_at.map(Timestamp::rfc3339),
        }
    }
}

/// How the house is, for everyone.
#[derive(Debug, Serialize, ToSchema)]
pub struct HouseStatus {
    /// `up`, `degraded`, `down` or `unknown`.
    #[schema(example = "up")]
    status: &'static str,
    /// The same as a sentence.
    #[schema(example = "Everything works")]
    text: &'static str,
    /// Sites that are up.
    #[schema(example = 41)]
    sites_up: usize,
    /// Sites that should be.
    #[schema(example = 42)]
    sites: usize,
    components: Vec<HouseComponent>,
    as_of: String,
}

/// One part of the house.
#[derive(Debug, Serialize, ToSchema)]
pub struct HouseComponent {
    /// `sites`, `edge`, `new_sites` or `mail`.
    #[schema(example = "edge")]
    component: &'static str,
    /// `up`, `degraded`, `down`, `off` (not in use) or `unknown`.
    #[schema(example = "up")]
    status: &'static str,
    #[schema(example = "What visitors reach the websites through.")]
    text: String,
}

/// A status page that everyone may read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Published {
    #[schema(example = "app_k3v7q2mx")]
    app_id: String,
    /// Where it is for people; `/api/status/{app_id}` says the same to programs.
    #[schema(example = "https://panel.example.com/status/app_k3v7q2mx")]
    url: String,
}

/// Tells how a site is, to everyone.
///
/// 404 unless its owner has published its status page, or the caller may see the site.
#[utoipa::path(get, path = "/api/status/{app_id}", tag = "Status", params(("app_id" = String, Path, description = "The site's id")),
    responses((status = 200, description = "How it is", body = SiteStatus)))]
pub async fn site(State(app): State<App>, caller: Option<Extension<Caller>>, Path(id): Path<SiteId>) -> Answer<Response> {
    let page = read_site(&app, caller.as_deref(), &id).await?;
    let day = |day: &hosting::probes::uptime::Day| StatusDay {
        day: Timestamp(day.day * DAY_MS).rfc3339().chars().take(10).collect(),
        uptime_percent: day.percent(),
    };
    let answer = SiteStatus {
        app_id: page.site_id.to_string(),
        status: page.state.as_str(),
        text: words::of_site(page.state).0,
        uptime_percent: overall(&page.days),
        days: page.days.iter().map(day).collect(),
        current_incident: page.current.as_ref().map(StatusIncident::of),
        incidents: page.past.iter().map(StatusIncident::of).collect(),
        as_of: page.as_of.rfc3339(),
        name: page.name,
    };
    Ok(kept(Json(answer).into_response(), page.is_public))
}

/// Tells how the house is, to everyone.
///
/// 404 unless the operator has published it (`server.status_page`), or the caller belongs to the house. Names no site.
#[utoipa::path(get, path = "/api/status", tag = "Status", responses((status = 200, description = "How it is", body = HouseStatus)))]
pub async fn house(State(app): State<App>, caller: Option<Extension<Caller>>) -> Answer<Response> {
    let house = super::house::read(&app, caller.as_deref()).await?;
    let answer = HouseStatus {
        status: house.state.as_str(),
        text: house.words,
        sites_up: house.status.sites_up,
        sites: house.status.sites,
        as_of: house.status.as_of.rfc3339(),
        components: house
            .components
            .into_iter()
            .map(|it| HouseComponent { component: it.key, status: it.state.as_str(), text: it.text })
            .collect(),
    };
    Ok(kept(Json(answer).into_response(), house.is_public))
}

/// Shows a site's status page to everyone.
#[utoipa::path(put, path = "/api/sites/{app_id}/status-page", tag = "Status", params(("app_id" = String, Path, description = "The site's id")),
    responses((status = 200, description = "Everyone can read it", body = Published)))]
pub async fn publish(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Json<Published>> {
    let site = status_page::publish(&app.hosting, &actor, &id, true).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(Json(Published { url: url_of(&app, &site.id), app_id: site.id.to_string() }))
}

/// Takes a site's status page back: only those who may see the site can read it.
#[utoipa::path(delete, path = "/api/sites/{app_id}/status-page", tag = "Status", params(("app_id" = String, Path, description = "The site's id")),
    responses((status = 204, description = "Nobody else can read it")))]
pub async fn withdraw(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<StatusCode> {
    let site = status_page::publish(&app.hosting, &actor, &id, false).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(StatusCode::NO_CONTENT)
}
