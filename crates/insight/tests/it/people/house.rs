//! A house of a test's own, on one of the two databases, with a clock that the test moves.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use accounts::{
    Actor, Client, Currency, CustomerId, CustomerName, Email, MemberId, NewCustomer, NewMember, PersonName, Role, customers, members,
    sessions, signin_links,
};
use events::{Calendar, Day, EventId, EventName, Events, Identity, NewEvent, Source};
use insight::Insight;
use insight::plays::Plays;
use insight::segments::SiteKinds;
use kit::bus::Bus;
use kit::fetch::{Allowed, Guard};
use kit::mail::{MailConfig, MailSecurity, Mailer};
use kit::secrets::{InstanceKey, Secret};
use kit::testing::{TestDb, databases};
use kit::{Clock, Db, Result, Timestamp, sql};

/// 2026-01-14T10:30:00Z, day 20467.
pub const START: Timestamp = Timestamp(1_768_386_600_000);
const DAY: Duration = Duration::from_secs(86_400);

pub struct House {
    pub db: Db,
    pub clock: Clock,
    pub insight: Insight,
    pub events: Events,
    pub plays: Plays,
    pub key: InstanceKey,
    pub on: &'static str,
    pub kinds: Kinds,
    _guard: TestDb,
}

/// What another slice would say of customers' sites.
#[derive(Default)]
pub struct Kinds(pub Mutex<HashMap<CustomerId, Vec<String>>>);

impl SiteKinds for Kinds {
    async fn site_kinds(&self) -> Result<HashMap<CustomerId, Vec<String>>> {
        Ok(self.0.lock().unwrap().clone())
    }
}

pub async fn houses() -> Vec<House> {
    databases().await.into_iter().map(House::of).collect()
}

impl House {
    fn of(test: TestDb) -> House {
        let (db, clock, key, bus) = (test.db.clone(), Clock::manual(START), InstanceKey::ephemeral(), Bus::default());
        let mail = MailConfig {
            host: String::new(),
            port: 25,
            security: MailSecurity::None,
            username: String::new(),
            password: Secret::default(),
            from: "Innkeeper <innkeeper@example.test>".to_owned(),
        };
        let mailer = Mailer::new(&mail, db.clone(), clock.clone(), key.clone()).unwrap();
        let config = events::Config {
            time_zone: "UTC".to_owned(),
            keep_days: 3650,
            remember_ids_days: 7,
            waiting_mb: 64,
            import_mb: 1,
            features: 10,
            key_features: Vec::new(),
            remove_keys: Vec::new(),
        };
        let events = Events::open(events::Ingredients { db: db.clone(), clock: clock.clone(), bus: bus.clone(), config }).unwrap();
        let insight =
            Insight::open(insight::Ingredients { db: db.clone(), clock: clock.clone(), bus: bus.clone(), events: events.clone() });
        let plays = Plays::open(insight::plays::Ingredients {
            db: db.clone(),
            clock: clock.clone(),
            bus,
            key: key.clone(),
            mailer,
            outside: Guard::new(vec![Allowed::parse("127.0.0.1").unwrap()], &[], None),
            calendar: Calendar::parse("UTC").unwrap(),
            public_url: "https://innkeeper.test".to_owned(),
        });
        House { db, clock, insight, events, plays, key, on: test.name, kinds: Kinds::default(), _guard: test }
    }

    pub fn today(&self) -> Day {
        self.events.calendar().day(self.clock.now())
    }

    pub fn later(&self, days: u32) {
        self.clock.advance(DAY * days);
    }

    pub async fn customer(&self, name: &str) -> CustomerId {
        let new = NewCustomer { name: CustomerName::parse(name).unwrap(), currency: Currency::parse("EUR").unwrap() };
        customers::create(&self.db, &self.clock, &Actor::cli(), new).await.unwrap().id
    }

    /// A signed-in member with a role.
    pub async fn actor(&self, name: &str, role: Role) -> Actor {
        let email = Email::parse(&format!("{}@example.test", kit::id::random_base32(10))).unwrap();
        let new = NewMember { name: PersonName::parse(name).unwrap(), email, role, password: None };
        let id = members::add(&self.db, &self.clock, &Actor::cli(), new).await.unwrap();
        let client = Client::new([127, 0, 0, 1].into(), "test");
        let link = signin_links::create(&self.db, &self.clock, &Actor::cli(), &id).await.unwrap();
        let signed_in = signin_links::sign_in(&self.db, &self.clock, &client, link.reveal()).await.unwrap();
        sessions::authenticate(&self.db, &self.clock, &client, signed_in.token.reveal()).await.unwrap().unwrap()
    }

    /// Writes a row of the table of current scores, as the slice of health would.
    pub async fn health(&self, customer: &CustomerId, score: Option<f64>, falls_fast: bool) {
        let band = score.map(|score| insight::health::Band::of(score).as_str());
        self.db
            .execute(
                sql("insert into health_now (customer_id, day, version_no, score, band, coverage, is_new, change_7, falls_fast, factors, recent, computed_at)
                     values ($1, $2, 1, $3, $4, 0.5, false, -5.0, $5, '{\"login\":25.0,\"support\":null}', '[]', 1)
                     on conflict (customer_id) do update set score = excluded.score, band = excluded.band, falls_fast = excluded.falls_fast")
                .bind(customer)
                .bind(self.today().0)
                .bind(score)
                .bind(band)
                .bind(falls_fast),
            )
            .await
            .unwrap();
    }

    pub async fn count(&self, query: &'static str) -> i64 {
        self.db.one::<(i64,)>(sql(query)).await.unwrap().0
    }
}

pub fn member(actor: &Actor) -> &MemberId {
    actor.member_id().unwrap()
}

/// An event of a customer at noon of a day.
pub fn event(customer: &CustomerId, day: Day, name: &str, number: usize, props: &str) -> NewEvent {
    NewEvent {
        id: EventId::parse(&format!("{customer}-{}-{name}-{number}", day.0)).unwrap(),
        source: Source::parse("test").unwrap(),
        name: EventName::parse(name).unwrap(),
        person: None,
        customer: Some(customer.clone()),
        at: Timestamp(day.0 * 86_400_000 + 43_200_000),
        props: props.to_owned(),
        identity: Identity::None,
    }
}
