//! The pulse: how staff say that a customer is, with a note, until a day. A health model may count it among its factors.

use accounts::audit::{self, Entry};
use accounts::{Actor, CustomerId, MAX_PAGE, Permission, customers};
use events::Day;
use kit::{Error, Result, Timestamp, from_row, id_type, sql};
use serde_json::json;

use crate::health::assignments;
use crate::{Insight, health, staff};

id_type!(
    /// What somebody said once.
    PulseId, "pulse_"
);

/// Characters of a note.
pub const LONGEST: usize = 500;
/// Before this everything was said.
pub const EVER: Timestamp = Timestamp(i64::MAX);
/// A pulse counts for at most so many days: nobody's word of last year is today's state.
pub const MOST_DAYS: i64 = 365;

/// What was said of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// Its id; sorts by time.
    pub id: PulseId,
    /// 0 to 100; none where what was said before was taken back.
    pub points: Option<i64>,
    /// Why.
    pub note: String,
    /// Who said so.
    pub set_by: String,
    /// When.
    pub set_at: Timestamp,
    /// The last day on which it counts.
    pub until: Day,
}

struct Row {
    id: PulseId,
    points: Option<i64>,
    note: String,
    set_by: String,
    set_at: Timestamp,
    until_day: i64,
}

from_row!(Row { id, points, note, set_by, set_at, until_day });

/// What is to be said.
#[derive(Debug, Clone)]
pub struct NewPulse {
    /// 0 to 100.
    pub points: i64,
    /// Why.
    pub note: String,
    /// The last day on which it counts.
    pub until: Day,
}

/// What was said of a customer before a moment, newest first.
pub async fn list(insight: &Insight, actor: &Actor, customer: &CustomerId, before: Timestamp, limit: u32) -> Result<Vec<Pulse>> {
    staff::reading_or(actor, Permission::WriteFollowUps)?;
    customers::get(insight.db(), &actor.scope(), customer).await?;
    let rows: Vec<Row> = insight
        .db()
        .all(
            sql("select id, points, note, set_by, set_at, until_day from customer_pulse
                 where customer_id = $1 and set_at < $2 order by set_at desc, id desc limit $3")
            .bind(customer)
            .bind(before)
            .bind(limit.clamp(1, MAX_PAGE)),
        )
        .await?;
    let of = |row: Row| Pulse {
        id: row.id,
        points: row.points,
        note: row.note,
        set_by: row.set_by,
        set_at: row.set_at,
        until: Day(row.until_day),
    };
    Ok(rows.into_iter().map(of).collect())
}

/// Says how a customer is. Fields: `points`, `note`, `until`.
pub async fn set(insight: &Insight, actor: &Actor, customer: &CustomerId, new: &NewPulse) -> Result<()> {
    staff::only(actor, Permission::WriteFollowUps)?;
    if !(0..=100).contains(&new.points) {
        return Err(Error::invalid("points", "must be 0 to 100"));
    }
    let note = staff::text("note", &new.note, (1, LONGEST))?;
    let today = insight.events().calendar().day(insight.clock().now());
    if new.until < today || new.until > today.plus(MOST_DAYS) {
        return Err(Error::invalid("until", "must be today or a day of the year that follows"));
    }
    write(insight, actor, customer, (Some(new.points), &note, new.until)).await
}

/// Takes back what was said: the pulse has no data from now on.
pub async fn clear(insight: &Insight, actor: &Actor, customer: &CustomerId) -> Result<()> {
    staff::only(actor, Permission::WriteFollowUps)?;
    let today = insight.events().calendar().day(insight.clock().now());
    match list(insight, actor, customer, EVER, 1).await?.first() {
        Some(Pulse { points: Some(_), .. }) => write(insight, actor, customer, (None, "", today)).await,
        _ => Err(Error::conflict("there is nothing to take back")),
    }
}

async fn write(insight: &Insight, actor: &Actor, customer: &CustomerId, (points, note, until): (Option<i64>, &str, Day)) -> Result<()> {
    customers::get(insight.db(), &actor.scope(), customer).await?;
    let id = PulseId::new(insight.clock());
    insight
        .db()
        .write(async |tx| {
            // What is said last counts, also within one millisecond, and when the clock was set back.
            let (last,): (i64,) = tx
                .one(sql("select cast(coalesce(max(set_at), 0) as bigint) from customer_pulse where customer_id = $1").bind(customer))
                .await?;
            let now = Timestamp(insight.clock().now().0.max(last + 1));
            tx.execute(
                sql("insert into customer_pulse (id, customer_id, points, note, set_by, set_at, until_day)
                     values ($1, $2, $3, $4, $5, $6, $7)")
                .bind(&id)
                .bind(customer)
                .bind(points)
                .bind(note)
                .bind(actor.name())
                .bind(now)
                .bind(until.0),
            )
            .await?;
            assignments::mark_due(&tx, customer).await?;
            let action = if points.is_some() { "pulse.set" } else { "pulse.clear" };
            // Of the house alone: the customer's own audit log has no line of it.
            let detail = json!({ "customer": customer, "points": points });
            audit::record(&tx, insight.clock(), actor, Entry { action, customer: None, subject: id.as_str(), detail }).await
        })
        .await?;
    health::renew(insight, customer).await;
    Ok(())
}
