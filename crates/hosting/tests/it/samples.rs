//! Sites with fixed ids for tests of what is rendered.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use hosting::compose::{self, Placement};
use hosting::names::SiteName;
use hosting::sites::{self, Site, SiteId, SiteSecrets};
use hosting::templates::{Kind, Manifest};
use hosting::{EdgeConfig, env_file};
use kit::{sql, testing};

/// The site `app_aaaaaaaa` of the customer `cust_aaaaaaaaaaaa`, as the store gives it out.
pub async fn site(name: &str, kind: Kind) -> Site {
    let test = testing::sqlite().await;
    let statements = [
        sql("insert into customer (id, name, name_folded, currency, created_at) values ('cust_aaaaaaaaaaaa', 'Ada', 'ada', 'EUR', 1)"),
        sql("insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets, owner_email,
                               certificate_state, certificate_attempt, created_at, updated_at)
             values ('app_aaaaaaaa', 'cust_aaaaaaaaaaaa', $1, $2, 'ada.sites.test', 'active', '1', 'rel_000000000000000001', 5, 'sealed',
                     'ada@example.test', 'valid', 0, 1, 1)")
        .bind(kind)
        .bind(SiteName::parse(name).unwrap()),
    ];
    for statement in statements {
        test.db.execute(statement).await.unwrap();
    }
    sites::get_any(&test.db, &SiteId::parse("app_aaaaaaaa").unwrap()).await.unwrap()
}

/// Secrets that say what they are.
pub fn secrets() -> SiteSecrets {
    SiteSecrets {
        db_password: "the-db-password".to_owned(),
        jwt_secret: "the-jwt-secret".to_owned(),
        session_secret: "the-session-secret".to_owned(),
        webhook_secret: "the-webhook-secret".to_owned(),
        owner_password: "the-owner-password".to_owned(),
        preview_password: String::new(),
    }
}

/// The site's `.env`.
pub fn env_file_of(site: &Site) -> String {
    let address = env_file::PublicAddress { url: format!("https://{}", site.domain) };
    env_file::render(&env_file::variables(site, &secrets(), &address), &[])
}

/// The site's `.env` with variables of its own.
pub fn env_file_with(site: &Site, own: &[(String, String)]) -> String {
    let address = env_file::PublicAddress { url: format!("https://{}", site.domain) };
    env_file::render(&env_file::variables(site, &secrets(), &address), own)
}

/// The site's `docker-compose.yaml`, its images named after their services.
pub fn compose_file_of(site: &Site, manifest: &Manifest) -> String {
    compose_file_with(site, manifest, &[])
}

/// The same, for a site that has variables of its own.
pub fn compose_file_with(site: &Site, manifest: &Manifest, variables: &[&str]) -> String {
    let images: BTreeMap<String, String> = manifest
        .built_services()
        .map(|service| (service.to_owned(), format!("innkeeper/{}-{service}:0123456789abcdef", manifest.kind)))
        .collect();
    let placement = Placement { images: &images, subnet: (Ipv4Addr::new(10, 213, 0, 80), 28), instance: "innkeeper-edge", variables };
    compose::render(site, manifest, &placement).unwrap()
}

/// An edge on the usual ports.
pub fn edge_config() -> EdgeConfig {
    EdgeConfig {
        project: "innkeeper-edge".to_owned(),
        address: Ipv4Addr::UNSPECIFIED.into(),
        http_port: 80,
        https_port: 443,
        api_port: 8099,
        acme_email: String::new(),
        acme_directory: "https://acme.example.test/dir".to_owned(),
        acme_ca: PathBuf::new(),
        trusted_roots: PathBuf::new(),
        hsts_seconds: 31_536_000,
        image: "traefik:v3".to_owned(),
    }
}
