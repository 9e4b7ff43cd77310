//! Calendar days of the house's time zone.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use kit::{Error, Result, Timestamp};

/// A calendar day: the number of days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// The day `days` later (or earlier, when negative).
    #[must_use]
    pub fn plus(self, days: i64) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// The calendar date; none far outside of all calendars.
    pub fn date(self) -> Option<Date> {
        let days = i32::try_from(self.0).ok()?;
        Date::constant(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
    }

    /// `2026-11-21`.
    pub fn iso(self) -> String {
        self.date().map_or_else(String::new, |date| date.to_string())
    }

    /// Reads `2026-11-21`.
    pub fn parse(text: &str) -> Option<Day> {
        let date: Date = text.parse().ok()?;
        Some(Day::of_date(date))
    }

    fn of_date(date: Date) -> Day {
        // Both are dates without a time, so the span is whole days.
        let days = date.since((jiff::Unit::Day, Date::constant(1970, 1, 1))).map_or(0, |span| i64::from(span.get_days()));
        Day(days)
    }
}

/// Says which day a moment belongs to. Days are those of the calendar: one with a change of the clock has 23 or 25 hours.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// A calendar of a time zone by its IANA name, such as `Europe/Berlin`.
    pub fn parse(zone: &str) -> Result<Calendar> {
        let zone = TimeZone::get(zone)
            .map_err(|_| Error::invalid("time_zone", "must be the name of a time zone, such as `UTC` or `Europe/Berlin`"))?;
        Ok(Calendar { zone })
    }

    /// The day of a moment.
    pub fn day(&self, at: Timestamp) -> Day {
        match jiff::Timestamp::from_millisecond(at.0) {
            Ok(time) => Day::of_date(self.zone.to_datetime(time).date()),
            Err(_) => Day(at.0.div_euclid(86_400_000)),
        }
    }

    /// When a day begins.
    pub fn start(&self, day: Day) -> Timestamp {
        let start = day.date().and_then(|date| self.zone.to_zoned(date.at(0, 0, 0, 0)).ok());
        start.map_or(Timestamp(day.0.saturating_mul(86_400_000)), |zoned| Timestamp(zoned.timestamp().as_millisecond()))
    }

    /// The moment at which clocks of this calendar show a date and a time.
    pub fn at(&self, time: DateTime) -> Option<Timestamp> {
        self.zone.to_zoned(time).ok().map(|zoned| Timestamp(zoned.timestamp().as_millisecond()))
    }

    /// The zone's IANA name.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_calendar_over_changes_of_the_clock() {
        let berlin = Calendar::parse("Europe/Berlin").unwrap();
        let day = Day::parse("2026-10-25").unwrap();
        assert_eq!(day.iso(), "2026-10-25");
        assert_eq!(berlin.start(day.plus(1)).0 - berlin.start(day).0, 25 * 3_600_000);
        assert_eq!(berlin.day(berlin.start(day)), day);
        assert_eq!(berlin.day(Timestamp(berlin.start(day).0 - 1)), day.plus(-1));
        assert_eq!(Day::parse("1969-12-31"), Some(Day(-1)));
        assert!(Calendar::parse("Mars/Olympus").is_err());
    }
}
