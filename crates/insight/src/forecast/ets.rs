//! Exponential smoothing with a weekly season: ETS(A,N,A) and, with a damped trend, ETS(A,Ad,A).
//!
//! y = ℓ + φb + s₋₇ + ε; ℓ = ℓ + φb + αε; b = φb + βε; s = s₋₇ + γε. Parameters by least squares of the errors one day ahead, found by
//! Nelder-Mead within their bounds; states at the beginning are those of the first weeks.

use super::WEEK;

/// So much larger may the squares be for learning more slowly.
const WHIM: f64 = 1e-3;
/// States at the beginning come from so many weeks.
const FIRST_WEEKS: usize = 6;
/// Looks around the best parameters so often at most.
const MOST_STEPS: usize = 220;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// ETS(A,N,A).
    Level,
    /// ETS(A,Ad,A).
    DampedTrend,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Parameters {
    pub(super) alpha: f64,
    pub(super) beta: f64,
    pub(super) gamma: f64,
    pub(super) phi: f64,
}

/// Where a series stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct State {
    pub(super) level: f64,
    pub(super) trend: f64,
    /// Of the next seven days.
    pub(super) season: [f64; WEEK],
}

impl State {
    /// From the first weeks of a series of two weeks or more. The season is what days differ by from the week around them, so that a
    /// trend is not taken for one.
    pub(super) fn at_the_beginning(series: &[f64], kind: Kind) -> State {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let first = &series[..(series.len() / WEEK * WEEK).min(FIRST_WEEKS * WEEK)];
        let half = WEEK / 2;
        let mut sums = [(0.0, 0.0); WEEK];
        for day in half..first.len() - half {
            sums[day % WEEK].0 += first[day] - mean(&first[day - half..=day + half]);
            sums[day % WEEK].1 += 1.0;
        }
        let season = sums.map(|(sum, days)| sum / days);
        let season = season.map(|of_day| of_day - mean(&season));
        let trend = match kind {
            Kind::Level => 0.0,
            Kind::DampedTrend => {
                let weeks = first.len() / WEEK;
                (mean(&first[(weeks - 1) * WEEK..]) - mean(&first[..WEEK])) / ((weeks - 1) * WEEK) as f64
            }
        };
        // The mean of the first week is that of its middle.
        State { level: mean(&first[..WEEK]) - trend * 4.0, trend, season }
    }

    /// What is expected next.
    pub(super) fn next(&self, with: &Parameters) -> f64 {
        self.level + with.phi * self.trend + self.season[0]
    }

    /// Goes on by a day whose value was so much above what was expected.
    pub(super) fn learn(&mut self, error: f64, with: &Parameters) {
        let trend = with.phi * self.trend;
        self.level += trend + with.alpha * error;
        self.trend = trend + with.beta * error;
        let season = self.season[0] + with.gamma * error;
        self.season.rotate_left(1);
        self.season[WEEK - 1] = season;
    }
}

/// What was learnt of a series.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub(super) parameters: Parameters,
    pub(super) end: State,
    pub(super) errors: Vec<f64>,
}

/// Goes through a series; returns the errors one day ahead and where it stands at the end.
pub(super) fn run(series: &[f64], parameters: &Parameters, mut state: State) -> (Vec<f64>, State) {
    let mut errors = Vec::with_capacity(series.len());
    for value in series {
        let error = value - state.next(parameters);
        state.learn(error, parameters);
        errors.push(error);
    }
    (errors, state)
}

fn squares(series: &[f64], parameters: &Parameters, mut state: State) -> f64 {
    let mut sum = 0.0;
    for value in series {
        let error = value - state.next(parameters);
        state.learn(error, parameters);
        sum += error * error;
    }
    if sum.is_finite() { sum } else { f64::MAX }
}

