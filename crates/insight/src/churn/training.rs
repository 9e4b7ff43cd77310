//! Learning from what became of customers, and the test on a day that was not learnt from. Pure.

use std::collections::HashSet;

use accounts::CustomerId;
use events::Day;
use serde::{Deserialize, Serialize};

use super::features::{COUNT, Definition, FEATURES};
use super::metrics::{self, AtCapacity, Slice, Told};
use super::regression::{self, Fit, Platt, Scale, as_real, sigmoid};
use crate::health::Band;

/// With fewer customers lost than this nothing is learnt: rules and the health score must do.
pub const LEAST_CHURNED: usize = 50;
/// Strength of the penalty: scikit-learn's usual `C = 1`.
const RIDGE: f64 = 1.0;
/// Parts of the rows for Platt's calibration: each is judged by a model of the others.
const FOLDS: u64 = 5;
/// Cuts of the lift curve.
const SLICES: usize = 10;
/// So many customers of each kind of mistake are listed.
const EXAMPLES: usize = 50;

/// One customer on one day, and what came.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Who.
    pub customer: CustomerId,
    /// Everything up to the end of this day was known.
    pub day: Day,
    /// What was known.
    pub features: [f64; COUNT],
    /// The band of the health score as of that day; only where it is asked for.
    pub band: Option<Band>,
    /// Whether the customer was lost within the horizon.
    pub churned: bool,
}

/// What predicts. Readable and stable as JSON: it is stored so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predictor {
    /// Calibrated log-odds of a customer whose features are all usual.
    pub base: f64,
    /// By feature, in the order of [`FEATURES`].
    pub terms: Vec<Term>,
}

/// One feature's part in a [`Predictor`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Which feature.
    pub key: String,
    /// Its mean over the customers that were learnt from: what is usual.
    pub usual: f64,
    /// Its spread.
    pub spread: f64,
    /// What one unit adds to the calibrated log-odds.
    pub weight: f64,
}

/// A probability that explains itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// How likely the customer is lost within the horizon.
    pub probability: f64,
    /// What a customer with usual features would have.
    pub usual: f64,
    /// By feature, the strongest first; their sum is the difference in log-odds to a usual customer.
    pub parts: Vec<Part>,
}

/// What one feature adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its place in [`FEATURES`].
    pub feature: usize,
    /// The customer's figure.
    pub value: f64,
    /// The usual figure.
    pub usual: f64,
    /// β · (x − x̄): added to the log-odds; above 0 makes leaving likelier.
    pub contribution: f64,
}

impl Predictor {
    /// Predicts. None when it is of other features than today's, as after an update: then it must be learnt anew.
    pub fn predict(&self, features: &[f64; COUNT]) -> Option<Prediction> {
        if self.terms.len() != COUNT || self.terms.iter().zip(FEATURES).any(|(term, feature)| term.key != feature.key) {
            return None;
        }
        let mut parts: Vec<Part> = self
            .terms
            .iter()
            .zip(features)
            .enumerate()
            .map(|(feature, (term, value))| Part {
                feature,
                value: *value,
                usual: term.usual,
                contribution: term.weight * (value - term.usual),
            })
            .collect();
        let log_odds = self.base + parts.iter().map(|part| part.contribution).sum::<f64>();
        parts.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
        Some(Prediction { probability: sigmoid(log_odds), usual: sigmoid(self.base), parts })
    }
}

/// What was learnt, with the test of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// What predicts.
    pub predictor: Predictor,
    /// How it did on a day that it was not learnt from.
    pub report: Report,
}

