//! What was counted, read back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use accounts::CustomerId;
use kit::{Db, Result, Timestamp, from_row, sql};

use super::Whole;
use super::period::{self, Period};
use super::state::padded;
use crate::Day;
use crate::rollups::{Counts, History, Invoice};

struct InvoiceRow {
    invoice: String,
    issued_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    paid_at: Option<Timestamp>,
    amount: Option<i64>,
    currency: Option<String>,
}

from_row!(InvoiceRow { invoice, issued_at, due_at, paid_at, amount, currency });

impl InvoiceRow {
    fn invoice(self) -> Invoice {
        Invoice {
            invoice: self.invoice,
            issued_at: self.issued_at,
            due_at: self.due_at,
            paid_at: self.paid_at,
            amount: self.amount,
            currency: self.currency,
        }
    }
}

/// What a customer and its people did between two days, both included.
pub(super) async fn of_customer(whole: &Whole, customer: &CustomerId, from: Day, to: Day) -> Result<History> {
    let db = &whole.ingredients.db;
    let bodies = db.all::<(i64, Vec<u8>)>(
        sql("select subject_days.period, subject_days.body
             from subject join subject_days on subject_days.subject = subject.no
             where subject.customer_id = $1 and subject_days.period >= $2 and subject_days.period <= $3")
        .bind(customer)
        .bind(period::period_of(from))
        .bind(period::period_of(to)),
    );
    let first = db.one::<(Option<Timestamp>,)>(sql("select min(first_at) from subject where customer_id = $1").bind(customer));
    let invoices = db.all::<InvoiceRow>(
        sql("select invoice.invoice, invoice.issued_at, invoice.due_at, invoice.paid_at, invoice.amount, invoice.currency
             from subject join invoice on invoice.subject = subject.no
             where subject.customer_id = $1
             order by coalesce(invoice.due_at, invoice.issued_at, invoice.paid_at), invoice.invoice")
        .bind(customer),
    );
    let (bodies, (first_at,), invoices) = tokio::try_join!(bodies, first, invoices)?;
    let mut history = Builder { from, to, ..Builder::default() };
    for (number, body) in &bodies {
        history.add(*number, body)?;
    }
    whole.words.load(db, history.features.keys().copied()).await?;
    let mut history = history.finish(&whole.words);
    history.first_at = first_at;
    history.invoices = invoices.into_iter().map(InvoiceRow::invoice).collect();
    Ok(history)
}

/// Names of features by number, read once: they never change.
#[derive(Default)]
pub(super) struct Words(RwLock<HashMap<i64, Arc<str>>>);

impl Words {
    async fn load(&self, db: &Db, numbers: impl Iterator<Item = i64>) -> Result<()> {
        let unknown: BTreeSet<i64> = {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            numbers.filter(|no| !known.contains_key(no)).collect()
        };
        for list in padded(unknown.into_iter().map(Into::into).collect()) {
            let rows: Vec<(i64, String)> = db.all(sql("select no, word from event_word where no in").list(list)).await?;
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.extend(rows.into_iter().map(|(no, word)| (no, word.into())));
        }
        Ok(())
    }
}

/// Puts periods of several subjects together.
struct Builder {
    from: Day,
    to: Day,
    /// In no order, and a day may be there several times.
    days: Vec<(Day, Counts)>,
    features: BTreeMap<i64, Vec<Day>>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder { from: Day(0), to: Day(0), days: Vec::new(), features: BTreeMap::new() }
    }
}

impl Builder {
    fn add(&mut self, number: i64, body: &[u8]) -> Result<()> {
        let (from, to) = (self.from, self.to);
        period::each_day(body, |place, counters, features| {
            let day = Period::day(number, place);
            if day < from || day > to {
                return;
            }
            self.days.push((day, period::counts(counters)));
            for (feature, _) in features {
                self.features.entry(*feature).or_default().push(day);
            }
        })
    }

    fn finish(mut self, words: &Words) -> History {
        self.days.sort_by_key(|(day, _)| *day);
        self.days.dedup_by(|(day, counts), (kept, sum)| {
            let same = day == kept;
            if same {
                sum.add(counts);
            }
            same
        });
        let words = words.0.read().unwrap_or_else(PoisonError::into_inner);
        let features = self.features.into_iter().filter_map(|(no, mut days)| {
            days.sort_unstable();
            days.dedup();
            Some((words.get(&no)?.to_string(), days))
        });
        History { days: self.days.into_iter().collect(), features: features.collect(), invoices: Vec::new(), first_at: None }
    }
}
