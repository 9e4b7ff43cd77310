//! Routes as Traefik reads them: pure, from sites to files. Does no I/O; [`crate::proxy`] writes and confirms them.
//!
//! One file a site, so that a broken one cannot take the others with it. All names carry the site's prefix, because Traefik has
//! one name space for all of them. Priorities are explicit: by default the longer rule wins, and a rule with two hosts would
//! swallow `/api`.

pub mod settings;

use std::collections::BTreeMap;

use kit::{Context, Result};
use serde::Serialize;

use crate::compose::edge_alias;
use crate::config::EdgeConfig;
use crate::sites::{Site, SiteState};

/// Where the friendly page about a site that does not serve comes from.
pub const HOLDING_SERVICE: &str = "innkeeper-holding";

/// Services of a site that visitors reach; what Traefik counts is counted for them. The others are on the site's own network only.
pub const VISITED: &[&str] = &["www", "api", "alert"];

/// What visitors of a site get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The site's containers.
    Containers,
    /// The page that says why there is nothing yet.
    Holding(Reason),
}

/// Why a site does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is being made or restored.
    Starting,
    /// Its owner stopped it.
    Stopped,
}

impl Reason {
    fn path(self) -> &'static str {
        match self {
            Reason::Starting => "/starting",
            Reason::Stopped => "/stopped",
        }
    }
}

/// What the edge should do for a site in this state; `None` for no route at all.
pub fn wanted(state: SiteState) -> Option<Target> {
    match state {
        SiteState::Active => Some(Target::Containers),
        SiteState::Provisioning | SiteState::Restoring => Some(Target::Holding(Reason::Starting)),
        SiteState::Stopped | SiteState::Failed => Some(Target::Holding(Reason::Stopped)),
        SiteState::Deleting | SiteState::Archived => None,
    }
}

#[derive(Serialize)]
struct File {
    http: Http,
}

#[derive(Serialize)]
struct Http {
    routers: BTreeMap<String, Router>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    services: BTreeMap<String, Service>,
    middlewares: BTreeMap<String, Middleware>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Router {
    rule: String,
    entry_points: [&'static str; 1],
    service: String,
    priority: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    middlewares: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tls {
    cert_resolver: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    load_balancer: LoadBalancer,
}

#[derive(Serialize)]
struct LoadBalancer {
    servers: [Server; 1],
}

#[derive(Serialize)]
struct Server {
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Middleware {
    StripPrefix {
        prefixes: [&'static str; 1],
    },
    RedirectScheme {
        scheme: &'static str,
        permanent: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        port: Option<String>,
    },
    ReplacePath {
        path: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    Headers {
        #[serde(skip_serializing_if = "is_zero")]
        sts_seconds: u32,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        custom_response_headers: BTreeMap<&'static str, String>,
    },
    Errors {
        status: [&'static str; 1],
        service: String,
        query: &'static str,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A site's file name in Traefik's folder.
pub fn file_name(site: &Site) -> String {
    format!("{}.yaml", site.id)
}

/// Router whose service tells whether a switch has arrived.
pub fn main_router(site: &Site) -> String {
    format!("{}-www", site.prefix())
}

/// The service that [`main_router`] must point to for `target`.
pub fn main_service(site: &Site, target: Target) -> String {
    match target {
        Target::Containers => format!("{}-www", site.prefix()),
        Target::Holding(_) => HOLDING_SERVICE.to_owned(),
    }
}

/// Header by which an answer tells which release it came from. Set by the edge, so that it does not depend on what a customer's
/// own code sends.
pub const RELEASE_HEADER: &str = "X-Innkeeper-Release";

/// Where the main service's containers are, as Traefik must show it once a switch has arrived.
pub fn main_url(site: &Site) -> String {
    main_url_of(site, "www", 4200)
}

fn main_url_of(site: &Site, service: &str, port: u16) -> String {
    format!("http://{}:{port}", edge_alias(site, service))
}

/// Renders a site's routes.
pub fn render(site: &Site, target: Target, config: &EdgeConfig) -> Result<String> {
    let prefix = site.prefix();
    let host = format!("Host(`{}`)", site.domain);
    let named = |name: &str| format!("{prefix}-{name}");
    // Another number makes another configuration: that is what makes Traefik ask for a refused certificate again.
    let attempt = site.certificate_attempt % 50;
    let secure = |rule: String, service: String, priority: i64, middlewares: Vec<String>| Router {
        rule,
        entry_points: ["websecure"],
        service,
        priority: priority + attempt,
        middlewares,
        tls: Some(Tls { cert_resolver: "letsencrypt" }),
    };
    let mut routers = BTreeMap::new();
    let mut services = BTreeMap::new();
    let mut middlewares = BTreeMap::from([
        (
            named("headers"),
            Middleware::Headers {
                sts_seconds: config.hsts_seconds,
                custom_response_headers: match target {
                    Target::Containers => BTreeMap::from([(RELEASE_HEADER, site.release_id.to_string())]),
                    Target::Holding(_) => BTreeMap::new(),
                },
            },
        ),
        (
            named("https-redirect"),
            Middleware::RedirectScheme {
                scheme: "https",
                permanent: true,
                port: (config.https_port != 443).then(|| config.https_port.to_string()),
            },
        ),
    ]);
    routers.insert(
        named("www-http"),
        Router {
            rule: host.clone(),
            entry_points: ["web"],
            service: "noop@internal".to_owned(),
            priority: 10,
            middlewares: vec![named("https-redirect")],
            tls: None,
        },
    );
    match target {
        Target::Containers => {
            let server = |service: &str, port: u16| Service {
                load_balancer: LoadBalancer { servers: [Server { url: main_url_of(site, service, port) }] },
            };
            services.insert(named("www"), server("www", 4200));
            services.insert(named("api"), server("api", 80));
            services.insert(named("alert"), server("alert", 3001));
            middlewares.insert(named("api-stripprefix"), Middleware::StripPrefix { prefixes: ["/api"] });
            middlewares.insert(
                named("unavailable"),
                Middleware::Errors { status: ["502-504"], service: HOLDING_SERVICE.to_owned() + "@file", query: "/unavailable" },
            );
            let below = |path: &str| format!("{host} && (Path(`{path}`) || PathPrefix(`{path}/`))");
            routers.insert(named("api"), secure(below("/api"), named("api"), 3000, vec![named("headers"), named("api-stripprefix")]));
            routers.insert(named("alert"), secure(below("/socket.io"), named("alert"), 2000, vec![named("headers")]));
            routers.insert(named("www"), secure(host, named("www"), 1000, vec![named("headers"), named("unavailable")]));
        }
        Target::Holding(reason) => {
            middlewares.insert(named("holding"), Middleware::ReplacePath { path: reason.path() });
            routers.insert(named("www"), secure(host, format!("{HOLDING_SERVICE}@file"), 1000, vec![named("headers"), named("holding")]));
        }
    }
    // By way of JSON: written directly, an enum becomes a YAML tag, which Traefik does not read.
    let file = serde_json::to_value(File { http: Http { routers, services, middlewares } }).context("rendering routes")?;
    let text = serde_yaml_ng::to_string(&file).context("rendering routes")?;
    Ok(format!("# Written by Innkeeper for {}; changes are replaced.\n{text}", site.id))
}
