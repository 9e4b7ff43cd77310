//! A house with events and scores, on a database of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use accounts::{Actor, Currency, CustomerId, CustomerName, NewCustomer, Scope, customers};
use events::{Day, EventId, EventName, Events, Identity, NewEvent, Source};
use insight::Insight;
use insight::health::DryRun;
use insight::health::runs::{self, Outcome, RunState};
use kit::bus::Bus;
use kit::testing::TestDb;
use kit::{Clock, Timestamp};
use serde_json::Value;

/// Noon of 2026-11-21 UTC.
pub const NOON: Timestamp = Timestamp(1_795_262_400_000);
const DAY_MS: i64 = 86_400_000;

pub struct House {
    pub test: TestDb,
    pub clock: Clock,
    pub events: Events,
    pub insight: Insight,
    made: AtomicU64,
}

impl House {
    pub fn on(test: TestDb) -> House {
        House::in_zone(test, "UTC")
    }

    pub fn in_zone(test: TestDb, time_zone: &str) -> House {
        let clock = Clock::manual(NOON);
        let config = events::Config {
            time_zone: time_zone.to_owned(),
            keep_days: 365,
            remember_ids_days: 7,
            waiting_mb: 64,
            import_mb: 1,
            features: 10,
            key_features: Vec::new(),
            remove_keys: Vec::new(),
        };
        let (db, bus) = (test.db.clone(), Bus::default());
        let ingredients = events::Ingredients { db: db.clone(), clock: clock.clone(), bus: bus.clone(), config };
        let events = Events::open(ingredients).unwrap();
        let insight = Insight::open(insight::Ingredients { db, clock: clock.clone(), bus, events: events.clone() });
        House { test, clock, events, insight, made: AtomicU64::new(0) }
    }

    pub fn scope(&self) -> Scope {
        Actor::cli().scope()
    }

    pub fn today(&self) -> Day {
        self.events.calendar().day(self.clock.now())
    }

    pub async fn customer(&self, name: &str) -> CustomerId {
        let new = NewCustomer { name: CustomerName::parse(name).unwrap(), currency: Currency::parse("EUR").unwrap() };
        let customer = customers::create(&self.test.db, &self.clock, &Actor::cli(), new).await.unwrap();
        self.clock.advance(Duration::from_millis(1));
        customer.id
    }

    /// An event of a customer, so many days ago at noon.
    pub fn event(&self, customer: &CustomerId, days_ago: i64, name: &str, props: Value) -> NewEvent {
        self.event_at(customer, Timestamp(NOON.0 - days_ago * DAY_MS), name, props)
    }

    pub fn event_at(&self, customer: &CustomerId, at: Timestamp, name: &str, props: Value) -> NewEvent {
        NewEvent {
            id: EventId::parse(&format!("e{}", self.made.fetch_add(1, Ordering::Relaxed))).unwrap(),
            source: Source::parse("test").unwrap(),
            name: EventName::parse(name).unwrap(),
            person: None,
            customer: Some(customer.clone()),
            at,
            props: props.to_string(),
            identity: Identity::None,
        }
    }

    pub async fn accept(&self, events: Vec<NewEvent>) {
        for batch in events.chunks(500) {
            self.events.accept(batch.to_vec()).await.unwrap();
        }
    }
}

/// Tries a model's draft, as its job does.
pub async fn try_draft(insight: &Insight, actor: &Actor, model: &str) -> DryRun {
    let id = runs::ask_dry_run(insight, actor, model).await.unwrap();
    assert_eq!(runs::get(insight, actor, &id).await.unwrap().state, RunState::Waiting);
    runs::perform(insight, &id).await.unwrap();
    match runs::get(insight, actor, &id).await.unwrap().outcome {
        Some(Outcome::DryRun(found)) => *found,
        other => panic!("{other:?}"),
    }
}
