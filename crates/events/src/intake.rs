//! From what a door has read to what is durable: are the customers there, which events are taken, what was wrong with the others.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use accounts::{CustomerId, customers};
use kit::{Clock, Db, Result};

use crate::warnings::{Note, Warnings};
use crate::wire::{Item, Refusal, Rules, Trouble, unknown_customer};
use crate::{Events, Outcome};

/// Customers that are remembered to exist; they are never deleted.
const REMEMBERED: usize = 200_000;

/// What all doors share. Cheap to clone.
#[derive(Clone)]
pub struct Intake(Arc<Whole>);

struct Whole {
    db: Db,
    events: Events,
    warnings: Warnings,
    rules: Arc<Rules>,
    known: Mutex<HashSet<CustomerId>>,
}

/// What became of one event of a request.
#[derive(Debug, Clone)]
pub struct Answered {
    /// What the sender calls it; empty when it has no id.
    pub id: String,
    /// Kept, known already, or why not.
    pub verdict: Result<Outcome, Refusal>,
    /// What was taken otherwise than it was sent.
    pub notes: Vec<Trouble>,
}

impl Intake {
    /// Over the events of a house.
    pub fn new(db: &Db, clock: &Clock, events: &Events) -> Intake {
        let rules = Rules::removing(events.config().remove_keys.iter().map(String::as_str));
        Intake(Arc::new(Whole {
            db: db.clone(),
            events: events.clone(),
            warnings: Warnings::new(db.clone(), clock.clone(), events.calendar().clone()),
            rules: Arc::new(rules),
            known: Mutex::default(),
        }))
    }

    /// Which keys must not be kept.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.0.rules
    }

    /// What was wrong with events.
    pub fn warnings(&self) -> &Warnings {
        &self.0.warnings
    }

    /// Whether there is such a customer.
    pub async fn knows(&self, customer: &CustomerId) -> Result<bool> {
        let new = self.learn(std::iter::once(customer)).await?;
        Ok(new.contains(customer) || self.known().contains(customer))
    }

    /// Keeps what can be kept, and answers when it is durable: one answer for each item, in their order. When it fails, nothing was kept.
    /// `sender` is the token's id.
    pub async fn take(&self, source: &'static str, sender: &str, mut items: Vec<Item>) -> Result<Vec<Answered>> {
        let new = self.learn(items.iter().filter_map(|item| item.event.as_ref().ok()?.customer.as_ref())).await?;
        self.refuse_unknown_customers(&mut items, &new);
        let mut good = Vec::with_capacity(items.len());
        let mut answers = Vec::with_capacity(items.len());
        let mut names = Vec::new();
        for item in items {
            let verdict = match item.event {
                Ok(event) => {
                    good.push(event);
                    Ok(Outcome::Stored)
                }
                Err(refusal) => Err(refusal),
            };
            if verdict.is_err() || !item.notes.is_empty() {
                names.push((answers.len(), item.name));
            }
            answers.push(Answered { id: item.id, verdict, notes: item.notes });
        }
        if !good.is_empty() {
            let mut outcomes = self.0.events.accept(good).await?.into_iter();
            for verdict in answers.iter_mut().filter_map(|answer| answer.verdict.as_mut().ok()) {
                *verdict = outcomes.next().unwrap_or(Outcome::Stored);
            }
        }
        // Only now: what is sent again is complained about once.
        for (at, name) in names {
            self.complain(source, sender, &name, &answers[at]);
        }
        Ok(answers)
    }

    fn complain(&self, source: &'static str, sender: &str, name: &str, answer: &Answered) {
        let note = |trouble, reason: &str, sample: &str| self.0.warnings.note(Note { trouble, source, name, sender, reason, sample });
        match &answer.verdict {
            Err(refusal) => note(refusal.trouble, &refusal.message(), &refusal.sample),
            // One that is known already was complained about when it came first.
            Ok(Outcome::Duplicate) => {}
            Ok(_) => answer.notes.iter().for_each(|trouble| note(*trouble, trouble.words(), "")),
        }
    }

    fn refuse_unknown_customers(&self, items: &mut [Item], new: &HashSet<CustomerId>) {
        let known = self.known();
        let is_there = |customer: &CustomerId| known.contains(customer) || new.contains(customer);
        for item in items {
            let is_unknown = matches!(&item.event, Ok(event) if event.customer.as_ref().is_some_and(|customer| !is_there(customer)));
            if is_unknown {
                item.event = Err(unknown_customer());
            }
        }
    }

    /// Looks up whom nobody has asked for yet, and returns those who exist.
    async fn learn(&self, customers: impl Iterator<Item = &'_ CustomerId>) -> Result<HashSet<CustomerId>> {
        let new: HashSet<&CustomerId> = {
            let known = self.known();
            let mut last = None;
            // Most requests are about one.
            let others = customers.filter(|customer| last.replace(*customer) != Some(*customer) && !known.contains(*customer));
            others.collect()
        };
        if new.is_empty() {
            return Ok(HashSet::new());
        }
        let new: Vec<CustomerId> = new.into_iter().cloned().collect();
        let found = customers::existing(&self.0.db, &new).await?;
        let mut known = self.known();
        if known.len() + found.len() <= REMEMBERED {
            known.extend(found.iter().cloned());
        }
        Ok(found.into_iter().collect())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<CustomerId>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
