//! Hosting: sites, their containers, routes, repositories and archives.
//!
//! Pure deciding (`compose`, `edge`, `env_file`, `names`) is apart from thin doing (`runtime`, `proxy`, `git`), and `operations`
//! strings both together into steps that can be interrupted anywhere.

pub mod adopt;
pub mod archive;
pub mod compose;
pub mod config;
pub mod deployments;
pub mod doctor;
pub mod edge;
pub mod env_file;
pub mod environment;
mod files;
pub mod git;
pub mod happened;
pub mod images;
pub mod logs;
pub mod names;
pub mod notify;
pub mod operations;
pub mod previews;
pub mod probes;
pub mod proxy;
pub mod reconcile;
pub mod redact;
pub mod runtime;
pub mod sites;
pub mod templates;
pub mod usage;

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kit::bus::Bus;
use kit::secrets::InstanceKey;
use kit::{Clock, Db, Error, Result};

pub use config::{BitbucketConfig, EdgeConfig, GithubConfig, HostingConfig};
use git::providers::Providers;
use names::Host;
use proxy::Proxy;
use runtime::Runtime;
pub use sites::{Site, SiteId, SiteState};
use tokio::time::Instant;

/// What work on sites needs. Cheap to clone.
#[derive(Clone)]
pub struct Hosting(Arc<Parts>);

/// The parts of [`Hosting`].
pub struct Parts {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// Seals the sites' secrets.
    pub key: InstanceKey,
    /// Tells pages what changed.
    pub bus: Bus,
    /// Section `[hosting]`.
    pub config: HostingConfig,
    /// Section `[edge]`.
    pub edge: EdgeConfig,
    /// Where sites' repositories are.
    pub providers: Providers,
    /// Traefik.
    pub proxy: Proxy,
    /// Docker.
    pub runtime: Runtime,
    /// How every site was last seen.
    pub board: probes::Board,
    /// What every site takes of the machine.
    pub figures: usage::Figures,
    /// How many fetches and pushes go on at once.
    pub git_places: git::serve::Places,
    /// Sends requests to where customers say.
    pub outside: kit::fetch::Guard,
    /// Deliveries to webhooks that are on their way.
    pub(crate) deliveries: notify::Places,
    /// Rung when somebody cancelled a deployment.
    pub(crate) cancelled: tokio::sync::Notify,
    /// Where people reach Innkeeper itself; its host name is never a site's.
    pub public_url: String,
    data: PathBuf,
    /// One build per image at a time; further sites wait for it instead of building the same thing.
    builds: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Images that were asked for, and when: they are about to be used.
    pub(crate) asked_for: Mutex<HashMap<String, Instant>>,
    /// Control groups of the builds that this process is at.
    pub(crate) builds_at_work: Mutex<HashSet<String>>,
}

impl std::ops::Deref for Hosting {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What [`Hosting::open`] is made of.
pub struct Ingredients {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// Seals the sites' secrets.
    pub key: InstanceKey,
    /// Tells pages what changed.
    pub bus: Bus,
    /// Section `[hosting]`.
    pub config: HostingConfig,
    /// Section `[edge]`.
    pub edge: EdgeConfig,
    /// Section `[github]`.
    pub github: GithubConfig,
    /// Section `[bitbucket]`.
    pub bitbucket: BitbucketConfig,
    /// Where people reach Innkeeper itself.
    pub public_url: String,
    /// The data folder.
    pub data: PathBuf,
}

impl Hosting {
    /// Prepares the folders; starts nothing and asks nothing of Docker.
    pub fn open(ingredients: Ingredients) -> Result<Hosting> {
        let Ingredients { db, clock, key, bus, config, edge, github, bitbucket, public_url, data } = ingredients;
        config.validate()?;
        edge.validate()?;
        let providers = Providers::new(config.repositories, &github, &bitbucket)?;
        for folder in ["sites", "git", "edge", "backups/archives", "cache", "builds", "deployments"] {
            files::create_folder(&data.join(folder))?;
        }
        // Bind mounts and Compose need the full path.
        let data = data.canonicalize().map_err(|error| files::storage(&data, error))?;
        let proxy = Proxy::new(&edge, data.join("edge"))?;
        let runtime = Runtime::default();
        let roots = Some(edge.trusted_roots.clone()).filter(|path| !path.as_os_str().is_empty());
        let outside = kit::fetch::Guard::new(config.webhook_exceptions()?, &[edge.http_port, edge.https_port], roots);
        Ok(Hosting(Arc::new(Parts {
            db,
            clock,
            key,
            bus,
            config,
            edge,
            providers,
            proxy,
            runtime,
            board: probes::Board::default(),
            figures: usage::Figures::default(),
            git_places: git::serve::Places::default(),
            outside,
            deliveries: notify::Places::default(),
            cancelled: tokio::sync::Notify::new(),
            public_url,
            data,
            builds: Mutex::default(),
            asked_for: Mutex::default(),
            builds_at_work: Mutex::default(),
        })))
    }

