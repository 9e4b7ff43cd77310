//! A funnel as somebody asks for it, in words that fit into an address.

use events::{Calendar, Day, Who};
use kit::{Error, Result, Timestamp};

use super::chain::{MOST_STEPS, Order};

/// The longest range in days.
const MOST_DAYS: i64 = 400;
/// The longest window in hours: a year.
const MOST_HOURS: u32 = 24 * 366;
/// The longest name of an event or property.
const MOST_LETTERS: usize = 400;

/// Which days people enter on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    /// So many days, today included.
    Last(u32),
    /// Both included.
    Between(Day, Day),
}

impl Range {
    /// First and last day.
    pub fn days(self, today: Day) -> (Day, Day) {
        match self {
            Range::Last(days) => (today.plus(1 - i64::from(days)), today),
            Range::Between(from, to) => (from, to),
        }
    }

    /// When the range begins and ends.
    pub(crate) fn moments(self, calendar: &Calendar, now: Timestamp) -> (Timestamp, Timestamp) {
        let (from, to) = self.days(calendar.day(now));
        (calendar.start(from), calendar.start(to.plus(1)))
    }

    pub(crate) fn validate(self) -> Result<()> {
        match self {
            Range::Last(days) if !(1..=MOST_DAYS).contains(&i64::from(days)) => {
                Err(Error::invalid("days", format!("must be 1 to {MOST_DAYS}")))
            }
            Range::Between(from, to) if to < from => Err(Error::invalid("to", "must not be before the first day")),
            Range::Between(from, to) if to.0 - from.0 >= MOST_DAYS => {
                Err(Error::invalid("to", format!("must be within {MOST_DAYS} days of the first day")))
            }
            Range::Between(from, to) if from.date().is_none() || to.date().is_none() => Err(Error::invalid("from", "must be a day")),
            _ => Ok(()),
        }
    }
}

/// Whose value a person counts for, when the events of a chain have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Attribution {
    /// That of the first step.
    #[default]
    First,
    /// That of the last step that was reached.
    Last,
    /// A chain counts for a value when all of its events have it; somebody may count for several values.
    All,
    /// That of this step, from 1; who did not reach it counts apart.
    Step(usize),
}

/// People apart by a property.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Breakdown {
    /// The property's name.
    pub by: String,
    /// Whose value counts.
    pub attribution: Attribution,
}

/// A funnel as somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Names of events; `visit | $pageview` is either.
    pub steps: Vec<String>,
    /// In which order.
    pub order: Order,
    /// From the first step to the last.
    pub window_hours: u32,
    /// When people enter; later steps may come after it.
    pub range: Range,
    /// Whom it counts.
    pub who: Who,
    /// Apart by what.
    pub breakdown: Option<Breakdown>,
}

impl Question {
    /// Names what is out of range. Fields: `steps`, `window`, `days`, `from`, `to`, `breakdown`, `attribution`.
    pub fn validate(&self) -> Result<()> {
        self.range.validate()?;
        if !(2..=MOST_STEPS).contains(&self.steps.len()) {
            return Err(Error::invalid("steps", format!("must be 2 to {MOST_STEPS}")));
        }
        if self.steps.iter().any(|step| names(step).next().is_none() || step.len() > MOST_LETTERS || step.chars().any(char::is_control)) {
            return Err(Error::invalid("steps", "must be names of events"));
        }
        if !(1..=MOST_HOURS).contains(&self.window_hours) {
            return Err(Error::invalid("window", format!("must be 1 to {MOST_HOURS} hours")));
        }
        let mut all: Vec<&str> = self.steps.iter().flat_map(|step| names(step)).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        if self.order == Order::Any && all.len() < count {
            return Err(Error::invalid("steps", "must be different events when the order does not matter"));
        }
        if let Some(breakdown) = &self.breakdown {
            if breakdown.by.is_empty() || breakdown.by.len() > MOST_LETTERS || breakdown.by.chars().any(char::is_control) {
                return Err(Error::invalid("breakdown", "must be the name of a property"));
            }
            if breakdown.attribution == Attribution::All && self.order == Order::Strict {
                return Err(Error::invalid("attribution", "cannot be all steps when nothing may come between them"));
            }
            if let Attribution::Step(step) = breakdown.attribution
                && !(1..=self.steps.len()).contains(&step)
            {
                return Err(Error::invalid("attribution", "must be one of the steps"));
            }
        }
        Ok(())
    }

    pub(crate) fn window_ms(&self) -> i64 {
        i64::from(self.window_hours) * 3_600_000
    }
}

/// The names of events that one step takes.
pub(crate) fn names(step: &str) -> impl Iterator<Item = &str> {
    step.split('|').map(str::trim).filter(|name| !name.is_empty())
}
