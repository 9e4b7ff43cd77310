//! The site's `.env`: pure, from typed values.
//!
//! Compose reads the file with its own rules (quotes, `$`), so every value that is not plain is quoted for exactly those.

use crate::sites::{Site, SiteSecrets};

/// What the site is reached by.
#[derive(Debug, Clone)]
pub struct PublicAddress {
    /// `https://{domain}`, with a port only where it is not 443.
    pub url: String,
}

/// All variables of a site in the order of the file: comment lines begin with `#`.
pub fn variables(site: &Site, secrets: &SiteSecrets, address: &PublicAddress) -> Vec<(&'static str, String)> {
    let domain = site.domain.to_string();
    vec![
        ("# Site identity", String::new()),
        ("CUSTOMER_UUID", site.customer_id.to_string()),
        ("APP_ID", site.id.to_string()),
        ("APP_DOMAIN", domain.clone()),
        ("RELEASE_ID", site.release_id.to_string()),
        ("# Application", String::new()),
        ("APP_ENV", "production".to_owned()),
        ("APP_NAME", site.name.to_string()),
        ("# Addresses", String::new()),
        ("WWW_URL", address.url.clone()),
        ("API_URL", format!("{}/api", address.url)),
        ("ALERT_URL", address.url.clone()),
        ("ALERT_PORT", "3001".to_owned()),
        ("# Database", String::new()),
        ("DB_HOST", "db".to_owned()),
        ("DB_PORT", "5432".to_owned()),
        ("DB_NAME", site.database()),
        ("DB_USER", site.database_user()),
        ("DB_PASSWORD", secrets.db_password.clone()),
        ("# Security", String::new()),
        ("JWT_SECRET", secrets.jwt_secret.clone()),
        ("SESSION_SECRET", secrets.session_secret.clone()),
        ("# First sign-in of the owner on the site itself", String::new()),
        ("SITE_OWNER_EMAIL", site.owner_email.clone()),
        ("SITE_OWNER_PASSWORD", secrets.owner_password.clone()),
        ("# CORS", String::new()),
        ("CORS_ORIGIN", address.url.clone()),
        ("# Storage", String::new()),
        ("UPLOAD_MAX_SIZE", "10M".to_owned()),
        ("STORAGE_PATH", "/var/www/html/storage".to_owned()),
        ("# Logging", String::new()),
        ("LOG_LEVEL", "info".to_owned()),
        ("# Git repository webhook", String::new()),
        ("REPO_WEBHOOK_SECRET", secrets.webhook_secret.clone()),
        ("# E-mail (optional)", String::new()),
        ("MAIL_HOST", String::new()),
        ("MAIL_PORT", "587".to_owned()),
        ("MAIL_USERNAME", String::new()),
        ("MAIL_PASSWORD", String::new()),
        ("MAIL_FROM_ADDRESS", format!("noreply@{domain}")),
        ("MAIL_FROM_NAME", site.name.to_string()),
    ]
}

/// The text of the file: ours, then the site's own, which win where both have a name.
pub fn render(variables: &[(&'static str, String)], own: &[(String, String)]) -> String {
    let mut text = String::from("# Written by Innkeeper. Change settings there: this file is replaced.\n");
    for (name, value) in variables {
        if name.starts_with('#') {
            text.push_str(&format!("\n{name}\n"));
        } else if !own.iter().any(|(other, _)| other == name) {
            text.push_str(&format!("{name}={}\n", quote(value)));
        }
    }
    if !own.is_empty() {
        text.push_str("\n# The site's own\n");
    }
    for (name, value) in own {
        text.push_str(&format!("{name}={}\n", quote(value)));
    }
    text
}

/// Quotes for the Compose plugin's reader: inside double quotes `\\`, `\"` and `\$` stand for themselves, `\n` and `\r` for line
/// breaks. So each variable is one line of the file, whatever it holds.
fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@+=".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\\' | '"' | '$' => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