/// How a predictor did on the newest day whose horizon is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// As of which day was predicted, `2026-11-21`.
    pub day: String,
    /// Rows that were learnt from.
    pub learnt_rows: usize,
    /// Of them lost.
    pub learnt_churned: usize,
    /// Customers who were predicted.
    pub customers: usize,
    /// Of them lost.
    pub churned: usize,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Mean squared error.
    pub brier: Option<f64>,
    /// The mean squared error of who says the base rate to all.
    pub brier_of_base_rate: Option<f64>,
    /// What came of those whom the team could have called.
    pub red: Option<Red>,
    /// The ranking in ten parts, the riskiest first.
    pub slices: Vec<Cut>,
    /// What the health score said of them on that day, the best band first; customers without a score are left out.
    #[serde(default)]
    pub bands: Vec<BandOutcome>,
    /// Lost and not called, the lowest probability first.
    pub missed: Vec<Named>,
    /// How many were lost and not called.
    pub missed_count: usize,
    /// Called and still here, the highest probability first.
    pub false_alarms: Vec<Named>,
    /// How many were called and are still here.
    pub false_alarms_count: usize,
}

/// What came of the customers with the highest probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Red {
    /// How many could be called.
    pub called: usize,
    /// Of them lost.
    pub churned: usize,
    /// Share of the called who were lost.
    pub precision: f64,
    /// Share of the lost who were called.
    pub recall: Option<f64>,
    /// Against the share of all.
    pub lift: Option<f64>,
    /// The lowest probability among the called.
    pub from: f64,
}

/// What became of the customers of one band of the health score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BandOutcome {
    /// Which.
    pub band: Band,
    /// Customers in it on the day of the test.
    pub customers: usize,
    /// Of them lost within the horizon.
    pub churned: usize,
}

/// A tenth of the ranking.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Customers in it.
    pub customers: usize,
    /// Of them lost.
    pub churned: usize,
    /// Mean of what was said.
    pub said: f64,
    /// Share that was lost.
    pub came: f64,
    /// Against the share of all.
    pub lift: Option<f64>,
    /// Share of all lost in this part or before it.
    pub caught: Option<f64>,
}

/// A customer in a list of mistakes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// Who.
    pub customer: CustomerId,
    /// What was said.
    pub probability: f64,
}

/// Why nothing was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLittle {
    /// Fewer than [`LEAST_CHURNED`] customers were lost so far.
    Churned(usize),
    /// There is no day to learn from whose horizon ends before the day of the test.
    Days,
    /// All that could be learnt from stayed, or all left.
    OneKind,
}

/// Learns from all days whose horizon ends before the newest day, and tests on that one.
pub fn learn(samples: &[Sample], definition: Definition, capacity: usize) -> Result<Learnt, TooLittle> {
    let lost: HashSet<&CustomerId> = samples.iter().filter(|sample| sample.churned).map(|sample| &sample.customer).collect();
    if lost.len() < LEAST_CHURNED {
        return Err(TooLittle::Churned(lost.len()));
    }
    let test_day = samples.iter().map(|sample| sample.day).max().ok_or(TooLittle::Days)?;
    // A label that reaches beyond the day of the test would be knowledge of its future.
    let newest = test_day.plus(-i64::from(definition.horizon_days));
    let (train, rest): (Vec<&Sample>, Vec<&Sample>) = samples.iter().partition(|sample| sample.day <= newest);
    let test: Vec<&Sample> = rest.into_iter().filter(|sample| sample.day == test_day).collect();
    if train.is_empty() || test.is_empty() {
        return Err(TooLittle::Days);
    }
    let predictor = predictor_of(&train).ok_or(TooLittle::OneKind)?;
    let report = report_on(&predictor, &train, &test, test_day, capacity);
    Ok(Learnt { predictor, report })
}

