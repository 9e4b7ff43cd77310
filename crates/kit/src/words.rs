//! Numbers in sentences.

use std::fmt::Display;

/// A number with its noun: `counted(1, "route")` is `1 route`, `counted(2, "route")` is `2 routes`.
///
/// The noun is given in the singular, and must be one of those that take an `s`.
pub fn counted<N: Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let ending = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        assert_eq!([counted(0_usize, "route"), counted(1_usize, "route")], ["0 routes", "1 route"]);
        assert_eq!([counted(2_i64, "job"), counted(-1_i64, "job")], ["2 jobs", "-1 jobs"]);
    }
}
