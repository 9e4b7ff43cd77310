//! Requests to where customers say: only to public addresses, decided on the address that is connected to.
//!
//! The name is resolved by us, once for each request, and what is not allowed is taken out of the very answer that the connection is
//! made with: a name that resolves to something else a moment later is never looked up again. No proxy is used, because it would
//! resolve the name by itself; no redirect is followed; no connection is kept.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Url, redirect};

use super::addresses::{Allowed, plain_name, why_not_public};
use super::tls_client_config;
use crate::{Error, Result};

/// A request takes so long at most, from the look-up of its name to the last byte that is read.
const LIMIT: Duration = Duration::from_secs(10);
/// More of an answer is not read.
const EXCERPT: usize = 1024;
/// An answer with more headers is refused.
const HEADERS: usize = 64;
/// Longest address that can be given.
const LONGEST: usize = 2000;

/// Addresses of a name. A parameter, so that a test can be the DNS.
pub type Lookup = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// Sends requests to where customers say.
#[derive(Clone)]
pub struct Guard {
    allowed: Arc<[Allowed]>,
    public_ports: Arc<[u16]>,
    extra_roots: Option<PathBuf>,
    /// Made when first needed: reading the system's roots takes a while.
    tls: Arc<OnceLock<rustls::ClientConfig>>,
    lookup: Lookup,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The beginning of the body, at most a kilobyte, as it came.
    pub excerpt: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// The address is one that requests are not sent to; nothing was.
    Refused(String),
    /// It was tried, and did not work.
    Failed(String),
}

