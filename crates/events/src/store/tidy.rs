//! Keeps the store small and quick to read: small blocks become sorted ones, runs of ids are merged, what is too old goes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::jobs::Reconciler;
use kit::{Db, Error, Result, Timestamp, sql};

use super::block::{self, Head, Packed, Props};
use super::writer::{Chore, DAY};
use super::{Events, Whole, blocks, ids};

/// Events that are sorted at once; about 25 MB of memory.
const ROUND: i64 = 50_000;
/// Events in a sorted block.
const BLOCK: usize = 8192;
/// Sorted blocks with fewer events are sorted again together with new ones of their day.
const SMALL: i64 = 4096;
/// So many blocks as they came are worth a round, however young they are.
const MANY_BLOCKS: i64 = 32;
/// Older ones are sorted even when they are few.
const FEW_WAIT: Duration = Duration::from_secs(600);
/// While more events a second come in than this, sorting waits, until very many blocks do.
const BUSY: f64 = 5_000.0;
const VERY_MANY_BLOCKS: i64 = 5_000;
/// The packing of sorted blocks: a third smaller than the quick one.
const LEVEL: i32 = 6;
/// Old blocks that are dropped in one transaction.
const DROPPED_AT_ONCE: i64 = 64;

/// Sorts, merges and drops what is due, every half minute.
#[derive(Debug)]
pub struct Tidy;

impl<C: AsRef<Events> + Send + Sync + 'static> Reconciler<C> for Tidy {
    const NAME: &'static str = "events.tidy";
    const EVERY: Duration = Duration::from_secs(30);
    const TIMEOUT: Duration = Duration::from_secs(1800);

    async fn reconcile(&self, context: C) -> Result<String> {
        context.as_ref().tidy().await
    }
}

impl Events {
    /// Does what is due; says what was done.
    pub async fn tidy(&self) -> Result<String> {
        let whole = &self.0;
        follow_time_zone(whole).await?;
        let dropped = drop_old(whole).await?;
        let forgotten = tend_ids(whole).await?;
        let mut sorted = 0;
        while is_due(whole).await? {
            let blocks = sort_round(whole).await?;
            if blocks == 0 {
                break;
            }
            sorted += blocks;
        }
        Ok(format!("{sorted} blocks sorted, {dropped} old ones dropped, {forgotten} runs of old ids forgotten"))
    }

    /// Sorts all blocks, due or not.
    pub async fn sort_all(&self) -> Result<()> {
        while sort_round(&self.0).await? > 0 {}
        Ok(())
    }
}

/// Runs `work` in the writer's turn and returns what it made.
async fn in_turn<T: Send + 'static>(whole: &Arc<Whole>, make: impl FnOnce(Arc<Mutex<Option<T>>>) -> Chore) -> Result<T> {
    let slot = Arc::new(Mutex::new(None));
    whole.queue.chore(whole, make(slot.clone())).await?;
    let made = slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    made.ok_or_else(|| Error::internal("a chore of the writer left nothing"))
}

fn leave<T>(slot: &Mutex<Option<T>>, value: T) {
    *slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value);
}

/// Lets the writer take a turn when the time zone is another than that of the counts: it counts anew then.
async fn follow_time_zone(whole: &Arc<Whole>) -> Result<()> {
    let (counted,): (String,) = whole.ingredients.db.one(sql("select time_zone from event_writer")).await?;
    if counted.is_empty() || counted == whole.calendar.zone_name() {
        return Ok(());
    }
    whole.queue.chore(whole, Box::new(|_tx, _state| Box::pin(async { Ok(()) }))).await
}

async fn is_due(whole: &Arc<Whole>) -> Result<bool> {
    let now = whole.ingredients.clock.now();
    let (count,): (i64,) = whole.ingredients.db.one(sql("select cast(count(*) as bigint) from event_block where level = 0")).await?;
    if whole.vitals.read(now, 0).rate() > BUSY {
        return Ok(count > VERY_MANY_BLOCKS);
    }
    let waited = now.since(whole.sorted_at());
    Ok(count >= MANY_BLOCKS || (count > 0 && waited >= FEW_WAIT))
}

/// An event taken out of its block.
struct Loose {
    head: Head,
    id: String,
    props: String,
}

impl Loose {
    fn day(&self) -> i64 {
        self.head.at.div_euclid(DAY)
    }
}

