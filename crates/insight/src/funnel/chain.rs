//! How far one person (or customer) got: the definitions of the three orders, without any reading.
//!
//! Events of one person are in the order (time, arrival). **Ordered**: from an event of the first step, each next step is a later event, the
//! last of them at most a window after the first. **Strict**: each next step is the very next event. **Any order**: the different steps
//! that were done within a window that begins with one of them. The deepest chain counts; of equally deep ones, the earliest.

/// The most steps of a funnel.
pub const MOST_STEPS: usize = 10;
/// A value that means: this person's chain has no such step.
pub(crate) const NOT_REACHED: u16 = 0xffe;
/// Values above this number have another meaning.
pub(crate) const MOST_VALUES: usize = 1000;

/// In which order steps must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// One after the other, other events between them do not matter.
    #[default]
    Ordered,
    /// One right after the other.
    Strict,
    /// In any order.
    Any,
}

/// An event that matters, in 16 bytes: there are millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub who: u32,
    /// The low half of the number of arrival: it only decides between events of one millisecond.
    seq: u32,
    /// Milliseconds since the range begins (40 bits, 34 years), the value of a breakdown (12), a bit for each step that it is (12).
    word: u64,
}

impl Hit {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    pub fn new(who: u32, seq: i64, at: i64, value: u16, steps: u16) -> Hit {
        let at = u64::try_from(at).unwrap_or(0).min((1 << 40) - 1);
        Hit { who, seq: seq as u32, word: at << 24 | u64::from(value & 0xfff) << 12 | u64::from(steps & 0xfff) }
    }

    pub fn with_value(mut self, value: u16) -> Hit {
        self.word = self.word & !(0xfff << 12) | u64::from(value & 0xfff) << 12;
        self
    }

    pub fn at(self) -> u64 {
        self.word >> 24
    }

    pub fn value(self) -> u16 {
        (self.word >> 12 & 0xfff) as u16
    }

    pub fn steps(self) -> u16 {
        (self.word & 0xfff) as u16
    }

    /// Puts the events of one person together, in their order.
    pub fn key(self) -> u128 {
        u128::from(self.who) << 72 | u128::from(self.at()) << 32 | u128::from(self.seq)
    }
}

/// What a chain must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub steps: usize,
    pub order: Order,
    /// From the first step to the last, in milliseconds.
    pub window: u64,
    /// Chains that begin at this moment or later do not count.
    pub entry_end: u64,
}

/// The chain of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    /// So many steps, at least one.
    pub depth: usize,
    /// When each was done.
    pub at: [u64; MOST_STEPS],
    /// The value of a breakdown at each.
    pub values: [u16; MOST_STEPS],
}

impl Chain {
    fn begin(first: Hit) -> Chain {
        let mut chain = Chain { depth: 0, at: [0; MOST_STEPS], values: [0; MOST_STEPS] };
        chain.push(first);
        chain
    }

    fn push(&mut self, hit: Hit) {
        self.at[self.depth] = hit.at();
        self.values[self.depth] = hit.value();
        self.depth += 1;
    }
}

/// Finds chains; keeps its memory from one person to the next.
#[derive(Debug)]
pub(crate) struct Finder {
    rules: Rules,
    /// Places of the events of each step.
    places: Vec<Vec<u32>>,
}

impl Finder {
    pub fn new(rules: Rules) -> Finder {
        Finder { rules, places: vec![Vec::new(); rules.steps] }
    }

    /// The best chain in the events of one person, which are in their order.
    pub fn best(&mut self, hits: &[Hit]) -> Option<Chain> {
        match self.rules.order {
            Order::Ordered => self.ordered(hits),
            Order::Strict => self.strict(hits),
            Order::Any => self.any(hits),
        }
    }

    fn ordered(&mut self, hits: &[Hit]) -> Option<Chain> {
        let steps = self.rules.steps;
        let mut best: Option<Chain> = None;
        self.each_start(hits, |chain| {
            if best.is_none_or(|best| chain.depth > best.depth) {
                best = Some(chain);
            }
            // No other can be longer.
            chain.depth < steps
        });
        best
    }

