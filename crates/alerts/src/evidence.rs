//! What an alert rests on: which figure, of which window, what it was before, and whom it is about.

use kit::{Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Alerts;
use crate::metrics::{self, Affected, Labels, Reading, Track};
use crate::rules::Rule;

/// Figures before the alert that are kept with it.
const POINTS: i64 = 12;
/// Customers and sites that are named.
const NAMED: usize = 20;

/// What an alert rests on, as it was when it fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// How the figure is counted, in a sentence.
    pub query: String,
    /// The condition in words.
    pub condition: String,
    /// Over how many minutes.
    pub window_minutes: u32,
    /// From when, in unix milliseconds.
    pub from: i64,
    /// Until when.
    pub to: i64,
    /// The figure.
    pub value: Option<f64>,
    /// Out of how many.
    pub samples: Option<i64>,
    /// What it was before, one point a minute (or a twelfth of the window), oldest first.
    pub points: Vec<(i64, Option<f64>)>,
    /// Whom it is about.
    pub affected: Vec<Affected>,
    /// Why the figure could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Puts together what an alert rests on.
pub(crate) async fn gather(alerts: &Alerts, rule: &Rule, track: Option<&Track>, reading: &Reading, now: Timestamp) -> Result<Evidence> {
    let says = &rule.says;
    let window = says.window();
    let from = now.minus(if says.condition.is_relative() { window * 2 } else { window });
    let mut evidence = Evidence {
        query: says.metric.about().query.to_owned(),
        condition: says.condition.words(says.metric),
        window_minutes: says.window_minutes,
        from: from.0,
        to: now.0,
        value: reading.value,
        samples: reading.samples,
        points: Vec::new(),
        affected: Vec::new(),
        error: None,
    };
    let Some(track) = track else { return Ok(evidence) };
    let back = (now.0 - from.0).max(POINTS * 60_000);
    let before = metrics::load(alerts, says.metric, Timestamp(now.0 - back), now, window).await?;
    evidence.points = (0..=POINTS)
        .map(|point| {
            let at = Timestamp(now.0 - back + back * point / POINTS);
            (at.0, value_of(&before.readings(at, window), &reading.labels))
        })
        .collect();
    let affected = metrics::affected(alerts, says.metric, track, now, window, NAMED).await?;
    let mine = |it: &Affected| reading.labels.is_empty() || reading.labels.values().any(|value| *value == it.id);
    evidence.affected = affected.into_iter().filter(mine).collect();
    Ok(evidence)
}

fn value_of(readings: &[Reading], labels: &Labels) -> Option<f64> {
    readings.iter().find(|reading| reading.labels == *labels).and_then(|reading| reading.value)
}