/// Sorts the oldest blocks that are as they came, together with small sorted ones of the same days; returns how many they were.
async fn sort_round(whole: &Arc<Whole>) -> Result<usize> {
    let db = &whole.ingredients.db;
    let unsorted: Vec<(i64, i64)> = db.all(sql("select no, events from event_block where level = 0 order by no limit 512")).await?;
    let mut taken = Vec::new();
    let mut count = 0;
    for (no, events) in unsorted {
        if count + events > ROUND && !taken.is_empty() {
            break;
        }
        count += events;
        taken.push(no);
    }
    if taken.is_empty() {
        return Ok(0);
    }
    let mut loose = read(db, &taken).await?;
    let mut days: Vec<i64> = loose.iter().map(Loose::day).collect();
    days.sort_unstable();
    days.dedup();
    for day in days {
        let small: Vec<(i64, i64)> = db
            .all(
                sql("select no, events from event_block where level = 1 and day = $1 and events < $2 order by no limit 4")
                    .bind(day)
                    .bind(SMALL),
            )
            .await?;
        let small: Vec<i64> = small
            .into_iter()
            .take_while(|(_, events)| {
                count += events;
                count <= ROUND * 2
            })
            .map(|(no, _)| no)
            .collect();
        loose.extend(read(db, &small).await?);
        taken.extend(small);
    }
    let packed = tokio::task::spawn_blocking(move || sort(loose)).await.map_err(|error| Error::internal(error.to_string()))??;
    let blocks = taken.len();
    replace(whole, taken, packed).await?;
    whole.note_sorted(whole.ingredients.clock.now());
    Ok(blocks)
}

async fn read(db: &Db, numbers: &[i64]) -> Result<Vec<Loose>> {
    let mut loose = Vec::new();
    for no in numbers {
        let row: Option<(Vec<u8>, Vec<u8>, Vec<u8>)> =
            db.optional(sql("select heads, ids, props from event_block where no = $1").bind(*no)).await?;
        let Some((heads, ids, props)) = row else { continue };
        loose.extend(unpack(&heads, &ids, &props)?);
    }
    Ok(loose)
}

fn unpack(heads: &[u8], ids: &[u8], props: &[u8]) -> Result<Vec<Loose>> {
    let mut props = Props::open(props)?;
    let heads = block::heads(heads)?.into_iter().zip(block::ids(ids)?).enumerate();
    heads.map(|(at, (head, id))| Ok(Loose { head, id, props: props.get(at)?.to_owned() })).collect()
}

/// A block that waits for its number.
struct Sorted {
    level: i64,
    day: Option<i64>,
    heads: Vec<Head>,
    packed: Packed,
}

fn sort(mut loose: Vec<Loose>) -> Result<Vec<Sorted>> {
    loose.sort_unstable_by_key(|event| (event.day(), event.head.subject, event.head.at, event.head.seq));
    let mut sorted = Vec::new();
    for day in loose.chunk_by(|one, other| one.day() == other.day()) {
        // Of about one size, so that none stays small.
        let size = day.len().div_ceil(day.len().div_ceil(BLOCK));
        for events in day.chunks(size) {
            sorted.push(Sorted { level: 1, day: events.first().map(Loose::day), ..pack(events, LEVEL)? });
        }
    }
    Ok(sorted)
}

fn pack(events: &[Loose], level: i32) -> Result<Sorted> {
    let heads: Vec<Head> = events.iter().map(|event| event.head).collect();
    let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    let props: Vec<&str> = events.iter().map(|event| event.props.as_str()).collect();
    let packed = block::pack(&heads, &ids, &props, level)?;
    Ok(Sorted { level: 0, day: None, heads, packed })
}

/// Puts the sorted blocks in the place of those that they were made of, when all of those are still there.
async fn replace(whole: &Arc<Whole>, old: Vec<i64>, new: Vec<Sorted>) -> Result<()> {
    let _alone = whole.sorting.write().await;
    let both = Arc::new((old, new));
    in_turn(whole, |slot| {
        Box::new(move |tx, state| {
            let (both, slot) = (both.clone(), slot.clone());
            Box::pin(async move {
                let (old, new) = &*both;
                let mut gone = 0;
                for list in old.chunks(64) {
                    gone += tx.execute(sql("delete from event_block where no in").list(list.iter().copied())).await?;
                }
                if gone != old.len() as u64 {
                    return Err(Error::conflict("another process sorted these blocks at the same time"));
                }
                for block in new {
                    let packed = block.packed.clone();
                    blocks::insert(tx, state.counters.block, block.level, block.day, &block.heads, packed).await?;
                    state.counters.block += 1;
                }
                leave(&slot, ());
                Ok(())
            })
        })
    })
    .await
}

