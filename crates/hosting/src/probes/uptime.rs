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
