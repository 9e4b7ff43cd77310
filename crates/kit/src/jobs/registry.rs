//! What can be done: all kinds of jobs, schedules and reconcilers of the product, by name.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::reconcile::{ErasedReconciler, Reconciler};
use super::{Attempt, Job};
use crate::{Error, Result};

pub(super) type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// One kind of job, with its type erased.
pub(super) struct Kind<C> {
    pub(super) run: Box<dyn Fn(String, C, Attempt) -> Work + Send + Sync>,
    pub(super) gave_up: Box<dyn Fn(String, C, String) -> Work + Send + Sync>,
    pub(super) timeout: Duration,
}

pub(super) struct Scheduled {
    pub(super) name: &'static str,
    pub(super) every: Duration,
    pub(super) payload: String,
    pub(super) max_attempts: i64,
}

/// All kinds of jobs, schedules and reconcilers of the product.
pub struct Registry<C> {
    pub(super) kinds: HashMap<&'static str, Kind<C>>,
    pub(super) schedules: Vec<Scheduled>,
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
        let kind = Kind {
            run: Box::new(|payload, context, attempt| {
                Box::pin(async move {
                    let job: J = serde_json::from_str(&payload).map_err(|error| Error::conflict(format!("unreadable payload: {error}")))?;
                    job.run(context, attempt).await
                })
            }),
            gave_up: Box::new(|payload, context, error| {
                Box::pin(async move {
                    match serde_json::from_str::<J>(&payload) {
                        Ok(job) => job.gave_up(context, error).await,
                        Err(_) => Ok(()),
                    }
                })
            }),
            timeout: J::TIMEOUT,
        };
        self.kinds.insert(J::KIND, kind);
        self
    }

    /// Makes a kind known and enqueues `job` every `every`, whichever instance is awake first. One schedule a kind.
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
