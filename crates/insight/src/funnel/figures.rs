//! The figures of a funnel: how many got how far, how sure that is, how long it took.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use kit::{Error, Result};

use super::chain::{Chain, Finder, Hit, MOST_STEPS, NOT_REACHED, Rules};
use super::question::Attribution;

/// How far one person got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) who: u32,
    pub(super) depth: u8,
    pub(super) value: u16,
    /// When the first step was done, since the range begins.
    pub(super) entry: u64,
}

/// How far everybody got.
#[derive(Debug, Default)]
pub(super) struct Reaches {
    /// One for each person.
    pub(super) all: Vec<Reach>,
    /// One for each person and value, when a person may count for several.
    pub(super) by_value: Option<Vec<Reach>>,
    /// Milliseconds from each step to the next.
    durations: [Vec<u64>; MOST_STEPS],
}

/// Says how the work is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) rules: Rules,
    pub(super) attribution: Option<Attribution>,
}

/// Works through lists of events on this thread until none is left or nobody waits any more.
pub(super) fn work(lists: &Mutex<Vec<Vec<Hit>>>, plan: Plan, is_cancelled: &AtomicBool) -> Result<Reaches> {
    let mut reaches = Reaches { by_value: (plan.attribution == Some(Attribution::All)).then(Vec::new), ..Reaches::default() };
    let mut finder = Finder::new(plan.rules);
    loop {
        let next = lists.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut hits) = next else { return Ok(reaches) };
        if is_cancelled.load(Ordering::Relaxed) {
            return Err(Error::unavailable("nobody waits for this any more"));
        }
        hits.sort_unstable_by_key(|hit| hit.key());
        for own in hits.chunk_by(|one, other| one.who == other.who) {
            if let Some(chain) = finder.best(own) {
                reaches.add(own[0].who, &chain, plan.attribution);
            }
            if let Some(by_value) = &mut reaches.by_value {
                each_value(own, |value, hits| {
                    if let Some(chain) = finder.best(hits) {
                        by_value.push(Reach { who: own[0].who, depth: chain.depth as u8, value, entry: chain.at[0] });
                    }
                });
            }
        }
    }
}

/// Calls `see` with the events of each value.
fn each_value(hits: &[Hit], mut see: impl FnMut(u16, &[Hit])) {
    let mut by_value: BTreeMap<u16, Vec<Hit>> = BTreeMap::new();
    for hit in hits {
        by_value.entry(hit.value()).or_default().push(*hit);
    }
    by_value.iter().for_each(|(value, hits)| see(*value, hits));
}

impl Reaches {
    fn add(&mut self, who: u32, chain: &Chain, attribution: Option<Attribution>) {
        let value = match attribution {
            None | Some(Attribution::All) => 0,
            Some(Attribution::First) => chain.values[0],
            Some(Attribution::Last) => chain.values[chain.depth - 1],
            Some(Attribution::Step(step)) if step <= chain.depth => chain.values[step - 1],
            Some(Attribution::Step(_)) => NOT_REACHED,
        };
        self.all.push(Reach { who, depth: chain.depth as u8, value, entry: chain.at[0] });
        for step in 1..chain.depth {
            self.durations[step].push(chain.at[step] - chain.at[step - 1]);
        }
    }

    /// Puts the work of two threads together.
    pub(super) fn join(mut self, mut other: Reaches) -> Reaches {
        self.all.append(&mut other.all);
        match (&mut self.by_value, &mut other.by_value) {
            (Some(own), Some(more)) => own.append(more),
            (own, more) => *own = own.take().or(more.take()),
        }
        for (own, more) in self.durations.iter_mut().zip(&mut other.durations) {
            own.append(more);
        }
        self
    }

    /// In the order of people, so that pages of them go on where the last ended.
    pub(super) fn sort(&mut self) {
        self.all.sort_unstable_by_key(|reach| reach.who);
        if let Some(by_value) = &mut self.by_value {
            by_value.sort_unstable_by_key(|reach| (reach.who, reach.value));
        }
    }

    /// Half and nine tenths of those who went from the step before to this one took at most so long, in milliseconds.
    pub(super) fn took(&mut self, step: usize) -> Option<(u64, u64)> {
        let all = self.durations.get_mut(step)?;
        Some((quantile(all, 0.5)?, quantile(all, 0.9)?))
    }
}

/// The least value that so large a share of all is not above.
fn quantile(all: &mut [u64], share: f64) -> Option<u64> {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let rank = (share * all.len() as f64).ceil() as usize;
    let place = rank.max(1).checked_sub(1).filter(|place| *place < all.len())?;
    Some(*all.select_nth_unstable(place).1)
}

/// A share and the range in which it lies with 95 %: Wilson's interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Rate {
    /// From 0 to 1 (more in a snapshot).
    pub share: f64,
    /// The least of the range.
    pub low: f64,
    /// The most of it.
    pub high: f64,
}

impl Rate {
    /// So many of so many; none of nobody.
    pub fn of(part: u64, whole: u64) -> Option<Rate> {
        /// Of the normal distribution, for 95 %.
        const Z: f64 = 1.959_963_984_540_054;
        if whole == 0 || part > whole {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let (share, n) = (part as f64 / whole as f64, whole as f64);
        let middle = share + Z * Z / (2.0 * n);
        let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        let base = 1.0 + Z * Z / n;
        Some(Rate { share, low: ((middle - spread) / base).max(0.0), high: ((middle + spread) / base).min(1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20.
        let shown = |part, whole| Rate::of(part, whole).map(|rate| format!("{:.4} {:.4}", rate.low, rate.high));
        assert_eq!(
            [shown(81, 263), shown(15, 148), shown(0, 20)],
            ["0.2553 0.3662", "0.0624 0.1605", "0.0000 0.1611"].map(|it| Some(it.to_owned()))
        );
        assert_eq!([Rate::of(0, 0), Rate::of(2, 1)], [None, None]);
    }

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let mut all: Vec<u64> = (1..=10).rev().collect();
        assert_eq!((quantile(&mut all, 0.5), quantile(&mut all, 0.9), quantile(&mut [], 0.5)), (Some(5), Some(9), None));
    }
}
