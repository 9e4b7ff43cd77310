//! How long each site was up, by days in UTC: the 90-day bar and the percentage.
//!
//! Uptime is the share of the *watched* time in which all services ran and visitors were answered. Time in which Innkeeper
//! or Docker was away, or the site was stopped by a person, is not watched and counts as neither.

use std::collections::HashMap;

use accounts::Scope;
use kit::{Db, Result, Timestamp, from_row, sql};

use crate::sites::{self, SiteId};

/// Days that the bar shows.
pub const DAYS: i64 = 90;
const DAY_MS: i64 = 86_400_000;

/// One day of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// How long it was watched, in milliseconds.
    pub watched_ms: i64,
    /// How long of that it was down.
    pub down_ms: i64,
}

from_row!(Day { day, watched_ms, down_ms });

impl Day {
    /// The share of the watched time in which it was up, in percent; none when it was not watched.
    pub fn percent(&self) -> Option<f64> {
        percent(self.watched_ms, self.down_ms)
    }
}

/// The days of a site of the scope from [`DAYS`] ago to today, oldest first; days without a row were not watched.
pub async fn days(db: &Db, scope: &Scope, site: &SiteId, now: Timestamp) -> Result<Vec<Day>> {
    sites::get(db, scope, site).await?;
    days_of(db, site, now).await
}

pub(crate) async fn days_of(db: &Db, site: &SiteId, now: Timestamp) -> Result<Vec<Day>> {
    let today = day_of(now);
    let first = day_of(first_day(now));
    let known: Vec<Day> = db
        .all(
            sql("select day, watched_ms, down_ms from uptime_day where site_id = $1 and day between $2 and $3 order by day")
                .bind(site)
                .bind(first)
                .bind(today),
        )
        .await?;
    let known: HashMap<i64, Day> = known.into_iter().map(|day| (day.day, day)).collect();
    Ok((first..=today).map(|day| known.get(&day).copied().unwrap_or(Day { day, watched_ms: 0, down_ms: 0 })).collect())
}

/// Uptime over several days in percent; none when nothing was watched.
pub fn overall(days: &[Day]) -> Option<f64> {
    percent(days.iter().map(|day| day.watched_ms).sum(), days.iter().map(|day| day.down_ms).sum())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of 90 days are exact")]
fn percent(watched: i64, down: i64) -> Option<f64> {
    (watched > 0).then(|| (watched - down.min(watched)) as f64 / watched as f64 * 100.0)
}

/// As people read it: never rounded up to 100 when there was a failure.
pub fn percent_text(percent: f64) -> String {
    if percent >= 100.0 {
        return "100 %".to_owned();
    }
    format!("{:.2} %", (percent * 100.0).floor() / 100.0)
}

/// The day of a moment, in UTC.
pub fn day_of(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY_MS)
}

/// Midnight of the oldest day that the bar shows.
pub(super) fn first_day(now: Timestamp) -> Timestamp {
    Timestamp((day_of(now) - DAYS + 1) * DAY_MS)
}

/// Time that was watched since it was last written: added up in memory, written once a minute.
#[derive(Debug, Default)]
pub(super) struct Tally(HashMap<(SiteId, i64), (i64, i64)>);

impl Tally {
    pub(super) fn add(&mut self, site: &SiteId, now: Timestamp, elapsed_ms: i64, is_up: bool) {
        let entry = self.0.entry((site.clone(), day_of(now))).or_default();
        entry.0 += elapsed_ms;
        entry.1 += if is_up { 0 } else { elapsed_ms };
    }

