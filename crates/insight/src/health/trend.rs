//! How scores went from day to day: changes, the fitted slope, and who falls fast.

use events::Day;

use super::model::VersionNo;

/// The slope is fitted through so many days.
const SLOPE_DAYS: usize = 28;
/// Whoever falls fast has done so for so many days.
const FALL_DAYS: usize = 14;
/// Points a day; a line that falls by more is a fast fall.
const FAST: f64 = -1.0;
/// A line through fewer points says nothing.
const LEAST_POINTS: usize = 7;

/// One day's score as it was kept that day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The day.
    pub day: Day,
    /// The score; none when nothing was known.
    pub points: Option<f64>,
    /// By which version of which model.
    pub version: VersionNo,
}

/// Daily scores and what they come to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trend {
    /// Oldest first, at most one a day, the last is today's. Days without one are left out.
    pub points: Vec<Point>,
    /// The first day of each version but the first, with the version's name, for a mark in the chart: a change there is not behaviour.
    pub versions: Vec<(Day, String)>,
    /// The change against 7 days ago.
    pub change_7: Option<f64>,
    /// The change against 30 days ago.
    pub change_30: Option<f64>,
    /// Points a day, fitted through the last 28 days by least squares.
    pub slope: Option<f64>,
    /// The line through the last 14 days falls by more than a point a day.
    pub falls_fast: bool,
}

/// The line's rise a day through daily values, the oldest first; gaps are left out. None with less than a week of values.
pub(crate) fn slope(days: &[Option<f64>]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a day's place in a month or two")]
    let known: Vec<(f64, f64)> = days.iter().enumerate().filter_map(|(day, value)| Some((day as f64, (*value)?))).collect();
    if known.len() < LEAST_POINTS {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    let number = known.len() as f64;
    let mean_day = known.iter().map(|(day, _)| day).sum::<f64>() / number;
    let mean_value = known.iter().map(|(_, value)| value).sum::<f64>() / number;
    let covariance: f64 = known.iter().map(|(day, value)| (day - mean_day) * (value - mean_value)).sum();
    let variance: f64 = known.iter().map(|(day, _)| (day - mean_day).powi(2)).sum();
    Some(covariance / variance)
}

/// The slope of the last 28 of `days`, whose last is today.
pub(crate) fn slope_now(days: &[Option<f64>]) -> Option<f64> {
    slope(last(days, SLOPE_DAYS))
}

/// Whether the line through the last 14 of `days` falls by more than a point a day.
pub(crate) fn falls_fast(days: &[Option<f64>]) -> bool {
    days.len() >= FALL_DAYS && slope(last(days, FALL_DAYS)).is_some_and(|slope| slope < FAST)
}

/// Today's value less that of `ago` days before.
pub(crate) fn change(days: &[Option<f64>], ago: usize) -> Option<f64> {
    let today = days.len().checked_sub(1)?;
    Some(days[today]? - days[today.checked_sub(ago)?]?)
}

fn last<T>(days: &[T], number: usize) -> &[T] {
    &days[days.len().saturating_sub(number)..]
}

/// The values of the `number` days up to `day`, one for each, from points in the order of their days.
pub(crate) fn daily(points: &[Point], day: Day, number: usize) -> Vec<Option<f64>> {
    let first = day.plus(1 - i64::try_from(number).unwrap_or(i64::MAX));
    let mut days = vec![None; number];
    for point in points.iter().filter(|point| (first..=day).contains(&point.day)) {
        days[usize::try_from(point.day.0 - first.0).unwrap_or(0)] = point.points;
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_least_squares() {
        let line: Vec<_> = (0..28).map(|day| Some(80.0 - 1.5 * f64::from(day))).collect();
        assert!((slope_now(&line).unwrap() + 1.5).abs() < 1e-9);
        assert!(falls_fast(&line));
        // Worked by hand: days 0 to 6, values 1 3 2 5 4 6 7; covariance 26, variance 28.
        let values = [1.0, 3.0, 2.0, 5.0, 4.0, 6.0, 7.0].map(Some);
        assert!((slope(&values).unwrap() - 26.0 / 28.0).abs() < 1e-12);
        // With a gap: days 0 1 2 3 4 6 7, values equal to twice the day.
        let gap = [Some(0.0), Some(2.0), Some(4.0), Some(6.0), Some(8.0), None, Some(12.0), Some(14.0)];
        assert!((slope(&gap).unwrap() - 2.0).abs() < 1e-12);
        assert_eq!(slope(&[Some(1.0); 6]), None);
    }

    #[test]
    fn changes_need_both_days() {
        let mut days = vec![Some(50.0); 31];
        days[30] = Some(44.0);
        assert_eq!((change(&days, 7), change(&days, 30), change(&days, 31)), (Some(-6.0), Some(-6.0), None));
        days[23] = None;
        assert_eq!((change(&days, 7), change(&[], 7)), (None, None));
        assert!(!falls_fast(&days));
    }

    #[test]
    fn daily_values_leave_gaps_where_nothing_is_kept() {
        let point = |day, points| Point { day: Day(day), points, version: VersionNo(1) };
        let points = [point(5, Some(1.0)), point(8, Some(2.0)), point(9, None), point(10, Some(3.0))];
        assert_eq!(daily(&points, Day(10), 4), [None, Some(2.0), None, Some(3.0)]);
    }
}
