//! Traefik as it runs: starts it, writes routes (temporary name, then rename), and confirms through its API that they arrived.

mod certificate;
mod look;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kit::exec::Command;
use kit::secrets::{Secret, random_alphanumeric, sha256_hex};
use kit::{Context, Error, Result};
use serde::Deserialize;
use tracing::info;

use crate::compose::PUBLIC_NETWORK;
use crate::config::EdgeConfig;
use crate::edge::{self, Target, settings};
use crate::files::{self, storage};
use crate::sites::Site;

pub use certificate::{Certificate, Served};
pub use look::{RouteFile, RouteTaken};

/// Image of the server of holding pages: also the base of every `www`.
const HOLDING_IMAGE: &str = "nginx:stable";
/// How long a route may take from the rename to Traefik's API.
const CONFIRM_LIMIT: Duration = Duration::from_secs(20);

/// The edge of one installation.
pub struct Proxy {
    config: EdgeConfig,
    folder: PathBuf,
    password: Secret,
    client: reqwest::Client,
    tls: OnceLock<Arc<rustls::ClientConfig>>,
    /// One writer of Traefik's folder at a time.
    write: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct RouterAnswer {
    status: String,
    service: String,
    #[serde(default)]
    error: Vec<String>,
    #[serde(default)]
    priority: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceAnswer {
    load_balancer: Option<LoadBalancerAnswer>,
}

#[derive(Deserialize)]
struct LoadBalancerAnswer {
    #[serde(default)]
    servers: Vec<ServerAnswer>,
}

#[derive(Deserialize)]
struct ServerAnswer {
    #[serde(default)]
    url: String,
}

impl Proxy {
    /// Prepares the folder `{data}/edge`; nothing is started yet.
    pub fn new(config: &EdgeConfig, folder: PathBuf) -> Result<Proxy> {
        for sub in ["dynamic", "certificates", "holding/pages/page"] {
            files::create_folder(&folder.join(sub))?;
        }
        let password = password_of(&folder)?;
        Ok(Proxy {
            config: config.clone(),
            folder,
            password,
            client: kit::fetch::internal_client()?,
            tls: OnceLock::new(),
            write: tokio::sync::Mutex::default(),
        })
    }

    /// Brings network, Traefik and the holding page up with the present settings. Quick when they are.
    pub async fn ensure_running(&self) -> Result<String> {
        let _one = self.write.lock().await;
        let static_file = settings::traefik(&self.config)?;
        let mut ingredients = format!("{static_file}{}", settings::HOLDING_NGINX);
        files::write(&self.folder.join("traefik.yaml"), &static_file, 0o644)?;
        files::write(&self.folder.join("dynamic/_innkeeper.yaml"), &settings::own_routes(&self.config, &self.password)?, 0o600)?;
        files::write(&self.folder.join("holding/nginx.conf"), settings::HOLDING_NGINX, 0o644)?;
        for (name, page) in settings::holding_pages() {
            files::write(&self.folder.join(format!("holding/pages/page/{name}.html")), &page, 0o644)?;
        }
        if !self.config.acme_ca.as_os_str().is_empty() {
            let ca = std::fs::read_to_string(&self.config.acme_ca).context("reading edge.acme_ca")?;
            files::write(&self.folder.join("acme-ca.pem"), &ca, 0o644)?;
        }
        let authority = self.authority()?;
        ingredients.push_str(&authority);
        self.forget_certificates_of_another(&authority)?;
        let folder = self.folder.canonicalize().context("finding the edge folder")?;
        let compose = settings::compose(&self.config, &folder.to_string_lossy(), HOLDING_IMAGE, &sha256_hex(ingredients)[..16])?;
        let compose_file = self.folder.join("docker-compose.yaml");
        // Written only after Compose has done it: a crash in between would otherwise leave the old settings running for good.
        let applied = self.folder.join("applied");
        let settings = sha256_hex(&compose);
        let unchanged = std::fs::read_to_string(&applied).is_ok_and(|last| last == settings);
        if unchanged && self.answers().await {
            return Ok("running".to_owned());
        }
        ensure_network().await?;
        files::write(&compose_file, &compose, 0o644)?;
        let up = Command::new("docker")
            .args(["compose", "--project-name", &self.config.project, "--file"])
            .arg(&compose_file)
            .args(["up", "--detach", "--no-build", "--pull", "never", "--remove-orphans"])
            .timeout(Duration::from_secs(120));
        up.run().await.map_err(|error| {
            let text = error.to_string();
            if text.contains("address already in use") || text.contains("port is already allocated") {
                let ports = format!("{}, {} or {}", self.config.http_port, self.config.https_port, self.config.api_port);
                Error::unavailable_because(
                    format!("a port of the edge ({ports}) is taken by another program; stop it, or set edge.http_port, edge.https_port, edge.api_port"),
                    error,
                )
            } else {
                error
            }
        })?;
        files::write(&self.folder.join("authority"), &authority, 0o644)?;
        files::write(&applied, &settings, 0o644)?;
        for _ in 0..100 {
            if self.answers().await {
                info!("the edge is up");
                return Ok("started".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(Error::unavailable("Traefik was started but does not answer; see `docker logs` of its container"))
    }

    /// Stops and removes the edge's containers: for tests and uninstalling.
    pub async fn remove(&self) -> Result<()> {
        Command::new("docker")
            .args(["compose", "--project-name", &self.config.project, "--file"])
            .arg(self.folder.join("docker-compose.yaml"))
            .args(["down", "--remove-orphans", "--timeout", "2"])
            .run()
            .await
            .map(|_| ())
    }

    /// Names the certificate authority in use by everything that the settings say of it.
    fn authority(&self) -> Result<String> {
        let mut text = self.config.acme_directory.clone();
        for (name, file) in [("edge.acme_ca", &self.config.acme_ca), ("edge.trusted_roots", &self.config.trusted_roots)] {
            if !file.as_os_str().is_empty() {
                text += &std::fs::read_to_string(file).context(format!("reading {name}"))?;
            }
        }
        Ok(sha256_hex(text))
    }

    /// Drops Traefik's account and certificates when they are another authority's: they could not be renewed, and those of a
    /// test authority are not trusted. Traefik is made anew afterwards, because the authority is part of its settings.
    fn forget_certificates_of_another(&self, authority: &str) -> Result<()> {
        let known = std::fs::read_to_string(self.folder.join("authority"));
        let store = self.folder.join("certificates/acme.json");
        if known.is_ok_and(|known| known != authority) && store.exists() {
            std::fs::remove_file(&store).map_err(|error| storage(&store, error))?;
        }
        Ok(())
    }

    /// Whether Traefik's API answers.
    pub async fn answers(&self) -> bool {
        let request = self.client.get(self.api("/api/overview")).basic_auth("innkeeper", Some(self.password.reveal()));
        matches!(request.send().await, Ok(answer) if answer.status().is_success())
    }

    /// Reads Traefik's figures, in Prometheus' text format, piece by piece: with many sites they are long.
    pub async fn metrics(&self, mut take: impl FnMut(&[u8])) -> Result<()> {
        let request = self.client.get(self.api("/metrics")).basic_auth("innkeeper", Some(self.password.reveal()));
        let unreadable = |error| Error::unavailable_because("the edge's figures cannot be read", error);
        let mut answer = request.send().await.and_then(reqwest::Response::error_for_status).map_err(unreadable)?;
        while let Some(piece) = answer.chunk().await.map_err(unreadable)? {
            take(&piece);
        }
        Ok(())
    }

    fn api(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.config.api_port)
    }

    /// Writes a site's routes and waits until Traefik's API shows them; an error when Traefik refuses them.
    pub async fn route(&self, site: &Site, target: Target) -> Result<()> {
        self.write_route(site, target).await?;
        self.confirm(site, target).await
    }

    /// Writes a site's routes if they differ; returns whether they did.
    pub async fn write_route(&self, site: &Site, target: Target) -> Result<bool> {
        let text = edge::render(site, target, &self.config)?;
        let path = self.folder.join("dynamic").join(edge::file_name(site));
        let _one = self.write.lock().await;
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(false);
        }
        files::write(&path, &text, 0o644)?;
        Ok(true)
    }

    /// Waits until Traefik serves what the site's file says.
    pub async fn confirm(&self, site: &Site, target: Target) -> Result<()> {
        let router = edge::main_router(site);
        let service = edge::main_service(site, target);
        let started = tokio::time::Instant::now();
        loop {
            let last = match self.router(&router).await {
                Ok(Some(found)) if found.status == "disabled" => {
                    return Err(Error::internal(format!("Traefik refuses router `{router}`: {}", found.error.join("; "))));
                }
                Ok(Some(found)) => {
                    let arrived =
                        found.service.trim_end_matches("@file") == service && found.priority == 1000 + site.certificate_attempt % 50;
                    if arrived && self.leads_to(site, target).await? {
                        return Ok(());
                    }
                    "Traefik still shows the old route".to_owned()
                }
                Ok(None) => "Traefik has not read the route yet".to_owned(),
                Err(error) => error.to_string(),
            };
            if started.elapsed() > CONFIRM_LIMIT {
                return Err(Error::unavailable(format!("the route was written but Traefik did not take it over: {last}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether the main service is at the containers of the release that is to serve; a page of ours is always where it was.
    async fn leads_to(&self, site: &Site, target: Target) -> Result<bool> {
        if target != Target::Containers {
            return Ok(true);
        }
        let name = edge::main_service(site, target);
        let answer = self
            .client
            .get(self.api(&format!("/api/http/services/{name}@file")))
            .basic_auth("innkeeper", Some(self.password.reveal()))
            .send()
            .await
            .map_err(|error| Error::unavailable_because("Traefik does not answer", error))?;
        if !answer.status().is_success() {
            return Ok(false);
        }
        let service: ServiceAnswer =
            answer.json().await.map_err(|error| Error::unavailable_because("Traefik's answer is not readable", error))?;
        let wanted = edge::main_url(site);
        Ok(service.load_balancer.is_some_and(|it| it.servers.iter().any(|server| server.url == wanted)))
    }

    async fn router(&self, name: &str) -> Result<Option<RouterAnswer>> {
        let answer = self
            .client
            .get(self.api(&format!("/api/http/routers/{name}@file")))
            .basic_auth("innkeeper", Some(self.password.reveal()))
            .send()
            .await
            .map_err(|error| Error::unavailable_because("Traefik does not answer", error))?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        answer.json().await.map(Some).map_err(|error| Error::unavailable_because("Traefik's answer is not readable", error))
    }

    /// Removes a site's routes and waits until Traefik has forgotten them.
    pub async fn remove_route(&self, site: &Site) -> Result<()> {
        let path = self.folder.join("dynamic").join(edge::file_name(site));
        {
            let _one = self.write.lock().await;
            match std::fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(storage(&path, error)),
            }
        }
        for _ in 0..100 {
            match self.router(&edge::main_router(site)).await {
                Ok(None) => return Ok(()),
                // With Traefik down there is no route either; it reads its folder anew when it comes back.
                Err(_) => return Ok(()),
                Ok(Some(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        Err(Error::unavailable("Traefik still serves the route of a removed site"))
    }

    /// Files of sites in Traefik's folder that none of `known` (file names) accounts for are removed; returns how many.
    pub async fn remove_strangers(&self, known: &[String]) -> Result<usize> {
        let _one = self.write.lock().await;
        let folder = self.folder.join("dynamic");
        let mut removed = 0;
        for entry in std::fs::read_dir(&folder).map_err(|error| storage(&folder, error))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(crate::sites::SiteId::PREFIX) && !known.contains(&name) {
                std::fs::remove_file(entry.path()).map_err(|error| storage(&entry.path(), error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// `https://{domain}`, with the port only where it is not 443.
    pub fn url(&self, domain: &crate::names::Host) -> String {
        match self.config.https_port {
            443 => format!("https://{domain}"),
            port => format!("https://{domain}:{port}"),
        }
    }
}

async fn ensure_network() -> Result<()> {
    let exists = Command::new("docker").args(["network", "inspect", PUBLIC_NETWORK]).run().await;
    if exists.is_ok() {
        return Ok(());
    }
    let made = Command::new("docker").args(["network", "create", "--label", "innkeeper.edge=shared", PUBLIC_NETWORK]).run().await;
    match made {
        Ok(_) => Ok(()),
        // Another installation was quicker.
        Err(error) if error.to_string().contains("already exists") => Ok(()),
        Err(error) => Err(error),
    }
}

fn password_of(folder: &Path) -> Result<Secret> {
    let path = folder.join("api-password");
    if let Ok(password) = std::fs::read_to_string(&path)
        && password.len() == 40
    {
        return Ok(Secret::new(password));
    }
    let password = random_alphanumeric(40);
    files::write(&path, &password, 0o600)?;
    Ok(Secret::new(password))
}
