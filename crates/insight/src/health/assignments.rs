//! Which model scores whom: the version in use for everybody, and other versions for the customers of segments.
//!
//! Who is in several such segments is scored by the one with the lowest priority number; of equal numbers the older segment decides, so
//! that there is never a tie. A segment that asks about health cannot decide: by its new score a customer could leave it again, for ever.

use std::collections::HashMap;

use accounts::audit::{self, Entry};
use accounts::{Actor, CustomerId, Permission};
use kit::{Db, Error, Result, Timestamp, Tx, from_row, sql};
use serde_json::json;

use super::besides::Needs;
use super::model::VersionNo;
use super::models;
use super::scorer::Scorer;
use crate::Insight;
use crate::segments::{Expression, Fact, SegmentId};

/// A segment whose customers are scored by a version of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// Which segment.
    pub segment: SegmentId,
    /// What it is called.
    pub name: String,
    /// By which version.
    pub version: VersionNo,
    /// The lowest decides for who is in several.
    pub priority: i64,
    /// Since when.
    pub since: Timestamp,
    /// Who said so.
    pub by: String,
}

struct Row {
    segment_id: SegmentId,
    name: String,
    version_no: i64,
    priority: i64,
    assigned_at: Timestamp,
    assigned_by: String,
}

from_row!(Row { segment_id, name, version_no, priority, assigned_at, assigned_by });

/// Priorities go from 1 to this.
pub const MOST: i64 = 1000;

