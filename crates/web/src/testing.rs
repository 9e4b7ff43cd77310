//! A running Innkeeper over a test database, and people to look at it with.
//!
//! It listens on a port of its own, so that tests go the way that browsers go. Docker is not needed: nothing is asked of
//! it before a site is made.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use accounts::{
    Actor, Client, Currency, CustomerId, CustomerName, Email, How, MemberId, NewCustomer, NewMember, NewToken, Password, PersonName, Role,
    Standing, TokenScope, TokenScopes, customers, members, sessions, signin_links, tokens,
};
use kit::bus::Bus;
use kit::id::random_base32;
use kit::mail::Mailer;
use kit::secrets::{InstanceKey, Secret};
use kit::testing::{TestDb, sqlite};
use kit::{Clock, Timestamp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Parts};
use crate::config::{Config, PublicUrl};
use crate::session::cookie_name;

/// The password of every member that [`TestApp::member`] makes.
pub const PASSWORD: &str = "violet otter paints a bridge";
/// When a test begins: 2026-01-14T10:30:00Z.
pub const START: Timestamp = Timestamp(1_768_386_600_000);

/// A running Innkeeper. Stops when it is dropped.
pub struct TestApp {
    /// What it runs on.
    pub app: App,
    /// Where it listens.
    pub address: SocketAddr,
    client: reqwest::Client,
    stop: CancellationToken,
    _db: TestDb,
    _folder: tempfile::TempDir,
}

