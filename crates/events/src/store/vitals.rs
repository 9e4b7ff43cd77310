//! How the writer fares.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kit::Timestamp;

use crate::Outcome;

/// Seconds that are remembered.
const SECONDS: usize = 60;

/// What the page about ingestion shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vitals {
    /// Events stored in each of the last 60 whole seconds, oldest first.
    pub stored: Vec<u64>,
    /// Duplicates in the last 60 seconds.
    pub duplicates: u64,
    /// Bytes that wait or are being written.
    pub waiting_bytes: u64,
    /// Batches refused since the start because too much waited.
    pub refused: u64,
    /// What the last transaction took; none before the first.
    pub last_commit: Option<Duration>,
    /// Events in it.
    pub last_group: u64,
    /// What was written since the start.
    pub since_start: Totals,
}

/// Upper ends of the classes of [`Totals::commits`], in seconds; one more class has the rest.
pub const COMMIT_CLASSES: [f64; 9] = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// What was written since the start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Events stored.
    pub stored: u64,
    /// Events that were known already.
    pub duplicates: u64,
    /// Transactions by how long they took.
    pub commits: [u64; COMMIT_CLASSES.len() + 1],
    /// What all of them took together.
    pub commit_time: Duration,
}

impl Vitals {
    /// Events a second, over the last minute.
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let sum = self.stored.iter().sum::<u64>() as f64;
        sum / SECONDS as f64
    }
}

/// What is counted for [`Vitals`].
#[derive(Default)]
pub(super) struct Pulse {
    pub(super) refused: AtomicU64,
    beats: Mutex<Beats>,
}

struct Beats {
    /// The newest second, and what came in it and those before.
    second: i64,
    stored: [u64; SECONDS],
    duplicates: [u64; SECONDS],
    last_commit: Option<Duration>,
    last_group: u64,
    since_start: Totals,
}

impl Default for Beats {
    fn default() -> Beats {
        Beats {
            second: 0,
            stored: [0; SECONDS],
            duplicates: [0; SECONDS],
            last_commit: None,
            last_group: 0,
            since_start: Totals::default(),
        }
    }
}

impl Beats {
    /// Makes the ring end at this second.
    fn turn_to(&mut self, second: i64) {
        let passed = usize::try_from(second.saturating_sub(self.second)).unwrap_or(0).min(SECONDS);
        for ring in [&mut self.stored, &mut self.duplicates] {
            ring.rotate_left(passed % SECONDS);
            ring[SECONDS - passed..].fill(0);
        }
        self.second = self.second.max(second);
    }
}

impl Pulse {
    pub(super) fn note(&self, now: Timestamp, outcomes: &[Vec<Outcome>], took: Duration) {
        let all = outcomes.iter().flatten();
        let stored = all.clone().filter(|outcome| **outcome == Outcome::Stored).count() as u64;
        let duplicates = all.count() as u64 - stored;
        let mut beats = self.beats.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        beats.turn_to(now.0.div_euclid(1000));
        beats.stored[SECONDS - 1] += stored;
        beats.duplicates[SECONDS - 1] += duplicates;
        (beats.last_commit, beats.last_group) = (Some(took), stored + duplicates);
        let class = COMMIT_CLASSES.iter().position(|end| took.as_secs_f64() <= *end).unwrap_or(COMMIT_CLASSES.len());
        let totals = &mut beats.since_start;
        totals.stored += stored;
        totals.duplicates += duplicates;
        totals.commits[class] += 1;
        totals.commit_time += took;
    }

    pub(super) fn read(&self, now: Timestamp, waiting_bytes: u64) -> Vitals {
        let mut beats = self.beats.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        beats.turn_to(now.0.div_euclid(1000));
        Vitals {
            stored: beats.stored.to_vec(),
            duplicates: beats.duplicates.iter().sum(),
            waiting_bytes,
            refused: self.refused.load(Ordering::Relaxed),
            last_commit: beats.last_commit,
            last_group: beats.last_group,
            since_start: beats.since_start.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_pass_and_a_clock_set_back_breaks_nothing() {
        let pulse = Pulse::default();
        let some = |count| vec![vec![Outcome::Stored; count], vec![Outcome::Duplicate]];
        pulse.note(Timestamp(1_000_000), &some(5), Duration::from_millis(3));
        pulse.note(Timestamp(1_002_000), &some(7), Duration::from_millis(4));
        pulse.note(Timestamp(900_000), &some(1), Duration::from_millis(5));
        let vitals = pulse.read(Timestamp(1_003_000), 9);
        assert_eq!(vitals.stored[55..], [0, 5, 0, 8, 0]);
        assert_eq!((vitals.duplicates, vitals.last_group, vitals.waiting_bytes), (3, 2, 9));
        let totals = vitals.since_start;
        assert_eq!(
            (totals.stored, totals.duplicates, &totals.commits[..3], totals.commit_time),
            (13, 3, &[0, 3, 0][..], Duration::from_millis(12))
        );
        assert_eq!(pulse.read(Timestamp(2_000_000), 0).stored, vec![0; 60]);
    }
}
