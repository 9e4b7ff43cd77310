//! `docker-compose.yaml` of a site: pure, from the template's manifest and typed values. Does no I/O.
//!
//! The file works by hand (`docker compose up -d` in the site's folder). Nothing a customer typed is in it: their values come
//! from `.env` by name, and are interpolated by Compose as scalars after parsing.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use kit::{Context, Result};
use serde::Serialize;

use crate::sites::Site;
use crate::templates::{Manifest, Service};

/// The network that Traefik shares with what it serves.
pub const PUBLIC_NETWORK: &str = "traefik-public";
/// Label of everything that belongs to a site; its value is the site's id.
pub const SITE_LABEL: &str = "innkeeper.site";
/// Label with the service's name.
pub const SERVICE_LABEL: &str = "innkeeper.service";
/// Label with the name of the installation (`edge.project`): several on one host leave each other's things alone.
pub const INSTANCE_LABEL: &str = "innkeeper.instance";
/// Label with the customer's id.
pub const CUSTOMER_LABEL: &str = "innkeeper.customer";
/// Label with the release that a container belongs to. What is not built, as the database, belongs to none.
pub const RELEASE_LABEL: &str = "innkeeper.release";
/// Compose's own label of a container that runs one command: `True`.
pub const ONE_OFF_LABEL: &str = "com.docker.compose.oneoff";

#[derive(Serialize)]
struct File {
    name: String,
    services: BTreeMap<String, ComposeService>,
    networks: BTreeMap<&'static str, Network>,
    volumes: BTreeMap<String, NamedVolume>,
}

