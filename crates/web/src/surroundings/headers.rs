//! Headers that tell browsers what a page may not do.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::app::App;

const PROTECTION: &[(&str, &str)] = &[
    ("content-security-policy", ui::assets::CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()"),
    // Pages show customers' data; what may be kept (assets) says so itself.
    ("cache-control", "no-store"),
];

/// Sets what the answer has not set itself.
pub fn protect(app: &App, headers: &mut HeaderMap) {
    // The one thing from elsewhere that a page may show, where the operator named it. Other pages' own policy stays as it is.
    if let Some(origin) = app.config.grafana.url.origin()
        && let Ok(policy) = HeaderValue::from_str(&format!("{}; frame-src {origin}", ui::assets::CONTENT_SECURITY_POLICY))
    {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    for (name, value) in PROTECTION {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    if app.config.server.public_url.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}
