//! Counts made anew from the raw events: when days begin at another hour than before, and when events are taken out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use kit::db::dialect::Column::{Blob, Int};
use kit::db::dialect::insert_rows;
use kit::{Result, Timestamp, Tx, sql};

use super::Whole;
use super::block::{self, Head, Props};
use super::days::DayFinder;
use super::group::{self, UPSERT_INVOICE};
use super::period::{self, Period, Tally};
use super::state::OTHER;
use super::writer::Chore;
use crate::catalogue::{self, Counter, InvoiceNews};
use crate::{Calendar, Day};

/// So many events are counted in memory at a time; with more, subjects take turns.
const AT_ONCE: i64 = 500_000;

/// Counts all days anew, in the writer's turn.
pub(super) async fn by_writer(whole: &Arc<Whole>) -> Result<()> {
    let calendar = Arc::new(whole.calendar.clone());
    let work: Chore = Box::new(move |tx, state| {
        let calendar = calendar.clone();
        Box::pin(async move {
            let (kept_from,): (Option<Timestamp>,) = tx.one(sql("select kept_from from event_writer")).await?;
            all(tx, &calendar, kept_from).await?;
            state.forget_counts();
            Ok(())
        })
    });
    whole.queue.chore(whole, work).await
}

/// Counts the days of all subjects, from the first day of which all raw events are there.
pub(super) async fn all(tx: &Tx, calendar: &Calendar, kept_from: Option<Timestamp>) -> Result<()> {
    let from = kept_from.map(|at| calendar.day(at).plus(1));
    let first = from.map_or(i64::MIN, |day| day.0);
    tx.execute(sql("delete from event_day where day >= $1").bind(first)).await?;
    // A day of the old zone may lie on both sides of the first day of the new one: it is cut there.
    let boundary = from.map(period::period_of);
    if let (Some(from), Some(boundary)) = (from, boundary) {
        let rows: Vec<(i64, Vec<u8>)> = tx.all(sql("select subject, body from subject_days where period = $1").bind(boundary)).await?;
        for (subject, body) in rows {
            let mut kept = Period::unpack(&body)?;
            kept.0.retain(|place, _| Period::day(boundary, *place) < from);
            store(tx, BTreeMap::from([((subject, boundary), kept)])).await?;
        }
        tx.execute(sql("delete from subject_days where period > $1").bind(boundary)).await?;
    } else {
        tx.execute(sql("delete from subject_days")).await?;
    }
    count(tx, calendar, from, None).await.map(|_| ())
}

/// Counts all of some subjects anew, invoices included. Only right when all their raw events are there.
pub(super) async fn of_subjects(tx: &Tx, calendar: &Calendar, subjects: &HashSet<i64>) -> Result<()> {
    for subject in subjects {
        tx.execute(sql("delete from subject_days where subject = $1").bind(*subject)).await?;
        tx.execute(sql("delete from invoice where subject = $1").bind(*subject)).await?;
    }
    let mut invoices = count(tx, calendar, None, Some(subjects)).await?;
    invoices.sort_by_key(|(seq, ..)| *seq);
    let rows = invoices.into_iter().map(|(_, subject, news)| group::invoice_row((subject, news))).collect();
    group::each(tx, sql(UPSERT_INVOICE), rows).await
}

type Invoices = Vec<(i64, i64, InvoiceNews)>;

