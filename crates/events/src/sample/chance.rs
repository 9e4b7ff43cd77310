//! Chance that is the same on every machine: splitmix64 (Steele, Lea and Flood 2014), because the streams of the crate `rand` may differ
//! between its versions, and the same seed shall give the same house for years.

/// Streams that must not repeat each other, one figure each.
pub(super) const CUSTOMERS: u64 = 1;
pub(super) const ACTIVITY: u64 = 2;
pub(super) const PROSPECTS: u64 = 3;
pub(super) const INCIDENTS: u64 = 4;
pub(super) const INVOICES: u64 = 5;
pub(super) const MANY: u64 = 6;

/// A stream of chance.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream that belongs to these figures.
    pub fn of(figures: &[u64]) -> Chance {
        Chance(figures.iter().fold(0x9e37_79b9_7f4a_7c15, |state, figure| mix(state ^ mix(*figure))))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 up to 1.
    pub fn fraction(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 up to `limit`, which is not reached.
    pub fn below(&mut self, limit: usize) -> usize {
        let wide = u128::from(self.bits()) * limit as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// From `low` up to `high`, which is not reached.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(usize::try_from(high - low).unwrap_or(1))).unwrap_or(0)
    }

    /// Whether something happens that does so with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of several, by weight.
    pub fn weighted<'a, T>(&mut self, from: &'a [(T, u32)]) -> &'a T {
        let total: u32 = from.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(total as usize);
        for (item, weight) in from {
            match left.checked_sub(*weight as usize) {
                Some(rest) => left = rest,
                None => return item,
            }
        }
        &from[0].0
    }

    /// How often something happens that does so `mean` times on average (Poisson, by Knuth's product; `mean` at most some ten).
    pub fn count(&mut self, mean: f64) -> u32 {
        let limit = (-mean.clamp(0.0, 50.0)).exp();
        let mut product = self.fraction();
        let mut count = 0;
        while product > limit {
            product *= self.fraction();
            count += 1;
        }
        count
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // The first figures of the published generator for the state 1234567.
        let mut chance = Chance(1_234_567);
        assert_eq!([chance.bits(), chance.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn chance_is_even_and_counts_have_their_mean() {
        let mut chance = Chance::of(&[7]);
        let mut seen = [0_u32; 10];
        for _ in 0..100_000 {
            seen[chance.below(10)] += 1;
        }
        assert!(seen.iter().all(|count| (9_500..10_500).contains(count)), "{seen:?}");
        let sum: u32 = (0..20_000).map(|_| chance.count(3.0)).sum();
        assert!((57_000..63_000).contains(&sum), "{sum}");
        let heavy = (0..10_000).filter(|_| *chance.weighted(&[(true, 3), (false, 1)])).count();
        assert!((7_200..7_800).contains(&heavy), "{heavy}");
    }
}
