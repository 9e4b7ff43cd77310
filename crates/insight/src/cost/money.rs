//! US dollars in whole billionths: sums are exact, and do not depend on their order.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// An amount in nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Usd(pub i64);

/// Nano-dollars of a dollar.
pub(super) const DOLLAR: i64 = 1_000_000_000;

impl Usd {
    /// For charts and arithmetic that does not go back into the database.
    #[expect(clippy::cast_precision_loss, reason = "for the eye")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / DOLLAR as f64
    }

    /// Rounded to whole nano-dollars; amounts beyond what can be held are cut.
    #[expect(clippy::cast_possible_truncation, reason = "casts from floats saturate")]
    pub fn of_dollars(dollars: f64) -> Usd {
        Usd((dollars * DOLLAR as f64).round() as i64)
    }

    /// Reads `1234`, `12.5` or `$0.000001`, exactly; at most nine decimals, never less than nothing.
    pub fn parse(text: &str) -> Option<Usd> {
        decimal(text, 9).map(Usd)
    }

    /// With all its decimals and no sign: for files.
    pub fn exact(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / DOLLAR.unsigned_abs(), self.0.unsigned_abs() % DOLLAR.unsigned_abs());
        format!("{sign}{whole}.{rest:09}")
    }
}

/// A number of nothing or more with at most so many decimals, in units of the last of them.
pub(super) fn decimal(text: &str, decimals: u32) -> Option<i64> {
    let text = text.trim();
    let text = text.strip_prefix('$').unwrap_or(text).trim();
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && rest.is_empty() || !is_number(whole) || !is_number(rest) || rest.len() > decimals as usize {
        return None;
    }
    let unit = 10_i64.checked_pow(decimals)?;
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let rest: i64 = format!("{rest:0<width$}", width = decimals as usize).parse().ok()?;
    whole.checked_mul(unit)?.checked_add(rest)
}

impl fmt::Display for Usd {
    /// In cents; small amounts with two digits that say something: `$0.0042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.dollars().abs();
        let sign = if self.0 < 0 { "−" } else { "" };
        if self.0 == 0 || dollars >= 0.1 {
            let cents = (self.0.unsigned_abs() + 5_000_000) / 10_000_000;
            let whole: Vec<String> = (cents / 100)
                .to_string()
                .into_bytes()
                .rchunks(3)
                .rev()
                .map(|digits| String::from_utf8_lossy(digits).into_owned())
                .collect();
            return write!(f, "{sign}${}.{:02}", whole.join(","), cents % 100);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 9")]
        let decimals = (1.0 - dollars.log10().floor()).clamp(2.0, 9.0) as usize;
        write!(f, "{sign}${dollars:.decimals$}")
    }
}

impl Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Usd) {
        *self = *self + other;
    }
}

impl Sub for Usd {
    type Output = Usd;
    fn sub(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0))
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(all: I) -> Usd {
        all.fold(Usd(0), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_and_written_for_people() {
        let read = |text| Usd::parse(text).map(|usd| usd.0);
        assert_eq!(
            [read("12.5"), read("$0.000000001"), read(".5"), read("1000")],
            [12_500_000_000, 1, 500_000_000, 1_000_000_000_000].map(Some)
        );
        assert_eq!([read(""), read("."), read("-1"), read("1e3"), read("0.0000000001"), read("99999999999999")], [None; 6]);
        let shown = |nanos: i64| Usd(nanos).to_string();
        assert_eq!([shown(0), shown(1_234_567_890_000_000), shown(104_999_999)], ["$0.00", "$1,234,567.89", "$0.10"]);
        assert_eq!([shown(4_200_000), shown(1), shown(-2_500_000_000), shown(99_999_999)], ["$0.0042", "$0.000000001", "−$2.50", "$0.100"]);
        assert_eq!(Usd(-1_000_000_001).exact(), "-1.000000001");
        assert_eq!(Usd::of_dollars(0.1), Usd(100_000_000));
    }
}
