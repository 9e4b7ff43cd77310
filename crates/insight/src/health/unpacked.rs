//! One customer's days, unpacked once and asked for many days.

use std::collections::HashMap;

use events::rollups::{Counts, Invoice};
use events::{Calendar, Day, Packed};
use kit::{Result, Timestamp};

use super::besides::Besides;
use super::figures::{Figures, Plan};

/// A day of the calendar and the last moment of it that counts: its end, or now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub day: Day,
    pub at: Timestamp,
}

/// When days begin, worked out once: a change of the clock makes that more than a division.
pub(crate) struct Starts {
    calendar: Calendar,
    first: Day,
    at: Vec<Timestamp>,
}

impl Starts {
    /// For the days from `first` to `last`; others are worked out when they are asked for.
    pub fn new(calendar: &Calendar, first: Day, last: Day) -> Starts {
        let at = (first.0..=last.0).map(|day| calendar.start(Day(day))).collect();
        Starts { calendar: calendar.clone(), first, at }
    }

    /// When a day begins.
    pub fn start(&self, day: Day) -> Timestamp {
        let known = usize::try_from(day.0 - self.first.0).ok().and_then(|at| self.at.get(at));
        known.copied().unwrap_or_else(|| self.calendar.start(day))
    }

    /// The end of a day.
    pub fn end_of(&self, day: Day) -> Moment {
        Moment { day, at: Timestamp(self.start(day.plus(1)).0 - 1) }
    }
}

/// What a customer did, by the day.
#[derive(Default)]
pub(crate) struct Unpacked {
    /// A day comes once for each person who did something on it.
    days: Vec<(Day, Counts)>,
    /// Which feature was used on which day, in order.
    features: Vec<(i64, Day)>,
    invoices: Vec<Invoice>,
    besides: Besides,
    pub first_day: Option<Day>,
}

impl Unpacked {
    /// Takes `packed` in place of what was there before: one room serves many customers.
    pub fn fill(&mut self, packed: Packed, besides: Besides, calendar: &Calendar) -> Result<()> {
        self.days.clear();
        self.features.clear();
        packed.each_day(|day, counts, features| {
            self.days.push((day, *counts));
            self.features.extend(features.map(|feature| (feature, day)));
        })?;
        self.features.sort_unstable();
        self.features.dedup();
        self.first_day = packed.first_at.map(|at| calendar.day(at));
        self.invoices = packed.invoices;
        self.besides = besides;
        Ok(())
    }

    /// The answers to a plan as they stood at a moment. `names` are those of the features, when the plan asks for them by name.
    pub fn figures(&self, plan: &Plan, starts: &Starts, moment: Moment, names: &HashMap<i64, String>) -> Figures {
        let mut figures = plan.nothing();
        for (day, counts) in &self.days {
            plan.add_day(&mut figures, moment.day.0 - day.0, counts);
        }
        self.add_the_rest(plan, &mut figures, starts, moment, names);
        figures
    }

    /// The answers at the end of each of these past days, which are in order.
    pub fn figures_of_days(&self, plan: &Plan, starts: &Starts, days: &[Day], names: &HashMap<i64, String>) -> Vec<Figures> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Vec::new() };
        let running = plan.running(self.days.iter(), first.plus(-plan.reach()), *last);
        let of_day = |day: &Day| {
            let mut figures = plan.nothing();
            plan.add_running(&mut figures, &running, *day);
            self.add_the_rest(plan, &mut figures, starts, starts.end_of(*day), names);
            figures
        };
        days.iter().map(of_day).collect()
    }

    fn add_the_rest(&self, plan: &Plan, figures: &mut Figures, starts: &Starts, moment: Moment, names: &HashMap<i64, String>) {
        for uses in self.features.chunk_by(|a, b| a.0 == b.0) {
            let last = uses[..uses.partition_point(|(_, day)| *day <= moment.day)].last();
            if let Some((feature, day)) = last {
                plan.add_feature(figures, moment.day.0 - day.0, names.get(feature).map_or("", String::as_str));
            }
        }
        for invoice in &self.invoices {
            plan.add_invoice(figures, starts, moment, invoice);
        }
        plan.add_besides(figures, moment, &self.besides);
    }
}
