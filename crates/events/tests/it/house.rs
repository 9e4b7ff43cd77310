//! A house with two customers.

use accounts::{CustomerId, Scope};
use events::{Config, Day, Event, EventId, EventName, Events, Filter, Identity, Ingredients, NewEvent, Outcome, Source};
use kit::bus::Bus;
use kit::testing::{TestDb, databases};
use kit::{Clock, Db, Timestamp, sql};

/// 2026-03-02 12:00 UTC.
pub const NOON: Timestamp = Timestamp(1_772_452_800_000);
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;

pub struct House {
    pub test: TestDb,
    pub clock: Clock,
    pub events: Events,
    pub ada: CustomerId,
    pub bob: CustomerId,
}

pub fn config() -> Config {
    Config {
        time_zone: "Europe/Berlin".to_owned(),
        keep_days: 400,
        remember_ids_days: 7,
        waiting_mb: 64,
        import_mb: 1,
        features: 10,
        key_features: Vec::new(),
        remove_keys: Vec::new(),
    }
}

pub fn open(db: &Db, clock: &Clock, config: Config) -> Events {
    Events::open(Ingredients { db: db.clone(), clock: clock.clone(), bus: Bus::default(), config }).unwrap()
}

pub async fn customer(db: &Db, name: &'static str) -> CustomerId {
    let id = CustomerId::random();
    db.execute(
        sql("insert into customer (id, name, name_folded, currency, created_at) values ($1, $2, lower($2), 'EUR', 1)").bind(&id).bind(name),
    )
    .await
    .unwrap();
    id
}

impl House {
    pub async fn of(test: TestDb) -> House {
        let clock = Clock::manual(NOON);
        let (ada, bob) = (customer(&test.db, "Ada").await, customer(&test.db, "Bob").await);
        House { events: open(&test.db, &clock, config()), test, clock, ada, bob }
    }

    /// One on each database.
    pub async fn both() -> Vec<House> {
        let mut houses = Vec::new();
        for test in databases().await {
            houses.push(House::of(test).await);
        }
        houses
    }

    /// The house after its process ended and was started again.
    pub fn reopen(&mut self) {
        self.events = open(&self.test.db, &self.clock, config());
    }

    pub async fn all(&self) -> Vec<Event> {
        self.list(&Filter::default()).await
    }

    pub async fn list(&self, filter: &Filter) -> Vec<Event> {
        self.events.list(&Scope::house_of_job(), filter, 100_000).await.unwrap()
    }

    pub async fn accept(&self, events: Vec<NewEvent>) -> Vec<Outcome> {
        self.events.accept(events).await.unwrap()
    }

    pub async fn history(&self, customer: &CustomerId) -> events::rollups::History {
        self.events.history(&Scope::house_of_job(), customer, Day(-100_000), Day(100_000)).await.unwrap()
    }
}

/// An event with this id, of nobody.
pub fn event(id: &str, name: &str, at: i64) -> NewEvent {
    NewEvent {
        id: EventId::parse(id).unwrap(),
        source: Source::parse("api").unwrap(),
        name: EventName::parse(name).unwrap(),
        person: None,
        customer: None,
        at: Timestamp(at),
        props: "{}".to_owned(),
        identity: Identity::None,
    }
}

pub trait With: Sized {
    fn of(self, customer: &CustomerId) -> Self;
    fn by(self, person: &str) -> Self;
    fn props(self, props: &str) -> Self;
    fn from(self, source: &str) -> Self;
    fn saying(self, identity: Identity) -> Self;
}

impl With for NewEvent {
    fn of(mut self, customer: &CustomerId) -> NewEvent {
        self.customer = Some(customer.clone());
        self
    }
    fn by(mut self, person: &str) -> NewEvent {
        self.person = Some(person.to_owned());
        self
    }
    fn props(mut self, props: &str) -> NewEvent {
        self.props = props.to_owned();
        self
    }
    fn from(mut self, source: &str) -> NewEvent {
        self.source = Source::parse(source).unwrap();
        self
    }
    fn saying(mut self, identity: Identity) -> NewEvent {
        self.identity = identity;
        self
    }
}

/// `identify` with these traits, and the name that the person had before.
pub fn person(traits: serde_json::Value, anonymous: Option<&str>) -> Identity {
    let serde_json::Value::Object(set) = traits else { panic!("traits are an object") };
    Identity::Person { set, set_once: serde_json::Map::new(), anonymous: anonymous.map(str::to_owned) }
}
