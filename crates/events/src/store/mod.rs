//! Where events are kept.

mod all;
mod block;
mod blocks;
mod bytes;
mod cache;
mod days;
mod forget;
mod group;
mod history;
mod ids;
mod list;
mod people;
mod period;
mod recount;
mod scan;
mod state;
mod sweep;
mod tail;
mod tidy;
mod vitals;
mod who;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use accounts::{CustomerId, Scope};
use kit::bus::Bus;
use kit::{Clock, Db, Result, Timestamp, sql};

use crate::rollups::History;
use crate::{Calendar, Config, Day, Event, NewEvent, Outcome};
pub use all::Packed;
pub use block::Head;
pub use sweep::{Cursor, Sight, Sweep};
pub use tail::Span;
pub use tidy::Tidy;
pub use vitals::{COMMIT_CLASSES, Totals, Vitals};
pub use who::{Person, Roots, Who};

/// What [`Events`] is made of.
pub struct Ingredients {
    /// The database.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Hears that events came in: room `operators`, topic `events`; room and topic `customer:{id}`.
    pub bus: Bus,
    /// Settings of the section `[events]`.
    pub config: Config,
}

/// The events of one house. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<Whole>);

struct Whole {
    ingredients: Ingredients,
    calendar: Calendar,
    queue: writer::Queue,
    vitals: vitals::Pulse,
    words: history::Words,
    /// Held by whoever reads all blocks, so that none is sorted under its hands.
    sorting: tokio::sync::RwLock<()>,
    /// When blocks were sorted last, in unix milliseconds.
    sorted_at: AtomicI64,
}

/// Which raw events to read, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this customer only, its people included.
    pub customer: Option<CustomerId>,
    /// Of this person only, by number.
    pub person: Option<i64>,
    /// Of these names only; empty for all.
    pub names: Vec<String>,
    /// Of this source only.
    pub source: Option<String>,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// Only those that follow this one in the list: its time and `seq`.
    pub after: Option<(Timestamp, i64)>,
}

impl Events {
    /// Checks the settings and starts nothing: the writer starts with the first event.
    pub fn open(ingredients: Ingredients) -> Result<Events> {
        let calendar = Calendar::parse(&ingredients.config.time_zone)?;
        let queue = writer::Queue::new(ingredients.config.waiting_mb);
        let sorted_at = AtomicI64::new(ingredients.clock.now().0);
        Ok(Events(Arc::new(Whole {
            ingredients,
            calendar,
            queue,
            vitals: vitals::Pulse::default(),
            words: history::Words::default(),
            sorting: tokio::sync::RwLock::new(()),
            sorted_at,
        })))
    }

    /// The days of this house.
    pub fn calendar(&self) -> &Calendar {
        &self.0.calendar
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.ingredients.config
    }

    /// Takes events in and answers when they are durable and counted: one outcome for each, in their order. Many callers share one
    /// transaction. Fails with [`kit::Error::Unavailable`] when too much waits or the database is gone; then nothing is kept.
    pub async fn accept(&self, batch: Vec<NewEvent>) -> Result<Vec<Outcome>> {
        self.0.queue.accept(&self.0, batch).await
    }

    /// Raw events, newest first, at most `limit`.
    pub async fn list(&self, scope: &Scope, filter: &Filter, limit: u32) -> Result<Vec<Event>> {
        list::list(&self.0.ingredients.db, &self.0.calendar, scope, filter, limit).await
    }

    /// One raw event by its time and number.
    pub async fn get(&self, scope: &Scope, at: Timestamp, seq: i64) -> Result<Event> {
        list::get(&self.0.ingredients.db, &self.0.calendar, scope, at, seq).await
    }

    /// All that a health model may ask about a customer between two days, both included.
    pub async fn history(&self, scope: &Scope, customer: &CustomerId, from: Day, to: Day) -> Result<History> {
        scope.allows(customer)?;
        history::of_customer(&self.0, customer, from, to).await
    }

    /// Goes through all raw events of a range of time (the end not included), without ids and properties, block by block in no order.
    /// For figures over everybody; a customer's are in [`Events::history`].
    pub async fn scan(&self, from: Timestamp, to: Timestamp, see: impl FnMut(&Head)) -> Result<()> {
        scan::heads(&self.0, from, to, see).await
    }

    /// Goes through all raw events of a range as [`Events::scan`] does, but unpacks them on several threads, each of which adds to a `T` of
    /// its own. Ends early when the future is dropped.
    pub async fn sweep<T, F>(&self, sweep: Sweep, see: F) -> Result<Vec<T>>
    where
        T: Default + Send + 'static,
        F: Fn(&mut T, &mut Sight<'_>) -> Result<()> + Send + Sync + 'static,
    {
        sweep::sweep(&self.0, sweep, see).await
    }

    /// What of the raw events was read: another value, and the same question may have another answer.
    pub async fn cursor(&self) -> Result<Cursor> {
        sweep::cursor(&self.0.ingredients.db).await
    }

    /// Raw events before this moment may have been dropped; none when none were.
    pub async fn kept_from(&self) -> Result<Option<Timestamp>> {
        let (from,): (Option<Timestamp>,) = self.0.ingredients.db.one(sql("select kept_from from event_writer")).await?;
        Ok(from)
    }

    /// As whom each subject's events count.
    pub async fn roots(&self, who: Who) -> Result<Roots> {
        who::roots(&self.0.ingredients.db, who).await
    }

    /// People (or customers as events see them) by their numbers after merges, in no order; unknown ones are missing.
    pub async fn people(&self, numbers: &[i64]) -> Result<Vec<Person>> {
        who::people(&self.0.ingredients.db, numbers).await
    }

    /// The words behind the numbers of [`Head::name`].
    pub async fn names(&self) -> Result<HashMap<i64, String>> {
        let rows: Vec<(i64, String)> = self.0.ingredients.db.all(sql("select no, word from event_word where kind = 'name'")).await?;
        Ok(rows.into_iter().collect())
    }

    /// What these customers did between two days, both included, in their order: for whoever works something out for all of them.
    pub async fn packed(&self, customers: &[CustomerId], from: Day, to: Day) -> Result<Vec<Packed>> {
        all::of(&self.0.ingredients.db, customers, (from, to), self.0.calendar.start(from)).await
    }

    /// The numbers and names of all features.
    pub async fn features(&self) -> Result<Vec<(i64, String)>> {
        all::features(&self.0.ingredients.db).await
    }

    /// Customers of whom something was counted after `after` (a moment and a customer of that moment), in that order, with when; at most
    /// `limit`. Whoever goes on from the last one misses nothing.
    pub async fn changed(&self, after: (i64, &str), limit: u32) -> Result<Vec<(CustomerId, i64)>> {
        all::changed(&self.0.ingredients.db, after, limit).await
    }

    /// The newest moment that [`Events::changed`] knows; 0 before the first.
    pub async fn last_changed(&self) -> Result<i64> {
        all::last_changed(&self.0.ingredients.db).await
    }

    /// Makes all counts of days anew from the raw events that are there. Done by itself when the time zone changes.
    pub async fn recount(&self) -> Result<()> {
        recount::by_writer(&self.0).await
    }

    /// How the writer fares.
    pub fn vitals(&self) -> Vitals {
        self.0.vitals.read(self.0.ingredients.clock.now(), self.0.queue.waiting_bytes())
    }
}
