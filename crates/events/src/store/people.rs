//! Who is who: customers and people under numbers, names that turn out to be one person's, traits.

use std::collections::BTreeSet;
use std::sync::Arc;

use accounts::CustomerId;
use kit::db::Value;
use kit::db::dialect::Column::{Int, Text};
use kit::db::dialect::insert_rows;
use kit::{Result, Timestamp, Tx, sql};
use serde_json::{Map, Value as Json};

use super::group::{Group, each};
use super::state::{Subject, padded};
use crate::event::Identity;
use crate::{Day, NewEvent};

/// Traits of one person or customer may take so many bytes; what would make them larger is left out.
const MAX_TRAITS: usize = 64 << 10;

/// What changed about who is who; carried out in this order.
pub(super) enum Change {
    Merge { from: i64, into: i64, customer: Option<Arc<str>> },
    Assign { person: i64, customer: Arc<str> },
}

/// A subject that this group brings in.
pub(super) struct NewSubject {
    pub(super) kind: &'static str,
    pub(super) label: String,
}

pub(super) struct Traits {
    pub(super) map: Map<String, Json>,
    pub(super) changed: bool,
}

impl Group<'_> {
    /// Reads the traits of everybody about whom the group says something.
    pub(super) async fn load_traits(&mut self, tx: &Tx, events: &[&NewEvent]) -> Result<()> {
        let mut wanted = BTreeSet::new();
        for event in events {
            if event.identity == Identity::None {
                continue;
            }
            let names = names_of(event).filter_map(|name| self.state.people.get(name).copied()).collect::<Vec<_>>();
            wanted.extend(names);
            wanted.extend(event.customer.as_ref().and_then(|id| self.state.customers.get(id.as_str()).copied()));
        }
        for list in padded(wanted.into_iter().map(Value::Int).collect()) {
            let rows: Vec<(i64, String)> = tx.all(sql("select no, traits from subject where no in").list(list)).await?;
            for (no, traits) in rows {
                self.traits.insert(no, Traits { map: serde_json::from_str(&traits).unwrap_or_default(), changed: false });
            }
        }
        Ok(())
    }

    /// The subject of a customer; none when the house has no such customer.
    pub(super) fn customer(&mut self, id: &str, at: Timestamp, day: Day) -> Option<i64> {
        let no = *self.state.customers.get(id)?;
        if no != 0 {
            return Some(no);
        }
        let no = self.create("customer", String::new(), Some(id.into()), at, day);
        self.state.customers.insert(id.into(), no);
        Some(no)
    }

    /// The subject of a person, who is new when nobody has the name.
    pub(super) fn person(&mut self, name: &str, at: Timestamp, day: Day) -> i64 {
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

    pub(super) fn see(&mut self, no: i64, at: Timestamp, day: Day) {
        let Some(subject) = self.state.subjects.get(&no) else { return };
        if at.0 < subject.first_at || day.0 > subject.last_day {
            subject.first_at = subject.first_at.min(at.0);
            subject.last_day = subject.last_day.max(day.0);
            self.touched.insert(no);
        }
    }

    /// Carries out what an event says about who is who; returns who did it.
    pub(super) fn identify(&mut self, event: &NewEvent, person: Option<i64>, customer: Option<i64>, day: Day) -> Option<i64> {
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
        if from == into {
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

    pub(super) async fn write_subjects(&mut self, tx: &Tx) -> Result<()> {
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
}

async fn assign(tx: &Tx, person: i64, customer: &str) -> Result<()> {
    tx.execute(sql("update subject set customer_id = $2 where no = $1 or merged_into = $1").bind(person).bind(customer)).await?;
    Ok(())
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
