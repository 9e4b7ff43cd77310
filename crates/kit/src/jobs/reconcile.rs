//! Reconcilers: woken by their period, one run at a time each, their last run visible to the operator.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::attempt::panic_text;
use super::for_the_record;
use crate::{Clock, Db, Error, Result, Timestamp, from_row, sql};

/// Compares wanted with actual and closes the gap; takes no input, so that one path serves start, signal and period.
pub trait Reconciler<C>: Send + Sync + 'static {
    /// Its name, `slice.what`.
    const NAME: &'static str;
    /// The longest time between two runs.
    const EVERY: Duration;
    /// After this time a run is stopped and recorded as failed.
    const TIMEOUT: Duration = Duration::from_secs(600);

    /// Closes the gap; returns one line for the operator: what was looked at and what was changed.
    fn reconcile(&self, context: C) -> impl Future<Output = Result<String>> + Send;
}

pub(super) trait ErasedReconciler<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn every(&self) -> Duration;
    fn timeout(&self) -> Duration;
    fn reconcile_boxed(&self, context: C) -> Pin<Box<dyn Future<Output = Result<String>> + Send + '_>>;
}

impl<C: Send + 'static, R: Reconciler<C>> ErasedReconciler<C> for R {
    fn name(&self) -> &'static str {
        R::NAME
    }
    fn every(&self) -> Duration {
        R::EVERY
    }
    fn timeout(&self) -> Duration {
        R::TIMEOUT
    }
    fn reconcile_boxed(&self, context: C) -> Pin<Box<dyn Future<Output = Result<String>> + Send + '_>> {
        Box::pin(self.reconcile(context))
    }
}

/// The last run of a reconciler, as the operator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct ReconcilerState {
    /// Its name.
    pub name: String,
    /// When the last run began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// What it did.
    pub summary: Option<String>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

from_row!(ReconcilerState { name, started_at, duration_ms, summary, error });

/// The last run of every reconciler.
pub async fn reconcilers(db: &Db) -> Result<Vec<ReconcilerState>> {
    db.all(sql("select name, started_at, duration_ms, summary, error from reconciler order by name")).await
}

pub(super) async fn run<C: Clone + Send + Sync + 'static>(
    db: Db,
    clock: Clock,
    context: C,
    reconciler: Arc<dyn ErasedReconciler<C>>,
    stop: CancellationToken,
) {
    loop {
        let started_at = clock.now();
        // A run that panics or hangs must not be the last one.
        let work = AssertUnwindSafe(reconciler.reconcile_boxed(context.clone())).catch_unwind();
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(reconciler.timeout(), work) => match outcome {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(panic)) => Err(Error::internal(format!("panicked: {}", panic_text(&*panic)))),
                Err(_) => Err(Error::unavailable(format!("did not end within {:?}", reconciler.timeout()))),
            },
            () = stop.cancelled() => return,
        };
        if let Err(error) = &outcome {
            warn!(reconciler = reconciler.name(), "reconciler `{}` failed: {error}", reconciler.name());
        }
        if let Err(error) = record(&db, &clock, reconciler.name(), started_at, outcome).await {
            error!("recording reconciler `{}`: {error}", reconciler.name());
        }
        tokio::select! {
            () = tokio::time::sleep(reconciler.every()) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn record(db: &Db, clock: &Clock, name: &str, started_at: Timestamp, outcome: Result<String>) -> Result<()> {
    let duration_ms = i64::try_from(clock.now().since(started_at).as_millis()).unwrap_or(i64::MAX);
    let (summary, error) = match outcome {
        Ok(summary) => (Some(summary), None),
        Err(error) => (None, Some(for_the_record(&error))),
    };
    db.execute(
        sql("insert into reconciler (name, started_at, duration_ms, summary, error) values ($1, $2, $3, $4, $5)
             on conflict (name) do update set
               started_at = excluded.started_at, duration_ms = excluded.duration_ms,
               summary = excluded.summary, error = excluded.error")
        .bind(name)
        .bind(started_at)
        .bind(duration_ms)
        .bind(summary)
        .bind(error),
    )
    .await
    .map(|_| ())
}
