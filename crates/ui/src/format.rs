//! Figures, sizes, times and money as people read them.
//!
//! All take plain numbers; times are unix milliseconds and are written in UTC, which the browser
//! replaces by the reader's own zone in the `title`.

use maud::{Markup, html};

/// The sign for "we do not know": always given with a reason.
pub const MISSING: &str = "–";

/// Returns a whole number with thousands separators: `12,480`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        out.push('−');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a number with `places` decimals and thousands separators: `1,204.5`.
pub fn decimal(number: f64, places: usize) -> String {
    if !number.is_finite() {
        return MISSING.to_owned();
    }
    let text = format!("{:.places$}", number.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let is_zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    let sign = if number < 0.0 && !is_zero { "−" } else { "" };
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Returns a score from 0 to 100 to whole points. Where that would round it up to the next ten it has one decimal, cut off: 69.6 is
/// `69.6` and 69.99 is `69.9`, because bands and bars begin at tens, and nothing may read as one that it has not reached.
pub fn score(points: f64) -> String {
    let whole = points.round();
    if whole > points && whole % 10.0 == 0.0 { decimal((points * 10.0).floor() / 10.0, 1) } else { decimal(points, 0) }
}

/// Returns a share as percent: `percent(0.1234, 1)` is `12.3 %`.
pub fn percent(share: f64, places: usize) -> String {
    if share.is_finite() { format!("{}\u{a0}%", decimal(share * 100.0, places)) } else { MISSING.to_owned() }
}

/// Returns a size in the unit that reads best, thousand to the step: `1.4 GB`.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = size as f64;
    let mut unit = 0;
    // 999.5 would be shown as "1000", so it moves on to the next unit.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let places = usize::from(unit > 0 && value < 9.95);
    format!("{value:.places$}\u{a0}{}", UNITS[unit])
}

/// Returns a length of time with its two largest units: `1 min 12 s`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let pair = |large: u64, unit: &str, small: u64, smaller: &str| {
        if small == 0 { format!("{large}\u{a0}{unit}") } else { format!("{large}\u{a0}{unit} {small}\u{a0}{smaller}") }
    };
    match seconds {
        0 => format!("{milliseconds}\u{a0}ms"),
        1..10 => format!("{}\u{a0}s", decimal((milliseconds / 100) as f64 / 10.0, 1)),
        10..60 => format!("{seconds}\u{a0}s"),
        60..3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// Returns an amount in minor units with the sign of its currency: `money(123450, "EUR")` is `€1,234.50`.
///
/// Currencies without a well-known sign are named: `CHF 12.00`.
pub fn money(minor: i64, currency: &str) -> String {
    let places = match currency {
        "JPY" | "KRW" | "VND" | "CLP" | "ISK" => 0,
        "BHD" | "KWD" | "OMR" | "TND" | "JOD" => 3,
        _ => 2,
    };
    let scale = 10_u64.pow(places);
    let whole = minor.unsigned_abs() / scale;
    let rest = minor.unsigned_abs() % scale;
    let sign = if minor < 0 { "−" } else { "" };
    let mark = match currency {
        "EUR" => "€".to_owned(),
        "USD" => "$".to_owned(),
        "GBP" => "£".to_owned(),
        "JPY" => "¥".to_owned(),
        "INR" => "₹".to_owned(),
        other => format!("{other}\u{a0}"),
    };
    let amount = count(i64::try_from(whole).unwrap_or(i64::MAX));
    if places == 0 { format!("{sign}{mark}{amount}") } else { format!("{sign}{mark}{amount}.{rest:0width$}", width = places as usize) }
}

/// Returns how long ago (or how far ahead) a moment is, as words: `4 min ago`, `in 2 h`.
pub fn ago(unix_ms: i64, now: i64) -> String {
    let seconds = (now - unix_ms).unsigned_abs() / 1000;
    let (amount, unit) = match seconds {
        0..10 => return "just now".to_owned(),
        10..60 => (seconds, "s"),
        60..3600 => (seconds / 60, "min"),
        3600..86_400 => (seconds / 3600, "h"),
        86_400..2_592_000 => (seconds / 86_400, "d"),
        _ => return date(unix_ms),
    };
    if unix_ms <= now { format!("{amount}\u{a0}{unit} ago") } else { format!("in {amount}\u{a0}{unit}") }
}

/// Shows a moment relative to now, with the absolute time in the title. The browser keeps it current.
pub fn time_ago(unix_ms: i64, now: i64) -> Markup {
    html! {
        time datetime=(iso(unix_ms)) title=(date_time(unix_ms)) data-relative { (ago(unix_ms, now)) }
    }
}

/// Shows a moment as date and time of day.
pub fn time_exact(unix_ms: i64) -> Markup {
    html! { time datetime=(iso(unix_ms)) title=(date_time(unix_ms)) { (date_time(unix_ms)) } }
}

/// Returns a day: `21 Nov 2026`.
pub fn date(unix_ms: i64) -> String {
    let at = Civil::of(unix_ms);
    format!("{}\u{a0}{}\u{a0}{}", at.day, at.month_name(), at.year)
}

/// Returns a day and time: `21 Nov 2026, 07:16:05 UTC`.
pub fn date_time(unix_ms: i64) -> String {
    let at = Civil::of(unix_ms);
    format!("{}, {:02}:{:02}:{:02}\u{a0}UTC", date(unix_ms), at.hour, at.minute, at.second)
}

/// Returns the time of day: `07:16:05`.
pub fn clock(unix_ms: i64) -> String {
    let at = Civil::of(unix_ms);
    format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second)
}

