//! How long builds take, and how many deployments wait.

use std::collections::BTreeMap;
use std::time::Duration;

use hosting::deployments::queue::Wait;
use hosting::happened::{self, Happened, Kind};
use kit::{Result, Timestamp};

use super::{Affected, Reading};
use crate::Alerts;

/// Rows that are fetched at once.
const PAGE: u32 = 5_000;

/// Builds that ended between two moments, both included, oldest first.
pub(super) async fn ended(alerts: &Alerts, from: Timestamp, to: Timestamp) -> Result<Vec<Happened>> {
    let until = Timestamp(to.0.saturating_add(1));
    let mut all: Vec<Happened> = Vec::new();
    let mut since = from;
    loop {
        let page = happened::between(&alerts.db, Kind::BuildEnded, since, until, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        // Those of the last millisecond come again with the next page.
        let seen = all.iter().rposition(|it| it.at < since).map_or(0, |place| place + 1);
        let known: Vec<String> = all[seen..].iter().map(|it| it.of_what.clone()).collect();
        let fresh: Vec<Happened> = page.into_iter().filter(|it| !known.contains(&it.of_what)).collect();
        let Some(last) = fresh.last() else { return Ok(all) };
        since = last.at;
        all.extend(fresh);
        if is_last {
            return Ok(all);
        }
    }
}

fn within(ended: &[Happened], at: Timestamp, window: Duration) -> &[Happened] {
    let from = ended.partition_point(|it| it.at <= at.minus(window));
    let to = ended.partition_point(|it| it.at <= at);
    &ended[from.min(to)..to]
}

fn seconds(build: &Happened) -> Option<f64> {
    build.began_at.map(|began| build.at.since(began).as_secs_f64())
}

/// The 90th percentile of what builds took.
pub(super) fn slow(ended: &[Happened], at: Timestamp, window: Duration) -> Reading {
    let mut took: Vec<f64> = within(ended, at, window).iter().filter_map(seconds).collect();
    took.sort_by(f64::total_cmp);
    let rank = (took.len() * 9).div_ceil(10);
    Reading { value: took.get(rank.wrapping_sub(1)).copied(), samples: i64::try_from(took.len()).ok(), ..Reading::default() }
}

/// Sites by their slowest build.
pub(super) fn slowest(ended: &[Happened], at: Timestamp, window: Duration) -> Vec<Affected> {
    let mut by_site: BTreeMap<String, f64> = BTreeMap::new();
    for (build, took) in within(ended, at, window).iter().filter_map(|build| Some((build, seconds(build)?))) {
        let worst = by_site.entry(build.site_id.to_string()).or_default();
        *worst = worst.max(took);
    }
    let mut sites: Vec<(String, f64)> = by_site.into_iter().collect();
    sites.sort_by(|a, b| b.1.total_cmp(&a.1));
    sites.into_iter().map(|(site, took)| Affected::of("site", site, format!("a build took {took:.0} s"))).collect()
}

fn waits_at(waits: &[Wait], at: Timestamp) -> impl Iterator<Item = &Wait> {
    waits.iter().filter(move |wait| wait.from <= at && wait.until.is_none_or(|until| at < until))
}

/// How many wait.
pub(super) fn waiting(waits: &[Wait], at: Timestamp) -> Reading {
    Reading::of_house(Some(float(waits_at(waits, at).count())))
}

pub(super) fn who_waits(waits: &[Wait], at: Timestamp) -> Vec<Affected> {
    let mut waiting: Vec<&Wait> = waits_at(waits, at).collect();
    waiting.sort_by_key(|wait| wait.from);
    let note = |wait: &Wait| format!("waits for {} min", at.since(wait.from).as_secs() / 60);
    waiting.into_iter().map(|wait| Affected::of("site", &wait.site_id, note(wait))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of things that people look at")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use accounts::CustomerId;
    use hosting::SiteId;

    use super::*;

    #[test]
    fn nine_of_ten_builds_take_at_most_the_percentile() {
        let build = |at: i64, took: i64| Happened {
            of_what: String::new(),
            at: Timestamp(at * 1000),
            began_at: Some(Timestamp((at - took) * 1000)),
            went_well: true,
            detail: String::new(),
            site_id: SiteId::parse("app_aaaaaaaa").unwrap(),
            customer_id: CustomerId::parse("cust_aaaaaaaaaaaa").unwrap(),
        };
        let builds: Vec<Happened> = (1..=10).map(|number| build(number * 100, number * 10)).collect();
        let all = slow(&builds, Timestamp(1_000_000), Duration::from_secs(10_000));
        assert_eq!((all.value, all.samples), (Some(90.0), Some(10)));
        // The window is half open: what ended just at its beginning is out, what ends just now is in.
        let half = slow(&builds, Timestamp(1_000_000), Duration::from_secs(500));
        assert_eq!((half.value, half.samples), (Some(100.0), Some(5)));
        let none = slow(&builds, Timestamp(50_000), Duration::from_secs(500));
        assert_eq!((none.value, none.samples), (None, Some(0)), "no builds are not builds of 0 seconds");
        assert_eq!(slowest(&builds, Timestamp(1_000_000), Duration::from_secs(500))[0].note, "a build took 100 s");
    }
}
