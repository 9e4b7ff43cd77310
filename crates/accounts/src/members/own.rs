//! What members change about themselves, and what admins change for them.

use kit::secrets::Secret;
use kit::{Clock, Db, Error, Result, Tx, sql};
use serde_json::json;

use super::{Theme, by_id, or_taken, session_of, told, within_reach};
use crate::passwords::{self, PasswordHash, Verdict};
use crate::sessions::{self, GuessKeys};
use crate::{Actor, Client, Email, MemberId, Password, Permission, PersonName, Role};

/// Gives a member another name: oneself, or someone within reach of an actor who may change members.
pub async fn rename(db: &Db, clock: &Clock, actor: &Actor, id: &MemberId, name: PersonName) -> Result<()> {
    if !actor.is_in_person(id) {
        actor.may(Permission::WriteMembers)?;
    }
    db.write(async |tx| {
        let member = within_reach(actor, tx.optional(by_id(id)).await?)?;
        if member.name == name {
            return Ok(());
        }
        tx.execute(sql("update member set name = $2 where id = $1").bind(id).bind(&name)).await?;
        told(&tx, clock, actor, member.role.customer(), "member.rename", id, json!({ "from": member.name, "to": name })).await
    })
    .await
}

/// Gives a member another address.
///
/// Oneself, with the current password (field `current_password`), so that a borrowed browser cannot take the account;
/// or an admin for someone else. Links already sent to the old address are void.
pub async fn change_email(
    db: &Db,
    clock: &Clock,
    actor: &Actor,
    id: &MemberId,
    email: Email,
    current_password: Option<&Secret>,
) -> Result<()> {
    if actor.is_in_person(id) {
        prove_oneself(db, clock, actor, id, current_password).await?;
    } else {
        actor.may(Permission::WriteMembers)?;
        if *actor.role() != Role::Admin {
            return Err(Error::forbidden("Only they themselves or an admin can change their mail address."));
        }
    }
    db.write(async |tx| {
        let member = within_reach(actor, tx.optional(by_id(id)).await?)?;
        if member.email == email {
            return Ok(());
        }
        tx.execute(sql("update member set email = $2 where id = $1").bind(id).bind(&email)).await.map_err(or_taken)?;
        void_links(&tx, id).await?;
        tx.execute(sql("delete from invitation where email = $1").bind(&email)).await?;
        told(&tx, clock, actor, member.role.customer(), "member.email", id, json!({ "from": member.email, "to": email })).await
    })
    .await
}

/// Changes the actor's own password (fields `current_password`, `password`) and ends their other sessions.
///
/// A member who has none yet may set one without naming the current one.
pub async fn change_password(db: &Db, clock: &Clock, actor: &Actor, current: &Secret, new: Password) -> Result<()> {
    actor.may(Permission::OwnAccount)?;
    let id = actor.member_id().ok_or_else(|| Error::forbidden("Only a member has a password."))?;
    let before = prove_oneself(db, clock, actor, id, Some(current)).await?;
    let hash = passwords::hash(&new).await?;
    db.write(async |tx| {
        let member = within_reach(actor, tx.optional(by_id(id)).await?)?;
        // Two changes at once: the later one proved a password that is no more.
        if stored_hash(&tx, id).await? != before {
            return Err(not_the_current_one());
        }
        tx.execute(sql("update member set password_hash = $2 where id = $1").bind(id).bind(&hash)).await?;
        void_links(&tx, id).await?;
        let ended = sessions::end_all(&tx, id, session_of(actor)).await?;
        told(&tx, clock, actor, member.role.customer(), "member.password", id, json!({ "sessions_ended": ended })).await
    })
    .await
}

/// Remembers how the actor likes pages to look.
pub async fn set_theme(db: &Db, actor: &Actor, theme: Theme) -> Result<()> {
    actor.may(Permission::OwnAccount)?;
    db.execute(sql("update member set theme = $2 where id = $1").bind(actor.member_id()).bind(theme)).await.map(|_| ())
}

/// Compares the current password of whoever asks in person, with the same limits as signing in. Returns the hash it had.
async fn prove_oneself(db: &Db, clock: &Clock, actor: &Actor, id: &MemberId, password: Option<&Secret>) -> Result<Option<PasswordHash>> {
    let stored: Option<(Option<PasswordHash>,)> = db.optional(sql("select password_hash from member where id = $1").bind(id)).await?;
    let Some(hash) = stored.and_then(|(hash,)| hash) else { return Ok(None) };
    let (Some(password), Some(email), Some(ip)) = (password, actor.email(), actor.ip()) else { return Err(not_the_current_one()) };
    let keys = GuessKeys::of(email.as_str(), &Client::new(ip, ""));
    keys.hit(db, clock).await?;
    if passwords::verify(password, Some(&hash)).await? == Verdict::Wrong {
        return Err(not_the_current_one());
    }
    db.write(async |tx| keys.forgive(&tx).await).await?;
    Ok(Some(hash))
}

fn not_the_current_one() -> Error {
    Error::invalid("current_password", "This is not your current password.")
}

async fn stored_hash(tx: &Tx, id: &MemberId) -> Result<Option<PasswordHash>> {
    let found: Option<(Option<PasswordHash>,)> = tx.optional(sql("select password_hash from member where id = $1").bind(id)).await?;
    Ok(found.and_then(|(hash,)| hash))
}

/// Links in mails that were sent before something decisive changed must not work after it.
pub(crate) async fn void_links(tx: &Tx, member: &MemberId) -> Result<()> {
    tx.execute(sql("delete from password_reset where member_id = $1").bind(member)).await?;
    tx.execute(sql("delete from signin_link where member_id = $1").bind(member)).await?;
    Ok(())
}
