//! Raw events, read back.

use std::collections::{BTreeSet, HashMap, HashSet};

use accounts::{CustomerId, Scope};
use kit::{Db, Error, Result, Timestamp, sql};

use super::Filter;
use super::block::{self, Head, Props};
use super::blocks::BlockRow;
use super::state::padded;
use crate::Event;

/// So many blocks are looked through at a time.
const BLOCKS: i64 = 8;

/// What a filter means in numbers.
struct Wanted {
    /// Whose counts the events went to: the customer and its people.
    subjects: Option<HashSet<i64>>,
    people: Option<HashSet<i64>>,
    names: Option<HashSet<i64>>,
    source: Option<i64>,
    from: i64,
    to: i64,
    after: Option<(i64, i64)>,
}

impl Wanted {
    /// None when nothing can fit.
    async fn of(db: &Db, filter: &Filter) -> Result<Option<Wanted>> {
        let subjects = match &filter.customer {
            Some(customer) => Some(numbers(db.all(sql("select no from subject where customer_id = $1").bind(customer)).await?)),
            None => None,
        };
        let people = match filter.person {
            Some(person) => Some(numbers(db.all(sql("select no from subject where no = $1 or merged_into = $1").bind(person)).await?)),
            None => None,
        };
        let names = match filter.names.is_empty() {
            true => None,
            false => {
                let words = sql("select no from event_word where kind = 'name' and word in").list(filter.names.iter());
                Some(numbers(db.all(words).await?))
            }
        };
        let source = match &filter.source {
            Some(source) => {
                let found = db.optional(sql("select no from event_word where kind = 'source' and word = $1").bind(source)).await?;
                let Some((no,)) = found else { return Ok(None) };
                Some(no)
            }
            None => None,
        };
        if [&subjects, &people, &names].into_iter().flatten().any(HashSet::is_empty) {
            return Ok(None);
        }
        Ok(Some(Wanted {
            subjects,
            people,
            names,
            source,
            from: filter.from.map_or(i64::MIN, |at| at.0),
            to: filter.to.map_or(i64::MAX, |at| at.0),
            after: filter.after.map(|(at, seq)| (at.0, seq)),
        }))
    }

    fn fits(&self, head: &Head) -> bool {
        let among = |set: &Option<HashSet<i64>>, no: i64| set.as_ref().is_none_or(|set| set.contains(&no));
        (self.from..self.to).contains(&head.at)
            && self.after.is_none_or(|after| (head.at, head.seq) < after)
            && self.source.is_none_or(|source| source == head.source)
            && among(&self.names, head.name)
            && among(&self.subjects, head.subject)
            && among(&self.people, head.person)
    }
}

fn numbers(rows: Vec<(i64,)>) -> HashSet<i64> {
    rows.into_iter().map(|(no,)| no).collect()
}

/// A found event: where it is, and what is known of it.
type Found = (Head, i64, usize);

