//! Raw events of a few names with their properties, for whoever makes sums of its own out of them.

use std::collections::{BTreeSet, HashMap};

use kit::{Error, Result, Timestamp, sql};

use super::block::{self, Head, Props};
use super::{Events, Whole};
use crate::Day;

/// Blocks may be sorted while they are read: then it begins again.
const TRIES: usize = 5;

/// Which events to go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// By their numbers: later than `after`, up to `through`.
    Arrived {
        /// The last one not wanted.
        after: i64,
        /// The last one wanted.
        through: i64,
    },
    /// By when they happened: from `from` until just before `to`; of these, numbers up to `through`.
    Happened {
        /// The first moment.
        from: Timestamp,
        /// The end, not included.
        to: Timestamp,
        /// The last one wanted.
        through: i64,
    },
}

impl Span {
    fn holds(&self, head: &Head) -> bool {
        match *self {
            Span::Arrived { after, through } => after < head.seq && head.seq <= through,
            Span::Happened { from, to, through } => (from.0..to.0).contains(&head.at) && head.seq <= through,
        }
    }
}

impl Events {
    /// The number of the newest event; 0 before the first. All up to it are there to be read.
    pub async fn newest(&self) -> Result<i64> {
        let (next,): (i64,) = self.0.ingredients.db.one(sql("select seq from event_writer")).await?;
        Ok(next - 1)
    }

    /// How many events of these names there were on each day between two, both included, oldest first; days without any are missing.
    pub async fn counts_of(&self, names: &[&str], from: Day, to: Day) -> Result<Vec<(Day, i64)>> {
        let numbers = numbers_of(&self.0, names).await?;
        let rows: Vec<(i64, i64)> = self
            .0
            .ingredients
            .db
            .all(
                sql("select day, cast(sum(events) as bigint) as events
                     from event_day
                     where day >= $1 and day <= $2 and name in")
                .bind(from.0)
                .bind(to.0)
                .list(numbers.into_keys())
                .and("group by day order by day"),
            )
            .await?;
        Ok(rows.into_iter().map(|(day, events)| (Day(day), events)).collect())
    }

    /// Goes through all events of these names within a span, in no order, with their names and properties, and adds each to what `begin`
    /// makes. Begins anew when blocks are sorted meanwhile, so each is added once to what is returned.
    pub async fn fold<A>(&self, names: &[&str], span: Span, begin: impl Fn() -> A, add: impl Fn(&mut A, &Head, &str, &str)) -> Result<A> {
        let numbers = numbers_of(&self.0, names).await?;
        let _unsorted = self.0.sorting.read().await;
        for _ in 0..TRIES {
            if let Some(sum) = once(&self.0, &numbers, span, begin(), &add).await? {
                return Ok(sum);
            }
        }
        Err(Error::unavailable("events are being sorted by another process; please try again"))
    }
}

async fn numbers_of(whole: &Whole, names: &[&str]) -> Result<HashMap<i64, String>> {
    let words = sql("select no, word from event_word where kind = 'name' and word in").list(names.iter());
    let rows: Vec<(i64, String)> = whole.ingredients.db.all(words).await?;
    Ok(rows.into_iter().collect())
}

/// None when a block went away before it was read.
async fn once<A>(
    whole: &Whole,
    names: &HashMap<i64, String>,
    span: Span,
    mut sum: A,
    add: &impl Fn(&mut A, &Head, &str, &str),
) -> Result<Option<A>> {
    if names.is_empty() {
        return Ok(Some(sum));
    }
    let db = &whole.ingredients.db;
    let blocks = match span {
        Span::Arrived { after, through } => {
            sql("select no from event_block where max_seq > $1 and min_seq <= $2 order by no").bind(after).bind(through)
        }
        Span::Happened { from, to, through } => {
            sql("select no from event_block where max_at >= $1 and min_at < $2 and min_seq <= $3 order by no")
                .bind(from)
                .bind(to)
                .bind(through)
        }
    };
    let blocks: BTreeSet<i64> = db.all::<(i64,)>(blocks).await?.into_iter().map(|(no,)| no).collect();
    for no in blocks {
        let heads: Option<(Vec<u8>,)> = db.optional(sql("select heads from event_block where no = $1").bind(no)).await?;
        let Some((heads,)) = heads else { return Ok(None) };
        let heads = block::heads(&heads)?;
        let is_wanted = |head: &Head| names.contains_key(&head.name) && span.holds(head);
        if !heads.iter().any(is_wanted) {
            continue;
        }
        let props: Option<(Vec<u8>,)> = db.optional(sql("select props from event_block where no = $1").bind(no)).await?;
        let Some((props,)) = props else { return Ok(None) };
        let mut props = Props::open(&props)?;
        for (place, head) in heads.iter().enumerate().filter(|(_, head)| is_wanted(head)) {
            add(&mut sum, head, names.get(&head.name).map_or("", String::as_str), props.get(place)?);
        }
    }
    Ok(Some(sum))
}
