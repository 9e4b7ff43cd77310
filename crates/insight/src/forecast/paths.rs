//! What may come, many times over: each path goes on from where the series stands, with errors of the past drawn by chance.

use super::WEEK;
use super::ets::{Parameters, State};

/// The same every time: a page that is loaded twice shows the same figures.
pub(super) const SEED: u64 = 20_260_101;

/// What was learnt of a series is less sure the further it is carried: the variance of errors grows by so much until as many days ahead as
/// it was learnt from. The figure comes from simulated series: with it, 80 % bands of days, weeks and months hold 75 to 85 %.
const FURTHER: f64 = 3.0;

/// How a series goes on.
#[derive(Debug, Clone)]
pub(super) enum Course {
    /// Around the same figure for each weekday; the first is that of the next day.
    Weekdays([f64; WEEK]),
    /// As a week before; the first is what the next day is like.
    AsAWeekBefore([f64; WEEK]),
    /// By exponential smoothing.
    Smoothed(Parameters, State),
}

/// A course with the errors that are drawn.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) course: Course,
    pub(super) errors: Vec<f64>,
}

impl Path {
    /// Errors of the past, around nothing, and as large as they were for days that were not learnt from: `learnt` is how many figures
    /// were.
    pub(super) fn new(course: Course, mut errors: Vec<f64>, learnt: usize) -> Path {
        let count = errors.len();
        let mean = errors.iter().sum::<f64>() / count.max(1) as f64;
        let wider = if count > learnt + 1 { (count as f64 / (count - learnt) as f64).sqrt() } else { 1.5 };
        errors.iter_mut().for_each(|error| *error = (*error - mean) * wider);
        Path { course, errors }
    }

    /// With errors so many times as large.
    pub(super) fn widened(mut self, by: f64) -> Path {
        self.errors.iter_mut().for_each(|error| *error *= by);
        self
    }

    /// The figures that are expected.
    pub(super) fn point(&self, days: usize) -> Vec<f64> {
        self.walk(days, || 0.0)
    }

    fn walk(&self, days: usize, mut drawn: impl FnMut() -> f64) -> Vec<f64> {
        let mut walked = Vec::with_capacity(days);
        let known = self.errors.len().max(1) as f64;
        let mut ahead = 0.0;
        let mut error = || {
            ahead += 1.0;
            drawn() * (1.0_f64 + FURTHER * ahead / known).sqrt()
        };
        match &self.course {
            Course::Weekdays(means) => walked.extend((0..days).map(|day| means[day % WEEK] + error())),
            Course::AsAWeekBefore(last) => {
                let mut last = *last;
                for day in 0..days {
                    last[day % WEEK] += error();
                    walked.push(last[day % WEEK]);
                }
            }
            Course::Smoothed(with, state) => {
                let mut state = *state;
                for _ in 0..days {
                    let error = error();
                    walked.push(state.next(with) + error);
                    state.learn(error, with);
                }
            }
        }
        // Nobody is paid for spending.
        walked.iter_mut().for_each(|value| *value = value.max(0.0));
        walked
    }
}

/// Paths that a course may take.
pub(super) fn draw(path: &Path, days: usize, paths: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = Random::new(seed);
    (0..paths)
        .map(|_| path.walk(days, || if path.errors.is_empty() { 0.0 } else { path.errors[random.below(path.errors.len())] }))
        .collect()
}

/// Of a few days: their mean, and a wide band.
pub(super) fn mean(series: &[f64]) -> Path {
    let mean = series.iter().sum::<f64>() / series.len() as f64;
    let spread = (series.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (series.len().max(2) - 1) as f64).sqrt();
    let wide = 1.5 * spread.max(mean / 2.0);
    // Quantiles of the normal distribution, evenly spaced.
    let errors = [-1.96, -1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28, 1.96].map(|share| share * wide).to_vec();
    Path { course: Course::Weekdays([mean; WEEK]), errors }
}

/// Of one to three weeks: the mean of each weekday.
pub(super) fn weekday_means(series: &[f64]) -> Path {
    let mean = series.iter().sum::<f64>() / series.len() as f64;
    let mut sums = [(0.0, 0.0); WEEK];
    for (day, value) in series.iter().enumerate() {
        sums[day % WEEK].0 += value;
        sums[day % WEEK].1 += 1.0;
    }
    let of = |day: usize| sums[day % WEEK].0 / sums[day % WEEK].1;
    // Where a weekday was there once, its own error would be none: then errors are those from the mean of all days.
    let errors: Vec<f64> =
        series.iter().enumerate().map(|(day, value)| value - if sums[day % WEEK].1 > 1.0 { of(day) } else { mean }).collect();
    let learnt = if series.len() >= 2 * WEEK { WEEK } else { 1 };
    let course = Course::Weekdays(std::array::from_fn(|day| of(series.len() + day)));
    Path::new(course, errors, learnt)
}

/// The figure below which this share of sorted ones lies.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share.clamp(0.0, 1.0) * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// Chance that is the same every time (SplitMix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from((u128::from(self.next()) * limit as u128) >> 64).expect("below the limit")
    }

    /// A figure of the normal distribution.
    #[cfg(test)]
    pub(super) fn normal(&mut self) -> f64 {
        let mut fraction = || (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        let (one, other) = (1.0 - fraction(), fraction());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }
}
