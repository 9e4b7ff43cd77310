//! Refuses requests that another website makes in a signed-in person's name.
//!
//! The rule is that of the fetch-metadata headers, which browsers set and pages cannot forge (the same as Go's
//! `CrossOriginProtection`), and needs no token in forms: an unsafe method is let through when `Sec-Fetch-Site` says
//! `same-origin` or `none`, or `Origin` is our own. With a session cookie one of them must be there; without one a
//! request that has neither is no browser's and may pass. Requests with a bearer token are exempt: a browser never adds
//! one by itself. GET and HEAD change nothing anywhere.

use axum::http::{HeaderMap, Method, header};

use crate::config::PublicUrl;
use crate::request::bearer;

/// Whether the request may have been made by another website.
pub fn is_cross_site(method: &Method, headers: &HeaderMap, public: &PublicUrl, has_session: bool) -> bool {
    if method.is_safe() || bearer(headers).is_some() {
        return false;
    }
    !is_same_origin(headers, public).unwrap_or(!has_session)
}

/// Whether the browser says that one of our own pages asks; `None` when it says nothing.
pub fn is_same_origin(headers: &HeaderMap, public: &PublicUrl) -> Option<bool> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let own_origin = |origin: &str| {
        let host = text(header::HOST.as_str()).unwrap_or_default();
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        origin == public.origin() || authority.is_some_and(|authority| !authority.is_empty() && authority.eq_ignore_ascii_case(host))
    };
    match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some("same-origin" | "none"), _) => Some(true),
        // Behind a proxy that rewrites `Host`, browsers still send our public origin.
        (Some(_), Some(origin)) => Some(origin == public.origin()),
        (Some(_), None) => Some(false),
        (None, Some(origin)) => Some(own_origin(origin)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &str, pairs: &[(&'static str, &str)], has_session: bool) -> bool {
        let public = PublicUrl::parse("https://inn.example.com").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("host", "10.0.0.1:8080".parse().unwrap());
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_cross_site(&method.parse().unwrap(), &headers, &public, has_session)
    }

    #[test]
    fn own_pages_pass_and_others_do_not() {
        for (pairs, refuses) in [
            (&[("sec-fetch-site", "same-origin")][..], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-site"), ("origin", "https://shop.example.com")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")], true),
            (&[("origin", "https://inn.example.com")], false),
            (&[("origin", "http://10.0.0.1:8080")], false),
            (&[("origin", "https://evil.test")], true),
            (&[("origin", "null")], true),
            (&[("origin", "https://inn.example.com.evil.test")], true),
            (&[], true),
        ] {
            assert_eq!(refused("POST", pairs, true), refuses, "{pairs:?}");
        }
    }

    #[test]
    fn tokens_safe_methods_and_tools_without_cookies_pass() {
        assert!(!refused("GET", &[("sec-fetch-site", "cross-site")], true));
        assert!(!refused("DELETE", &[("sec-fetch-site", "cross-site"), ("authorization", "Bearer x")], true));
        assert!(!refused("POST", &[], false));
        assert!(refused("POST", &[("sec-fetch-site", "cross-site")], false), "signing someone in from elsewhere");
        assert!(refused("POST", &[("authorization", "Basic x")], true));
    }
}
