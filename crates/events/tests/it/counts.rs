//! What is counted is what a simple recount finds, in whatever order, batches and repetitions events arrive.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use accounts::CustomerId;
use events::rollups::{Counts, History, Invoice};
use events::{Calendar, Day, Identity, NewEvent, Outcome};
use kit::Timestamp;
use kit::testing::{TestDb, postgres, sqlite};
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use serde_json::json;

use crate::house::{DAY, House, NOON, With, event, person};

/// What a random event is made of.
#[derive(Debug, Clone)]
struct Drawn {
    id: u8,
    name: usize,
    /// Hours around noon.
    hours: i64,
    customer: usize,
    who: Option<u8>,
    value: u8,
}

const NAMES: [&str; 13] = [
    "login",
    "api_call",
    "feature_used",
    "ticket_opened",
    "ticket_closed",
    "build_succeeded",
    "build_failed",
    "deploy_succeeded",
    "deploy_failed",
    "rating",
    "my event",
    "invoice_issued",
    "$identify",
];

fn drawn() -> impl Strategy<Value = Drawn> {
    // Mostly of the last months; some of long ago with nothing in between, but not so old that they are dropped.
    let hours = prop_oneof![9 => -2000..200i64, 1 => -8_000..0i64];
    (any::<u8>(), 0..NAMES.len(), hours, 0..3usize, proptest::option::of(0..6u8), any::<u8>())
        .prop_map(|(id, name, hours, customer, who, value)| Drawn { id, name, hours, customer, who, value })
}

impl Drawn {
    fn event(&self, customers: &[&CustomerId; 2]) -> NewEvent {
        let name = NAMES[self.name];
        let props = match name {
            "api_call" => json!({ "count": self.value }),
            "feature_used" => json!({ "feature": format!("f{}", self.value % 4) }),
            "rating" => json!({ "rating": f64::from(self.value % 50) / 10.0 }),
            "invoice_issued" => {
                json!({ "invoice": format!("R-{}", self.id), "amount": self.value, "due_at": NOON.0 + i64::from(self.value) })
            }
            _ => json!({ "x": "y" }),
        };
        let mut event = event(&format!("id-{}", self.id), name, NOON.0 + self.hours * DAY / 24).props(&props.to_string());
        if let Some(who) = self.who {
            event = event.by(&format!("p{who}"));
        }
        if self.customer < 2 {
            event = event.of(customers[self.customer]);
        }
        if name == "$identify" {
            // Chains of names, and moves between customers.
            let other = format!("p{}", self.value % 6);
            let traits =
                if self.value > 128 { json!({ "customer_id": customers[usize::from(self.value) % 2].as_str() }) } else { json!({}) };
            event = event.saying(match self.value % 3 {
                0 => Identity::Alias { other },
                _ => person(traits, self.value.is_multiple_of(2).then_some(other.as_str())),
            });
        }
        event
    }
}

/// The oracle: goes through the events in the order of arrival and keeps everything in plain maps.
#[derive(Default)]
struct Oracle {
    seen: BTreeSet<String>,
    /// For each name, a token of the person; tokens are joined by rewriting them everywhere.
    tokens: HashMap<String, usize>,
    customer_of: HashMap<usize, usize>,
    /// What was counted, by customer or by token of the person.
    events: Vec<(Option<usize>, Option<usize>, NewEvent)>,
    next: usize,
}

impl Oracle {
    fn take(&mut self, event: &NewEvent, customers: &[&CustomerId; 2]) -> Outcome {
        if !self.seen.insert(event.id.as_str().to_owned()) {
            return Outcome::Duplicate;
        }
        let place = |id: &str| customers.iter().position(|customer| customer.as_str() == id);
        let customer = event.customer.as_ref().and_then(|id| place(id.as_str()));
        if let Some(name) = &event.person {
            let token = self.token(name);
            match &event.identity {
                Identity::Alias { other } => self.join(token, other),
                Identity::Person { set, anonymous, .. } => {
                    if let Some(other) = anonymous {
                        self.join(token, other);
                    }
                    if let Some(to) = set.get("customer_id").and_then(|id| place(id.as_str()?)) {
                        self.customer_of.insert(token, to);
                    }
                }
                _ => {}
            }
            self.events.push((customer, Some(token), event.clone()));
        } else {
            self.events.push((customer, None, event.clone()));
        }
        Outcome::Stored
    }

    fn token(&mut self, name: &str) -> usize {
        if let Some(token) = self.tokens.get(name) {
            return *token;
        }
        self.next += 1;
        self.tokens.insert(name.to_owned(), self.next);
        self.next
    }

    fn join(&mut self, token: usize, other: &str) {
        let Some(from) = self.tokens.get(other).copied() else {
            self.tokens.insert(other.to_owned(), token);
            return;
        };
        if from == token {
            return;
        }
        self.tokens.values_mut().filter(|it| **it == from).for_each(|it| *it = token);
        self.events.iter_mut().filter(|it| it.1 == Some(from)).for_each(|it| it.1 = Some(token));
        if let Some(customer) = self.customer_of.remove(&from) {
            self.customer_of.entry(token).or_insert(customer);
        }
    }

