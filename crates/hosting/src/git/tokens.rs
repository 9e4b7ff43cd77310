//! Deploy tokens: secrets of one site for programs, to fetch from its repository or to push to it. Shown once, stored as SHA-256.

use std::time::Duration;

use accounts::audit::{self, Entry};
use accounts::{Actor, Client, CustomerId, How, Label, Permission};
use kit::secrets::{Secret, random_alphanumeric, sha256_hex};
use kit::{Clock, Db, Error, Result, Timestamp, from_row, id_type, sql, text_enum};

use crate::sites::{self, SiteId};
use crate::{Hosting, adopt};

/// What every secret begins with, so that scanners find one that was leaked.
pub const PREFIX: &str = "inkd_";
/// Random characters behind the prefix: 238 bits.
const LENGTH: usize = 40;
/// Tokens that one site may have.
const MOST: i64 = 20;
/// How old the last-used time may be before a request writes it anew.
const USED_EVERY: Duration = Duration::from_secs(60);

id_type!(
    /// One deploy token. Not its secret.
    SiteTokenId, "stk_"
);

text_enum!(
    /// What a deploy token is good for.
    TokenAccess {
        /// Clone and fetch.
        Read = "read",
        /// Clone, fetch and push.
        Push = "push",
    }
);

/// A deploy token as people see it: without its secret.
#[derive(Debug, Clone)]
pub struct SiteToken {
    /// Its id.
    pub id: SiteTokenId,
    /// Of which site.
    pub site_id: SiteId,
    /// What people call it.
    pub name: Label,
    /// What it is good for.
    pub access: TokenAccess,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

from_row!(SiteToken { id, site_id, name, access, created_by, created_at, last_used_at });

const COLUMNS: &str = "select id, site_id, name, access, created_by, created_at, last_used_at from site_token";

/// A deploy token that was just made.
#[derive(Debug, Clone)]
pub struct MadeToken {
    /// Its id.
    pub id: SiteTokenId,
    /// Its secret, to be shown once.
    pub secret: Secret,
}

/// Makes a deploy token for a site of the actor's scope. Nobody makes one that may more or lives longer than themselves.
pub async fn create(hosting: &Hosting, actor: &Actor, site: &SiteId, name: &Label, access: TokenAccess) -> Result<MadeToken> {
    actor.may(Permission::WriteSites)?;
    actor.may(Permission::ReadSites)?;
    if access == TokenAccess::Push {
        actor.may(Permission::DeploySites)?;
    }
    if matches!(actor.how(), How::Token { expires_at: Some(_), .. }) {
        return Err(Error::forbidden("An API token that ends cannot make a deploy token, which does not."));
    }
    let secret = Secret::new(format!("{PREFIX}{}", random_alphanumeric(LENGTH)));
    let id = SiteTokenId::new(&hosting.clock);
    let site = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), site).await?;
            adopt::refuse_adopted(&site)?;
            let (count,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from site_token where site_id = $1").bind(&site.id)).await?;
            if count >= MOST {
                return Err(Error::conflict(format!("there are {MOST} deploy tokens already; revoke one that is not needed")));
            }
            tx.execute(
                sql("insert into site_token (id, site_id, name, token_hash, access, created_by, created_at)
                     values ($1, $2, $3, $4, $5, $6, $7)")
                .bind(&id)
                .bind(&site.id)
                .bind(name)
                .bind(sha256_hex(secret.reveal()))
                .bind(access)
                .bind(actor.name())
                .bind(hosting.clock.now()),
            )
            .await?;
            let detail = serde_json::json!({ "name": name, "access": access.as_str(), "site": site.id.as_str() });
            let entry = Entry { action: "deploy_token.create", customer: Some(&site.customer_id), subject: id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            Ok(site)
        })
        .await?;
    hosting.signal(&site);
    Ok(MadeToken { id, secret })
}