/// Returns a moment as machines read it: `2026-11-21T07:16:05Z`.
pub fn iso(unix_ms: i64) -> String {
    let at = Civil::of(unix_ms);
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", at.year, at.month, at.day, at.hour, at.minute, at.second)
}

struct Civil {
    year: i64,
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Civil {
    /// Counts in eras of 400 years that start on 1 March, so that the leap day is the last of its year.
    fn of(unix_ms: i64) -> Self {
        let seconds = unix_ms.div_euclid(1000);
        let days = seconds.div_euclid(86_400) + 719_468;
        let rest = seconds.rem_euclid(86_400);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as usize,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            hour: rest / 3600,
            minute: rest % 3600 / 60,
            second: rest % 60,
        }
    }

    fn month_name(&self) -> &'static str {
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][self.month - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: impl Into<String>) -> String {
        text.into().replace('\u{a0}', " ")
    }

    #[test]
    fn counts_have_thousands_separators() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(-1_234_567), "−1,234,567");
        assert_eq!(count(i64::MIN), "−9,223,372,036,854,775,808");
    }

    #[test]
    fn decimals_round_and_never_show_minus_zero() {
        assert_eq!(decimal(1204.46, 1), "1,204.5");
        assert_eq!(decimal(-0.04, 1), "0.0");
        assert_eq!(decimal(-3.0, 0), "−3");
        assert_eq!(decimal(f64::NAN, 1), MISSING);
        assert_eq!(plain(percent(0.12345, 1)), "12.3 %");
        assert_eq!(percent(f64::INFINITY, 1), MISSING);
    }

    #[test]
    fn bytes_never_show_a_thousand_of_a_unit() {
        assert_eq!(plain(bytes(0)), "0 B");
        assert_eq!(plain(bytes(999)), "999 B");
        assert_eq!(plain(bytes(1_000)), "1.0 kB");
        assert_eq!(plain(bytes(999_600)), "1.0 MB");
        assert_eq!(plain(bytes(312_400_000)), "312 MB");
        assert_eq!(plain(bytes(u64::MAX)), "18447 PB");
    }

    #[test]
    fn durations_show_two_units() {
        assert_eq!(plain(duration(0)), "0 ms");
        assert_eq!(plain(duration(4_250)), "4.2 s");
        assert_eq!(plain(duration(9_999)), "9.9 s");
        assert_eq!(plain(duration(59_999)), "59 s");
        assert_eq!(plain(duration(72_000)), "1 min 12 s");
        assert_eq!(plain(duration(7_200_000)), "2 h");
        assert_eq!(plain(duration(273_600_000)), "3 d 4 h");
    }

    #[test]
    fn money_knows_its_minor_units() {
        assert_eq!(money(123_450, "EUR"), "€1,234.50");
        assert_eq!(money(-5, "USD"), "−$0.05");
        assert_eq!(money(1_500, "JPY"), "¥1,500");
        assert_eq!(plain(money(1_200, "CHF")), "CHF 12.00");
        assert_eq!(plain(money(1_500, "KWD")), "KWD 1.500");
    }

    #[test]
    fn moments_are_relative_for_a_month_then_dates() {
        let now = 1_795_245_365_000;
        assert_eq!(iso(now), "2026-11-21T07:16:05Z");
        assert_eq!(ago(now, now), "just now");
        assert_eq!(plain(ago(now - 45_000, now)), "45 s ago");
        assert_eq!(plain(ago(now - 250_000, now)), "4 min ago");
        assert_eq!(plain(ago(now + 7_300_000, now)), "in 2 h");
        assert_eq!(plain(ago(now - 3_000_000_000, now)), "17 Oct 2026");
        assert_eq!(
            plain(time_ago(now - 250_000, now).into_string()),
            r#"<time datetime="2026-11-21T07:11:55Z" title="21 Nov 2026, 07:11:55 UTC" data-relative>4 min ago</time>"#
        );
    }

    #[test]
    fn calendar_knows_leap_days_and_times_before_1970() {
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(iso(1_709_251_199_000), "2024-02-29T23:59:59Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59Z");
    }
}