#[derive(Serialize)]
struct ComposeService {
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<Build>,
    restart: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    depends_on: BTreeMap<String, Condition>,
    networks: BTreeMap<String, Attachment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<HealthCheck>,
    deploy: Deploy,
    cap_drop: [&'static str; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cap_add: Vec<String>,
    security_opt: [&'static str; 1],
    read_only: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tmpfs: Vec<String>,
    init: bool,
    logging: Logging,
    labels: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Build {
    context: String,
}

#[derive(Serialize)]
struct Condition {
    condition: &'static str,
}

#[derive(Serialize)]
struct Attachment {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
}

#[derive(Serialize)]
struct HealthCheck {
    test: Vec<String>,
    interval: &'static str,
    timeout: &'static str,
    retries: u32,
    start_period: &'static str,
}

#[derive(Serialize)]
struct Deploy {
    resources: Resources,
}

#[derive(Serialize)]
struct Resources {
    limits: Limits,
    reservations: Reservations,
}

#[derive(Serialize)]
struct Limits {
    cpus: String,
    memory: String,
    pids: u32,
}

#[derive(Serialize)]
struct Reservations {
    #[serde(skip_serializing_if = "String::is_empty")]
    cpus: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    memory: String,
}

#[derive(Serialize)]
struct Logging {
    driver: &'static str,
    options: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
struct Network {
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipam: Option<Ipam>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Ipam {
    config: [Subnet; 1],
}

#[derive(Serialize)]
struct Subnet {
    subnet: String,
}

#[derive(Serialize)]
struct NamedVolume {
    name: String,
    driver: &'static str,
    labels: BTreeMap<&'static str, String>,
}

/// The name of a volume: `{customer}-{app}-db-data` for `db_data`.
pub fn volume_name(site: &Site, volume: &str) -> String {
    format!("{}-{}", site.prefix(), volume.replace('_', "-"))
}

/// The name of the site's own network.
pub fn network_name(site: &Site) -> String {
    format!("{}-network", site.prefix())
}

/// What a site's file depends on beside the site and its template.
#[derive(Debug)]
pub struct Placement<'a> {
    /// The image of each service that is built.
    pub images: &'a BTreeMap<String, String>,
    /// The site's own network.
    pub subnet: (Ipv4Addr, u8),
    /// Name of the installation.
    pub instance: &'a str,
    /// Names of the site's own variables, which every built service gets. Checked: letters, digits and `_`.
    pub variables: &'a [&'a str],
}

/// The name by which the edge reaches a service of one release: it never means another one, whatever containers are called.
pub fn edge_alias(site: &Site, service: &str) -> String {
    format!("{}-{service}-{}", site.id, site.release_id)
}

/// The variable that tells services where another one of their own release is: `API_INTERNAL_HOST` for `api-internal`.
fn host_variable(alias: &str) -> String {
    format!("{}_HOST", alias.to_uppercase().replace('-', "_"))
}

fn alias_of_release(site: &Site, alias: &str) -> String {
    format!("{alias}-{}", site.release_id)
}

/// Renders the file.
pub fn render(site: &Site, manifest: &Manifest, placement: &Placement<'_>) -> Result<String> {
    let labels = || {
        BTreeMap::from([
            (SITE_LABEL, site.id.to_string()),
            (CUSTOMER_LABEL, site.customer_id.to_string()),
            (INSTANCE_LABEL, placement.instance.to_owned()),
        ])
    };
    let mut volumes = BTreeMap::new();
    for volume in manifest.services.values().flat_map(|service| &service.volumes) {
        let named = NamedVolume { name: volume_name(site, &volume.name), driver: "local", labels: labels() };
        volumes.insert(volume.name.clone(), named);
    }
    let services = manifest
        .services
        .iter()
        .map(|(name, service)| (name.clone(), render_service(site, manifest, name, service, placement, labels())))
        .collect();
    let network = Network {
        external: None,
        name: Some(network_name(site)),
        driver: Some("bridge"),
        ipam: Some(Ipam { config: [Subnet { subnet: format!("{}/{}", placement.subnet.0, placement.subnet.1) }] }),
        labels: labels(),
    };
    let public = Network { external: Some(true), name: None, driver: None, ipam: None, labels: BTreeMap::new() };
    let file =
        File { name: site.prefix(), services, networks: BTreeMap::from([(PUBLIC_NETWORK, public), ("site-internal", network)]), volumes };
    let yaml = serde_yaml_ng::to_string(&file).context("rendering docker-compose.yaml")?;
    Ok(format!(
        "# Written by Innkeeper from the template `{}` {}. Runs by hand too: docker compose up -d\n{yaml}",
        manifest.kind, manifest.version
    ))
}

fn render_service(
    site: &Site,
    manifest: &Manifest,
    name: &str,
    service: &Service,
    placement: &Placement<'_>,
    mut labels: BTreeMap<&'static str, String>,
) -> ComposeService {
    labels.insert(SERVICE_LABEL, name.to_owned());
    let is_built = service.image.is_none();
    if is_built {
        labels.insert(RELEASE_LABEL, site.release_id.to_string());
    }
    let mut environment: BTreeMap<String, String> = service
        .environment
        .iter()
        .map(|entry| match entry.split_once('=') {
            Some((theirs, value)) => (theirs.to_owned(), value.to_owned()),
            None => (entry.clone(), format!("${{{entry}}}")),
        })
        .collect();
    if is_built {
        environment.extend(placement.variables.iter().map(|name| ((*name).to_owned(), format!("${{{name}}}"))));
        // While two releases run side by side, each talks to its own.
        let aliases = manifest.services.values().filter(|other| other.image.is_none()).flat_map(|other| &other.aliases);
        environment.extend(aliases.map(|alias| (host_variable(alias), alias_of_release(site, alias))));
    }
    let networks = service
        .networks
        .iter()
        .map(|network| {
            let aliases = match network == PUBLIC_NETWORK {
                true => vec![edge_alias(site, name)],
                false => {
                    let of_release = service.aliases.iter().filter(|_| is_built).map(|alias| alias_of_release(site, alias));
                    service.aliases.iter().cloned().chain(of_release).collect()
                }
            };
            (network.clone(), Attachment { aliases })
        })
        .collect();
    let healthcheck = (!service.health.is_empty()).then(|| HealthCheck {
        // Compose replaces `$NAME`; what is meant for the container's shell is doubled.
        test: service.health.iter().map(|word| word.replace('$', "$$")).collect(),
        // Each check is a process in the container: 20 a second, of five sites checked every second, kept two cores busy.
        interval: "60s",
        timeout: "5s",
        retries: 3,
        start_period: "30s",
    });
    ComposeService {
        image: service.image.clone().or_else(|| placement.images.get(name).cloned()).unwrap_or_default(),
        build: service.image.is_none().then(|| Build { context: format!("./{name}") }),
        restart: "unless-stopped",
        user: service.user.clone(),
        environment,
        depends_on: service.depends_on.iter().map(|it| (it.clone(), Condition { condition: "service_healthy" })).collect(),
        networks,
        volumes: service.volumes.iter().map(|volume| format!("{}:{}", volume.name, volume.path)).collect(),
        healthcheck,
        deploy: Deploy {
            resources: Resources {
                limits: Limits { cpus: service.cpus.clone(), memory: service.memory.clone(), pids: service.pids },
                reservations: Reservations { cpus: service.reserved_cpus.clone(), memory: service.reserved_memory.clone() },
            },
        },
        cap_drop: ["ALL"],
        cap_add: service.capabilities.clone(),
        security_opt: ["no-new-privileges:true"],
        read_only: service.read_only,
        tmpfs: service.tmpfs.clone(),
        init: true,
        logging: Logging { driver: "json-file", options: BTreeMap::from([("max-size", "10m"), ("max-file", "3")]) },
        labels,
    }
}
