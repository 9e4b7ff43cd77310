//! What a subject did on 32 days, packed into one row: each day's counters that are not 0, and the features used.
//!
//! One row a subject and month-like period, instead of one a day, is what lets a customer's history be read with a few rows and all
//! customers' in seconds.

use std::collections::BTreeMap;

use kit::Result;

use super::bytes::{Reader, damaged, put, put_signed};
use crate::Day;
use crate::rollups::Counts;

/// Days in a period.
const DAYS: i64 = 32;
/// How the packed form begins, so that it can change.
const FORM: u8 = 1;
/// Ratings are summed in thousandths: sums of whole numbers do not depend on their order.
pub(super) const POINT: f64 = 1000.0;

/// Which period a day is in.
pub(super) fn period_of(day: Day) -> i64 {
    day.0.div_euclid(DAYS)
}

/// The counters of a day, in the order in which they are stored.
pub(super) const COUNTERS: usize = 12;

/// What one subject did on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) counters: [i64; COUNTERS],
    /// Number of the feature's word, and uses.
    pub(super) features: BTreeMap<i64, i64>,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Tally) {
        for (sum, more) in self.counters.iter_mut().zip(other.counters) {
            *sum = sum.saturating_add(more);
        }
        for (feature, uses) in &other.features {
            let sum = self.features.entry(*feature).or_default();
            *sum = sum.saturating_add(*uses);
        }
    }
}

/// Counters by their names.
pub(super) fn counts(counters: &[i64; COUNTERS]) -> Counts {
    let [events, actions, logins, api_calls, tickets_opened, tickets_closed, rest @ ..] = *counters;
    let [builds_succeeded, builds_failed, deploys_succeeded, deploys_failed, ratings, points] = rest;
    #[expect(clippy::cast_precision_loss, reason = "sums of ratings stay far below 2^52")]
    let rating_points = points as f64 / POINT;
    Counts {
        events,
        actions,
        logins,
        api_calls,
        tickets_opened,
        tickets_closed,
        builds_succeeded,
        builds_failed,
        deploys_succeeded,
        deploys_failed,
        ratings,
        rating_points,
    }
}

/// The days of one period on which something happened, by their place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Period(pub(super) BTreeMap<u8, Tally>);

impl Period {
    pub(super) fn place(day: Day) -> u8 {
        u8::try_from(day.0.rem_euclid(DAYS)).expect("below 32")
    }

    pub(super) fn day(period: i64, place: u8) -> Day {
        Day(period.saturating_mul(DAYS).saturating_add(i64::from(place)))
    }

    pub(super) fn add(&mut self, other: &Period) {
        for (place, tally) in &other.0 {
            self.0.entry(*place).or_default().add(tally);
        }
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + self.0.len() * 12);
        out.push(FORM);
        let days = self.0.keys().fold(0u32, |days, place| days | 1 << place);
        out.extend_from_slice(&days.to_le_bytes());
        for tally in self.0.values() {
            let mut which = 0u64;
            for (at, value) in tally.counters.iter().enumerate() {
                which |= u64::from(*value != 0) << at;
            }
            which |= u64::from(!tally.features.is_empty()) << COUNTERS;
            put(&mut out, which);
            for value in tally.counters.iter().filter(|value| **value != 0) {
                put_signed(&mut out, *value);
            }
            if !tally.features.is_empty() {
                put(&mut out, tally.features.len() as u64);
                let mut last = 0;
                for (feature, uses) in &tally.features {
                    put_signed(&mut out, feature.wrapping_sub(last));
                    put_signed(&mut out, *uses);
                    last = *feature;
                }
            }
        }
        out
    }

    pub(super) fn unpack(packed: &[u8]) -> Result<Period> {
        let mut period = Period::default();
        each_day(packed, |place, counters, features| {
            period.0.insert(place, Tally { counters: *counters, features: features.iter().copied().collect() });
        })?;
        Ok(period)
    }
}

/// Walks through the days of a packed period in their order, without making anything: place, counters, features.
pub(super) fn each_day(packed: &[u8], mut day: impl FnMut(u8, &[i64; COUNTERS], &[(i64, i64)])) -> Result<()> {
    let mut reader = Reader(packed);
    if reader.slice(1)? != [FORM] {
        return Err(damaged());
    }
    let days = u32::from_le_bytes(reader.slice(4)?.try_into().map_err(|_| damaged())?);
    let mut features = Vec::new();
    for place in (0..32u8).filter(|place| days & 1 << place != 0) {
        let which = reader.take()?;
        let mut counters = [0; COUNTERS];
        for (at, value) in counters.iter_mut().enumerate() {
            if which & 1 << at != 0 {
                *value = reader.take_signed()?;
            }
        }
        features.clear();
        if which & 1 << COUNTERS != 0 {
            let mut last = 0i64;
            for _ in 0..reader.take_length()? {
                last = last.wrapping_add(reader.take_signed()?);
                features.push((last, reader.take_signed()?));
            }
        }
        day(place, &counters, &features);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn period() -> impl Strategy<Value = Period> {
        let tally = (any::<[i64; COUNTERS]>(), proptest::collection::btree_map(0..1_000_000i64, 1..50i64, 0..4))
            .prop_map(|(counters, features)| Tally { counters, features });
        proptest::collection::btree_map(0..32u8, tally, 0..32).prop_map(Period)
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(period in period()) {
            prop_assert_eq!(Period::unpack(&period.pack()).unwrap(), period);
        }

        #[test]
        fn damaged_rows_are_errors(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Period::unpack(&bytes);
        }
    }

    #[test]
    fn days_before_1970_have_their_place() {
        for day in [-1, -32, -33, 0, 31, 32, 20_778] {
            assert_eq!(Period::day(period_of(Day(day)), Period::place(Day(day))), Day(day));
        }
    }
}