/// Learns the parameters of a series of two weeks or more, beginning at those of another fit when there is one.
pub(super) fn fit(series: &[f64], kind: Kind, near: Option<&Parameters>) -> Fit {
    let begin = State::at_the_beginning(series, kind);
    let size = if kind == Kind::Level { 2 } else { 4 };
    let start = near.map_or([-1.0, -1.5, -2.0, 1.0], |near| free(near, kind));
    // Where the past does not tell how quickly to learn, slowly: a single whim of the last day must not become the level.
    let best = nelder_mead(&start[..size], |free| {
        let with = bound(free, kind);
        squares(series, &with, begin) * (1.0 + WHIM * (with.alpha + with.gamma))
    });
    let parameters = bound(&best, kind);
    let (errors, end) = run(series, &parameters, begin);
    Fit { parameters, end, errors }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn logit(share: f64) -> f64 {
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    (share / (1.0 - share)).ln()
}

/// Any numbers as parameters within their bounds: 0 < β < α < 1, 0 < γ < 1 − α, 0.8 < φ < 0.98.
fn bound(free: &[f64], kind: Kind) -> Parameters {
    let alpha = 1e-4 + (1.0 - 2e-4) * logistic(free[0]);
    let gamma = (1.0 - alpha) * logistic(free[1]);
    match kind {
        Kind::Level => Parameters { alpha, beta: 0.0, gamma, phi: 1.0 },
        Kind::DampedTrend => Parameters { alpha, beta: alpha * logistic(free[2]), gamma, phi: 0.8 + 0.18 * logistic(free[3]) },
    }
}

fn free(of: &Parameters, kind: Kind) -> [f64; 4] {
    let (alpha, gamma) = (logit((of.alpha - 1e-4) / (1.0 - 2e-4)), logit(of.gamma / (1.0 - of.alpha)));
    match kind {
        Kind::Level => [alpha, gamma, 0.0, 0.0],
        Kind::DampedTrend => [alpha, gamma, logit(of.beta / of.alpha), logit((of.phi - 0.8) / 0.18)],
    }
}

/// The lowest point of a function near `start`, by the simplex method of Nelder and Mead.
fn nelder_mead(start: &[f64], mut of: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    let size = start.len();
    let mut points: Vec<(f64, Vec<f64>)> = vec![(of(start), start.to_vec())];
    for at in 0..size {
        let mut point = start.to_vec();
        point[at] += 1.0;
        points.push((of(&point), point));
    }
    for _ in 0..MOST_STEPS {
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (best, worst) = (points[0].0, points[size].0);
        if worst - best <= 1e-9 * best.abs() {
            break;
        }
        let middle: Vec<f64> = (0..size).map(|at| points[..size].iter().map(|(_, point)| point[at]).sum::<f64>() / size as f64).collect();
        let mut along = |by: f64| {
            // Beyond this the bounds are reached anyway.
            let point: Vec<f64> =
                middle.iter().zip(&points[size].1).map(|(middle, worst)| (middle + by * (middle - worst)).clamp(-12.0, 12.0)).collect();
            (of(&point), point)
        };
        let reflected = along(1.0);
        let second = points[size - 1].0;
        let better = if reflected.0 < best {
            let expanded = along(2.0);
            Some(if expanded.0 < reflected.0 { expanded } else { reflected })
        } else if reflected.0 < second {
            Some(reflected)
        } else {
            let contracted = along(if reflected.0 < worst { 0.5 } else { -0.5 });
            (contracted.0 < worst.min(reflected.0)).then_some(contracted)
        };
        match better {
            Some(point) => points[size] = point,
            None => {
                let best = points[0].1.clone();
                for (value, point) in &mut points[1..] {
                    point.iter_mut().zip(&best).for_each(|(coordinate, best)| *coordinate = best + 0.5 * (*coordinate - best));
                    *value = of(point);
                }
            }
        }
    }
    points.into_iter().min_by(|one, other| one.0.total_cmp(&other.0)).map_or_else(Vec::new, |(_, point)| point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_point_is_found() {
        let valley = |at: &[f64]| (1.0 - at[0]).powi(2) + 5.0 * (at[1] - at[0] * at[0]).powi(2);
        let found = nelder_mead(&[-1.2, 1.0], valley);
        assert!((found[0] - 1.0).abs() < 1e-2 && (found[1] - 1.0).abs() < 1e-2, "{found:?}");
    }

    #[test]
    fn parameters_go_there_and_back() {
        let some = Parameters { alpha: 0.3, beta: 0.1, gamma: 0.2, phi: 0.9 };
        let back = bound(&free(&some, Kind::DampedTrend), Kind::DampedTrend);
        for (one, other) in [(some.alpha, back.alpha), (some.beta, back.beta), (some.gamma, back.gamma), (some.phi, back.phi)] {
            assert!((one - other).abs() < 1e-9);
        }
    }

    #[test]
    fn a_series_without_noise_is_told_exactly() {
        let series: Vec<f64> = (0..42).map(|day| 100.0 + [0.0, 5.0, 8.0, 3.0, 1.0, -9.0, -8.0][day % 7]).collect();
        for kind in [Kind::Level, Kind::DampedTrend] {
            let fit = fit(&series, kind, None);
            assert!(fit.errors.iter().all(|error| error.abs() < 1e-6), "{kind:?}");
            assert!((fit.end.next(&fit.parameters) - 100.0).abs() < 1e-6);
        }
    }
}
