//! From figures to a score: the formulas of all measures.

use events::Day;

use super::figures::{Figures, Place, Plan};
use super::model::{Measure, Missing, Model};
use super::score::{Band, Factor, Raw, Score};
use super::sentences;

/// Fewer tries than this: the ratio is shown with a mark.
const FEW_TRIES: i64 = 5;
/// A customer is new while its first event lies on one of the last so many days.
const NEW_DAYS: i64 = 30;

/// What a factor without data scores, when its model says "neutral".
pub(crate) const NEUTRAL: f64 = 50.0;

/// What the house's settings say about features, for rules that do not say it themselves.
#[derive(Debug, Clone)]
pub(crate) struct Features {
    /// The features that count; empty for all.
    pub key: Vec<String>,
    /// How many there are, when no list names them.
    pub number: u32,
}

/// A model with what is worked out once for many customers.
pub(crate) struct Scorer {
    pub model: Model,
    pub plan: Plan,
    features: Features,
}

/// A factor in figures alone: what a recomputation of all customers needs of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighed {
    /// None: it does not count.
    pub score: Option<f64>,
    /// Whether the score comes from data.
    pub has_data: bool,
    /// Its weight among those that count, 0 to 1.
    pub share: f64,
    /// `share · (score − 50)`.
    pub contribution: f64,
}

impl Scorer {
    pub fn new(model: Model, features: Features) -> Scorer {
        let plan = Plan::of(&model.rules, &features.key);
        Scorer { model, plan, features }
    }

    /// The score of `day` for a customer whose first event came on `first_day`. Before that nothing is known, so nothing is said.
    pub fn score(&self, day: Day, first_day: Option<Day>, figures: &Figures) -> Score {
        let is_known = is_known(day, first_day);
        let weighed = self.weigh(day, first_day, figures);
        let points = total(&weighed);
        let factors = self.model.rules.iter().zip(&self.plan.places).zip(&weighed).map(|((rule, place), weighed)| {
            let raw = raw(&rule.measure, *place, figures);
            Factor {
                key: rule.key.clone(),
                label: rule.label.clone(),
                days: window_days(&rule.measure),
                score: weighed.score,
                is_neutral: weighed.score.is_some() && !weighed.has_data,
                is_thin: matches!((&rule.measure, &raw), (Measure::Success { .. }, Raw::Share { of: 1..FEW_TRIES, .. })),
                weight: rule.weight,
                share: weighed.share,
                contribution: weighed.contribution,
                text: sentences::raw(rule, &raw, is_known, self.full_features(&rule.measure)),
                raw,
            }
        });
        Score {
            day,
            version: self.model.no,
            model: self.model.name.clone(),
            points,
            band: points.map(Band::of),
            factors: factors.collect(),
            coverage: self.coverage(&weighed),
            is_new: is_new(day, first_day),
        }
    }

    /// All factors in figures, in the model's order.
    pub fn weigh(&self, day: Day, first_day: Option<Day>, figures: &Figures) -> Vec<Weighed> {
        let is_known = is_known(day, first_day);
        let rules = || self.model.rules.iter();
        let mut weighed: Vec<Weighed> = rules()
            .zip(&self.plan.places)
            .map(|(rule, place)| {
                let found = self.formula(&rule.measure, *place, figures).filter(|_| is_known);
                let neutral = (is_known && rule.missing == Missing::Neutral).then_some(NEUTRAL);
                Weighed { score: found.or(neutral), has_data: found.is_some(), share: 0.0, contribution: 0.0 }
            })
            .collect();
        let sum: f64 = rules().zip(&weighed).filter(|(_, weighed)| weighed.score.is_some()).map(|(rule, _)| rule.weight).sum();
        for (rule, weighed) in rules().zip(&mut weighed) {
            if let Some(score) = weighed.score.filter(|_| sum > 0.0) {
                weighed.share = rule.weight / sum;
                weighed.contribution = weighed.share * (score - NEUTRAL);
            }
        }
        weighed
    }

    /// The share of the model's weights whose factors come from data.
    pub fn coverage(&self, weighed: &[Weighed]) -> f64 {
        let all: f64 = self.model.rules.iter().map(|rule| rule.weight).sum();
        let covered = self.model.rules.iter().zip(weighed).filter(|(_, weighed)| weighed.has_data);
        if all > 0.0 { covered.map(|(rule, _)| rule.weight).sum::<f64>() / all } else { 0.0 }
    }

