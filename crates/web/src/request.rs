//! What is known about a request before anyone looks at its content: id, client, whether a person's browser asks.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use accounts::{Actor, Client};
use axum::http::{HeaderMap, HeaderName, header};

use crate::config::Network;

/// Names every answer and every log line of its request.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of the connection; put into every request by the accept loop.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Facts about a request, in its extensions.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// Made by us; one from outside is not believed.
    pub id: String,
    /// Where it comes from: the peer, or what a trusted proxy says.
    pub client: IpAddr,
    /// The peer is this machine and no proxy spoke for someone else.
    pub from_this_host: bool,
    /// Who it turned out to be; filled in by the guard of the route, read by the log and by pages of failure.
    pub caller: Arc<OnceLock<Actor>>,
}

impl RequestFacts {
    /// Gathers them from the head of a request.
    pub fn gather(id: String, peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> RequestFacts {
        let forwarded = ["x-forwarded-for", "x-real-ip", "forwarded"].iter().any(|name| headers.contains_key(*name));
        RequestFacts {
            id,
            client: client_address(peer, headers, trusted),
            from_this_host: peer.to_canonical().is_loopback() && !forwarded,
            caller: Arc::new(OnceLock::new()),
        }
    }

    /// Where it comes from, for what slices write down.
    pub fn remote(&self, headers: &HeaderMap) -> Client {
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Client::new(self.client, user_agent)
    }
}

/// The nearest address that is no trusted proxy: everything left of it was written by whoever that is.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let hops = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let mut hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
    while is_trusted(client) {
        let Some(hop) = hops.pop() else { break };
        // A hop that is no address ends the chain: what is left of it cannot be believed either.
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

/// The value of the cookie `name`.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The token of `Authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether htmx asks for a fragment rather than a browser for a page.
pub fn is_fragment(headers: &HeaderMap) -> bool {
    headers.get("hx-request").is_some_and(|value| value == "true")
}

/// A path of ours to go to after sign-in, or the start page when it could lead elsewhere.
pub fn safe_next(next: Option<&str>) -> &str {
    let ours = |path: &&str| {
        let mut bytes = path.bytes();
        bytes.next() == Some(b'/')
            && !matches!(bytes.next(), Some(b'/' | b'\\'))
            && path.bytes().all(|byte| byte > b' ' && byte != 127 && byte != b'\\')
    };
    next.filter(ours).filter(|path| path.is_ascii()).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| Network::parse(text).unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_may_speak_for_others() {
        assert_eq!(client("192.0.2.1", &["10.0.0.1"], &[]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["10.0.0.1"], &["127.0.0.1"]), "192.0.2.1");
        assert_eq!(client("127.0.0.1", &["203.0.113.9"], &["127.0.0.1"]), "203.0.113.9");
        // The client wrote the left part itself.
        assert_eq!(client("127.0.0.1", &["1.1.1.1, 203.0.113.9"], &["127.0.0.1"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &["1.1.1.1", "203.0.113.9, 10.0.0.2"], &["127.0.0.1", "10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &["1.1.1.1, nonsense"], &["127.0.0.1"]), "127.0.0.1");
        assert_eq!(client("::ffff:127.0.0.1", &[], &["127.0.0.1"]), "127.0.0.1");
    }

    #[test]
    fn next_never_leaves_the_house() {
        assert_eq!(safe_next(Some("/admin/jobs?state=dead")), "/admin/jobs?state=dead");
        for bad in
            ["", "//evil.test", "/\\evil.test", "https://evil.test", "javascript:alert(1)", "/a\r\nSet-Cookie: x", "/\tevil", "/a\\b"]
        {
            assert_eq!(safe_next(Some(bad)), "/", "{bad:?}");
        }
    }

    #[test]
    fn cookies_and_tokens_are_found() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; innkeeper=x=y".parse().unwrap());
        headers.insert(header::AUTHORIZATION, "bearer tok".parse().unwrap());
        assert_eq!(cookie(&headers, "innkeeper"), Some("x=y"));
        assert_eq!(cookie(&headers, "inn"), None);
        assert_eq!(bearer(&headers), Some("tok"));
    }
}
