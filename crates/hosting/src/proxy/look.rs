//! Looks at the edge without touching it: for the examination.

use std::net::SocketAddr;
use std::time::Duration;

use kit::{Error, Result, Timestamp};
use reqwest::header;
use serde::Deserialize;
use tokio::net::TcpStream;

use super::Proxy;
use crate::edge::{self, Target};
use crate::sites::Site;

/// How long a port of this host may take to accept a connection.
const KNOCK: Duration = Duration::from_secs(2);

/// A site's route in Traefik's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteFile {
    /// There is none.
    Missing,
    /// It says what it should.
    Right,
    /// It says something else.
    Different,
}

/// A site's route as Traefik has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteTaken {
    /// It knows none.
    Unknown,
    /// It does not accept it; why.
    Refused(String),
    /// It leads elsewhere.
    Elsewhere,
    /// It leads where it should.
    Right,
}

#[derive(Deserialize)]
struct VersionAnswer {
    #[serde(rename = "Version")]
    version: String,
}

impl Proxy {
    /// Traefik's container.
    pub(crate) fn container(&self) -> String {
        format!("{}-traefik", self.config.project)
    }

    /// Whether the edge was ever started with settings of this house.
    pub(crate) fn was_started(&self) -> bool {
        self.folder.join("applied").exists()
    }

    /// The version of the Traefik that answers.
    pub(crate) async fn version(&self) -> Result<String> {
        let request = self.client.get(self.api("/api/version")).basic_auth("innkeeper", Some(self.password.reveal()));
        let answer = request.send().await.map_err(|error| Error::unavailable_because("Traefik does not answer", error))?;
        if !answer.status().is_success() {
            return Err(Error::unavailable(format!("Traefik's API answers with status {}", answer.status().as_u16())));
        }
        let answer: VersionAnswer =
            answer.json().await.map_err(|error| Error::unavailable_because("Traefik's answer is not readable", error))?;
        Ok(answer.version)
    }

    /// Whether something accepts connections at a port of the edge.
    pub(crate) async fn accepts(&self, port: u16) -> bool {
        let host = if port == self.config.api_port { std::net::Ipv4Addr::LOCALHOST.into() } else { self.https_address().ip() };
        matches!(tokio::time::timeout(KNOCK, TcpStream::connect(SocketAddr::new(host, port))).await, Ok(Ok(_)))
    }

    /// What time it is at the certificate authority; `None` when it does not say.
    pub(crate) async fn time_at_authority(&self) -> Result<Option<Timestamp>> {
        let roots = Some(self.config.acme_ca.as_path()).filter(|path| !path.as_os_str().is_empty());
        let request = kit::fetch::outside_client(roots)?.get(&self.config.acme_directory);
        let answer =
            request.send().await.map_err(|error| Error::unavailable_because("the certificate authority does not answer", error))?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            return Err(Error::unavailable(format!("the certificate authority answers with status {status}")));
        }
        let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
        Ok(date.and_then(Timestamp::from_http_date))
    }

    /// A site's route in Traefik's folder, compared with what it should be.
    pub(crate) fn route_file(&self, site: &Site, target: Target) -> Result<RouteFile> {
        let wanted = edge::render(site, target, &self.config)?;
        Ok(match std::fs::read_to_string(self.folder.join("dynamic").join(edge::file_name(site))) {
            Ok(found) if found == wanted => RouteFile::Right,
            Ok(_) => RouteFile::Different,
            Err(_) => RouteFile::Missing,
        })
    }

    /// A site's route as Traefik has it.
    pub(crate) async fn route_taken(&self, site: &Site, target: Target) -> Result<RouteTaken> {
        Ok(match self.router(&edge::main_router(site)).await? {
            None => RouteTaken::Unknown,
            Some(found) if found.status == "disabled" => RouteTaken::Refused(found.error.join("; ")),
            Some(found) if found.service.trim_end_matches("@file") == edge::main_service(site, target) => RouteTaken::Right,
            Some(_) => RouteTaken::Elsewhere,
        })
    }
}
