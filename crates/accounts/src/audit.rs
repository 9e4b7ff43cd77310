//! The log of who did what: written in the transaction of the change it tells of, never changed, never a secret in it.
//!
//! Rows hold names as they were and refer to nothing, so that they outlive members and tokens. Signing in and out is
//! told here; pages that were only looked at are not.

use kit::{Clock, Db, Result, Timestamp, Tx, from_row, sql};
use serde::Serialize;

use crate::{Actor, AuditId, CustomerId, MAX_PAGE, MemberId, Page, Permission, TokenId};

/// What is told of a change.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// `thing.verb`, such as `site.create`. A name once released stays.
    pub action: &'static str,
    /// The customer whom it concerns, who may read the row.
    pub customer: Option<&'a CustomerId>,
    /// The id of what was changed.
    pub subject: &'a str,
    /// What changed, for a person to read: names and values before and after. No password, no token.
    pub detail: serde_json::Value,
}

/// Tells of a change, in its transaction.
pub async fn record(tx: &Tx, clock: &Clock, actor: &Actor, entry: Entry<'_>) -> Result<()> {
    let token = match actor.how() {
        crate::How::Token { id, .. } => Some(id),
        _ => None,
    };
    tx.execute(
        sql("insert into audit (id, at, member_id, actor_name, how, token_id, customer_id, action, subject, detail, ip)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
        .bind(AuditId::new(clock))
        .bind(clock.now())
        .bind(actor.member_id())
        .bind(actor.name())
        .bind(actor.how().as_str())
        .bind(token)
        .bind(entry.customer)
        .bind(entry.action)
        .bind(entry.subject)
        .bind(entry.detail)
        .bind(actor.ip().map(|ip| ip.to_string())),
    )
    .await
    .map(|_| ())
}

/// One row of the log.
#[derive(Debug, Clone, Serialize)]
pub struct AuditRow {
    /// Its id; sorts by time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who; the command line and jobs are no members.
    pub member_id: Option<MemberId>,
    /// What they were called then.
    pub actor_name: String,
    /// `session`, `token`, `link`, `job` or `cli`.
    pub how: String,
    /// The API token used.
    pub token_id: Option<TokenId>,
    /// The customer whom it concerns.
    pub customer_id: Option<CustomerId>,
    /// What was done.
    pub action: String,
    /// The id of what it was done to.
    pub subject: String,
    /// What changed.
    pub detail: serde_json::Value,
    /// From where.
    pub ip: Option<String>,
}

from_row!(AuditRow { id, at, member_id, actor_name, how, token_id, customer_id, action, subject, detail, ip });

/// Which rows to list.
#[derive(Debug, Clone)]
pub struct AuditQuery {
    /// Those that concern this customer.
    pub customer: Option<CustomerId>,
    /// Those of this member.
    pub member: Option<MemberId>,
    /// Those of this action.
    pub action: Option<String>,
    /// Older than this row.
    pub before: Option<AuditId>,
    /// How many, up to [`MAX_PAGE`].
    pub limit: u32,
}

impl Default for AuditQuery {
    fn default() -> AuditQuery {
        AuditQuery { customer: None, member: None, action: None, before: None, limit: 50 }
    }
}

/// The log, newest first: to a customer's owner what concerns the customer, to admins all of it.
pub async fn list(db: &Db, actor: &Actor, query: &AuditQuery) -> Result<Page<AuditRow, AuditId>> {
    actor.may(Permission::ReadAudit)?;
    let scope = actor.scope();
    if let Some(customer) = &query.customer {
        scope.allows(customer)?;
    }
    let limit = query.limit.clamp(1, MAX_PAGE);
    let customer = query.customer.as_ref().or(scope.customer_filter());
    // Plain equations, because no index serves `$1 is null or …`, and this is the longest table of the house.
    let rows = db
        .all(
            sql("select id, at, member_id, actor_name, how, token_id, customer_id, action, subject, detail, ip from audit")
                .and(if customer.is_some() { "where customer_id = $1" } else { "where cast($1 as text) is null" })
                .and(if query.member.is_some() { "and member_id = $2" } else { "and cast($2 as text) is null" })
                .and(if query.action.is_some() { "and action = $3" } else { "and cast($3 as text) is null" })
                .and(if query.before.is_some() { "and id < $4" } else { "and cast($4 as text) is null" })
                .and("order by id desc limit $5")
                .bind(customer)
                .bind(query.member.as_ref())
                .bind(query.action.as_deref())
                .bind(query.before.as_ref())
                .bind(limit + 1),
        )
        .await?;
    Ok(Page::cut(rows, limit, |row: &AuditRow| row.id.clone()))
}

/// What was told of one action from one moment on and before another, at most `limit`, oldest first. Of the whole house: for its own counting, not
/// for people.
pub async fn between(db: &Db, action: &'static str, from: Timestamp, to: Timestamp, limit: u32) -> Result<Vec<AuditRow>> {
    // Ids begin with the time, so that the index on (action, id) finds them; nothing of the millisecond itself is left out.
    let first = AuditId::new(&Clock::manual(Timestamp(from.0.max(1) - 1)));
    db.all(
        sql("select id, at, member_id, actor_name, how, token_id, customer_id, action, subject, detail, ip from audit
             where action = $1 and id > $2 and at >= $3 and at < $4
             order by id
             limit $5")
        .bind(action)
        .bind(first)
        .bind(from)
        .bind(to)
        .bind(limit),
    )
    .await
}
