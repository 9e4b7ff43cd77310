//! Passwords: what is accepted as one, and how they are hashed.
//!
//! argon2id with OWASP's second choice of parameters (19 MiB, two passes, one lane): as strong as its first choice
//! (46 MiB, one pass) and kinder to a small machine. Hashes run on the blocking pool, [`AT_ONCE`] at most, because each
//! holds its 19 MiB while it runs, and gives them back to the system when it is done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use kit::db::{FromValue, Value};
use kit::secrets::{Secret, constant_time_eq, hex};
use kit::{Error, Result};
use tokio::sync::Semaphore;

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Hashes that are computed at once; more would only take memory from each other on a small machine.
pub const AT_ONCE: usize = 2;
/// How long a hash waits for its turn before the person is asked to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// Fewest characters of a password.
const SHORTEST: usize = 10;
/// Most characters of a password.
const LONGEST: usize = 128;

/// Bytes reserved for a hash's memory, of which only the 19 MiB are touched.
///
/// glibc hands blocks of up to 32 MiB back to a pool of each thread instead of to the system: after forty sign-ins at
/// once, 300 MB stayed resident. Larger ones it always maps and unmaps.
const RESERVED: usize = 33 * 1024 * 1024;

static COMPUTED: AtomicU64 = AtomicU64::new(0);
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));

/// Verified in place of the hash of a member who does not exist, so that the answer takes as long. No password has it.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$aW5ua2VlcGVyLW5vYm9keQ$bm90IHRoZSBoYXNoIG9mIGFueSBwYXNzd29yZCBhdCA";

/// A password that was accepted as one.
#[derive(Debug, Clone)]
pub struct Password(Secret);

impl Password {
    /// Accepts 10–128 characters that are not a well-known password, a run or a repetition. Field: `password`.
    ///
    /// Nothing about kinds of characters: such rules make passwords worse (NIST SP 800-63B).
    pub fn parse(text: &Secret) -> Result<Password> {
        let refuse = |message: String| Err(Error::invalid("password", message));
        let length = text.reveal().chars().count();
        if !(SHORTEST..=LONGEST).contains(&length) {
            return refuse(format!("Choose {SHORTEST} to {LONGEST} characters; a few unrelated words are good."));
        }
        if is_well_known(text.reveal()) {
            return refuse("Too easy to guess. A few unrelated words are good.".to_owned());
        }
        Ok(Password(text.clone()))
    }
}

/// What passwords of ten characters and more are made of when lists of stolen ones are counted.
const WELL_KNOWN: &str = "\
    password passwort passw0rd p@ssword p@ssw0rd motdepasse contraseña letmein welcome willkommen iloveyou princess sunshine football baseball \
    superman batman dragon monkey master shadow michael jennifer qwerty qwertz azerty qwertyuiop asdfghjkl zxcvbnm 1q2w3e4r 1q2w3e4r5t 1qaz2wsx \
    qazwsx qazwsxedc q1w2e3r4 q1w2e3r4t5 abc123 admin administrator root changeme default secret login guest test testing temp innkeeper \
    hosting website 0123456789 1234567890 9876543210 0987654321 123123 1234 12345 123456 1234567 12345678 123456789 112233 121212 abcdefghij \
    abcdefghijklmnopqrstuvwxyz trustno1 whatever computer internet starwars pokemon liverpool chelsea arsenal charlie mustang";

/// Whether the text is made of well-known parts and trailing figures or marks alone, or of very few different characters.
fn is_well_known(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < 5 {
        return true;
    }
    let mut parts: Vec<&str> = WELL_KNOWN.split_ascii_whitespace().collect();
    parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
    let mut rest = lower;
    for part in parts {
        rest = rest.replace(part, "");
    }
    // Years and marks behind a well-known word are the first thing that guessers try.
    let letters = rest.chars().filter(|c| c.is_alphabetic()).count();
    let left = rest.chars().count();
    left < text.chars().count() && letters == 0 && left <= 5
}

/// A stored hash, as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(String);

impl From<&PasswordHash> for Value {
    fn from(hash: &PasswordHash) -> Value {
        Value::Text(hash.0.clone())
    }
}

impl FromValue for PasswordHash {
    fn from_value(value: Value) -> Result<PasswordHash> {
        String::from_value(value).map(PasswordHash)
    }
}

/// What verifying has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another password, or no member.
    Wrong,
    /// The password.
    Right,
    /// The password, hashed with parameters that are no longer ours.
    RightButOutdated,
}

/// How many hashes this process has computed: for metrics, and for tests of what must not be computed.
pub fn hashes_computed() -> u64 {
    COMPUTED.load(Ordering::Relaxed)
}

fn parameters() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within argon2's limits")
}

fn compute(argon2: &Argon2<'_>, password: &Secret, salt: &[u8]) -> Result<Output> {
    COMPUTED.fetch_add(1, Ordering::Relaxed);
    let blocks = argon2.params().block_count();
    let mut memory = Vec::with_capacity(blocks.max(RESERVED / Block::SIZE));
    memory.resize(blocks, Block::default());
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2
        .hash_password_into_with_memory(password.reveal().as_bytes(), salt, &mut out, &mut memory)
        .map_err(|error| Error::internal(format!("hashing a password: {error}")))?;
    Output::new(&out).map_err(|error| Error::internal(format!("hashing a password: {error}")))
}

