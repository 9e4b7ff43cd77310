//! Sections `[hosting]` and `[edge]` of the configuration.

use std::net::IpAddr;
use std::path::PathBuf;

use kit::fetch::Allowed;
use kit::{Error, FieldError, Result};
use serde::{Deserialize, Serialize};

use crate::git::providers::ProviderKind;
pub use crate::git::providers::settings::{BitbucketConfig, GithubConfig, validate as validate_providers};

/// Section `[hosting]`: where sites live and how many there may be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostingConfig {
    /// Sites get `{subdomain}.{base_domain}`.
    pub base_domain: String,
    /// The address that DNS records point to; shown to customers. Empty shows none.
    pub public_ip: String,
    /// Where the repositories of new sites are made: `embedded`, `github` or `bitbucket`.
    pub repositories: ProviderKind,
    /// Sites that one customer may have, archived ones not counted.
    pub sites_per_customer: u32,
    /// Operations on different sites that run at once.
    pub parallel_operations: usize,
    /// Deployments of different sites that run at once; further ones wait for their turn.
    pub parallel_deployments: u32,
    /// Releases of a site that can be gone back to, the one that serves counted.
    pub keep_releases: u32,
    /// After a switch, connections to the old release may stay open for so many seconds.
    pub drain_seconds: u32,
    /// A new release is watched for so many seconds and taken back when it does worse than the one before; 0 for never.
    pub watch_seconds: u32,
    /// Hosts and networks that webhooks may be sent to although they are not public, such as `10.0.0.0/8` or `hooks.lan`.
    pub webhook_allow_private: Vec<String>,
    /// Building the image of one service may take so many minutes.
    pub build_minutes: u32,
    /// A deployment is refused when fewer MB than this are free on a disk that it writes to; 0 for never.
    pub min_free_mb: u32,
    /// Previews of branches that a site may have at once; 0 for none.
    pub previews_per_site: u32,
    /// A preview is removed so many days after the last push to its branch; 0 for never.
    pub preview_days: u32,
    /// A deleted site can be restored for this many days.
    pub keep_archives_days: u32,
    /// Further subdomains that nobody may take.
    pub reserved_subdomains: Vec<String>,
    /// Networks of sites are cut from this IPv4 network, 16 addresses each. Docker's own pools end at about 30 networks.
    pub network_pool: String,
    /// Whether to build the templates' images ahead, so that a new site does not wait for them.
    pub prepare_templates: bool,
    /// A site can be restarted by its people once in so many seconds.
    pub restart_pause_seconds: u32,
    /// Folder for base images made on this machine; empty means `{data}/cache/images`.
    pub image_cache: PathBuf,
    /// One push may send so many MB.
    pub push_limit_mb: u32,
    /// A push shows its deployment for so many minutes at most; the deployment goes on after that.
    pub push_wait_minutes: u32,
    /// A site's database should stay below so many MB; shown as a bar, 0 for no limit.
    pub quota_database_mb: u32,
    /// A site's files should stay below so many MB; shown as a bar, 0 for no limit.
    pub quota_files_mb: u32,
    /// A site should have at most so many requests a day; shown as a bar, 0 for no limit.
    pub quota_requests_per_day: u32,
    /// A site should send at most so many GB a month; shown as a bar, 0 for no limit.
    pub quota_bandwidth_gb: u32,
}

/// Section `[edge]`: Traefik, the only thing on this host that visitors reach.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeConfig {
    /// Name of the Compose project that Traefik runs in; two Innkeepers on one host need two names.
    pub project: String,
    /// Address that visitors connect to.
    pub address: IpAddr,
    /// Port for HTTP: redirects, and the ACME challenge.
    pub http_port: u16,
    /// Port for HTTPS.
    pub https_port: u16,
    /// Port of Traefik's API and metrics, on 127.0.0.1 only.
    pub api_port: u16,
    /// Contact that the certificate authority gets; empty for none.
    pub acme_email: String,
    /// Directory of the ACME server.
    pub acme_directory: String,
    /// PEM file with the root that signed the ACME server's own certificate; empty for a public one.
    pub acme_ca: PathBuf,
    /// PEM file with the root that signs the sites' certificates; empty for a public one.
    pub trusted_roots: PathBuf,
    /// Browsers are told to insist on HTTPS for this many seconds; 0 leaves it out.
    pub hsts_seconds: u32,
    /// Image of Traefik.
    pub image: String,
}

