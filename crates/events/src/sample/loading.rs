//! Loading a sample house into the real one: day by day, so that a load that was interrupted goes on where it was.

use kit::{Clock, Db, Result, Timestamp, from_row, sql};

use super::{House, Wish};
use crate::{Day, Events};

/// Events that go to the writer at once.
const AT_ONCE: usize = 2_000;

/// What is wanted of a sample house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// How many customers.
    pub customers: u32,
    /// How many days of activity, up to now.
    pub days: u32,
    /// Another figure, another house.
    pub seed: u32,
}

/// A sample house that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its customers and events.
    pub house: House,
    /// The day up to which it is loaded.
    pub through: Option<Day>,
    /// Whether all of it is.
    pub is_loaded: bool,
}

struct Row {
    customers: i64,
    days: i64,
    until_at: Timestamp,
    mark: String,
    through_day: Option<i64>,
    loaded_at: Option<Timestamp>,
}

from_row!(Row { customers, days, until_at, mark, through_day, loaded_at });

/// Begins a sample house, or finds the one of this seed that was begun before: it stays what it was, whatever is asked for now.
pub async fn begin(db: &Db, clock: &Clock, events: &Events, order: Order) -> Result<Begun> {
    let until = clock.now();
    // Ids are remembered for days, so a house that was removed and comes again has other ones.
    let mark = format!("s{}-{:x}-", order.seed, until.0);
    db.execute(
        sql("insert into sample_house (seed, customers, days, until_at, mark, through_day, loaded_at)
             values ($1, $2, $3, $4, $5, null, null) on conflict (seed) do nothing")
        .bind(order.seed)
        .bind(order.customers)
        .bind(order.days)
        .bind(until)
        .bind(mark),
    )
    .await?;
    let row: Row = db
        .one(sql("select customers, days, until_at, mark, through_day, loaded_at from sample_house where seed = $1").bind(order.seed))
        .await?;
    let small = |figure: i64| u32::try_from(figure).unwrap_or(0);
    let (customers, days) = (small(row.customers), small(row.days));
    let wish = Wish { customers, days, seed: u64::from(order.seed), until: row.until_at, mark: row.mark };
    Ok(Begun { house: House::new(wish, events.calendar().clone()), through: row.through_day.map(Day), is_loaded: row.loaded_at.is_some() })
}

/// Loads what is missing; the house's customers must be there. `seen` hears after each day how many of how many are done. Returns how many events were
/// stored. Each day is marked as loaded after its events are durable, so after a crash one day is told twice and known as such by its ids.
pub async fn load(db: &Db, clock: &Clock, events: &Events, begun: &Begun, mut seen: impl FnMut(usize, usize)) -> Result<u64> {
    let seed = begun.house.wish.seed;
    let days: Vec<Day> = begun.house.days().collect();
    let mut stored = 0;
    for (position, day) in days.iter().enumerate() {
        if begun.through.is_some_and(|through| *day <= through) {
            continue;
        }
        let mut left = begun.house.events_on(*day);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(AT_ONCE));
            let outcomes = events.accept(std::mem::replace(&mut left, rest)).await?;
            stored += outcomes.iter().filter(|outcome| **outcome == crate::Outcome::Stored).count() as u64;
        }
        db.execute(sql("update sample_house set through_day = $2 where seed = $1").bind(seed.cast_signed()).bind(day.0)).await?;
        seen(position + 1, days.len());
    }
    db.execute(sql("update sample_house set loaded_at = $2 where seed = $1").bind(seed.cast_signed()).bind(clock.now())).await?;
    Ok(stored)
}

/// Says that no sample house is here any more.
pub async fn end(db: &Db) -> Result<()> {
    db.execute(sql(
        "delete from sample_house where not exists (select 1 from sample_customer where sample_customer.seed = sample_house.seed)",
    ))
    .await
    .map(|_| ())
}
