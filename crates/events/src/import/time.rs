//! Times as files write them.

use jiff::civil::{Date, DateTime};
use kit::Timestamp;
use serde_json::Value;

use crate::{Calendar, Day};

/// Years before 1990 and after 2100 are a sign that the wrong column was taken.
const EARLIEST: i64 = 631_152_000_000;
const LATEST: i64 = 4_102_444_800_000;

/// Reads RFC 3339, a date with or without a time (in the house's time zone), or seconds or milliseconds since 1970.
pub(super) fn parse(value: &Value, calendar: &Calendar) -> Option<Timestamp> {
    let at = match value {
        Value::Number(number) => since_1970(number.as_f64()?),
        Value::String(text) => {
            let text = text.trim();
            match text.parse::<f64>() {
                Ok(number) => since_1970(number),
                Err(_) => Timestamp::parse_rfc3339(text).or_else(|| local(text, calendar))?,
            }
        }
        _ => return None,
    };
    (EARLIEST..LATEST).contains(&at.0).then_some(at)
}

fn since_1970(number: f64) -> Timestamp {
    // Seconds of the year 5000 are milliseconds of 1973: nothing is both.
    let millis = if number.abs() < 1e11 { number * 1000.0 } else { number };
    Timestamp(millis as i64)
}

fn local(text: &str, calendar: &Calendar) -> Option<Timestamp> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() <= 10
    {
        return Day::parse(&date.to_string()).map(|day| calendar.start(day));
    }
    let time: DateTime = text.parse().ok()?;
    calendar.at(time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_of_many_forms_are_read_and_others_are_not() {
        let berlin = Calendar::parse("Europe/Berlin").unwrap();
        let read = |value| parse(&value, &berlin).map(|at| at.rfc3339());
        assert_eq!(read(json!("2026-07-01T10:00:00+02:00")).unwrap(), "2026-07-01T08:00:00Z");
        assert_eq!(read(json!("2026-07-01 10:00:00")).unwrap(), "2026-07-01T08:00:00Z");
        assert_eq!(read(json!("2026-07-01T10:00:00.250")).unwrap(), "2026-07-01T08:00:00Z");
        assert_eq!(read(json!("2026-07-01")).unwrap(), "2026-06-30T22:00:00Z");
        assert_eq!(read(json!(1_782_892_800)).unwrap(), "2026-07-01T08:00:00Z");
        assert_eq!(read(json!("1782892800000")).unwrap(), "2026-07-01T08:00:00Z");
        assert_eq!(read(json!(1_782_892_800.5)).unwrap(), "2026-07-01T08:00:00Z");
        for bad in [json!(""), json!("yesterday"), json!("12"), json!(null), json!("NaN"), json!(1e300), json!("2026-13-01"), json!({})] {
            assert_eq!(read(bad.clone()), None, "{bad}");
        }
    }
}
