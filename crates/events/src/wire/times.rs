//! Times as senders write them, put right by what is known of their clocks.

use std::time::Duration;

use kit::Timestamp;

use super::Trouble;

/// What is further ahead than this is a wrong clock, not another time zone.
const AHEAD: Duration = Duration::from_secs(23 * 3600);
/// 2000-01-01: what is older was never meant.
const EARLIEST: Timestamp = Timestamp(946_684_800_000);
/// Numbers below are seconds: as milliseconds they would be in the spring of 1973.
const SECONDS_END: f64 = 1e11;

/// Reads a time from its JSON: ISO 8601 with or without a zone, or unix seconds or milliseconds, as a number or in quotes.
pub fn read(json: &str) -> Option<Timestamp> {
    let text = json.trim().trim_matches('"').trim();
    if let Some(at) = Timestamp::parse_rfc3339(text) {
        return Some(at);
    }
    if let Ok(number) = text.parse::<f64>() {
        return of_number(number);
    }
    // Without a zone it is UTC.
    let date: jiff::civil::DateTime = text.parse().ok()?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}

fn of_number(number: f64) -> Option<Timestamp> {
    let millis = if number.abs() < SECONDS_END { number * 1000.0 } else { number };
    // Far outside of all calendars is no time.
    #[expect(clippy::cast_possible_truncation, reason = "within 2^53, as just looked")]
    (number.is_finite() && millis.abs() < 9e15).then_some(Timestamp(millis as i64))
}

/// What is known about when an event happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    /// When, by the sender's clock.
    pub at: Option<Timestamp>,
    /// When the request left, by the sender's clock.
    pub sent_at: Option<Timestamp>,
    /// How long before it was received.
    pub before: Option<Duration>,
    /// A time was given and could not be read.
    pub unreadable: bool,
}

/// When it happened by our clock, and what is to be noted about it.
pub fn place(told: &Told, received_at: Timestamp) -> (Timestamp, Option<Trouble>) {
    let at = match (told.at, told.sent_at, told.before) {
        (Some(at), Some(sent_at), _) => Timestamp(at.0.saturating_add(received_at.0.saturating_sub(sent_at.0))),
        (Some(at), None, _) => at,
        (None, _, Some(before)) => received_at.minus(before),
        (None, _, None) => received_at,
    };
    if told.unreadable {
        return (received_at, Some(Trouble::BadTime));
    }
    if at > received_at.plus(AHEAD) {
        return (received_at, Some(Trouble::FutureTime));
    }
    if at < EARLIEST {
        return (received_at, Some(Trouble::AncientTime));
    }
    (at, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_768_392_000_000);

    #[test]
    fn times_are_read_as_people_write_them() {
        for text in [
            r#""2026-01-14T12:00:00Z""#,
            r#""2026-01-14T13:00:00+01:00""#,
            r#""2026-01-14T12:00:00.000000+00:00""#,
            r#""2026-01-14 12:00:00""#,
            r#""2026-01-14T12:00:00""#,
            "1768392000000",
            "1768392000",
            "1768392000.0",
            r#""1768392000000""#,
        ] {
            assert_eq!(read(text), Some(NOON), "{text}");
        }
        assert_eq!(read(r#""2026-01-14""#), Some(Timestamp(NOON.0 - 12 * 3_600_000)));
        for text in ["", "null", r#""yesterday""#, r#""2026-13-01""#, "1e300", "{}", "true", r#""NaN""#, r#""inf""#] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_wrong_clock_is_put_right_by_when_the_request_left() {
        let received = NOON;
        let at = |told: Told| place(&told, received);
        // Two hours behind: happened a minute before it was sent.
        let behind = Timestamp(NOON.0 - 7_200_000);
        let told = Told { at: Some(Timestamp(behind.0 - 60_000)), sent_at: Some(behind), ..Told::default() };
        assert_eq!(at(told), (Timestamp(NOON.0 - 60_000), None));
        // Nothing said: now.
        assert_eq!(at(Told::default()), (NOON, None));
        assert_eq!(at(Told { before: Some(Duration::from_secs(5)), ..Told::default() }), (Timestamp(NOON.0 - 5_000), None));
        // A year ahead, and a clock that began in 1970.
        assert_eq!(at(Told { at: Some(Timestamp(NOON.0 + 86_400_000 * 365)), ..Told::default() }), (NOON, Some(Trouble::FutureTime)));
        assert_eq!(at(Told { at: Some(Timestamp(5)), ..Told::default() }), (NOON, Some(Trouble::AncientTime)));
        assert_eq!(at(Told { unreadable: true, ..Told::default() }), (NOON, Some(Trouble::BadTime)));
        // 22 hours ahead may be another time zone and stays.
        assert_eq!(at(Told { at: Some(Timestamp(NOON.0 + 22 * 3_600_000)), ..Told::default() }).1, None);
        // Clocks at the ends of the range do not overflow.
        at(Told { at: Some(Timestamp(i64::MAX)), sent_at: Some(Timestamp(i64::MIN)), ..Told::default() });
    }
}
