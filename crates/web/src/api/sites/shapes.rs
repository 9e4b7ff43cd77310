//! Sites as programs see them.

use std::collections::BTreeMap;

use hosting::deployments::Deployment;
use hosting::operations::{self, Operation, Step};
use hosting::templates::Kind;
use hosting::{Hosting, Site, SiteState, git};
use kit::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::deployments::{Entry, history_of};
use crate::portal::seen::Seen;

/// A site that was just asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewSite)]
pub struct Made {
    #[schema(example = "app_k3v9q2m7")]
    app_id: String,
    /// Its address without the scheme.
    #[schema(example = "mysite.sites.example.com")]
    domain: String,
    url: String,
    /// Where its repository will be cloned from.
    repo_url: String,
    /// `provisioning`: watch `GET /api/sites/{app_id}/operation`.
    #[schema(example = "provisioning")]
    status: String,
}

impl Made {
    pub(super) fn of(hosting: &Hosting, site: &Site) -> Made {
        Made {
            app_id: site.id.to_string(),
            domain: site.domain.to_string(),
            url: hosting.url(site),
            repo_url: hosting.repository_url(site),
            status: site.state.to_string(),
        }
    }
}

/// Whether it was made here: address, repository and certificate are ours then.
fn is_ours(site: &Site) -> bool {
    site.kind != Kind::Adopted
}

/// A site in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SiteSummary)]
pub struct Summary {
    #[schema(example = "app_k3v9q2m7")]
    app_id: String,
    #[schema(example = "My Awesome Site")]
    site_name: String,
    /// The template; `adopted` for a container that was here before.
    #[schema(example = "portfolio")]
    site_type: String,
    /// `null` for an adopted container, whose address was set elsewhere.
    #[schema(example = "mysite.sites.example.com")]
    domain: Option<String>,
    /// The customer's own domain; claimed, and routed once its ownership is proven.
    custom_domain: Option<String>,
    /// `provisioning`, `active`, `stopped`, `failed`, `deleting`, `archived` or `restoring`.
    #[schema(example = "active")]
    status: String,
    /// `null` for an adopted container.
    url: Option<String>,
    #[schema(example = "2026-01-14T10:30:00Z")]
    created_at: String,
    /// When a release last went live.
    last_deployed_at: Option<String>,
}

impl Summary {
    pub(super) fn of(hosting: &Hosting, site: &Site) -> Summary {
        Summary {
            app_id: site.id.to_string(),
            site_name: site.name.as_str().to_owned(),
            site_type: site.kind.to_string(),
            domain: is_ours(site).then(|| site.domain.to_string()),
            custom_domain: site.custom_domain.as_ref().map(ToString::to_string),
            status: site.state.to_string(),
            url: is_ours(site).then(|| hosting.url(site)),
            created_at: site.created_at.rfc3339(),
            last_deployed_at: site.last_deployed_at.map(Timestamp::rfc3339),
        }
    }
}

/// All about one site.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Site)]
pub struct Detail {
    #[serde(flatten)]
    summary: Summary,
    /// Whose it is.
    #[schema(example = "cust_k3v9q2m7x4bz")]
    customer: String,
    /// `null` for an adopted container.
    repo_url: Option<String>,
    /// Each service's state: `running`, `starting`, `unhealthy`, `restarting`, `stopped`, `missing`; `unknown` while Docker does not answer.
    #[schema(example = json!({"www": "running", "api": "running", "alert": "running", "db": "running"}))]
    container_status: BTreeMap<String, String>,
    /// `valid`, `pending` or `failed`; `null` for an adopted container.
    #[schema(example = "valid")]
    ssl_status: Option<String>,
    ssl_expires_at: Option<String>,
    /// Why there is no certificate.
    ssl_error: Option<String>,
    /// Until when a deleted site can be restored.
    restorable_until: Option<String>,
    /// What went live or was to, newest first: the last 20. `GET /api/sites/{app_id}/deployments` has all.
    deployment_history: Vec<Entry>,
    /// What is being done to it, or was done last.
    operation: Option<Doing>,
}

