//! Outgoing HTTP and TLS settings, made in one place.

mod addresses;
mod guarded;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

pub use addresses::{Allowed, why_not_public};
pub use guarded::{Answered, Guard, Lookup, NotSent};
pub use reqwest::Url;

use crate::{Context, Error, Result};

/// Chooses the process-wide TLS implementation. Call once at start; calling again does no harm.
pub fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A TLS client that trusts the system's roots and, if given, the PEM file at `extra_roots` (a private ACME server's).
pub fn tls_client_config(extra_roots: Option<&Path>) -> Result<rustls::ClientConfig> {
    install_tls();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = extra_roots {
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))? {
            roots.add(certificate.map_err(|error| unreadable(path, &error))?).context(format!("reading {}", path.display()))?;
        }
    }
    Ok(rustls::ClientConfig::builder().with_root_certificates(Arc::new(roots)).with_no_client_auth())
}

fn unreadable(path: &Path, error: &impl std::fmt::Display) -> Error {
    Error::unavailable(format!("the certificate file {} cannot be read: {error}", path.display()))
}

/// A client for services of our own on this host (Traefik's API): no proxy, no redirects, five seconds.
pub fn internal_client() -> Result<reqwest::Client> {
    install_tls();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .pool_max_idle_per_host(2)
        .build()
        .context("preparing the internal HTTP client")
}

/// A client for servers of others, by way of the proxy that the environment names: trusts the system's roots and the PEM file
/// at `extra_roots`, follows no redirects, five seconds.
pub fn outside_client(extra_roots: Option<&Path>) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls_client_config(extra_roots)?)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build()
        .context("preparing the HTTP client for servers of others")
}
