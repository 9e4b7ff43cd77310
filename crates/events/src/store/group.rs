//! One transaction of the writer: many senders' events become one block and changed counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use accounts::CustomerId;
use kit::db::dialect::Column::{Blob, Int, Text};
use kit::db::dialect::insert_rows;
use kit::db::{Sql, Value};
use kit::{Result, Timestamp, Tx, from_row, sql};

use super::block::{self, Head};
use super::days::DayFinder;
use super::ids::Print;
use super::people::{Change, NewSubject, Traits};
use super::period::{self, Period, Tally};
use super::state::{Counters, Kind, State};
use crate::catalogue::{self, Effect, InvoiceNews};
use crate::event::Identity;
use crate::{Calendar, Day, NewEvent, Outcome};

/// What a sender handed in at once.
pub(super) struct Batch {
    pub(super) events: Vec<NewEvent>,
    /// Of each event's source and id.
    pub(super) prints: Vec<Print>,
}

/// What became of a group.
pub(super) struct Written {
    /// For each batch, for each event.
    pub(super) outcomes: Vec<Vec<Outcome>>,
    /// Customers whose counts changed.
    pub(super) customers: Vec<CustomerId>,
}

/// Writes the group inside of `tx`, as `state` knows the database; `state` is of use only when `tx` is committed.
pub(super) async fn write(tx: &Tx, state: &mut State, calendar: &Calendar, now: Timestamp, batches: &[Batch]) -> Result<Written> {
    let fresh = unseen(tx, state, batches).await?;
    let wanted: Vec<&NewEvent> = fresh.iter().map(|(event, _)| *event).collect();
    state.look_up(tx, &wanted).await?;
    let mut group = Group::begin(state, calendar, now);
    group.load_traits(tx, &wanted).await?;
    for event in &wanted {
        group.take(event);
    }
    let changed = group.finish(tx, &wanted).await?;
    let mut outcomes: Vec<Vec<Outcome>> = batches.iter().map(|batch| vec![Outcome::Duplicate; batch.events.len()]).collect();
    for (_, (batch, at)) in fresh {
        outcomes[batch][at] = Outcome::Stored;
    }
    Ok(Written { outcomes, customers: changed })
}

type Place = (usize, usize);

/// The events that are neither known nor twice in the group, with their places; from now on they are known.
async fn unseen<'a>(tx: &Tx, state: &mut State, batches: &'a [Batch]) -> Result<Vec<(&'a NewEvent, Place)>> {
    let prints = || batches.iter().flat_map(|batch| batch.prints.iter().copied());
    let known = state.ids.known_of_old(tx, prints()).await?;
    let mut fresh = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        for (place, (event, print)) in batch.events.iter().zip(&batch.prints).enumerate() {
            if !known.contains(print) && state.ids.remember(*print) {
                fresh.push((event, (at, place)));
            }
        }
    }
    Ok(fresh)
}

pub(super) struct Group<'a> {
    pub(super) state: &'a mut State,
    days: DayFinder<'a>,
    now: Timestamp,
    /// Numbers from here on are given out by this group: nothing of theirs is stored yet.
    pub(super) first_new_subject: i64,
    pub(super) new_subjects: BTreeMap<i64, NewSubject>,
    pub(super) new_names: Vec<(String, i64)>,
    /// Subjects whose first or last day changed.
    pub(super) touched: BTreeSet<i64>,
    pub(super) changes: Vec<Change>,
    /// People who became others in this group.
    pub(super) merged: HashMap<i64, i64>,
    pub(super) traits: HashMap<i64, Traits>,
    heads: Vec<Head>,
    tallies: HashMap<(i64, Day), Tally>,
    kinds: BTreeMap<(i64, i64, i64), i64>,
    invoices: Vec<(i64, InvoiceNews)>,
    pub(super) customers: HashSet<Arc<str>>,
}

