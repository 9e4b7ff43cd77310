//! Section `[grafana]`: whose panels stand in site pages.

use axum::http::Uri;
use serde::{Deserialize, Serialize};

/// Section `[grafana]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrafanaConfig {
    /// Where browsers reach it.
    pub url: GrafanaUrl,
}

/// Address of a Grafana, perhaps below a path; or empty, for none.
///
/// Its origin goes into a header and its whole into links, so it has no character that means something there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrafanaUrl {
    origin: String,
    path: String,
}

impl GrafanaUrl {
    /// Parses `https://host[:port][/path]` or an empty text.
    pub fn parse(text: &str) -> Result<GrafanaUrl, String> {
        if text.is_empty() {
            return Ok(GrafanaUrl::default());
        }
        let wrong = || format!("`{text}` must be http(s)://host, perhaps with a port and a path of letters, digits, `-`, `_` and `.`");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https")).ok_or_else(wrong)?;
        let authority = uri.authority().ok_or_else(wrong)?.as_str().to_ascii_lowercase();
        let path = uri.path().trim_end_matches('/');
        let plain = |text: &str, also: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
        if authority.is_empty() || uri.query().is_some() || !plain(&authority, ".-:[]") || !plain(path, "/-_.") {
            return Err(wrong());
        }
        Ok(GrafanaUrl { origin: format!("{scheme}://{authority}"), path: path.to_owned() })
    }

    /// As a browser compares it: what a page may embed.
    pub fn origin(&self) -> Option<&str> {
        Some(self.origin.as_str()).filter(|origin| !origin.is_empty())
    }

    /// Address of one panel of the dashboard `customer-metrics` for a site; none without a Grafana.
    pub fn panel(&self, panel: u32, site: &hosting::SiteId) -> Option<String> {
        let origin = self.origin()?;
        Some(format!(
            "{origin}{}/d-solo/customer-metrics/customer-metrics?orgId=1&panelId={panel}&theme=dark&refresh=10s&var-site={site}",
            self.path
        ))
    }
}

impl TryFrom<String> for GrafanaUrl {
    type Error = String;
    fn try_from(text: String) -> Result<GrafanaUrl, String> {
        GrafanaUrl::parse(&text)
    }
}

impl From<GrafanaUrl> for String {
    fn from(url: GrafanaUrl) -> String {
        url.origin + &url.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_a_path() {
        let site = hosting::SiteId::parse("app_aaaaaaaa").unwrap();
        let url = GrafanaUrl::parse("https://Inn.Example.com/grafana/").unwrap();
        assert_eq!(url.origin(), Some("https://inn.example.com"));
        assert_eq!(
            url.panel(2, &site).unwrap(),
            "https://inn.example.com/grafana/d-solo/customer-metrics/customer-metrics?orgId=1&panelId=2&theme=dark&refresh=10s&var-site=app_aaaaaaaa"
        );
        assert_eq!(GrafanaUrl::parse("http://127.0.0.1:3000").unwrap().origin(), Some("http://127.0.0.1:3000"));
        let off = GrafanaUrl::parse("").unwrap();
        assert_eq!((off.origin(), off.panel(1, &site)), (None, None));
    }

    #[test]
    fn address_cannot_smuggle_a_directive() {
        for bad in [
            "grafana.example.com",
            "ftp://a",
            "https://user@a",
            "https://a;script-src *",
            "https://a;b",
            "https://a,b",
            "https://a/x;y",
            "https://a/'x'",
            "https://a?x=1",
            "javascript:alert(1)",
            "https://*.example.com",
            "//a",
        ] {
            assert!(GrafanaUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
