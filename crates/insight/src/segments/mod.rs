//! Segments: customers who have something in common, as a saved filter.
//!
//! A filter is a tree of typed conditions ([`expression`]) on what is known of a customer ([`facts`]). Who is in a segment stands in a
//! table, which [`refresh`] keeps current, so that lists of any size are sorted and paged by an index.

pub mod expression;
pub mod facts;
mod load;
mod refresh;

use std::collections::HashMap;

use accounts::audit::{self, Entry};
use accounts::{Actor, CustomerId, MAX_PAGE, Page, Permission};
use kit::db::{FromRow, Row};
use kit::{Error, Result, Timestamp, Tx, id_type, sql};
use serde_json::json;

use crate::health::assignments;
use crate::{Insight, staff};
pub use expression::{Comparison, Condition, Expression, Operand};
pub use facts::{Fact, Facts, Kind};
pub use load::{Choices, choices};
pub use refresh::{Segments, count, refresh};

id_type!(
    /// A segment.
    SegmentId, "seg_"
);

/// More segments than this a house does not have: each is looked at for each customer.
const MOST: i64 = 100;
const LONGEST_NAME: usize = 80;

/// Which kinds of sites customers have: known to another slice, and told by whoever joins the two.
pub trait SiteKinds: Send + Sync {
    /// One entry for each site of each customer that has any.
    fn site_kinds(&self) -> impl Future<Output = Result<HashMap<CustomerId, Vec<String>>>> + Send;
}

/// A saved filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its id.
    pub id: SegmentId,
    /// What it is called; unique in any case.
    pub name: String,
    /// Who is in it.
    pub expression: Expression,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How many customers are in it; none before somebody counted.
    pub members: Option<i64>,
    /// When they were counted.
    pub counted_at: Option<Timestamp>,
}

impl FromRow for Segment {
    fn from_row(row: &Row<'_>) -> Result<Segment> {
        let expression: String = row.get("expression")?;
        Ok(Segment {
            id: row.get("id")?,
            name: row.get("name")?,
            expression: serde_json::from_str(&expression)
                .map_err(|error| Error::internal(format!("a stored segment is malformed: {error}")))?,
            created_by: row.get("created_by")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            members: row.get("members")?,
            counted_at: row.get("counted_at")?,
        })
    }
}

const COLUMNS: &str = "select id, name, expression, created_by, created_at, updated_at, members, counted_at from segment";

/// A segment to be, or what one becomes.
#[derive(Debug, Clone)]
pub struct NewSegment {
    /// What it is called.
    pub name: String,
    /// Who is in it.
    pub expression: Expression,
}

/// All segments by name.
pub async fn list(insight: &Insight, actor: &Actor) -> Result<Vec<Segment>> {
    staff::only(actor, Permission::ReadCustomers)?;
    insight.db().all(sql(COLUMNS).and("order by name_folded")).await
}

/// One segment.
pub async fn get(insight: &Insight, actor: &Actor, id: &SegmentId) -> Result<Segment> {
    staff::reading_or(actor, Permission::WriteFollowUps)?;
    let found: Option<Segment> = insight.db().optional(sql(COLUMNS).and("where id = $1").bind(id)).await?;
    found.ok_or_else(|| Error::not_found("the segment"))
}

