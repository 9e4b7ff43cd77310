//! Names that customers choose: parsed once at the edge, trusted from then on.

use std::fmt;

use kit::db::{FromValue, Value};
use kit::{Error, Result};
use serde::Serialize;

/// Subdomains that nobody may take: they look like the house's own, or other software assumes them.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "analytics",
    "api",
    "app",
    "apps",
    "assets",
    "auth",
    "autoconfig",
    "autodiscover",
    "backup",
    "billing",
    "blog",
    "cdn",
    "cloud",
    "concierge",
    "console",
    "cpanel",
    "dashboard",
    "db",
    "demo",
    "dev",
    "dns",
    "docs",
    "edge",
    "email",
    "ftp",
    "git",
    "grafana",
    "help",
    "host",
    "hosting",
    "hostmaster",
    "imap",
    "info",
    "innkeeper",
    "internal",
    "live",
    "localhost",
    "login",
    "mail",
    "metrics",
    "mx",
    "noc",
    "ns",
    "ns1",
    "ns2",
    "ns3",
    "ns4",
    "operator",
    "panel",
    "pay",
    "payment",
    "pop",
    "pop3",
    "postmaster",
    "prometheus",
    "proxy",
    "root",
    "security",
    "server",
    "sftp",
    "shop",
    "signin",
    "signup",
    "smtp",
    "ssh",
    "ssl",
    "staging",
    "static",
    "status",
    "support",
    "sys",
    "system",
    "test",
    "traefik",
    "webmail",
    "webmaster",
    "wpad",
    "www",
    "www1",
    "www2",
];

/// A site's name: free text of 1 to 80 characters without control or direction-changing ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SiteName(String);

impl SiteName {
    /// Trims and checks a name.
    pub fn parse(text: &str) -> Result<SiteName> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > 80 {
            return Err(Error::invalid("site_name", "must have 1 to 80 characters"));
        }
        if text.chars().any(is_invisible) {
            return Err(Error::invalid("site_name", "must not contain line breaks, control or text-direction characters"));
        }
        Ok(SiteName(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, line separators, zero-width and bidirectional marks: what could forge a log line or a label.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// The first label of a site's address, in ASCII (punycode for other scripts).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subdomain(String);

impl Subdomain {
    /// Parses a label, converting other scripts to punycode (UTS 46), and refuses reserved ones.
    pub fn parse(text: &str, also_reserved: &[String]) -> Result<Subdomain> {
        let wrong = |message: &str| Err(Error::invalid("subdomain", message));
        let ascii = match idna::domain_to_ascii_strict(text.trim()) {
            Ok(ascii) => ascii,
            Err(_) => return wrong("must be 2 to 40 letters, digits or hyphens, not beginning or ending with a hyphen"),
        };
        let is_label = (2..=40).contains(&ascii.len())
            && ascii.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !ascii.starts_with('-')
            && !ascii.ends_with('-');
        if !is_label {
            return wrong("must be 2 to 40 letters, digits or hyphens, not beginning or ending with a hyphen");
        }
        // Previews use `{branch}--{subdomain}`.
        if ascii.contains("--") && !ascii.starts_with("xn--") {
            return wrong("must not contain two hyphens in a row");
        }
        if RESERVED.contains(&ascii.as_str()) || also_reserved.contains(&ascii) || ascii.starts_with("app-") {
            return wrong("is reserved; please choose another one");
        }
        Ok(Subdomain(ascii))
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A full domain name in ASCII, lower case, without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Host(String);

impl Host {
    /// Parses a domain name; other scripts become punycode. Addresses, ports, paths and wildcards are refused.
    pub fn parse(text: &str) -> Result<Host> {
        let text = text.trim().trim_end_matches('.');
        let ascii = idna::domain_to_ascii_strict(text).ok().filter(|ascii| {
            let labels: Vec<&str> = ascii.split('.').collect();
            ascii.len() <= 253
                && labels.iter().all(|label| {
                    (1..=63).contains(&label.len())
                        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                })
                && !labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
        });
        match ascii {
            Some(ascii) if !ascii.is_empty() => Ok(Host(ascii)),
            _ => Err(Error::invalid("custom_domain", "must be a domain name such as www.example.com")),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! stored_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&$name> for Value {
            fn from(name: &$name) -> Value {
                Value::Text(name.0.clone())
            }
        }
        impl From<$name> for Value {
            fn from(name: $name) -> Value {
                Value::Text(name.0)
            }
        }
        impl FromValue for $name {
            fn from_value(value: Value) -> Result<$name> {
                String::from_value(value).map($name)
            }
        }
    )*};
}

stored_text!(SiteName, Subdomain, Host);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_names_keep_metacharacters_and_refuse_invisible_ones() {
        for good in ["Ada's <b>Shop</b> & \"Co\"; $(rm -rf /) `id` ${HOME} %s \\ 🌱", "名前"] {
            assert_eq!(SiteName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "  ", "a\nb", "a\0b", "a\u{1b}[31mb", "a\u{202e}b", &"x".repeat(81)] {
            assert!(SiteName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn subdomains_are_one_ascii_label() {
        let parse = |text: &str| Subdomain::parse(text, &["taken".to_owned()]).map(|it| it.0);
        assert_eq!(parse("MySite").unwrap(), "mysite");
        assert_eq!(parse("münchen").unwrap(), "xn--mnchen-3ya");
        for bad in [
            "a",
            "-a",
            "a-",
            "a.b",
            "a_b",
            "a b",
            "a--b",
            "www",
            "admin",
            "taken",
            "app-abcdefgh",
            "a`b",
            "a\nb",
            "../x",
            "*",
            &"x".repeat(41),
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn hosts_are_names_only() {
        let parse = |text: &str| Host::parse(text).map(|it| it.0);
        assert_eq!(parse("Example.COM.").unwrap(), "example.com");
        for bad in ["", "127.0.0.1", "a..b", "*.example.com", "example.com:80", "http://x", "a`) || Host(`b", "a b.com", "[::1]"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
