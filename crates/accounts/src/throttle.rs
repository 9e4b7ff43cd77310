//! Growing pauses for what may be guessed or flooded, counted in the database: they outlive a restart and hold for
//! several instances.
//!
//! A try is counted *before* it is made, in a transaction, so that tries made at once cannot all slip through; one that
//! succeeds is taken back. Tries that are refused here do not count, so that a flood cannot lengthen the pause.

use std::net::IpAddr;
use std::time::Duration;

use kit::secrets::sha256_hex;
use kit::{Clock, Db, Error, Result, Timestamp, Tx, sql};

use crate::Client;

/// How many tries are free and how the pauses grow from there: doubling.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Tries before the first pause.
    pub free: u32,
    /// The pause after the last free try.
    pub first_pause: Duration,
    /// What pauses do not grow beyond.
    pub longest_pause: Duration,
    /// After so long without a try, all is forgotten. At most [`KEPT`].
    pub forget_after: Duration,
}

/// Counters older than this are swept.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Wrong passwords, for one account as for one address: at the longest pause some 100 guesses a day.
pub const SIGN_IN: Limits =
    Limits { free: 5, first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(15 * 60), forget_after: KEPT };

/// Mails that anyone can have sent to a mailbox: three, then one a minute at best.
pub const MAIL_TO_ONE: Limits =
    Limits { free: 3, first_pause: Duration::from_secs(60), longest_pause: Duration::from_secs(3600), forget_after: KEPT };

/// Mails that one sender or one address can have sent to different mailboxes.
pub const MAIL_FROM_ONE: Limits = Limits {
    free: 20,
    first_pause: Duration::from_secs(60),
    longest_pause: Duration::from_secs(3600),
    forget_after: Duration::from_secs(3600),
};

impl Limits {
    /// The pause that follows the try of this number.
    fn pause_after(&self, hits: u32) -> Duration {
        match hits.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(beyond) => self.first_pause.saturating_mul(2_u32.saturating_pow(beyond)).min(self.longest_pause),
        }
    }
}

/// What is counted, of whom. Holds a hash, so that the table is no list of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// For one account or member: `text` is its mail address in normal form, or whatever was typed in place of one.
    pub fn account(what: &'static str, text: &str) -> Key {
        Key(format!("{what}:account:{}", sha256_hex(text.trim().to_lowercase())))
    }

    /// For one client address. IPv6 counts by /64, which is what one household or one rented machine gets.
    pub fn address(what: &'static str, ip: IpAddr) -> Key {
        let place = match ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        };
        Key(format!("{what}:address:{}", sha256_hex(place)))
    }
}

/// Counts a try, or refuses it with [`Error::Throttled`] while a pause lasts.
///
/// Commit before the try is made. When several keys are hit in one transaction, a refusal counts none of them.
pub async fn hit(tx: &Tx, clock: &Clock, key: &Key, limits: &Limits) -> Result<()> {
    let now = clock.now();
    let found: Option<(i64, Timestamp, Timestamp)> =
        tx.optional(sql("select hits, last_at, blocked_until from throttle where name = $1").bind(&key.0)).await?;
    let earlier = match found {
        None => 0,
        Some((_, last_at, _)) if now.since(last_at) >= limits.forget_after => 0,
        Some((hits, _, blocked_until)) => {
            let wait = blocked_until.since(now);
            // A pause longer than there can be is a clock that was set back: it would lock people out for as long.
            if !wait.is_zero() && wait <= limits.longest_pause {
                return Err(Error::Throttled { message: "Too many tries. Please wait a moment.".to_owned(), retry_after: wait });
            }
            u32::try_from(hits).unwrap_or(u32::MAX)
        }
    };
    let hits = earlier.saturating_add(1);
    tx.execute(
        sql("insert into throttle (name, hits, last_at, blocked_until) values ($1, $2, $3, $4)
             on conflict (name) do update set hits = $2, last_at = $3, blocked_until = $4")
        .bind(&key.0)
        .bind(hits)
        .bind(now)
        .bind(now.plus(limits.pause_after(hits))),
    )
    .await
    .map(|_| ())
}

/// Counts a token that nobody has, for the address that sent it; refuses when there were too many. Good tokens are never held up.
pub async fn count_wrong_token(db: &Db, clock: &Clock, client: &Client) -> Result<()> {
    db.write(async |tx| hit(&tx, clock, &Key::address("token", client.ip), &SIGN_IN).await).await
}

/// Forgets all tries: for an account whose owner has proved to be the owner.
pub async fn clear(tx: &Tx, key: &Key) -> Result<()> {
    tx.execute(sql("delete from throttle where name = $1").bind(&key.0)).await.map(|_| ())
}

/// Takes one counted try back because it succeeded: for an address, whose other tries may be someone else's guesses.
pub async fn refund(tx: &Tx, key: &Key) -> Result<()> {
    tx.execute(sql("update throttle set hits = hits - 1, blocked_until = last_at where name = $1 and hits > 0").bind(&key.0))
        .await
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let pauses: Vec<u64> = (1..=16).map(|hits| SIGN_IN.pause_after(hits).as_secs()).collect();
        assert_eq!(pauses, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(SIGN_IN.pause_after(u32::MAX).as_secs(), 900);
    }

    #[test]
    fn one_household_is_one_address() {
        let key = |ip: &str| Key::address("sign-in", ip.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.2"), key("192.0.2.1"));
        assert_eq!(Key::account("sign-in", " Ada@Example.test"), Key::account("sign-in", "ada@example.test"));
        assert_ne!(Key::account("sign-in", "ada@example.test"), Key::account("reset", "ada@example.test"));
    }
}
