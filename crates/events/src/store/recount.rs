//! Counts made anew from the raw events: when days begin at another hour than before, and when events are taken out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kit::db::dialect::Column::{Blob, Int};
use kit::db::dialect::insert_rows;
use kit::{Result, Timestamp, Tx, sql};

use super::Whole;
use super::block::{self, Head, Props};
use super::days::DayFinder;
use super::group;
use super::period::{self, Period, Tally};
use super::state::OTHER;
use super::writer::Chore;
use crate::catalogue::{self, Counter};
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
    count(tx, calendar, from).await
}

/// Adds the events from `from` on to the counts, period by period.
async fn count(tx: &Tx, calendar: &Calendar, from: Option<Day>) -> Result<()> {
    let words = Words {
        names: tx.all(sql("select no, word from event_word where kind = 'name'")).await?.into_iter().collect(),
        features: tx.all(sql("select word, no from event_word where kind = 'feature'")).await?.into_iter().collect(),
    };
    let (first, last): (Option<i64>, Option<i64>) = tx.one(sql("select min(min_at), max(max_at) from event_block")).await?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
    let first = calendar.day(Timestamp(first)).max(from.unwrap_or(Day(i64::MIN)));
    let last = period::period_of(calendar.day(Timestamp(last)));
    let mut number = period::period_of(first);
    while number <= last {
        let span = Span { start: calendar.start(Period::day(number, 0).max(first)), end: calendar.start(Period::day(number + 1, 0)) };
        let (events, next): (i64, Option<i64>) = tx
            .one(
                sql("select cast(coalesce(sum(case when min_at < $2 then events else 0 end), 0) as bigint), min(min_at)
                     from event_block
                     where max_at >= $1")
                .bind(span.start)
                .bind(span.end),
            )
            .await?;
        if events > 0 {
            count_span(tx, calendar, &words, &span, events / AT_ONCE + 1).await?;
        } else if let Some(next) = next {
            // Over the years in which nothing happened at once.
            number = number.max(period::period_of(calendar.day(Timestamp(next))) - 1);
        }
        number += 1;
    }
    Ok(())
}

/// Words by number, and numbers by word.
struct Words {
    names: HashMap<i64, String>,
    features: HashMap<String, i64>,
}

/// From one moment until just before another.
struct Span {
    start: Timestamp,
    end: Timestamp,
}

/// Counts the events of one period; subjects take turns, so that not all are in memory at once.
async fn count_span(tx: &Tx, calendar: &Calendar, words: &Words, span: &Span, turns: i64) -> Result<()> {
    let mut days = DayFinder::new(calendar);
    for turn in 0..turns {
        let mut tallies: HashMap<(i64, Day), Tally> = HashMap::new();
        let mut kinds: BTreeMap<(i64, i64, i64), i64> = BTreeMap::new();
        let mut after = i64::MIN;
        loop {
            let blocks: Vec<(i64, Vec<u8>, Vec<u8>)> = tx
                .all(
                    sql("select no, heads, props
                         from event_block
                         where max_at >= $1 and min_at < $2 and no > $3
                         order by no
                         limit 8")
                    .bind(span.start)
                    .bind(span.end)
                    .bind(after),
                )
                .await?;
            let Some((no, ..)) = blocks.last() else { break };
            after = *no;
            for (_, heads, props) in blocks {
                let mut props = Props::open(&props)?;
                for (place, head) in block::heads(&heads)?.iter().enumerate() {
                    let at = Timestamp(head.at);
                    if at < span.start || at >= span.end || head.subject.rem_euclid(turns) != turn {
                        continue;
                    }
                    let day = days.day(at);
                    *kinds.entry((day.0, head.name, head.source)).or_default() += 1;
                    if head.subject != 0 {
                        let name = words.names.get(&head.name).map_or("", String::as_str);
                        let effect = effect(name, head, &mut props, place)?;
                        let number = |word: &str| words.features.get(word).or_else(|| words.features.get(OTHER)).copied();
                        let feature = effect.feature.as_deref().and_then(number);
                        group::tally(tallies.entry((head.subject, day)).or_default(), &effect, feature);
                    }
                }
            }
        }
        add(tx, group::periods(tallies)).await?;
        let rows = kinds.into_iter().map(|((day, name, source), events)| vec![day.into(), name.into(), source.into(), events.into()]);
        let then = "on conflict (day, name, source) do update set events = event_day.events + excluded.events";
        insert_rows(tx, "event_day (day, name, source, events)", &[Int, Int, Int, Int], then, rows.collect()).await?;
    }
    Ok(())
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
