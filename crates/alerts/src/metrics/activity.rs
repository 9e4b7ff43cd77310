//! What comes in as events, by the minute.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use accounts::Scope;
use kit::{Result, Timestamp};

use super::{Affected, Reading};
use crate::Alerts;

const MINUTE: i64 = 60_000;
const FAILED: [&str; 2] = ["build_failed", "deploy_failed"];
const WENT_WELL: [&str; 2] = ["build_succeeded", "deploy_succeeded"];
/// Failures of a window that are looked through for whose they were.
const LOOKED_THROUGH: u32 = 500;

/// Counts of minutes (minutes since 1970-01-01).
#[derive(Debug, Clone, Default)]
pub struct Minutes(BTreeMap<i64, Minute>);

#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    events: u32,
    went_well: u32,
    failed: u32,
}

/// Counts all events between two moments, both included.
pub(super) async fn minutes(alerts: &Alerts, from: Timestamp, to: Timestamp) -> Result<Minutes> {
    let names = alerts.events.names().await?;
    let number = |wanted: &str| names.iter().find(|(_, name)| *name == wanted).map(|(number, _)| *number);
    let numbers = |wanted: [&str; 2]| wanted.into_iter().filter_map(number).collect::<Vec<i64>>();
    let (failed, went_well) = (numbers(FAILED), numbers(WENT_WELL));
    let mut minutes = Minutes::default();
    alerts
        .events
        .scan(from, Timestamp(to.0.saturating_add(1)), |head| {
            let minute = minutes.0.entry(head.at.div_euclid(MINUTE)).or_default();
            minute.events += 1;
            minute.failed += u32::from(failed.contains(&head.name));
            minute.went_well += u32::from(went_well.contains(&head.name));
        })
        .await?;
    Ok(minutes)
}

impl Minutes {
    /// The whole minutes of a window that ends at a moment: the one that is not over is not in it.
    fn within(&self, at: Timestamp, window: Duration) -> (i64, impl Iterator<Item = &Minute>) {
        let last = at.0.div_euclid(MINUTE);
        let count = i64::try_from(window.as_secs() / 60).unwrap_or(1).max(1);
        (count, self.0.range(last - count..last).map(|(_, minute)| minute))
    }

    pub(super) fn rate(&self, at: Timestamp, window: Duration) -> Reading {
        let (count, minutes) = self.within(at, window);
        let events: u64 = minutes.map(|minute| u64::from(minute.events)).sum();
        #[expect(clippy::cast_precision_loss, reason = "events of a window, far below 2^52")]
        Reading::of_house(Some(events as f64 / count as f64))
    }

    /// Failures count at once: the minute that is not over is in it.
    pub(super) fn failures(&self, at: Timestamp, window: Duration) -> Reading {
        let last = at.0.div_euclid(MINUTE);
        let first = at.minus(window).0.div_euclid(MINUTE) + 1;
        let (mut failed, mut ended) = (0i64, 0i64);
        for minute in self.0.range(first.min(last)..=last).map(|(_, minute)| minute) {
            failed += i64::from(minute.failed);
            ended += i64::from(minute.failed) + i64::from(minute.went_well);
        }
        #[expect(clippy::cast_precision_loss, reason = "builds of a window")]
        let value = (ended > 0).then(|| failed as f64 * 100.0 / ended as f64);
        Reading { value, samples: Some(ended), ..Reading::default() }
    }
}

/// Customers whose builds and deployments failed, most failures first.
pub(super) async fn who_failed(alerts: &Alerts, at: Timestamp, window: Duration, limit: usize) -> Result<Vec<Affected>> {
    let filter = events::Filter {
        names: FAILED.map(str::to_owned).into(),
        from: Some(at.minus(window)),
        to: Some(Timestamp(at.0.saturating_add(1))),
        ..events::Filter::default()
    };
    let mut by_customer: HashMap<String, usize> = HashMap::new();
    for event in alerts.events.list(&Scope::house_of_job(), &filter, LOOKED_THROUGH).await? {
        if let Some(customer) = event.customer {
            *by_customer.entry(customer.to_string()).or_default() += 1;
        }
    }
    let mut customers: Vec<(String, usize)> = by_customer.into_iter().collect();
    customers.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    customers.truncate(limit);
    Ok(customers.into_iter().map(|(customer, failed)| Affected::of("customer", customer, format!("{failed} failed"))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_minute_is_no_fall_and_nothing_is_no_share() {
        let counts = [(10, 60, 3, 1), (11, 60, 0, 0), (12, 5, 0, 1)];
        let minutes =
            Minutes(counts.map(|(minute, events, went_well, failed)| (minute, Minute { events, went_well, failed })).into_iter().collect());
        let at = |minute: i64, seconds: i64| Timestamp(minute * MINUTE + seconds * 1000);
        let two = Duration::from_secs(120);
        assert_eq!(minutes.rate(at(12, 5), two).value, Some(60.0), "the twelfth minute has just begun");
        assert_eq!(minutes.rate(at(13, 0), two).value, Some(32.5));
        assert_eq!(minutes.rate(at(30, 0), two).value, Some(0.0), "no events are a fact");
        let share = minutes.failures(at(12, 5), Duration::from_secs(600));
        assert_eq!((share.value, share.samples), (Some(40.0), Some(5)));
        let none = minutes.failures(at(30, 0), two);
        assert_eq!((none.value, none.samples), (None, Some(0)), "no builds have no share of failures");
    }
}
