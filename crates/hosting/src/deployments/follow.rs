//! The log of a deployment while it grows, for whoever watches.

use std::time::Duration;

use accounts::Scope;
use futures_util::{Stream, stream};
use kit::bus::Signal;
use kit::{Error, Result};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::log::{self, LogLine};
use super::{Deployment, DeploymentId, get, work_of};
use crate::Hosting;
use crate::operations::OperationState;

/// Without a signal it is looked at so often: another process may be at work.
const BEAT: Duration = Duration::from_secs(1);
/// Signals come by the line; what comes within this time is sent together.
const GATHER: Duration = Duration::from_millis(150);
/// People and programs who follow at one time.
static FOLLOWERS: Semaphore = Semaphore::const_new(64);

/// When the following ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// As soon as the deployment has its verdict.
    Verdict,
    /// When nothing more will be written: tidying up follows a verdict.
    LastLine,
}

/// What is new.
#[derive(Debug, Clone)]
pub struct Growth {
    /// The deployment as it is now.
    pub deployment: Deployment,
    /// Lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Where the next read begins.
    pub next: u64,
    /// Whether this was the last of it.
    pub is_last: bool,
}

/// Follows the log of a deployment of the scope from byte `from` on, for at most `life`. Beats without news are sent too, so that
/// whoever has gone is noticed.
pub async fn follow(
    hosting: &Hosting,
    scope: &Scope,
    id: &DeploymentId,
    from: u64,
    until: Until,
    life: Duration,
) -> Result<impl Stream<Item = Result<Growth>> + use<>> {
    let site = get(&hosting.db, scope, id).await?.site_id;
    let place = FOLLOWERS.try_acquire().map_err(|_| Error::Throttled {
        message: "too many people follow logs right now".to_owned(),
        retry_after: Duration::from_secs(5),
    })?;
    let follower = Follower {
        hosting: hosting.clone(),
        scope: scope.clone(),
        id: id.clone(),
        topics: [format!("site:{site}"), format!("deployment-log:{id}")],
        next: from,
        until,
        ends: Instant::now() + life,
        signals: hosting.bus.subscribe(),
        is_first: true,
        is_over: false,
        _place: place,
    };
    Ok(stream::unfold(follower, |mut follower| async move {
        if follower.is_over || Instant::now() >= follower.ends {
            return None;
        }
        let told = follower.look().await;
        follower.is_over = !matches!(&told, Ok(Growth { is_last: false, .. }));
        Some((told, follower))
    }))
}

struct Follower {
    hosting: Hosting,
    scope: Scope,
    id: DeploymentId,
    /// What tells of news.
    topics: [String; 2],
    next: u64,
    until: Until,
    ends: Instant,
    signals: Receiver<Signal>,
    is_first: bool,
    is_over: bool,
    _place: SemaphorePermit<'static>,
}

impl Follower {
    async fn look(&mut self) -> Result<Growth> {
        if !std::mem::take(&mut self.is_first) {
            self.wait().await;
        }
        // Before the lines are read: what was written until the verdict is among them.
        let deployment = get(&self.hosting.db, &self.scope, &self.id).await?;
        let is_last = deployment.state.is_over() && (self.until == Until::Verdict || self.is_settled(&deployment).await?);
        let (_, lines, next) = log::read(&self.hosting, &self.scope, &self.id, self.next).await?;
        self.next = next;
        Ok(Growth { deployment, lines, next, is_last })
    }

    async fn is_settled(&self, deployment: &Deployment) -> Result<bool> {
        let work = work_of(&self.hosting.db, &self.scope, deployment).await?;
        Ok(work.is_none_or(|(operation, _)| operation.state != OperationState::Running))
    }

    /// Until there may be news.
    async fn wait(&mut self) {
        let heard = async {
            loop {
                match self.signals.recv().await {
                    Ok(signal) if self.topics.contains(&signal.topic) => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        if tokio::time::timeout(BEAT, heard).await.is_ok() {
            tokio::time::sleep(GATHER).await;
        }
    }
}
