//! Raw events, read back.

use std::collections::{BTreeSet, HashMap};

use accounts::{CustomerId, Scope};
use kit::{Db, Error, Result, Timestamp, from_row, sql};

use super::block::{self, Head, Props};
use super::period::{self, Period};
use super::state::padded;
use super::{Filter, blocks};
use crate::{Calendar, Day, Event};

/// So many blocks are looked up at a time, without their events.
const PLACES: i64 = 256;
/// Of so many blocks it is looked up at a time whose events they hold.
const LISTS: usize = 64;
/// Of a customer with more people than this, blocks are not left out by the days on which they did something.
const MANY_SUBJECTS: usize = 2000;
/// Blocks may be sorted while they are read: then it begins again.
const TRIES: usize = 5;

/// What a filter means in numbers.
struct Wanted {
    /// Whose counts the events went to: the customer and its people.
    subjects: Option<BTreeSet<i64>>,
    people: Option<BTreeSet<i64>>,
    names: Option<BTreeSet<i64>>,
    source: Option<i64>,
    /// Days on which there may be such an event; none for all.
    days: Option<BTreeSet<Day>>,
    from: i64,
    to: i64,
    after: Option<(i64, i64)>,
}

impl Wanted {
    /// None when nothing can fit.
    async fn of(db: &Db, calendar: &Calendar, filter: &Filter) -> Result<Option<Wanted>> {
        let mut wanted = Wanted {
            subjects: None,
            people: None,
            names: None,
            source: None,
            days: None,
            from: filter.from.map_or(i64::MIN, |at| at.0),
            to: filter.to.map_or(i64::MAX, |at| at.0),
            after: filter.after.map(|(at, seq)| (at.0, seq)),
        };
        if let Some(customer) = &filter.customer {
            let subjects = numbers(db.all(sql("select no from subject where customer_id = $1").bind(customer)).await?);
            if subjects.len() <= MANY_SUBJECTS {
                wanted.only_on(days_of(db, customer).await?);
            }
            wanted.subjects = Some(subjects);
        }
        if let Some(person) = filter.person {
            let rows: Vec<(i64, i64, i64)> =
                db.all(sql("select no, first_at, last_day from subject where no = $1 or merged_into = $1").bind(person)).await?;
            if let Some((first_at, last_day)) = rows.iter().map(|(_, first_at, last_day)| (*first_at, Day(*last_day))).reduce(wider) {
                wanted.from = wanted.from.max(first_at);
                wanted.to = wanted.to.min(calendar.start(last_day.plus(1)).0);
            }
            wanted.people = Some(rows.into_iter().map(|(no, ..)| no).collect());
        }
        if !filter.names.is_empty() {
            let words = sql("select no from event_word where kind = 'name' and word in").list(filter.names.iter());
            let names = numbers(db.all(words).await?);
            let days = sql("select distinct day from event_day where name in").list(names.iter().copied());
            wanted.only_on(numbers(db.all(days).await?).into_iter().map(Day).collect());
            wanted.names = Some(names);
        }
        if let Some(source) = &filter.source {
            let found = db.optional(sql("select no from event_word where kind = 'source' and word = $1").bind(source)).await?;
            let Some((no,)) = found else { return Ok(None) };
            wanted.source = Some(no);
        }
        let empty = [&wanted.subjects, &wanted.people, &wanted.names].into_iter().flatten().any(BTreeSet::is_empty);
        Ok((!empty).then_some(wanted))
    }

    fn only_on(&mut self, days: BTreeSet<Day>) {
        self.days = Some(match self.days.take() {
            Some(others) => others.intersection(&days).copied().collect(),
            None => days,
        });
    }

    fn fits(&self, head: &Head) -> bool {
        let among = |set: &Option<BTreeSet<i64>>, no: i64| set.as_ref().is_none_or(|set| set.contains(&no));
        (self.from..self.to).contains(&head.at)
            && self.after.is_none_or(|after| (head.at, head.seq) < after)
            && self.source.is_none_or(|source| source == head.source)
            && among(&self.names, head.name)
            && among(&self.subjects, head.subject)
            && among(&self.people, head.person)
    }

    /// Whether there may be such an event in a block.
    fn may_be_in(&self, place: &Place, calendar: &Calendar) -> bool {
        let subjects = self.subjects.as_ref().is_none_or(|set| set.range(place.min_subject..=place.max_subject).next().is_some());
        // One more on both sides: right after a change of the time zone, days are still counted by the old one.
        let days = calendar.day(Timestamp(place.min_at)).plus(-1)..=calendar.day(Timestamp(place.max_at)).plus(1);
        subjects && self.days.as_ref().is_none_or(|set| set.range(days).next().is_some())
    }
}

fn numbers(rows: Vec<(i64,)>) -> BTreeSet<i64> {
    rows.into_iter().map(|(no,)| no).collect()
}

fn wider((first, last): (i64, Day), (other_first, other_last): (i64, Day)) -> (i64, Day) {
    (first.min(other_first), last.max(other_last))
}