impl<'a> Group<'a> {
    fn begin(state: &'a mut State, calendar: &'a Calendar, now: Timestamp) -> Group<'a> {
        Group {
            first_new_subject: state.counters.subject,
            state,
            days: DayFinder::new(calendar),
            now,
            new_subjects: BTreeMap::new(),
            new_names: Vec::new(),
            touched: BTreeSet::new(),
            changes: Vec::new(),
            merged: HashMap::new(),
            traits: HashMap::new(),
            heads: Vec::new(),
            tallies: HashMap::new(),
            kinds: BTreeMap::new(),
            invoices: Vec::new(),
            customers: HashSet::new(),
        }
    }

    fn take(&mut self, event: &NewEvent) {
        let at = event.at;
        let day = self.days.day(at);
        let customer = event.customer.as_ref().and_then(|id| self.customer(id.as_str(), at, day));
        let mut person = event.person.as_deref().map(|name| self.person(name, at, day));
        if event.identity != Identity::None {
            person = self.identify(event, person, customer, day);
        }
        let subject = customer.or(person).unwrap_or(0);
        self.see(subject, at, day);
        if let Some(person) = person
            && person != subject
        {
            self.see(person, at, day);
        }
        let name = self.state.word(Kind::Name, event.name.as_str(), self.now);
        let source = self.state.word(Kind::Source, event.source.as_str(), self.now);
        self.heads.push(Head { at: at.0, seq: self.state.counters.seq, subject, person: person.unwrap_or(0), name, source });
        self.state.counters.seq += 1;
        *self.kinds.entry((day.0, name, source)).or_default() += 1;
        if subject != 0 {
            let effect = catalogue::effect(event.name.as_str(), &event.props, at);
            self.count(subject, day, effect);
            if let Some(customer) = self.state.subjects.get(&subject).and_then(|it| it.customer.clone()) {
                self.customers.insert(customer);
            }
        }
    }

    fn count(&mut self, subject: i64, day: Day, effect: Effect) {
        let feature = effect.feature.as_deref().map(|feature| self.state.word(Kind::Feature, feature, self.now));
        tally(self.tallies.entry((subject, day)).or_default(), &effect, feature);
        if let Some(news) = effect.invoice {
            self.invoices.push((subject, news));
        }
    }

    /// Writes everything down. In the order of what refers to what.
    async fn finish(mut self, tx: &Tx, events: &[&NewEvent]) -> Result<Vec<CustomerId>> {
        self.write_words(tx).await?;
        self.write_subjects(tx).await?;
        self.write_block(tx, events).await?;
        self.write_days(tx).await?;
        self.write_invoices(tx).await?;
        let customers = self.write_customers(tx).await?;
        if !self.merged.is_empty() {
            let merged = std::mem::take(&mut self.merged);
            for no in self.state.people.values_mut() {
                while let Some(into) = merged.get(no) {
                    *no = *into;
                }
            }
        }
        Ok(customers)
    }

    async fn write_words(&mut self, tx: &Tx) -> Result<()> {
        let rows: Vec<Vec<Value>> = std::mem::take(&mut self.state.new_words)
            .into_iter()
            .map(|word| vec![word.no.into(), word.kind.as_str().into(), word.word.into(), word.first_at.into()])
            .collect();
        insert_rows(tx, "event_word (no, kind, word, first_at)", &[Int, Text, Text, Int], "", rows).await?;
        Ok(())
    }

    async fn write_block(&mut self, tx: &Tx, events: &[&NewEvent]) -> Result<()> {
        if self.heads.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        let props: Vec<&str> = events.iter().map(|event| event.props.as_str()).collect();
        let packed = block::pack(&self.heads, &ids, &props, block::QUICK)?;
        super::blocks::insert(tx, self.state.counters.block, 0, None, &self.heads, packed).await?;
        self.state.counters.block += 1;
        let rows = std::mem::take(&mut self.kinds)
            .into_iter()
            .map(|((day, name, source), events)| vec![day.into(), name.into(), source.into(), events.into()])
            .collect();
        let then = "on conflict (day, name, source) do update set events = event_day.events + excluded.events";
        insert_rows(tx, "event_day (day, name, source, events)", &[Int, Int, Int, Int], then, rows).await?;
        Ok(())
    }

    async fn write_days(&mut self, tx: &Tx) -> Result<()> {
        let more = periods(std::mem::take(&mut self.tallies));
        let unknown: Vec<(i64, i64)> = more
            .keys()
            .filter(|(subject, _)| *subject < self.first_new_subject)
            .filter(|key| self.state.periods.get(*key).is_none())
            .copied()
            .collect();
        self.state.look_up_periods(tx, unknown).await?;
        let mut rows = Vec::with_capacity(more.len());
        for ((subject, number), more) in more {
            let packed = match self.state.periods.get(&(subject, number)) {
                Some(known) => {
                    let mut sum = Period::unpack(known)?;
                    sum.add(&more);
                    sum.pack()
                }
                None => more.pack(),
            };
            rows.push(vec![subject.into(), number.into(), Value::Blob(packed.clone())]);
            self.state.periods.insert((subject, number), packed);
        }
        let then = "on conflict (subject, period) do update set body = excluded.body";
        insert_rows(tx, "subject_days (subject, period, body)", &[Int, Int, Blob], then, rows).await?;
        Ok(())
    }

    async fn write_invoices(&mut self, tx: &Tx) -> Result<()> {
        each(tx, sql(UPSERT_INVOICE), std::mem::take(&mut self.invoices).into_iter().map(invoice_row).collect()).await
    }

    async fn write_customers(&mut self, tx: &Tx) -> Result<Vec<CustomerId>> {
        let mut customers: Vec<Arc<str>> = std::mem::take(&mut self.customers).into_iter().collect();
        customers.sort();
        if !customers.is_empty() {
            let counters = &mut self.state.counters;
            counters.changed_at = self.now.0.max(counters.changed_at + 1);
            let at = counters.changed_at;
            let rows = customers.iter().map(|customer| vec![(&**customer).into(), at.into()]).collect();
            let then = "on conflict (customer_id) do update set at = excluded.at";
            insert_rows(tx, "customer_changed (customer_id, at)", &[Text, Int], then, rows).await?;
        }
        Ok(customers.iter().filter_map(|id| CustomerId::parse(id).ok()).collect())
    }
}

