//! Where the level of a series changed at once: what lies before says nothing about what comes.

use super::WEEK;

/// A step counts when it is so many times as large as weeks usually differ, …
const UNUSUAL: f64 = 6.0;
/// … or so many times on a day on which something is known to have changed, …
const UNUSUAL_WHEN_KNOWN: f64 = 3.0;
/// … and so large a part of the level before.
const LEAST: f64 = 0.15;
/// So many days must have followed it.
const FOLLOWED: usize = 2 * WEEK;

/// The last day on which the level changed, when it did.
pub(super) fn last(series: &[f64], known: &[usize]) -> Option<usize> {
    if series.len() < FOLLOWED + WEEK {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let step = |day: usize| (mean(&series[day - WEEK..day]), mean(&series[day..day + WEEK]));
    let days = WEEK..=series.len() - WEEK;
    let mut usual: Vec<f64> = days.clone().map(|day| step(day)).map(|(before, after)| (after - before).abs()).collect();
    usual.sort_by(f64::total_cmp);
    // The quartile and not the median: in a short series the step itself makes up a good part of all weeks that are compared. Of the
    // absolute values of normal figures a quarter is below 0.3186 of their deviation.
    let usual = usual[usual.len() / 4] / 0.3186;
    let size = |day: usize| {
        let (before, after) = step(day);
        let change = (after - before).abs();
        (change >= LEAST * before.abs().max(f64::MIN_POSITIVE)).then_some(change)
    };
    let candidates = WEEK..=series.len() - FOLLOWED;
    let told = known
        .iter()
        .copied()
        .filter(|day| candidates.contains(day))
        .filter(|day| size(*day).is_some_and(|size| size > UNUSUAL_WHEN_KNOWN * usual))
        .max();
    // Around a step, the day with the largest difference is the day of the step.
    let seen = candidates
        .filter(|day| size(*day).is_some_and(|size| size > UNUSUAL * usual))
        .filter(|day| {
            let around = day.saturating_sub(WEEK).max(WEEK)..=(day + WEEK).min(series.len() - WEEK);
            around.clone().all(|other| size(other).unwrap_or(0.0) <= size(*day).unwrap_or(0.0))
        })
        .filter(|day| stays(series, *day))
        .max();
    told.max(seen)
}

/// Whether the level after a step is nearer to the new one than to the old one, until the end.
fn stays(series: &[f64], day: usize) -> bool {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (before, after) = (mean(&series[day - WEEK..day]), mean(&series[day..day + WEEK]));
    let end = mean(&series[series.len() - WEEK..]);
    (end - after).abs() < (end - before).abs()
}