/// The segments that a customer is in, by name.
pub async fn of_customer(insight: &Insight, actor: &Actor, customer: &CustomerId) -> Result<Vec<(SegmentId, String)>> {
    staff::only(actor, Permission::ReadCustomers)?;
    insight
        .db()
        .all(
            sql("select segment.id, segment.name
                 from segment_member join segment on segment.id = segment_member.segment_id
                 where segment_member.customer_id = $1
                 order by segment.name_folded")
            .bind(customer),
        )
        .await
}

/// Ids and names of the customers in a segment by id, a page at a time.
pub async fn members(
    insight: &Insight,
    actor: &Actor,
    id: &SegmentId,
    after: Option<&CustomerId>,
    limit: u32,
) -> Result<Page<(CustomerId, String), CustomerId>> {
    get(insight, actor, id).await?;
    let limit = limit.clamp(1, MAX_PAGE);
    let mut items: Vec<(CustomerId, String)> = insight
        .db()
        .all(
            sql("select segment_member.customer_id, customer.name
                 from segment_member join customer on customer.id = segment_member.customer_id
                 where segment_member.segment_id = $1 and segment_member.customer_id > $2
                 order by segment_member.customer_id
                 limit $3")
            .bind(id)
            .bind(after.map_or("", CustomerId::as_str))
            .bind(limit + 1),
        )
        .await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|(id, _)| id.clone());
    Ok(Page { items, next })
}

/// Saves a new segment and counts who is in it. Fields: `name`, `expression`.
pub async fn create(insight: &Insight, kinds: &impl SiteKinds, actor: &Actor, new: &NewSegment) -> Result<Segment> {
    staff::only(actor, Permission::WriteFollowUps)?;
    let name = check(new)?;
    let id = SegmentId::new(insight.clock());
    insight
        .db()
        .write(async |tx| {
            let (there,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from segment")).await?;
            if there >= MOST {
                return Err(Error::conflict(format!("there may be {MOST} segments; remove one first")));
            }
            free(&tx, &name, None).await?;
            tx.execute(
                sql("insert into segment (id, name, name_folded, expression, created_by, created_at, updated_at)
                     values ($1, $2, $3, $4, $5, $6, $6)")
                .bind(&id)
                .bind(&name)
                .bind(name.to_lowercase())
                .bind(serde_json::to_string(&new.expression)?)
                .bind(actor.name())
                .bind(insight.clock().now()),
            )
            .await?;
            told(&tx, insight, actor, "segment.create", &id, &name).await
        })
        .await?;
    refresh(insight, kinds, Some(&id)).await?;
    get(insight, actor, &id).await
}

/// Changes a segment and counts anew. Fields: `name`, `expression`.
pub async fn change(insight: &Insight, kinds: &impl SiteKinds, actor: &Actor, id: &SegmentId, new: &NewSegment) -> Result<Segment> {
    staff::only(actor, Permission::WriteFollowUps)?;
    let name = check(new)?;
    insight
        .db()
        .write(async |tx| {
            free(&tx, &name, Some(id)).await?;
            if assignments::decides(&tx, id).await? {
                assignments::require_independent("expression", &new.expression)?;
            }
            let changed = tx
                .execute(
                    sql("update segment set name = $2, name_folded = $3, expression = $4, updated_at = $5 where id = $1")
                        .bind(id)
                        .bind(&name)
                        .bind(name.to_lowercase())
                        .bind(serde_json::to_string(&new.expression)?)
                        .bind(insight.clock().now()),
                )
                .await?;
            if changed == 0 {
                return Err(Error::not_found("the segment"));
            }
            told(&tx, insight, actor, "segment.change", id, &name).await
        })
        .await?;
    refresh(insight, kinds, Some(id)).await?;
    get(insight, actor, id).await
}

/// Removes a segment that no play and no health model uses.
pub async fn remove(insight: &Insight, actor: &Actor, id: &SegmentId) -> Result<()> {
    staff::only(actor, Permission::WriteFollowUps)?;
    let segment = get(insight, actor, id).await?;
    insight
        .db()
        .write(async |tx| {
            let play: Option<(String,)> = tx.optional(sql("select name from play where segment_id = $1 limit 1").bind(id)).await?;
            if let Some((play,)) = play {
                return Err(Error::conflict(format!("the play “{play}” is for this segment; change or remove it first")));
            }
            if assignments::decides(&tx, id).await? {
                return Err(Error::conflict("a health model of its own scores this segment's customers; take that back first"));
            }
            tx.execute(sql("delete from segment where id = $1").bind(id)).await?;
            told(&tx, insight, actor, "segment.remove", id, &segment.name).await
        })
        .await?;
    insight.bus().signal("operators", "segments");
    Ok(())
}

fn check(new: &NewSegment) -> Result<String> {
    new.expression.validate()?;
    staff::text("name", &new.name.replace(['\n', '\t'], " "), (1, LONGEST_NAME))
}

async fn free(tx: &Tx, name: &str, but: Option<&SegmentId>) -> Result<()> {
    let other: Option<(SegmentId,)> = tx.optional(sql("select id from segment where name_folded = $1").bind(name.to_lowercase())).await?;
    match other {
        Some((other,)) if Some(&other) != but => Err(Error::invalid("name", "is another segment's; choose another one")),
        _ => Ok(()),
    }
}

async fn told(tx: &Tx, insight: &Insight, actor: &Actor, action: &'static str, id: &SegmentId, name: &str) -> Result<()> {
    let detail = json!({ "name": name });
    audit::record(tx, insight.clock(), actor, Entry { action, customer: None, subject: id.as_str(), detail }).await
}
