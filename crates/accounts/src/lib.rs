//! Who may do what: customers, members, sign-in, sessions, API tokens, invitations, throttling, the audit log.
//!
//! Knows nothing of sites and nothing of HTTP. Whoever asks is an [`Actor`], which only a valid session, a valid API
//! token or the machine itself can be; every function here checks the actor's permission and [`Scope`] on its own, so
//! that a forgotten check in a handler is a missing courtesy and not a hole.

pub mod actor;
pub mod audit;
pub mod customers;
pub mod invitations;
pub mod lasting;
pub mod links;
pub mod members;
pub mod names;
pub mod passwords;
pub mod resets;
pub mod samples;
pub mod sending;
pub mod sessions;
pub mod setup;
pub mod signin_links;
pub mod throttle;
pub mod tokens;

mod mails;

use std::net::IpAddr;

use kit::secrets::{Secret, random_alphanumeric, sha256_hex};
use kit::{Clock, Db, Result, id_type, sql};

pub use actor::{Actor, How, Permission, Role, Scope, Standing, TokenScope, TokenScopes};
pub use audit::{AuditQuery, AuditRow};
pub use customers::{Customer, CustomerOrder, CustomerQuery, NewCustomer};
pub use invitations::{Invitation, Invited, NewInvitation};
pub use members::{Member, NewMember, Theme};
pub use names::{Currency, CustomerName, Email, Label, PersonName};
pub use passwords::Password;
pub use sending::SendingLimits;
pub use sessions::{Session, SignedIn};
pub use setup::FirstAdmin;
pub use tokens::{NewToken, NewlyMade, Token};

id_type!(
    /// An account: `customer_uuid` outside.
    CustomerId, "cust_", random 12
);
id_type!(
    /// A person who signs in.
    MemberId, "mem_"
);
id_type!(
    /// One signed-in browser. Not the secret in its cookie.
    SessionId, "ses_"
);
id_type!(
    /// One API token. Not its secret.
    TokenId, "tok_"
);
id_type!(
    /// One open invitation. Not the secret in its link.
    InvitationId, "inv_"
);
id_type!(
    /// One row of the audit log.
    AuditId, "aud_"
);

/// Who is at the other end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The peer's address, or what a trusted proxy said it is.
    pub ip: IpAddr,
    /// What the browser calls itself, shortened.
    pub user_agent: String,
}

impl Client {
    /// Takes the address in its plain form and the first 200 printable characters of the user agent.
    pub fn new(ip: IpAddr, user_agent: &str) -> Client {
        let user_agent = user_agent.chars().filter(|c| !names::misleads(*c)).take(200).collect();
        Client { ip: ip.to_canonical(), user_agent }
    }
}

/// One page of a list, and what to ask for the next one with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The rows.
    pub items: Vec<T>,
    /// The last row's id, when more rows follow.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Cuts the one row off that was read only to know whether more follow.
    pub(crate) fn cut(mut rows: Vec<T>, limit: u32, id: impl Fn(&T) -> C) -> Page<T, C> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(id);
        Page { items: rows, next }
    }
}

/// The largest page that a list gives out.
pub const MAX_PAGE: u32 = 200;

/// Deletes sessions, links, invitations and counters that have run out. Returns how many rows went.
pub async fn sweep(db: &Db, clock: &Clock) -> Result<u64> {
    let now = clock.now();
    db.write(async |tx| {
        let mut gone = 0;
        for expired in [
            "delete from session where ends_at <= $1",
            "delete from password_reset where expires_at <= $1",
            "delete from signin_link where expires_at <= $1",
            "delete from invitation where expires_at <= $1",
        ] {
            gone += tx.execute(sql(expired).bind(now)).await?;
        }
        gone += tx.execute(sql("delete from throttle where last_at <= $1").bind(now.minus(throttle::KEPT))).await?;
        Ok(gone)
    })
    .await
}

/// A random token of 256 bits, and the hash under which it is stored.
fn new_token() -> (Secret, String) {
    let token = random_alphanumeric(43);
    let hash = sha256_hex(&token);
    (Secret::new(token), hash)
}
