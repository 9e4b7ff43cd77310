//! The runner: claims due jobs, keeps their leases alive, records how they ended, and adds scheduled ones.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error, info, info_span, warn};

use super::reconcile::{self, ErasedReconciler, Reconciler};
use super::{Attempt, Enqueue, Job, JobId, KEEP_DONE, LEASE, enqueue_raw};
use crate::db::dialect;
use crate::{Clock, Db, Error, Result, Timestamp, from_row, sql};

/// How long an idle runner waits before it looks again without having been rung.
const IDLE_POLL: Duration = Duration::from_secs(1);
/// Longest pause between two tries.
const MAX_BACKOFF: Duration = Duration::from_secs(600);

type Work<C> = Box<dyn Fn(String, C, Attempt) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;
type GaveUp<C> = Box<dyn Fn(String, C, String) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

struct Kind<C> {
    work: Work<C>,
    gave_up: GaveUp<C>,
    timeout: Duration,
}

struct Scheduled {
    name: &'static str,
    every: Duration,
    payload: String,
    max_attempts: i64,
}

/// All kinds of jobs, schedules and reconcilers of the product.
pub struct Registry<C> {
    kinds: HashMap<&'static str, Kind<C>>,
    schedules: Vec<Scheduled>,
    pub(super) reconcilers: Vec<Arc<dyn ErasedReconciler<C>>>,
}

impl<C: Clone + Send + Sync + 'static> Default for Registry<C> {
    fn default() -> Self {
        Registry { kinds: HashMap::new(), schedules: Vec::new(), reconcilers: Vec::new() }
    }
}

impl<C: Clone + Send + Sync + 'static> Registry<C> {
    /// Makes a kind known.
    #[must_use]
    pub fn job<J: Job<C>>(mut self) -> Self {
        let work: Work<C> = Box::new(|payload, context, attempt| {
            Box::pin(async move {
                let job: J = serde_json::from_str(&payload).map_err(|error| Error::conflict(format!("unreadable payload: {error}")))?;
                job.run(context, attempt).await
            })
        });
        let gave_up: GaveUp<C> = Box::new(|payload, context, error| {
            Box::pin(async move {
                match serde_json::from_str::<J>(&payload) {
                    Ok(job) => job.gave_up(context, error).await,
                    Err(_) => Ok(()),
                }
            })
        });
        self.kinds.insert(J::KIND, Kind { work, gave_up, timeout: J::TIMEOUT });
        self
    }

    /// Makes a kind known and enqueues `job` every `every`, whichever instance is awake first.
    #[must_use]
    pub fn schedule<J: Job<C>>(mut self, every: Duration, job: &J) -> Self {
        let payload = serde_json::to_string(job).expect("a job serializes");
        self.schedules.push(Scheduled { name: J::KIND, every, payload, max_attempts: J::MAX_ATTEMPTS });
        self.job::<J>()
    }

    /// Adds a reconciler.
    #[must_use]
    pub fn reconciler(mut self, reconciler: impl Reconciler<C>) -> Self {
        self.reconcilers.push(Arc::new(reconciler));
        self
    }
}

/// Works the queue of one instance.
pub struct Runner<C> {
    db: Db,
    clock: Clock,
    context: C,
    registry: Arc<Registry<C>>,
    instance: String,
    places: Arc<Semaphore>,
}