impl HostingConfig {
    /// Checks what the types do not say.
    pub fn validate(&self) -> Result<()> {
        let mut wrong = Vec::new();
        if crate::names::Host::parse(&self.base_domain).is_err() {
            wrong.push(field("hosting.base_domain", "must be a domain name such as sites.example.com"));
        }
        if self.network_pool_base().is_none() {
            wrong.push(field("hosting.network_pool", "must be an IPv4 network from /8 to /24, such as 10.213.0.0/16"));
        }
        if !(1..=64).contains(&self.parallel_operations) {
            wrong.push(field("hosting.parallel_operations", "must be from 1 to 64"));
        }
        if !(1..=64).contains(&self.parallel_deployments) {
            wrong.push(field("hosting.parallel_deployments", "must be from 1 to 64"));
        }
        if !(1..=50).contains(&self.keep_releases) {
            wrong.push(field("hosting.keep_releases", "must be from 1 to 50"));
        }
        if !(1..=10_000).contains(&self.push_limit_mb) {
            wrong.push(field("hosting.push_limit_mb", "must be from 1 to 10000"));
        }
        if self.push_wait_minutes > 240 {
            wrong.push(field("hosting.push_wait_minutes", "must be at most 240"));
        }
        if !(1..=240).contains(&self.build_minutes) {
            wrong.push(field("hosting.build_minutes", "must be from 1 to 240"));
        }
        if self.previews_per_site > 50 {
            wrong.push(field("hosting.previews_per_site", "must be at most 50"));
        }
        if self.preview_days > 3650 {
            wrong.push(field("hosting.preview_days", "must be at most 3650"));
        }
        for (name, seconds) in [("hosting.drain_seconds", self.drain_seconds), ("hosting.watch_seconds", self.watch_seconds)] {
            if seconds > 3600 {
                wrong.push(field(name, "must be at most 3600"));
            }
        }
        if self.webhook_exceptions().is_err() {
            let message = "must hold networks such as 10.0.0.0/8, addresses or host names";
            wrong.push(field("hosting.webhook_allow_private", message));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    /// What is allowed to webhooks beyond the public Internet.
    pub(crate) fn webhook_exceptions(&self) -> Result<Vec<Allowed>> {
        let wrong =
            |text: &String| Error::invalid("hosting.webhook_allow_private", format!("`{text}` is no network, address or host name"));
        self.webhook_allow_private.iter().map(|text| Allowed::parse(text).ok_or_else(|| wrong(text))).collect()
    }

    /// The pool's first address and how many site networks fit into it.
    pub(crate) fn network_pool_base(&self) -> Option<(u32, u32)> {
        let (address, bits) = self.network_pool.split_once('/')?;
        let address: std::net::Ipv4Addr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok().filter(|bits| (8..=24).contains(bits))?;
        let base = u32::from(address);
        (base.trailing_zeros() >= 32 - bits || base == 0).then_some((base, 1 << (28 - bits)))
    }
}

impl EdgeConfig {
    /// Checks what the types do not say.
    pub fn validate(&self) -> Result<()> {
        let mut wrong = Vec::new();
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !plain(&self.project) {
            wrong.push(field("edge.project", "must be lower-case letters, digits and hyphens"));
        }
        if !(self.acme_directory.starts_with("https://") || self.acme_directory.starts_with("http://")) {
            wrong.push(field("edge.acme_directory", "must be the address of an ACME directory"));
        }
        for (name, path) in [("edge.acme_ca", &self.acme_ca), ("edge.trusted_roots", &self.trusted_roots)] {
            if !path.as_os_str().is_empty() && !path.is_file() {
                wrong.push(field(name, &format!("the file {} does not exist", path.display())));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }
}

fn field(name: &str, message: &str) -> FieldError {
    FieldError { field: name.to_owned(), message: message.to_owned() }
}
