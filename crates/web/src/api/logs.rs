//! What a site's containers have written, for programs.

use accounts::Actor;
use axum::extract::State;
use hosting::Site;
use hosting::logs::{self, Line, MOST_LINES, Order, Recent, Wanted};
use kit::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::container::{Which, caller_of};
use crate::app::App;
use crate::extract::{Json, Query};
use crate::limit::PerMinute;
use crate::respond::Answer;
use crate::routes::Caller;

/// Each look is work for Docker.
const ASKED: PerMinute = PerMinute(60);

/// Counts a look at logs, or says how long to wait. Those on a page, as a file and by the API count together.
pub(crate) fn allow_logs(app: &App, actor: &Actor) -> Result<()> {
    app.limits().take("container.logs", caller_of(actor), ASKED)
}

/// Which lines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct WhichLines {
    /// The site; may be left out where there is only one.
    app_id: Option<String>,
    /// Lines of this service alone.
    #[param(example = "www")]
    service: Option<String>,
    /// How many, 1 to 500; 50 if not said.
    lines: Option<usize>,
    /// Errors, then warnings, then the rest, instead of the newest first.
    errors_first: Option<bool>,
    /// Lines that contain this, whatever its case.
    search: Option<String>,
}

impl WhichLines {
    fn parse(&self) -> Result<Wanted> {
        let lines = match self.lines.unwrap_or(50) {
            lines @ 1..=MOST_LINES => lines,
            _ => return Err(Error::invalid("lines", format!("must be 1 to {MOST_LINES}"))),
        };
        let order = if self.errors_first == Some(true) { Order::ErrorsFirst } else { Order::NewestFirst };
        Ok(Wanted { service: self.service.clone(), lines, order, search: self.search.clone().unwrap_or_default() })
    }
}

/// The last lines of a site's containers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Logs {
    /// The site.
    #[schema(example = "app_k3v9x2qa")]
    pub app_id: String,
    /// The lines, newest first; a trace stays below its error.
    pub lines: Vec<LogLine>,
    /// All services of the site.
    #[schema(example = json!(["alert", "api", "db", "www"]))]
    pub services: Vec<String>,
    /// Services whose log could not be read. Not there when all could.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
}

/// One line of a log. Secrets are replaced by `[redacted:…]`, what a terminal would obey is gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogLine {
    /// When it was written.
    #[schema(example = "2026-01-14T10:30:00.123456789Z")]
    pub at: String,
    /// By which service.
    #[schema(example = "www")]
    pub service: String,
    /// `debug`, `info`, `warn` or `error`.
    #[schema(example = "error")]
    pub severity: &'static str,
    /// The words.
    pub text: String,
}

/// A service whose log could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unreadable {
    /// Which.
    pub service: String,
    /// Why not.
    pub reason: String,
}

impl LogLine {
    pub(crate) fn of(line: Line) -> LogLine {
        LogLine { at: line.stamp, service: line.service, severity: line.severity.as_str(), text: line.text }
    }
}

impl Logs {
    fn of(site: &Site, recent: Recent) -> Logs {
        let unreadable = recent.unreadable.into_iter().map(|(service, reason)| Unreadable { service, reason });
        Logs {
            app_id: site.id.to_string(),
            lines: recent.lines.into_iter().map(LogLine::of).collect(),
            services: recent.services,
            unreadable: unreadable.collect(),
        }
    }
}

/// Shows the last lines that a site's containers have written.
///
/// At most 60 times a minute, then 429 with `Retry-After`. While Docker cannot be asked the answer is 503.
#[utoipa::path(get, path = "/api/container/logs", tag = "Site Health", params(WhichLines),
    responses((status = 200, description = "The last lines", body = Logs)))]
pub async fn logs(State(app): State<App>, Caller(actor): Caller, Query(which): Query<WhichLines>) -> Answer<Json<Logs>> {
    allow_logs(&app, &actor)?;
    let site = Which { app_id: which.app_id.clone() }.site(&app, &actor).await?;
    let recent = logs::recent(&app.hosting, &actor.scope(), &site.id, &which.parse()?).await?;
    Ok(Json(Logs::of(&site, recent)))
}
