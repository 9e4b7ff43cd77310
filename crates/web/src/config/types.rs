//! Values that are parsed once, when the configuration is read.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use axum::http::Uri;
use serde::{Deserialize, Serialize};

/// The address people use: `http://` or `https://`, a host, perhaps a port, nothing behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl {
    origin: String,
    authority: String,
    https: bool,
}

impl PublicUrl {
    /// Parses `https://host[:port]`, with or without a slash behind.
    pub fn parse(text: &str) -> Result<PublicUrl, String> {
        let wrong = || format!("`{text}` must be http(s)://host or http(s)://host:port, without a path");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        let plain = authority.as_str().to_ascii_lowercase();
        if plain.contains('@') || authority.host().is_empty() || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        let without_default_port = match (https, plain.strip_suffix(":443"), plain.strip_suffix(":80")) {
            (true, Some(host), _) | (false, _, Some(host)) => host.to_owned(),
            _ => plain,
        };
        let scheme = if https { "https" } else { "http" };
        Ok(PublicUrl { origin: format!("{scheme}://{without_default_port}"), authority: without_default_port, https })
    }

    /// As a browser writes it into `Origin`: scheme, host, port unless it is the usual one.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host, and port unless it is the usual one.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether people come over TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// A link for a mail: `path` begins with a slash.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;
    fn try_from(text: String) -> Result<PublicUrl, String> {
        PublicUrl::parse(&text)
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> String {
        url.origin
    }
}

/// An address or a network: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Parses an address, or an address and the length of its prefix.
    pub fn parse(text: &str) -> Result<Network, String> {
        let wrong = || format!("`{text}` must be an IP address or a network such as 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(longest);
        if bits > longest { Err(wrong()) } else { Ok(Network { address, bits }) }
    }

    /// Whether `address` lies in it; `::ffff:10.0.0.7` is the same as `10.0.0.7`.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (network, bits) = match self.address {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped(), self.bits + 96),
            IpAddr::V6(v6) => (v6, self.bits),
        };
        let asked: Ipv6Addr = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mask = if bits == 0 { 0 } else { u128::MAX << (128 - u32::from(bits)) };
        u128::from(network) & mask == u128::from(asked) & mask
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl TryFrom<String> for Network {
    type Error = String;
    fn try_from(text: String) -> Result<Network, String> {
        Network::parse(&text)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}
