//! The job behind an operation: runs its steps in order from the first that is not done.

use std::time::Duration;

use kit::jobs::{self, Attempt, Job};
use kit::{Error, Result, Tx, sql};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::{Operation, OperationId, OperationKind, OperationState, create, delete, restore, steps_of, switch};
use crate::deployments::steps;
use crate::previews::making;
use crate::probes::{self, restart};
use crate::sites::{self, Site, SiteState};
use crate::{Hosting, archive};

/// Runs one operation.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunOperation {
    /// Which.
    pub operation_id: OperationId,
}

impl<C: AsRef<Hosting> + Clone + Send + Sync + 'static> Job<C> for RunOperation {
    const KIND: &'static str = "site.operation";
    /// Pauses of 1, 2, 4 and 8 s: long enough for an engine that restarts, short enough for a person who waits.
    const MAX_ATTEMPTS: i64 = 5;
    /// A build may take 20 minutes, a dump an hour.
    const TIMEOUT: Duration = Duration::from_secs(2 * 3600);

    async fn run(self, context: C, attempt: Attempt) -> Result<()> {
        let hosting = context.as_ref().clone();
        let Some(operation) = find(&hosting, &self.operation_id).await? else { return Ok(()) };
        if operation.state != OperationState::Running {
            return Ok(());
        }
        run_steps(&hosting, &operation, &attempt).await
    }

    async fn gave_up(self, context: C, error: String) -> Result<()> {
        let hosting = context.as_ref().clone();
        let Some(operation) = find(&hosting, &self.operation_id).await? else { return Ok(()) };
        // Told already, or ended between a look at it and now.
        if operation.state != OperationState::Running {
            return Ok(());
        }
        if matches!(operation.kind, OperationKind::Deploy | OperationKind::Rollout) {
            // While the operation still counts as running, so that nothing else begins on the site.
            steps::abandon(&hosting, &operation, &error).await?;
        }
        let now = hosting.clock.now();
        hosting
            .db
            .write(async |tx| {
                tx.execute(
                    sql("update site_step set state = 'failed', finished_at = $2, error = coalesce(error, $3)
                         where operation_id = $1 and state = 'running'")
                    .bind(&operation.id)
                    .bind(now)
                    .bind(&error),
                )
                .await?;
                tx.execute(
                    sql("update site_operation set state = 'failed', finished_at = $2, error = $3 where id = $1 and state = 'running'")
                        .bind(&operation.id)
                        .bind(now)
                        .bind(&error),
                )
                .await?;
                if operation.kind == OperationKind::Preview {
                    making::gave_up(&tx, &hosting, &operation.id, &error).await?;
                }
                if operation.kind == OperationKind::Restart {
                    restart::shorten_pause(&tx, &hosting, &operation.site_id).await?;
                }
                match operation.kind.state_after_failure() {
                    Some(state) => sites::set_state(&tx, &hosting.clock, &operation.site_id, state).await,
                    None => Ok(()),
                }
            })
            .await?;
        hosting.signal(&sites::get_any(&hosting.db, &operation.site_id).await?);
        steps::after_operation(&hosting).await;
        Ok(())
    }
}

/// Ends operations whose job gave up without being able to say so (Docker was away for long), or is gone: nothing may stay at work
/// for ever. Returns how many.
pub(crate) async fn end_the_lost(hosting: &Hosting) -> Result<u32> {
    let running: Vec<(OperationId,)> = hosting.db.all(sql("select id from site_operation where state = 'running'")).await?;
    let mut ended = 0;
    for (operation_id,) in running {
        if jobs::is_waiting_or_running(&hosting.db, &format!("operation:{operation_id}")).await? {
            continue;
        }
        warn!("operation `{operation_id}` has lost its job");
        let lost = RunOperation { operation_id };
        <RunOperation as Job<Hosting>>::gave_up(
            lost,
            hosting.clone(),
            "its work was interrupted and could not be taken up again".to_owned(),
        )
        .await?;
        ended += 1;
    }
    Ok(ended)
}

async fn find(hosting: &Hosting, id: &OperationId) -> Result<Option<Operation>> {
    hosting
        .db
        .optional(
            sql("select id, site_id, kind, service, state, requested_by, created_at, finished_at, error from site_operation where id = $1")
                .bind(id),
        )
        .await
}

async fn run_steps(hosting: &Hosting, operation: &Operation, attempt: &Attempt) -> Result<()> {
    for step in steps_of(&hosting.db, &operation.id).await? {
        if step.state == super::StepState::Done {
            continue;
        }
        // Read anew before each step: the one before may have changed it.
        let site = sites::get_any(&hosting.db, &operation.site_id).await?;
        mark(hosting, operation, step.position, Mark::Running).await?;
        hosting.signal(&site);
        let started = tokio::time::Instant::now();
        match run_step(hosting, operation, &site, &step.name).await {
            Ok(detail) => {
                let duration_ms = started.elapsed().as_millis();
                info!(site.id = %site.id, step = %step.name, duration_ms, "{} of site `{}`: step `{}` done", operation.kind, site.id, step.name);
                mark(hosting, operation, step.position, Mark::Done(detail)).await?;
            }
            Err(error) => {
                let error = name_the_cause(hosting, error).await;
                let retried = error.is_transient() && !attempt.last;
                warn!(site.id = %site.id, step = %step.name, "{} of site `{}`: step `{}` failed: {error}", operation.kind, site.id, step.name);
                let message = if retried { format!("{} (trying again)", readable(&error)) } else { readable(&error) };
                mark(hosting, operation, step.position, Mark::Failed { message, retried }).await?;
                hosting.signal(&site);
                return Err(error);
            }
        }
    }
    finish(hosting, operation).await
}