/// Hashes a new password with a salt of its own.
pub(crate) async fn hash(password: &Password) -> Result<PasswordHash> {
    hash_again(&password.0).await
}

/// Hashes a password that was accepted when it was chosen, by whatever rules then.
pub(crate) async fn hash_again(password: &Secret) -> Result<PasswordHash> {
    let password = password.clone();
    in_turn(move || {
        let broken = |error: &dyn std::fmt::Display| Error::internal(format!("encoding a password hash: {error}"));
        let params = parameters();
        let salt = Salt::generate();
        let hash = compute(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()), &password, &salt)?;
        let encoded = Phc {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(|error| broken(&error))?,
            salt: Some(salt),
            hash: Some(hash),
        };
        Ok(PasswordHash(encoded.to_string()))
    })
    .await
}

/// Compares a password with a hash; with no hash it takes as long and is wrong.
pub(crate) async fn verify(password: &Secret, hash: Option<&PasswordHash>) -> Result<Verdict> {
    // Longer ones were never accepted; hashing them would only be work for nothing.
    let password = if password.reveal().len() > LONGEST * 4 { Secret::default() } else { password.clone() };
    let somebody = hash.is_some();
    let hash = hash.map_or_else(|| NOBODYS_HASH.to_owned(), |hash| hash.0.clone());
    in_turn(move || {
        let malformed = || Error::internal("a stored password hash is malformed");
        let stored = Phc::new(&hash).map_err(|_| malformed())?;
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(|_| malformed())?;
        let params = Params::try_from(&stored).map_err(|_| malformed())?;
        let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else { return Err(malformed()) };
        let found = compute(&Argon2::new(algorithm, Version::V0x13, params), &password, &salt)?;
        let matches = constant_time_eq(&hex(found.as_bytes()), &hex(expected.as_bytes()));
        Ok(match matches && somebody {
            false => Verdict::Wrong,
            true if is_current(&stored) => Verdict::Right,
            true => Verdict::RightButOutdated,
        })
    })
    .await
}

fn is_current(stored: &Phc) -> bool {
    stored.algorithm.as_str() == "argon2id"
        && Params::try_from(stored).is_ok_and(|params| (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES))
}

/// Computes on the blocking pool when a place is free. The place goes with the work: a caller who leaves frees nothing.
async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let busy = |_| Error::unavailable("Too many people are signing in at once. Please try again.");
    let place = tokio::time::timeout(PATIENCE, PLACES.clone().acquire_owned()).await.map_err(busy)?;
    let place = place.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(move || {
        let _place = place;
        work()
    })
    .await
    .map_err(|panic| Error::internal(format!("a password task panicked: {panic}")))?
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};

    use super::*;

    fn parse(text: &str) -> Result<Password> {
        Password::parse(&Secret::new(text))
    }

    #[test]
    fn phrases_are_accepted_and_the_well_known_is_not() {
        for good in [
            "correct horse battery staple",
            "tangerine-42-lamp",
            "пароль из слов",
            "        x  yz abc",
            "password for my garden shed",
            "q8F!z0_pLm",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "short",
            "123456789",
            "1234567890",
            "password123",
            "Password1234!",
            "PASSWORD2024",
            "qwertyuiop",
            "iloveyou123",
            "innkeeper2025",
            "aaaaaaaaaaaa",
            "abababababab",
            "1q2w3e4r5t",
            "passwordpassword",
            "letmein12345",
            "admin admin!",
            "0123456789",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"aé wörd ".repeat(16)).is_ok());
        assert!(parse(&"aé wörd ".repeat(17)).is_err());
    }

    #[tokio::test]
    async fn a_hash_is_of_its_password_and_salted() {
        let password = parse("correct horse battery").unwrap();
        let (first, second) = (hash(&password).await.unwrap(), hash(&password).await.unwrap());
        assert!(first != second && first.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(verify(&password.0, Some(&first)).await.unwrap(), Verdict::Right);
        // The library reads what we write, as it reads everybody's.
        assert!(Argon2::default().verify_password(password.0.reveal().as_bytes(), first.0.as_str()).is_ok());
        assert_eq!(verify(&Secret::new("correct horse batterz"), Some(&first)).await.unwrap(), Verdict::Wrong);
        assert_eq!(verify(&password.0, None).await.unwrap(), Verdict::Wrong);
        assert_eq!(verify(&Secret::default(), None).await.unwrap(), Verdict::Wrong);
        assert!(verify(&password.0, Some(&PasswordHash("nonsense".to_owned()))).await.is_err());
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_still_opens_and_is_outdated() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1024, 1, 1, None).unwrap());
        let stored = PasswordHash(weak.hash_password(b"correct horse battery").unwrap().to_string());
        assert_eq!(verify(&Secret::new("correct horse battery"), Some(&stored)).await.unwrap(), Verdict::RightButOutdated);
        assert_eq!(verify(&Secret::new("wrong horse battery"), Some(&stored)).await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn the_hash_of_nobody_costs_what_a_members_hash_costs() {
        assert!(is_current(&Phc::new(NOBODYS_HASH).unwrap()));
    }

    #[test]
    fn passwords_do_not_print() {
        assert!(!format!("{:?}", parse("correct horse battery").unwrap()).contains("horse"));
    }
}
