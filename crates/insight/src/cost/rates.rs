//! What tokens of each part cost: rates, tiers, and the arithmetic.

use std::collections::BTreeMap;

use kit::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Usd;
use super::usage::{MOST_DOLLARS, Usage};

/// How many parts there are.
pub const PARTS: usize = 8;
/// Picodollars a token: a dollar for a million tokens is a million.
const MOST_RATE: i64 = 10_000_000_000;
/// More tiers than any price has.
const MOST_TIERS: usize = 5;

/// What a token was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Read anew.
    Input,
    /// Sound that was read.
    AudioInput,
    /// Read from the cache.
    CacheRead,
    /// Written to the cache, for five minutes.
    #[serde(rename = "cache_write_5m")]
    CacheWrite5m,
    /// Written to the cache, for an hour.
    #[serde(rename = "cache_write_1h")]
    CacheWrite1h,
    /// Said.
    Output,
    /// Thought, and paid like what is said.
    Reasoning,
    /// Sound that was said.
    AudioOutput,
}

impl Part {
    /// All, in the order of [`Usage`].
    pub const ALL: [Part; PARTS] = [
        Part::Input,
        Part::AudioInput,
        Part::CacheRead,
        Part::CacheWrite5m,
        Part::CacheWrite1h,
        Part::Output,
        Part::Reasoning,
        Part::AudioOutput,
    ];

    /// As it is written in data.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Input => "input",
            Part::AudioInput => "audio_input",
            Part::CacheRead => "cache_read",
            Part::CacheWrite5m => "cache_write_5m",
            Part::CacheWrite1h => "cache_write_1h",
            Part::Output => "output",
            Part::Reasoning => "reasoning",
            Part::AudioOutput => "audio_output",
        }
    }

    /// As pages write it.
    pub fn label(self) -> &'static str {
        match self {
            Part::Input => "Input",
            Part::AudioInput => "Audio input",
            Part::CacheRead => "Cache read",
            Part::CacheWrite5m => "Cache write, 5 min",
            Part::CacheWrite1h => "Cache write, 1 h",
            Part::Output => "Output",
            Part::Reasoning => "Reasoning",
            Part::AudioOutput => "Audio output",
        }
    }

    /// Whether it is on the side of the input, which tiers ask about.
    pub fn is_input(self) -> bool {
        matches!(self, Part::Input | Part::AudioInput | Part::CacheRead | Part::CacheWrite5m | Part::CacheWrite1h)
    }

    /// What it costs as, where a price does not name it.
    fn else_as(self) -> Option<Part> {
        match self {
            Part::Input | Part::Output => None,
            Part::CacheWrite1h => Some(Part::CacheWrite5m),
            Part::AudioInput | Part::CacheRead | Part::CacheWrite5m => Some(Part::Input),
            Part::Reasoning | Part::AudioOutput => Some(Part::Output),
        }
    }
}

/// Picodollars a token, by part. Input and output must be there.
pub type PartRates = BTreeMap<Part, i64>;

/// Other rates for calls above a size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// For calls with more tokens than this …
    pub over: i64,
    /// … of these parts together; of the whole input when none are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<Part>,
    /// What they cost then, all tokens of the call.
    pub rates: PartRates,
}

/// What a model costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// For calls that are in no tier.
    pub base: PartRates,
    /// The first that fits counts.
    #[serde(default)]
    pub tiers: Vec<Tier>,
}

/// What a call costs, by part; the whole is their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Costs(pub [i64; PARTS]);

impl Costs {
    /// The sum of the parts.
    pub fn total(&self) -> Usd {
        Usd(self.0.iter().sum())
    }
}

impl Rates {
    /// Names what makes no sense.
    pub fn check(&self) -> Result<()> {
        check_rates(&self.base, "rates")?;
        if self.tiers.len() > MOST_TIERS {
            return Err(Error::invalid("tiers", format!("must be {MOST_TIERS} at most")));
        }
        for tier in &self.tiers {
            if tier.over <= 0 || tier.over > 1_000_000_000 {
                return Err(Error::invalid("tier_over", "must be a number of tokens above 0"));
            }
            check_rates(&tier.rates, "tier")?;
        }
        Ok(())
    }

    /// The rates for a call of this size.
    pub fn of(&self, usage: &Usage) -> &PartRates {
        let tokens = |tier: &Tier| -> i64 {
            Part::ALL
                .iter()
                .filter(|part| if tier.of.is_empty() { part.is_input() } else { tier.of.contains(part) })
                .map(|part| usage.of(*part))
                .sum()
        };
        self.tiers.iter().find(|tier| tokens(tier) > tier.over).map_or(&self.base, |tier| &tier.rates)
    }

    /// What a call costs; none when it would be more than any call costs, so that one wrong figure does not drown all others.
    pub fn cost(&self, usage: &Usage) -> Option<Costs> {
        let rates = self.of(usage);
        let mut costs = Costs::default();
        for part in Part::ALL {
            let tokens = usage.of(part);
            if tokens > 0 {
                // Picodollars to the nearest nano-dollar.
                let picos = i128::from(tokens) * i128::from(rate(rates, part)?);
                costs.0[part as usize] = i64::try_from((picos + 500) / 1000).ok()?;
            }
        }
        (costs.total().dollars() <= MOST_DOLLARS).then_some(costs)
    }
}