/// A person with a session.
#[derive(Debug, Clone)]
pub struct TestMember {
    /// Their id.
    pub id: MemberId,
    /// Their address.
    pub email: String,
    /// `name=token`, for the header `Cookie`.
    pub cookie: String,
    /// What they are.
    pub role: Role,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Reply {
    /// A header's text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text))
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl TestApp {
    /// Starts one on SQLite.
    pub async fn start() -> TestApp {
        TestApp::start_on(sqlite().await, |_| {}).await
    }

    /// Starts one on this database, with changed settings.
    pub async fn start_on(db: TestDb, change: impl FnOnce(&mut Config)) -> TestApp {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let mut config = Config::load(None, &[]).expect("the defaults are valid");
        config.server.data = folder.path().to_owned();
        // A port at which nobody listens: no test asks a real authority anything.
        config.edge.acme_directory = "http://127.0.0.1:9/directory".to_owned();
        config.server.public_url = PublicUrl::parse(&format!("http://{address}")).expect("an address makes a URL");
        change(&mut config);

        let clock = Clock::manual(START);
        let (key, bus) = (InstanceKey::ephemeral(), Bus::default());
        let mailer = Mailer::new(&config.mail, db.db.clone(), clock.clone(), key.clone()).expect("the mail settings are valid");
        let hosting = hosting::Hosting::open(hosting::Ingredients {
            db: db.db.clone(),
            clock: clock.clone(),
            key: key.clone(),
            bus: bus.clone(),
            config: config.hosting.clone(),
            edge: config.edge.clone(),
            github: config.github.clone(),
            bitbucket: config.bitbucket.clone(),
            public_url: config.server.public_url.origin().to_owned(),
            data: folder.path().to_owned(),
        })
        .expect("hosting opens without Docker");
        let events = events::Events::open(events::Ingredients {
            db: db.db.clone(),
            clock: clock.clone(),
            bus: bus.clone(),
            config: config.events.clone(),
        })
        .expect("the default settings of events are right");
        let imports = events::Imports::open(events::imports::Ingredients {
            db: db.db.clone(),
            clock: clock.clone(),
            bus: bus.clone(),
            events: events.clone(),
            folder: folder.path().join("imports"),
        });
        let insight = insight::Insight::open(insight::Ingredients {
            db: db.db.clone(),
            clock: clock.clone(),
            bus: bus.clone(),
            events: events.clone(),
        });
        let plays = insight::plays::Plays::open(insight::plays::Ingredients {
            db: db.db.clone(),
            clock: clock.clone(),
            bus: bus.clone(),
            key: key.clone(),
            mailer: mailer.clone(),
            outside: hosting.outside.clone(),
            calendar: events.calendar().clone(),
            public_url: config.server.public_url.origin().to_owned(),
        });
        let alerts = alerts::Alerts::open(alerts::Ingredients {
            db: db.db.clone(),
            clock: clock.clone(),
            bus: bus.clone(),
            key: key.clone(),
            mailer: mailer.clone(),
            outside: hosting.outside.clone(),
            insight: insight.clone(),
            events: events.clone(),
            data: folder.path().to_owned(),
            public_url: config.server.public_url.origin().to_owned(),
        });
        let started_at = clock.now();
        let parts = Parts {
            config,
            db: db.db.clone(),
            clock: clock.clone(),
            key,
            bus,
            mailer,
            hosting,
            events,
            imports,
            insight,
            plays,
            alerts,
            started_at,
        };
        let app = App::new(parts);

        let stop = CancellationToken::new();
        tokio::spawn(crate::serve(app.clone(), listener, stop.clone()));
        kit::fetch::install_tls();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client");
        TestApp { app, address, client, stop, _db: db, _folder: folder }
    }

    /// Stops it the graceful way.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Makes a customer.
    pub async fn customer(&self, name: &str) -> CustomerId {
        let new = NewCustomer { name: CustomerName::parse(name).expect("a name"), currency: Currency::parse("EUR").expect("a currency") };
        customers::create(&self.app.db, &self.app.clock, &Actor::cli(), new).await.expect("the command line may create").id
    }

    /// Makes an owner of a customer.
    pub async fn owner(&self, customer: &CustomerId) -> TestMember {
        self.member(Role::Customer { customer: customer.clone(), standing: Standing::Owner }).await
    }

    /// Makes an owner of a customer who has no password.
    pub async fn owner_without_password(&self, customer: &CustomerId) -> TestMember {
        self.passwordless(Role::Customer { customer: customer.clone(), standing: Standing::Owner }).await
    }

    /// Makes a member who signs in with [`PASSWORD`], and signs them in.
    pub async fn member(&self, role: Role) -> TestMember {
        let password = Password::parse(&Secret::new(PASSWORD)).expect("a good password");
        self.add(role, Some(password)).await
    }

    /// Makes a member who has no password, and signs them in: hashing one takes longer than all the rest.
    pub async fn passwordless(&self, role: Role) -> TestMember {
        self.add(role, None).await
    }

    async fn add(&self, role: Role, password: Option<Password>) -> TestMember {
        let email = format!("{}@example.test", random_base32(10));
        let new = NewMember {
            name: PersonName::parse("Ada Lovelace").expect("a name"),
            email: Email::parse(&email).expect("an address"),
            role: role.clone(),
            password,
        };
        let (db, clock) = (&self.app.db, &self.app.clock);
        let id = members::add(db, clock, &Actor::cli(), new).await.expect("the command line may add");
        let cookie = self.sign_in_again(&id).await;
        TestMember { id, email, cookie, role }
    }

    /// A further session of a member.
    pub async fn sign_in_again(&self, id: &MemberId) -> String {
        let (db, clock) = (&self.app.db, &self.app.clock);
        let link = signin_links::create(db, clock, &Actor::cli(), id).await.expect("the command line makes links");
        let signed_in = signin_links::sign_in(db, clock, &local(), link.reveal()).await.expect("a fresh link signs in");
        format!("{}={}", cookie_name(&self.app), signed_in.token.reveal())
    }

    /// The member as the slices see them.
    pub async fn actor(&self, member: &TestMember) -> Actor {
        let token = member.cookie.split_once('=').map_or("", |(_, token)| token);
        let found = sessions::authenticate(&self.app.db, &self.app.clock, &local(), token).await.expect("the database answers");
        let actor = found.expect("the member is signed in");
        assert!(matches!(actor.how(), How::Session(_)));
        actor
    }

    /// Makes an API token of a member, with scopes separated by spaces.
    pub async fn token(&self, member: &TestMember, scopes: &str) -> String {
        let actor = self.actor(member).await;
        let new = NewToken {
            name: accounts::Label::parse("test").expect("a label"),
            scopes: TokenScopes::parse(scopes).expect("scopes"),
            expires_at: None,
            limits: accounts::SendingLimits::default(),
        };
        let made = tokens::create(&self.app.db, &self.app.clock, &actor, &member.id, new).await.expect("members make tokens");
        made.secret.reveal().to_owned()
    }

    /// Makes an API token with one scope; `None` when the member has no use for it.
    pub async fn token_of(&self, member: &TestMember, scope: TokenScope) -> Option<String> {
        match member.role.has_use_for(scope) {
            true => Some(self.token(member, scope.as_str()).await),
            false => None,
        }
    }

    /// Begins a request.
    pub fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        Ask { request, _app: self }
    }

    /// Begins a `GET`.
    pub fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    /// Begins a `POST`.
    pub fn post(&self, path: &str) -> Ask<'_> {
        self.ask(Method::POST, path)
    }
}

fn local() -> Client {
    Client::new(IpAddr::from(Ipv4Addr::LOCALHOST), "test")
}

/// A request that is being put together.
pub struct Ask<'a> {
    request: reqwest::RequestBuilder,
    _app: &'a TestApp,
}

impl Ask<'_> {
    /// As a member, from one of our own pages.
    #[must_use]
    pub fn by(self, member: &TestMember) -> Self {
        self.header("cookie", &member.cookie).header("sec-fetch-site", "same-origin")
    }

    /// With an API token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.request = self.request.header(HeaderName::from_static(name), value);
        self
    }

    /// With the fields of a form.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = serde_urlencoded::to_string(fields).expect("pairs");
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, value: &serde_json::Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    /// Sends it and reads the answer.
    pub async fn send(self) -> Reply {
        let response = self.request.send().await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.expect("the answer has an end");
        Reply { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}