/// What is paid or issued first counts; of the rest, what was said last.
pub(super) const UPSERT_INVOICE: &str = "insert into invoice (subject, invoice, issued_at, due_at, paid_at, amount, currency)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (subject, invoice) do update set
  issued_at = case when invoice.issued_at < excluded.issued_at then invoice.issued_at else coalesce(excluded.issued_at, invoice.issued_at) end,
  due_at = coalesce(excluded.due_at, invoice.due_at),
  paid_at = case when invoice.paid_at < excluded.paid_at then invoice.paid_at else coalesce(excluded.paid_at, invoice.paid_at) end,
  amount = coalesce(excluded.amount, invoice.amount),
  currency = coalesce(excluded.currency, invoice.currency)";

pub(super) fn invoice_row((subject, news): (i64, InvoiceNews)) -> Vec<Value> {
    vec![
        subject.into(),
        news.invoice.into(),
        news.issued_at.into(),
        news.due_at.into(),
        news.paid_at.into(),
        news.amount.into(),
        news.currency.into(),
    ]
}

/// Adds one event to the counts of its day.
pub(super) fn tally(tally: &mut Tally, effect: &Effect, feature: Option<i64>) {
    #[expect(clippy::cast_possible_truncation, reason = "at most 100 000")]
    let points = (effect.points * period::POINT).round() as i64;
    let more = [
        1,
        i64::from(effect.action),
        effect.logins,
        effect.api_calls,
        effect.tickets_opened,
        effect.tickets_closed,
        effect.builds_succeeded,
        effect.builds_failed,
        effect.deploys_succeeded,
        effect.deploys_failed,
        effect.ratings,
        points,
    ];
    for (sum, more) in tally.counters.iter_mut().zip(more) {
        *sum = sum.saturating_add(more);
    }
    if let Some(feature) = feature {
        *tally.features.entry(feature).or_default() += 1;
    }
}

/// Days put together to periods, in the order in which they are written: all writers lock rows in this order.
pub(super) fn periods(tallies: HashMap<(i64, Day), Tally>) -> BTreeMap<(i64, i64), Period> {
    let mut periods: BTreeMap<(i64, i64), Period> = BTreeMap::new();
    for ((subject, day), tally) in tallies {
        periods.entry((subject, period::period_of(day))).or_default().0.insert(Period::place(day), tally);
    }
    periods
}

/// One statement for each row, none without rows.
pub(super) async fn each(tx: &Tx, statement: Sql, rows: Vec<Vec<Value>>) -> Result<()> {
    if !rows.is_empty() {
        tx.execute_each(statement, rows).await?;
    }
    Ok(())
}

/// The only row of `event_writer`.
pub(super) struct WriterRow {
    pub(super) turn: i64,
    seq: i64,
    block: i64,
    subject: i64,
    word: i64,
    run: i64,
    changed_at: i64,
    pub(super) time_zone: String,
    pub(super) kept_from: Option<i64>,
}

from_row!(WriterRow { turn, seq, block, subject, word, run, changed_at, time_zone, kept_from });

impl WriterRow {
    /// Waits for this writer's turn, which lasts as long as the transaction.
    pub(super) async fn take(tx: &Tx) -> Result<WriterRow> {
        tx.one(sql("update event_writer
             set turn = turn + 1
             where one = 1
             returning turn, seq, block, subject, word, run, changed_at, time_zone, kept_from"))
            .await
    }

    pub(super) fn counters(&self) -> Counters {
        Counters { seq: self.seq, block: self.block, subject: self.subject, word: self.word, run: self.run, changed_at: self.changed_at }
    }
}
