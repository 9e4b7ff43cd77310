//! A house of a test's own, on one of the two databases, with a clock that the test moves.

use std::time::Duration;

use accounts::{
    Actor, Client, Currency, Customer, CustomerId, CustomerName, Email, MemberId, NewCustomer, NewMember, Password, PersonName, Role,
    SignedIn, Standing, customers, members, sessions, signin_links,
};
use kit::mail::{MailConfig, MailSecurity, Mailer};
use kit::secrets::{InstanceKey, Secret};
use kit::testing::{TestDb, databases};
use kit::{Clock, Db, Error, Result, Timestamp, sql};

/// The password of everybody who has one.
pub const PASSWORD: &str = "correct horse battery";
pub const BASE: &str = "https://innkeeper.test";

#[derive(Clone)]
pub struct House {
    pub db: Db,
    pub clock: Clock,
    pub mailer: Mailer,
    pub key: InstanceKey,
    pub on: &'static str,
}

/// One house on each database; they live as long as the returned guards.
pub async fn houses() -> Vec<(House, TestDb)> {
    databases().await.into_iter().map(|test| (House::of(&test), test)).collect()
}

impl House {
    fn of(test: &TestDb) -> House {
        let (db, clock, key) = (test.db.clone(), Clock::manual(Timestamp(1_767_225_600_000)), InstanceKey::ephemeral());
        let config = MailConfig {
            host: String::new(),
            port: 25,
            security: MailSecurity::None,
            username: String::new(),
            password: Secret::default(),
            from: "Innkeeper <innkeeper@example.test>".to_owned(),
        };
        let mailer = Mailer::new(&config, db.clone(), clock.clone(), key.clone()).unwrap();
        House { db, clock, mailer, key, on: test.name }
    }

    pub async fn customer(&self, name: &str) -> Customer {
        let new = NewCustomer { name: CustomerName::parse(name).unwrap(), currency: Currency::parse("EUR").unwrap() };
        let made = customers::create(&self.db, &self.clock, &Actor::cli(), new).await.unwrap();
        self.later(1);
        made
    }

    /// A member without a password.
    pub async fn member(&self, email: &str, role: Role) -> MemberId {
        self.add(email, role, None).await.unwrap()
    }

    pub async fn member_with_password(&self, email: &str, role: Role) -> MemberId {
        self.add(email, role, Some(password(PASSWORD))).await.unwrap()
    }

    pub async fn add(&self, email: &str, role: Role, password: Option<Password>) -> Result<MemberId> {
        let new = NewMember { name: person("Ada"), email: Email::parse(email).unwrap(), role, password };
        members::add(&self.db, &self.clock, &Actor::cli(), new).await
    }

    /// The member, signed in by a one-time link.
    pub async fn actor(&self, member: &MemberId) -> Actor {
        let signed_in = self.session(member).await;
        self.authenticate(&signed_in).await.expect("just signed in")
    }

    pub async fn session(&self, member: &MemberId) -> SignedIn {
        let link = signin_links::create(&self.db, &self.clock, &Actor::cli(), member).await.unwrap();
        signin_links::sign_in(&self.db, &self.clock, &client(), link.reveal()).await.unwrap()
    }

    pub async fn authenticate(&self, signed_in: &SignedIn) -> Option<Actor> {
        sessions::authenticate(&self.db, &self.clock, &client(), signed_in.token.reveal()).await.unwrap()
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Result<SignedIn> {
        self.sign_in_from("192.0.2.1", email, password).await
    }

    pub async fn sign_in_from(&self, ip: &str, email: &str, password: &str) -> Result<SignedIn> {
        sessions::sign_in(&self.db, &self.clock, &client_at(ip), email, &Secret::new(password)).await
    }

    pub async fn admin(&self) -> Actor {
        let id = self.member("admin@example.test", Role::Admin).await;
        self.actor(&id).await
    }

    pub async fn concierge(&self) -> Actor {
        let id = self.member("concierge@example.test", Role::Concierge).await;
        self.actor(&id).await
    }

    /// An owner and a plain member of a customer.
    pub async fn people(&self, customer: &Customer, domain: &str) -> (Actor, Actor) {
        let owner = self.member(&format!("owner@{domain}"), owner_of(&customer.id)).await;
        let member = self.member(&format!("member@{domain}"), member_of(&customer.id)).await;
        (self.actor(&owner).await, self.actor(&member).await)
    }

    pub fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The text part of the newest mail to an address.
    pub async fn mail_to(&self, email: &str) -> Option<String> {
        let found: Option<(String,)> =
            self.db.optional(sql("select body from mail where recipient = $1 order by id desc limit 1").bind(email)).await.unwrap();
        let body = self.key.open("mail.body", &found?.0).unwrap();
        let body: serde_json::Value = serde_json::from_str(body.reveal()).unwrap();
        Some(body["text"].as_str().unwrap().to_owned())
    }

    pub async fn count(&self, query: &'static str) -> i64 {
        self.db.one::<(i64,)>(sql(query)).await.unwrap().0
    }
}

pub fn owner_of(customer: &CustomerId) -> Role {
    Role::Customer { customer: customer.clone(), standing: Standing::Owner }
}

pub fn member_of(customer: &CustomerId) -> Role {
    Role::Customer { customer: customer.clone(), standing: Standing::Member }
}

pub fn client() -> Client {
    client_at("192.0.2.1")
}

pub fn client_at(ip: &str) -> Client {
    Client::new(ip.parse().unwrap(), "Firefox")
}

pub fn person(name: &str) -> PersonName {
    PersonName::parse(name).unwrap()
}

pub fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

pub fn password(text: &str) -> Password {
    Password::parse(&Secret::new(text)).unwrap()
}

/// What a link in a mail ends with.
pub fn token_in(text: &str, path: &str) -> String {
    let from = text.find(path).expect("the link is there") + path.len();
    text[from..].chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// The kind of an error, for tables of refusals.
pub fn kind<T>(outcome: &Result<T>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(Error::NotFound(_)) => "not found",
        Err(Error::Invalid(_)) => "invalid",
        Err(Error::Forbidden(_)) => "forbidden",
        Err(Error::Conflict(_)) => "conflict",
        Err(Error::Throttled { .. }) => "throttled",
        Err(Error::Unavailable { .. }) => "unavailable",
        Err(Error::Internal(_)) => "internal",
    }
}
