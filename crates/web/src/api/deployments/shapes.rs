//! Deployments and releases as programs see them.

use std::collections::BTreeMap;

use hosting::Site;
use hosting::deployments::{self, Deployment, DeploymentId, releases};
use hosting::operations::{Operation, OperationKind, OperationState, Step};
use kit::{Result, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::sites::DoingStep;
use crate::app::App;

/// A deployment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeploymentDetail)]
pub struct Told {
    #[schema(example = "deploy-20260114-154500")]
    deployment_id: String,
    #[schema(example = "app_k3v9q2m7")]
    app_id: String,
    /// `queued`, `running`, `success`, `failed`, `cancelled`, `superseded` or `rolled_back`.
    #[schema(example = "success")]
    status: &'static str,
    /// Whether visitors get its release now.
    serving: bool,
    /// `push`, `manual`, `settings`, `rollback` or `automatic_rollback`.
    #[schema(example = "push")]
    kind: &'static str,
    /// The branch it was asked for by; `null` when none was named.
    branch: Option<String>,
    /// `null` for one that is about no commit.
    #[schema(example = "4f2c9e1b7d0a3c5e8f6b2d4a1c9e7f0b3d5a8c6e")]
    commit_hash: Option<String>,
    commit_subject: Option<String>,
    commit_author: Option<String>,
    requested_by: String,
    /// What it makes live; `null` until that is built.
    release_id: Option<String>,
    /// What served when it began.
    previous_release_id: Option<String>,
    /// While it waits: how many come before it.
    position: Option<u32>,
    /// While it waits: when its turn may come, by how long the last ones took.
    expected_start: Option<String>,
    created_at: String,
    started_at: Option<String>,
    /// When visitors first got its release.
    deployed_at: Option<String>,
    finished_at: Option<String>,
    /// From its start to its verdict.
    #[schema(example = "45s")]
    duration: Option<String>,
    /// Why it failed.
    error: Option<String>,
    /// Who stopped it.
    cancelled_by: Option<String>,
    /// Until when its release is watched, to be taken back if it does worse than the one before.
    watched_until: Option<String>,
    /// What the watch saw.
    #[schema(value_type = Option<Object>)]
    evidence: Option<serde_json::Value>,
    /// The steps, where one deployment is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<DoingStep>,
}

pub(super) async fn told(app: &App, deployment: &Deployment, serving: Option<&Deployment>) -> Result<Told> {
    let place = deployments::place(&app.db, app.hosting.config.parallel_deployments, app.clock.now(), deployment).await?;
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Told {
        deployment_id: deployment.id.to_string(),
        app_id: deployment.site_id.to_string(),
        status: deployment.state.as_str(),
        serving: serving.is_some_and(|serving| serving.id == deployment.id),
        kind: deployment.kind.as_str(),
        branch: said(&deployment.branch),
        commit_hash: said(&deployment.commit_hash),
        commit_subject: said(&deployment.subject),
        commit_author: said(&deployment.author),
        requested_by: deployment.requested_by.clone(),
        release_id: deployment.release_id.as_ref().map(ToString::to_string),
        previous_release_id: deployment.previous_release_id.as_ref().map(ToString::to_string),
        position: place.map(|place| place.ahead),
        expected_start: place.and_then(|place| place.expected_start).map(Timestamp::rfc3339),
        created_at: deployment.created_at.rfc3339(),
        started_at: deployment.started_at.map(Timestamp::rfc3339),
        deployed_at: deployment.served_at.map(Timestamp::rfc3339),
        finished_at: deployment.finished_at.map(Timestamp::rfc3339),
        duration: duration(deployment.started_at, deployment.finished_at),
        error: deployment.error.clone(),
        cancelled_by: deployment.cancelled_by.clone(),
        watched_until: deployment.watched_until.map(Timestamp::rfc3339),
        evidence: deployment.evidence.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        steps: Vec::new(),
    })
}

impl Told {
    pub(super) fn with_steps(mut self, work: Option<&(Operation, Vec<Step>)>) -> Told {
        self.steps = work.iter().flat_map(|(_, steps)| steps).map(DoingStep::of).collect();
        self
    }
}

/// `45s`: begun seconds.
fn duration(from: Option<Timestamp>, until: Option<Timestamp>) -> Option<String> {
    let took = until?.since(from?);
    Some(format!("{}s", took.as_millis().div_ceil(1000)))
}

/// A release that can serve.
#[derive(Debug, Serialize, ToSchema)]
pub struct Release {
    release_id: String,
    /// Whether visitors get it now.
    serving: bool,
    /// `null` for one that was made of no commit.
    commit_hash: Option<String>,
    /// The image of each service that is built.
    images: BTreeMap<String, String>,
    environment_version: i64,
    template_version: String,
    created_at: String,
    /// When it last began to serve.
    live_at: Option<String>,
}

impl Release {
    pub(super) fn of(release: &releases::Release, site: &Site) -> Result<Release> {
        Ok(Release {
            release_id: release.id.to_string(),
            serving: release.id == site.release_id,
            commit_hash: Some(release.commit_hash.clone()).filter(|hash| !hash.is_empty()),
            images: release.images()?,
            environment_version: release.environment_version,
            template_version: release.template_version.clone(),
            created_at: release.created_at.rfc3339(),
            live_at: release.live_at.map(Timestamp::rfc3339),
        })
    }
}

/// One line of a site's history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deployment)]
pub struct Entry {
    #[schema(example = "deploy-20260114-154500")]
    deployment_id: String,
    /// `queued`, `running`, `success`, `failed`, `cancelled`, `superseded` or `rolled_back`.
    #[schema(example = "success")]
    status: &'static str,
    /// The commit; `null` when it is not known any more.
    commit_hash: Option<String>,
    deployed_at: Option<String>,
    #[schema(example = "45s")]
    duration: Option<String>,
    #[serde(skip)]
    at: Timestamp,
}

/// Lines of a site's history, at most.
const HISTORY: usize = 20;

/// What was to go live, newest first: deployments, and what made the site serve before there were any (its making, its way back
/// from the archive). `first_commit` is what it was made of, where that is known.
pub(in crate::api) fn history_of(deployed: &[Deployment], operations: &[Operation], first_commit: Option<String>) -> Vec<Entry> {
    let of_deployment = |deployment: &Deployment| Entry {
        deployment_id: deployment.id.to_string(),
        status: deployment.state.as_str(),
        commit_hash: Some(deployment.commit_hash.clone()).filter(|hash| !hash.is_empty()),
        deployed_at: deployment.served_at.map(Timestamp::rfc3339),
        duration: duration(deployment.started_at, deployment.finished_at),
        at: deployment.created_at,
    };
    let mut commit = first_commit;
    let of_operation = |operation: &Operation| {
        let is_done = operation.state == OperationState::Done;
        Entry {
            deployment_id: DeploymentId::at(operation.created_at, 1).to_string(),
            status: match operation.state {
                OperationState::Running => "running",
                OperationState::Done => "success",
                OperationState::Failed => "failed",
            },
            commit_hash: if is_done { commit.take() } else { None },
            deployed_at: operation.finished_at.filter(|_| is_done).map(Timestamp::rfc3339),
            duration: duration(Some(operation.created_at), operation.finished_at),
            at: operation.created_at,
        }
    };
    let makes_live = |operation: &&Operation| matches!(operation.kind, OperationKind::Create | OperationKind::Restore);
    let mut all: Vec<Entry> = deployed.iter().map(of_deployment).collect();
    all.extend(operations.iter().filter(makes_live).map(of_operation));
    all.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    all.truncate(HISTORY);
    all
}