/// The deploy tokens of a site of the actor's scope, newest first.
pub async fn list(db: &Db, actor: &Actor, site: &SiteId) -> Result<Vec<SiteToken>> {
    actor.may(Permission::ReadSites)?;
    let site = sites::get(db, &actor.scope(), site).await?;
    db.all(sql(COLUMNS).and("where site_id = $1 order by id desc").bind(&site.id)).await
}

/// Revokes a deploy token of a site of the actor's scope.
pub async fn revoke(hosting: &Hosting, actor: &Actor, site: &SiteId, id: &SiteTokenId) -> Result<()> {
    actor.may(Permission::WriteSites)?;
    let site = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), site).await?;
            let found: Option<SiteToken> = tx.optional(sql(COLUMNS).and("where id = $1 and site_id = $2").bind(id).bind(&site.id)).await?;
            let token = found.ok_or_else(|| Error::not_found("deploy token"))?;
            tx.execute(sql("delete from site_token where id = $1").bind(id)).await?;
            let detail = serde_json::json!({ "name": token.name, "site": site.id.as_str() });
            let entry = Entry { action: "deploy_token.revoke", customer: Some(&site.customer_id), subject: id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            Ok(site)
        })
        .await?;
    hosting.signal(&site);
    Ok(())
}

struct Found {
    token: SiteToken,
    customer: CustomerId,
}

impl kit::db::FromRow for Found {
    fn from_row(row: &kit::db::Row<'_>) -> Result<Found> {
        Ok(Found { token: SiteToken::from_row(row)?, customer: row.get("customer_id")? })
    }
}

/// Whether a secret could be a deploy token.
pub fn is_one(secret: &str) -> bool {
    secret.starts_with(PREFIX)
}

/// Whether the deploy token by which the actor was recognised still stands; other actors have none.
pub async fn still_opens(db: &Db, actor: &Actor) -> Result<bool> {
    let How::Key { id, .. } = actor.how() else { return Ok(true) };
    let found: Option<(SiteTokenId,)> = db
        .optional(
            sql("select t.id
                 from site_token t
                 join site on site.id = t.site_id
                 join customer on customer.id = site.customer_id
                 where t.id = $1 and customer.suspended_at is null")
            .bind(id),
        )
        .await?;
    Ok(found.is_some())
}

/// Whom a secret acts as, and on which site alone; `None` when it is no (longer a) deploy token or the customer is suspended.
pub async fn authenticate(db: &Db, clock: &Clock, client: &Client, secret: &str) -> Result<Option<(Actor, SiteId)>> {
    if !is_one(secret) || secret.len() != PREFIX.len() + LENGTH {
        return Ok(None);
    }
    let now = clock.now();
    let found: Option<Found> = db
        .optional(
            sql("select t.id, t.site_id, t.name, t.access, t.created_by, t.created_at, t.last_used_at, site.customer_id
                 from site_token t
                 join site on site.id = t.site_id
                 join customer on customer.id = site.customer_id
                 where t.token_hash = $1 and customer.suspended_at is null")
            .bind(sha256_hex(secret)),
        )
        .await?;
    let Some(Found { token, customer }) = found else { return Ok(None) };
    if token.last_used_at.is_none_or(|at| now.since(at) >= USED_EVERY) {
        let noted = db
            .execute(
                sql("update site_token set last_used_at = $2 where id = $1 and coalesce(last_used_at, 0) <= $2").bind(&token.id).bind(now),
            )
            .await;
        // A full disk must not shut every program out.
        if let Err(error) = noted {
            tracing::warn!(token.id = %token.id, error = %error, "could not note that deploy token `{}` was used", token.id);
        }
    }
    let permissions = match token.access {
        TokenAccess::Read => vec![Permission::ReadSites],
        TokenAccess::Push => vec![Permission::ReadSites, Permission::DeploySites],
    };
    let name = format!("deploy token {}", token.name.as_str());
    Ok(Some((Actor::of_key(name, customer, token.id.to_string(), permissions, client), token.site_id)))
}
