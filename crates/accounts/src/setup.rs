//! The first admin. There is no default password: whoever starts the house is shown a one-time link.
//!
//! Closed for good once it was used, and while there is an admin: no later event opens it again.

use std::time::Duration;

use kit::secrets::{Secret, sha256_hex};
use kit::{Clock, Db, Error, Result, Tx, sql};
use serde_json::json;

use crate::{Client, Email, Password, PersonName, Role, SignedIn, members, new_token, passwords, sessions};

/// How long a link works; the next start prints a new one.
pub const LIFE: Duration = Duration::from_secs(24 * 3600);

/// Who sets the house up.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    /// What they are called.
    pub name: PersonName,
    /// Their address.
    pub email: Email,
    /// Their password.
    pub password: Password,
}

/// Whether nobody has set the house up yet.
pub async fn is_open(db: &Db) -> Result<bool> {
    let closed: (i64,) = db.one(sql(CLOSED)).await?;
    Ok(closed.0 == 0)
}

/// How many reasons there are for set-up to be closed.
const CLOSED: &str = "select cast((select count(*) from setup where completed_at is not null)
    + (select count(*) from member where role = 'admin') as bigint)";

/// A new link's token for the caller to print, in place of any earlier one; `None` once set-up is closed.
pub async fn ensure_link(db: &Db, clock: &Clock) -> Result<Option<Secret>> {
    db.write(async |tx| {
        if is_closed(&tx).await? {
            return Ok(None);
        }
        let (token, token_hash) = new_token();
        tx.execute(
            sql("insert into setup (id, token_hash, expires_at) values ('setup', $1, $2)
                 on conflict (id) do update set token_hash = $1, expires_at = $2")
            .bind(token_hash)
            .bind(clock.now().plus(LIFE)),
        )
        .await?;
        Ok(Some(token))
    })
    .await
}

async fn is_closed(tx: &Tx) -> Result<bool> {
    let closed: (i64,) = tx.one(sql(CLOSED)).await?;
    Ok(closed.0 > 0)
}

/// Whether the link's token still works, for the page that asks who they are. Uses nothing up.
pub async fn check(db: &Db, clock: &Clock, token: &str) -> Result<bool> {
    let found: Option<(i64,)> = db
        .optional(
            sql("select cast(1 as bigint)
                 from setup
                 where token_hash = $1 and expires_at > $2 and completed_at is null
                 and not exists (select 1 from member where role = 'admin')")
            .bind(sha256_hex(token))
            .bind(clock.now()),
        )
        .await?;
    Ok(found.is_some())
}

/// Makes the first admin, signs them in and closes set-up for good. Of several at once, one comes through.
///
/// [`Error::Conflict`] when somebody was first, [`Error::NotFound`] for a wrong or expired link.
pub async fn complete(db: &Db, clock: &Clock, client: &Client, token: &str, admin: FirstAdmin) -> Result<SignedIn> {
    let gone = || Error::not_found("the set-up link (it works once and for 24 hours; a restart prints a new one)");
    let done = || Error::conflict("Innkeeper is set up already. Please sign in.");
    // Looked up first, so that nobody without the link can have us hash.
    if !check(db, clock, token).await? {
        return Err(if is_open(db).await? { gone() } else { done() });
    }
    let hash = passwords::hash(&admin.password).await?;
    db.write(async |tx| {
        if is_closed(&tx).await? {
            return Err(done());
        }
        let used = tx
            .execute(
                sql("update setup set completed_at = $2, token_hash = null
                     where token_hash = $1 and expires_at > $2 and completed_at is null")
                .bind(sha256_hex(token))
                .bind(clock.now()),
            )
            .await?;
        if used == 0 {
            return Err(gone());
        }
        let id = members::insert(&tx, clock, &admin.name, &admin.email, &Role::Admin, Some(&hash)).await?;
        let actor = members::by_link(&tx, &id, client).await?;
        members::told(&tx, clock, &actor, None, "setup.complete", &id, json!({ "name": admin.name, "email": admin.email })).await?;
        sessions::open(&tx, clock, client, &id, "setup").await
    })
    .await
}
