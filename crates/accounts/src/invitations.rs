//! Invitations: how people come in. The mail's link is the proof that the address is theirs.
//!
//! Admins invite anyone as anything; a customer's owners invite to their own customer. An invitation is void when the
//! one who made it loses their role, when it is renewed, and when the address becomes a member by another way.

use std::time::Duration;

use kit::db::{FromRow, Row, Sql};
use kit::mail::Mailer;
use kit::secrets::{Secret, sha256_hex};
use kit::{Clock, Db, Error, Result, Timestamp, Tx, sql};
use serde_json::json;

use crate::throttle::{self, Key};
use crate::{
    Actor, Client, CustomerId, CustomerName, Email, InvitationId, Password, Permission, PersonName, Role, SignedIn, audit, links, mails,
    members, new_token, passwords, sessions,
};

/// How long an invitation can be accepted.
pub const LIFE: Duration = Duration::from_secs(7 * 86_400);

/// An open invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Who is invited.
    pub email: Email,
    /// As what.
    pub role: Role,
    /// To which customer; staff to none.
    pub customer_name: Option<CustomerName>,
    /// Who invited, as they were called then.
    pub invited_by_name: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

impl FromRow for Invitation {
    fn from_row(row: &Row<'_>) -> Result<Invitation> {
        Ok(Invitation {
            id: row.get("id")?,
            email: row.get("email")?,
            role: Role::from_row(row)?,
            customer_name: row.get("customer_name")?,
            invited_by_name: row.get("invited_by_name")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

const SELECT: &str = "select invitation.id, invitation.email, invitation.role, invitation.customer_id, customer.name as customer_name,
       invitation.invited_by_name, invitation.created_at, invitation.expires_at
from invitation
left join customer on customer.id = invitation.customer_id";

/// Whom to invite, and as what.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Who.
    pub email: Email,
    /// As what.
    pub role: Role,
}

/// An invitation that was just written.
#[derive(Debug, Clone)]
pub struct Invited {
    /// Its id.
    pub id: InvitationId,
    /// Its link, to be shown once, for houses without a mail server.
    pub link: Secret,
}

/// Invites someone, in place of an earlier invitation of theirs to the same customer. [`Error::Conflict`] when they are a member already.
pub async fn create(db: &Db, clock: &Clock, mailer: &Mailer, actor: &Actor, base_url: &str, new: NewInvitation) -> Result<Invited> {
    actor.may(Permission::WriteMembers)?;
    db.write(async |tx| {
        members::may_grant(&tx, actor, &new.role).await?;
        let known: Option<(i64,)> = tx.optional(sql("select cast(1 as bigint) from member where email = $1").bind(&new.email)).await?;
        if known.is_some() {
            return Err(members::taken());
        }
        throttled(&tx, clock, actor, &new.email).await?;
        tx.execute(
            sql("delete from invitation where email = $1 and coalesce(customer_id, '') = coalesce(cast($2 as text), '')")
                .bind(&new.email)
                .bind(new.role.customer()),
        )
        .await?;
        let (token, token_hash) = new_token();
        let (id, now) = (InvitationId::new(clock), clock.now());
        tx.execute(
            sql("insert into invitation (id, email, role, customer_id, token_hash, invited_by, invited_by_name, created_at, expires_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(&id)
            .bind(&new.email)
            .bind(new.role.as_str())
            .bind(new.role.customer())
            .bind(token_hash)
            .bind(actor.member_id())
            .bind(actor.name())
            .bind(now)
            .bind(now.plus(LIFE)),
        )
        .await?;
        let invitation = require(&tx, actor, &id).await?;
        let link = write_to(&tx, mailer, actor, base_url, &invitation, &token).await?;
        told(&tx, clock, actor, &invitation, "invitation.create").await?;
        Ok(Invited { id, link })
    })
    .await
}

/// Sends the invitation once more, with a new link and another 7 days; the old link is void.
pub async fn resend(db: &Db, clock: &Clock, mailer: &Mailer, actor: &Actor, base_url: &str, id: &InvitationId) -> Result<Invited> {
    actor.may(Permission::WriteMembers)?;
    db.write(async |tx| {
        let invitation = require(&tx, actor, id).await?;
        // Who sends it again answers for it: an invitation is worth what its sender may grant.
        members::may_grant(&tx, actor, &invitation.role).await?;
        throttled(&tx, clock, actor, &invitation.email).await?;
        let (token, token_hash) = new_token();
        tx.execute(
            sql("update invitation set token_hash = $2, expires_at = $3, invited_by = $4, invited_by_name = $5 where id = $1")
                .bind(id)
                .bind(token_hash)
                .bind(clock.now().plus(LIFE))
                .bind(actor.member_id())
                .bind(actor.name()),
        )
        .await?;
        let link = write_to(&tx, mailer, actor, base_url, &invitation, &token).await?;
        told(&tx, clock, actor, &invitation, "invitation.resend").await?;
        Ok(Invited { id: id.clone(), link })
    })
    .await
}

/// Takes an invitation back.
pub async fn revoke(db: &Db, clock: &Clock, actor: &Actor, id: &InvitationId) -> Result<()> {
    actor.may(Permission::WriteMembers)?;
    db.write(async |tx| {
        let invitation = require(&tx, actor, id).await?;
        tx.execute(sql("delete from invitation where id = $1").bind(id)).await?;
        told(&tx, clock, actor, &invitation, "invitation.revoke").await
    })
    .await
}

/// Open invitations within reach, newest first: of one customer, or of the whole house with its staff.
pub async fn list(db: &Db, clock: &Clock, actor: &Actor, customer: Option<&CustomerId>) -> Result<Vec<Invitation>> {
    actor.may(Permission::ReadMembers)?;
    let scope = actor.scope();
    if let Some(customer) = customer {
        scope.allows(customer)?;
    }
    db.all(
        sql(SELECT)
            .and(
                "where (cast($1 as text) is null or invitation.customer_id = $1) and invitation.expires_at > $2
                 order by invitation.id desc
                 limit 500",
            )
            .bind(customer.or(scope.customer_filter()))
            .bind(clock.now()),
    )
    .await
}

/// The invitation that a link's token opens, for the page that asks for name and password. Uses nothing up.
pub async fn find(db: &Db, clock: &Clock, token: &str) -> Result<Option<Invitation>> {
    db.optional(by_token(token, clock.now())).await
}

fn by_token(token: &str, now: Timestamp) -> Sql {
    sql(SELECT).and("where invitation.token_hash = $1 and invitation.expires_at > $2").bind(sha256_hex(token)).bind(now)
}

/// Makes the invited person a member and signs them in. Works once.
pub async fn accept(db: &Db, clock: &Clock, client: &Client, token: &str, name: PersonName, password: Password) -> Result<SignedIn> {
    let gone = || Error::not_found("the invitation (it works once and for 7 days)");
    // Looked up first, so that nobody without an invitation can have us hash.
    find(db, clock, token).await?.ok_or_else(gone)?;
    let hash = passwords::hash(&password).await?;
    db.write(async |tx| {
        let invitation: Invitation = tx.optional(by_token(token, clock.now())).await?.ok_or_else(gone)?;
        let used = tx.execute(sql("delete from invitation where id = $1").bind(&invitation.id)).await?;
        if used == 0 {
            return Err(gone());
        }
        let member = members::insert(&tx, clock, &name, &invitation.email, &invitation.role, Some(&hash)).await?;
        let signed_in = sessions::open(&tx, clock, client, &member, "invitation").await?;
        let actor = members::by_link(&tx, &member, client).await?;
        told(&tx, clock, &actor, &invitation, "invitation.accept").await?;
        Ok(signed_in)
    })
    .await
}

/// The invitation, when its customer (or the staff) is within the actor's reach.
async fn require(tx: &Tx, actor: &Actor, id: &InvitationId) -> Result<Invitation> {
    let found: Option<Invitation> = tx.optional(sql(SELECT).and("where invitation.id = $1").bind(id)).await?;
    found.filter(|invitation| members::reaches(actor, &invitation.role)).ok_or_else(|| Error::not_found("the invitation"))
}

/// Limits mails to one mailbox, and from one sender.
async fn throttled(tx: &Tx, clock: &Clock, actor: &Actor, to: &Email) -> Result<()> {
    throttle::hit(tx, clock, &Key::account("invitation-to", to.as_str()), &throttle::MAIL_TO_ONE).await?;
    match actor.member_id() {
        Some(member) => throttle::hit(tx, clock, &Key::account("invitation-by", member.as_str()), &throttle::MAIL_FROM_ONE).await,
        None => Ok(()),
    }
}

async fn write_to(tx: &Tx, mailer: &Mailer, actor: &Actor, base_url: &str, invitation: &Invitation, token: &Secret) -> Result<Secret> {
    let link = links::invitation(base_url, token);
    let customer = invitation.customer_name.as_ref().map(CustomerName::as_str);
    mailer.queue(tx, &mails::invitation(&invitation.email, actor.name(), customer, &link)).await?;
    Ok(link)
}

async fn told(tx: &Tx, clock: &Clock, actor: &Actor, invitation: &Invitation, action: &'static str) -> Result<()> {
    let entry = audit::Entry {
        action,
        customer: invitation.role.customer(),
        subject: invitation.id.as_str(),
        detail: json!({ "email": invitation.email, "role": invitation.role.as_str() }),
    };
    audit::record(tx, clock, actor, entry).await
}
