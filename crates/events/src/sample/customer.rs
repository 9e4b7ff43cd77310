//! Who the customers of a sample house are, and how each fares.

use accounts::CustomerId;

use super::chance::{self, Chance};
use super::words::{FIRST, LAST, SITE_TYPES, TRADE};
use super::{Wish, words};
use crate::Day;

/// What kind of customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// One person, a portfolio or a blog.
    Solo,
    /// A few people and a business site.
    Studio,
    /// A shop, busy at weekends.
    Shop,
    /// Many people, many sites, the API.
    Agency,
}

impl Segment {
    /// As traits say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Segment::Solo => "solo",
            Segment::Studio => "studio",
            Segment::Shop => "shop",
            Segment::Agency => "agency",
        }
    }

    fn plan(self, chance: &mut Chance) -> &'static str {
        let plans: &[(&'static str, u32)] = match self {
            Segment::Solo => &[("free", 3), ("starter", 7)],
            Segment::Studio => &[("starter", 4), ("pro", 6)],
            Segment::Shop => &[("pro", 8), ("scale", 2)],
            Segment::Agency => &[("pro", 3), ("scale", 7)],
        };
        chance.weighted::<&str>(plans)
    }

    fn people(self, chance: &mut Chance) -> usize {
        match self {
            Segment::Solo => 1,
            Segment::Studio => 2 + chance.below(3),
            Segment::Shop => 2 + chance.below(4),
            Segment::Agency => 4 + chance.below(7),
        }
    }
}

/// How a customer fares over the days of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Does more each week.
    Growing,
    /// Does what it always did.
    Steady,
    /// Does less each week, and has reasons to complain.
    Fading,
    /// Left on this day, after some weeks of fading.
    Gone(Day),
    /// Came only lately.
    New,
}

impl Course {
    /// The course in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Course::Growing => "growing",
            Course::Steady => "steady",
            Course::Fading => "fading",
            Course::Gone(_) => "gone",
            Course::New => "new",
        }
    }

    /// Whether it is content: those who are not complain more, pay later and rate lower.
    pub(super) fn is_content(self) -> bool {
        !matches!(self, Course::Fading | Course::Gone(_))
    }
}

/// Someone who works for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What they are called.
    pub name: String,
    /// Their address, by which events name them.
    pub email: String,
}

/// A customer of a sample house.
#[derive(Debug, Clone)]
pub struct SampleCustomer {
    /// Counted from 0.
    pub number: u32,
    /// The same for the same seed and number.
    pub id: CustomerId,
    /// What it is called.
    pub name: String,
    /// What it is billed in, ISO 4217.
    pub currency: &'static str,
    /// What kind of customer.
    pub segment: Segment,
    /// How it fares.
    pub course: Course,
    /// `free`, `starter`, `pro` or `scale`.
    pub plan: &'static str,
    /// What its sites are about.
    pub industry: &'static str,
    /// The kind of its main site.
    pub site_type: &'static str,
    /// Since when it is here.
    pub joined: Day,
    /// Its people; the first is the owner.
    pub people: Vec<Person>,
    /// The features that it uses, most used first.
    pub features: Vec<&'static str>,
    /// Over how many days its course runs.
    pub(super) span: u32,
}

