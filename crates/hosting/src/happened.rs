//! What happened to sites, for those who count it: builds, deployments, restarts, incidents, oldest first.

use kit::db::Sql;
use kit::{Db, Result, Timestamp, from_row, sql};

use crate::SiteId;
use accounts::CustomerId;

/// What kinds of things happen to sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The images of a site began to be built.
    BuildStarted,
    /// Building them ended, well or not.
    BuildEnded,
    /// A deployment was begun.
    DeployStarted,
    /// A deployment ended, well or not.
    DeployEnded,
    /// A restart that somebody asked for ended, well or not.
    Restarted,
    /// Something of a site stopped answering.
    Failed,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::BuildStarted, Kind::BuildEnded, Kind::DeployStarted, Kind::DeployEnded, Kind::Restarted, Kind::Failed];

    /// Its name, by which it is remembered how far it was read.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::BuildStarted => "build_started",
            Kind::BuildEnded => "build_ended",
            Kind::DeployStarted => "deploy_started",
            Kind::DeployEnded => "deploy_ended",
            Kind::Restarted => "restarted",
            Kind::Failed => "failed",
        }
    }

    /// What happened from `$1` up to `$2`, at most `$3`. Previews count like sites: somebody pushed what they show.
    fn select(self) -> Sql {
        sql(match self {
            Kind::BuildStarted => {
                "select step.operation_id as of_what, step.started_at as at, step.started_at as began_at, true as went_well, operation.kind as detail,
                        site.id as site_id, site.customer_id
                 from site_step step join site_operation operation on operation.id = step.operation_id join site on site.id = operation.site_id
                 where step.name = 'build' and step.started_at >= $1 and step.started_at < $2
                 order by step.started_at, step.operation_id limit $3"
            }
            Kind::BuildEnded => {
                "select step.operation_id as of_what, step.finished_at as at, step.started_at as began_at, step.state = 'done' as went_well,
                        operation.kind as detail, site.id as site_id, site.customer_id
                 from site_step step join site_operation operation on operation.id = step.operation_id join site on site.id = operation.site_id
                 where step.name = 'build' and step.state in ('done', 'failed') and step.finished_at >= $1 and step.finished_at < $2
                 order by step.finished_at, step.operation_id limit $3"
            }
            Kind::DeployStarted => {
                "select deployment.id as of_what, deployment.started_at as at, deployment.started_at as began_at, true as went_well,
                        deployment.kind as detail, site.id as site_id, site.customer_id
                 from deployment join site on site.id = deployment.site_id
                 where deployment.started_at >= $1 and deployment.started_at < $2
                 order by deployment.started_at, deployment.id limit $3"
            }
            Kind::DeployEnded => {
                "select deployment.id as of_what, deployment.finished_at as at, deployment.started_at as began_at,
                        deployment.state = 'success' as went_well, deployment.kind as detail, site.id as site_id, site.customer_id
                 from deployment join site on site.id = deployment.site_id
                 where deployment.state in ('success', 'failed', 'rolled_back')
                   and deployment.finished_at >= $1 and deployment.finished_at < $2
                 order by deployment.finished_at, deployment.id limit $3"
            }
            Kind::Restarted => {
                "select operation.id as of_what, operation.finished_at as at, operation.created_at as began_at, operation.state = 'done' as went_well,
                        coalesce(operation.service, 'all') as detail, site.id as site_id, site.customer_id
                 from site_operation operation join site on site.id = operation.site_id
                 where operation.kind = 'restart' and operation.finished_at >= $1 and operation.finished_at < $2
                 order by operation.finished_at, operation.id limit $3"
            }
            Kind::Failed => {
                "select incident.id as of_what, incident.started_at as at, incident.started_at as began_at, false as went_well,
                        incident.service as detail, site.id as site_id, site.customer_id
                 from incident join site on site.id = incident.site_id
                 where incident.started_at >= $1 and incident.started_at < $2
                 order by incident.started_at, incident.id limit $3"
            }
        })
    }
}

/// One thing that happened to a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// The deployment, operation or incident.
    pub of_what: String,
    /// When.
    pub at: Timestamp,
    /// When it began; the same for what has no length.
    pub began_at: Option<Timestamp>,
    /// Whether it ended well.
    pub went_well: bool,
    /// The kind of deployment or operation, or the service.
    pub detail: String,
    /// To which site.
    pub site_id: SiteId,
    /// Whose it is.
    pub customer_id: CustomerId,
}

from_row!(Happened { of_what, at, began_at, went_well, detail, site_id, customer_id });

/// What of one kind happened from one moment on and before another, at most `limit`, oldest first. Of the whole house: for the house's own
/// counting, not for people.
pub async fn between(db: &Db, kind: Kind, from: Timestamp, to: Timestamp, limit: u32) -> Result<Vec<Happened>> {
    db.all(kind.select().bind(from).bind(to).bind(limit)).await
}
