//! What a model asks about one customer on one day, summed up: from its history, or row by row from a scan of all customers.
//!
//! Rows may come in any order, because everything here is a sum, a set of days or a latest day.

use events::Day;
use events::rollups::{Counts, History, Invoice};
use kit::Timestamp;

use super::besides::{Besides, Needs};
use super::model::{Countable, MOST_DAYS, Measure, PropertyBand, Rule, Tries};
use super::unpacked::{Moment, Starts};

/// What is summed over a window.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sum {
    Count(Countable),
    Ratings,
    RatingPoints,
}

/// Days by their age: 0 is the day of the score, `from` is the youngest and `to` the oldest that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    from: i64,
    to: i64,
}

impl Window {
    fn last(days: u32) -> Window {
        Window { from: 0, to: i64::from(days) - 1 }
    }

    fn before(days: u32) -> Window {
        Window { from: i64::from(days), to: 2 * i64::from(days) - 1 }
    }

    fn holds(self, age: i64) -> bool {
        (self.from..=self.to).contains(&age)
    }
}

/// Where a rule finds its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// One figure.
    One(usize),
    /// Two figures.
    Two(usize, usize),
    /// In the days on which somebody did something.
    Active,
}

/// What a rule asks, before it is known how much there is of each kind.
enum Asked {
    Sum(usize),
    Sums(usize, usize),
    Active,
    Features(usize),
    Invoices(usize),
    Pulse,
    Property(usize),
}

/// Which features count for a rule.
#[derive(Debug, Clone, PartialEq)]
struct FeatureNeed {
    days: u32,
    only: Vec<String>,
}

/// What all rules of a model ask, each thing once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    sums: Vec<(Sum, Window)>,
    features: Vec<FeatureNeed>,
    invoices: Vec<u32>,
    /// Whether the pulse is asked for, and properties with their bands: of each whether there is one, and its points.
    asks_for_pulse: bool,
    properties: Vec<(String, Vec<PropertyBand>)>,
    needs_active: bool,
    /// One for each rule, in their order.
    pub places: Vec<Place>,
}

/// The answers to a [`Plan`] for one customer and day. Small, because a recomputation holds one for every customer of the house.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Figures {
    /// Sums, numbers of features, and pairs of invoices (on time, and of how many), one behind the other.
    values: Box<[f64]>,
    /// Bit `n` is set when somebody did something `n` days before.
    active: u128,
}

impl Figures {
    /// The figure at a [`Place`].
    pub fn at(&self, index: usize) -> f64 {
        self.values[index]
    }

    /// On how many of the last `days` days somebody did something.
    pub fn active_days(&self, days: u32) -> u32 {
        (self.active & low_bits(days)).count_ones()
    }

    /// In how many of the last `weeks` 7-day blocks somebody did something.
    pub fn active_weeks(&self, weeks: u32) -> u32 {
        let is_active = |week: u32| self.active.checked_shr(7 * week).is_some_and(|rest| rest & low_bits(7) != 0);
        (0..weeks).map(|week| u32::from(is_active(week))).sum()
    }
}

/// Days in a row, summed up: see [`Plan::running`].
pub(crate) struct Running {
    first: Day,
    /// For each sum of the plan: what all days before the place come to.
    sums: Vec<Vec<f64>>,
    active: Vec<bool>,
}

fn low_bits(days: u32) -> u128 {
    1_u128.checked_shl(days).map_or(u128::MAX, |bit| bit - 1)
}

impl Plan {
    /// `key_features` are the house's, for rules that name none.
    pub fn of(rules: &[Rule], key_features: &[String]) -> Plan {
        let mut plan = Plan {
            sums: Vec::new(),
            features: Vec::new(),
            invoices: Vec::new(),
            asks_for_pulse: false,
            properties: Vec::new(),
            needs_active: false,
            places: Vec::new(),
        };
        let asked: Vec<Asked> = rules.iter().map(|rule| plan.ask(&rule.measure, key_features)).collect();
        let (after_sums, after_features) = (plan.sums.len(), plan.sums.len() + plan.features.len());
        let pulse = plan.place_of_pulse();
        plan.places = asked
            .into_iter()
            .map(|asked| match asked {
                Asked::Sum(at) => Place::One(at),
                Asked::Sums(first, second) => Place::Two(first, second),
                Asked::Active => Place::Active,
                Asked::Features(at) => Place::One(after_sums + at),
                Asked::Invoices(at) => Place::Two(after_features + 2 * at, after_features + 2 * at + 1),
                Asked::Pulse => Place::Two(pulse, pulse + 1),
                Asked::Property(at) => Place::Two(pulse + 2 + 2 * at, pulse + 3 + 2 * at),
            })
            .collect();
        plan
    }

