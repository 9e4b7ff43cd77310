//! A house of a test's own, on one of the two databases, with a clock that the test moves. Asks nothing of Docker.

use std::time::Duration;

use accounts::{
    Actor, Client, Currency, CustomerId, CustomerName, Email, NewCustomer, NewMember, PersonName, Role, Standing, customers, members,
    sessions, signin_links,
};
use alerts::evaluate::{self, Looked};
use alerts::metrics::Metric;
use alerts::rules::{self, Condition, NewRule, Rule};
use alerts::{Alerts, Ingredients, SendAlert};
use events::{EventId, EventName, Events, Identity, NewEvent, Source};
use hosting::names::SiteName;
use hosting::sites::NewSite;
use hosting::templates::Kind;
use hosting::{BitbucketConfig, GithubConfig, Hosting, SiteId};
use insight::Insight;
use kit::bus::Bus;
use kit::fetch::{Allowed, Guard};
use kit::jobs::{Registry, Runner};
use kit::mail::{MailConfig, MailSecurity, Mailer};
use kit::secrets::{InstanceKey, Secret};
use kit::testing::{TestDb, databases};
use kit::{Clock, Db, Timestamp, sql};
use tokio_util::sync::CancellationToken;

/// 2026-01-14T10:30:00Z, a Wednesday.
pub const START: Timestamp = Timestamp(1_768_386_600_000);

pub struct House {
    pub db: Db,
    pub clock: Clock,
    pub alerts: Alerts,
    pub events: Events,
    pub insight: Insight,
    pub hosting: Hosting,
    pub bus: Bus,
    pub on: &'static str,
    _test: TestDb,
    _folder: tempfile::TempDir,
}

pub async fn houses() -> Vec<House> {
    databases().await.into_iter().map(House::of).collect()
}

impl House {
    fn of(test: TestDb) -> House {
        let folder = tempfile::tempdir().unwrap();
        let (db, clock, key, bus) = (test.db.clone(), Clock::manual(START), InstanceKey::ephemeral(), Bus::default());
        let settings: toml::Table = include_str!("../../../../innkeeper.default.toml").parse().unwrap();
        let mail = MailConfig {
            host: String::new(),
            port: 25,
            security: MailSecurity::None,
            username: String::new(),
            password: Secret::default(),
            from: "Innkeeper <innkeeper@example.test>".to_owned(),
        };
        let mailer = Mailer::new(&mail, db.clone(), clock.clone(), key.clone()).unwrap();
        let events = Events::open(events::Ingredients {
            db: db.clone(),
            clock: clock.clone(),
            bus: bus.clone(),
            config: settings["events"].clone().try_into().unwrap(),
        })
        .unwrap();
        let insight =
            Insight::open(insight::Ingredients { db: db.clone(), clock: clock.clone(), bus: bus.clone(), events: events.clone() });
        let hosting = Hosting::open(hosting::Ingredients {
            db: db.clone(),
            clock: clock.clone(),
            key: key.clone(),
            bus: bus.clone(),
            config: settings["hosting"].clone().try_into().unwrap(),
            edge: settings["edge"].clone().try_into().unwrap(),
            github: GithubConfig::default(),
            bitbucket: BitbucketConfig::default(),
            public_url: "https://panel.test".to_owned(),
            data: folder.path().to_owned(),
        })
        .unwrap();
        let alerts = Alerts::open(Ingredients {
            db: db.clone(),
            clock: clock.clone(),
            bus: bus.clone(),
            key,
            mailer,
            outside: Guard::new(vec![Allowed::parse("127.0.0.1").unwrap()], &[], None),
            insight: insight.clone(),
            events: events.clone(),
            data: folder.path().to_owned(),
            public_url: "https://panel.test/".to_owned(),
        });
        House { db, clock, alerts, events, insight, hosting, bus, on: test.name, _test: test, _folder: folder }
    }

    pub fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn customer(&self, name: &str) -> CustomerId {
        let new = NewCustomer { name: CustomerName::parse(name).unwrap(), currency: Currency::parse("EUR").unwrap() };
        let id = customers::create(&self.db, &self.clock, &Actor::cli(), new).await.unwrap().id;
        // A site needs somebody who can sign in on it.
        let owner = NewMember {
            name: PersonName::parse("Olga").unwrap(),
            email: Email::parse(&format!("{}@example.test", kit::id::random_base32(10))).unwrap(),
            role: Role::Customer { customer: id.clone(), standing: Standing::Owner },
            password: None,
        };
        members::add(&self.db, &self.clock, &Actor::cli(), owner).await.unwrap();
        id
    }