/// Programs say it in their own words, or not at all; what a person can do about a full disk or a stopped Docker is always the same.
async fn name_the_cause(hosting: &Hosting, error: Error) -> Error {
    if !error.is_transient() {
        return error;
    }
    let seen = error.to_string().to_lowercase();
    if seen.contains("no space left on device") && !seen.contains("is full") {
        return Error::unavailable_because("a disk of this server is full; free some space and try again", error);
    }
    if seen.contains("docker")
        && !seen.starts_with("docker does not answer")
        && let Err(gone) = hosting.runtime.ping().await
    {
        return Error::unavailable_because(gone.public_message(), error);
    }
    error
}

/// What people read: the reason and, for failures outside of us, the last line of what was seen.
fn readable(error: &Error) -> String {
    match error {
        Error::Unavailable { message, source: Some(source) } => {
            let seen = source.root_cause().to_string();
            let last = seen.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
            if last.is_empty() || message.contains(last) { message.clone() } else { format!("{message} – {last}") }
        }
        other => other.public_message(),
    }
}

async fn run_step(hosting: &Hosting, operation: &Operation, site: &Site, name: &str) -> Result<Option<String>> {
    match operation.kind {
        OperationKind::Create => create::step(hosting, site, name).await,
        OperationKind::Preview => making::step(hosting, operation, site, name).await,
        OperationKind::Start | OperationKind::Stop | OperationKind::Reconfigure => switch::step(hosting, site, name).await,
        OperationKind::Restart => switch::restart_step(hosting, site, operation.service.as_deref(), name).await,
        OperationKind::Deploy | OperationKind::Rollout => steps::step(hosting, operation, site, name).await,
        OperationKind::Delete | OperationKind::Discard => delete::step(hosting, site, name).await,
        OperationKind::Restore => restore::step(hosting, site, name).await,
    }
}

enum Mark {
    Running,
    Done(Option<String>),
    Failed { message: String, retried: bool },
}

async fn mark(hosting: &Hosting, operation: &Operation, position: i64, mark: Mark) -> Result<()> {
    let now = hosting.clock.now();
    let query = match mark {
        Mark::Running => sql("update site_step set state = 'running', started_at = coalesce(started_at, $3), finished_at = null
                              where operation_id = $1 and position = $2")
        .bind(&operation.id)
        .bind(position)
        .bind(now),
        Mark::Done(detail) => sql("update site_step set state = 'done', finished_at = $3, detail = $4, error = null
                                   where operation_id = $1 and position = $2")
        .bind(&operation.id)
        .bind(position)
        .bind(now)
        .bind(detail),
        Mark::Failed { message, retried } => sql("update site_step set state = $5, finished_at = $3, error = $4
                                                  where operation_id = $1 and position = $2")
        .bind(&operation.id)
        .bind(position)
        .bind((!retried).then_some(now))
        .bind(message)
        .bind(if retried { "running" } else { "failed" }),
    };
    hosting.db.execute(query).await.map(|_| ())
}

async fn finish(hosting: &Hosting, operation: &Operation) -> Result<()> {
    let site = sites::get_any(&hosting.db, &operation.site_id).await?;
    let archived = archive::is_complete(hosting, &site);
    let now = hosting.clock.now();
    hosting
        .db
        .write(async |tx| {
            tx.execute(
                sql("update site_operation set state = 'done', finished_at = $2, error = null where id = $1").bind(&operation.id).bind(now),
            )
            .await?;
            settle(&tx, hosting, operation, archived).await
        })
        .await?;
    if sites::exists(&hosting.db, &site.id).await? {
        probes::review(hosting, &sites::get_any(&hosting.db, &site.id).await?).await;
    }
    hosting.signal(&site);
    steps::after_operation(hosting).await;
    Ok(())
}

/// The site's state once its operation is over.
async fn settle(tx: &Tx, hosting: &Hosting, operation: &Operation, archived: bool) -> Result<()> {
    let state = match operation.kind {
        OperationKind::Create | OperationKind::Preview | OperationKind::Restore | OperationKind::Start => SiteState::Active,
        OperationKind::Stop => SiteState::Stopped,
        OperationKind::Delete => SiteState::Archived,
        // What could not be restored stays in its archive, and can be tried again.
        OperationKind::Discard if archived => SiteState::Archived,
        OperationKind::Discard => return sites::forget(tx, &operation.site_id).await,
        OperationKind::Reconfigure | OperationKind::Restart | OperationKind::Deploy | OperationKind::Rollout => return Ok(()),
    };
    sites::set_state(tx, &hosting.clock, &operation.site_id, state).await
}