fn predictor_of(train: &[&Sample]) -> Option<Predictor> {
    let (scale, fit) = fitted(train)?;
    // Calibrated on what models say of rows that they have not seen; all rows of a customer are in one part.
    let mut unseen: Vec<(f64, bool)> = Vec::with_capacity(train.len());
    for fold in 0..FOLDS {
        let (judged, others): (Vec<&Sample>, Vec<&Sample>) = train.iter().partition(|sample| fold_of(&sample.customer) == fold);
        // A part so small that the others hold one kind only is left out.
        let Some((scale, fit)) = fitted(&others) else { continue };
        unseen.extend(judged.iter().map(|sample| (fit.log_odds(&scale.apply(&sample.features)), sample.churned)));
    }
    let (log_odds, labels): (Vec<f64>, Vec<bool>) = unseen.into_iter().unzip();
    let platt = Platt::of(&log_odds, &labels)?;
    let terms = FEATURES
        .iter()
        .enumerate()
        .map(|(at, feature)| Term {
            key: feature.key.to_owned(),
            usual: scale.mean[at],
            spread: scale.deviation[at],
            weight: platt.slope * fit.weights[at] / scale.deviation[at],
        })
        .collect();
    Some(Predictor { base: platt.apply(fit.intercept), terms })
}

fn fitted(samples: &[&Sample]) -> Option<(Scale<COUNT>, Fit<COUNT>)> {
    let rows: Vec<[f64; COUNT]> = samples.iter().map(|sample| sample.features).collect();
    let scale = Scale::of(&rows);
    let scaled: Vec<[f64; COUNT]> = rows.iter().map(|row| scale.apply(row)).collect();
    let targets: Vec<f64> = samples.iter().map(|sample| f64::from(u8::from(sample.churned))).collect();
    let fit = regression::fit(&scaled, &targets, RIDGE)?;
    Some((scale, fit))
}

/// FNV-1a of the id, its halves folded: the same at every run, on every machine.
pub(super) fn spread(customer: &CustomerId) -> u64 {
    let hash =
        customer.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash ^ (hash >> 32)
}

fn fold_of(customer: &CustomerId) -> u64 {
    // Other bits than those by which customers of a very large house are chosen.
    (spread(customer) >> 8) % FOLDS
}

fn report_on(predictor: &Predictor, train: &[&Sample], test: &[&Sample], day: Day, capacity: usize) -> Report {
    let told: Vec<Told> = test
        .iter()
        .map(|sample| Told {
            probability: predictor.predict(&sample.features).map_or(0.5, |prediction| prediction.probability),
            churned: sample.churned,
        })
        .collect();
    let ranked = metrics::ranked(told.iter().copied().enumerate().collect());
    let red = metrics::at_capacity(&ranked, capacity);
    let called = red.map_or(0, |red| red.called);
    let named = |(at, told): &(usize, Told)| Named { customer: test[*at].customer.clone(), probability: told.probability };
    let missed: Vec<Named> = ranked[called..].iter().rev().filter(|(_, it)| it.churned).map(named).collect();
    let false_alarms: Vec<Named> = ranked[..called].iter().filter(|(_, it)| !it.churned).map(named).collect();
    let churned = told.iter().filter(|it| it.churned).count();
    let base = as_real(churned) / as_real(told.len().max(1));
    Report {
        day: day.iso(),
        learnt_rows: train.len(),
        learnt_churned: train.iter().filter(|sample| sample.churned).count(),
        customers: told.len(),
        churned,
        auc: metrics::auc(&told),
        brier: metrics::brier(&told),
        brier_of_base_rate: (!told.is_empty()).then_some(base * (1.0 - base)),
        red: red.map(|AtCapacity { called, churned, precision, recall, lift }| Red {
            called,
            churned,
            precision,
            recall,
            lift,
            from: ranked[called - 1].1.probability,
        }),
        slices: metrics::slices(&ranked, SLICES)
            .into_iter()
            .map(|Slice { customers, churned, said, came, lift, caught }| Cut { customers, churned, said, came, lift, caught })
            .collect(),
        bands: Band::ALL
            .iter()
            .map(|band| {
                let inside = || test.iter().filter(|sample| sample.band == Some(*band));
                BandOutcome { band: *band, customers: inside().count(), churned: inside().filter(|sample| sample.churned).count() }
            })
            .collect(),
        missed_count: missed.len(),
        missed: missed.into_iter().take(EXAMPLES).collect(),
        false_alarms_count: false_alarms.len(),
        false_alarms: false_alarms.into_iter().take(EXAMPLES).collect(),
    }
}
