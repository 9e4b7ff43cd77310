//! The addresses of one-time links, for mails, terminals and the router alike.
//!
//! The base is the configured public address; never the `Host` of a request, which the asker chooses.

use kit::secrets::Secret;

/// Where the first admin is set up.
pub const SETUP: &str = "/setup/";
/// Where a forgotten password is replaced.
pub const RESET: &str = "/reset/";
/// Where an invitation is accepted.
pub const INVITATION: &str = "/invitation/";
/// Where a one-time sign-in link is used.
pub const SIGN_IN: &str = "/sign-in/link/";

/// The link that sets the house up.
pub fn setup(base_url: &str, token: &Secret) -> Secret {
    link(base_url, SETUP, token)
}

/// The link that replaces a password.
pub fn reset(base_url: &str, token: &Secret) -> Secret {
    link(base_url, RESET, token)
}

/// The link that accepts an invitation.
pub fn invitation(base_url: &str, token: &Secret) -> Secret {
    link(base_url, INVITATION, token)
}

/// The link that signs in once.
pub fn sign_in(base_url: &str, token: &Secret) -> Secret {
    link(base_url, SIGN_IN, token)
}

fn link(base_url: &str, path: &str, token: &Secret) -> Secret {
    Secret::new(format!("{}{path}{}", base_url.trim_end_matches('/'), token.reveal()))
}
