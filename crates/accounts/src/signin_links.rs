//! One-time sign-in links, made at the command line: for the demo, and for an admin who is locked out.

use std::time::Duration;

use kit::secrets::{Secret, sha256_hex};
use kit::{Clock, Db, Error, Result, sql};
use serde_json::json;

use crate::{Actor, Client, How, MemberId, SignedIn, members, new_token, sessions};

/// How long a link works.
pub const LIFE: Duration = Duration::from_secs(15 * 60);

/// The token of a new link for the member. For the command line alone: whoever holds it is the member.
pub async fn create(db: &Db, clock: &Clock, actor: &Actor, member: &MemberId) -> Result<Secret> {
    if *actor.how() != How::Cli {
        return Err(Error::forbidden("Sign-in links are made at the command line."));
    }
    db.write(async |tx| {
        let found = members::require(&tx, member).await?;
        let (token, token_hash) = new_token();
        let now = clock.now();
        tx.execute(
            sql("insert into signin_link (token_hash, member_id, created_at, expires_at) values ($1, $2, $3, $4)")
                .bind(token_hash)
                .bind(member)
                .bind(now)
                .bind(now.plus(LIFE)),
        )
        .await?;
        members::told(&tx, clock, actor, found.role.customer(), "signin_link.create", member, json!({ "name": found.name })).await?;
        Ok(token)
    })
    .await
}

/// Whether the link's token still works, for the page with the button. Uses nothing up.
pub async fn check(db: &Db, clock: &Clock, token: &str) -> Result<bool> {
    let found: Option<(i64,)> = db
        .optional(
            sql("select cast(1 as bigint) from signin_link where token_hash = $1 and expires_at > $2")
                .bind(sha256_hex(token))
                .bind(clock.now()),
        )
        .await?;
    Ok(found.is_some())
}

/// Signs the link's member in. Works once.
pub async fn sign_in(db: &Db, clock: &Clock, client: &Client, token: &str) -> Result<SignedIn> {
    db.write(async |tx| {
        let used: Option<(MemberId,)> = tx
            .optional(
                sql("delete from signin_link where token_hash = $1 and expires_at > $2 returning member_id")
                    .bind(sha256_hex(token))
                    .bind(clock.now()),
            )
            .await?;
        let (member,) = used.ok_or_else(|| Error::not_found("the link (it works once and for 15 minutes)"))?;
        sessions::open(&tx, clock, client, &member, "link").await
    })
    .await
}
