//! How much each API token may send: events a second and a day. Without an end unless somebody says so.

use kit::{Clock, Db, Error, Result, Timestamp, Tx, from_row, sql};
use serde::Serialize;
use serde_json::json;

use crate::{Actor, Label, Permission, TokenId, audit};

/// The most that can be said; more is like no end.
const MOST_PER_SECOND: i64 = 1_000_000;
const MOST_PER_DAY: i64 = 1_000_000_000_000;

/// How much a token may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SendingLimits {
    /// Events a second, over some seconds.
    pub per_second: Option<i64>,
    /// Events on a day of the house.
    pub per_day: Option<i64>,
}

impl SendingLimits {
    /// Checks both. Fields: `events_per_second`, `events_per_day`.
    pub fn new(per_second: Option<i64>, per_day: Option<i64>) -> Result<SendingLimits> {
        for (field, limit, most) in [("events_per_second", per_second, MOST_PER_SECOND), ("events_per_day", per_day, MOST_PER_DAY)] {
            if limit.is_some_and(|limit| !(1..=most).contains(&limit)) {
                return Err(Error::invalid(field, format!("must be 1 to {most}, or empty for no end")));
            }
        }
        Ok(SendingLimits { per_second, per_day })
    }

    /// Reads what was typed; empty is no end. Fields as in [`SendingLimits::new`].
    pub fn parse(per_second: &str, per_day: &str) -> Result<SendingLimits> {
        let number = |field: &str, text: &str| match text.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Error::invalid(field, "must be a whole number, or empty for no end")),
        };
        SendingLimits::new(number("events_per_second", per_second)?, number("events_per_day", per_day)?)
    }

    /// Whether there is no end.
    pub fn is_none(self) -> bool {
        self == SendingLimits::default()
    }

    /// The smaller of each.
    pub fn tighter(self, other: SendingLimits) -> SendingLimits {
        let smaller = |one: Option<i64>, two: Option<i64>| one.into_iter().chain(two).min();
        SendingLimits { per_second: smaller(self.per_second, other.per_second), per_day: smaller(self.per_day, other.per_day) }
    }
}

/// A token that may send events, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The token.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: Label,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Whose it is, in words.
    pub owner: String,
    /// How much it may send.
    pub limits: SendingLimits,
}

impl kit::db::FromRow for Sender {
    fn from_row(row: &kit::db::Row<'_>) -> Result<Sender> {
        let (member, customer): (String, Option<String>) = (row.get("member_name")?, row.get("customer_name")?);
        Ok(Sender {
            id: row.get("id")?,
            name: row.get("name")?,
            expires_at: row.get("expires_at")?,
            last_used_at: row.get("last_used_at")?,
            owner: customer.map_or_else(|| format!("{member}, for any customer"), |customer| format!("{member}, for {customer}")),
            limits: SendingLimits { per_second: row.get("events_per_second")?, per_day: row.get("events_per_day")? },
        })
    }
}

/// Tokens of the whole house that may send events now, the last used first. At most `limit`.
pub async fn senders(db: &Db, clock: &Clock, actor: &Actor, limit: u32) -> Result<Vec<Sender>> {
    may_manage(actor)?;
    db.all(
        sql("select api_token.id, api_token.name, api_token.expires_at, api_token.last_used_at, api_token.events_per_second,
               api_token.events_per_day, member.name as member_name, customer.name as customer_name
             from api_token
             join member on member.id = api_token.member_id
             left join customer on customer.id = member.customer_id
             where api_token.sends_events
             and (api_token.expires_at is null or api_token.expires_at > $1)
             order by coalesce(api_token.last_used_at, 0) desc, api_token.id desc
             limit $2")
        .bind(clock.now())
        .bind(limit),
    )
    .await
}

struct Row {
    per_second: Option<i64>,
    per_day: Option<i64>,
}

from_row!(Row { per_second, per_day });

/// How much a token may send; of one that does not exist, nothing is said.
pub async fn limits(db: &Db, id: &TokenId) -> Result<SendingLimits> {
    Ok(db.optional::<Row>(of(id)).await?.map(Row::limits).unwrap_or_default())
}

/// The same within a transaction.
pub(crate) async fn limits_in(tx: &Tx, id: &TokenId) -> Result<SendingLimits> {
    Ok(tx.optional::<Row>(of(id)).await?.map(Row::limits).unwrap_or_default())
}

fn of(id: &TokenId) -> kit::db::Sql {
    sql("select events_per_second as per_second, events_per_day as per_day from api_token where id = $1").bind(id)
}

impl Row {
    fn limits(self) -> SendingLimits {
        SendingLimits { per_second: self.per_second, per_day: self.per_day }
    }
}

/// Says how much a token may send: for the people who run the house, whosever it is.
pub async fn limit(db: &Db, clock: &Clock, actor: &Actor, id: &TokenId, limits: SendingLimits) -> Result<()> {
    may_manage(actor)?;
    db.write(async |tx| {
        let query = sql("update api_token set events_per_second = $2, events_per_day = $3 where id = $1 and sends_events");
        if tx.execute(query.bind(id).bind(limits.per_second).bind(limits.per_day)).await? == 0 {
            return Err(Error::not_found("the token"));
        }
        let entry = audit::Entry { action: "token.limit", customer: None, subject: id.as_str(), detail: json!(limits) };
        audit::record(&tx, clock, actor, entry).await
    })
    .await
}

fn may_manage(actor: &Actor) -> Result<()> {
    actor.may(Permission::ManageTokens)?;
    match actor.scope().is_house() {
        true => Ok(()),
        false => Err(Error::forbidden("this belongs to the people who run Innkeeper")),
    }
}
