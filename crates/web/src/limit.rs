//! How often one caller may ask, kept in memory: for answers that are cheap but asked in loops. What must hold across restarts
//! and instances has its rule in a slice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kit::Error;
use tokio::time::Instant;

/// Callers that are remembered; those who could ask again at once are forgotten beyond that.
const REMEMBERED: usize = 10_000;

/// So many answers per minute, all of them at once or evenly.
#[derive(Debug, Clone, Copy)]
pub struct PerMinute(pub u32);

/// Who asked what, how often.
#[derive(Debug, Default)]
pub struct Limits(Mutex<HashMap<String, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Limits {
    /// Takes one answer of `who`'s allowance for `what`, or says how long to wait.
    pub fn take(&self, what: &'static str, who: &str, limit: PerMinute) -> Result<(), Error> {
        let most = f64::from(limit.0);
        let per_second = most / 60.0;
        let now = Instant::now();
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED {
            buckets.retain(|_, bucket| now.duration_since(bucket.at) < Duration::from_secs(60));
        }
        let bucket = buckets.entry(format!("{what}:{who}")).or_insert(Bucket { left: most, at: now });
        bucket.left = (bucket.left + now.duration_since(bucket.at).as_secs_f64() * per_second).min(most);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let retry_after = Duration::from_secs_f64((1.0 - bucket.left) / per_second);
        Err(Error::Throttled { message: format!("this can be asked {} times a minute", limit.0), retry_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn allowance_is_used_up_and_comes_back() {
        let limits = Limits::default();
        for _ in 0..60 {
            limits.take("status", "ada", PerMinute(60)).unwrap();
        }
        let Err(Error::Throttled { retry_after, .. }) = limits.take("status", "ada", PerMinute(60)) else {
            panic!("the 61st was answered")
        };
        assert!(retry_after <= Duration::from_secs(1));
        limits.take("status", "bob", PerMinute(60)).unwrap();
        limits.take("logs", "ada", PerMinute(60)).unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
        limits.take("status", "ada", PerMinute(60)).unwrap();
        limits.take("status", "ada", PerMinute(60)).unwrap();
        assert!(limits.take("status", "ada", PerMinute(60)).is_err());
    }
}