pub(super) async fn list(db: &Db, scope: &Scope, filter: &Filter, limit: u32) -> Result<Vec<Event>> {
    let mut filter = filter.clone();
    if let Some(customer) = &filter.customer {
        scope.allows(customer)?;
    } else if let Some(own) = scope.customer_filter() {
        filter.customer = Some(own.clone());
    }
    let Some(wanted) = Wanted::of(db, &filter).await? else { return Ok(Vec::new()) };
    let limit = limit as usize;
    let mut found: Vec<Found> = Vec::new();
    // Blocks overlap in time, so all that may hold a newer event than the last of the page are looked through.
    let mut last: (i64, i64) = (wanted.to.min(wanted.after.map_or(i64::MAX, |(at, _)| at)), i64::MAX);
    let first = wanted.after.map_or(wanted.to, |(at, _)| at.saturating_add(1).min(wanted.to));
    let mut newest_first =
        sql("select no, max_at, heads from event_block where min_at < $1 and max_at >= $2 order by max_at desc, no desc limit $3")
            .bind(first)
            .bind(wanted.from)
            .bind(BLOCKS);
    loop {
        let blocks: Vec<BlockRow> = db.all(newest_first.clone()).await?;
        let whole = blocks.len() as i64 == BLOCKS;
        for row in blocks {
            if found.len() >= limit && limit > 0 && found[limit - 1].0.at > row.max_at {
                return events(db, found).await;
            }
            last = (row.max_at, row.no);
            let heads = block::heads(&row.heads)?;
            found.extend(heads.into_iter().enumerate().filter(|(_, head)| wanted.fits(head)).map(|(at, head)| (head, row.no, at)));
            found.sort_by_key(|(head, ..)| std::cmp::Reverse((head.at, head.seq)));
            found.truncate(limit);
        }
        if !whole || limit == 0 {
            return events(db, found).await;
        }
        newest_first = sql("select no, max_at, heads from event_block
             where min_at < $1 and max_at >= $2 and (max_at, no) < ($3, $4)
             order by max_at desc, no desc limit $5")
        .bind(first)
        .bind(wanted.from)
        .bind(last.0)
        .bind(last.1)
        .bind(BLOCKS);
    }
}

pub(super) async fn get(db: &Db, scope: &Scope, at: Timestamp, seq: i64) -> Result<Event> {
    let filter = Filter {
        from: Some(at),
        to: Some(Timestamp(at.0.saturating_add(1))),
        after: Some((at, seq.saturating_add(1))),
        ..Filter::default()
    };
    let found = list(db, scope, &filter, 1).await?;
    found.into_iter().find(|event| event.seq == seq).ok_or_else(|| Error::not_found("the event"))
}

/// Reads ids and properties of what was found, and says numbers in words.
async fn events(db: &Db, found: Vec<Found>) -> Result<Vec<Event>> {
    let mut bodies: HashMap<i64, (Vec<String>, Props)> = HashMap::new();
    let blocks: BTreeSet<i64> = found.iter().map(|(_, block, _)| *block).collect();
    for list in padded(blocks.into_iter().map(Into::into).collect()) {
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = db.all(sql("select no, ids, props from event_block where no in").list(list)).await?;
        for (no, ids, props) in rows {
            bodies.insert(no, (block::ids(&ids)?, Props::open(&props)?));
        }
    }
    let words = words(db, found.iter().flat_map(|(head, ..)| [head.name, head.source])).await?;
    let subjects = subjects(db, found.iter().flat_map(|(head, ..)| [head.subject, head.person])).await?;
    let word = |no: i64| words.get(&no).cloned().unwrap_or_default();
    let mut events = Vec::with_capacity(found.len());
    for (head, block, at) in found {
        // Moved by the compaction in between: read again on the next look.
        let Some((ids, props)) = bodies.get_mut(&block) else { continue };
        let customer = subjects.get(&head.subject).and_then(|subject| subject.customer.as_deref());
        events.push(Event {
            seq: head.seq,
            at: Timestamp(head.at),
            id: ids.get(at).cloned().unwrap_or_default(),
            source: word(head.source),
            name: word(head.name),
            person: subjects.get(&head.person).map(|person| (person.no, person.label.clone())),
            customer: customer.and_then(|id| CustomerId::parse(id).ok()),
            props: props.get(at)?.to_owned(),
        });
    }
    Ok(events)
}

async fn words(db: &Db, numbers: impl Iterator<Item = i64>) -> Result<HashMap<i64, String>> {
    let numbers: BTreeSet<i64> = numbers.collect();
    let mut words = HashMap::new();
    for list in padded(numbers.into_iter().map(Into::into).collect()) {
        let rows: Vec<(i64, String)> = db.all(sql("select no, word from event_word where no in").list(list)).await?;
        words.extend(rows);
    }
    Ok(words)
}

struct Who {
    /// After merges.
    no: i64,
    label: String,
    customer: Option<String>,
}

async fn subjects(db: &Db, numbers: impl Iterator<Item = i64>) -> Result<HashMap<i64, Who>> {
    let numbers: BTreeSet<i64> = numbers.filter(|no| *no != 0).collect();
    let mut subjects = HashMap::new();
    for list in padded(numbers.into_iter().map(Into::into).collect()) {
        let rows: Vec<(i64, i64, String, Option<String>)> = db
            .all(
                sql("select subject.no, root.no, root.label, root.customer_id
                     from subject join subject root on root.no = coalesce(subject.merged_into, subject.no)
                     where subject.no in")
                .list(list),
            )
            .await?;
        subjects.extend(rows.into_iter().map(|(no, root, label, customer)| (no, Who { no: root, label, customer })));
    }
    Ok(subjects)
}
