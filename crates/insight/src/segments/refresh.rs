//! Keeping the table of who is in which segment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use accounts::{Actor, CustomerId, Permission};
use kit::jobs::Reconciler;
use kit::words::counted;
use kit::{Result, sql};

use super::{COLUMNS, Expression, Segment, SegmentId, SiteKinds, load};
use crate::health::assignments;
use crate::{Insight, staff};

/// Customers that are looked at together; each lot is one transaction.
const AT_ONCE: u32 = 1000;

/// What changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Customers looked at.
    pub customers: usize,
    /// Who came into a segment or left one.
    pub moved: usize,
}

/// Compares who should be in the segments (or one of them) with who is, and closes the gap.
pub async fn refresh(insight: &Insight, kinds: &impl SiteKinds, only: Option<&SegmentId>) -> Result<Refreshed> {
    let db = insight.db();
    let statement = sql(COLUMNS).and(if only.is_some() { "where id = $1" } else { "where cast($1 as text) is null" });
    let segments: Vec<Segment> = db.all(statement.bind(only)).await?;
    let mut refreshed = Refreshed::default();
    if segments.is_empty() {
        return Ok(refreshed);
    }
    let kinds = kinds.site_kinds().await?;
    let now = insight.clock().now();
    let mut counts: BTreeMap<SegmentId, i64> = segments.iter().map(|segment| (segment.id.clone(), 0)).collect();
    let mut after: Option<CustomerId> = None;
    loop {
        let mut facts = load::page(db, after.as_ref(), AT_ONCE).await?;
        load::add_sites(&mut facts, &kinds);
        let last = facts.last().map(|facts| facts.customer.clone());
        refreshed.customers += facts.len();
        let mut wanted: BTreeSet<(SegmentId, CustomerId)> = BTreeSet::new();
        for segment in &segments {
            for facts in facts.iter().filter(|facts| segment.expression.holds(facts, now)) {
                *counts.entry(segment.id.clone()).or_default() += 1;
                wanted.insert((segment.id.clone(), facts.customer.clone()));
            }
        }
        // The last lot reaches to the end, so that nobody behind it stays.
        let is_last = facts.len() < AT_ONCE as usize;
        let to = last.as_ref().filter(|_| !is_last);
        refreshed.moved += close_gap(insight, &segments, (after.as_ref(), to), &wanted).await?;
        if is_last {
            break;
        }
        after = last;
    }
    db.write(async |tx| {
        for (id, members) in &counts {
            tx.execute(sql("update segment set members = $2, counted_at = $3 where id = $1").bind(id).bind(*members).bind(now)).await?;
        }
        Ok(())
    })
    .await?;
    insight.bus().signal("operators", "segments");
    Ok(refreshed)
}

async fn close_gap(
    insight: &Insight,
    segments: &[Segment],
    (after, to): (Option<&CustomerId>, Option<&CustomerId>),
    wanted: &BTreeSet<(SegmentId, CustomerId)>,
) -> Result<usize> {
    insight
        .db()
        .write(async |tx| {
            let mut moved = 0;
            for segment in segments {
                let decides = assignments::decides(&tx, &segment.id).await?;
                let there: Vec<(CustomerId,)> = tx
                    .all(
                        sql("select customer_id from segment_member where segment_id = $1 and customer_id > $2")
                            .and(if to.is_some() { "and customer_id <= $3" } else { "and cast($3 as text) is null" })
                            .bind(&segment.id)
                            .bind(after.map_or("", CustomerId::as_str))
                            .bind(to),
                    )
                    .await?;
                let there: BTreeSet<CustomerId> = there.into_iter().map(|(id,)| id).collect();
                let here = wanted.iter().filter(|(id, _)| *id == segment.id).map(|(_, customer)| customer);
                let here: BTreeSet<CustomerId> = here.cloned().collect();
                for gone in there.difference(&here) {
                    let statement = sql("delete from segment_member where segment_id = $1 and customer_id = $2");
                    tx.execute(statement.bind(&segment.id).bind(gone)).await?;
                    if decides {
                        assignments::mark_due(&tx, gone).await?;
                    }
                    moved += 1;
                }
                for come in here.difference(&there) {
                    // Not when the segment or the customer went away meanwhile.
                    let statement = sql("insert into segment_member (segment_id, customer_id)
                         select segment.id, customer.id from segment, customer where segment.id = $1 and customer.id = $2
                         on conflict do nothing");
                    let is_in = tx.execute(statement.bind(&segment.id).bind(come)).await? > 0;
                    if decides && is_in {
                        assignments::mark_due(&tx, come).await?;
                    }
                    moved += 1;
                }
            }
            Ok(moved)
        })
        .await
}

/// How many customers an expression finds now, and the first of them: before it is saved.
pub async fn count(
    insight: &Insight,
    kinds: &impl SiteKinds,
    actor: &Actor,
    expression: &Expression,
    first: usize,
) -> Result<(usize, Vec<(CustomerId, String)>)> {
    staff::only(actor, Permission::ReadCustomers)?;
    expression.validate()?;
    let kinds = kinds.site_kinds().await?;
    let now = insight.clock().now();
    let (mut found, mut names, mut after) = (0, Vec::new(), None);
    loop {
        let mut facts = load::page(insight.db(), after.as_ref(), AT_ONCE).await?;
        load::add_sites(&mut facts, &kinds);
        after = facts.last().map(|facts| facts.customer.clone());
        let is_last = facts.len() < AT_ONCE as usize;
        for facts in facts.into_iter().filter(|facts| expression.holds(facts, now)) {
            found += 1;
            if names.len() < first {
                names.push((facts.customer, facts.name));
            }
        }
        if is_last {
            return Ok((found, names));
        }
    }
}

/// Keeps all segments current.
#[derive(Debug, Default)]
pub struct Segments;

impl<C: AsRef<Insight> + SiteKinds + Clone + Send + Sync + 'static> Reconciler<C> for Segments {
    const NAME: &'static str = "insight.segments";
    const EVERY: Duration = Duration::from_secs(60);

    async fn reconcile(&self, context: C) -> Result<String> {
        let done = refresh(context.as_ref(), &context, None).await?;
        Ok(format!("looked at {}, {} in or out", counted(done.customers, "customer"), done.moved))
    }
}