    /// The score of a factor, 0 to 100; none without data.
    fn formula(&self, measure: &Measure, place: Place, figures: &Figures) -> Option<f64> {
        let ratio = |part: f64, of: f64| (of > 0.0).then(|| 100.0 * part / of);
        let score = match (measure, place) {
            (Measure::Count { full, .. }, Place::One(at)) => ratio(figures.at(at), *full)?,
            (Measure::Penalty { each, .. }, Place::One(at)) => 100.0 - each * figures.at(at),
            (Measure::ActiveDays { days, full }, _) => ratio(f64::from(figures.active_days(*days)), *full)?,
            (Measure::ActiveWeeks { weeks }, _) => ratio(f64::from(figures.active_weeks(*weeks)), f64::from(*weeks))?,
            (Measure::Features { .. }, Place::One(at)) => ratio(figures.at(at), f64::from(self.full_features(measure)))?,
            (Measure::Success { .. } | Measure::Momentum { .. }, Place::Two(first, second)) => {
                ratio(figures.at(first), figures.at(first) + figures.at(second))?
            }
            (Measure::Invoices { .. }, Place::Two(on_time, all)) => ratio(figures.at(on_time), figures.at(all))?,
            (Measure::Ratings { .. }, Place::Two(number, points)) => ratio(figures.at(points), figures.at(number))? / 100.0,
            (Measure::Pulse {} | Measure::Property { .. }, Place::Two(there, points)) => given(there, points, figures)?,
            _ => unreachable!("a plan gives every measure its kind of place"),
        };
        Some(score.clamp(0.0, 100.0))
    }

    /// How many features are full marks for a rule.
    pub fn full_features(&self, measure: &Measure) -> u32 {
        let counted = |names: &[String]| u32::try_from(names.len()).unwrap_or(u32::MAX);
        match measure {
            Measure::Features { only, .. } if !only.is_empty() => counted(only),
            Measure::Features { of: Some(of), .. } => *of,
            _ if !self.features.key.is_empty() => counted(&self.features.key),
            _ => self.features.number,
        }
    }
}

/// The whole score: 50 and what each factor adds.
pub(crate) fn total(weighed: &[Weighed]) -> Option<f64> {
    let counts = weighed.iter().any(|weighed| weighed.share > 0.0);
    let sum: f64 = weighed.iter().map(|weighed| weighed.contribution).sum();
    counts.then(|| (NEUTRAL + sum).clamp(0.0, 100.0))
}

/// Whether little is known yet, because the first event came a short time ago.
pub(crate) fn is_new(day: Day, first_day: Option<Day>) -> bool {
    first_day.is_none_or(|first| first > day.plus(-NEW_DAYS))
}

fn is_known(day: Day, first_day: Option<Day>) -> bool {
    first_day.is_some_and(|first| first <= day)
}

fn given(there: usize, points: usize, figures: &Figures) -> Option<f64> {
    (figures.at(there) > 0.0).then(|| figures.at(points))
}

/// The figure as people read it.
#[expect(clippy::cast_possible_truncation, reason = "counts are whole and far below 2^53")]
pub(crate) fn raw(measure: &Measure, place: Place, figures: &Figures) -> Raw {
    let whole = |at: usize| figures.at(at) as i64;
    match (measure, place) {
        (Measure::ActiveDays { days, .. }, _) => Raw::Count(figures.active_days(*days).into()),
        (Measure::ActiveWeeks { weeks }, _) => Raw::Share { part: figures.active_weeks(*weeks).into(), of: (*weeks).into() },
        (_, Place::One(at)) => Raw::Count(whole(at)),
        (Measure::Success { .. }, Place::Two(good, bad)) => Raw::Share { part: whole(good), of: whole(good) + whole(bad) },
        (Measure::Momentum { .. }, Place::Two(now, before)) => Raw::Momentum { now: whole(now), before: whole(before) },
        (Measure::Ratings { .. }, Place::Two(number, points)) => {
            let of = figures.at(number);
            Raw::Mean { of: whole(number), mean: if of > 0.0 { figures.at(points) / of } else { 0.0 } }
        }
        (Measure::Pulse {} | Measure::Property { .. }, Place::Two(there, points)) => Raw::Given(given(there, points, figures)),
        (_, Place::Two(part, of)) => Raw::Share { part: whole(part), of: whole(of) },
        (_, Place::Active) => unreachable!("only the two measures above ask for active days"),
    }
}

/// How many days a measure looks back, the day of the score included.
pub(crate) fn window_days(measure: &Measure) -> i64 {
    match measure {
        Measure::Count { days, .. }
        | Measure::Penalty { days, .. }
        | Measure::ActiveDays { days, .. }
        | Measure::Features { days, .. }
        | Measure::Success { days, .. }
        | Measure::Invoices { days }
        | Measure::Momentum { days, .. }
        | Measure::Ratings { days } => (*days).into(),
        Measure::ActiveWeeks { weeks } => i64::from(*weeks) * 7,
        // As of now.
        Measure::Pulse {} | Measure::Property { .. } => 1,
    }
}