/// All of them, the one that decides first at the top.
pub async fn list(db: &Db) -> Result<Vec<Assignment>> {
    let rows: Vec<Row> = db
        .all(sql("select health_assignment.segment_id, segment.name, health_assignment.version_no, health_assignment.priority,
                         health_assignment.assigned_at, health_assignment.assigned_by
                  from health_assignment join segment on segment.id = health_assignment.segment_id
                  order by health_assignment.priority, health_assignment.segment_id"))
        .await?;
    let of = |row: Row| Assignment {
        segment: row.segment_id,
        name: row.name,
        version: VersionNo(row.version_no),
        priority: row.priority,
        since: row.assigned_at,
        by: row.assigned_by,
    };
    Ok(rows.into_iter().map(of).collect())
}

/// Customers of the segment are scored by this version from now on. Fields: `segment`, `priority`.
pub async fn assign(insight: &Insight, actor: &Actor, segment: &SegmentId, no: VersionNo, priority: i64) -> Result<()> {
    actor.may(Permission::OperateHouse)?;
    if !(1..=MOST).contains(&priority) {
        return Err(Error::invalid("priority", format!("must be 1 to {MOST}")));
    }
    let model = models::version(insight.db(), no).await?;
    let now = insight.clock().now();
    insight
        .db()
        .write(async |tx| {
            // Read here, so that a change of the segment at the same time is seen.
            let found: Option<(String, String)> =
                tx.optional(sql("select name, expression from segment where id = $1").bind(segment)).await?;
            let (name, expression) = found.ok_or_else(|| Error::not_found("the segment"))?;
            require_independent("segment", &serde_json::from_str(&expression)?)?;
            tx.execute(
                sql(
                    "insert into health_assignment (segment_id, version_no, priority, assigned_at, assigned_by) values ($1, $2, $3, $4, $5)
                     on conflict (segment_id) do update set version_no = excluded.version_no, priority = excluded.priority,
                       assigned_at = excluded.assigned_at, assigned_by = excluded.assigned_by",
                )
                .bind(segment)
                .bind(no.0)
                .bind(priority)
                .bind(now)
                .bind(actor.name()),
            )
            .await?;
            models::choice_changed(&tx, insight, actor).await?;
            let detail = json!({ "name": model.name, "version": model.version, "segment": name, "priority": priority });
            tell(&tx, insight, actor, "health_model.assign", segment, detail).await
        })
        .await
}

/// Customers of the segment are scored like everybody from now on.
pub async fn unassign(insight: &Insight, actor: &Actor, segment: &SegmentId) -> Result<()> {
    actor.may(Permission::OperateHouse)?;
    insight
        .db()
        .write(async |tx| {
            if tx.execute(sql("delete from health_assignment where segment_id = $1").bind(segment)).await? == 0 {
                return Err(Error::not_found("the segment's model"));
            }
            models::choice_changed(&tx, insight, actor).await?;
            tell(&tx, insight, actor, "health_model.unassign", segment, json!({})).await
        })
        .await
}

async fn tell(tx: &Tx, insight: &Insight, actor: &Actor, action: &'static str, id: &SegmentId, detail: serde_json::Value) -> Result<()> {
    audit::record(tx, insight.clock(), actor, Entry { action, customer: None, subject: id.as_str(), detail }).await
}

/// Whether the segment decides by which model customers are scored.
pub(crate) async fn decides(tx: &Tx, segment: &SegmentId) -> Result<bool> {
    let found: Option<(i64,)> = tx.optional(sql("select priority from health_assignment where segment_id = $1").bind(segment)).await?;
    Ok(found.is_some())
}

/// Refuses an expression that asks about what a model makes.
pub(crate) fn require_independent(field: &'static str, expression: &Expression) -> Result<()> {
    match expression.facts().find(|fact| fact.comes_from_health()) {
        None => Ok(()),
        Some(fact) => {
            let why = "the score that the model makes could lead out of the segment again";
            Err(Error::invalid(
                field,
                format!("asks about {}, so it cannot decide which model scores its customers: {why}", Fact::words(fact)),
            ))
        }
    }
}

/// Has the score of a customer computed anew within seconds.
pub(crate) async fn mark_due(tx: &Tx, customer: &CustomerId) -> Result<()> {
    tx.execute(
        sql("insert into health_due (customer_id, marks) values ($1, 1) on conflict (customer_id) do update set marks = health_due.marks + 1")
            .bind(customer),
    )
    .await
    .map(|_| ())
}

/// The scorers of the house, and which of them scores whom.
pub(crate) struct Choice {
    /// The first is the one in use for everybody.
    scorers: Vec<Scorer>,
    /// Segments in the order in which they decide, each with the place of its scorer.
    segments: Vec<(Assignment, usize)>,
    /// `health_use.at`: another one means that something else was chosen since.
    pub chosen_at: i64,
}

/// Which scorer each of some customers has, when it is not the one of everybody: by its place, with the segment's.
pub(crate) type Chosen = HashMap<CustomerId, usize>;

impl Choice {
    /// As it is chosen now.
    pub async fn read(insight: &Insight) -> Result<Choice> {
        // Read first: what is chosen meanwhile is then taken for news, and all is computed once more.
        let (chosen_at,): (i64,) = insight.db().one(sql("select at from health_use order by at desc limit 1")).await?;
        let mut scorers = vec![insight.scorer_of(models::in_use(insight.db()).await?)];
        let mut segments = Vec::new();
        for assignment in list(insight.db()).await? {
            let place = match scorers.iter().position(|scorer| scorer.model.no == assignment.version) {
                Some(place) => place,
                None => {
                    scorers.push(insight.scorer_of(models::version(insight.db(), assignment.version).await?));
                    scorers.len() - 1
                }
            };
            segments.push((assignment, place));
        }
        Ok(Choice { scorers, segments, chosen_at })
    }

    /// Finds out for these customers which segment decides.
    pub async fn of(&self, db: &Db, customers: &[CustomerId]) -> Result<Chosen> {
        let mut chosen = Chosen::new();
        if self.segments.is_empty() {
            return Ok(chosen);
        }
        for customers in customers.chunks(500) {
            let rows = sql("select health_assignment.segment_id, segment_member.customer_id
                            from segment_member join health_assignment on health_assignment.segment_id = segment_member.segment_id
                            where segment_member.customer_id in")
            .list(customers.iter());
            for (segment, customer) in db.all::<(SegmentId, CustomerId)>(rows).await? {
                if let Some(rank) = self.segments.iter().position(|(assignment, _)| assignment.segment == segment) {
                    let best = chosen.entry(customer).or_insert(rank);
                    *best = rank.min(*best);
                }
            }
        }
        Ok(chosen)
    }

    /// The scorer of everybody who is in no segment with one of its own.
    pub fn usual(&self) -> &Scorer {
        &self.scorers[0]
    }

    /// The scorer of a customer that [`Choice::of`] was asked about.
    pub fn scorer(&self, chosen: &Chosen, customer: &CustomerId) -> &Scorer {
        chosen.get(customer).map_or(self.usual(), |rank| &self.scorers[self.segments[*rank].1])
    }

    /// The segment that decided so.
    pub fn segment(&self, chosen: &Chosen, customer: &CustomerId) -> Option<&Assignment> {
        chosen.get(customer).map(|rank| &self.segments[*rank].0)
    }

    /// All scorers that score anybody.
    pub fn scorers(&self) -> &[Scorer] {
        &self.scorers
    }

    /// What any of them needs to know beside events.
    pub fn needs(&self) -> Needs {
        let needs = || self.scorers.iter().map(|scorer| scorer.plan.needs());
        Needs { pulse: needs().any(|needs| needs.pulse), properties: needs().any(|needs| needs.properties) }
    }

    /// How many days back the one reaches that reaches furthest.
    pub fn reach(&self) -> i64 {
        self.scorers.iter().map(|scorer| scorer.plan.reach()).max().unwrap_or(0)
    }
}