/// Makes a run of the newest ids once a day, merges runs, forgets those that are too old.
async fn tend_ids(whole: &Arc<Whole>) -> Result<usize> {
    let today = whole.ingredients.clock.now().0.div_euclid(DAY);
    let keep = i64::from(whole.ingredients.config.remember_ids_days);
    let (runs, newest): (i64, Option<i64>) =
        whole.ingredients.db.one(sql("select cast(count(*) as bigint), max(day) from event_id_run")).await?;
    let (blocks,): (i64,) =
        whole.ingredients.db.one(sql("select cast(count(*) as bigint) from (select 1 from event_block limit 1) it")).await?;
    if blocks == 0 && runs == 0 {
        return Ok(0);
    }
    let mut forgotten = 0;
    if newest.is_none_or(|day| day < today) {
        forgotten = in_turn(whole, |slot| {
            Box::new(move |tx, state| {
                let slot = slot.clone();
                Box::pin(async move {
                    if state.ids.recent() > 0 {
                        let no = state.counters.run;
                        state.counters.run += 1;
                        state.ids.flush(tx, no, today, state.counters.seq).await?;
                    }
                    leave(&slot, state.ids.forget_before(tx, today - keep).await?);
                    Ok(())
                })
            })
        })
        .await?;
    }
    if runs < 4 {
        return Ok(forgotten);
    }
    loop {
        // The number is taken first; the pages are written while events come in, and count from the moment the run is put in place.
        let (old, no) = in_turn(whole, |slot| {
            Box::new(move |_tx, state| {
                let slot = slot.clone();
                Box::pin(async move {
                    let old = state.ids.next_merge().unwrap_or_default();
                    let no = state.counters.run;
                    state.counters.run += i64::from(!old.is_empty());
                    leave(&slot, (old, no));
                    Ok(())
                })
            })
        })
        .await?;
        if old.is_empty() {
            return Ok(forgotten);
        }
        let filter = Arc::new(ids::merge_pages(&whole.ingredients.db, &old, no).await?);
        in_turn(whole, |slot| {
            Box::new(move |tx, state| {
                let (slot, old, filter) = (slot.clone(), old.clone(), filter.clone());
                Box::pin(async move {
                    state.ids.replace(tx, &old, no, (*filter).clone()).await?;
                    leave(&slot, ());
                    Ok(())
                })
            })
        })
        .await?;
    }
}

/// Drops blocks whose events are all too old. Their ids must be in runs by then.
async fn drop_old(whole: &Arc<Whole>) -> Result<u64> {
    let keep = Duration::from_secs(u64::from(whole.ingredients.config.keep_days) * 86_400);
    let limit = whole.ingredients.clock.now().minus(keep);
    let db = &whole.ingredients.db;
    let mut dropped = 0;
    loop {
        let gone = db
            .write_in_turn(async |tx| {
                let old: Vec<(i64,)> = tx
                    .all(
                        sql("select no from event_block
                             where max_at < $1 and max_seq < (select coalesce(max(through_seq), 0) from event_id_run)
                             order by max_at, no
                             limit $2")
                        .bind(limit)
                        .bind(DROPPED_AT_ONCE),
                    )
                    .await?;
                if old.is_empty() {
                    return Ok(0);
                }
                tx.execute(sql("update event_writer set kept_from = $1 where one = 1 and coalesce(kept_from, 0) < $1").bind(limit)).await?;
                tx.execute(sql("delete from event_block where no in").list(old.into_iter().map(|(no,)| no))).await
            })
            .await?;
        dropped += gone;
        if gone == 0 {
            return Ok(dropped);
        }
    }
}

impl Whole {
    fn sorted_at(&self) -> Timestamp {
        Timestamp(self.sorted_at.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn note_sorted(&self, at: Timestamp) {
        self.sorted_at.store(at.0, std::sync::atomic::Ordering::Relaxed);
    }
}
