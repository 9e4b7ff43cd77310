//! One try of one job: does the work under a lease that it keeps alive, and records how it ended.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use super::registry::{Kind, Registry, Work};
use super::{Attempt, JobId, for_the_record};
use crate::{Clock, Db, Error, Result, from_row, sql};

/// Longest pause between two tries.
const MAX_BACKOFF: Duration = Duration::from_secs(600);
/// How often the job's `gave_up` is called again when it fails, or the process dies in it.
const GAVE_UP_TRIES: i64 = 3;
/// Pauses before recording an ending again that could not be recorded; together well below [`LEASE`](super::LEASE).
const RECORD_PAUSES: [Duration; 4] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What working on jobs needs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Worker<C> {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) context: C,
    pub(super) registry: Arc<Registry<C>>,
    pub(super) instance: Arc<str>,
    pub(super) lease: Duration,
}

/// A job as its claim found it. Instance and `attempts` together name the claim: whoever's is no longer in the row has
/// lost the job and may not write to it.
#[derive(Clone)]
pub(super) struct Claimed {
    id: JobId,
    kind: String,
    payload: String,
    /// Including this one.
    attempts: i64,
    max_attempts: i64,
    /// What the try before said.
    error: Option<String>,
}

from_row!(Claimed { id, kind, payload, attempts, max_attempts, error });

/// How a try ended.
enum Ending {
    Done,
    /// Failed; tried again after a pause.
    Again(String),
    /// Will not be tried again, and the job was told so.
    Dead(String),
    /// Will not be tried again, but the job still has to be told so.
    TellLater(String),
    /// The instance stops. The try does not count.
    Interrupted,
}