    /// Writes what was added up; what cannot be written is kept for the next time.
    pub(super) async fn flush(&mut self, db: &Db) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sums: Vec<(SiteId, i64, i64, i64)> =
            self.0.iter().map(|((site, day), (watched, down))| (site.clone(), *day, *watched, *down)).collect();
        db.write(async |tx| {
            for (site, day, watched, down) in &sums {
                // A site that was removed meanwhile has no row to refer to.
                tx.execute(
                    sql("insert into uptime_day (site_id, day, watched_ms, down_ms)
                         select id, cast($2 as bigint), cast($3 as bigint), cast($4 as bigint) from site where id = $1
                         on conflict (site_id, day) do update set
                           watched_ms = uptime_day.watched_ms + excluded.watched_ms, down_ms = uptime_day.down_ms + excluded.down_ms")
                    .bind(site)
                    .bind(*day)
                    .bind(*watched)
                    .bind(*down),
                )
                .await?;
            }
            Ok(())
        })
        .await?;
        self.0.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn day(watched_ms: i64, down_ms: i64) -> Day {
        Day { day: 20_000, watched_ms, down_ms }
    }

    #[test]
    fn days_begin_at_midnight_utc() {
        assert_eq!(day_of(Timestamp(0)), 0);
        assert_eq!(day_of(Timestamp(DAY_MS - 1)), 0);
        assert_eq!(day_of(Timestamp(DAY_MS)), 1);
        assert_eq!(day_of(Timestamp(-1)), -1);
        assert_eq!(day_of(Timestamp::parse_rfc3339("2026-01-14T23:59:59.999Z").unwrap()), 20_467);
        assert_eq!(day_of(Timestamp::parse_rfc3339("2026-01-15T00:30:00+01:00").unwrap()), 20_467);
    }

    #[test]
    fn a_failure_never_rounds_up_to_a_hundred() {
        let second_in_90_days = percent(90 * DAY_MS, 1).unwrap();
        assert!(second_in_90_days < 100.0);
        assert_eq!(percent_text(second_in_90_days), "99.99 %");
        assert_eq!(percent_text(percent(DAY_MS, 0).unwrap()), "100 %");
        assert_eq!(percent_text(percent(10_000, 1).unwrap()), "99.99 %");
        assert_eq!(percent_text(percent(DAY_MS, HOUR_MS).unwrap()), "95.83 %");
        assert_eq!(percent_text(percent(DAY_MS, DAY_MS).unwrap()), "0.00 %");
    }

    #[test]
    fn unwatched_time_is_neither_up_nor_down() {
        assert_eq!(day(0, 0).percent(), None);
        assert_eq!(overall(&[]), None);
        assert_eq!(overall(&[day(0, 0), day(0, 0)]), None);
        // One hour watched and half of it down weighs as one hour.
        assert_eq!(overall(&[day(0, 0), day(HOUR_MS, HOUR_MS / 2), day(HOUR_MS, 0)]), Some(75.0));
        // More down than watched cannot be, and must not show as less than nothing.
        assert_eq!(day(10, 20).percent(), Some(0.0));
    }

    #[tokio::test]
    async fn uptime_that_could_not_be_written_is_kept_and_added_to() {
        for test in kit::testing::databases().await {
            let db = &test.db;
            add_site(db).await;
            let site = SiteId::parse("app_aaaaaaaa").unwrap();
            let gone = SiteId::parse("app_bbbbbbbb").unwrap();
            let mut tally = Tally::default();
            let (today, tomorrow) = (Timestamp(DAY_MS * 20_000 + 5), Timestamp(DAY_MS * 20_001));
            tally.add(&site, today, 1000, true);
            tally.add(&site, today, 500, false);
            tally.add(&gone, today, 500, false);
            db.execute(sql("alter table uptime_day rename to uptime_elsewhere")).await.unwrap();
            tally.flush(db).await.unwrap_err();
            db.execute(sql("alter table uptime_elsewhere rename to uptime_day")).await.unwrap();
            tally.add(&site, today, 250, true);
            tally.add(&site, tomorrow, 100, false);
            tally.flush(db).await.unwrap();
            // Nothing is written twice, and the next minute is added.
            tally.flush(db).await.unwrap();
            tally.add(&site, tomorrow, 900, true);
            tally.flush(db).await.unwrap();
            let days = days_of(db, &site, tomorrow).await.unwrap();
            assert_eq!(days.len(), 90, "{}", test.name);
            assert_eq!(days[88], Day { day: 20_000, watched_ms: 1750, down_ms: 500 }, "{}", test.name);
            assert_eq!(days[89], Day { day: 20_001, watched_ms: 1000, down_ms: 100 }, "{}", test.name);
            assert_eq!(days[0], Day { day: 20_001 - 89, watched_ms: 0, down_ms: 0 });
            assert_eq!(test.count("select cast(count(*) as bigint) from uptime_day").await, 2, "a site that is gone has no row");
        }
    }

    async fn add_site(db: &Db) {
        for statement in [
            "insert into customer (id, name, name_folded, currency, created_at) values ('cust_aaaaaaaaaaaa', 'Ada', 'ada', 'EUR', 1)",
            "insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets, owner_email,
                               certificate_state, certificate_attempt, created_at, updated_at)
             values ('app_aaaaaaaa', 'cust_aaaaaaaaaaaa', 'portfolio', 'Ada', 'ada.sites.test', 'active', '1', 'rel_000000000000000001', 5,
                     'sealed', 'ada@example.test', 'valid', 0, 1, 1)",
        ] {
            db.execute(sql(statement)).await.unwrap();
        }
    }
}
