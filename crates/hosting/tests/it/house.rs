//! A hosting side of a test's own on each of the two databases, with people in it and a clock that the test moves. Asks nothing
//! of Docker: its jobs are never worked.

use std::net::Ipv4Addr;
use std::path::Path;

use accounts::customers::{self, NewCustomer};
use accounts::members::{self, NewMember};
use accounts::{Actor, Client, Currency, CustomerId, CustomerName, Email, PersonName, Role, sessions, signin_links};
use hosting::git::providers::ProviderKind;
use hosting::names::{Host, SiteName, Subdomain};
use hosting::sites::{self, NewSite, Site, SiteId, SiteState};
use hosting::templates::Kind;
use hosting::{BitbucketConfig, EdgeConfig, GithubConfig, Hosting, HostingConfig, Ingredients};
use kit::bus::Bus;
use kit::jobs::{Registry, Runner};
use kit::secrets::InstanceKey;
use kit::testing::{TestDb, databases, sqlite};
use kit::{Clock, Error, Result, Timestamp, sql};

use crate::samples;

/// One house; its database and folder are gone when it is dropped.
pub struct House {
    pub hosting: Hosting,
    pub test: TestDb,
    folder: tempfile::TempDir,
}

/// One house on each database.
pub async fn houses() -> Vec<House> {
    houses_with(|_| {}).await
}

/// One house on SQLite: for what has nothing to do with the database.
pub async fn small_house() -> House {
    House::of(sqlite().await, &|_| {}, samples::edge_config())
}

/// One house on each database, with other settings.
pub async fn houses_with(settings: impl Fn(&mut HostingConfig)) -> Vec<House> {
    databases().await.into_iter().map(|test| House::of(test, &settings, samples::edge_config())).collect()
}

/// One house on each database, whose edge tells its figures at `api_port`.
pub async fn houses_with_edge(api_port: u16) -> Vec<House> {
    let edge = || EdgeConfig { api_port, ..samples::edge_config() };
    databases().await.into_iter().map(|test| House::of(test, &|_| {}, edge())).collect()
}

/// One house on SQLite whose data folder is this one.
pub async fn house_in(data: &Path) -> House {
    House::at(kit::testing::sqlite().await, &|_| {}, samples::edge_config(), Some(data))
}

/// One house on SQLite with the real clock, for work with the real Docker; what it makes there carries `project`. With `data`, the
/// folder is that one, and it may be opened again by another process.
pub async fn real_house(project: &str, data: Option<&Path>, settings: impl Fn(&mut HostingConfig)) -> House {
    let (test, folder) = (sqlite().await, tempfile::tempdir().unwrap());
    let mut config = config();
    #[expect(clippy::disallowed_methods, reason = "the test environment names its cache")]
    let cache = std::env::var_os("INNKEEPER_HOSTING__IMAGE_CACHE");
    config.image_cache = cache.map(std::path::PathBuf::from).unwrap_or_default();
    settings(&mut config);
    let hosting = Hosting::open(Ingredients {
        db: test.db.clone(),
        clock: Clock::System,
        key: InstanceKey::ephemeral(),
        bus: Bus::default(),
        config,
        github: GithubConfig::default(),
        bitbucket: BitbucketConfig::default(),
        edge: EdgeConfig { project: project.to_owned(), ..samples::edge_config() },
        public_url: "https://panel.test".to_owned(),
        data: data.unwrap_or(folder.path()).to_owned(),
    })
    .unwrap();
    House { hosting, test, folder }
}

/// The settings of a small house.
pub fn config() -> HostingConfig {
    HostingConfig {
        base_domain: "sites.test".to_owned(),
        public_ip: String::new(),
        repositories: ProviderKind::Embedded,
        sites_per_customer: 50,
        parallel_operations: 6,
        parallel_deployments: 2,
        keep_releases: 5,
        drain_seconds: 2,
        watch_seconds: 0,
        webhook_allow_private: Vec::new(),
        build_minutes: 20,
        min_free_mb: 0,
        previews_per_site: 3,
        preview_days: 7,
        keep_archives_days: 7,
        reserved_subdomains: vec!["brand".to_owned()],
        network_pool: "10.215.0.0/16".to_owned(),
        prepare_templates: false,
        restart_pause_seconds: 300,
        image_cache: std::path::PathBuf::new(),
        push_limit_mb: 50,
        push_wait_minutes: 30,
        quota_database_mb: 0,
        quota_files_mb: 0,
        quota_requests_per_day: 0,
        quota_bandwidth_gb: 0,
    }
}

impl House {
    fn of(test: TestDb, settings: &impl Fn(&mut HostingConfig), edge: EdgeConfig) -> House {
        House::at(test, settings, edge, None)
    }

    fn at(test: TestDb, settings: &impl Fn(&mut HostingConfig), edge: EdgeConfig, data: Option<&Path>) -> House {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config();
        settings(&mut config);
        let hosting = Hosting::open(Ingredients {
            db: test.db.clone(),
            clock: Clock::manual(Timestamp(1_767_225_600_000)),
            key: InstanceKey::ephemeral(),
            bus: Bus::default(),
            config,
            edge,
            github: GithubConfig::default(),
            bitbucket: BitbucketConfig::default(),
            public_url: "https://panel.test".to_owned(),
            data: data.unwrap_or(folder.path()).to_owned(),
        })
        .unwrap();
        House { hosting, test, folder }
    }

