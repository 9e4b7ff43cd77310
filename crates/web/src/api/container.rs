//! Site Health for programs: state, restart.

use accounts::Actor;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hosting::probes::{self, HealthState, Standing, uptime_text};
use hosting::sites::{self, SiteFilter};
use hosting::{Site, SiteId};
use kit::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::extract::{Json, Query};
use crate::limit::PerMinute;
use crate::respond::Answer;
use crate::routes::Caller;

/// Pages ask every ten seconds; this leaves room for several of them.
const STATUS: PerMinute = PerMinute(60);

/// Which site.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The site's id; may be left out by a customer who has one site.
    #[param(example = "app_k3v7q2mx")]
    pub(super) app_id: Option<String>,
}

impl Which {
    /// The site meant; another customer's is not there.
    pub(super) async fn site(&self, app: &App, actor: &Actor) -> Result<Site> {
        sites::get(&app.db, &actor.scope(), &self.id(app, actor).await?).await
    }

    /// The id of the site meant, which need not be one of the actor's where it was named.
    pub(super) async fn id(&self, app: &App, actor: &Actor) -> Result<SiteId> {
        if let Some(id) = &self.app_id {
            return SiteId::parse(id).map_err(|_| Error::not_found("site"));
        }
        let mut found = sites::list(&app.db, &actor.scope(), &SiteFilter { limit: 2, ..SiteFilter::default() }).await?;
        match (found.pop(), found.pop()) {
            (Some(site), None) => Ok(site.id),
            (None, _) => Err(Error::not_found("site")),
            _ => Err(Error::invalid("app_id", "there are several sites; name one")),
        }
    }
}

/// How a site is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    #[schema(example = "app_k3v7q2mx")]
    app_id: String,
    /// `running`, `stopped`, `restarting`, `error`, `provisioning`, or `unknown` when Docker cannot be asked.
    #[schema(example = "running")]
    status: &'static str,
    /// What is wrong; `null` when nothing is.
    reason: Option<String>,
    /// `null` while it does not run.
    #[schema(example = "14d 6h 23m")]
    uptime: Option<String>,
    uptime_seconds: Option<u64>,
    /// Each service by itself.
    services: Vec<ServiceStatus>,
    /// As visitors see it; `null` before the first look and for sites that are not served here.
    outside: Option<Outside>,
    /// Whether it can be restarted, and when.
    restart: Restart,
    as_of: String,
}

/// How a service is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceStatus {
    #[schema(example = "www")]
    service: String,
    #[schema(example = "running")]
    status: &'static str,
    /// Why it is not well: `exited`, `out_of_memory`, `unhealthy`, `looping`, `paused` or `removed`.
    cause: Option<&'static str>,
    exit_code: Option<i64>,
    uptime_seconds: Option<u64>,
    /// How often Docker started it again by itself.
    automatic_restarts: i64,
}

/// The last look through the edge.
#[derive(Debug, Serialize, ToSchema)]
pub struct Outside {
    #[schema(example = 200)]
    http_status: Option<u16>,
    #[schema(example = 43)]
    latency_ms: u64,
    problem: Option<String>,
    looked_at: String,
}

/// When the site can be restarted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Restart {
    /// Whether a restart would be accepted now.
    allowed: bool,
    /// Whether one is at work.
    in_progress: bool,
    /// Seconds until the next one is accepted; 0 when it is now.
    retry_after: u64,
}

/// Whose allowance is used up.
pub(super) fn caller_of(actor: &Actor) -> &str {
    actor.member_id().map_or_else(|| actor.name(), |id| id.as_str())
}

/// Tells how a site is.
///
/// From what Docker reported last: asking costs it nothing. 60 times a minute.
#[utoipa::path(get, path = "/api/container/status", tag = "Site Health", params(Which),
    responses((status = 200, description = "The site's state", body = Status)))]
pub async fn status(State(app): State<App>, Caller(actor): Caller, Query(which): Query<Which>) -> Answer<Json<Status>> {
    app.limits().take("container.status", caller_of(&actor), STATUS)?;
    let id = which.id(&app, &actor).await?;
    let standing = probes::standing(&app.hosting, &actor.scope(), &id).await?;
    Ok(Json(status_of(&app, &standing)))
}

fn status_of(app: &App, standing: &Standing) -> Status {
    let Standing { site, is_busy, blocked_until } = standing;
    let now = app.clock.now();
    let seen = crate::portal::seen::of_site(app, site, *is_busy);
    let services = seen.health.services.iter().map(|service| ServiceStatus {
        service: service.service.clone(),
        status: seen.shown(service.reading.state).as_str(),
        cause: service.reading.cause.map(probes::Cause::as_str),
        exit_code: service.reading.exit_code,
        uptime_seconds: service.reading.since.filter(|_| service.reading.is_well()).map(|since| now.since(since).as_secs()),
        automatic_restarts: service.reading.restarts,
    });
    let uptime = seen.health.uptime(now);
    Status {
        app_id: site.id.to_string(),
        status: seen.state().as_str(),
        reason: Some(seen.health.reason.clone()).filter(|reason| !reason.is_empty()),
        uptime: uptime.map(uptime_text),
        uptime_seconds: uptime.map(|up| up.as_secs()),
        services: services.collect(),
        outside: seen.health.outside.as_ref().map(|look| Outside {
            http_status: look.status,
            latency_ms: u64::try_from(look.latency.as_millis()).unwrap_or(u64::MAX),
            problem: look.problem.as_ref().map(|(_, problem)| problem.clone()),
            looked_at: look.at.rfc3339(),
        }),
        restart: Restart {
            allowed: site.state == hosting::SiteState::Active
                && blocked_until.is_none()
                && !is_busy
                && seen.state() != HealthState::Restarting,
            in_progress: *is_busy,
            retry_after: blocked_until.map_or(0, |at: Timestamp| at.since(now).as_secs() + 1),
        },
        as_of: now.rfc3339(),
    }
}

/// What to restart.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct RestartWish {
    /// The site's id; may be left out by a customer who has one site.
    #[param(example = "app_k3v7q2mx")]
    app_id: Option<String>,
    /// One service alone; all of them when left out.
    #[param(example = "api")]
    service: Option<String>,
}

/// A restart that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Restarting {
    #[schema(example = "app_k3v7q2mx")]
    app_id: String,
    /// Always `restarting`; `GET /api/container/status` tells how it goes on.
    #[schema(example = "restarting")]
    status: &'static str,
}

/// Restarts a site, or one of its services.
///
/// With the same images and settings. Once in 5 minutes: sooner is answered with 429 and `Retry-After`.
#[utoipa::path(post, path = "/api/container/restart", tag = "Site Health", params(RestartWish),
    responses((status = 202, description = "Being restarted", body = Restarting)))]
pub async fn restart(State(app): State<App>, Caller(actor): Caller, Query(wish): Query<RestartWish>) -> Answer<Response> {
    let id = Which { app_id: wish.app_id }.id(&app, &actor).await?;
    probes::restart::request(&app.hosting, &actor, &id, wish.service.as_deref()).await?;
    let answer = Restarting { app_id: id.to_string(), status: "restarting" };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}