/// Plans one customer.
pub(super) fn plan(wish: &Wish, last: Day, number: u32) -> SampleCustomer {
    let mut chance = Chance::of(&[wish.seed, chance::CUSTOMERS, u64::from(number)]);
    let id: String = (0..12).map(|_| char::from(*chance.pick(b"abcdefghijklmnopqrstuvwxyz234567"))).collect();
    let segment = *chance.weighted(&[(Segment::Solo, 30), (Segment::Studio, 35), (Segment::Shop, 22), (Segment::Agency, 13)]);
    let days = i64::from(wish.days.max(1));
    let gone = last.plus(-chance.between(1, (days / 2).max(2)));
    let course =
        *chance.weighted(&[(Course::Growing, 26), (Course::Steady, 38), (Course::Fading, 15), (Course::Gone(gone), 9), (Course::New, 12)]);
    let joined = match course {
        Course::New => last.plus(-chance.between(0, (days / 4).max(1))),
        _ => last.plus(-days - chance.between(0, 700)),
    };
    let family = *chance.pick(LAST);
    let (trade, industry) = *chance.pick(TRADE);
    let name = format!("{family} {trade}");
    let domain = format!("{}-{}-{number}.s{}.example", family.to_lowercase(), trade.to_lowercase(), wish.seed);
    let mut people: Vec<Person> = Vec::new();
    for position in 0..segment.people(&mut chance) {
        let first = *chance.pick(FIRST);
        let last = if position == 0 { family } else { *chance.pick(LAST) };
        let email = format!("{}.{}@{domain}", first.to_lowercase(), last.to_lowercase());
        if people.iter().all(|person| person.email != email) {
            people.push(Person { name: format!("{first} {last}"), email });
        }
    }
    let site_type = match segment {
        Segment::Shop => "ecommerce",
        _ => *chance.weighted(SITE_TYPES),
    };
    SampleCustomer {
        number,
        id: CustomerId::parse(&format!("{}{id}", CustomerId::PREFIX)).expect("letters and digits make an id"),
        name,
        currency: if chance.happens(0.2) { "USD" } else { "EUR" },
        segment,
        course,
        plan: segment.plan(&mut chance),
        industry,
        site_type,
        joined,
        people,
        features: features(segment, course, &mut chance),
        span: wish.days,
    }
}

/// Which features a customer uses: larger ones more, unhappy ones fewer, in an order of its own.
fn features(segment: Segment, course: Course, chance: &mut Chance) -> Vec<&'static str> {
    let base = match segment {
        Segment::Solo => 3,
        Segment::Studio => 5,
        Segment::Shop => 6,
        Segment::Agency => 8,
    };
    let count = if course.is_content() { base + chance.below(3) } else { base.max(3) - chance.below(2) };
    let mut left: Vec<&'static str> = words::FEATURES.to_vec();
    (0..count.min(left.len())).map(|_| left.swap_remove(chance.below(left.len()))).collect()
}

impl SampleCustomer {
    /// How much it does on a day beside its usual self, without the rhythm of the week: 0 before it came and after it left.
    pub fn intensity(&self, day: Day, last: Day) -> f64 {
        if day < self.joined {
            return 0.0;
        }
        let span = f64::from(self.span.max(1));
        // 0 at the first day of the house, 1 at its last.
        let along = 1.0 - ((last.0 - day.0) as f64 / span).clamp(0.0, 1.0);
        match self.course {
            Course::Growing => 0.55 + 0.9 * along,
            Course::Steady => 0.95 + 0.1 * ((day.0 + i64::from(self.number)) as f64 / 9.0).sin(),
            // Flat for a third of the time, then halved about every three weeks.
            Course::Fading => (-(along - 0.33).max(0.0) * span / 30.0).exp(),
            Course::Gone(gone) if day >= gone => 0.0,
            Course::Gone(gone) => ((gone.0 - day.0) as f64 / 30.0).clamp(0.08, 1.0),
            // The first days are curious ones.
            Course::New => 0.7 + 0.8 * (-((day.0 - self.joined.0) as f64) / 10.0).exp(),
        }
    }

    /// How busy the day of the week is.
    pub(super) fn rhythm(&self, day: Day) -> f64 {
        // 1970-01-01 was a Thursday: 0 is Monday.
        let weekday = (day.0 + 3).rem_euclid(7);
        match (self.segment, weekday) {
            (Segment::Shop, 5) => 1.0,
            (Segment::Shop, 6) => 0.8,
            (Segment::Solo, 5 | 6) => 0.6,
            (_, 5) => 0.25,
            (_, 6) => 0.15,
            (_, 4) => 0.85,
            _ => 1.0,
        }
    }
}
