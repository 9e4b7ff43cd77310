//! Secrets: values that never print, the instance key that seals them at rest, random tokens and their hashes.

use std::fmt;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::RngExt;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Context, Error, Result};

/// A text that neither `Debug`, `Display` nor serialization shows.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "Secret(empty)" } else { "Secret(••••••)" })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { "••••••" })
    }
}

/// `length` characters of `A–Z a–z 0–9` (5.95 bits each): safe in URLs, `.env` files, DSNs and shells alike.
pub fn random_alphanumeric(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// SHA-256 in hex: how tokens of full entropy are stored, so that a stolen database holds no token.
pub fn sha256_hex(data: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(data.as_ref()))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// HMAC-SHA-256 of `data` in lower-case hex, as webhooks are signed.
pub fn hmac_sha256_hex(key: &str, data: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(data);
    hex(&mac.finalize().into_bytes())
}

/// Compares in time that does not depend on where the texts differ.
pub fn constant_time_eq(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// The key of one installation; seals secrets in the database.
#[derive(Clone)]
pub struct InstanceKey(Arc<[u8; 32]>);

impl fmt::Debug for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstanceKey(••••••)")
    }
}

impl InstanceKey {
    /// A key that lives as long as the process: for tests.
    pub fn ephemeral() -> InstanceKey {
        InstanceKey(Arc::new(rand::rng().random()))
    }

    /// Reads the key at `path`, or makes one there on first start (0600 from creation).
    ///
    /// Fails on a key of the wrong size rather than making a new one: a new key could open none of the old seals.
    pub fn load_or_create(path: &Path) -> Result<InstanceKey> {
        match std::fs::read(path) {
            Ok(bytes) => {
                let key: [u8; 32] = bytes.try_into().map_err(|_| {
                    Error::invalid(
                        "data",
                        format!("the instance key {} is damaged: it must hold 32 bytes; restore it from your backup", path.display()),
                    )
                })?;
                Ok(InstanceKey(Arc::new(key)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                create_key(path).context(format!("creating the instance key {}", path.display()))?;
                InstanceKey::load_or_create(path)
            }
            Err(error) => Err(error).context(format!("reading the instance key {}", path.display())),
        }
    }

    /// Seals `plain` for `purpose`; a seal opens only for the same purpose (XChaCha20-Poly1305, random nonce).
    pub fn seal(&self, purpose: &str, plain: &str) -> String {
        let nonce: [u8; 24] = rand::rng().random();
        let cipher = XChaCha20Poly1305::new(self.0.as_slice().try_into().expect("32 bytes"));
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain.as_bytes(), aad: purpose.as_bytes() })
            .expect("memory is large enough to encrypt");
        URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// Opens a seal. A seal that does not open stops the operation: it never becomes an empty value.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Secret> {
        let broken = || Error::internal(format!("a sealed `{purpose}` does not open with this installation's key"));
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| broken())?;
        let (nonce, body) = bytes.split_at_checked(24).ok_or_else(broken)?;
        let nonce: [u8; 24] = nonce.try_into().map_err(|_| broken())?;
        let cipher = XChaCha20Poly1305::new(self.0.as_slice().try_into().expect("32 bytes"));
        let plain = cipher.decrypt(&XNonce::from(nonce), Payload { msg: body, aad: purpose.as_bytes() }).map_err(|_| broken())?;
        Ok(Secret(String::from_utf8(plain).map_err(|_| broken())?))
    }
}

/// Writes a new key to `path` whole or not at all, and never over another one: of two that start together, one wins.
fn create_key(path: &Path) -> std::io::Result<()> {
    let partial = path.with_extension(format!("new-{}", random_alphanumeric(8)));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(&rand::rng().random::<[u8; 32]>())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&partial, path);
    std::fs::remove_file(&partial)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => std::fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seal_opens_only_with_the_same_key_and_purpose() {
        let key = InstanceKey::ephemeral();
        let sealed = key.seal("site.env", "hunter2");
        assert_eq!(key.open("site.env", &sealed).unwrap().reveal(), "hunter2");
        assert!(key.open("token", &sealed).is_err());
        assert!(InstanceKey::ephemeral().open("site.env", &sealed).is_err());
        assert!(key.open("site.env", "").is_err());
    }

    #[test]
    fn key_file_is_private_and_a_damaged_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instance.key");
        let sealed = InstanceKey::load_or_create(&path).unwrap().seal("a", "b");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(InstanceKey::load_or_create(&path).unwrap().open("a", &sealed).unwrap().reveal(), "b");
        std::fs::write(&path, b"short").unwrap();
        assert!(InstanceKey::load_or_create(&path).is_err());
    }

    #[test]
    fn hmac_is_that_of_rfc_4231_and_of_githubs_documentation() {
        assert_eq!(
            hmac_sha256_hex("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hmac_sha256_hex("It's a Secret to Everybody", b"Hello, World!"),
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&secret).unwrap().contains("hunter2"));
    }
}
