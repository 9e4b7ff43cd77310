//! `template.toml`: what services a template has and how they run. Ours, never the customer's.

use std::collections::BTreeMap;

use kit::{Error, Result};
use serde::{Deserialize, Serialize};

/// A template's manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Folder's name.
    pub kind: String,
    /// What the page that offers it calls it.
    pub title: String,
    /// One sentence about it.
    pub summary: String,
    /// Changes whenever a new site would come out differently.
    pub version: String,
    /// Its services by name.
    pub services: BTreeMap<String, Service>,
}

/// One service of a template.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// A ready image; a service without one is built from the folder of its name.
    pub image: Option<String>,
    /// Port that it listens on inside its container; none for a service that the edge does not reach.
    pub port: Option<u16>,
    /// `site-internal`, `traefik-public` or both.
    pub networks: Vec<String>,
    /// Further names on the site's own network; the bare service name is ambiguous where a service is on both networks.
    pub aliases: Vec<String>,
    /// Variables that it gets out of the site's environment: `NAME`, or `THEIRS=${OURS}`.
    pub environment: Vec<String>,
    /// Command that brings the database's schema up to a release before visitors are sent to it.
    pub release: Vec<String>,
    /// Whether its clients hold connections open for long (WebSockets): at a switch these get time to end.
    pub long_connections: bool,
    /// Health check: `["CMD", …]`.
    pub health: Vec<String>,
    /// Services that must be healthy before it starts.
    pub depends_on: Vec<String>,
    /// Upper limit of CPUs.
    pub cpus: String,
    /// Upper limit of memory.
    pub memory: String,
    /// CPUs that are set aside.
    pub reserved_cpus: String,
    /// Memory that is set aside.
    pub reserved_memory: String,
    /// Upper limit of processes.
    pub pids: u32,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// Folders in memory, `path` or `path:options`.
    pub tmpfs: Vec<String>,
    /// Capabilities that are given back after all were dropped.
    pub capabilities: Vec<String>,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// User it runs as; the image's own when absent.
    pub user: Option<String>,
}

/// A volume of a service; named `{customer}-{app}-{name}` with hyphens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// `db_data`, `storage`, ….
    pub name: String,
    /// Where it is mounted.
    pub path: String,
}

impl Manifest {
    /// Parses and checks a manifest.
    pub fn parse(text: &str) -> Result<Manifest> {
        let manifest: Manifest = toml::from_str(text).map_err(|error| Error::invalid("template.toml", error.to_string()))?;
        for (name, service) in &manifest.services {
            let complete = !service.networks.is_empty() && !service.memory.is_empty() && !service.cpus.is_empty() && service.pids > 0;
            if !complete {
                return Err(Error::invalid(format!("services.{name}"), "needs networks, cpus, memory and pids"));
            }
            if let Some(unknown) = service.depends_on.iter().find(|other| !manifest.services.contains_key(*other)) {
                return Err(Error::invalid(format!("services.{name}.depends_on"), format!("`{unknown}` is no service")));
            }
        }
        Ok(manifest)
    }

    /// Services that are built from the site's sources.
    pub fn built_services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().filter(|(_, service)| service.image.is_none()).map(|(name, _)| name.as_str())
    }
}
