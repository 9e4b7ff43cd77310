//! The runner: claims due jobs, gives each a task, adds scheduled ones, and forgets old ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::attempt::{Claimed, Worker};
use super::reconcile;
use super::registry::{Registry, Scheduled};
use super::{Enqueue, JobId, KEEP_DEAD, KEEP_DONE, LEASE, enqueue_raw};
use crate::db::dialect;
use crate::{Clock, Db, Result, Timestamp, Tx, sql};

/// How long an idle runner waits before it looks again without having been rung.
const IDLE_POLL: Duration = Duration::from_secs(1);
/// How often old jobs are forgotten.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);
/// What a job says whose worker vanished.
const WORKER_LOST: &str = "innkeeper ended in the middle of this try";

/// Works the queue of one instance.
pub struct Runner<C> {
    worker: Worker<C>,
    places: Arc<Semaphore>,
}

impl<C: Clone + Send + Sync + 'static> Runner<C> {
    /// A runner named `instance` that works up to `parallel` jobs at once.
    pub fn new(db: Db, clock: Clock, context: C, registry: Registry<C>, instance: impl Into<String>, parallel: usize) -> Self {
        let worker = Worker { db, clock, context, registry: Arc::new(registry), instance: instance.into().into(), lease: LEASE };
        Runner { worker, places: Arc::new(Semaphore::new(parallel)) }
    }

    /// Claims for this long instead of [`LEASE`]; a heartbeat comes every third of it.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.worker.lease = lease;
        self
    }

    /// Works until `stop` is cancelled; running jobs are then interrupted and go back into the queue with the try they
    /// had begun, to be resumed by the next start or another instance. Dropping the future interrupts them, too.
    ///
    /// On SQLite there must be one runner only, which the data folder's lock sees to.
    pub async fn run(self, stop: CancellationToken) {
        let stop = stop.child_token();
        let _stops_when_dropped = stop.clone().drop_guard();
        let Worker { db, clock, context, registry, .. } = &self.worker;
        if !db.is_postgres() {
            // Nobody else works here: whatever is marked as running died with the last process.
            if let Err(error) = self.release_all().await {
                error!("releasing jobs of the last run: {error}");
            }
        }
        let tasks = TaskTracker::new();
        for reconciler in &registry.reconcilers {
            tasks.spawn(reconcile::run(db.clone(), clock.clone(), context.clone(), reconciler.clone(), stop.clone()));
        }
        let mut next_housekeeping = Timestamp(i64::MIN);
        while !stop.is_cancelled() {
            // Listening begins before the look, so that a ring in between is not missed.
            let rung = db.job_bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            if let Err(error) = self.enqueue_scheduled().await {
                warn!("looking at the schedule: {error}");
            }
            if clock.now() >= next_housekeeping {
                next_housekeeping = clock.now().plus(HOUSEKEEPING);
                if let Err(error) = self.forget_old().await {
                    warn!("forgetting old jobs: {error}");
                }
            }
            match self.start_due(&tasks, &stop).await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => warn!("claiming jobs: {error}"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
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
        let _stops_when_dropped = stop.clone().drop_guard();
        loop {
            let tasks = TaskTracker::new();
            let started = self.start_due(&tasks, &stop).await;
            tasks.close();
            tasks.wait().await;
            if started? == 0 {
                return Ok(());
            }
        }
    }

    /// Enqueues what the schedule says is due; [`Runner::run`] does so by itself.
    pub async fn enqueue_scheduled(&self) -> Result<()> {
        let Worker { db, clock, registry, .. } = &self.worker;
        if registry.schedules.is_empty() {
            return Ok(());
        }
        let now = clock.now();
        let known: HashMap<String, Timestamp> =
            db.all::<(String, Timestamp)>(sql("select name, next_at from job_schedule")).await?.into_iter().collect();
        let due = registry.schedules.iter().filter(|schedule| known.get(schedule.name).is_none_or(|next| *next <= now));
        for schedule in due {
            db.write_read_committed(async |tx| enqueue_once(&tx, clock, schedule, now).await).await?;
        }
        Ok(())
    }

    /// Puts jobs that were running when the last process ended back into the queue. Their try counts: it may have been
    /// the job that ended the process.
    async fn release_all(&self) -> Result<()> {
        let released = self
            .worker
            .db
            .execute(
                sql("update job
                     set state = 'queued', error = $1, lease_owner = null, leased_until = null
                     where state = 'running'")
                .bind(WORKER_LOST),
            )
            .await?;
        if released > 0 {
            info!(jobs = released, "resuming {released} jobs that were running when the last process ended");
        }
        Ok(())
    }

    async fn start_due(&self, tasks: &TaskTracker, stop: &CancellationToken) -> Result<usize> {
        let mut started = 0;
        loop {
            // With all places taken, wait for one instead of asking the database.
            let place = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                place = self.places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
            };
            let Some(claimed) = self.claim().await? else { break };
            started += 1;
            let work = self.worker.clone().work(claimed, stop.clone());
            tasks.spawn(async move {
                work.await;
                drop(place);
            });
        }
        Ok(started)
    }

    /// Takes a job whose worker's lease ran out, or else the one that has been due for longest.
    async fn claim(&self) -> Result<Option<Claimed>> {
        let Worker { db, clock, instance, lease, .. } = &self.worker;
        let now = clock.now();
        db.write_read_committed(async |tx| {
            let lost = sql("select id
                 from job
                 where state = 'running' and leased_until < $1
                 order by leased_until
                 limit 1")
            .bind(now);
            let due = sql("select id
                 from job
                 where state = 'queued' and run_at <= $1
                 order by run_at, id
                 limit 1")
            .bind(now);
            let (id, error) = match tx.optional::<(JobId,)>(dialect::skip_locked(&tx, lost, "")).await? {
                Some((id,)) => (id, Some(WORKER_LOST)),
                None => match tx.optional::<(JobId,)>(dialect::skip_locked(&tx, due, "")).await? {
                    Some((id,)) => (id, None),
                    None => return Ok(None),
                },
            };
            let claimed = tx
                .one(
                    sql("update job
                         set state = 'running', lease_owner = $2, leased_until = $3, attempts = attempts + 1, started_at = $4,
                             error = coalesce(cast($5 as text), error)
                         where id = $1
                         returning id, kind, payload, attempts, max_attempts, error")
                    .bind(id)
                    .bind(&**instance)
                    .bind(now.plus(*lease))
                    .bind(now)
                    .bind(error),
                )
                .await?;
            Ok(Some(claimed))
        })
        .await
    }

    async fn forget_old(&self) -> Result<()> {
        let Worker { db, clock, .. } = &self.worker;
        let now = clock.now();
        db.write_read_committed(async |tx| {
            for (state, keep) in [("done", KEEP_DONE), ("dead", KEEP_DEAD)] {
                tx.execute(sql("delete from job where finished_at < $1 and state = $2").bind(now.minus(keep)).bind(state)).await?;
            }
            Ok(())
        })
        .await
    }
}

/// Moves the schedule on and enqueues, unless another instance was quicker or the last one is still at work.
async fn enqueue_once(tx: &Tx, clock: &Clock, schedule: &Scheduled, now: Timestamp) -> Result<()> {
    let mine = tx
        .execute(
            sql("insert into job_schedule (name, next_at, last_at) values ($1, $2, $3)
                 on conflict (name) do update set next_at = excluded.next_at, last_at = excluded.last_at
                 where job_schedule.next_at <= $3")
            .bind(schedule.name)
            .bind(now.plus(schedule.every))
            .bind(now),
        )
        .await?;
    if mine == 1 {
        let once = Enqueue { unique_key: Some(format!("schedule:{}", schedule.name)), run_at: None };
        enqueue_raw(tx, clock, schedule.name, schedule.payload.clone(), schedule.max_attempts, once).await?;
    }
    Ok(())
}
