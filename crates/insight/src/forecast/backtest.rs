//! How methods would have done on the last days, which is how one is chosen and how wide its band must be.

use super::ets::{self, Kind, Parameters};
use super::paths::{self, Course, Path};
use super::{Method, WEEK};

/// Forecasts are tried as of each of so many last days, a week ahead each.
const ORIGINS: usize = 28;
/// A method is learnt from two weeks at least.
const LEAST: usize = 2 * WEEK;
/// Paths of a trial, of which there are many.
const PATHS: usize = 200;
/// Parameters are learnt anew after so many days; states every day.
const RELEARN: usize = 7;
/// The band of 80 % must have held so many of what came.
const HELD: f64 = 0.75;

/// How forecasts a week ahead did on the last days.
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracy {
    /// Mean error, as a part of the mean difference between a day and the one a week before: below 1 is better than "as last week".
    pub mase: f64,
    /// Mean error in percent of what came; none when nothing came on all days.
    pub mape: Option<f64>,
    /// The share of what came that was in the 80 % band as it is drawn now.
    pub coverage: f64,
    /// So many times as wide as the errors alone would make it: bands that come from what was learnt from are too narrow.
    pub widened: f64,
    /// Forecasts as of so many days.
    pub origins: usize,
    /// All methods with their MASE, the best first.
    pub compared: Vec<(Method, f64)>,
}

/// A forecast that was tried: what came, and the place of it in the band, 1 at its edge.
struct Tried {
    came: f64,
    error: f64,
    in_band: f64,
}

/// All trials of a method: days, and sums of a week.
#[derive(Default)]
struct Trials {
    days: Vec<Tried>,
    weeks: Vec<Tried>,
}

impl Tried {
    fn of(came: f64, point: f64, mut drawn: Vec<f64>) -> Tried {
        drawn.sort_by(f64::total_cmp);
        let (low, high) = (paths::quantile(&drawn, 0.10), paths::quantile(&drawn, 0.90));
        let error = came - point;
        let reach = if error >= 0.0 { high - point } else { point - low };
        Tried { came, error, in_band: if error.abs() < 1e-9 { 0.0 } else { error.abs() / reach.max(1e-9) } }
    }
}

/// The place in the band within which so many of the trials lie.
fn held_by(trials: &[Tried], share: f64) -> f64 {
    let mut places: Vec<f64> = trials.iter().map(|it| it.in_band).collect();
    places.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
    let number = (places.len() as f64 * share).ceil() as usize;
    places.get(number.saturating_sub(1)).copied().unwrap_or(1.0)
}

/// The best method for a series of three weeks or more, ready to go on, and how it did.
pub(super) fn best(series: &[f64]) -> (Method, Path, Option<Accuracy>) {
    let scale = naive_error(series);
    let mut tried: Vec<(Method, f64, Trials)> = [Method::Smoothing, Method::SmoothingWithTrend, Method::SeasonalNaive]
        .into_iter()
        .map(|method| {
            let tried = attempt(series, method);
            let mean = tried.days.iter().map(|it| it.error.abs()).sum::<f64>() / tried.days.len().max(1) as f64;
            (method, mean / scale, tried)
        })
        .collect();
    // As it is shown: of two that are as good as each other, the one that does not take yesterday's whim for a habit.
    tried.sort_by(|one, other| (one.1 * 100.0).round().total_cmp(&(other.1 * 100.0).round()));
    let compared = tried.iter().map(|(method, mase, _)| (*method, *mase)).collect();
    let (method, mase, Trials { days: tried, weeks }) = tried.swap_remove(0);
    let widened = held_by(&tried, HELD).max(held_by(&weeks, HELD)).clamp(1.0, 5.0);
    let held = tried.iter().filter(|it| it.in_band <= widened + 1e-9).count() as f64 / tried.len().max(1) as f64;
    let shares: Vec<f64> = tried.iter().filter(|it| it.came > 0.0).map(|it| it.error.abs() / it.came).collect();
    let mape = (!shares.is_empty()).then(|| 100.0 * shares.iter().sum::<f64>() / shares.len() as f64);
    let (path, _) = learn(series, method, None);
    let origins = origins(series.len()).count();
    (method, path.widened(widened), Some(Accuracy { mase, mape, coverage: held, widened, origins, compared }))
}

/// What "as a week before" is wrong by on average; never nothing, so that it can be divided by.
fn naive_error(series: &[f64]) -> f64 {
    let errors = series.iter().zip(&series[WEEK..]).map(|(before, after)| (after - before).abs());
    let mean = errors.sum::<f64>() / (series.len() - WEEK) as f64;
    if mean > 0.0 { mean } else { 1.0 }
}

/// So many days are known at each trial.
fn origins(days: usize) -> std::ops::Range<usize> {
    LEAST.max(days.saturating_sub(ORIGINS))..days
}

fn attempt(series: &[f64], method: Method) -> Trials {
    let mut tried = Trials::default();
    let mut learnt: Option<Parameters> = None;
    for (number, known) in origins(series.len()).enumerate() {
        let keep = learnt.filter(|_| number % RELEARN != 0);
        let (path, parameters) = learn_or_keep(&series[..known], method, learnt.as_ref(), keep);
        learnt = parameters;
        let came = &series[known..series.len().min(known + WEEK)];
        let point = path.point(came.len());
        let drawn = paths::draw(&path, came.len(), PATHS, paths::SEED + known as u64);
        for (day, (came, point)) in came.iter().zip(&point).enumerate() {
            tried.days.push(Tried::of(*came, *point, drawn.iter().map(|path| path[day]).collect()));
        }
        if came.len() == WEEK {
            tried.weeks.push(Tried::of(came.iter().sum(), point.iter().sum(), drawn.iter().map(|path| path.iter().sum()).collect()));
        }
    }
    tried
}

fn learn_or_keep(series: &[f64], method: Method, near: Option<&Parameters>, keep: Option<Parameters>) -> (Path, Option<Parameters>) {
    let (Some(with), Some(kind)) = (keep, kind(method)) else { return learn(series, method, near) };
    let (errors, end) = ets::run(series, &with, ets::State::at_the_beginning(series, kind));
    (Path::new(Course::Smoothed(with, end), settled(errors), figures(kind)), Some(with))
}

fn learn(series: &[f64], method: Method, near: Option<&Parameters>) -> (Path, Option<Parameters>) {
    match kind(method) {
        Some(kind) => {
            let fit = ets::fit(series, kind, near);
            (Path::new(Course::Smoothed(fit.parameters, fit.end), settled(fit.errors), figures(kind)), Some(fit.parameters))
        }
        None => {
            let errors: Vec<f64> = series.iter().zip(&series[WEEK..]).map(|(before, after)| after - before).collect();
            let last: [f64; WEEK] = std::array::from_fn(|day| series[series.len() - WEEK + day]);
            (Path::new(Course::AsAWeekBefore(last), errors, 0), None)
        }
    }
}

fn kind(method: Method) -> Option<Kind> {
    match method {
        Method::Smoothing => Some(Kind::Level),
        Method::SmoothingWithTrend => Some(Kind::DampedTrend),
        _ => None,
    }
}

/// How many figures are learnt beside the season.
fn figures(kind: Kind) -> usize {
    if kind == Kind::Level { 3 } else { 6 }
}

/// The errors of the first week are small only because its season was made of it.
fn settled(errors: Vec<f64>) -> Vec<f64> {
    if errors.len() >= 4 * WEEK { errors[WEEK..].to_vec() } else { errors }
}
