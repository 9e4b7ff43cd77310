//! The examination.

use axum::extract::State;
use hosting::doctor::{self, Finding, Report};
use hosting::{SiteId, sites};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::extract::{Json, Query};
use crate::respond::Answer;
use crate::routes::Caller;

/// What an examination found, worst first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Examination)]
pub struct ShownReport {
    /// The worst of the findings: `ok`, `warn` or `bad`.
    #[schema(example = "warn")]
    severity: &'static str,
    /// The site that was examined; `null` for the house.
    app_id: Option<String>,
    began_at: String,
    duration_ms: u64,
    findings: Vec<ShownFinding>,
}

/// One finding.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct ShownFinding {
    /// What was looked at.
    #[schema(example = "disk")]
    check: &'static str,
    /// Which one of them.
    #[schema(example = "data folder")]
    subject: String,
    /// `ok`, `warn` or `bad`.
    severity: &'static str,
    message: String,
    /// What to do, with commands in backticks; empty when all is well.
    advice: String,
}

impl From<Report> for ShownReport {
    fn from(report: Report) -> ShownReport {
        ShownReport {
            severity: report.severity().as_str(),
            app_id: report.site.as_ref().map(ToString::to_string),
            began_at: report.began_at.rfc3339(),
            duration_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
            findings: report.findings.into_iter().map(ShownFinding::from).collect(),
        }
    }
}

impl From<Finding> for ShownFinding {
    fn from(finding: Finding) -> ShownFinding {
        let Finding { check, subject, severity, message, advice } = finding;
        ShownFinding { check, subject, severity: severity.as_str(), message, advice }
    }
}

/// What to examine.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// A site's id: looks at it, and at what of the house is not well. The whole house, if not said.
    app_id: Option<String>,
}

/// Examines the house or a site.
///
/// Looks at what sites stand on, some seconds at most, and says what to do about what is not well. Changes nothing.
#[utoipa::path(get, path = "/api/doctor", tag = "Operations", params(Which),
    responses((status = 200, description = "What was found", body = ShownReport)))]
pub async fn examine(State(app): State<App>, Caller(actor): Caller, Query(which): Query<Which>) -> Answer<Json<ShownReport>> {
    let site = match &which.app_id {
        Some(id) => Some(sites::get(&app.db, &actor.scope(), &SiteId::parse(id)?).await?),
        None => None,
    };
    Ok(Json(doctor::examine(&app.hosting, site.as_ref()).await.into()))
}
