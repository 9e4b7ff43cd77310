//! The one typed configuration: defaults compiled in, a file, the environment, flags.
//!
//! `innkeeper.default.toml` holds every key with its comment; a key that is not there does not exist. A wrong key or
//! value is named together with where it stands and what is allowed. Secrets never print: see [`Config::display`].

mod grafana;
mod types;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::providers::{Env, Serialized};
use figment::{Figment, Profile, Provider};
use hosting::config::{BitbucketConfig, EdgeConfig, GithubConfig, HostingConfig, validate_providers};
use kit::log::LogConfig;
use kit::mail::MailConfig;
use kit::secrets::Secret;
use kit::{Error, FieldError, Result};
use serde::{Deserialize, Serialize};

pub use grafana::{GrafanaConfig, GrafanaUrl};
pub use types::{Network, PublicUrl};

/// Every setting with its default and a comment.
pub const DEFAULTS: &str = include_str!("../../../../innkeeper.default.toml");

/// Variables that begin with `INNKEEPER_` and are no settings: the command line's own and the test services'.
const NOT_CONFIGURATION: &[&str] = &[
    "CACHE",
    "CONFIG",
    "TEST_POSTGRES_URL",
    "TEST_SMTP",
    "TEST_MAIL_DIR",
    "TEST_ACME_DIRECTORY",
    "TEST_ACME_CA",
    "TEST_ACME_ROOT",
    "TEST_ACME_HTTP_PORT",
    "TEST_ACME_HTTPS_PORT",
    "RUN_DIR",
    "POSTGRES_PORT",
    "SMTP_PORT",
];

/// All settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens and how people reach it.
    pub server: ServerConfig,
    /// Where state is kept.
    pub database: DatabaseConfig,
    /// What is logged and how.
    pub log: LogConfig,
    /// How mail leaves.
    pub mail: MailConfig,
    /// Traefik: what visitors reach.
    pub edge: EdgeConfig,
    /// Where sites live and how many there may be.
    pub hosting: HostingConfig,
    /// What customers and people do: what is taken in, and for how long it is kept.
    pub events: events::Config,
    /// What is made of that, and who may see it.
    pub insight: insight::Config,
    /// Repositories at GitHub.
    pub github: GithubConfig,
    /// Repositories at Bitbucket Cloud.
    pub bitbucket: BitbucketConfig,
    /// Whose panels stand in site pages.
    pub grafana: GrafanaConfig,
}

/// Section `[server]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// How people reach it; begins every link.
    pub public_url: PublicUrl,
    /// The data folder.
    pub data: PathBuf,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Where customers find help: a mail address or a link. Empty shows none.
    pub support: String,
    /// Whether everyone may read how the house is, at `/status`.
    pub status_page: bool,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// Seconds after which a request is given up.
    pub request_timeout_s: u64,
    /// Seconds that running requests may take to finish when stopping.
    pub shutdown_timeout_s: u64,
    /// Lets another machine read `/metrics`.
    pub metrics_token: Secret,
}

impl ServerConfig {
    /// After this long a request is given up.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_s)
    }

    /// So long running requests may take to finish when stopping.
    pub fn shutdown_timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_timeout_s)
    }
}

/// Section `[database]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://…`, or empty for SQLite in the data folder.
    pub url: Secret,
    /// Connections to PostgreSQL at once.
    pub max_connections: usize,
}

impl Config {
    /// Reads the settings: defaults, `file`, the environment, then `flags` as pairs of `section.name` and value.
    pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Config> {
        let config: Config = kit::config::load(DEFAULTS, file, "INNKEEPER_", NOT_CONFIGURATION, Flags::of(flags))?;
        config.validate()?;
        Ok(config)
    }

    /// What is in effect, as TOML with secrets masked.
    pub fn display(&self) -> String {
        toml::to_string_pretty(self).expect("settings are plain data")
    }

    /// Checks what types alone cannot say; all complaints at once.
    fn validate(&self) -> Result<()> {
        let url = self.database.url.reveal();
        let complaints = [
            (
                "database.url",
                "must begin with postgres:// (or be empty for SQLite in the data folder)",
                url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://"),
            ),
            ("database.max_connections", "must be 2 to 500", (2..=500).contains(&self.database.max_connections)),
            ("server.data", "must name a folder", !self.server.data.as_os_str().is_empty()),
            ("server.support", "must be a mail address or begin with https:// (or be empty)", is_support(&self.server.support)),
            ("server.max_body_bytes", "must be 16384 to 104857600", (16_384..=104_857_600).contains(&self.server.max_body_bytes)),
            ("server.request_timeout_s", "must be 1 to 600 seconds", (1..=600).contains(&self.server.request_timeout_s)),
            ("server.shutdown_timeout_s", "must be 0 to 600 seconds", self.server.shutdown_timeout_s <= 600),
            (
                "server.metrics_token",
                "must be empty or at least 16 characters",
                self.server.metrics_token.is_empty() || self.server.metrics_token.reveal().len() >= 16,
            ),
        ];
        let mut wrong: Vec<FieldError> = complaints
            .into_iter()
            .filter(|(_, _, good)| !good)
            .map(|(field, message, _)| FieldError { field: field.to_owned(), message: message.to_owned() })
            .collect();
        let providers = validate_providers(self.hosting.repositories, &self.github, &self.bitbucket);
        for section in [self.edge.validate(), self.hosting.validate(), self.events.validate(), providers] {
            match section {
                Err(Error::Invalid(more)) => wrong.extend(more),
                other => other?,
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }
}

/// The last layer: `DATABASE_URL`, which many hosts set, and the flags.
struct Flags(Figment);

impl Flags {
    fn of(pairs: &[(&str, String)]) -> Flags {
        let mut layers = Figment::new();
        // Our own name for the same setting is more particular and wins.
        let ours = Env::prefixed("INNKEEPER_DATABASE__").only(&["url"]).iter().next().is_some();
        if !ours {
            layers = layers.merge(Env::raw().only(&["DATABASE_URL"]).map(|_| "database.url".into()));
        }
        for (name, value) in pairs {
            layers = layers.merge(Serialized::global(name, kit::config::value_of(value)));
        }
        Flags(layers)
    }
}

impl Provider for Flags {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named("flags or DATABASE_URL")
    }

    fn data(&self) -> figment::Result<figment::value::Map<Profile, figment::value::Dict>> {
        self.0.data()
    }
}

/// Anything else in a link could be a script.
fn is_support(text: &str) -> bool {
    let plain = !text.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    let is_mail = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) && !text.contains("://");
    plain && (text.is_empty() || text.starts_with("https://") || text.starts_with("http://") || is_mail)
}

#[cfg(test)]
mod tests;
