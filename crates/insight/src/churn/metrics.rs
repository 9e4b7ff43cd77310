//! How good predictions were, once it is known what came. Pure.

use std::cmp::Ordering;

use super::regression::as_real;

/// What was said of a customer, and what came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// The probability that was said.
    pub probability: f64,
    /// Whether the customer left.
    pub churned: bool,
}

/// Highest probability first; those alike stay in their order.
pub fn ranked(mut told: Vec<(usize, Told)>) -> Vec<(usize, Told)> {
    told.sort_by(|(a_at, a), (b_at, b)| b.probability.partial_cmp(&a.probability).unwrap_or(Ordering::Equal).then(a_at.cmp(b_at)));
    told
}

/// The mean of the squared errors: 0 is perfect, and who always says the base rate gets its variance.
pub fn brier(told: &[Told]) -> Option<f64> {
    if told.is_empty() {
        return None;
    }
    let sum: f64 = told.iter().map(|it| (it.probability - f64::from(u8::from(it.churned))).powi(2)).sum();
    Some(sum / as_real(told.len()))
}

/// The chance that of one who left and one who stayed, the one who left had the higher probability; alike counts half. None when
/// all left or all stayed.
pub fn auc(told: &[Told]) -> Option<f64> {
    let mut sorted: Vec<Told> = told.to_vec();
    sorted.sort_by(|a, b| a.probability.partial_cmp(&b.probability).unwrap_or(Ordering::Equal));
    let (mut rank, mut ranks_of_churned, mut at) = (1.0, 0.0, 0);
    while at < sorted.len() {
        let alike = sorted[at..].iter().take_while(|it| it.probability == sorted[at].probability).count();
        let middle = rank + (as_real(alike) - 1.0) / 2.0;
        ranks_of_churned += middle * as_real(sorted[at..at + alike].iter().filter(|it| it.churned).count());
        rank += as_real(alike);
        at += alike;
    }
    let churned = as_real(told.iter().filter(|it| it.churned).count());
    let stayed = as_real(told.len()) - churned;
    (churned > 0.0 && stayed > 0.0).then(|| (ranks_of_churned - churned * (churned + 1.0) / 2.0) / (churned * stayed))
}

/// What came of those whom a team would have called, the `capacity` with the highest probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtCapacity {
    /// How many could be called.
    pub called: usize,
    /// Of them left.
    pub churned: usize,
    /// Share of those called who left.
    pub precision: f64,
    /// Share of all who left that was called.
    pub recall: Option<f64>,
    /// How much more often those called left than all did.
    pub lift: Option<f64>,
}

/// Looks at the first `capacity` of a ranking.
pub fn at_capacity(ranked: &[(usize, Told)], capacity: usize) -> Option<AtCapacity> {
    let called = capacity.min(ranked.len());
    if called == 0 {
        return None;
    }
    let churned = ranked[..called].iter().filter(|(_, it)| it.churned).count();
    let all = ranked.iter().filter(|(_, it)| it.churned).count();
    let precision = as_real(churned) / as_real(called);
    let base = as_real(all) / as_real(ranked.len());
    Some(AtCapacity {
        called,
        churned,
        precision,
        recall: (all > 0).then(|| as_real(churned) / as_real(all)),
        lift: (all > 0).then(|| precision / base),
    })
}

/// One part of a ranking that was cut into parts of the same size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slice {
    /// How many customers.
    pub customers: usize,
    /// Of them left.
    pub churned: usize,
    /// The mean of what was said.
    pub said: f64,
    /// The share that left.
    pub came: f64,
    /// How much more often than all they left.
    pub lift: Option<f64>,
    /// The share of all who left that is in this part or before it.
    pub caught: Option<f64>,
}