    fn ask(&mut self, measure: &Measure, key_features: &[String]) -> Asked {
        match measure {
            Measure::Count { what, days, .. } | Measure::Penalty { what, days, .. } => {
                Asked::Sum(self.sum(Sum::Count(*what), Window::last(*days)))
            }
            Measure::ActiveDays { .. } | Measure::ActiveWeeks { .. } => {
                self.needs_active = true;
                Asked::Active
            }
            Measure::Features { days, only, .. } => {
                let only = if only.is_empty() { key_features } else { only };
                Asked::Features(position_of(&mut self.features, FeatureNeed { days: *days, only: only.to_vec() }))
            }
            Measure::Success { of, days } => {
                let (good, bad) = match of {
                    Tries::Builds => (Countable::BuildsSucceeded, Countable::BuildsFailed),
                    Tries::Deploys => (Countable::DeploysSucceeded, Countable::DeploysFailed),
                };
                let window = Window::last(*days);
                Asked::Sums(self.sum(Sum::Count(good), window), self.sum(Sum::Count(bad), window))
            }
            Measure::Invoices { days } => Asked::Invoices(position_of(&mut self.invoices, *days)),
            Measure::Momentum { what, days } => {
                let what = Sum::Count(*what);
                Asked::Sums(self.sum(what, Window::last(*days)), self.sum(what, Window::before(*days)))
            }
            Measure::Ratings { days } => {
                let window = Window::last(*days);
                Asked::Sums(self.sum(Sum::Ratings, window), self.sum(Sum::RatingPoints, window))
            }
            Measure::Pulse {} => {
                self.asks_for_pulse = true;
                Asked::Pulse
            }
            Measure::Property { property, bands } => Asked::Property(position_of(&mut self.properties, (property.clone(), bands.clone()))),
        }
    }

    fn sum(&mut self, sum: Sum, window: Window) -> usize {
        position_of(&mut self.sums, (sum, window))
    }

    /// Where the pulse stands; properties come behind it.
    fn place_of_pulse(&self) -> usize {
        self.sums.len() + self.features.len() + 2 * self.invoices.len()
    }

    /// What must be known beside events.
    pub fn needs(&self) -> Needs {
        Needs { pulse: self.asks_for_pulse, properties: !self.properties.is_empty() }
    }

    /// Adds what is known beside events.
    pub fn add_besides(&self, figures: &mut Figures, moment: Moment, besides: &Besides) {
        let mut place = self.place_of_pulse();
        let mut put = |points: Option<f64>| {
            if let Some(points) = points {
                (figures.values[place], figures.values[place + 1]) = (1.0, points);
            }
            place += 2;
        };
        if self.needs() == Needs::default() {
            return;
        }
        put(if self.asks_for_pulse { besides.pulse(moment) } else { None });
        for (property, bands) in &self.properties {
            put(besides.property(property, bands));
        }
    }

    /// Whether features count by their names.
    pub fn asks_for_names(&self) -> bool {
        self.features.iter().any(|need| !need.only.is_empty())
    }

    /// How many days before the score's a day may lie and still count; of features and invoices, too.
    pub fn reach(&self) -> i64 {
        let sums = self.sums.iter().map(|(_, window)| window.to + 1);
        let features = self.features.iter().map(|need| i64::from(need.days));
        let active = self.needs_active.then_some(i64::from(MOST_DAYS));
        sums.chain(features).chain(self.invoices.iter().map(|days| i64::from(*days))).chain(active).max().unwrap_or(0)
    }

    /// Nothing seen yet.
    pub fn nothing(&self) -> Figures {
        let besides = if self.needs() == Needs::default() { 0 } else { 2 + 2 * self.properties.len() };
        let values = self.place_of_pulse() + besides;
        Figures { values: vec![0.0; values].into_boxed_slice(), active: 0 }
    }

    /// Adds what happened `age` days before the day of the score.
    pub fn add_day(&self, figures: &mut Figures, age: i64, counts: &Counts) {
        if age < 0 {
            return;
        }
        for (sum, (what, window)) in figures.values.iter_mut().zip(&self.sums) {
            if window.holds(age) {
                *sum += value(*what, counts);
            }
        }
        if self.needs_active && counts.actions > 0 && age < i64::from(u128::BITS) {
            figures.active |= 1 << age;
        }
    }