impl Guard {
    /// `allowed` are the operator's exceptions. Of this machine's own public addresses only `public_ports` are open to requests: a
    /// firewall in front of the machine does not stand between it and itself.
    pub fn new(allowed: Vec<Allowed>, public_ports: &[u16], extra_roots: Option<PathBuf>) -> Guard {
        let lookup: Lookup = Arc::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.map(|address| address.ip()).collect()) })
        });
        Guard { allowed: allowed.into(), public_ports: public_ports.into(), extra_roots, tls: Arc::default(), lookup }
    }

    /// With another DNS: for tests.
    #[must_use]
    pub fn with_lookup(self, lookup: Lookup) -> Guard {
        Guard { lookup, ..self }
    }

    /// Parses an address that somebody typed, and refuses at once what could never be sent to. Field: `url`.
    pub fn parse(&self, text: &str) -> Result<Url> {
        let wrong = |message: String| Error::invalid("url", message);
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(wrong(format!("must have at most {LONGEST} characters")));
        }
        let url = Url::parse(text).map_err(|_| wrong("must be an address such as https://example.com/hook".to_owned()))?;
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("must begin with https:// or http://".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user or a password; check the signature instead".to_owned()));
        }
        if url.fragment().is_some() {
            return Err(wrong("must not hold a part behind #, which is never sent".to_owned()));
        }
        self.check_port(&url).and_then(|()| self.check_literal(&url)).map_err(wrong)?;
        Ok(url)
    }

    /// Sends `body` as JSON with these headers.
    pub async fn post(&self, url: &Url, headers: &[(&'static str, String)], body: Vec<u8>) -> std::result::Result<Answered, NotSent> {
        self.check_port(url).map_err(NotSent::Refused)?;
        self.check_literal(url).map_err(NotSent::Refused)?;
        let refusal = Arc::new(Mutex::new(None));
        let resolver = Resolver { guard: self.clone(), port: port_of(url), refusal: refusal.clone() };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls().map_err(|error| NotSent::Failed(error.public_message()))?)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .dns_resolver(resolver)
            .http1_max_headers(HEADERS)
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| NotSent::Failed(format!("preparing the request: {error}")))?;
        let mut request = client.post(url.clone()).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let exchange = async {
            let mut response = request.send().await?;
            let status = response.status().as_u16();
            let mut excerpt = Vec::new();
            // The status is the verdict, so an answer that breaks off in its body is one all the same.
            while excerpt.len() < EXCERPT
                && let Ok(Some(chunk)) = response.chunk().await
            {
                excerpt.extend_from_slice(&chunk[..chunk.len().min(EXCERPT - excerpt.len())]);
            }
            Ok(Answered { status, excerpt })
        };
        let outcome = tokio::time::timeout(LIMIT, exchange).await;
        if let Some(why) = refusal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(NotSent::Refused(why));
        }
        match outcome {
            Ok(Ok(answered)) => Ok(answered),
            Ok(Err(error)) => Err(NotSent::Failed(reason(error))),
            Err(_) => Err(NotSent::Failed(format!("no complete answer within {} seconds", LIMIT.as_secs()))),
        }
    }

    fn tls(&self) -> Result<rustls::ClientConfig> {
        if let Some(made) = self.tls.get() {
            return Ok(made.clone());
        }
        let made = tls_client_config(self.extra_roots.as_deref())?;
        Ok(self.tls.get_or_init(|| made).clone())
    }

    /// Ports below 1024 other than those of the web belong to protocols that a request must not be smuggled into.
    fn check_port(&self, url: &Url) -> std::result::Result<(), String> {
        match port_of(url) {
            80 | 443 | 1024.. => Ok(()),
            port => Err(format!("port {port} is not one of the web; use 443, 80, or one from 1024 on")),
        }
    }

    /// Judges a host that needs no look-up, so that no resolver would see it.
    fn check_literal(&self, url: &Url) -> std::result::Result<(), String> {
        // However it was written (`127.1`, `0x7f.1`, `2130706433`): parsing has made it plain.
        let host = url.host_str().unwrap_or_default();
        let name = plain_name(host);
        if name == "localhost" || name.ends_with(".localhost") {
            // Not every system looks these up, but all mean the same by them.
            return self.check(host, IpAddr::V4(Ipv4Addr::LOCALHOST), port_of(url));
        }
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.check(host, address, port_of(url)),
            Err(_) => Ok(()),
        }
    }

    fn check(&self, host: &str, address: IpAddr, port: u16) -> std::result::Result<(), String> {
        if self.allowed.iter().any(|allowed| allowed.covers(host, address)) {
            return Ok(());
        }
        if let Some(what) = why_not_public(address) {
            return Err(format!("{address} leads to {what}; only public addresses are allowed"));
        }
        if is_own(address) && !self.public_ports.contains(&port) {
            return Err(format!("{address} is this server itself; only its sites can be reached from here"));
        }
        Ok(())
    }
}

fn port_of(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(0)
}

/// Whether an address is one of this machine's: only those can be bound to.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}

/// The resolver of one request. Tells why it gave no address.
struct Resolver {
    guard: Guard,
    port: u16,
    refusal: Arc<Mutex<Option<String>>>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, port, refusal) = (self.guard.clone(), self.port, self.refusal.clone());
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = (guard.lookup)(host.clone()).await?;
            if found.is_empty() {
                return Err(std::io::Error::other("the name has no address").into());
            }
            // One that is not allowed among others is left out, not tried.
            let (open, closed): (Vec<_>, Vec<_>) =
                found.into_iter().map(|it| (it, guard.check(&host, it, port))).partition(|(_, it)| it.is_ok());
            if open.is_empty() {
                let why = closed.into_iter().find_map(|(_, verdict)| verdict.err()).unwrap_or_default();
                *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{host}: {why}"));
                return Err(std::io::Error::other("refused").into());
            }
            let addresses: Vec<SocketAddr> = open.into_iter().map(|(address, _)| SocketAddr::new(address, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// What happened, without the address, which may be a secret: what the innermost error says.
fn reason(error: reqwest::Error) -> String {
    let what = match () {
        () if error.is_timeout() => "no answer in time",
        () if error.is_connect() => "no connection",
        () => "no proper answer",
    };
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    format!("{what}: {innermost}")
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}
