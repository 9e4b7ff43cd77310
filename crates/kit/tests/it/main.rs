//! Kit against the real parts: both databases, an SMTP server, processes, and being killed.
//!
//! Needs `scripts/services.sh up postgres smtp` and the variables of `target/run/env`.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the answer")]
#![allow(missing_docs, reason = "a test's name is its claim")]

mod crash;
mod db;
mod exec;
mod guarded;
mod jobs;
mod leases;
mod mail;
mod migrate;
mod plans;
mod queue;
mod reconcile;
mod transactions;

use std::time::Duration;

/// Looks again and again until `answer` is there. For what happens in another task or process and has no signal.
async fn eventually<T, Fut: Future<Output = Option<T>>>(what: &str, mut answer: impl FnMut() -> Fut) -> T {
    let looking = async {
        loop {
            if let Some(found) = answer().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.unwrap_or_else(|_| panic!("{what}: not within 20 s"))
}
