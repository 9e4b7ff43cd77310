//! Which sites jobs are about: for those who look at the queue.

use std::collections::HashMap;

use accounts::Scope;
use kit::jobs::{Job, JobId, JobRow};
use kit::{Db, Result, from_row, sql};

use super::{OperationId, OperationKind, RunOperation};
use crate::Hosting;
use crate::names::SiteName;
use crate::sites::SiteId;

/// What a job does, and to which site.
#[derive(Debug, Clone)]
pub struct Subject {
    operation_id: OperationId,
    /// What is done.
    pub kind: OperationKind,
    /// To which site.
    pub site_id: SiteId,
    /// What it is called now.
    pub site_name: SiteName,
}

from_row!(Subject { operation_id, kind, site_id, site_name });

/// The sites of the scope that the `listed` jobs are about. Jobs of other kinds are not among them, nor are those whose site was
/// given up and has left no trace.
pub async fn subjects_of(db: &Db, scope: &Scope, listed: &[JobRow]) -> Result<HashMap<JobId, Subject>> {
    let operations: Vec<(&JobId, OperationId)> = listed.iter().filter_map(|job| Some((&job.id, operation_of(job)?))).collect();
    if operations.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<Subject> = db
        .all(
            sql("select site_operation.id as operation_id, site_operation.kind, site.id as site_id, site.name as site_name
                 from site_operation
                 join site on site.id = site_operation.site_id
                 where (cast($1 as text) is null or site.customer_id = $1)
                   and site_operation.id in")
            .bind(scope.customer_filter())
            .list(operations.iter().map(|(_, operation)| operation)),
        )
        .await?;
    // An operation that was tried again has had several jobs.
    let by_operation: HashMap<&OperationId, &Subject> = found.iter().map(|subject| (&subject.operation_id, subject)).collect();
    Ok(operations.into_iter().filter_map(|(job, operation)| Some((job.clone(), (*by_operation.get(&operation)?).clone()))).collect())
}

fn operation_of(job: &JobRow) -> Option<OperationId> {
    if job.kind != <RunOperation as Job<Hosting>>::KIND {
        return None;
    }
    serde_json::from_str::<RunOperation>(&job.payload).ok().map(|run| run.operation_id)
}
