//! API tokens: a member's power, narrowed to scopes, for programs. Shown once, stored as SHA-256.
//!
//! A token acts as its member does now: what the member may no longer do, the token may not either. One that makes
//! another can give it neither more scopes nor a longer life than its own.

use std::time::Duration;

use kit::secrets::{Secret, random_alphanumeric, sha256_hex};
use kit::{Clock, Db, Error, Result, Timestamp, from_row, sql};
use serde::Serialize;
use serde_json::json;

use crate::actor::Recognised;
use crate::{
    Actor, Client, CustomerId, How, Label, MemberId, Permission, SendingLimits, TokenId, TokenScope, TokenScopes, audit, members, sending,
};

/// What every secret begins with, so that scanners find one that was leaked.
pub const PREFIX: &str = "ink_";
/// Random characters behind the prefix: 238 bits.
const LENGTH: usize = 40;
/// Tokens that one member may have.
const MOST: i64 = 50;
/// How old the last-used time may be before a request writes it anew.
const USED_EVERY: Duration = Duration::from_secs(60);

/// A token as people see it: without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whom it acts as.
    pub member_id: MemberId,
    /// What its owner calls it.
    pub name: Label,
    /// What it may be used for.
    pub scopes: TokenScopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

from_row!(Token { id, member_id, name, scopes, created_at, expires_at, last_used_at });

const SELECT: &str =
    "select api_token.id, api_token.member_id, api_token.name, api_token.scopes, api_token.created_at, api_token.expires_at,
       api_token.last_used_at
from api_token";

/// A token to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What its owner calls it.
    pub name: Label,
    /// What it may be used for.
    pub scopes: TokenScopes,
    /// When it ends; never, when absent.
    pub expires_at: Option<Timestamp>,
    /// How many events it may send.
    pub limits: SendingLimits,
}

/// A token that was just made.
#[derive(Debug, Clone)]
pub struct NewlyMade {
    /// Its id.
    pub id: TokenId,
    /// Its secret, to be shown once.
    pub secret: Secret,
}

