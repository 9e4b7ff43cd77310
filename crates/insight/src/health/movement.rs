//! What moved a score, and what would move it most.

use events::Day;

use super::figures::Figures;
use super::model::{Measure, Rule};
use super::score::Raw;
use super::scorer::{self, Scorer, Weighed};
use super::sentences;

/// The way from one day's score to another's, factor by factor.
#[derive(Debug, Clone, PartialEq)]
pub struct Movement {
    /// The earlier day.
    pub since: Day,
    /// Its score as it was shown then.
    pub before: f64,
    /// The score now.
    pub after: f64,
    /// Each factor's part, largest first. With `other` they sum to `after − before`.
    pub parts: Vec<MovedBy>,
    /// What is not behaviour: another version of the model since, properties that are others now, and events of those days that came late.
    pub other: f64,
}

/// What one factor did to the score.
#[derive(Debug, Clone, PartialEq)]
pub struct MovedBy {
    /// The factor's key.
    pub key: String,
    /// Its name.
    pub label: String,
    /// The factor's score then.
    pub before: Option<f64>,
    /// And now.
    pub after: Option<f64>,
    /// Points that the whole score moved by it.
    pub change: f64,
}

/// What would help most.
#[derive(Debug, Clone, PartialEq)]
pub struct NextAction {
    /// The factor's key.
    pub key: String,
    /// Its name.
    pub label: String,
    /// Points that the whole score would gain.
    pub gain: f64,
    /// What to do, in a sentence.
    pub text: String,
}

/// Compares `now` with `then`, both by today's model and from all that is known by now; `shown` is what was shown on that day, when a
/// snapshot of it is kept. None without a score on either day.
pub(crate) fn between(rules: &[Rule], since: Day, shown: Option<f64>, then: &[Weighed], now: &[Weighed]) -> Option<Movement> {
    let (replayed, after) = (scorer::total(then)?, scorer::total(now)?);
    let before = shown.unwrap_or(replayed);
    let mut parts: Vec<MovedBy> = rules
        .iter()
        .zip(then.iter().zip(now))
        .map(|(rule, (then, now))| MovedBy {
            key: rule.key.clone(),
            label: rule.label.clone(),
            before: then.score,
            after: now.score,
            change: now.contribution - then.contribution,
        })
        .collect();
    parts.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()));
    Some(Movement { since, before, after, parts, other: replayed - before })
}

/// The factor that moved the score most, by its place in the model, and by how many points. None when nothing moved.
pub(crate) fn largest(then: &[Weighed], now: &[Weighed]) -> Option<(usize, f64)> {
    scorer::total(then)?;
    scorer::total(now)?;
    let changes = then.iter().zip(now).map(|(then, now)| now.contribution - then.contribution).enumerate();
    changes.filter(|(_, change)| change.abs() >= 0.005).max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
}

/// The factor with the largest gain that is within reach in a month. None when all are at their best.
pub(crate) fn next_action(scorer: &Scorer, figures: &Figures, weighed: &[Weighed]) -> Option<NextAction> {
    let rules = scorer.model.rules.iter().zip(&scorer.plan.places).zip(weighed);
    let gains = rules.filter_map(|((rule, place), weighed)| {
        let raw = scorer::raw(&rule.measure, *place, figures);
        let gain = weighed.share * (reachable(&rule.measure, &raw, weighed.score?) - weighed.score?);
        Some((rule, raw, gain))
    });
    let (rule, raw, gain) = gains.filter(|(.., gain)| *gain >= 0.05).max_by(|a, b| a.2.total_cmp(&b.2))?;
    Some(NextAction {
        key: rule.key.clone(),
        label: rule.label.clone(),
        gain,
        text: sentences::advice(rule, &raw, scorer.full_features(&rule.measure)),
    })
}

/// What a factor can come to within a month. What has happened stays in its window: tickets and late invoices are only outweighed or
/// grow old, ratings are given one at a time.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn reachable(measure: &Measure, raw: &Raw, score: f64) -> f64 {
    let one_more_good = |good: f64, of: i64| 100.0 * (good + 1.0) / (of + 1) as f64;
    let reachable = match (measure, raw) {
        (Measure::Penalty { days, each, .. }, Raw::Count(number)) => {
            // Spread evenly over the window, so many have grown old a month from now.
            let grown_old = f64::min(30.0 / f64::from(*days), 1.0);
            100.0 - each * *number as f64 * (1.0 - grown_old)
        }
        (Measure::Invoices { .. }, Raw::Share { part, of }) => one_more_good(*part as f64, *of),
        (Measure::Ratings { .. }, Raw::Mean { of, mean }) => one_more_good(mean / 100.0 * *of as f64, *of),
        // What staff say and what a customer is are no goals: nobody gains by saying more.
        (Measure::Pulse {} | Measure::Property { .. }, _) => score,
        // Twice as much as in the month before.
        (Measure::Momentum { .. }, _) => 200.0 / 3.0,
        _ => 100.0,
    };
    reachable.clamp(score, 100.0)
}