    fn history(&self, customer: usize, calendar: &Calendar) -> History {
        let mut history = History::default();
        let mut features: BTreeMap<String, BTreeSet<Day>> = BTreeMap::new();
        for (named, token, event) in &self.events {
            let whose = named.or_else(|| token.and_then(|token| self.customer_of.get(&token).copied()));
            if whose != Some(customer) {
                continue;
            }
            let day = calendar.day(event.at);
            let counts = history.days.entry(day).or_default();
            let props: serde_json::Value = serde_json::from_str(&event.props).unwrap();
            counts.events += 1;
            let actions = ["login", "feature_used", "ticket_opened", "rating", "my event"];
            counts.actions += i64::from(actions.contains(&event.name.as_str()));
            match event.name.as_str() {
                "login" => counts.logins += 1,
                "api_call" => counts.api_calls += props["count"].as_i64().unwrap().max(1),
                "feature_used" => {
                    features.entry(props["feature"].as_str().unwrap().to_owned()).or_default().insert(day);
                }
                "ticket_opened" => counts.tickets_opened += 1,
                "ticket_closed" => counts.tickets_closed += 1,
                "build_succeeded" => counts.builds_succeeded += 1,
                "build_failed" => counts.builds_failed += 1,
                "deploy_succeeded" => counts.deploys_succeeded += 1,
                "deploy_failed" => counts.deploys_failed += 1,
                "rating" => {
                    let rating = props["rating"].as_f64().unwrap();
                    if (1.0..=5.0).contains(&rating) {
                        counts.ratings += 1;
                        counts.rating_points += (rating - 1.0) * 25.0;
                    }
                }
                "invoice_issued" => history.invoices.push(Invoice {
                    invoice: props["invoice"].as_str().unwrap().to_owned(),
                    issued_at: Some(event.at),
                    due_at: Some(Timestamp(props["due_at"].as_i64().unwrap())),
                    paid_at: None,
                    amount: props["amount"].as_i64(),
                    currency: None,
                }),
                _ => {}
            }
        }
        history.features = features.into_iter().map(|(name, days)| (name, days.into_iter().collect())).collect();
        history
    }
}

type Comparable = (Vec<(Day, Counts)>, BTreeMap<String, Vec<Day>>, Vec<Invoice>);

/// For comparing: the order of invoices says nothing, sums of ratings are rounded.
fn comparable(mut history: History) -> Comparable {
    history.invoices.sort_by(|one, other| one.invoice.cmp(&other.invoice));
    for counts in history.days.values_mut() {
        counts.rating_points = (counts.rating_points * 1000.0).round() / 1000.0;
    }
    (history.days.into_iter().collect(), history.features, history.invoices)
}

async fn check(house: &mut House, drawn: Vec<(Drawn, u8)>) {
    let customers = [&house.ada.clone(), &house.bob.clone()];
    let mut oracle = Oracle::default();
    let mut batch = Vec::new();
    for (drawn, what) in drawn {
        batch.push(drawn.event(&customers));
        // The batch ends here; then perhaps something happens to the store.
        if what < 40 {
            let wanted: Vec<Outcome> = batch.iter().map(|event| oracle.take(event, &customers)).collect();
            assert_eq!(house.accept(std::mem::take(&mut batch)).await, wanted);
            match what {
                0..6 => house.events.sort_all().await.unwrap(),
                6..10 => house.reopen(),
                10..14 => {
                    house.clock.advance(std::time::Duration::from_secs(86_400));
                    house.events.tidy().await.map(|_| ()).unwrap();
                }
                _ => {}
            }
        }
    }
    let wanted: Vec<Outcome> = batch.iter().map(|event| oracle.take(event, &customers)).collect();
    assert_eq!(house.accept(batch).await, wanted);
    let stored = house.all().await;
    assert_eq!(stored.len(), oracle.events.len());
    let check = async |house: &House| {
        for (at, customer) in customers.iter().enumerate() {
            let wanted = oracle.history(at, house.events.calendar());
            assert_eq!(comparable(house.history(customer).await), comparable(wanted), "{}", house.test.name);
        }
    };
    check(house).await;
    // The same, counted anew from the raw events, sorted and not.
    house.events.recount().await.unwrap();
    check(house).await;
    house.events.sort_all().await.unwrap();
    house.events.recount().await.unwrap();
    check(house).await;
}

fn property(cases: u32, database: impl AsyncFn() -> TestDb) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Runs { cases, failure_persistence: None, ..Runs::default() });
    let strategy = proptest::collection::vec((drawn(), any::<u8>()), 1..150);
    runner
        .run(&strategy, |drawn| {
            runtime.block_on(async {
                let mut house = House::of(database().await).await;
                check(&mut house, drawn).await;
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn counts_are_a_recount_on_sqlite() {
    property(64, sqlite);
}

#[test]
fn counts_are_a_recount_on_postgres() {
    property(12, postgres);
}

#[tokio::test]
async fn another_time_zone_moves_events_to_their_other_days() {
    for mut house in House::both().await {
        // 23:30 UTC is the next day in Berlin.
        let late = NOON.0 + 11 * 3_600_000 + 1_800_000;
        house.accept(vec![event("1", "login", late).of(&house.ada), event("2", "login", NOON.0).of(&house.ada)]).await;
        let day = house.events.calendar().day(NOON);
        assert_eq!(house.history(&house.ada).await.days.into_keys().collect::<Vec<_>>(), [day, day.plus(1)]);
        let utc = events::Config { time_zone: "UTC".to_owned(), ..crate::house::config() };
        house.events = crate::house::open(&house.test.db, &house.clock, utc);
        house.events.tidy().await.unwrap();
        let days = house.history(&house.ada).await.days;
        assert_eq!(days.into_iter().map(|(day, counts)| (day, counts.logins)).collect::<Vec<_>>(), [(day, 2)]);
        house.accept(vec![event("3", "login", late).of(&house.ada)]).await;
        let days = house.history(&house.ada).await.days;
        assert_eq!(days.iter().map(|(day, counts)| (*day, counts.logins)).collect::<Vec<_>>(), [(day, 3)]);
    }
}
