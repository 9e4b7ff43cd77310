//! Durable jobs, schedules and reconcilers.
//!
//! A job is a row that is enqueued in the transaction which makes it necessary, claimed under a lease, kept alive by a
//! heartbeat, retried with growing pauses and, after its last try, listed as dead for the operator. It may run twice
//! (a crash between its work and its last statement), so it must be safe to. A reconciler takes no input: it compares
//! wanted with actual, closes the gap and says what it did.

mod attempt;
mod reconcile;
mod registry;
mod worker;

use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use reconcile::{Reconciler, ReconcilerState, reconcilers};
pub use registry::Registry;
pub use worker::Runner;

use crate::db::Sql;
use crate::{Clock, Db, Error, Result, Timestamp, Tx, from_row, id_type, sql, text_enum};

id_type!(
    /// One job.
    JobId, "job_"
);

/// How long a claim lasts without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(30);
/// Finished jobs stay listed this long.
pub const KEEP_DONE: Duration = Duration::from_secs(7 * 86_400);
/// Dead jobs stay listed this long.
pub const KEEP_DEAD: Duration = Duration::from_secs(90 * 86_400);

text_enum!(
    /// Where a job is in its life.
    JobState {
        /// Waits for its time or a free worker.
        Queued = "queued",
        /// Claimed by a worker whose lease has not run out.
        Running = "running",
        /// Ended well.
        Done = "done",
        /// Gave up; somebody should look.
        Dead = "dead",
    }
);

/// A kind of work: a serde struct as payload, and how to do it with context `C`.
pub trait Job<C>: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The stored name, `slice.verb`; never changes once released.
    const KIND: &'static str;
    /// How often it is tried before it is dead.
    const MAX_ATTEMPTS: i64 = 8;
    /// After this time a try is stopped and counted as failed.
    const TIMEOUT: Duration = Duration::from_secs(600);

    /// Does the work. Transient errors are retried, others end it at once as dead.
    ///
    /// The future is dropped when the instance stops, and the job then begins anew with the same attempt.
    fn run(self, context: C, attempt: Attempt) -> impl Future<Output = Result<()>> + Send;

    /// Called when it will not be tried again, so that what waits for it can be told. Called again if it fails or the
    /// process dies in it, so it must be safe to run twice, too.
    fn gave_up(self, _context: C, _error: String) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

/// Which try of a job this is.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The job.
    pub id: JobId,
    /// Counted from 1.
    pub number: i64,
    /// Whether no further try follows a failure.
    pub last: bool,
}

/// A job as the operator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// Its payload as JSON.
    pub payload: String,
    /// Where it is.
    pub state: JobState,
    /// Tries begun.
    pub attempts: i64,
    /// Tries allowed.
    pub max_attempts: i64,
    /// When it may (next) run.
    pub run_at: Timestamp,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When its last try began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What the last failed try said.
    pub error: Option<String>,
}

from_row!(JobRow { id, kind, payload, state, attempts, max_attempts, run_at, created_at, started_at, finished_at, error });

/// When and how often a job may stand in the queue.
#[derive(Debug, Clone, Default)]
pub struct Enqueue {
    /// While a queued or running job has this key, a further one is not added. A running one may have looked already at
    /// what the caller is about to change; where that matters, use a reconciler or no key.
    pub unique_key: Option<String>,
    /// Not before this time; now, when absent.
    pub run_at: Option<Timestamp>,
}

/// Adds a job in the caller's transaction. Returns `None` when one with the same unique key is already there.
pub async fn enqueue<C, J: Job<C>>(tx: &Tx, clock: &Clock, job: &J, how: Enqueue) -> Result<Option<JobId>> {
    let payload = serde_json::to_string(job)?;
    enqueue_raw(tx, clock, J::KIND, payload, J::MAX_ATTEMPTS, how).await
}

