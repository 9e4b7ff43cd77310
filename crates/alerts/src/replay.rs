//! What a rule would have done: its figure over the last days, led through the same states.

use std::collections::BTreeMap;
use std::time::Duration;

use accounts::{Actor, Permission};
use kit::{Error, Result, Timestamp};

use crate::Alerts;
use crate::machine::{News, Seen, Standing, step};
use crate::metrics::{self, Labels, Reading, Track};
use crate::rules::{self, NewRule};

/// How far back.
pub const DAYS: u32 = 30;
/// How often the figure is looked at: more seldom than it is done live, so that a replay answers in a moment.
pub const STEP: Duration = Duration::from_secs(300);
/// A replay that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// Points of the chart.
const POINTS: usize = 120;
/// Alerts that are listed.
const LISTED: usize = 50;

/// An alert that would have been.
#[derive(Debug, Clone, PartialEq)]
pub struct WouldBe {
    /// Of what; empty for the whole house.
    pub labels: Labels,
    /// When it would have fired.
    pub fired_at: Timestamp,
    /// When it would have been over; none while it would last.
    pub ended_at: Option<Timestamp>,
    /// The figure when it would have fired.
    pub value: Option<f64>,
}

/// What a rule would have done.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// The figure at the end: of a labelled figure the worst of all.
    pub now: Option<f64>,
    /// Since when anything is known of the figure; none when nothing is.
    pub known_from: Option<Timestamp>,
    /// How many alerts there would have been.
    pub fired: usize,
    /// The newest of them, newest first.
    pub alerts: Vec<WouldBe>,
    /// The worst figure of each stretch, oldest first: of a labelled figure the worst of all.
    pub points: Vec<(Timestamp, Option<f64>)>,
}

/// Leads a rule through the last 30 days. It need not be saved.
pub async fn replay(alerts: &Alerts, actor: &Actor, rule: &NewRule) -> Result<Replay> {
    actor.may(Permission::OperateHouse)?;
    // A rule without a name can be tried.
    let name = if rule.name.trim().is_empty() { "Rule".to_owned() } else { rule.name.clone() };
    let rule = rules::checked(&NewRule { name, ..rule.clone() })?;
    let to = alerts.clock.now();
    let from = to.minus(Duration::from_secs(u64::from(DAYS) * 86_400));
    let window = rule.window();
    let since = if rule.condition.is_relative() { from.minus(window) } else { from };
    let too_long = || Error::unavailable("there is too much to look through just now; try a figure with fewer events, or later");
    let loaded = tokio::time::timeout(PATIENCE, metrics::load(alerts, rule.metric, since, to, window)).await;
    let track = loaded.map_err(|_| too_long())??;
    // Thousands of steps: not on a thread that answers others.
    let led = tokio::task::spawn_blocking(move || lead(&rule, &track, from, to));
    led.await.map_err(|error| Error::internal(format!("a replay: {error}")))
}

/// Leads a rule through what was.
pub(crate) fn lead(rule: &NewRule, track: &Track, from: Timestamp, to: Timestamp) -> Replay {
    let (window, timing) = (rule.window(), rule.timing());
    let mut standings: BTreeMap<Labels, Standing> = BTreeMap::new();
    let mut open: BTreeMap<Labels, usize> = BTreeMap::new();
    let mut all: Vec<WouldBe> = Vec::new();
    let mut points: Vec<(Timestamp, Option<f64>)> = Vec::new();
    let (mut known_from, mut now) = (None, None);
    let stretch = (to.since(from).as_secs() / POINTS as u64).max(STEP.as_secs());
    let mut at = from;
    while at <= to {
        let readings = track.readings(at, window);
        let before = if rule.condition.is_relative() { track.readings(at.minus(window), window) } else { Vec::new() };
        let worst = worst_of(readings.iter().filter_map(|it| it.value), rule);
        now = worst;
        if known_from.is_none() && worst.is_some() {
            known_from = Some(at);
        }
        note(&mut points, at, worst, rule, (from, stretch));
        let gone: Vec<Labels> = standings.keys().filter(|labels| !readings.iter().any(|it| it.labels == **labels)).cloned().collect();
        let gone = gone.into_iter().map(|labels| (Reading { labels, ..Reading::default() }, Seen::Under));
        let seen = readings.into_iter().map(|reading| {
            let earlier = before.iter().find(|it| it.labels == reading.labels);
            let seen = rule.judge(&reading, earlier);
            (reading, seen)
        });
        for (reading, seen) in seen.chain(gone).collect::<Vec<_>>() {
            let standing = standings.get(&reading.labels).copied().unwrap_or(Standing::fresh(at));
            let (after, news) = step(standing, seen, &timing, at);
            standings.insert(reading.labels.clone(), after);
            match news {
                Some(News::Fired(_)) => {
                    open.insert(reading.labels.clone(), all.len());
                    all.push(WouldBe { labels: reading.labels, fired_at: at, ended_at: None, value: reading.value });
                }
                Some(News::Resolved) => {
                    if let Some(place) = open.remove(&reading.labels) {
                        all[place].ended_at = Some(at);
                    }
                }
                None => {}
            }
        }
        at = at.plus(STEP);
    }
    let fired = all.len();
    all.reverse();
    all.truncate(LISTED);
    Replay { from, to, now, known_from, fired, alerts: all, points }
}

fn worst_of(values: impl Iterator<Item = f64>, rule: &NewRule) -> Option<f64> {
    match rule.condition.is_upwards() {
        true => values.max_by(f64::total_cmp),
        false => values.min_by(f64::total_cmp),
    }
}

/// Adds a figure to the stretch that it falls into.
fn note(points: &mut Vec<(Timestamp, Option<f64>)>, at: Timestamp, value: Option<f64>, rule: &NewRule, (from, stretch): (Timestamp, u64)) {
    let place = usize::try_from(at.since(from).as_secs() / stretch).unwrap_or(0);
    match points.get_mut(place) {
        Some((_, known)) => *known = worst_of(known.iter().copied().chain(value), rule),
        None => points.push((at, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metric;
    use crate::rules::Condition;

    #[test]
    fn a_rule_is_led_through_what_was() {
        let hour = |count: i64| Timestamp(count * 3_600_000);
        // Full for two hours, twice, and nothing known for a while in between.
        let steps: Vec<(Timestamp, f64)> = (0..48i64)
            .filter(|it| !(20..24).contains(it))
            .map(|it| (hour(it), if matches!(it, 10 | 11 | 30 | 31) { 3.0 } else { 40.0 }))
            .collect();
        let track = Track::Steps(steps, Duration::from_secs(3600));
        let rule = NewRule { keep_minutes: 0, ..NewRule { condition: Condition::Below { value: 5.0 }, ..NewRule::of(Metric::DiskFree) } };
        let replay = lead(&rule, &track, hour(0), hour(47));
        assert_eq!(replay.fired, 2);
        let newest = &replay.alerts[0];
        assert_eq!((newest.fired_at, newest.ended_at, newest.value), (hour(30), Some(hour(32)), Some(3.0)));
        assert_eq!((replay.known_from, replay.now), (Some(hour(0)), Some(40.0)));
        assert!(replay.points.iter().any(|(_, value)| value.is_none()), "what is unknown stays unknown");
        assert_eq!(replay.points.iter().filter_map(|(_, value)| *value).fold(f64::MAX, f64::min), 3.0);
        // With a hold of more than two hours nothing would have fired.
        let patient = NewRule { hold_minutes: 121, ..rule };
        assert_eq!(lead(&patient, &track, hour(0), hour(47)).fired, 0);
    }
}