impl<C: Clone + Send + Sync + 'static> Runner<C> {
    /// A runner named `instance` that works up to `parallel` jobs at once.
    pub fn new(db: Db, clock: Clock, context: C, registry: Registry<C>, instance: impl Into<String>, parallel: usize) -> Self {
        Runner { db, clock, context, registry: Arc::new(registry), instance: instance.into(), places: Arc::new(Semaphore::new(parallel)) }
    }

    /// Works until `stop` is cancelled; running jobs are then given up and their leases returned, to be resumed at the next start.
    pub async fn run(self, stop: CancellationToken) {
        if !self.db.is_postgres() {
            // The data folder's lock says that nobody else works here: whatever is marked as running died with the last process.
            if let Err(error) = self.release_all().await {
                error!("releasing jobs of the last run: {error}");
            }
        }
        let tasks = TaskTracker::new();
        for reconciler in &self.registry.reconcilers {
            tasks.spawn(reconcile::run(self.db.clone(), self.clock.clone(), self.context.clone(), reconciler.clone(), stop.clone()));
        }
        loop {
            // Listening begins before the look, so that a ring in between is not missed.
            let rung = self.db.job_bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            if let Err(error) = self.enqueue_scheduled().await {
                warn!("looking at the schedule: {error}");
            }
            match self.start_due(&tasks, &stop).await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => warn!("claiming jobs: {error}"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = rung => {}
                () = tokio::time::sleep(IDLE_POLL) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Runs everything that is due, and what that enqueues, until the queue is empty: for tests and the command line.
    pub async fn run_until_idle(&self) -> Result<()> {
        let stop = CancellationToken::new();
        loop {
            let tasks = TaskTracker::new();
            let started = self.start_due(&tasks, &stop).await?;
            tasks.close();
            tasks.wait().await;
            if started == 0 {
                return Ok(());
            }
        }
    }

    async fn release_all(&self) -> Result<()> {
        let released = self
            .db
            .execute(sql(
                "update job set state = 'queued', lease_owner = null, leased_until = null where state = 'running'",
            ))
            .await?;
        if released > 0 {
            info!(jobs = released, "resuming {released} jobs that were running when the last process ended");
        }
        Ok(())
    }

    async fn start_due(&self, tasks: &TaskTracker, stop: &CancellationToken) -> Result<usize> {
        let mut started = 0;
        while !stop.is_cancelled() {
            let Ok(place) = self.places.clone().try_acquire_owned() else {
                // All places are taken; wait for one instead of asking the database.
                let place = self.places.clone();
                tokio::select! {
                    _ = place.acquire() => continue,
                    () = stop.cancelled() => break,
                }
            };
            let Some(claimed) = self.claim().await? else { break };
            started += 1;
            let work = work_one(self.db.clone(), self.clock.clone(), self.context.clone(), self.registry.clone(), self.instance.clone(), claimed);
            let stop = stop.clone();
            tasks.spawn(async move {
                let _place = place;
                tokio::select! {
                    () = work => {}
                    () = stop.cancelled() => {}
                }
            });
        }
        Ok(started)
    }

    /// Takes the oldest due job, or one whose worker's lease ran out.
    async fn claim(&self) -> Result<Option<Claimed>> {
        let now = self.clock.now();
        self.db
            .write(async |tx| {
                let claim = sql(
                    "update job
                     set state = 'running', lease_owner = $1, leased_until = $2, attempts = attempts + 1, started_at = $3
                     where id = (
                       select id from job
                       where (state = 'queued' and run_at <= $3) or (state = 'running' and leased_until < $3)
                       order by run_at, id
                       limit 1",
                )
                .bind(&self.instance)
                .bind(now.plus(LEASE))
                .bind(now);
                let claim = dialect::skip_locked(&tx, claim, ") returning id, kind, payload, attempts, max_attempts");
                tx.optional(claim).await
            })
            .await
    }

    async fn enqueue_scheduled(&self) -> Result<()> {
        let now = self.clock.now();
        let due: HashMap<String, i64> =
            self.db.all::<(String, i64)>(sql("select name, next_at from job_schedule")).await?.into_iter().collect();
        for schedule in &self.registry.schedules {
            if due.get(schedule.name).is_some_and(|next| *next > now.0) {
                continue;
            }
            self.db
                .write(async |tx| {
                    let next = now.plus(schedule.every);
                    let mine = tx
                        .execute(
                            sql("insert into job_schedule (name, next_at, last_at) values ($1, $2, $3)
                                 on conflict (name) do update set next_at = excluded.next_at, last_at = excluded.last_at
                                 where job_schedule.next_at <= $3")
                            .bind(schedule.name)
                            .bind(next)
                            .bind(now),
                        )
                        .await?;
                    if mine == 1 {
                        let once = Enqueue { unique_key: Some(format!("schedule:{}", schedule.name)), run_at: None };
                        enqueue_raw(&tx, &self.clock, schedule.name, schedule.payload.clone(), schedule.max_attempts, once).await?;
                    }
                    // Finished jobs are history for a week; the housekeeping rides along with whatever is due.
                    tx.execute(sql("delete from job where state = 'done' and finished_at < $1").bind(now.minus(KEEP_DONE))).await?;
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Claimed {
    id: JobId,
    kind: String,
    payload: String,
    attempts: i64,
    max_attempts: i64,
}

from_row!(Claimed { id, kind, payload, attempts, max_attempts });

async fn work_one<C: Clone + Send + Sync + 'static>(
    db: Db,
    clock: Clock,
    context: C,
    registry: Arc<Registry<C>>,
    instance: String,
    claimed: Claimed,
) {
    let span = info_span!("job", job.id = %claimed.id, job.kind = %claimed.kind, attempt = claimed.attempts);
    async {
        let Some(kind) = registry.kinds.get(claimed.kind.as_str()) else {
            let _ = finish(&db, &clock, &instance, &claimed, Err((Error::conflict("no job of this kind is known"), true))).await;
            return;
        };
        let last = claimed.attempts >= claimed.max_attempts;
        let attempt = Attempt { id: claimed.id.clone(), number: claimed.attempts, last };
        let work = AssertUnwindSafe((kind.work)(claimed.payload.clone(), context.clone(), attempt)).catch_unwind();
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(kind.timeout, work) => outcome,
            () = lose_lease(&db, &clock, &instance, &claimed.id) => {
                warn!("another instance took job `{}` over", claimed.id);
                return;
            }
        };
        let outcome = match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(Error::internal(format!("panicked: {}", panic_text(&*panic)))),
            Err(_) => Err(Error::unavailable(format!("did not end within {} s", kind.timeout.as_secs()))),
        };
        let outcome = outcome.map_err(|error| {
            let gives_up = last || !error.is_transient();
            (error, gives_up)
        });
        match &outcome {
            Ok(()) => info!("job `{}` done", claimed.kind),
            Err((error, false)) => warn!("job `{}` failed and will be tried again: {error}", claimed.kind),
            Err((error, true)) => {
                error!("job `{}` gave up: {error}", claimed.kind);
                if let Err(error) = (kind.gave_up)(claimed.payload.clone(), context.clone(), error.to_string()).await {
                    error!("telling that job `{}` gave up: {error}", claimed.kind);
                }
            }
        }
        if let Err(error) = finish(&db, &clock, &instance, &claimed, outcome).await {
            error!("recording how job `{}` ended: {error}", claimed.id);
        }
    }
    .instrument(span)
    .await;
}

/// Extends the lease until it is found to be somebody else's; then returns.
async fn lose_lease(db: &Db, clock: &Clock, instance: &str, id: &JobId) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        let extended = db
            .execute(
                sql("update job set leased_until = $3 where id = $1 and lease_owner = $2 and state = 'running'")
                    .bind(id)
                    .bind(instance)
                    .bind(clock.now().plus(LEASE)),
            )
            .await;
        match extended {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => warn!("extending the lease of job `{id}`: {error}"),
        }
    }
}

async fn finish(db: &Db, clock: &Clock, instance: &str, claimed: &Claimed, outcome: std::result::Result<(), (Error, bool)>) -> Result<()> {
    let now = clock.now();
    let (state, error, run_at, finished_at): (&str, Option<String>, Timestamp, Option<Timestamp>) = match outcome {
        Ok(()) => ("done", None, now, Some(now)),
        Err((error, true)) => ("dead", Some(error.to_string()), now, Some(now)),
        Err((error, false)) => ("queued", Some(error.to_string()), now.plus(backoff(claimed.attempts)), None),
    };
    db.execute(
        sql("update job
             set state = $3, error = $4, run_at = $5, finished_at = $6, lease_owner = null, leased_until = null
             where id = $1 and lease_owner = $2 and state = 'running'")
        .bind(&claimed.id)
        .bind(instance)
        .bind(state)
        .bind(error)
        .bind(run_at)
        .bind(finished_at),
    )
    .await
    .map(|_| ())
}

/// 1, 2, 4, … seconds with up to a quarter of chance, at most ten minutes.
fn backoff(attempts: i64) -> Duration {
    let exponent = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
    let base = Duration::from_secs(1 << exponent).min(MAX_BACKOFF);
    base + base.mul_f64(f64::from(rand::random::<u8>()) / 1020.0)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
