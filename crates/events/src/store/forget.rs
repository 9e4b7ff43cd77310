//! Forgetting customers as if they had never been: raw events, counts, who is who. For samples; nothing else is ever taken back.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use accounts::CustomerId;
use kit::db::Value;
use kit::{Result, Timestamp, Tx, from_row, sql};

use super::block::{self, Head, Props};
use super::days::DayFinder;
use super::group::WriterRow;
use super::state::padded;
use super::{Events, Whole, blocks};

/// Blocks that are read at once.
const AT_ONCE: i64 = 8;
/// What compaction packs with, since what is left of a block stays as it is for long.
const THOROUGH: i32 = 6;

impl Events {
    /// Forgets all of these customers and their people, and with them the strangers (people of no customer) of whom events of this source
    /// tell. Returns how many events went. One transaction: writers of all processes wait for it and then read anew what they knew.
    pub async fn forget(&self, customers: &[CustomerId], source: &str) -> Result<u64> {
        let whole = &self.0;
        let gone = whole.ingredients.db.write_in_turn(async |tx| forget(&tx, whole, customers, source).await).await?;
        whole.tell(customers);
        Ok(gone)
    }
}

async fn forget(tx: &Tx, whole: &Whole, customers: &[CustomerId], source: &str) -> Result<u64> {
    WriterRow::take(tx).await?;
    let mut leaving: HashSet<i64> = HashSet::new();
    for list in padded(customers.iter().map(Value::from).collect()) {
        let rows: Vec<(i64,)> = tx.all(sql("select no from subject where customer_id in").list(list)).await?;
        leaving.extend(rows.into_iter().map(|(no,)| no));
    }
    let source: Option<(i64,)> = tx.optional(sql("select no from event_word where kind = 'source' and word = $1").bind(source)).await?;
    if let Some((source,)) = source {
        leaving.extend(strangers(tx, source).await?);
    }
    if leaving.is_empty() {
        return Ok(0);
    }
    let gone = take_out_of_blocks(tx, whole, &leaving).await?;
    let events = gone.values().sum::<i64>();
    uncount(tx, gone).await?;
    remove_rows(tx, customers, &leaving).await?;
    Ok(u64::try_from(events).unwrap_or(0))
}

struct Row {
    no: i64,
    level: i64,
    day: Option<i64>,
    heads: Vec<u8>,
}

from_row!(Row { no, level, day, heads });

/// The next blocks after one, in the order of their numbers.
async fn next_blocks(tx: &Tx, after: i64) -> Result<Vec<Row>> {
    tx.all(sql("select no, level, day, heads from event_block where no > $1 order by no limit $2").bind(after).bind(AT_ONCE)).await
}

/// People of no customer of whom events of a source tell, and those who became them.
async fn strangers(tx: &Tx, source: i64) -> Result<BTreeSet<i64>> {
    let (mut seen, mut after) = (BTreeSet::new(), -1);
    loop {
        let rows = next_blocks(tx, after).await?;
        let Some(last) = rows.last() else { break };
        after = last.no;
        for row in rows {
            seen.extend(block::heads(&row.heads)?.iter().filter(|head| head.source == source).map(|head| head.person));
        }
    }
    let mut strangers = BTreeSet::new();
    for list in padded(seen.into_iter().filter(|no| *no != 0).map(Value::Int).collect()) {
        let rows: Vec<(i64,)> =
            tx.all(sql("select no from subject where kind = 'person' and customer_id is null and no in").list(list)).await?;
        strangers.extend(rows.into_iter().map(|(no,)| no));
    }
    for list in padded(strangers.iter().copied().map(Value::Int).collect()) {
        let rows: Vec<(i64,)> = tx.all(sql("select no from subject where merged_into in").list(list)).await?;
        strangers.extend(rows.into_iter().map(|(no,)| no));
    }
    Ok(strangers)
}

/// Day, name and source, as `event_day` counts events.
type Kind = (i64, i64, i64);

/// Packs all blocks anew that hold events of those who leave; returns how many events went, by kind.
async fn take_out_of_blocks(tx: &Tx, whole: &Whole, leaving: &HashSet<i64>) -> Result<BTreeMap<Kind, i64>> {
    let mut days = DayFinder::new(&whole.calendar);
    let (mut gone, mut after) = (BTreeMap::new(), -1);
    loop {
        let rows = next_blocks(tx, after).await?;
        let Some(last) = rows.last() else { return Ok(gone) };
        after = last.no;
        for row in rows {
            let heads = block::heads(&row.heads)?;
            if !heads.iter().any(|head| leaving.contains(&head.subject) || leaving.contains(&head.person)) {
                continue;
            }
            for head in heads.iter().filter(|head| leaving.contains(&head.subject)) {
                *gone.entry((days.day(Timestamp(head.at)).0, head.name, head.source)).or_default() += 1;
            }
            pack_without(tx, &row, &heads, leaving).await?;
        }
    }
}

async fn pack_without(tx: &Tx, row: &Row, heads: &[Head], leaving: &HashSet<i64>) -> Result<()> {
    let (ids, props): (Vec<u8>, Vec<u8>) = tx.one(sql("select ids, props from event_block where no = $1").bind(row.no)).await?;
    let (ids, mut props) = (block::ids(&ids)?, Props::open(&props)?);
    let (mut kept, mut kept_ids, mut kept_props) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (head, id)) in heads.iter().zip(&ids).enumerate() {
        if leaving.contains(&head.subject) {
            continue;
        }
        // What somebody who leaves did at a customer that stays is still an event of that customer.
        let person = if leaving.contains(&head.person) { 0 } else { head.person };
        kept.push(Head { person, ..*head });
        kept_ids.push(id.as_str());
        kept_props.push(props.get(place)?.to_owned());
    }
    tx.execute(sql("delete from event_block where no = $1").bind(row.no)).await?;
    if kept.is_empty() {
        return Ok(());
    }
    let texts: Vec<&str> = kept_props.iter().map(String::as_str).collect();
    let packed = block::pack(&kept, &kept_ids, &texts, THOROUGH)?;
    blocks::insert(tx, row.no, row.level, row.day, &kept, packed).await
}

async fn uncount(tx: &Tx, gone: BTreeMap<Kind, i64>) -> Result<()> {
    let rows: Vec<Vec<Value>> =
        gone.into_iter().map(|((day, name, source), events)| vec![day.into(), name.into(), source.into(), events.into()]).collect();
    if !rows.is_empty() {
        tx.execute_each(sql("update event_day set events = events - $4 where day = $1 and name = $2 and source = $3"), rows).await?;
        tx.execute(sql("delete from event_day where events <= 0")).await?;
    }
    Ok(())
}

async fn remove_rows(tx: &Tx, customers: &[CustomerId], leaving: &HashSet<i64>) -> Result<()> {
    let mut numbers: Vec<i64> = leaving.iter().copied().collect();
    numbers.sort_unstable();
    let lists = padded(numbers.into_iter().map(Value::Int).collect());
    // In the order of what refers to what; those who became others before those whom they became.
    let statements = [
        "delete from subject_days where subject in",
        "delete from invoice where subject in",
        "delete from subject_name where subject in",
        "delete from subject where merged_into is not null and no in",
        "delete from subject where no in",
    ];
    for statement in statements {
        for list in &lists {
            tx.execute(sql(statement).list(list.clone())).await?;
        }
    }
    for list in padded(customers.iter().map(Value::from).collect()) {
        tx.execute(sql("delete from customer_changed where customer_id in").list(list)).await?;
    }
    Ok(())
}
