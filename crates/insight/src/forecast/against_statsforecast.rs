//! The same series through statsforecast (see `tests/fixtures/forecast.py`) and through ours.

use serde::Deserialize;

use super::WEEK;
use super::backtest;
use super::ets::{self, Kind, Parameters, State};
use super::paths::{Course, Path};

#[derive(Deserialize)]
struct Case {
    name: String,
    series: Vec<f64>,
    fits: Vec<Theirs>,
    naive: Vec<f64>,
}

#[derive(Deserialize)]
struct Theirs {
    model: String,
    alpha: f64,
    beta: f64,
    gamma: f64,
    phi: f64,
    level: f64,
    trend: f64,
    season: [f64; WEEK],
    errors: Vec<f64>,
    forecast: Vec<f64>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../tests/fixtures/forecast.json")).unwrap()
}

fn squares(errors: &[f64]) -> f64 {
    errors.iter().map(|error| error * error).sum()
}

#[test]
fn with_their_parameters_errors_and_forecasts_are_theirs() {
    for case in cases() {
        for theirs in case.fits {
            let with = Parameters { alpha: theirs.alpha, beta: theirs.beta, gamma: theirs.gamma, phi: theirs.phi };
            let begin = State { level: theirs.level, trend: theirs.trend, season: theirs.season };
            let (errors, end) = ets::run(&case.series, &with, begin);
            for (ours, theirs) in errors.iter().zip(&theirs.errors) {
                assert!((ours - theirs).abs() < 1e-6, "{}: {ours} is not {theirs}", case.name);
            }
            let path = Path::new(Course::Smoothed(with, end), Vec::new(), 0);
            // Theirs (as R's) adds φ twice and then φ², φ³, … to the trend, where the formula has φ, φ², φ³, ….
            let (trend, phi) = (end.trend, theirs.phi);
            let twice = |day: i32| trend * (phi - phi.powi(day));
            for ((ours, theirs), day) in path.point(14).iter().zip(&theirs.forecast).zip(1..) {
                assert!((ours + twice(day) - theirs).abs() < 1e-6, "{}: {ours} is not {theirs}", case.name);
            }
        }
        let last: [f64; WEEK] = std::array::from_fn(|day| case.series[case.series.len() - WEEK + day]);
        assert_eq!(Path::new(Course::AsAWeekBefore(last), Vec::new(), 0).point(14), case.naive);
    }
}

#[test]
fn what_we_learn_ourselves_is_about_as_good() {
    for case in cases() {
        for theirs in case.fits {
            let kind = if theirs.model == "ANA" { Kind::Level } else { Kind::DampedTrend };
            let fit = ets::fit(&case.series, kind, None);
            // Theirs also fits the states at the beginning, which makes the errors of the first weeks smaller than they can be for ours.
            let (ours_later, theirs_later) = (squares(&fit.errors[2 * WEEK..]), squares(&theirs.errors[2 * WEEK..]));
            assert!(ours_later <= 1.25 * theirs_later, "{} {}: {ours_later} and {theirs_later}", case.name, theirs.model);
            let path = Path::new(Course::Smoothed(fit.parameters, fit.end), Vec::new(), 0);
            let (ours, theirs_sum): (f64, f64) = (path.point(7).iter().sum(), theirs.forecast[..7].iter().sum());
            assert!((ours / theirs_sum - 1.0).abs() < 0.03, "{} {}: {ours} and {theirs_sum}", case.name, theirs.model);
        }
    }
}

#[test]
fn the_best_method_is_better_than_last_week() {
    for case in cases() {
        let accuracy = backtest::best(&case.series).2.unwrap();
        assert!(accuracy.mase < 0.95, "{}: {accuracy:?}", case.name);
        assert!(accuracy.coverage >= 0.75 && accuracy.widened >= 1.0, "{}: {accuracy:?}", case.name);
        assert!(accuracy.compared.is_sorted_by(|one, other| one.1 <= other.1 + 0.01));
    }
}
