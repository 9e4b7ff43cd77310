//! Who sends: an API token with the scope `events:write`, looked up once in some seconds and not for each request.
//!
//! So a token that was revoked opens these doors a few seconds longer, and no other one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use accounts::{Actor, Client, CustomerId, How, Permission, SendingLimits, tokens};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kit::Result;
use kit::secrets::sha256_hex;
use tokio::time::Instant;

use crate::app::App;

/// How long an answer about a token holds.
const HOLDS: Duration = Duration::from_secs(5);
/// Tokens that are remembered, right and wrong ones alike; beyond, the older ones are forgotten.
const REMEMBERED: usize = 10_000;
/// Longer headers are no token.
const LONGEST: usize = 512;

/// Whose token it is.
#[derive(Debug, Clone)]
pub struct Sending {
    /// The token's id.
    pub token: String,
    /// The customer whose member has it; none for the house's people, who may send for any customer.
    pub tenant: Option<CustomerId>,
    /// How much the token may send.
    pub limits: SendingLimits,
}

/// Why a key does not open.
#[derive(Debug, Clone)]
pub enum Closed {
    /// No token, one that is not known, revoked or expired.
    Unknown,
    /// A token that may not send events; says why.
    NotAllowed(String),
}

/// What is known of tokens, by their hash, and since when.
type Known = HashMap<String, (Instant, Result<Sending, Closed>)>;

/// What is known of tokens.
#[derive(Default)]
pub struct Keys(Mutex<Known>);

impl Keys {
    /// Whose a key is.
    pub async fn whose(&self, app: &App, client: &Client, key: &str) -> Result<Result<Sending, Closed>> {
        if !key.starts_with(tokens::PREFIX) || key.len() > LONGEST {
            return Ok(Err(Closed::Unknown));
        }
        let name = sha256_hex(key);
        if let Some((_, known)) = self.lock().get(&name).filter(|(at, _)| at.elapsed() < HOLDS) {
            return Ok(known.clone());
        }
        let found = match tokens::authenticate(&app.db, &app.clock, client, key).await? {
            None => Err(Closed::Unknown),
            Some(actor) => match (sending(&actor), actor.how()) {
                (Ok(found), How::Token { id, .. }) => Ok(Sending { limits: accounts::sending::limits(&app.db, id).await?, ..found }),
                (found, _) => found,
            },
        };
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            known.retain(|_, (at, found)| found.is_ok() && at.elapsed() < HOLDS);
            if known.len() >= REMEMBERED {
                known.clear();
            }
        }
        known.insert(name, (Instant::now(), found.clone()));
        Ok(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever is recognised, as a sender of events without an end.
pub fn sending(actor: &Actor) -> Result<Sending, Closed> {
    if let Err(error) = actor.may(Permission::IngestEvents) {
        return Err(Closed::NotAllowed(error.public_message()));
    }
    let token = match actor.how() {
        How::Token { id, .. } => id.to_string(),
        _ => String::new(),
    };
    Ok(Sending { token, tenant: actor.customer().cloned(), limits: SendingLimits::default() })
}

/// The key that stands in the headers: `Bearer` as our API and PostHog's version 1 have it, `Basic` with the key as the name as
/// Segment has it.
pub fn in_headers(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if rest.len() > LONGEST {
        return None;
    }
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.to_owned()),
        "basic" => {
            let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
            let (name, password) = text.split_once(':').unwrap_or((&text, ""));
            Some(if name.is_empty() { password } else { name }.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_each_sdk_sends_them() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            in_headers(&headers)
        };
        assert_eq!(read("Bearer ink_a").as_deref(), Some("ink_a"));
        assert_eq!(read(&format!("Basic {}", STANDARD.encode("ink_a:"))).as_deref(), Some("ink_a"));
        assert_eq!(read(&format!("basic {}", STANDARD.encode(":ink_a"))).as_deref(), Some("ink_a"));
        for bad in
            ["Bearer", "Basic !", "Digest x", &format!("Bearer {}", "x".repeat(1000)), &format!("Basic {}", STANDARD.encode(b"\xff:"))]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
