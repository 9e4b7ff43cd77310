//! Where figures stand on an axis, and which figures are written beside it.

/// The upright axis of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What stands at the bottom.
    pub low: f64,
    /// What stands at the top.
    pub high: f64,
    /// Where lines are drawn and figures written, lowest first.
    pub ticks: Vec<f64>,
}

impl Axis {
    /// An axis from `low` to `high` with a tick every `step`.
    pub fn fixed(low: f64, high: f64, step: f64) -> Axis {
        let count = ((high - low) / step).round().clamp(1.0, 100.0) as usize;
        Axis { low, high, ticks: (0..=count).map(|place| low + place as f64 * step).collect() }
    }

    /// An axis from 0 (or below, if figures are) to just above the highest figure, with round ticks.
    pub fn around(figures: impl IntoIterator<Item = f64>) -> Axis {
        let (least, most) = figures
            .into_iter()
            .filter(|figure| figure.is_finite())
            .fold((0.0_f64, 0.0_f64), |(least, most), figure| (least.min(figure), most.max(figure)));
        let range = if most > least { most - least } else { 1.0 };
        let step = round_step(range / 4.0);
        let low = (least / step).floor() * step;
        let high = ((most / step).ceil() * step).max(low + step);
        Axis::fixed(low, high, step)
    }

    /// How far up a figure stands, from 0 to 1. Figures off the axis stand at its end.
    pub fn share(&self, figure: f64) -> f64 {
        ((figure - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// 1, 2, 2.5 or 5 times a power of ten, not less than `rough`.
fn round_step(rough: f64) -> f64 {
    if !rough.is_finite() || rough <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let times = steps.into_iter().find(|times| times * power >= rough * 0.999_999).unwrap_or(10.0);
    times * power
}

/// Which of `count` places along a chart carry a label, so that at most `most` do, evenly spaced. The newest place has one.
pub(super) fn labelled(count: usize, most: usize) -> Vec<usize> {
    if count == 0 || most == 0 {
        return Vec::new();
    }
    let every = count.div_ceil(most).max(1);
    let mut places: Vec<usize> = (0..count).rev().step_by(every).collect();
    places.reverse();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_all_figures() {
        assert_eq!(Axis::around([3.0, 17.0]).ticks, [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(Axis::around([0.4]).ticks, [0.0, 0.1, 0.2, 0.1 * 3.0, 0.4]);
        assert_eq!((Axis::around([-8.0, 4.0]).low, Axis::around([-8.0, 4.0]).high), (-10.0, 5.0));
        for most in [0.001, 1.0, 7.0, 99.0, 100.0, 12_345.0, 4e9] {
            let axis = Axis::around([most]);
            assert!(axis.high >= most && axis.ticks.len() >= 2 && axis.ticks.len() <= 6, "{most}: {axis:?}");
        }
    }

    #[test]
    fn nothing_known_still_gives_an_axis() {
        assert_eq!(Axis::around([f64::NAN]), Axis::around([]));
        assert!(Axis::around([]).high > Axis::around([]).low);
        assert_eq!(Axis::fixed(0.0, 100.0, 25.0).share(140.0), 1.0);
    }

    #[test]
    fn labels_are_few_and_end_with_the_newest() {
        assert_eq!(labelled(90, 5), [17, 35, 53, 71, 89]);
        assert_eq!(labelled(3, 5), [0, 1, 2]);
        assert_eq!(labelled(0, 5), [0_usize; 0]);
    }
}
