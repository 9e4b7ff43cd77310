//! Where `scripts/services.sh` put the real parts.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Addresses and files of the test services.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Surroundings {
    /// ACME directory as a container sees it.
    pub acme_directory: String,
    /// Root of the ACME server's own certificate.
    pub acme_ca: PathBuf,
    /// Root of what it issues.
    pub acme_root: PathBuf,
    /// Port where it looks for the challenge.
    pub http_port: u16,
    /// The edge's HTTPS port.
    pub https_port: u16,
}

/// A variable of the test services, or a failure that says what to do.
pub fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the test environment names its services")]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("{name} is not set: run `scripts/services.sh up` and `. target/run/env`"))
}

impl Surroundings {
    /// Reads the environment.
    pub fn read() -> Surroundings {
        let port = |name| variable(name).parse().expect("a port");
        Surroundings {
            acme_directory: variable("INNKEEPER_TEST_ACME_DIRECTORY").replace("localhost", "host.docker.internal"),
            acme_ca: variable("INNKEEPER_TEST_ACME_CA").into(),
            acme_root: variable("INNKEEPER_TEST_ACME_ROOT").into(),
            http_port: port("INNKEEPER_TEST_ACME_HTTP_PORT"),
            https_port: port("INNKEEPER_TEST_ACME_HTTPS_PORT"),
        }
    }
}

/// Where the name server of the ACME server is told what names to give out, unless the environment names another place.
const NAME_SERVER: &str = "http://127.0.0.1:8055";

/// Lets the ACME server find `host` at `address` instead of on this machine.
pub async fn move_name(host: &str, address: Ipv4Addr) {
    tell_name_server("/add-a", serde_json::json!({ "host": format!("{host}."), "addresses": [address] })).await;
}

/// Lets the ACME server find `host` on this machine again.
pub async fn move_name_back(host: &str) {
    tell_name_server("/clear-a", serde_json::json!({ "host": format!("{host}.") })).await;
}

async fn tell_name_server(path: &str, what: serde_json::Value) {
    #[expect(clippy::disallowed_methods, reason = "the test environment names its services")]
    let server = std::env::var("INNKEEPER_TEST_NAME_SERVER").unwrap_or_else(|_| NAME_SERVER.to_owned());
    let client = kit::fetch::internal_client().expect("a client");
    let answer = client.post(format!("{server}{path}")).json(&what).send().await;
    let answer = answer.unwrap_or_else(|error| panic!("the name server does not answer ({error}): run `scripts/services.sh up pebble`"));
    assert!(answer.status().is_success(), "the name server refuses: {}", answer.status());
}