/// Cuts a ranking into `parts`, the riskiest first; fewer when there are not enough customers.
pub fn slices(ranked: &[(usize, Told)], parts: usize) -> Vec<Slice> {
    let all = ranked.iter().filter(|(_, it)| it.churned).count();
    let mut caught = 0;
    let mut slices = Vec::with_capacity(parts);
    for part in 0..parts {
        let (from, to) = (ranked.len() * part / parts, ranked.len() * (part + 1) / parts);
        let here = &ranked[from..to];
        if here.is_empty() {
            continue;
        }
        let churned = here.iter().filter(|(_, it)| it.churned).count();
        caught += churned;
        let came = as_real(churned) / as_real(here.len());
        slices.push(Slice {
            customers: here.len(),
            churned,
            said: here.iter().map(|(_, it)| it.probability).sum::<f64>() / as_real(here.len()),
            came,
            lift: (all > 0).then(|| came / (as_real(all) / as_real(ranked.len()))),
            caught: (all > 0).then(|| as_real(caught) / as_real(all)),
        });
    }
    slices
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(pairs: &[(f64, bool)]) -> Vec<Told> {
        pairs.iter().map(|(probability, churned)| Told { probability: *probability, churned: *churned }).collect()
    }

    fn numbered(told: &[Told]) -> Vec<(usize, Told)> {
        ranked(told.iter().copied().enumerate().collect())
    }

    #[test]
    fn figures_worked_by_hand() {
        let told = told(&[(0.9, true), (0.8, false), (0.7, true), (0.2, false), (0.1, false)]);
        // Pairs in the right order: 3 for the first, 2 for the other, of 2 × 3.
        assert_eq!(auc(&told), Some(5.0 / 6.0));
        assert!((brier(&told).unwrap() - (0.01 + 0.64 + 0.09 + 0.04 + 0.01) / 5.0).abs() < 1e-12);
        let first = at_capacity(&numbered(&told), 2).unwrap();
        assert_eq!((first.called, first.churned, first.precision, first.recall), (2, 1, 0.5, Some(0.5)));
        assert!((first.lift.unwrap() - 1.25).abs() < 1e-12);
        let slices = slices(&numbered(&told), 2);
        assert_eq!(slices.iter().map(|slice| (slice.customers, slice.churned)).collect::<Vec<_>>(), [(2, 1), (3, 1)]);
        assert_eq!(slices[1].caught, Some(1.0));
    }

    #[test]
    fn what_cannot_be_known_is_not_said() {
        assert_eq!(auc(&told(&[(0.3, true), (0.4, true)])), None);
        assert_eq!(brier(&[]), None);
        assert_eq!(at_capacity(&[], 10), None);
        assert_eq!(at_capacity(&numbered(&told(&[(0.3, false)])), 10).unwrap().lift, None);
        assert!(slices(&[], 10).is_empty());
    }

    proptest! {
        #[test]
        fn auc_is_the_share_of_pairs_in_order(pairs in proptest::collection::vec((0_u8..6, any::<bool>()), 1..40)) {
            let told: Vec<Told> = pairs.iter().map(|(p, churned)| Told { probability: f64::from(*p) / 5.0, churned: *churned }).collect();
            let (mut right, mut all) = (0.0, 0.0);
            for left in told.iter().filter(|it| it.churned) {
                for stayed in told.iter().filter(|it| !it.churned) {
                    all += 1.0;
                    right += match left.probability.partial_cmp(&stayed.probability) {
                        Some(Ordering::Greater) => 1.0,
                        Some(Ordering::Equal) => 0.5,
                        _ => 0.0,
                    };
                }
            }
            match auc(&told) {
                Some(found) => prop_assert!((found - right / all).abs() < 1e-12),
                None => prop_assert_eq!(all, 0.0),
            }
            let slices = slices(&numbered(&told), 10);
            prop_assert_eq!(slices.iter().map(|slice| slice.customers).sum::<usize>(), told.len());
            prop_assert_eq!(slices.iter().map(|slice| slice.churned).sum::<usize>(), told.iter().filter(|it| it.churned).count());
        }
    }
}
