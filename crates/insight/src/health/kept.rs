//! What scores were at the end of past days, a month of a customer to a row.

use std::collections::{BTreeMap, HashMap};

use accounts::CustomerId;
use events::Day;
use kit::db::Value;
use kit::{Db, Result, Tx, sql};

use super::model::VersionNo;
use super::trend::Point;

/// A point as it is stored: day, score, version.
type Stored = (i64, Option<f64>, i64);

/// The first day of a day's month.
fn month_of(day: Day) -> Day {
    day.date().map_or(day, |date| day.plus(1 - i64::from(date.day())))
}

fn unpack(text: &str) -> Result<Vec<Point>> {
    let stored: Vec<Stored> = serde_json::from_str(text)?;
    Ok(stored.into_iter().map(|(day, points, version)| Point { day: Day(day), points, version: VersionNo(version) }).collect())
}

fn pack(points: &BTreeMap<Day, Point>) -> Result<String> {
    let stored: Vec<Stored> = points.values().map(|point| (point.day.0, point.points, point.version.0)).collect();
    Ok(serde_json::to_string(&stored)?)
}

/// The kept scores of a customer between two days, both included, oldest first.
pub(crate) async fn of_customer(db: &Db, customer: &CustomerId, from: Day, to: Day) -> Result<Vec<Point>> {
    let rows: Vec<(String,)> = db
        .all(
            sql("select points from health_month where customer_id = $1 and month >= $2 and month <= $3 order by month")
                .bind(customer)
                .bind(month_of(from).0)
                .bind(to.0),
        )
        .await?;
    let mut points = Vec::new();
    for (text,) in rows {
        points.extend(unpack(&text)?.into_iter().filter(|point| (from..=to).contains(&point.day)));
    }
    Ok(points)
}

/// Adds points to what is kept of customers; a day that is kept already stays as it was shown.
pub(crate) async fn add(tx: &Tx, points: &[(CustomerId, Vec<Point>)]) -> Result<()> {
    let mut months: BTreeMap<(i64, CustomerId), BTreeMap<Day, Point>> = BTreeMap::new();
    for (customer, points) in points {
        for point in points {
            months.entry((month_of(point.day).0, customer.clone())).or_default().insert(point.day, *point);
        }
    }
    let mut of_month: HashMap<i64, Vec<CustomerId>> = HashMap::new();
    for (month, customer) in months.keys() {
        of_month.entry(*month).or_default().push(customer.clone());
    }
    for (month, customers) in of_month {
        for customers in customers.chunks(500) {
            let kept = sql("select customer_id, points from health_month where month = $1 and customer_id in").bind(month);
            let kept: Vec<(CustomerId, String)> = tx.all(kept.list(customers)).await?;
            for (customer, text) in kept {
                if let Some(added) = months.get_mut(&(month, customer)) {
                    added.extend(unpack(&text)?.into_iter().map(|point| (point.day, point)));
                }
            }
        }
    }
    let rows = months.iter().map(|((month, customer), points)| Ok(vec![Value::from(customer), (*month).into(), pack(points)?.into()]));
    tx.execute_each(
        sql("insert into health_month (customer_id, month, points) values ($1, $2, $3)
             on conflict (customer_id, month) do update set points = excluded.points"),
        rows.collect::<Result<_>>()?,
    )
    .await
    .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_on_their_first_day() {
        for (day, month) in
            [("2026-11-21", "2026-11-01"), ("2026-11-01", "2026-11-01"), ("2024-02-29", "2024-02-01"), ("1969-12-31", "1969-12-01")]
        {
            assert_eq!(month_of(Day::parse(day).unwrap()).iso(), month);
        }
    }

    #[test]
    fn points_come_back_as_they_were() {
        let point = |day, points| (Day(day), Point { day: Day(day), points, version: VersionNo(3) });
        let points = BTreeMap::from([point(20_000, Some(56.833_333_333_333_336)), point(20_001, None)]);
        assert_eq!(unpack(&pack(&points).unwrap()).unwrap(), points.into_values().collect::<Vec<_>>());
    }
}
