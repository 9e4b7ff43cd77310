//! Logistic regression with an L2 penalty, fitted to the optimum by Newton's method. Pure.
//!
//! The sums are those of scikit-learn's `StandardScaler`, `LogisticRegression(penalty="l2")` and `_SigmoidCalibration`, against
//! which the tests compare them: few columns and a convex target need no iterative library, and Newton's method ends at the same point.

/// Iterations until the steps are below [`CLOSE_ENOUGH`]; ten are usual.
const MOST_STEPS: usize = 100;
/// A step that changes no coefficient by more is the last one.
const CLOSE_ENOUGH: f64 = 1e-11;

/// Where each column has its middle, and how far it spreads.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale<const N: usize> {
    /// Mean of each column.
    pub mean: [f64; N],
    /// Standard deviation of each column (of the population); 1 where a column never changes.
    pub deviation: [f64; N],
}

impl<const N: usize> Scale<N> {
    /// Measures the columns.
    pub fn of(rows: &[[f64; N]]) -> Scale<N> {
        let count = as_real(rows.len().max(1));
        let mean = std::array::from_fn(|column| rows.iter().map(|row| row[column]).sum::<f64>() / count);
        let deviation = std::array::from_fn(|column| {
            let middle: f64 = mean[column];
            let variance = rows.iter().map(|row| (row[column] - middle).powi(2)).sum::<f64>() / count;
            // A column of one value has a variance of rounding errors only.
            if variance <= f64::EPSILON * middle.powi(2).max(1.0) { 1.0 } else { variance.sqrt() }
        });
        Scale { mean, deviation }
    }

    /// The row, moved and scaled.
    pub fn apply(&self, row: &[f64; N]) -> [f64; N] {
        std::array::from_fn(|column| (row[column] - self.mean[column]) / self.deviation[column])
    }
}

/// Fitted coefficients.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit<const N: usize> {
    /// The log-odds where all columns are 0.
    pub intercept: f64,
    /// What one unit of each column adds.
    pub weights: [f64; N],
}

impl<const N: usize> Fit<N> {
    /// The log-odds of a row.
    pub fn log_odds(&self, row: &[f64; N]) -> f64 {
        self.intercept + self.weights.iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>()
    }
}

/// The probability of these log-odds, without overflow at either end.
pub fn sigmoid(log_odds: f64) -> f64 {
    if log_odds >= 0.0 {
        1.0 / (1.0 + (-log_odds).exp())
    } else {
        let small = log_odds.exp();
        small / (1.0 + small)
    }
}

/// Minimises `ridge / 2 · |weights|² + Σ log-loss`; the intercept is free. Targets are probabilities: 0 and 1, or what Platt puts in
/// their places. scikit-learn's `C` is `1 / ridge`. None when there is no minimum (rows of one kind only, without a penalty, or no rows).
pub fn fit<const N: usize>(rows: &[[f64; N]], targets: &[f64], ridge: f64) -> Option<Fit<N>> {
    assert_eq!(rows.len(), targets.len(), "each row has its target");
    let (any_yes, any_no) = (targets.iter().any(|target| *target > 0.0), targets.iter().any(|target| *target < 1.0));
    if !any_yes || !any_no {
        return None;
    }
    let mut now = Fit { intercept: 0.0, weights: [0.0; N] };
    let mut loss = loss_of(&now, rows, targets, ridge);
    for _ in 0..MOST_STEPS {
        let step = newton_step(&now, rows, targets, ridge)?;
        // Newton's step may go too far where the curve is flat; half of it, and half again, goes down for certain.
        let mut share = 1.0;
        let (next, next_loss) = loop {
            let next = Fit {
                intercept: now.intercept - share * step[0],
                weights: std::array::from_fn(|column| now.weights[column] - share * step[column + 1]),
            };
            let next_loss = loss_of(&next, rows, targets, ridge);
            if next_loss <= loss + 1e-12 * loss.abs().max(1.0) || share < 1e-6 {
                break (next, next_loss);
            }
            share /= 2.0;
        };
        let moved = step.iter().fold(0.0_f64, |most, part| most.max((share * part).abs()));
        (now, loss) = (next, next_loss);
        if moved < CLOSE_ENOUGH {
            break;
        }
    }
    (loss.is_finite() && now.weights.iter().all(|weight| weight.is_finite())).then_some(now)
}

fn loss_of<const N: usize>(fit: &Fit<N>, rows: &[[f64; N]], targets: &[f64], ridge: f64) -> f64 {
    let penalty = ridge / 2.0 * fit.weights.iter().map(|weight| weight * weight).sum::<f64>();
    let losses = rows.iter().zip(targets).map(|(row, target)| {
        let log_odds = fit.log_odds(row);
        // log(1 + e^z) − t·z, written so that e^z never overflows.
        log_odds.max(0.0) + (-log_odds.abs()).exp().ln_1p() - target * log_odds
    });
    penalty + losses.sum::<f64>()
}

