//! What was counted, read back.

use std::collections::{BTreeMap, HashMap};

use accounts::CustomerId;
use kit::{Db, Result, Timestamp, from_row, sql};

use super::period::{self, Period, Tally};
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

/// What a customer and its people did between two days, both included.
pub(super) async fn of_customer(db: &Db, customer: &CustomerId, from: Day, to: Day) -> Result<History> {
    let bodies: Vec<(i64, Vec<u8>)> = db
        .all(
            sql("select subject_days.period, subject_days.body
                 from subject join subject_days on subject_days.subject = subject.no
                 where subject.customer_id = $1 and subject_days.period >= $2 and subject_days.period <= $3")
            .bind(customer)
            .bind(period::period_of(from))
            .bind(period::period_of(to)),
        )
        .await?;
    let (first_at,): (Option<Timestamp>,) = db.one(sql("select min(first_at) from subject where customer_id = $1").bind(customer)).await?;
    let mut history = Builder::new(from, to);
    for (number, body) in &bodies {
        history.add(*number, body)?;
    }
    let words = history.words(db).await?;
    let mut history = history.finish(&words);
    // A subject without events: made by a trait alone.
    history.first_at = first_at.filter(|_| !bodies.is_empty());
    let invoices: Vec<InvoiceRow> = db
        .all(
            sql("select invoice.invoice, invoice.issued_at, invoice.due_at, invoice.paid_at, invoice.amount, invoice.currency
                 from subject join invoice on invoice.subject = subject.no
                 where subject.customer_id = $1
                 order by coalesce(invoice.due_at, invoice.issued_at, invoice.paid_at), invoice.invoice")
            .bind(customer),
        )
        .await?;
    history.invoices = invoices
        .into_iter()
        .map(|it| Invoice {
            invoice: it.invoice,
            issued_at: it.issued_at,
            due_at: it.due_at,
            paid_at: it.paid_at,
            amount: it.amount,
            currency: it.currency,
        })
        .collect();
    Ok(history)
}

/// Puts periods of several subjects together.
struct Builder {
    from: Day,
    to: Day,
    days: BTreeMap<Day, Counts>,
    features: HashMap<i64, Vec<Day>>,
}

impl Builder {
    fn new(from: Day, to: Day) -> Builder {
        Builder { from, to, days: BTreeMap::new(), features: HashMap::new() }
    }

    fn add(&mut self, number: i64, body: &[u8]) -> Result<()> {
        let (from, to) = (self.from, self.to);
        period::each_day(body, |place, counters, features| {
            let day = Period::day(number, place);
            if day < from || day > to {
                return;
            }
            let counts = Tally { counters: *counters, ..Tally::default() }.counts();
            self.days.entry(day).or_default().add(&counts);
            for (feature, _) in features {
                self.features.entry(*feature).or_default().push(day);
            }
        })
    }

    async fn words(&self, db: &Db) -> Result<HashMap<i64, String>> {
        if self.features.is_empty() {
            return Ok(HashMap::new());
        }
        let mut words = HashMap::new();
        for list in super::state::padded(self.features.keys().map(|no| (*no).into()).collect()) {
            let rows: Vec<(i64, String)> = db.all(sql("select no, word from event_word where no in").list(list)).await?;
            words.extend(rows);
        }
        Ok(words)
    }

    fn finish(self, words: &HashMap<i64, String>) -> History {
        let mut features: BTreeMap<String, Vec<Day>> = BTreeMap::new();
        for (no, mut days) in self.features {
            days.sort();
            days.dedup();
            if let Some(word) = words.get(&no) {
                features.insert(word.clone(), days);
            }
        }
        History { days: self.days, features, invoices: Vec::new(), first_at: None }
    }
}