/// What a token of a part costs, by its own rate or that of the part that it costs as.
pub fn rate(rates: &PartRates, part: Part) -> Option<i64> {
    let mut part = Some(part);
    while let Some(now) = part {
        if let Some(rate) = rates.get(&now) {
            return Some(*rate);
        }
        part = now.else_as();
    }
    None
}

fn check_rates(rates: &PartRates, field: &str) -> Result<()> {
    for part in [Part::Input, Part::Output] {
        if !rates.contains_key(&part) {
            return Err(Error::invalid(format!("{field}_{}", part.as_str()), "is needed"));
        }
    }
    match rates.iter().find(|(_, rate)| !(0..=MOST_RATE).contains(*rate)) {
        Some((part, _)) => Err(Error::invalid(format!("{field}_{}", part.as_str()), "must be $0 to $10,000 for a million tokens")),
        None => Ok(()),
    }
}

/// Reads dollars for a million tokens, with at most six decimals, into picodollars a token.
pub fn parse_rate(text: &str) -> Option<i64> {
    super::money::decimal(text, 6)
}

/// Picodollars a token as dollars for a million: `0.8`, `3.75`.
pub fn rate_text(rate: i64) -> String {
    let (whole, rest) = (rate / 1_000_000, rate % 1_000_000);
    let rest = format!("{rest:06}");
    let rest = rest.trim_end_matches('0');
    format!("{whole}.{rest:0<2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rates(input: &str, output: &str) -> Rates {
        Rates { base: [(Part::Input, parse_rate(input).unwrap()), (Part::Output, parse_rate(output).unwrap())].into(), tiers: Vec::new() }
    }

    #[test]
    fn a_million_tokens_cost_what_the_table_says() {
        let mut opus = rates("5", "25");
        opus.base.extend([(Part::CacheRead, 500_000), (Part::CacheWrite5m, 6_250_000), (Part::CacheWrite1h, 10_000_000)]);
        let usage = Usage([1_000_000, 0, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 0]);
        let costs = opus.cost(&usage).unwrap();
        assert_eq!(costs.0.map(|nanos| nanos / 10_000_000), [500, 0, 50, 625, 1000, 2500, 2500, 0], "in cents");
        assert_eq!(costs.total().to_string(), "$71.75");
        assert_eq!(rate_text(800_000), "0.80");
        assert_eq!([rate_text(5_000_000), rate_text(125_000), rate_text(37_500)], ["5.00", "0.125", "0.0375"]);
    }

    #[test]
    fn the_first_tier_that_fits_counts_for_the_whole_call() {
        let mut gemini = rates("1.25", "10");
        let large: PartRates = [(Part::Input, 2_500_000), (Part::Output, 15_000_000)].into();
        gemini.tiers = vec![Tier { over: 200_000, of: Vec::new(), rates: large.clone() }];
        let of = |price: &Rates, input: i64, cached: i64| price.cost(&Usage([input, 0, cached, 0, 0, 0, 0, 0])).unwrap().total().0;
        assert_eq!(of(&gemini, 200_000, 0), 250_000_000);
        assert_eq!(of(&gemini, 100_000, 100_001), 500_002_500, "what is cached is part of the input");
        gemini.tiers[0].of = vec![Part::Output];
        assert_eq!(of(&gemini, 100_000, 100_001), 250_001_250);
        gemini.tiers.insert(0, Tier { over: 1, of: vec![Part::Input], rates: [(Part::Input, 0), (Part::Output, 0)].into() });
        assert_eq!(of(&gemini, 100_000, 100_001), 0);
        assert!(gemini.check().is_ok());
        gemini.tiers[0].rates.remove(&Part::Output);
        assert!(gemini.check().is_err());
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(tokens in proptest::array::uniform8(0..2_000_000i64), input in 0..20_000_000i64, output in 0..80_000_000i64) {
            let rates = Rates { base: [(Part::Input, input), (Part::Output, output)].into(), tiers: Vec::new() };
            let usage = Usage(tokens);
            let costs = rates.cost(&usage).unwrap();
            prop_assert_eq!(costs.total().0, costs.0.iter().sum::<i64>());
            // By hand: what is not named costs as input or output.
            let by_hand = |part: &Part| if part.is_input() { input } else { output };
            let exact: i128 = Part::ALL.iter().map(|part| i128::from(usage.of(*part)) * i128::from(by_hand(part))).sum();
            prop_assert!((i128::from(costs.total().0) * 1000 - exact).abs() <= 500 * 8);
        }
    }

    #[test]
    fn a_call_that_costs_more_than_any_has_no_price() {
        assert_eq!(rates("10000", "10000").cost(&Usage([1_000_000_000, 0, 0, 0, 0, 0, 0, 0])), None);
    }
}
