//! What all customers did, a page of customers at a time, still packed: for whoever works out something for each of them.

use std::collections::HashMap;

use accounts::CustomerId;
use kit::db::Value;
use kit::{Db, Result, Timestamp, from_row, sql};

use super::period::{self, Period};
use super::state::padded;
use crate::Day;
use crate::rollups::{Counts, Invoice};

/// What one customer and its people did, packed as it is stored.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Who.
    pub customer: CustomerId,
    /// When its first event came, if any did.
    pub first_at: Option<Timestamp>,
    /// The last day on which something happened.
    pub last_day: Option<Day>,
    /// Invoices that were due or issued from the asked day on.
    pub invoices: Vec<Invoice>,
    periods: Vec<(i64, Vec<u8>)>,
}

impl Packed {
    /// Calls `each` with every day, its counts and the numbers of the features used. A day comes once for each person who did something,
    /// and days come in no order.
    pub fn each_day(&self, mut each: impl FnMut(Day, &Counts, &mut dyn Iterator<Item = i64>)) -> Result<()> {
        for (number, body) in &self.periods {
            period::each_day(body, |place, counters, features| {
                let counts = period::counts(counters);
                each(Period::day(*number, place), &counts, &mut features.iter().map(|(feature, _)| *feature));
            })?;
        }
        Ok(())
    }
}

struct SubjectRow {
    customer_id: CustomerId,
    first_at: Timestamp,
    last_day: i64,
}

from_row!(SubjectRow { customer_id, first_at, last_day });

struct InvoiceRow {
    customer_id: CustomerId,
    invoice: String,
    issued_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    paid_at: Option<Timestamp>,
}

from_row!(InvoiceRow { customer_id, invoice, issued_at, due_at, paid_at });

/// What these customers did on the days from `from` to `to` (and a few around, which come with their periods), in the same order; those
/// without events, too. Amounts of invoices are left out.
pub(super) async fn of(db: &Db, customers: &[CustomerId], days: (Day, Day), due_from: Timestamp) -> Result<Vec<Packed>> {
    let mut found: Vec<Packed> = customers
        .iter()
        .map(|customer| Packed { customer: customer.clone(), first_at: None, last_day: None, invoices: Vec::new(), periods: Vec::new() })
        .collect();
    let places: HashMap<&str, usize> = customers.iter().enumerate().map(|(at, customer)| (customer.as_str(), at)).collect();
    for list in padded(customers.iter().map(Value::from).collect()) {
        let subjects = sql("select customer_id, first_at, last_day from subject where customer_id in").list(list.clone());
        for row in db.all::<SubjectRow>(subjects).await? {
            let Some(packed) = places.get(row.customer_id.as_str()).map(|at| &mut found[*at]) else { continue };
            packed.first_at = Some(packed.first_at.map_or(row.first_at, |first| first.min(row.first_at)));
            packed.last_day = packed.last_day.max(Some(Day(row.last_day)));
        }
        let periods = sql("select subject.customer_id, subject_days.period, subject_days.body
             from subject join subject_days on subject_days.subject = subject.no
             where subject_days.period >= $1 and subject_days.period <= $2 and subject.customer_id in")
        .bind(period::period_of(days.0))
        .bind(period::period_of(days.1))
        .list(list.clone());
        for (customer, number, body) in db.all::<(String, i64, Vec<u8>)>(periods).await? {
            if let Some(at) = places.get(customer.as_str()) {
                found[*at].periods.push((number, body));
            }
        }
        let invoices = sql("select subject.customer_id, invoice.invoice, invoice.issued_at, invoice.due_at, invoice.paid_at
             from subject join invoice on invoice.subject = subject.no
             where (invoice.due_at >= $1 or invoice.issued_at >= $1) and subject.customer_id in")
        .bind(due_from)
        .list(list);
        for row in db.all::<InvoiceRow>(invoices).await? {
            if let Some(at) = places.get(row.customer_id.as_str()) {
                let (issued_at, due_at, paid_at) = (row.issued_at, row.due_at, row.paid_at);
                found[*at].invoices.push(Invoice { invoice: row.invoice, issued_at, due_at, paid_at, amount: None, currency: None });
            }
        }
    }
    Ok(found)
}

/// The numbers and names of all features.
pub(super) async fn features(db: &Db) -> Result<Vec<(i64, String)>> {
    db.all(sql("select no, word from event_word where kind = 'feature'")).await
}

/// Customers whose roll-ups changed after a moment of `customer_changed` and a customer of that moment, in that order, with when; at most
/// `limit`. Whoever goes on from the last one misses nothing.
pub(super) async fn changed(db: &Db, after: (i64, &str), limit: u32) -> Result<Vec<(CustomerId, i64)>> {
    db.all(
        sql("select customer_id, at from customer_changed
             where at >= $1 and (at > $1 or customer_id > $2)
             order by at, customer_id
             limit $3")
        .bind(after.0)
        .bind(after.1)
        .bind(limit),
    )
    .await
}

/// The newest moment of `customer_changed`; 0 before the first.
pub(super) async fn last_changed(db: &Db) -> Result<i64> {
    let newest: Option<(i64,)> = db.optional(sql("select at from customer_changed order by at desc limit 1")).await?;
    Ok(newest.map_or(0, |(at,)| at))
}
