//! A forgotten password, replaced by a link in a mail. Whoever asks learns nothing about who is a member.

use std::time::Duration;

use kit::mail::Mailer;
use kit::secrets::sha256_hex;
use kit::{Clock, Db, Error, Result, sql};
use serde_json::json;

use crate::actor::Recognised;
use crate::throttle::{self, Key};
use crate::{Client, Email, MemberId, Password, links, mails, members, new_token, passwords, sessions};

/// How long a link works.
pub const LIFE: Duration = Duration::from_secs(3600);
/// Every answer takes at least this long, so that the work done for a member does not show.
const ANSWER_AFTER: Duration = Duration::from_millis(250);

/// Sends a link to the member with this address, if there is one; says and takes the same if there is none.
///
/// [`Error::Throttled`] after a few requests for one address or from one client, member or not. `base_url` is the
/// configured public address.
pub async fn request(db: &Db, clock: &Clock, mailer: &Mailer, client: &Client, base_url: &str, email: &str) -> Result<()> {
    let email = Email::parse(email)?;
    let work = db.write(async |tx| {
        throttle::hit(&tx, clock, &Key::account("reset", email.as_str()), &throttle::MAIL_TO_ONE).await?;
        throttle::hit(&tx, clock, &Key::address("reset", client.ip), &throttle::MAIL_FROM_ONE).await?;
        let found: Option<Recognised> =
            tx.optional(sql("select id, name, email, role, customer_id, theme from member where email = $1").bind(&email)).await?;
        let Some(member) = found else { return Ok(()) };
        let (token, token_hash) = new_token();
        let now = clock.now();
        tx.execute(
            sql("insert into password_reset (token_hash, member_id, created_at, expires_at) values ($1, $2, $3, $4)")
                .bind(token_hash)
                .bind(&member.id)
                .bind(now)
                .bind(now.plus(LIFE)),
        )
        .await?;
        mailer.queue(&tx, &mails::reset(&member.email, &member.name, &links::reset(base_url, &token))).await.map(|_| ())
    });
    let (outcome, ()) = tokio::join!(work, tokio::time::sleep(ANSWER_AFTER));
    outcome
}

/// Whether the link's token still works, for the page that asks for the new password. Uses nothing up.
pub async fn check(db: &Db, clock: &Clock, token: &str) -> Result<bool> {
    let found: Option<(i64,)> = db
        .optional(
            sql("select cast(1 as bigint) from password_reset where token_hash = $1 and expires_at > $2")
                .bind(sha256_hex(token))
                .bind(clock.now()),
        )
        .await?;
    Ok(found.is_some())
}

/// Replaces the password and ends all of the member's sessions; the link and its siblings are used up.
pub async fn complete(db: &Db, clock: &Clock, client: &Client, token: &str, password: Password) -> Result<MemberId> {
    let gone = || Error::not_found("the link (it works once and for one hour)");
    // Looked up first, so that nobody without a link can have us hash.
    if !check(db, clock, token).await? {
        return Err(gone());
    }
    let hash = passwords::hash(&password).await?;
    db.write(async |tx| {
        let used: Option<(MemberId,)> = tx
            .optional(
                sql("delete from password_reset where token_hash = $1 and expires_at > $2 returning member_id")
                    .bind(sha256_hex(token))
                    .bind(clock.now()),
            )
            .await?;
        let (id,) = used.ok_or_else(gone)?;
        let actor = members::by_link(&tx, &id, client).await?;
        tx.execute(sql("update member set password_hash = $2 where id = $1").bind(&id).bind(&hash)).await?;
        members::void_links(&tx, &id).await?;
        let ended = sessions::end_all(&tx, &id, None).await?;
        if let Some(email) = actor.email() {
            throttle::clear(&tx, &sessions::GuessKeys::account(email.as_str())).await?;
        }
        members::told(&tx, clock, &actor, actor.customer(), "member.reset", &id, json!({ "sessions_ended": ended })).await?;
        Ok(id)
    })
    .await
}
