//! One customer's days, unpacked once and asked for many days.

use std::collections::HashMap;

use events::rollups::{Counts, Invoice};
use events::{Calendar, Day, Packed};
use kit::{Result, Timestamp};

use super::figures::{Figures, Plan};

/// A day of the calendar and the last moment of it that counts: its end, or now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub day: Day,
    pub at: Timestamp,
}

impl Moment {
    /// Now.
    pub fn now(calendar: &Calendar, at: Timestamp) -> Moment {
        Moment { day: calendar.day(at), at }
    }

    /// The end of a day.
    pub fn end_of(calendar: &Calendar, day: Day) -> Moment {
        Moment { day, at: Timestamp(calendar.start(day.plus(1)).0 - 1) }
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
    pub first_day: Option<Day>,
}

impl Unpacked {
    /// Takes `packed` in place of what was there before: one room serves many customers.
    pub fn fill(&mut self, packed: Packed, calendar: &Calendar) -> Result<()> {
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
        Ok(())
    }

    /// The answers to a plan as they stood at a moment. `names` are those of the features, when the plan asks for them by name.
    pub fn figures(&self, plan: &Plan, calendar: &Calendar, moment: Moment, names: &HashMap<i64, String>) -> Figures {
        let mut figures = plan.nothing();
        for (day, counts) in &self.days {
            plan.add_day(&mut figures, moment.day.0 - day.0, counts);
        }
        for uses in self.features.chunk_by(|a, b| a.0 == b.0) {
            let last = uses[..uses.partition_point(|(_, day)| *day <= moment.day)].last();
            if let Some((feature, day)) = last {
                plan.add_feature(&mut figures, moment.day.0 - day.0, names.get(feature).map_or("", String::as_str));
            }
        }
        for invoice in &self.invoices {
            plan.add_invoice(&mut figures, calendar, moment.day, moment.at, invoice);
        }
        figures
    }
}
