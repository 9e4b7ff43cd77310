//! One transaction of the writer: many senders' events become one block and changed counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use accounts::CustomerId;
use kit::db::dialect::Column::{Blob, Int, Text};
use kit::db::dialect::insert_rows;
use kit::db::{Sql, Value};
use kit::{Result, Timestamp, Tx, from_row, sql};
use serde_json::{Map, Value as Json};

use super::block::{self, Head};
use super::days::DayFinder;
use super::ids::Print;
use super::period::{self, Period, Tally};
use super::state::{Counters, Kind, State, Subject};
use crate::catalogue::{self, Effect, InvoiceNews};
use crate::event::Identity;
use crate::{Calendar, Day, NewEvent, Outcome};

/// Traits of one person or customer may take so many bytes; what would make them larger is left out.
const MAX_TRAITS: usize = 64 << 10;

/// What a sender handed in at once.
pub(super) struct Batch {
    pub(super) events: Vec<NewEvent>,
    /// Of each event's source and id.
    pub(super) prints: Vec<Print>,
    /// The customer whose sender it was; none for one of the house. It cannot say who other customers' people are.
    pub(super) within: Option<CustomerId>,
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
    for (event, (batch, _)) in &fresh {
        group.within.clone_from(&batches[*batch].within);
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

/// What changed about who is who; carried out in this order.
enum Change {
    Merge { from: i64, into: i64, customer: Option<Arc<str>> },
    Assign { person: i64, customer: Arc<str> },
}

/// A subject that this group brings in.
struct NewSubject {
    kind: &'static str,
    label: String,
}

struct Group<'a> {
    state: &'a mut State,
    days: DayFinder<'a>,
    now: Timestamp,
    /// Of the batch that is being taken in.
    within: Option<CustomerId>,
    /// Numbers from here on are given out by this group: nothing of theirs is stored yet.
    first_new_subject: i64,
    new_subjects: BTreeMap<i64, NewSubject>,
    new_names: Vec<(String, i64)>,
    /// Subjects whose first or last day changed.
    touched: BTreeSet<i64>,
    changes: Vec<Change>,
    /// People who became others in this group.
    merged: HashMap<i64, i64>,
    traits: HashMap<i64, Traits>,
    heads: Vec<Head>,
    tallies: HashMap<(i64, Day), Tally>,
    kinds: BTreeMap<(i64, i64, i64), i64>,
    invoices: Vec<(i64, InvoiceNews)>,
    customers: HashSet<Arc<str>>,
}

struct Traits {
    map: Map<String, Json>,
    changed: bool,
}

impl<'a> Group<'a> {
    fn begin(state: &'a mut State, calendar: &'a Calendar, now: Timestamp) -> Group<'a> {
        Group {
            first_new_subject: state.counters.subject,
            state,
            days: DayFinder::new(calendar),
            now,
            within: None,
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

    /// Reads the traits of everybody about whom the group says something.
    async fn load_traits(&mut self, tx: &Tx, events: &[&NewEvent]) -> Result<()> {
        let mut wanted = BTreeSet::new();
        for event in events {
            if event.identity == Identity::None {
                continue;
            }
            let names = names_of(event).filter_map(|name| self.state.people.get(name).copied()).collect::<Vec<_>>();
            wanted.extend(names);
            wanted.extend(event.customer.as_ref().and_then(|id| self.state.customers.get(id.as_str()).copied()));
        }
        for list in super::state::padded(wanted.into_iter().map(Value::Int).collect()) {
            let rows: Vec<(i64, String)> = tx.all(sql("select no, traits from subject where no in").list(list)).await?;
            for (no, traits) in rows {
                self.traits.insert(no, Traits { map: serde_json::from_str(&traits).unwrap_or_default(), changed: false });
            }
        }
        Ok(())
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

    /// The subject of a customer; none when the house has no such customer.
    fn customer(&mut self, id: &str, at: Timestamp, day: Day) -> Option<i64> {
        let no = *self.state.customers.get(id)?;
        if no != 0 {
            return Some(no);
        }
        let no = self.create("customer", String::new(), Some(id.into()), at, day);
        self.state.customers.insert(id.into(), no);
        Some(no)
    }

    /// The subject of a person, who is new when nobody has the name.
    fn person(&mut self, name: &str, at: Timestamp, day: Day) -> i64 {
        if let Some(no) = self.state.people.get(name).copied() {
            return self.root(no);
        }
        let no = self.create("person", name.to_owned(), None, at, day);
        self.state.people.insert(name.to_owned(), no);
        self.new_names.push((name.to_owned(), no));
        no
    }

    fn create(&mut self, kind: &'static str, label: String, customer: Option<Arc<str>>, at: Timestamp, day: Day) -> i64 {
        let no = self.state.counters.subject;
        self.state.counters.subject += 1;
        self.state.subjects.insert(no, Subject { customer, first_at: at.0, last_day: day.0 });
        self.new_subjects.insert(no, NewSubject { kind, label });
        no
    }

    fn root(&self, mut no: i64) -> i64 {
        while let Some(into) = self.merged.get(&no) {
            no = *into;
        }
        no
    }

    fn see(&mut self, no: i64, at: Timestamp, day: Day) {
        let Some(subject) = self.state.subjects.get(&no) else { return };
        if at.0 < subject.first_at || day.0 > subject.last_day {
            subject.first_at = subject.first_at.min(at.0);
            subject.last_day = subject.last_day.max(day.0);
            self.touched.insert(no);
        }
    }

    /// Whether the sender may say something about a person: the house about all, a customer's about its own and those of nobody.
    fn may_say(&mut self, person: i64) -> bool {
        let root = self.root(person);
        let Some(within) = &self.within else { return true };
        let whose = self.state.subjects.get(&root).and_then(|subject| subject.customer.as_deref());
        whose.is_none_or(|whose| whose == within.as_str())
    }

    /// Carries out what an event says about who is who; returns who did it.
    fn identify(&mut self, event: &NewEvent, person: Option<i64>, customer: Option<i64>, day: Day) -> Option<i64> {
        if person.is_some_and(|person| !self.may_say(person)) {
            return person;
        }
        match (&event.identity, person) {
            (Identity::None, _) => {}
            (Identity::Person { set, set_once, anonymous }, Some(person)) => {
                if let Some(anonymous) = anonymous {
                    self.join(person, anonymous, event.at, day);
                }
                self.describe(person, set, set_once);
                if let Some(Json::String(id)) = set.get("customer_id")
                    && self.customer(id, event.at, day).is_some()
                {
                    self.assign(person, &Arc::from(id.as_str()));
                }
            }
            (Identity::Alias { other }, Some(person)) => self.join(person, other, event.at, day),
            (Identity::Person { .. } | Identity::Alias { .. }, None) => {}
            (Identity::Customer { set }, person) => {
                if let (Some(customer), Some(id)) = (customer, &event.customer) {
                    self.describe(customer, set, &Map::new());
                    if let Some(person) = person {
                        self.assign(person, &Arc::from(id.as_str()));
                    }
                }
            }
        }
        person.map(|person| self.root(person))
    }

    /// From now on `other` is a name of `person`; whoever had it before is this person.
    fn join(&mut self, person: i64, other: &str, at: Timestamp, day: Day) {
        let Some(from) = self.state.people.get(other).copied() else {
            if !other.is_empty() {
                self.state.people.insert(other.to_owned(), person);
                self.new_names.push((other.to_owned(), person));
            }
            return;
        };
        let (from, into) = (self.root(from), self.root(person));
        if from == into || !self.may_say(from) {
            return;
        }
        let old = self.state.subjects.get(&from).cloned();
        let Some(old) = old else { return };
        let Some(subject) = self.state.subjects.get(&into) else { return };
        let customer = subject.customer.clone().or(old.customer.clone());
        subject.customer.clone_from(&customer);
        subject.first_at = subject.first_at.min(old.first_at).min(at.0);
        subject.last_day = subject.last_day.max(old.last_day).max(day.0);
        self.touched.insert(into);
        self.customers.extend(old.customer.into_iter().chain(customer.clone()));
        if let Some(known) = self.traits.remove(&from) {
            self.describe(into, &Map::new(), &known.map);
        }
        self.merged.insert(from, into);
        self.changes.push(Change::Merge { from, into, customer });
    }

    fn assign(&mut self, person: i64, customer: &Arc<str>) {
        if self.within.as_ref().is_some_and(|within| within.as_str() != &**customer) {
            return;
        }
        let person = self.root(person);
        let Some(subject) = self.state.subjects.get(&person) else { return };
        if subject.customer.as_ref() == Some(customer) {
            return;
        }
        let before = subject.customer.replace(customer.clone());
        self.customers.extend(before.into_iter().chain([customer.clone()]));
        self.changes.push(Change::Assign { person, customer: customer.clone() });
    }

    fn describe(&mut self, no: i64, set: &Map<String, Json>, set_once: &Map<String, Json>) {
        if set.is_empty() && set_once.is_empty() {
            return;
        }
        let traits = self.traits.entry(no).or_insert_with(|| Traits { map: Map::new(), changed: false });
        let mut map = traits.map.clone();
        for (key, value) in set_once {
            map.entry(key.as_str()).or_insert_with(|| value.clone());
        }
        map.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
        if map != traits.map && serde_json::to_string(&map).is_ok_and(|text| text.len() <= MAX_TRAITS && !text.contains('\0')) {
            *traits = Traits { map, changed: true };
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

    async fn write_subjects(&mut self, tx: &Tx) -> Result<()> {
        let mut rows = Vec::with_capacity(self.new_subjects.len());
        for (no, new) in std::mem::take(&mut self.new_subjects) {
            self.touched.remove(&no);
            let traits = self.traits.remove(&no).map_or_else(|| "{}".to_owned(), |traits| Json::Object(traits.map).to_string());
            let subject = self.state.subjects.get(&no).expect("made by this group");
            rows.push(vec![
                no.into(),
                new.kind.into(),
                subject.customer.as_deref().into(),
                new.label.into(),
                subject.first_at.into(),
                subject.last_day.into(),
                traits.into(),
            ]);
        }
        let into = "subject (no, kind, customer_id, label, first_at, last_day, traits)";
        insert_rows(tx, into, &[Int, Text, Text, Text, Int, Int, Text], "", rows).await?;
        let names = std::mem::take(&mut self.new_names).into_iter().map(|(name, no)| vec![name.into(), no.into()]).collect();
        insert_rows(tx, "subject_name (name, subject)", &[Text, Int], "", names).await?;
        for change in std::mem::take(&mut self.changes) {
            match change {
                Change::Merge { from, into, customer } => {
                    tx.execute(sql("update subject_name set subject = $2 where subject = $1").bind(from).bind(into)).await?;
                    tx.execute(sql("update subject set merged_into = $2 where no = $1 or merged_into = $1").bind(from).bind(into)).await?;
                    if let Some(customer) = customer {
                        assign(tx, into, &customer).await?;
                    }
                }
                Change::Assign { person, customer } => assign(tx, person, &customer).await?,
            }
        }
        let mut rows = Vec::with_capacity(self.touched.len());
        for no in std::mem::take(&mut self.touched) {
            if let Some(subject) = self.state.subjects.get(&no) {
                rows.push(vec![no.into(), subject.first_at.into(), subject.last_day.into()]);
            }
        }
        each(tx, sql("update subject set first_at = $2, last_day = $3 where no = $1"), rows).await?;
        let traits = std::mem::take(&mut self.traits).into_iter().filter(|(_, traits)| traits.changed);
        let traits = traits.map(|(no, traits)| vec![no.into(), Json::Object(traits.map).to_string().into()]).collect();
        each(tx, sql("update subject set traits = $2 where no = $1"), traits).await
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

async fn assign(tx: &Tx, person: i64, customer: &str) -> Result<()> {
    tx.execute(sql("update subject set customer_id = $2 where no = $1 or merged_into = $1").bind(person).bind(customer)).await?;
    Ok(())
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

/// All names that an event speaks of.
pub(super) fn names_of(event: &NewEvent) -> impl Iterator<Item = &str> {
    let other = match &event.identity {
        Identity::Person { anonymous, .. } => anonymous.as_deref(),
        Identity::Alias { other } => Some(other.as_str()),
        Identity::None | Identity::Customer { .. } => None,
    };
    event.person.as_deref().into_iter().chain(other)
}

/// All customers that an event speaks of.
pub(super) fn customers_of(event: &NewEvent) -> impl Iterator<Item = &str> {
    let other = match &event.identity {
        Identity::Person { set, .. } => set.get("customer_id").and_then(Json::as_str),
        _ => None,
    };
    event.customer.as_ref().map(CustomerId::as_str).into_iter().chain(other)
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
