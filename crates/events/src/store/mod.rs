//! Where events are kept.

mod block;
mod blocks;
mod bytes;
mod cache;
mod days;
mod group;
mod history;
mod ids;
mod list;
mod period;
mod recount;
mod state;
mod tidy;
mod vitals;
mod writer;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use accounts::{CustomerId, Scope};
use kit::bus::Bus;
use kit::{Clock, Db, Result, Timestamp};

use crate::rollups::History;
use crate::{Calendar, Config, Day, Event, NewEvent, Outcome};
pub use tidy::Tidy;
pub use vitals::Vitals;

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
        Ok(Events(Arc::new(Whole { ingredients, calendar, queue, vitals: vitals::Pulse::default(), sorted_at })))
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
        list::list(&self.0.ingredients.db, scope, filter, limit).await
    }

    /// One raw event by its time and number.
    pub async fn get(&self, scope: &Scope, at: Timestamp, seq: i64) -> Result<Event> {
        list::get(&self.0.ingredients.db, scope, at, seq).await
    }

    /// All that a health model may ask about a customer between two days, both included.
    pub async fn history(&self, scope: &Scope, customer: &CustomerId, from: Day, to: Day) -> Result<History> {
        scope.allows(customer)?;
        history::of_customer(&self.0.ingredients.db, customer, from, to).await
    }

    /// How the writer fares.
    pub fn vitals(&self) -> Vitals {
        self.0.vitals.read(self.0.ingredients.clock.now(), self.0.queue.waiting_bytes())
    }
}
