//! What the edge serves for a name, seen from outside: the certificate and the answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use kit::{Clock, Context, Error, Result, Timestamp};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tracing::debug;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Proxy;
use crate::names::Host;

/// A trusted certificate in service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Who signed it.
    pub issuer: String,
}

/// What one look through the edge saw.
#[derive(Debug, Clone)]
pub struct Served {
    /// The certificate, or why it is not trusted.
    pub certificate: Result<Certificate, String>,
    /// Status of `GET /`, when the certificate was good enough to ask.
    pub status: Option<u16>,
    /// The release that answered, by its header.
    pub release: Option<String>,
    /// From connecting to the head of the answer.
    pub latency: Duration,
}

impl Proxy {
    fn https_address(&self) -> SocketAddr {
        let address = match self.config.address {
            address if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            address => address,
        };
        SocketAddr::new(address, self.config.https_port)
    }

    /// Asks for `https://{host}{path}` through the edge on this machine, trusting what a visitor trusts.
    pub async fn look(&self, host: &Host, path: &'static str) -> Result<Served> {
        let roots = Some(self.config.trusted_roots.as_path()).filter(|path| !path.as_os_str().is_empty());
        let connector = TlsConnector::from(Arc::new(kit::fetch::tls_client_config(roots)?));
        let started = tokio::time::Instant::now();
        let work = async {
            let tcp = TcpStream::connect(self.https_address())
                .await
                .map_err(|error| Error::unavailable_because("the edge does not accept connections", error))?;
            let name = ServerName::try_from(host.to_string()).context("naming the server")?;
            let mut tls = match connector.connect(name, tcp).await {
                Ok(tls) => tls,
                Err(error) => {
                    let served = Served { certificate: Err(error.to_string()), status: None, release: None, latency: started.elapsed() };
                    return Ok(served);
                }
            };
            let certificate = tls.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(read);
            let certificate = certificate.ok_or_else(|| Error::unavailable("the edge showed no certificate"))??;
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: innkeeper-probe\r\nConnection: close\r\n\r\n");
            tls.write_all(request.as_bytes()).await?;
            let mut head = Vec::new();
            let mut piece = [0; 2048];
            while head.len() < 16 << 10 && !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match tls.read(&mut piece).await? {
                    0 => break,
                    read => head.extend_from_slice(&piece[..read]),
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            let release = head.lines().take_while(|line| !line.is_empty()).find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("x-innkeeper-release").then(|| value.trim().to_owned())
            });
            Ok(Served { certificate: Ok(certificate), status, release, latency: started.elapsed() })
        };
        tokio::time::timeout(Duration::from_secs(10), work)
            .await
            .map_err(|_| Error::unavailable("the edge did not answer within 10 s"))?
    }

    /// Looks until the certificate of `host` is trusted or `limit` has passed; the last refusal otherwise.
    pub async fn await_certificate(&self, clock: &Clock, host: &Host, limit: Duration) -> Result<Result<Certificate, String>> {
        let until = clock.now().plus(limit);
        let started = tokio::time::Instant::now();
        loop {
            let refusal = match self.look(host, "/").await {
                Ok(Served { certificate: Ok(certificate), .. }) => return Ok(Ok(certificate)),
                Ok(Served { certificate: Err(refusal), .. }) => refusal,
                Err(error) => error.to_string(),
            };
            debug!("no certificate for `{host}` yet: {refusal}");
            if clock.now() >= until || started.elapsed() >= limit {
                return Ok(Err(self.refusal_of(host).await.unwrap_or(refusal)));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What Traefik's log last said about a certificate for `host`.
    async fn refusal_of(&self, host: &Host) -> Option<String> {
        let container = format!("{}-traefik", self.config.project);
        let output = kit::exec::Command::new("docker").args(["logs", "--tail", "400", &container]).run().await.ok()?;
        let both = format!("{}{}", output.stdout, output.stderr);
        let line = both.lines().rev().find(|line| line.contains("ACME certificate") && line.contains(host.as_str()))?;
        let reason = line.split_once("error=").map_or(line, |(_, reason)| reason);
        // `acme: error: 400 :: urn:… :: detail`: the last part is for people.
        let text: String = reason.trim_matches('"').chars().filter(|c| !c.is_control()).take(300).collect();
        Some(text)
    }
}

fn read(der: &rustls::pki_types::CertificateDer<'_>) -> Result<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).map_err(|error| Error::unavailable(format!("the certificate is not readable: {error}")))?;
    Ok(Certificate {
        expires_at: Timestamp(parsed.validity().not_after.timestamp().saturating_mul(1000)),
        issuer: parsed.issuer().to_string(),
    })
}