    /// Sums up days once, so that figures of many days of them take no more than those of a few.
    pub fn running<'a>(&self, days: impl Iterator<Item = &'a (Day, Counts)>, first: Day, last: Day) -> Running {
        let length = usize::try_from(last.0 - first.0 + 1).unwrap_or(0);
        let mut running = Running { first, sums: vec![vec![0.0; length + 1]; self.sums.len()], active: vec![false; length] };
        for (day, counts) in days.filter(|(day, _)| (first..=last).contains(day)) {
            let at = usize::try_from(day.0 - first.0).unwrap_or(0);
            for (sums, (what, _)) in running.sums.iter_mut().zip(&self.sums) {
                sums[at + 1] += value(*what, counts);
            }
            running.active[at] |= counts.actions > 0;
        }
        for sums in &mut running.sums {
            for at in 1..sums.len() {
                sums[at] += sums[at - 1];
            }
        }
        running
    }

    /// What [`Plan::add_day`] comes to for all days up to `day`.
    pub fn add_running(&self, figures: &mut Figures, running: &Running, day: Day) {
        let place = |age: i64| usize::try_from(day.0 - age - running.first.0).unwrap_or(0);
        for ((sum, (_, window)), sums) in figures.values.iter_mut().zip(&self.sums).zip(&running.sums) {
            // Of all days through the youngest those before the oldest are taken away.
            *sum = sums[place(window.from - 1)] - sums[place(window.to)];
        }
        if self.needs_active {
            let ages = 0..i64::from(u128::BITS).min(day.0 - running.first.0 + 1);
            figures.active = ages.filter(|age| running.active[place(*age)]).fold(0, |bits, age| bits | 1 << age);
        }
    }

    /// Adds a feature that was used last `age` days before the day of the score. To be called once for each feature.
    pub fn add_feature(&self, figures: &mut Figures, age: i64, feature: &str) {
        let counts = figures.values.iter_mut().skip(self.sums.len());
        for (count, need) in counts.zip(&self.features) {
            let is_meant = need.only.is_empty() || need.only.iter().any(|only| only == feature);
            if is_meant && Window::last(need.days).holds(age) {
                *count += 1.0;
            }
        }
    }

    /// Adds an invoice as it stood at a moment.
    pub fn add_invoice(&self, figures: &mut Figures, starts: &Starts, moment: Moment, invoice: &Invoice) {
        let first = self.sums.len() + self.features.len();
        for (pair, days) in figures.values[first..self.place_of_pulse()].chunks_exact_mut(2).zip(&self.invoices) {
            let from = starts.start(moment.day.plus(1 - i64::from(*days)));
            if let Some(on_time) = judge(invoice, from, moment.at) {
                pair[0] += f64::from(u8::from(on_time));
                pair[1] += 1.0;
            }
        }
    }

    /// The answers from a customer's history, as it stood at a moment.
    pub fn of_history(&self, history: &History, besides: &Besides, starts: &Starts, moment: Moment) -> Figures {
        let day = moment.day;
        let mut figures = self.nothing();
        for (at, counts) in history.days.range(day.plus(-self.reach())..=day) {
            self.add_day(&mut figures, day.0 - at.0, counts);
        }
        for (feature, days) in &history.features {
            if let Some(last) = days.iter().filter(|at| **at <= day).max() {
                self.add_feature(&mut figures, day.0 - last.0, feature);
            }
        }
        for invoice in &history.invoices {
            self.add_invoice(&mut figures, starts, moment, invoice);
        }
        self.add_besides(&mut figures, moment, besides);
        figures
    }
}

/// Whether an invoice was paid on time; none when it does not count (yet): not due and not paid, outside of the window, or without a
/// date by which it could be judged.
fn judge(invoice: &Invoice, from: Timestamp, now: Timestamp) -> Option<bool> {
    let due = invoice.due_at?;
    let paid = invoice.paid_at.filter(|paid| *paid <= now);
    let was_due = due >= from && due < now;
    let paid_early = paid.is_some() && invoice.issued_at.is_some_and(|issued| issued >= from && issued <= now);
    let just_due = due == now && paid.is_some();
    (was_due || paid_early || just_due).then(|| paid.is_some_and(|paid| paid <= due))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn value(sum: Sum, counts: &Counts) -> f64 {
    let count = match sum {
        Sum::Count(Countable::Logins) => counts.logins,
        Sum::Count(Countable::ApiCalls) => counts.api_calls,
        Sum::Count(Countable::Actions) => counts.actions,
        Sum::Count(Countable::TicketsOpened) => counts.tickets_opened,
        Sum::Count(Countable::BuildsSucceeded) => counts.builds_succeeded,
        Sum::Count(Countable::BuildsFailed) => counts.builds_failed,
        Sum::Count(Countable::DeploysSucceeded) => counts.deploys_succeeded,
        Sum::Count(Countable::DeploysFailed) => counts.deploys_failed,
        Sum::Ratings => counts.ratings,
        Sum::RatingPoints => return counts.rating_points,
    };
    count as f64
}

fn position_of<T: PartialEq>(list: &mut Vec<T>, wanted: T) -> usize {
    list.iter().position(|have| *have == wanted).unwrap_or_else(|| {
        list.push(wanted);
        list.len() - 1
    })
}