    pub async fn site(&self, customer: &CustomerId, name: &str) -> SiteId {
        let new = NewSite { kind: Kind::Portfolio, name: SiteName::parse(name).unwrap(), subdomain: None, custom_domain: None };
        hosting::sites::create(&self.hosting, &Actor::cli(), customer, &new).await.unwrap().id
    }

    /// A signed-in member with a role.
    pub async fn actor(&self, name: &str, role: Role) -> Actor {
        let email = Email::parse(&format!("{}@example.test", name.to_lowercase())).unwrap();
        let new = NewMember { name: PersonName::parse(name).unwrap(), email, role, password: None };
        let id = members::add(&self.db, &self.clock, &Actor::cli(), new).await.unwrap();
        let client = Client::new([127, 0, 0, 1].into(), "test");
        let link = signin_links::create(&self.db, &self.clock, &Actor::cli(), &id).await.unwrap();
        let signed_in = signin_links::sign_in(&self.db, &self.clock, &client, link.reveal()).await.unwrap();
        sessions::authenticate(&self.db, &self.clock, &client, signed_in.token.reveal()).await.unwrap().unwrap()
    }

    /// The rules that come with the house are not what a test is about.
    pub async fn without_rules(&self) {
        self.db.execute(sql("delete from alert_rule")).await.unwrap();
    }

    pub async fn rule(&self, new: NewRule) -> Rule {
        rules::create(&self.alerts, &Actor::cli(), &new).await.unwrap()
    }

    pub async fn look(&self) -> Looked {
        evaluate::look(&self.alerts).await.unwrap()
    }

    pub async fn incident(&self, site: &SiteId, service: &str) {
        let insert = "insert into incident (id, site_id, service, state, cause, started_at) values ($1, $2, $3, 'error', 'died', $4)";
        let id = format!("inc_{}", kit::id::time_ordered(self.clock.now()));
        self.db.execute(sql(insert).bind(id).bind(site).bind(service).bind(self.clock.now())).await.unwrap();
    }

    pub async fn recovered(&self, site: &SiteId) {
        let end = sql("update incident set ended_at = $2 where site_id = $1 and ended_at is null");
        self.db.execute(end.bind(site).bind(self.clock.now())).await.unwrap();
    }

    /// Events of a customer, now.
    pub async fn happens(&self, customer: &CustomerId, name: &str, times: usize) {
        self.happens_with(customer, name, times, "{}").await;
    }

    pub async fn happens_with(&self, customer: &CustomerId, name: &str, times: usize, props: &str) {
        let event = || NewEvent {
            id: EventId::parse(&kit::id::random_base32(20)).unwrap(),
            source: Source::parse("test").unwrap(),
            name: EventName::parse(name).unwrap(),
            person: None,
            customer: Some(customer.clone()),
            at: self.clock.now(),
            props: props.to_owned(),
            identity: Identity::None,
        };
        self.events.accept((0..times).map(|_| event()).collect()).await.unwrap();
    }

    pub async fn count(&self, query: &'static str) -> i64 {
        self.db.one::<(i64,)>(sql(query)).await.unwrap().0
    }

    /// Recipients and subjects of all mails, oldest first.
    pub async fn mails(&self) -> Vec<(String, String)> {
        self.db.all(sql("select recipient, subject from mail order by id")).await.unwrap()
    }

    /// Works until nothing is due any more.
    pub async fn work(&self) {
        let registry = Registry::default().job::<SendAlert>();
        let runner = Runner::new(self.db.clone(), self.clock.clone(), self.alerts.clone(), registry, "test", 2);
        let stop = CancellationToken::new();
        let running = tokio::spawn(runner.run(stop.clone()));
        for _ in 0..400 {
            let due = sql("select cast(count(*) as bigint) from job
                 where kind = 'alert.send' and (state = 'running' or (state = 'queued' and run_at <= $1))");
            if self.db.one::<(i64,)>(due.bind(self.clock.now())).await.unwrap().0 == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        stop.cancel();
        running.await.unwrap();
    }
}

/// Alerts at once and is over at once.
pub fn plain(name: &str, metric: Metric, condition: Condition) -> NewRule {
    NewRule { name: name.to_owned(), condition, keep_minutes: 0, wait_seconds: 0, ..NewRule::of(metric) }
}

pub const ANY: Condition = Condition::AtLeast { value: 1.0 };
