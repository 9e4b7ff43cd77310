//! What the edge serves for a name, seen from outside: the certificate and the answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kit::secrets::Secret;
use kit::{Clock, Context, Error, Result, Timestamp};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tracing::debug;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Proxy;
use crate::edge::PREVIEW_USER;
use crate::names::Host;

/// An order that is refused is refused within seconds; until then, a refusal in the log may be that of an earlier order.
const ORDER: Duration = Duration::from_secs(5);

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
    pub(super) fn https_address(&self) -> SocketAddr {
        let address = match self.config.address {
            address if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            address => address,
        };
        SocketAddr::new(address, self.config.https_port)
    }

    /// What a visitor trusts. Read once: sites are looked at every half minute, and there are hundreds of roots.
    fn tls_config(&self) -> Result<Arc<ClientConfig>> {
        if let Some(config) = self.tls.get() {
            return Ok(config.clone());
        }
        let roots = Some(self.config.trusted_roots.as_path()).filter(|path| !path.as_os_str().is_empty());
        let mut config = kit::fetch::tls_client_config(roots)?;
        // A resumed session shows the certificate of the first one, also after it was renewed.
        config.resumption = Resumption::disabled();
        Ok(self.tls.get_or_init(|| Arc::new(config)).clone())
    }

    /// Asks for `https://{host}{path}` through the edge on this machine, trusting what a visitor trusts.
    pub async fn look(&self, host: &Host, path: &'static str) -> Result<Served> {
        self.look_as(host, path, None).await
    }

    /// As [`Proxy::look`], with what opens the door of a preview.
    pub async fn look_as(&self, host: &Host, path: &'static str, sign_in: Option<&Secret>) -> Result<Served> {
        let connector = TlsConnector::from(self.tls_config()?);
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
            let sign_in = sign_in.map(|password| {
                let pair = STANDARD.encode(format!("{PREVIEW_USER}:{}", password.reveal()));
                format!("Authorization: Basic {pair}\r\n")
            });
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: innkeeper-probe\r\n{}Connection: close\r\n\r\n",
                sign_in.unwrap_or_default()
            );
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
        tokio::time::timeout(Duration::from_secs(10), work).await.map_err(|_| Error::unavailable("the edge did not answer within 10 s"))?
    }

    /// Looks until the certificate of `host` is trusted, the authority has refused it, or `limit` has passed; the reason if it is not.
    pub async fn await_certificate(&self, clock: &Clock, host: &Host, limit: Duration) -> Result<Result<Certificate, String>> {
        let began = clock.now();
        let until = began.plus(limit);
        let started = tokio::time::Instant::now();
        let mut next_reading = ORDER;
        loop {
            let refusal = match self.look(host, "/").await {
                Ok(Served { certificate: Ok(certificate), .. }) => return Ok(Ok(certificate)),
                Ok(Served { certificate: Err(refusal), .. }) => refusal,
                Err(error) => error.to_string(),
            };
            debug!("no certificate for `{host}` yet: {refusal}");
            if clock.now() >= until || started.elapsed() >= limit {
                return Ok(Err(self.refusal_of(host, None).await.unwrap_or(refusal)));
            }
            // Traefik does not ask again by itself, so waiting on would be for nothing.
            if started.elapsed() >= next_reading {
                next_reading += ORDER / 2;
                if let Some(refusal) = self.refusal_of(host, Some(began.minus(ORDER))).await {
                    return Ok(Err(refusal));
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What Traefik's log last said about a certificate for `host`.
    pub(crate) async fn refusal_of(&self, host: &Host, since: Option<Timestamp>) -> Option<String> {
        let container = format!("{}-traefik", self.config.project);
        let mut logs = kit::exec::Command::new("docker").args(["logs", "--tail", "400"]);
        if let Some(since) = since {
            logs = logs.args(["--since", &since.rfc3339()]);
        }
        let output = logs.arg(&container).run().await.ok()?;
        let both = format!("{}{}", output.stdout, output.stderr);
        let orders = both.lines().rev().filter(|line| line.contains("ACME certificate"));
        orders.map(|line| (line, format!("[{host}]"))).find(|(line, domains)| line.contains(domains)).map(|(line, _)| explain(line, host))
    }
}

/// A refusal in Traefik's log as a sentence: what is wrong and what to do, then the authority's own words.
fn explain(line: &str, host: &Host) -> String {
    // `… error="…: acme: error: 400 :: urn:ietf:params:acme:error:dns :: <the authority's words>]" ACME CA=…`
    let error = line.split_once("error=\"").map_or(line, |(_, error)| error);
    let error = error.split_once("\" ACME CA=").map_or(error, |(error, _)| error).replace("\\\"", "\"");
    let (kind, detail) = match error.rsplit_once("urn:ietf:params:acme:error:").and_then(|(_, problem)| problem.split_once(" :: ")) {
        Some((kind, detail)) => (kind, detail.trim_end_matches([']', '\n'])),
        None => ("", error.as_str()),
    };
    let advice = match kind {
        "connection" => {
            format!("the certificate authority cannot reach {host}: its DNS record must point to this server, and port 80 be open")
        }
        "dns" => format!("the certificate authority finds no address of {host}: its DNS record must point to this server"),
        "unauthorized" | "incorrectResponse" => format!("another server answers for {host}: its DNS record must point to this one"),
        "caa" => format!("a CAA record of {host} allows other certificate authorities only"),
        "rateLimited" => "the certificate authority has been asked too often and answers again later".to_owned(),
        _ => "the certificate authority refuses".to_owned(),
    };
    let detail: String = detail.chars().filter(|c| !c.is_control()).take(300).collect();
    if detail.is_empty() { advice } else { format!("{advice} ({detail})") }
}

fn read(der: &rustls::pki_types::CertificateDer<'_>) -> Result<Certificate> {
    let (_, parsed) =
        X509Certificate::from_der(der).map_err(|error| Error::unavailable(format!("the certificate is not readable: {error}")))?;
    Ok(Certificate {
        expires_at: Timestamp(parsed.validity().not_after.timestamp().saturating_mul(1000)),
        issuer: parsed.issuer().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do_and_keep_the_authoritys_words() {
        let host = Host::parse("shop.example.com").unwrap();
        let line = |problem: &str| {
            format!(
                "2026-11-21T08:43:20Z ERR Unable to obtain ACME certificate for domains error=\"unable to generate a certificate for the domains \
                 [shop.example.com]: resolver: one or more domains had a problem: [shop.example.com: invalid authorization: acme: error: 400 :: \
                 urn:ietf:params:acme:error:{problem}]\" ACME CA=https://ca.test/dir acmeCA=https://ca.test/dir domains=[\"shop.example.com\"]"
            )
        };
        let connection =
            explain(&line("connection :: Get \\\"http://shop.example.com/.well-known/acme-challenge/x\\\": connection refused"), &host);
        insta::assert_snapshot!(connection, @r#"the certificate authority cannot reach shop.example.com: its DNS record must point to this server, and port 80 be open (Get "http://shop.example.com/.well-known/acme-challenge/x": connection refused)"#);
        let dns = explain(&line("dns :: DNS problem: NXDOMAIN looking up A for shop.example.com"), &host);
        insta::assert_snapshot!(dns, @"the certificate authority finds no address of shop.example.com: its DNS record must point to this server (DNS problem: NXDOMAIN looking up A for shop.example.com)");
        let limited = "ERR Unable to obtain ACME certificate for domains error=\"cannot get ACME client acme: error: 429 :: \
                       urn:ietf:params:acme:error:rateLimited :: too many new orders recently\" ACME CA=https://ca.test/dir";
        insta::assert_snapshot!(explain(limited, &host), @"the certificate authority has been asked too often and answers again later (too many new orders recently)");
        let other = "ERR Unable to obtain ACME certificate for domains error=\"Post https://ca.test/dir: connection reset\" ACME CA=https://ca.test/dir";
        insta::assert_snapshot!(explain(other, &host), @"the certificate authority refuses (Post https://ca.test/dir: connection reset)");
    }
}