/// What a [`Detail`] is made of.
pub(super) struct Parts<'a> {
    pub site: &'a Site,
    pub seen: &'a Seen,
    pub history: &'a [Operation],
    pub newest: Option<&'a (Operation, Vec<Step>)>,
    pub deployed: &'a [Deployment],
    pub first_commit: Option<String>,
}

impl Detail {
    pub(super) fn of(hosting: &Hosting, parts: Parts<'_>) -> Detail {
        let site = parts.site;
        let until = crate::portal::words::restorable_until(hosting, site);
        Detail {
            summary: Summary::of(hosting, site),
            customer: site.customer_id.to_string(),
            repo_url: is_ours(site).then(|| hosting.repository_url(site)),
            container_status: container_status(parts.seen),
            ssl_status: is_ours(site).then(|| site.certificate_state.to_string()),
            ssl_expires_at: site.certificate_expires_at.map(Timestamp::rfc3339),
            ssl_error: site.certificate_error.clone(),
            restorable_until: (site.state == SiteState::Archived).then(|| until.rfc3339()),
            deployment_history: history_of(parts.deployed, parts.history, parts.first_commit),
            operation: parts.newest.map(|(operation, steps)| Doing::of(operation, steps)),
        }
    }
}

fn container_status(seen: &Seen) -> BTreeMap<String, String> {
    seen.health.services.iter().map(|service| (service.service.clone(), service.reading.state.to_string())).collect()
}

/// The commit that the site was made of: what its branch is at while nothing was deployed; after that it is not looked for.
pub(super) async fn first_commit(hosting: &Hosting, site: &Site, deployed: &[Deployment]) -> Option<String> {
    match (deployed.is_empty(), site.state) {
        (true, SiteState::Active | SiteState::Stopped) if is_ours(site) => git::head(&hosting.repository(site)).await.ok(),
        _ => None,
    }
}

/// Something done to a site, in steps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Operation)]
pub struct Doing {
    operation_id: String,
    /// `create`, `start`, `stop`, `reconfigure`, `restart`, `deploy`, `rollout`, `delete`, `restore` or `discard`.
    #[schema(example = "create")]
    kind: String,
    /// `running`, `done` or `failed`.
    #[schema(example = "running")]
    status: String,
    requested_by: String,
    created_at: String,
    finished_at: Option<String>,
    /// Why it stopped.
    error: Option<String>,
    steps: Vec<DoingStep>,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperationStep)]
pub struct DoingStep {
    #[schema(example = "build")]
    name: String,
    #[schema(example = "Build the images")]
    title: &'static str,
    /// `waiting`, `running`, `done` or `failed`.
    #[schema(example = "done")]
    status: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// How long it took, in milliseconds.
    duration_ms: Option<u64>,
    /// What it did.
    detail: Option<String>,
    /// Why it failed.
    error: Option<String>,
}

impl Doing {
    pub(super) fn of(operation: &Operation, steps: &[Step]) -> Doing {
        Doing {
            operation_id: operation.id.to_string(),
            kind: operation.kind.to_string(),
            status: operation.state.to_string(),
            requested_by: operation.requested_by.clone(),
            created_at: operation.created_at.rfc3339(),
            finished_at: operation.finished_at.map(Timestamp::rfc3339),
            error: operation.error.clone(),
            steps: steps.iter().map(DoingStep::of).collect(),
        }
    }
}

impl DoingStep {
    pub(in crate::api) fn of(step: &Step) -> DoingStep {
        let took = step.started_at.zip(step.finished_at).map(|(from, until)| until.since(from));
        DoingStep {
            name: step.name.clone(),
            title: operations::title(&step.name),
            status: step.state.to_string(),
            started_at: step.started_at.map(Timestamp::rfc3339),
            finished_at: step.finished_at.map(Timestamp::rfc3339),
            duration_ms: took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            detail: step.detail.clone(),
            error: step.error.clone(),
        }
    }
}

/// Whether an address can be had.
#[derive(Debug, Serialize, ToSchema)]
pub struct Availability {
    /// The full name.
    #[schema(example = "mysite.sites.example.com")]
    pub(super) domain: String,
    pub(super) available: bool,
}
