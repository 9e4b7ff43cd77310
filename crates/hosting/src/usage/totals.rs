//! What visitors did, added up per day in UTC, and the figures of the card *Resource usage*.

use std::collections::BTreeMap;

use accounts::Scope;
use kit::db::Value;
use kit::{Db, Error, Result, Timestamp, Tx, from_row, sql};

use super::edge::Counts;
use crate::sites::SiteId;
use crate::templates::Kind;

const DAY_MS: i64 = 86_400_000;

/// What was counted and not written yet, by site and day since 1970.
#[derive(Debug, Default)]
pub(super) struct NewCounts(BTreeMap<(String, i64), Counts>);

impl NewCounts {
    /// Adds what visitors did to the day of `at`.
    pub(super) fn add(&mut self, site: &SiteId, at: Timestamp, counts: Counts) {
        if counts != Counts::default() {
            self.0.entry((site.to_string(), day(at))).or_default().add(counts);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds it to the days' rows.
    pub(super) async fn save(&self, tx: &Tx, is_known: &(dyn Fn(&str) -> bool + Sync)) -> Result<()> {
        let number = |count: u64| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
        let known = self.0.iter().filter(|((site, _), _)| is_known(site));
        let rows: Vec<Vec<Value>> = known
            .map(|((site, day), counts)| {
                vec![site.into(), (*day).into(), number(counts.requests), number(counts.server_errors), number(counts.bytes_out)]
            })
            .collect();
        tx.execute_each(
            sql("insert into usage_day (site_id, day, requests, server_errors, bytes_out) values ($1, $2, $3, $4, $5)
                 on conflict (site_id, day) do update
                 set requests = usage_day.requests + excluded.requests,
                     server_errors = usage_day.server_errors + excluded.server_errors,
                     bytes_out = usage_day.bytes_out + excluded.bytes_out"),
            rows,
        )
        .await
        .map(|_| ())
    }
}

/// What a site has used of what it may.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests of today, in UTC; none for a site that visitors do not reach through our edge.
    pub requests_today: Option<i64>,
    /// How many of them were answered with a status from 500.
    pub server_errors_today: Option<i64>,
    /// Bytes sent to visitors since the first of the month, in UTC; none as above.
    pub bytes_this_month: Option<i64>,
    /// Size of its database, once it was measured.
    pub database_bytes: Option<i64>,
    /// Room that its files take, once it was measured.
    pub files_bytes: Option<i64>,
    /// When sizes were measured.
    pub measured_at: Option<Timestamp>,
    /// Whether visitors reach it through our edge: then they are counted.
    pub is_counted: bool,
}

struct SizeRow {
    kind: Kind,
    database_bytes: Option<i64>,
    files_bytes: Option<i64>,
    measured_at: Option<Timestamp>,
}

from_row!(SizeRow { kind, database_bytes, files_bytes, measured_at });

/// What a site of the scope has used up to now.
pub async fn totals(db: &Db, scope: &Scope, site: &SiteId, now: Timestamp) -> Result<Totals> {
    let size: SizeRow = db
        .optional(
            sql("select site.kind as kind, usage_size.database_bytes as database_bytes,
                        usage_size.files_bytes as files_bytes, usage_size.measured_at as measured_at
                 from site
                 left join usage_size on usage_size.site_id = site.id
                 where site.id = $1 and (cast($2 as text) is null or site.customer_id = $2)")
            .bind(site)
            .bind(scope.customer_filter()),
        )
        .await?
        .ok_or_else(|| Error::not_found("site"))?;
    let (requests, server_errors, bytes): (i64, i64, i64) = db
        .one(
            sql("select cast(coalesce(sum(case when day = $2 then requests else 0 end), 0) as bigint),
                        cast(coalesce(sum(case when day = $2 then server_errors else 0 end), 0) as bigint),
                        cast(coalesce(sum(bytes_out), 0) as bigint)
                 from usage_day
                 where site_id = $1 and day >= $3 and day <= $2")
            .bind(site)
            .bind(day(now))
            .bind(first_day_of_month(now)),
        )
        .await?;
    let is_counted = size.kind != Kind::Adopted;
    let counted = |figure: i64| is_counted.then_some(figure);
    Ok(Totals {
        requests_today: counted(requests),
        server_errors_today: counted(server_errors),
        bytes_this_month: counted(bytes),
        database_bytes: size.database_bytes,
        files_bytes: size.files_bytes,
        measured_at: size.measured_at,
        is_counted,
    })
}

fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY_MS)
}

/// The calendar is in the written form: its first seven characters are the month.
fn first_day_of_month(at: Timestamp) -> i64 {
    let first = at.rfc3339().get(..7).and_then(|month| Timestamp::parse_rfc3339(&format!("{month}-01T00:00:00Z")));
    day(first.unwrap_or(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn months_begin_on_their_first_day_in_utc() {
        for (time, first) in [
            ("2026-01-14T10:30:00Z", "2026-01-01T00:00:00Z"),
            ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-02-28T23:59:59Z", "2026-02-01T00:00:00Z"),
            ("2024-02-29T23:59:59Z", "2024-02-01T00:00:00Z"),
        ] {
            assert_eq!(first_day_of_month(at(time)), day(at(first)), "{time}");
        }
    }

    #[test]
    fn counts_of_both_sides_of_midnight_belong_to_two_days() {
        let mut new = NewCounts::default();
        let site = SiteId::parse("app_aaaaaaaa").unwrap();
        let one = Counts { requests: 1, server_errors: 0, bytes_out: 5 };
        new.add(&site, at("2026-01-14T23:59:59Z"), one);
        new.add(&site, at("2026-01-15T00:00:00Z"), one);
        new.add(&site, at("2026-01-15T00:00:10Z"), one);
        new.add(&site, at("2026-01-15T00:00:20Z"), Counts::default());
        let requests: Vec<u64> = new.0.values().map(|counts| counts.requests).collect();
        assert_eq!(requests, [1, 2]);
    }
}