    /// Calls `see` with the longest chain from each event of the first step, in their order, until it says no.
    pub fn each_start(&mut self, hits: &[Hit], mut see: impl FnMut(Chain) -> bool) {
        let Rules { window, entry_end, .. } = self.rules;
        self.places.iter_mut().for_each(Vec::clear);
        for (place, hit) in (0u32..).zip(hits) {
            let mut bits = hit.steps();
            while bits != 0 {
                if let Some(places) = self.places.get_mut(bits.trailing_zeros() as usize) {
                    places.push(place);
                }
                bits &= bits - 1;
            }
        }
        let Some((firsts, later)) = self.places.split_first() else { return };
        for first in firsts {
            let start = hits[*first as usize];
            if start.at() >= entry_end {
                return;
            }
            let mut chain = Chain::begin(start);
            let mut last = *first;
            // The earliest event of each step leaves the most room for those after it.
            for places in later {
                let Some(next) = places.get(places.partition_point(|place| *place <= last)) else { break };
                let hit = hits[*next as usize];
                if hit.at() - start.at() > window {
                    break;
                }
                chain.push(hit);
                last = *next;
            }
            if !see(chain) {
                return;
            }
        }
    }

    fn strict(&mut self, hits: &[Hit]) -> Option<Chain> {
        let mut best: Option<Chain> = None;
        for (place, start) in hits.iter().enumerate() {
            if start.at() >= self.rules.entry_end {
                break;
            }
            if start.steps() & 1 == 0 {
                continue;
            }
            let mut chain = Chain::begin(*start);
            for (step, hit) in (1..self.rules.steps).zip(&hits[place + 1..]) {
                if hit.steps() >> step & 1 == 0 || hit.at() - start.at() > self.rules.window {
                    break;
                }
                chain.push(*hit);
            }
            if best.is_none_or(|best| chain.depth > best.depth) {
                best = Some(chain);
                if chain.depth == self.rules.steps {
                    break;
                }
            }
        }
        best
    }

