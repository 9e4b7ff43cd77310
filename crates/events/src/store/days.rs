//! Which day a moment belongs to, quickly: events come in the order of time, more or less.

use kit::Timestamp;

use crate::{Calendar, Day};

pub(super) struct DayFinder<'a> {
    calendar: &'a Calendar,
    last: Option<(Timestamp, Timestamp, Day)>,
}

impl<'a> DayFinder<'a> {
    pub(super) fn new(calendar: &'a Calendar) -> DayFinder<'a> {
        DayFinder { calendar, last: None }
    }

    pub(super) fn day(&mut self, at: Timestamp) -> Day {
        if let Some((from, to, day)) = self.last
            && from <= at
            && at < to
        {
            return day;
        }
        let day = self.calendar.day(at);
        self.last = Some((self.calendar.start(day), self.calendar.start(day.plus(1)), day));
        day
    }
}
