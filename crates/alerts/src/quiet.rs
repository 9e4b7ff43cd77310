//! Hours in which nobody is told.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use kit::{Error, Result, Timestamp};

/// When nobody is told: what is still true afterwards is told then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quiet {
    /// From one minute of the day to another, which may be on the next day.
    pub hours: Option<(u32, u32)>,
    /// All Saturday and Sunday.
    pub weekends: bool,
}

impl Quiet {
    /// Whether it is quiet at this moment, by the clocks of this time zone.
    pub fn is_at(&self, zone: &TimeZone, at: Timestamp) -> bool {
        let Ok(time) = jiff::Timestamp::from_millisecond(at.0) else { return false };
        let local = zone.to_datetime(time);
        if self.weekends && matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return true;
        }
        let minute = u32::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        self.hours.is_some_and(|(from, to)| if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to })
    }
}

/// `22:30` as a minute of the day.
pub fn minute_of_day(field: &'static str, text: &str) -> Result<u32> {
    let wrong = || Error::invalid(field, "must be a time of day, such as 22:00");
    let (hours, minutes) = text.trim().split_once(':').ok_or_else(wrong)?;
    let (hours, minutes): (u32, u32) = (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
    if hours > 23 || minutes > 59 {
        return Err(wrong());
    }
    Ok(hours * 60 + minutes)
}

/// A minute of the day as `22:30`.
pub fn time_of_day(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_follows_the_clock_on_the_wall() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let night = Quiet { hours: Some((22 * 60, 7 * 60)), weekends: false };
        // 2026-10-25: clocks go back at 03:00, so 06:30 on the wall is 05:30 UTC, and the day before it was 04:30 UTC.
        for (moment, is_quiet) in [
            ("2026-10-24T20:30:00Z", true),
            ("2026-10-24T19:59:59Z", false),
            ("2026-10-25T05:30:00Z", true),
            ("2026-10-25T06:00:00Z", false),
            ("2026-10-24T04:59:59Z", true),
            ("2026-10-24T05:00:00Z", false),
        ] {
            assert_eq!(night.is_at(&berlin, at(moment)), is_quiet, "{moment}");
        }
        let noon = Quiet { hours: Some((12 * 60, 13 * 60)), weekends: true };
        assert!(noon.is_at(&berlin, at("2026-11-21T08:00:00Z")), "a Saturday");
        assert!(noon.is_at(&berlin, at("2026-11-20T11:30:00Z")) && !noon.is_at(&berlin, at("2026-11-20T12:00:00Z")));
        assert!(!Quiet::default().is_at(&berlin, at("2026-11-21T08:00:00Z")));
        assert_eq!((minute_of_day("x", "22:30").unwrap(), time_of_day(1350)), (1350, "22:30".to_owned()));
        for bad in ["", "24:00", "12:60", "noon", "-1:00"] {
            assert!(minute_of_day("x", bad).is_err(), "{bad}");
        }
    }
}