impl<C: Clone + Send + Sync + 'static> Worker<C> {
    pub(super) async fn work(self, claimed: Claimed, stop: CancellationToken) {
        let span = info_span!("job", job.id = %claimed.id, job.kind = %claimed.kind, attempt = claimed.attempts);
        async {
            let ending = tokio::select! {
                ending = self.attempt(&claimed, &stop) => ending,
                () = self.lose_lease(&claimed) => {
                    warn!("lost the lease of job `{}`; whoever has it now goes on", claimed.id);
                    return;
                }
            };
            self.record(&claimed, &ending).await;
        }
        .instrument(span)
        .await;
    }

    async fn attempt(&self, claimed: &Claimed, stop: &CancellationToken) -> Ending {
        let last = claimed.attempts >= claimed.max_attempts;
        let Some(kind) = self.registry.kinds.get(claimed.kind.as_str()) else {
            // An instance of a newer version may know it, so it is not given up at once.
            let error = format!("this version of innkeeper knows no job `{}`", claimed.kind);
            warn!("{error}");
            return if last { Ending::Dead(error) } else { Ending::Again(error) };
        };
        if claimed.attempts > claimed.max_attempts {
            // The last try ended without an ending of its own (its process died), or telling failed.
            let error = claimed.error.clone().unwrap_or_default();
            return match claimed.attempts - claimed.max_attempts {
                ..=GAVE_UP_TRIES => self.give_up(claimed, kind, error, stop).await,
                _ => Ending::Dead(error),
            };
        }
        let attempt = Attempt { id: claimed.id.clone(), number: claimed.attempts, last };
        let work = (kind.run)(claimed.payload.clone(), self.context.clone(), attempt);
        match guarded(work, kind.timeout, stop).await {
            None => {
                info!("job `{}` interrupted; it goes back into the queue", claimed.kind);
                Ending::Interrupted
            }
            Some(Ok(())) => {
                info!("job `{}` done", claimed.kind);
                Ending::Done
            }
            Some(Err(error)) if last || !error.is_transient() => self.give_up(claimed, kind, for_the_record(&error), stop).await,
            Some(Err(error)) => {
                warn!("job `{}` failed and will be tried again: {error}", claimed.kind);
                Ending::Again(for_the_record(&error))
            }
        }
    }

    async fn give_up(&self, claimed: &Claimed, kind: &Kind<C>, error: String, stop: &CancellationToken) -> Ending {
        error!("job `{}` gave up: {error}", claimed.kind);
        let tell = (kind.gave_up)(claimed.payload.clone(), self.context.clone(), error.clone());
        match guarded(tell, kind.timeout, stop).await {
            Some(Ok(())) => Ending::Dead(error),
            None if claimed.attempts > claimed.max_attempts => Ending::Interrupted,
            None => Ending::TellLater(error),
            Some(Err(failure)) => {
                error!("telling that job `{}` gave up: {failure}", claimed.kind);
                Ending::TellLater(error)
            }
        }
    }

    /// Extends the lease until it is somebody else's, or may be; then returns.
    async fn lose_lease(&self, claimed: &Claimed) {
        let mut until = self.clock.now().plus(self.lease);
        loop {
            tokio::time::sleep(self.lease / 3).await;
            let longer = self.clock.now().plus(self.lease);
            let extended = self
                .db
                .write_read_committed(async |tx| {
                    tx.execute(
                        sql("update job
                             set leased_until = $4
                             where id = $1 and lease_owner = $2 and attempts = $3 and state = 'running'")
                        .bind(&claimed.id)
                        .bind(&*self.instance)
                        .bind(claimed.attempts)
                        .bind(longer),
                    )
                    .await
                })
                .await;
            match extended {
                Ok(0) => return,
                Ok(_) => until = longer,
                Err(error) if self.clock.now() >= until => {
                    warn!("the lease of job `{}` ran out: {error}", claimed.id);
                    return;
                }
                Err(error) => warn!("extending the lease of job `{}`: {error}", claimed.id),
            }
        }
    }

    async fn record(&self, claimed: &Claimed, ending: &Ending) {
        for pause in RECORD_PAUSES.into_iter().map(Some).chain([None]) {
            let Err(error) = self.try_record(claimed, ending).await else { return };
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => error!("recording how job `{}` ended (it will run again): {error}", claimed.id),
            }
        }
    }

    async fn try_record(&self, claimed: &Claimed, ending: &Ending) -> Result<()> {
        let now = self.clock.now();
        let record = match ending {
            Ending::Done => sql("update job set state = 'done', error = null, finished_at = $4").bind_claim(claimed, self).bind(now),
            Ending::Again(error) => sql("update job set state = 'queued', run_at = $4, error = $5")
                .bind_claim(claimed, self)
                .bind(now.plus(backoff(claimed.attempts)))
                .bind(error),
            Ending::Dead(error) => sql("update job
                     set state = 'dead', finished_at = $4, error = $5,
                         attempts = case when attempts > max_attempts then max_attempts else attempts end")
            .bind_claim(claimed, self)
            .bind(now)
            .bind(error),
            // With all tries used up, the next claim only tells.
            Ending::TellLater(error) => sql("update job
                     set state = 'queued', run_at = $4, error = $5,
                         attempts = case when attempts < max_attempts then max_attempts else attempts end")
            .bind_claim(claimed, self)
            .bind(now.plus(backoff(1)))
            .bind(error),
            Ending::Interrupted => sql("update job set state = 'queued', attempts = attempts - 1").bind_claim(claimed, self),
        };
        let record = record
            .and(", lease_owner = null, leased_until = null")
            .and("where id = $1 and lease_owner = $2 and attempts = $3 and state = 'running'");
        self.db.write_read_committed(async |tx| tx.execute(record.clone()).await).await.map(|_| ())
    }
}

impl crate::db::Sql {
    /// Binds `$1` to `$3`: which claim this is about.
    fn bind_claim<C>(self, claimed: &Claimed, worker: &Worker<C>) -> crate::db::Sql {
        self.bind(&claimed.id).bind(&*worker.instance).bind(claimed.attempts)
    }
}

/// Runs work that may panic or hang; `None` when `stop` came first.
async fn guarded(work: Work, timeout: Duration, stop: &CancellationToken) -> Option<Result<()>> {
    let work = tokio::time::timeout(timeout, AssertUnwindSafe(work).catch_unwind());
    tokio::select! {
        biased;
        outcome = work => Some(match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(Error::internal(format!("panicked: {}", panic_text(&*panic)))),
            Err(_) => Err(Error::unavailable(format!("did not end within {timeout:?}"))),
        }),
        () = stop.cancelled() => None,
    }
}

/// 1, 2, 4, … seconds with up to a quarter of chance, at most ten minutes and that quarter.
fn backoff(attempts: i64) -> Duration {
    let exponent = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
    let base = Duration::from_secs(1 << exponent).min(MAX_BACKOFF);
    base + base.mul_f64(f64::from(rand::random::<u8>()) / 1020.0)
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_at_ten_minutes() {
        for (attempts, seconds) in [(1, 1), (2, 2), (3, 4), (8, 128), (11, 600), (i64::MAX, 600)] {
            let base = Duration::from_secs(seconds);
            assert!((base..=base.mul_f64(1.25)).contains(&backoff(attempts)), "{attempts}: {:?}", backoff(attempts));
        }
    }
}
