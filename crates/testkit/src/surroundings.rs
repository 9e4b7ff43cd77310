//! Where `scripts/services.sh` put the real parts.

use std::path::PathBuf;

/// Addresses and files of the test services.
#[derive(Debug, Clone)]
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