    /// One house on SQLite whose new repositories are made at a provider.
    pub async fn with_providers(repositories: ProviderKind, github: GithubConfig, bitbucket: BitbucketConfig) -> House {
        let test = sqlite().await;
        let folder = tempfile::tempdir().unwrap();
        let hosting = Hosting::open(Ingredients {
            db: test.db.clone(),
            clock: Clock::manual(Timestamp(1_767_225_600_000)),
            key: InstanceKey::ephemeral(),
            bus: Bus::default(),
            config: HostingConfig { repositories, ..config() },
            edge: samples::edge_config(),
            github,
            bitbucket,
            public_url: "https://panel.test".to_owned(),
            data: folder.path().to_owned(),
        })
        .unwrap();
        House { hosting, test, folder }
    }

    /// The same house as a server finds it that was just started: same database and clock, nothing in memory.
    pub fn reopen(&self) -> Hosting {
        Hosting::open(Ingredients {
            db: self.hosting.db.clone(),
            clock: self.hosting.clock.clone(),
            key: InstanceKey::ephemeral(),
            bus: Bus::default(),
            config: self.hosting.config.clone(),
            edge: samples::edge_config(),
            github: GithubConfig::default(),
            bitbucket: BitbucketConfig::default(),
            public_url: self.hosting.public_url.clone(),
            data: self.folder.path().to_owned(),
        })
        .unwrap()
    }

    /// The same house after a restart: all that was in memory only is gone.
    pub fn restarted(&self) -> Hosting {
        let parts = &self.hosting;
        Hosting::open(Ingredients {
            db: parts.db.clone(),
            clock: parts.clock.clone(),
            key: parts.key.clone(),
            bus: Bus::default(),
            config: parts.config.clone(),
            edge: parts.edge.clone(),
            github: GithubConfig::default(),
            bitbucket: BitbucketConfig::default(),
            public_url: parts.public_url.clone(),
            data: parts.data().to_owned(),
        })
        .unwrap()
    }

    /// A customer and their owner, signed in.
    pub async fn customer(&self, name: &str) -> (CustomerId, Actor) {
        let (db, clock, cli) = (&self.hosting.db, &self.hosting.clock, Actor::cli());
        let new = NewCustomer { name: CustomerName::parse(name).unwrap(), currency: Currency::parse("EUR").unwrap() };
        let customer = customers::create(db, clock, &cli, new).await.unwrap().id;
        let new = NewMember {
            name: PersonName::parse("Olga Owner").unwrap(),
            email: Email::parse(&format!("olga@{name}.example")).unwrap(),
            role: Role::parse("owner", Some(customer.clone())).unwrap(),
            password: None,
        };
        let member = members::add(db, clock, &cli, new).await.unwrap();
        let link = signin_links::create(db, clock, &cli, &member).await.unwrap();
        let client = Client::new(Ipv4Addr::new(192, 0, 2, 1).into(), "test");
        let session = signin_links::sign_in(db, clock, &client, link.reveal()).await.unwrap();
        let actor = sessions::authenticate(db, clock, &client, session.token.reveal()).await.unwrap();
        (customer, actor.expect("just signed in"))
    }

    /// Asks for a site at `subdomain`.
    pub async fn create(&self, actor: &Actor, customer: &CustomerId, subdomain: &str) -> Result<Site> {
        sites::create(&self.hosting, actor, customer, &new_site("A site", subdomain)?).await
    }

    /// Ends what runs on a site, and puts the site into `state`, as if its operations had gone well.
    pub async fn settle(&self, site: &SiteId, state: SiteState) -> Site {
        let archived_at = (state == SiteState::Archived).then(|| self.hosting.clock.now());
        for statement in [
            sql("update site_operation set state = 'done', finished_at = 1 where site_id = $1 and state = 'running'").bind(site),
            sql("update site set state = $2, archived_at = $3 where id = $1").bind(site).bind(state).bind(archived_at),
        ] {
            self.hosting.db.execute(statement).await.unwrap();
        }
        sites::get_any(&self.hosting.db, site).await.unwrap()
    }

    /// Ends what runs on a site badly, as after the last try.
    pub async fn fail(&self, site: &SiteId, state: SiteState) {
        for statement in [
            sql("update site_operation set state = 'failed', error = 'it broke' where site_id = $1 and state = 'running'").bind(site),
            sql("update site set state = $2 where id = $1").bind(site).bind(state),
            sql("update job set state = 'dead'"),
        ] {
            self.hosting.db.execute(statement).await.unwrap();
        }
    }

    /// Works the jobs of `registry` until none is due.
    pub async fn work(&self, registry: Registry<Hosting>) {
        Runner::new(self.hosting.db.clone(), self.hosting.clock.clone(), self.hosting.clone(), registry, "test", 2)
            .run_until_idle()
            .await
            .unwrap();
    }

    /// `sqlite` or `postgres`, for messages.
    pub fn on(&self) -> &'static str {
        self.test.name
    }
}

/// What a person asks for.
pub fn new_site(name: &str, subdomain: &str) -> Result<NewSite> {
    Ok(NewSite {
        kind: Kind::Portfolio,
        name: SiteName::parse(name)?,
        subdomain: Some(Subdomain::parse(subdomain, &["brand".to_owned()])?),
        custom_domain: None,
    })
}

/// The same with a domain of the customer's own.
pub fn new_site_at(subdomain: &str, custom_domain: &str) -> Result<NewSite> {
    Ok(NewSite { custom_domain: Some(Host::parse(custom_domain)?), ..new_site("A site", subdomain)? })
}

/// The one field that an error complains about.
pub fn complaint<T: std::fmt::Debug>(outcome: Result<T>) -> (String, String) {
    match outcome {
        Err(Error::Invalid(fields)) if fields.len() == 1 => (fields[0].field.clone(), fields[0].message.clone()),
        other => panic!("no complaint about one field: {other:?}"),
    }
}