    /// `{data}/sites/{customer}/{app}`.
    pub fn site_folder(&self, site: &Site) -> PathBuf {
        self.data.join("sites").join(site.customer_id.as_str()).join(site.id.as_str())
    }

    /// `{data}/git/{app}.git`; a preview has none of its own, but that of the site whose branch it shows.
    pub fn repository(&self, site: &Site) -> PathBuf {
        self.data.join("git").join(format!("{}.git", site.shown()))
    }

    /// `{data}/backups/archives/{app}`.
    pub fn archive_folder(&self, site: &Site) -> PathBuf {
        self.data.join("backups/archives").join(site.id.as_str())
    }

    /// Where base images are kept on disk.
    pub fn image_cache(&self) -> PathBuf {
        match &self.config.image_cache {
            path if path.as_os_str().is_empty() => self.data.join("cache/images"),
            path => path.clone(),
        }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where a customer clones a site's repository from.
    pub fn repository_url(&self, site: &Site) -> String {
        site.outside_url.clone().unwrap_or_else(|| self.embedded_url(site.shown()))
    }

    /// Where the embedded repository of a site is served.
    pub(crate) fn embedded_url(&self, site: &SiteId) -> String {
        format!("{}/git/{site}.git", self.public_url.trim_end_matches('/'))
    }

    /// The site's address for browsers.
    pub fn url(&self, site: &Site) -> String {
        self.proxy.url(&site.domain)
    }

    pub(crate) fn domain(&self, label: &str) -> Result<Host> {
        Host::parse(&format!("{label}.{}", self.config.base_domain))
    }

    /// The panel's own name and everything below the base domain cannot be claimed as a customer's own domain.
    pub(crate) fn refuse_own_domain(&self, domain: &Host) -> Result<()> {
        let panel = self.public_url.split("://").nth(1).and_then(|rest| rest.split([':', '/']).next()).unwrap_or_default();
        let base = self.config.base_domain.to_lowercase();
        let own = domain.as_str() == panel || domain.as_str() == base || domain.as_str().ends_with(&format!(".{base}"));
        if own {
            return Err(Error::invalid("custom_domain", "belongs to this server; enter a domain of your own"));
        }
        Ok(())
    }

    /// The site's own network: 16 addresses of the pool.
    pub(crate) fn subnet(&self, site: &Site) -> (Ipv4Addr, u8) {
        self.subnet_of(site.network_slot)
    }

    pub(crate) fn subnet_of(&self, slot: i64) -> (Ipv4Addr, u8) {
        let (base, _) = self.config.network_pool_base().expect("the pool was checked when this was opened");
        (Ipv4Addr::from(base + (u32::try_from(slot).unwrap_or(0) << 4)), 28)
    }

    /// The time between two restarts of a site by its people.
    pub(crate) fn pause(&self) -> Duration {
        Duration::from_secs(self.config.restart_pause_seconds.into())
    }

    /// How a site is, as last seen; asks nobody.
    pub fn health(&self, site: &Site) -> probes::SiteHealth {
        self.board.health(site)
    }

    /// Tells pages that a site changed.
    pub(crate) fn signal(&self, site: &Site) {
        let topic = format!("site:{}", site.id);
        self.bus.signal(topic.clone(), topic.clone());
        if let Some(parent) = &site.preview_of {
            self.bus.signal(format!("site:{parent}"), format!("previews:{parent}"));
        }
        self.bus.signal(format!("customer:{}", site.customer_id), "sites");
        self.bus.signal("operators", "sites");
    }

    pub(crate) fn build_lock(&self, tag: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
        builds.entry(tag.to_owned()).or_default().clone()
    }

    /// Forgets images that were asked for longer ago, and locks that nobody holds.
    pub(crate) fn forget_old_builds(&self, age: Duration) {
        self.asked_for.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, asked| asked.elapsed() < age);
        self.builds.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, lock| Arc::strong_count(lock) > 1);
    }
}

impl AsRef<Hosting> for Hosting {
    fn as_ref(&self) -> &Hosting {
        self
    }
}