    fn any(&mut self, hits: &[Hit]) -> Option<Chain> {
        // How often each step is in the window from `place` up to `end`.
        let mut inside = [0u32; MOST_STEPS];
        let note = |hit: Hit, more: bool, inside: &mut [u32; MOST_STEPS]| {
            let mut bits = hit.steps();
            while bits != 0 {
                if let Some(count) = inside.get_mut(bits.trailing_zeros() as usize) {
                    *count = if more { *count + 1 } else { *count - 1 };
                }
                bits &= bits - 1;
            }
        };
        let (mut end, mut best) = (0, (0, 0));
        for (place, start) in hits.iter().enumerate() {
            if start.at() >= self.rules.entry_end || best.0 == self.rules.steps {
                break;
            }
            while end < hits.len() && hits[end].at() - start.at() <= self.rules.window {
                note(hits[end], true, &mut inside);
                end += 1;
            }
            let depth = inside.iter().filter(|count| **count > 0).count();
            if start.steps() != 0 && depth > best.0 {
                best = (depth, place);
            }
            note(*start, false, &mut inside);
        }
        let (depth, place) = best;
        let start = hits.get(place).filter(|_| depth > 0)?;
        let mut chain = Chain { depth: 0, at: [0; MOST_STEPS], values: [0; MOST_STEPS] };
        let mut done = 0u16;
        for hit in &hits[place..] {
            if chain.depth == depth || hit.at() - start.at() > self.rules.window {
                break;
            }
            let mut fresh = hit.steps() & !done;
            done |= fresh;
            while fresh != 0 && chain.depth < MOST_STEPS {
                chain.push(*hit);
                fresh &= fresh - 1;
            }
        }
        Some(chain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definitions again, by trying everything.
    fn by_force(hits: &[Hit], rules: Rules) -> Option<(usize, u64)> {
        let starts = hits.iter().enumerate().filter(|(_, hit)| hit.at() < rules.entry_end);
        let depths = starts.filter_map(|(place, start)| {
            let depth = match rules.order {
                Order::Any => {
                    let window = hits[place..].iter().filter(|hit| hit.at() <= start.at() + rules.window);
                    let steps = window.fold(0, |steps, hit| steps | hit.steps());
                    if start.steps() == 0 { 0 } else { steps.count_ones() as usize }
                }
                _ if start.steps() & 1 == 0 => 0,
                order => 1 + longest(&hits[place + 1..], 1, start.at() + rules.window, order, rules.steps),
            };
            (depth > 0).then_some((depth, start.at()))
        });
        // The deepest, and the earliest of those.
        depths.min_by_key(|(depth, at)| (std::cmp::Reverse(*depth), *at))
    }

    /// The most steps from `step` on that later events can be.
    fn longest(later: &[Hit], step: usize, until: u64, order: Order, steps: usize) -> usize {
        if step == steps {
            return 0;
        }
        let candidates = later.iter().enumerate().take(if order == Order::Strict { 1 } else { usize::MAX });
        let fitting = candidates.filter(|(_, hit)| hit.steps() >> step & 1 == 1 && hit.at() <= until);
        fitting.map(|(place, _)| 1 + longest(&later[place + 1..], step + 1, until, order, steps)).max().unwrap_or(0)
    }

    fn events() -> impl Strategy<Value = Vec<Hit>> {
        // Few moments, so that many events are at the same one.
        proptest::collection::vec((0..12i64, 0..16u16), 0..11).prop_map(|events| {
            let mut hits: Vec<Hit> = events.iter().zip(0..).map(|((at, steps), seq)| Hit::new(1, seq, *at, *steps, *steps)).collect();
            hits.sort_unstable_by_key(|hit| hit.key());
            hits
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn chains_are_those_of_brute_force(hits in events(), order in 0..3usize, steps in 1..5usize, window in 0..9u64, entry_end in 0..14u64) {
            let rules = Rules { steps, order: [Order::Ordered, Order::Strict, Order::Any][order], window, entry_end };
            let hits: Vec<Hit> =
                hits.into_iter().map(|hit| Hit::new(1, i64::from(hit.seq), hit.at() as i64, hit.value(), hit.steps() & ((1 << steps) - 1))).collect();
            let best = Finder::new(rules).best(&hits);
            prop_assert_eq!(best.map(|chain| (chain.depth, chain.at[0])), by_force(&hits, rules));
            if let Some(chain) = best {
                let at = &chain.at[..chain.depth];
                prop_assert!(at.is_sorted() && at[chain.depth - 1] - at[0] <= window && at[0] < entry_end);
            }
        }
    }

    fn hits(steps: &[(i64, u16)]) -> Vec<Hit> {
        steps.iter().zip(0..).map(|((at, steps), seq)| Hit::new(1, seq, *at, 0, *steps)).collect()
    }

    #[test]
    fn a_later_start_may_get_further_and_one_event_is_one_step() {
        let rules = Rules { steps: 3, order: Order::Ordered, window: 10, entry_end: 100 };
        // The first visit is too early for the last step, the second is not.
        let chain = Finder::new(rules).best(&hits(&[(0, 1), (8, 1), (9, 2), (15, 4)])).unwrap();
        assert_eq!((chain.depth, chain.at[0]), (3, 8));
        // One event that is all steps is still one event.
        assert_eq!(Finder::new(rules).best(&hits(&[(0, 7)])).unwrap().depth, 1);
        assert_eq!(Finder::new(Rules { order: Order::Strict, ..rules }).best(&hits(&[(0, 1), (1, 0), (2, 2)])).unwrap().depth, 1);
        assert_eq!(Finder::new(Rules { order: Order::Any, ..rules }).best(&hits(&[(0, 4), (5, 1), (10, 2)])).unwrap().depth, 3);
    }
}
