//! How scores went from day to day.

use events::Day;

use super::model::VersionNo;

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