pub(crate) async fn enqueue_raw(
    tx: &Tx,
    clock: &Clock,
    kind: &str,
    payload: String,
    max_attempts: i64,
    how: Enqueue,
) -> Result<Option<JobId>> {
    let id = JobId::new(clock);
    let now = clock.now();
    let added = tx
        .execute(
            sql("insert into job (id, kind, payload, unique_key, state, run_at, attempts, max_attempts, created_at)
                 values ($1, $2, $3, $4, 'queued', $5, 0, $6, $7)
                 on conflict do nothing")
            .bind(&id)
            .bind(kind)
            .bind(payload)
            .bind(how.unique_key)
            .bind(how.run_at.unwrap_or(now))
            .bind(max_attempts)
            .bind(now),
        )
        .await?;
    tx.ring_job_bell();
    Ok((added == 1).then_some(id))
}

/// Whether a job with this unique key waits or is at work.
pub async fn is_waiting_or_running(db: &Db, unique_key: &str) -> Result<bool> {
    let found: Option<(JobId,)> =
        db.optional(sql("select id from job where unique_key = $1 and state in ('queued', 'running')").bind(unique_key)).await?;
    Ok(found.is_some())
}

const COLUMNS: &str =
    "select id, kind, payload, state, attempts, max_attempts, run_at, created_at, started_at, finished_at, error from job";

/// Jobs newest first, in one state or in all, 50 a page, older than `before`.
pub async fn list(db: &Db, state: Option<JobState>, before: Option<&JobId>) -> Result<Vec<JobRow>> {
    // Four texts instead of one with optional filters: those would not use the index by state.
    let query = match (state, before) {
        (None, None) => sql(COLUMNS),
        (None, Some(before)) => sql(COLUMNS).and("where id < $1").bind(before),
        (Some(state), None) => sql(COLUMNS).and("where state = $1").bind(state),
        (Some(state), Some(before)) => sql(COLUMNS).and("where state = $1 and id < $2").bind(state).bind(before),
    };
    db.all(query.and("order by id desc limit 50")).await
}

/// How many jobs are in each state.
pub async fn counts(db: &Db) -> Result<Vec<(JobState, i64)>> {
    db.all(sql("select state, cast(count(*) as bigint) from job group by state")).await
}

/// How many jobs wait although their time has come: the queue's depth.
pub async fn depth(db: &Db, clock: &Clock) -> Result<i64> {
    let due: Sql = sql("select cast(count(*) as bigint) from job where state = 'queued' and run_at <= $1").bind(clock.now());
    Ok(db.one::<(i64,)>(due).await?.0)
}

/// Since when the first of those jobs waits; `None` when none does.
pub async fn waiting_since(db: &Db, clock: &Clock) -> Result<Option<Timestamp>> {
    let oldest = sql("select run_at from job where state = 'queued' and run_at <= $1 order by run_at, id limit 1");
    let row: Option<(Timestamp,)> = db.optional(oldest.bind(clock.now())).await?;
    Ok(row.map(|(since,)| since))
}

/// Puts a dead job back into the queue with a fresh count of tries.
pub async fn retry(db: &Db, clock: &Clock, id: &JobId) -> Result<()> {
    let now = clock.now();
    let again = db
        .write(async |tx| {
            tx.ring_job_bell();
            tx.execute(
                sql("update job set state = 'queued', attempts = 0, run_at = $2, finished_at = null
                     where id = $1 and state = 'dead'")
                .bind(id)
                .bind(now),
            )
            .await
        })
        .await;
    match again {
        Ok(1) => Ok(()),
        Ok(_) => Err(Error::conflict("only a job that gave up can be tried again")),
        Err(Error::Conflict(_)) => Err(Error::conflict("the same work is in the queue already")),
        Err(error) => Err(error),
    }
}

/// How much of an error's text is stored.
const MAX_ERROR_CHARS: usize = 4000;

/// An error's text as it can be stored, whatever a process or a server put into it: bounded, and without a NUL.
pub(crate) fn for_the_record(error: &Error) -> String {
    error.to_string().chars().take(MAX_ERROR_CHARS).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}
