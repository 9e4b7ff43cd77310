//! Routes as Traefik reads them: pure, from sites to files. Does no I/O; [`crate::proxy`] writes and confirms them.
//!
//! One file a site, so that a broken one cannot take the others with it. All names carry the site's prefix, because Traefik has
//! one name space for all of them. Priorities are explicit: by default the longer rule wins, and a rule with two hosts would
//! swallow `/api`.

pub mod settings;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kit::{Context, Error, Result};
use serde::Serialize;
use sha1::{Digest, Sha1};

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
    #[serde(rename_all = "camelCase")]
    BasicAuth {
        users: [String; 1],
        realm: &'static str,
        remove_header: bool,
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

/// The name to sign in with at the door of a preview.
pub const PREVIEW_USER: &str = "preview";

/// The hash of a preview's password, as Traefik reads it. The password is random, of 119 bits: no slow hash is needed to keep it from
/// being guessed, and one would cost the edge a tenth of a second for each picture of each page.
pub fn preview_login(password: &str) -> String {
    format!("{{SHA}}{}", STANDARD.encode(Sha1::digest(password.as_bytes())))
}

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
    // First the headers, so that a refusal carries them too; then whoever has no business here is refused.
    let mut first = vec![named("headers")];
    let door = door(site)?;
    first.extend(door.iter().map(|_| named("sign-in")));
    let secure = |rule: String, service: String, priority: i64, middlewares: &[String]| Router {
        rule,
        entry_points: ["websecure"],
        service,
        priority: priority + attempt,
        middlewares: [first.as_slice(), middlewares].concat(),
        tls: Some(Tls { cert_resolver: "letsencrypt" }),
    };
    let mut routers = BTreeMap::new();
    let mut services = BTreeMap::new();
    let mut middlewares = BTreeMap::from([
        (
            named("headers"),
            Middleware::Headers { sts_seconds: config.hsts_seconds, custom_response_headers: response_headers(site, target) },
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
    if let Some(door) = door {
        middlewares.insert(named("sign-in"), door);
    }
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
            routers.insert(named("api"), secure(below("/api"), named("api"), 3000, &[named("api-stripprefix")]));
            routers.insert(named("alert"), secure(below("/socket.io"), named("alert"), 2000, &[]));
            routers.insert(named("www"), secure(host, named("www"), 1000, &[named("unavailable")]));
        }
        Target::Holding(reason) => {
            middlewares.insert(named("holding"), Middleware::ReplacePath { path: reason.path() });
            routers.insert(named("www"), secure(host, format!("{HOLDING_SERVICE}@file"), 1000, &[named("holding")]));
        }
    }
    // By way of JSON: written directly, an enum becomes a YAML tag, which Traefik does not read.
    let file = serde_json::to_value(File { http: Http { routers, services, middlewares } }).context("rendering routes")?;
    let text = serde_yaml_ng::to_string(&file).context("rendering routes")?;
    Ok(format!("# Written by Innkeeper for {}; changes are replaced.\n{text}", site.id))
}

fn response_headers(site: &Site, target: Target) -> BTreeMap<&'static str, String> {
    let mut headers = BTreeMap::new();
    if target == Target::Containers {
        headers.insert(RELEASE_HEADER, site.release_id.to_string());
    }
    if site.is_preview() {
        headers.insert("X-Robots-Tag", "noindex".to_owned());
    }
    headers
}

/// What stands before every answer of a preview. A preview without a password gets no route at all.
fn door(site: &Site) -> Result<Option<Middleware>> {
    if !site.is_preview() {
        return Ok(None);
    }
    let login = site.preview_login.as_deref().filter(|login| login.starts_with("{SHA}") && login.len() > 5);
    let login = login.ok_or_else(|| Error::internal("a preview has no password, so it gets no route"))?;
    Ok(Some(Middleware::BasicAuth {
        users: [format!("{PREVIEW_USER}:{login}")],
        realm: "Preview",
        // What the site's own code needs not know.
        remove_header: true,
    }))
}