/// The days on which a customer or its people did something.
async fn days_of(db: &Db, customer: &CustomerId) -> Result<BTreeSet<Day>> {
    let rows: Vec<(i64, Vec<u8>)> = db
        .all(
            sql("select subject_days.period, subject_days.body
                 from subject join subject_days on subject_days.subject = subject.no
                 where subject.customer_id = $1")
            .bind(customer),
        )
        .await?;
    let mut days = BTreeSet::new();
    for (number, body) in rows {
        period::each_day(&body, |place, _, _| {
            days.insert(Period::day(number, place));
        })?;
    }
    Ok(days)
}

/// What is known of a block without its events.
struct Place {
    no: i64,
    min_at: i64,
    max_at: i64,
    min_subject: i64,
    max_subject: i64,
}

from_row!(Place { no, min_at, max_at, min_subject, max_subject });

/// A found event: where it is, and what is known of it.
type Found = (Head, i64, usize);

pub(super) async fn list(db: &Db, calendar: &Calendar, scope: &Scope, filter: &Filter, limit: u32) -> Result<Vec<Event>> {
    let mut filter = filter.clone();
    if let Some(customer) = &filter.customer {
        scope.allows(customer)?;
    } else if let Some(own) = scope.customer_filter() {
        filter.customer = Some(own.clone());
    }
    let Some(wanted) = Wanted::of(db, calendar, &filter).await? else { return Ok(Vec::new()) };
    for _ in 0..TRIES {
        if let Some(found) = find(db, calendar, &wanted, limit as usize).await?
            && let Some(events) = events(db, found).await?
        {
            return Ok(events);
        }
    }
    Err(Error::unavailable("events are being sorted; please try again"))
}

/// The newest that fit; none when blocks were sorted meanwhile.
async fn find(db: &Db, calendar: &Calendar, wanted: &Wanted, limit: usize) -> Result<Option<Vec<Found>>> {
    if limit == 0 {
        return Ok(Some(Vec::new()));
    }
    let sorted = async || db.one::<(i64,)>(sql("select coalesce(max(no), 0) from event_block where level = 1")).await;
    let before = sorted().await?;
    let mut found: Vec<Found> = Vec::new();
    let first = wanted.after.map_or(wanted.to, |(at, _)| at.saturating_add(1).min(wanted.to));
    let mut page = sql("select no, min_at, max_at, min_subject, max_subject
         from event_block
         where min_at < $1 and max_at >= $2
         order by max_at desc, no desc
         limit $3")
    .bind(first)
    .bind(wanted.from)
    .bind(PLACES);
    loop {
        let places: Vec<Place> = db.all(page).await?;
        let mut without = BTreeSet::new();
        let mut may_be_in = places.iter().filter(|place| wanted.may_be_in(place, calendar)).collect::<Vec<_>>().into_iter();
        let mut looked_up = 0;
        while let Some(place) = may_be_in.next() {
            // Blocks overlap in time, so all that may hold a newer event than the last of the page are looked through.
            if found.get(limit - 1).is_some_and(|(head, ..)| head.at > place.max_at) {
                return Ok(Some(found));
            }
            if let Some(subjects) = &wanted.subjects {
                if looked_up == 0 {
                    let next: Vec<i64> =
                        std::iter::once(place).chain(may_be_in.as_slice().iter().copied()).map(|place| place.no).take(LISTS).collect();
                    without = blocks::without(db, &next, subjects).await?;
                    looked_up = next.len();
                }
                looked_up -= 1;
                if without.contains(&place.no) {
                    continue;
                }
            }
            let heads: Option<(Vec<u8>,)> = db.optional(sql("select heads from event_block where no = $1").bind(place.no)).await?;
            let Some((heads,)) = heads else { return Ok(None) };
            let heads = block::heads(&heads)?.into_iter().enumerate();
            let had = found.len();
            found.extend(heads.filter(|(_, head)| wanted.fits(head)).map(|(at, head)| (head, place.no, at)));
            if found.len() > had {
                found.sort_unstable_by_key(|(head, ..)| std::cmp::Reverse((head.at, head.seq)));
                found.truncate(limit);
            }
        }
        let Some(last) = places.last().filter(|_| places.len() as i64 == PLACES) else { return Ok(Some(found)) };
        if found.get(limit - 1).is_some_and(|(head, ..)| head.at > last.max_at) {
            return Ok(Some(found));
        }
        // An event may have gone from a block that was not read yet to one in the part that was.
        if sorted().await? != before {
            return Ok(None);
        }
        page = sql("select no, min_at, max_at, min_subject, max_subject
             from event_block
             where min_at < $1 and max_at >= $2 and (max_at, no) < ($3, $4)
             order by max_at desc, no desc
             limit $5")
        .bind(first)
        .bind(wanted.from)
        .bind(last.max_at)
        .bind(last.no)
        .bind(PLACES);
    }
}

pub(super) async fn get(db: &Db, calendar: &Calendar, scope: &Scope, at: Timestamp, seq: i64) -> Result<Event> {
    let filter = Filter {
        from: Some(at),
        to: Some(Timestamp(at.0.saturating_add(1))),
        after: Some((at, seq.saturating_add(1))),
        ..Filter::default()
    };
    let found = list(db, calendar, scope, &filter, 1).await?;
    found.into_iter().find(|event| event.seq == seq).ok_or_else(|| Error::not_found("the event"))
}

/// Reads ids and properties of what was found, and says numbers in words; none when blocks were sorted meanwhile.
async fn events(db: &Db, found: Vec<Found>) -> Result<Option<Vec<Event>>> {
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
        let Some((ids, props)) = bodies.get_mut(&block) else { return Ok(None) };
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
    Ok(Some(events))
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
