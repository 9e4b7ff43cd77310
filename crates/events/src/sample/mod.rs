//! Sample data: customers whose activity looks real, the same for the same wish.
//!
//! Everything here is pure: a wish goes in, customers and events come out, no clock and no randomness of the machine. [`House`] is the
//! house to look around in (segments, customers that grow and that leave, invoices, incidents, prospects); [`Many`] is the stream of
//! millions for measurements. Each customer and day has its own [`Chance`], so a day can be made without the days before it.

mod activity;
mod builds;
mod chance;
mod customer;
pub mod loading;
mod many;
mod money;
mod prospects;
mod words;

use accounts::CustomerId;
use kit::Timestamp;
use serde_json::{Map, Value};

use crate::{Calendar, Day, EventId, EventName, Identity, NewEvent, Source};

pub use chance::Chance;
pub use customer::{Course, Person, SampleCustomer, Segment};
pub use many::Many;

/// The source of all sample events: what is marked with it can be removed.
pub const SOURCE: &str = "sample";

/// What kind of house is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// How many customers.
    pub customers: u32,
    /// How many days of activity.
    pub days: u32,
    /// Another figure, another house.
    pub seed: u64,
    /// No event is later.
    pub until: Timestamp,
    /// What all ids of events begin with: another one for each time the same house is loaded, because ids are remembered for days.
    pub mark: String,
}

/// A sample house.
#[derive(Debug, Clone)]
pub struct House {
    wish: Wish,
    calendar: Calendar,
    customers: Vec<SampleCustomer>,
    incidents: Vec<Incident>,
}

/// Something that went wrong for many customers at once.
#[derive(Debug, Clone, Copy)]
struct Incident {
    day: Day,
    /// When, in milliseconds after the start of the day, and for how long.
    from: i64,
    millis: i64,
    /// Which share of the customers noticed.
    share: f64,
}

impl House {
    /// Plans the house: who its customers are and how each fares.
    pub fn new(wish: Wish, calendar: Calendar) -> House {
        let last = calendar.day(wish.until);
        let customers = (0..wish.customers).map(|number| customer::plan(&wish, last, number)).collect();
        let mut chance = Chance::of(&[wish.seed, chance::INCIDENTS]);
        let incidents = (0..wish.days.div_ceil(30))
            .map(|month| Incident {
                day: last.plus(-(i64::from(month) * 30 + i64::try_from(chance.below(28)).unwrap_or(0) + 1)),
                from: chance.between(8 * HOUR, 18 * HOUR),
                millis: chance.between(10 * MINUTE, 90 * MINUTE),
                share: 0.2 + 0.3 * chance.fraction(),
            })
            .collect();
        House { wish, calendar, customers, incidents }
    }

    /// Its customers, in the order of their numbers.
    pub fn customers(&self) -> &[SampleCustomer] {
        &self.customers
    }

    /// The days with activity, oldest first.
    pub fn days(&self) -> impl Iterator<Item = Day> + use<> {
        let last = self.calendar.day(self.wish.until);
        (0..i64::from(self.wish.days)).rev().map(move |ago| last.plus(-ago))
    }

    /// What all people do on one day, in the order of time. What follows from it later (a ticket that is closed, an invoice that is paid) is
    /// told with what it follows from.
    pub fn events_on(&self, day: Day) -> Vec<NewEvent> {
        let mut made = Made { mark: format!("{}{:x}", self.wish.mark, day.0), next: 0, until: self.wish.until, events: Vec::new() };
        for customer in &self.customers {
            activity::of_day(self, customer, day, &mut made);
        }
        prospects::of_day(self, day, &mut made);
        made.events.sort_by_key(|event| event.at);
        made.events
    }

    /// What the names of its prospects begin with.
    pub fn prospects_begin_with(seed: u64) -> String {
        format!("prospect-{seed}-")
    }

    fn chance(&self, what: u64, day: Day, number: u32) -> Chance {
        Chance::of(&[self.wish.seed, what, day.0.cast_unsigned(), u64::from(number)])
    }
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The events made so far.
struct Made {
    mark: String,
    next: u32,
    until: Timestamp,
    events: Vec<NewEvent>,
}

/// One event, before it has an id.
struct Happening<'a> {
    name: &'a str,
    at: Timestamp,
    person: Option<&'a str>,
    customer: Option<&'a CustomerId>,
    props: Value,
    identity: Identity,
}

impl Made {
    /// Adds an event, unless it would be later than everything may be. The id is counted up in both cases, so that the same house at a later
    /// hour has the same ids.
    fn add(&mut self, happening: Happening<'_>) {
        self.next += 1;
        if happening.at > self.until {
            return;
        }
        self.events.push(NewEvent {
            id: EventId::parse(&format!("{}-{:x}", self.mark, self.next)).expect("marks are short"),
            source: Source::parse(SOURCE).expect("the source is a word"),
            name: EventName::parse(happening.name).expect("names of sample events are words"),
            person: happening.person.map(str::to_owned),
            customer: happening.customer.cloned(),
            at: happening.at,
            props: happening.props.to_string(),
            identity: happening.identity,
        });
    }

    /// Adds an event that says nothing about who is who.
    fn tell(&mut self, name: &str, at: Timestamp, who: Who<'_>, props: Value) {
        self.add(Happening { name, at, person: who.person, customer: who.customer, props, identity: Identity::None });
    }
}

/// Whom an event is about.
#[derive(Clone, Copy)]
struct Who<'a> {
    person: Option<&'a str>,
    customer: Option<&'a CustomerId>,
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn after(start: Timestamp, millis: i64) -> Timestamp {
    Timestamp(start.0.saturating_add(millis))
}

#[cfg(test)]
mod stored;
#[cfg(test)]
mod tests;