/// Hessian⁻¹ · gradient: first the intercept's, then the weights'.
fn newton_step<const N: usize>(fit: &Fit<N>, rows: &[[f64; N]], targets: &[f64], ridge: f64) -> Option<Vec<f64>> {
    let size = N + 1;
    let mut gradient = vec![0.0; size];
    let mut hessian = vec![0.0; size * size];
    for (row, target) in rows.iter().zip(targets) {
        let probability = sigmoid(fit.log_odds(row));
        let (error, curve) = (probability - target, probability * (1.0 - probability));
        let at = |column: usize| if column == 0 { 1.0 } else { row[column - 1] };
        for column in 0..size {
            gradient[column] += error * at(column);
            for other in 0..=column {
                hessian[column * size + other] += curve * at(column) * at(other);
            }
        }
    }
    for column in 1..size {
        gradient[column] += ridge * fit.weights[column - 1];
        hessian[column * size + column] += ridge;
    }
    solve(hessian, gradient)
}

/// Solves `matrix · x = right` for a symmetric positive definite matrix of which the lower half is given, by Cholesky's method.
fn solve(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for row in 0..size {
        for column in 0..=row {
            let sum: f64 = (0..column).map(|k| matrix[row * size + k] * matrix[column * size + k]).sum();
            let rest = matrix[row * size + column] - sum;
            if row == column {
                // Not positive: columns that say the same without a penalty, or figures that are none.
                if rest.is_nan() || rest <= 1e-300 {
                    return None;
                }
                matrix[row * size + row] = rest.sqrt();
            } else {
                matrix[row * size + column] = rest / matrix[column * size + column];
            }
        }
    }
    for row in 0..size {
        let sum: f64 = (0..row).map(|k| matrix[row * size + k] * right[k]).sum();
        right[row] = (right[row] - sum) / matrix[row * size + row];
    }
    for row in (0..size).rev() {
        let sum: f64 = (row + 1..size).map(|k| matrix[k * size + row] * right[k]).sum();
        right[row] = (right[row] - sum) / matrix[row * size + row];
    }
    Some(right)
}

/// Platt's calibration: turns what a model says into the share of those who really left, from what it said of rows that it had not seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Platt {
    /// What the model's log-odds are multiplied with.
    pub slope: f64,
    /// What is added.
    pub offset: f64,
}

impl Platt {
    /// Fits slope and offset. Targets stand a little off 0 and 1 (Platt 1999), so that a clean split does not make anything certain.
    pub fn of(log_odds: &[f64], labels: &[bool]) -> Option<Platt> {
        let yes = as_real(labels.iter().filter(|label| **label).count());
        let no = as_real(labels.len()) - yes;
        let (high, low) = ((yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0));
        let targets: Vec<f64> = labels.iter().map(|label| if *label { high } else { low }).collect();
        let rows: Vec<[f64; 1]> = log_odds.iter().map(|value| [*value]).collect();
        if yes == 0.0 || no == 0.0 {
            return None;
        }
        let fit = fit(&rows, &targets, 0.0)?;
        Some(Platt { slope: fit.weights[0], offset: fit.intercept })
    }

    /// The calibrated log-odds.
    pub fn apply(&self, log_odds: f64) -> f64 {
        self.slope * log_odds + self.offset
    }
}

/// A count as a real; exact up to 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "nobody has 2⁵³ customers")]
pub(super) fn as_real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_worked_by_hand() {
        // Two cells: 1 of 4 at x = 0, 3 of 4 at x = 1. Without a penalty the odds are those of the cells: ln(1/3) and ln 3.
        let rows: Vec<[f64; 1]> = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0].map(|x| [x]).to_vec();
        let targets = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
        let fit = fit(&rows, &targets, 0.0).unwrap();
        assert!((fit.intercept - (1.0_f64 / 3.0).ln()).abs() < 1e-10);
        assert!((fit.weights[0] - 9.0_f64.ln()).abs() < 1e-10);
    }

    #[test]
    fn a_clean_split_is_held_by_the_penalty_and_has_no_end_without() {
        let rows: Vec<[f64; 1]> = [-2.0, -1.0, 1.0, 2.0].map(|x| [x]).to_vec();
        let targets = [0.0, 0.0, 1.0, 1.0];
        let held = fit(&rows, &targets, 1.0).unwrap();
        assert!(held.weights[0] > 0.5 && held.weights[0] < 5.0 && held.intercept.abs() < 1e-9);
        assert!(fit(&rows, &[1.0; 4], 1.0).is_none());
        assert!(fit::<1>(&[], &[], 1.0).is_none());
    }

    #[test]
    fn columns_that_say_nothing_or_the_same_do_no_harm() {
        let rows: Vec<[f64; 3]> = (0..40).map(|i| f64::from(i % 7)).map(|x| [x, 3.5, 2.0 * x]).collect();
        let targets: Vec<f64> = (0..40).map(|i| f64::from(u8::from(i % 7 > 3 || i % 11 == 0))).collect();
        let scale = Scale::of(&rows);
        assert_eq!(scale.deviation[1], 1.0);
        let scaled: Vec<[f64; 3]> = rows.iter().map(|row| scale.apply(row)).collect();
        let fit = fit(&scaled, &targets, 1.0).unwrap();
        assert!(fit.weights[1].abs() < 1e-9 && (fit.weights[0] - fit.weights[2]).abs() < 1e-9 && fit.weights[0] > 0.1);
    }

    #[test]
    fn probabilities_stay_between_0_and_1() {
        for (log_odds, expected) in [(-1000.0, 0.0), (0.0, 0.5), (1000.0, 1.0)] {
            assert_eq!(sigmoid(log_odds), expected);
        }
    }
}
