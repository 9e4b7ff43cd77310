//! The same rows through scikit-learn (see `tests/fixtures/churn.py`) and through ours.

use serde::Deserialize;

use super::features::COUNT;
use super::metrics::{Told, auc, brier};
use super::regression::{Platt, Scale, fit, sigmoid};

#[derive(Deserialize)]
struct Fixture {
    rows: Vec<[f64; COUNT]>,
    labels: Vec<bool>,
    mean: [f64; COUNT],
    deviation: [f64; COUNT],
    fits: Vec<Theirs>,
    decisions: Vec<f64>,
    bent: Vec<f64>,
    platt: TheirPlatt,
    calibrated: Vec<f64>,
    auc: f64,
    brier: f64,
    log_loss: f64,
}

#[derive(Deserialize)]
struct Theirs {
    c: f64,
    intercept: f64,
    weights: [f64; COUNT],
}

#[derive(Deserialize)]
struct TheirPlatt {
    a: f64,
    b: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../tests/fixtures/churn.json")).unwrap()
}

fn near(ours: f64, theirs: f64, within: f64) {
    assert!((ours - theirs).abs() <= within, "{ours} is not {theirs}");
}

#[test]
fn coefficients_are_those_of_scikit_learn() {
    let theirs = fixture();
    let scale = Scale::of(&theirs.rows);
    for column in 0..COUNT {
        near(scale.mean[column], theirs.mean[column], 1e-10);
        near(scale.deviation[column], theirs.deviation[column], 1e-10);
    }
    let rows: Vec<[f64; COUNT]> = theirs.rows.iter().map(|row| scale.apply(row)).collect();
    let targets: Vec<f64> = theirs.labels.iter().map(|label| f64::from(u8::from(*label))).collect();
    for their_fit in &theirs.fits {
        let ours = fit(&rows, &targets, 1.0 / their_fit.c).unwrap();
        near(ours.intercept, their_fit.intercept, 1e-8);
        for (ours, theirs) in ours.weights.iter().zip(their_fit.weights) {
            near(*ours, theirs, 1e-8);
        }
        if their_fit.c == 1.0 {
            for (row, decision) in rows.iter().zip(&theirs.decisions) {
                near(ours.log_odds(row), *decision, 1e-8);
            }
        }
    }
}

#[test]
fn calibration_and_figures_are_those_of_scikit_learn() {
    let theirs = fixture();
    let platt = Platt::of(&theirs.bent, &theirs.labels).unwrap();
    // Theirs stops a little before the optimum; ours is at it.
    near(platt.slope, -theirs.platt.a, 2e-4);
    near(platt.offset, -theirs.platt.b, 2e-4);
    let ours: Vec<f64> = theirs.bent.iter().map(|value| sigmoid(platt.apply(*value))).collect();
    for (ours, theirs) in ours.iter().zip(&theirs.calibrated) {
        near(*ours, *theirs, 1e-4);
    }
    let told = |probabilities: &[f64]| -> Vec<Told> {
        probabilities
            .iter()
            .zip(&theirs.labels)
            .map(|(probability, churned)| Told { probability: *probability, churned: *churned })
            .collect()
    };
    let same = told(&theirs.calibrated);
    near(auc(&same).unwrap(), theirs.auc, 1e-12);
    near(brier(&same).unwrap(), theirs.brier, 1e-12);
    near(auc(&told(&ours)).unwrap(), theirs.auc, 1e-12);
    let losses = same.iter().map(|it| if it.churned { -it.probability.ln() } else { -(1.0 - it.probability).ln() });
    near(losses.sum::<f64>() / 300.0, theirs.log_loss, 1e-12);
}