/// Makes a token for the actor themselves; the command line makes them for anyone. Fields: `scopes`, `expires_at`.
pub async fn create(db: &Db, clock: &Clock, actor: &Actor, member: &MemberId, new: NewToken) -> Result<NewlyMade> {
    actor.may(Permission::OwnTokens)?;
    if actor.member_id() != Some(member) && *actor.how() != How::Cli {
        return Err(Error::not_found("the member"));
    }
    if new.expires_at.is_some_and(|at| at <= clock.now()) {
        return Err(Error::invalid("expires_at", "Choose a time to come."));
    }
    within_the_makers(actor, &new)?;
    let sends_events = new.scopes.contains(TokenScope::EventsWrite);
    if !sends_events && !new.limits.is_none() {
        return Err(Error::invalid("events_per_second", format!("Only a token with the scope {} sends events.", TokenScope::EventsWrite)));
    }
    let secret = Secret::new(format!("{PREFIX}{}", random_alphanumeric(LENGTH)));
    let id = TokenId::new(clock);
    db.write(async |tx| {
        let owner = members::require(&tx, member).await?;
        if let Some(scope) = new.scopes.iter().find(|scope| !owner.role.has_use_for(*scope)) {
            return Err(Error::invalid("scopes", format!("The role {} has no use for {scope}.", owner.role.as_str())));
        }
        let (count,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from api_token where member_id = $1").bind(member)).await?;
        if count >= MOST {
            return Err(Error::conflict(format!("There are {MOST} tokens already. Revoke one that is not needed.")));
        }
        // One that is made by a token may send no more than that.
        let limits = match actor.how() {
            How::Token { id, .. } if sends_events => new.limits.tighter(sending::limits_in(&tx, id).await?),
            _ => new.limits,
        };
        tx.execute(
            sql("insert into api_token (id, member_id, name, token_hash, scopes, created_at, expires_at, sends_events, events_per_second,
                   events_per_day)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
            .bind(&id)
            .bind(member)
            .bind(&new.name)
            .bind(sha256_hex(secret.reveal()))
            .bind(&new.scopes)
            .bind(clock.now())
            .bind(new.expires_at)
            .bind(sends_events)
            .bind(limits.per_second)
            .bind(limits.per_day),
        )
        .await?;
        let entry = audit::Entry {
            action: "token.create",
            customer: owner.role.customer(),
            subject: id.as_str(),
            detail: json!({ "name": new.name, "scopes": new.scopes, "expires_at": new.expires_at, "limits": limits, "member": member.as_str() }),
        };
        audit::record(&tx, clock, actor, entry).await
    })
    .await?;
    Ok(NewlyMade { id, secret })
}

/// A token makes no token that may more or lives longer than itself.
fn within_the_makers(actor: &Actor, new: &NewToken) -> Result<()> {
    let How::Token { scopes, expires_at, .. } = actor.how() else { return Ok(()) };
    if let Some(scope) = new.scopes.iter().find(|scope| !scopes.contains(*scope)) {
        return Err(Error::forbidden(format!("This API token lacks the scope {scope} itself.")));
    }
    match (expires_at, new.expires_at) {
        (None, _) => Ok(()),
        (Some(own), Some(wanted)) if wanted <= *own => Ok(()),
        (Some(_), _) => Err(Error::invalid("expires_at", "A token cannot make one that outlives it.")),
    }
}

/// A member's tokens, newest first: one's own, or those of someone within reach of an actor who manages tokens.
pub async fn list(db: &Db, actor: &Actor, member: &MemberId) -> Result<Vec<Token>> {
    if actor.member_id() == Some(member) {
        actor.may(Permission::OwnTokens)?;
    } else {
        actor.may(Permission::ManageTokens)?;
    }
    db.all(
        sql(SELECT)
            .and(
                "join member on member.id = api_token.member_id
                 where api_token.member_id = $1 and (cast($2 as text) is null or member.customer_id = $2)
                 order by api_token.id desc",
            )
            .bind(member)
            .bind(actor.scope().customer_filter()),
    )
    .await
}

/// The tokens of all of a customer's members, newest first.
pub async fn of_customer(db: &Db, actor: &Actor, customer: &CustomerId) -> Result<Vec<Token>> {
    actor.may(Permission::ManageTokens)?;
    actor.scope().allows(customer)?;
    db.all(
        sql(SELECT)
            .and("join member on member.id = api_token.member_id where member.customer_id = $1 order by api_token.id desc")
            .bind(customer),
    )
    .await
}

/// Revokes a token: one's own, or that of someone within reach of an actor who manages tokens.
pub async fn revoke(db: &Db, clock: &Clock, actor: &Actor, id: &TokenId) -> Result<()> {
    actor.may(Permission::OwnTokens)?;
    let missing = || Error::not_found("the token");
    db.write(async |tx| {
        let token: Token = tx.optional(sql(SELECT).and("where api_token.id = $1").bind(id)).await?.ok_or_else(missing)?;
        let owner = members::require(&tx, &token.member_id).await?;
        let is_own = actor.member_id() == Some(&owner.id);
        let is_managed = actor.can(Permission::ManageTokens) && members::reaches(actor, &owner.role);
        // Someone else's token does not exist for one who does not manage tokens, nor across customers.
        if !is_own && !is_managed {
            return Err(missing());
        }
        tx.execute(sql("delete from api_token where id = $1").bind(id)).await?;
        let entry = audit::Entry {
            action: "token.revoke",
            customer: owner.role.customer(),
            subject: id.as_str(),
            detail: json!({ "name": token.name, "member": owner.id.as_str() }),
        };
        audit::record(&tx, clock, actor, entry).await
    })
    .await
}

struct Found {
    id: TokenId,
    scopes: TokenScopes,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    member: Recognised,
}

impl kit::db::FromRow for Found {
    fn from_row(row: &kit::db::Row<'_>) -> Result<Found> {
        Ok(Found {
            id: row.get("token_id")?,
            scopes: row.get("scopes")?,
            expires_at: row.get("expires_at")?,
            last_used_at: row.get("last_used_at")?,
            member: Recognised::from_row(row)?,
        })
    }
}

/// Whom a secret acts as; `None` when it is no (longer a) token or the customer is suspended.
pub async fn authenticate(db: &Db, clock: &Clock, client: &Client, secret: &str) -> Result<Option<Actor>> {
    if !secret.starts_with(PREFIX) || secret.len() != PREFIX.len() + LENGTH {
        return Ok(None);
    }
    let now = clock.now();
    let found: Option<Found> = db
        .optional(
            sql("select api_token.id as token_id, api_token.scopes, api_token.expires_at, api_token.last_used_at,
                   member.id, member.name, member.email, member.role, member.customer_id, member.theme
                 from api_token
                 join member on member.id = api_token.member_id
                 left join customer on customer.id = member.customer_id
                 where api_token.token_hash = $1
                 and (api_token.expires_at is null or api_token.expires_at > $2)
                 and customer.suspended_at is null")
            .bind(sha256_hex(secret))
            .bind(now),
        )
        .await?;
    let Some(found) = found else { return Ok(None) };
    if found.last_used_at.is_none_or(|at| now.since(at) >= USED_EVERY) {
        // The answer does not wait for the disk, and one that is full does not shut every program out.
        tokio::spawn(note_use(db.clone(), found.id.clone(), now));
    }
    let how = How::Token { id: found.id, scopes: found.scopes, expires_at: found.expires_at };
    Ok(Some(Actor::recognised(found.member, how, client.ip)))
}

async fn note_use(db: Db, id: TokenId, now: Timestamp) {
    let query = sql("update api_token set last_used_at = $2 where id = $1 and coalesce(last_used_at, 0) <= $2").bind(&id).bind(now);
    if let Err(error) = db.execute(query).await {
        tracing::warn!(token.id = %id, error = %error, "could not note that token `{id}` was used");
    }
}