/// Adds the events from `from` on to the counts, period by period. Returns what was said about invoices.
async fn count(tx: &Tx, calendar: &Calendar, from: Option<Day>, only: Option<&HashSet<i64>>) -> Result<Invoices> {
    let names: HashMap<i64, String> = tx.all(sql("select no, word from event_word where kind = 'name'")).await?.into_iter().collect();
    let features: HashMap<String, i64> = tx.all(sql("select word, no from event_word where kind = 'feature'")).await?.into_iter().collect();
    let mut invoices = Invoices::new();
    let (first, last): (Option<i64>, Option<i64>) = tx.one(sql("select min(min_at), max(max_at) from event_block")).await?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(invoices) };
    let first = from.map_or(i64::MIN, |day| day.0).max(calendar.day(Timestamp(first)).0);
    let last = calendar.day(Timestamp(last));
    let mut at = period::period_of(Day(first));
    while at <= period::period_of(last) {
        let (start, end) = (calendar.start(Period::day(at, 0)), calendar.start(Period::day(at + 1, 0)));
        let (events, next): (i64, Option<i64>) = tx
            .one(
                sql("select cast(coalesce(sum(case when min_at < $2 then events else 0 end), 0) as bigint), min(max_at)
                     from event_block where max_at >= $1")
                .bind(start)
                .bind(end),
            )
            .await?;
        if events == 0 {
            // Over the years in which nothing happened at once.
            let later = next.map_or(at + 1, |next| period::period_of(calendar.day(Timestamp(next))));
            at = later.max(at + 1);
            continue;
        }
        let turns = events / AT_ONCE + 1;
        for turn in 0..turns {
            let mut tallies: HashMap<(i64, Day), Tally> = HashMap::new();
            let mut kinds: BTreeMap<(i64, i64, i64), i64> = BTreeMap::new();
            let mut days = DayFinder::new(calendar);
            let mut after = i64::MIN;
            loop {
                let blocks: Vec<(i64, Vec<u8>, Vec<u8>)> = tx
                    .all(
                        sql("select no, heads, props from event_block
                             where max_at >= $1 and min_at < $2 and no > $3
                             order by no
                             limit 8")
                        .bind(start)
                        .bind(end)
                        .bind(after),
                    )
                    .await?;
                let Some((no, ..)) = blocks.last() else { break };
                after = *no;
                for (_, heads, props) in blocks {
                    let mut props = Props::open(&props)?;
                    for (place, head) in block::heads(&heads)?.iter().enumerate() {
                        let mine = head.subject.rem_euclid(turns) == turn && only.is_none_or(|only| only.contains(&head.subject));
                        if head.at < start.0 || head.at >= end.0 || !mine {
                            continue;
                        }
                        let day = days.day(Timestamp(head.at));
                        if from.is_some_and(|from| day < from) {
                            continue;
                        }
                        *kinds.entry((day.0, head.name, head.source)).or_default() += 1;
                        if head.subject != 0 {
                            let name = names.get(&head.name).map_or("", String::as_str);
                            let effect = effect(name, head, &mut props, place)?;
                            let feature = effect
                                .feature
                                .as_deref()
                                .and_then(|feature| features.get(feature).or_else(|| features.get(OTHER)).copied());
                            group::tally(tallies.entry((head.subject, day)).or_default(), &effect, feature);
                            invoices.extend(effect.invoice.map(|news| (head.seq, head.subject, news)));
                        }
                    }
                }
            }
            add(tx, group::periods(tallies)).await?;
            if only.is_none() {
                let rows =
                    kinds.into_iter().map(|((day, name, source), events)| vec![day.into(), name.into(), source.into(), events.into()]);
                let then = "on conflict (day, name, source) do update set events = event_day.events + excluded.events";
                insert_rows(tx, "event_day (day, name, source, events)", &[Int, Int, Int, Int], then, rows.collect()).await?;
            }
        }
        at += 1;
    }
    Ok(invoices)
}

/// Properties are unpacked only for events that are counted by them.
fn effect(name: &str, head: &Head, props: &mut Props, place: usize) -> Result<catalogue::Effect> {
    let by_props = catalogue::find(name).is_some_and(|known| {
        use Counter::{ApiCalls, Feature, InvoiceIssued, InvoicePaid, Rating};
        matches!(known.counter, ApiCalls | Feature | InvoiceIssued | InvoicePaid | Rating)
    });
    let text = if by_props { props.get(place)? } else { "" };
    Ok(catalogue::effect(name, text, Timestamp(head.at)))
}

/// Adds to what is stored.
async fn add(tx: &Tx, more: BTreeMap<(i64, i64), Period>) -> Result<()> {
    let mut sums = BTreeMap::new();
    for ((subject, number), more) in more {
        let stored: Option<(Vec<u8>,)> =
            tx.optional(sql("select body from subject_days where subject = $1 and period = $2").bind(subject).bind(number)).await?;
        let mut sum = stored.map_or_else(|| Ok(Period::default()), |(body,)| Period::unpack(&body))?;
        sum.add(&more);
        sums.insert((subject, number), sum);
    }
    store(tx, sums).await
}

async fn store(tx: &Tx, periods: BTreeMap<(i64, i64), Period>) -> Result<()> {
    let rows = periods.into_iter().map(|((subject, number), period)| vec![subject.into(), number.into(), period.pack().into()]).collect();
    let then = "on conflict (subject, period) do update set body = excluded.body";
    insert_rows(tx, "subject_days (subject, period, body)", &[Int, Int, Blob], then, rows).await?;
    Ok(())
}
