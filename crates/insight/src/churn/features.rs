//! What is known of a customer at the end of a day, and what came after it. Pure; the split between the two is the whole point: a
//! feature looks at nothing that happened later than its day.

use events::rollups::{Counts, History};
use events::{Calendar, Day};
use kit::Timestamp;
use serde::{Deserialize, Serialize};

use super::regression::as_real;

/// How many features there are.
pub const COUNT: usize = 11;

/// A feature as people read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// The stored name.
    pub key: &'static str,
    /// The name in words.
    pub label: &'static str,
    /// What is counted, and over which days.
    pub means: &'static str,
}

/// All features, in the order of a row.
pub const FEATURES: [Feature; COUNT] = [
    Feature { key: "quiet_days", label: "Days since the last activity", means: "days without any action, 90 at most" },
    Feature { key: "active_days", label: "Active days", means: "days with an action, of the last 30" },
    Feature { key: "active_change", label: "Change in active days", means: "active days of the last 30 days, less those of the 30 before" },
    Feature { key: "logins", label: "Sign-ins", means: "sign-ins of the last 30 days, on a logarithmic scale" },
    Feature { key: "features", label: "Features used", means: "different features used in the last 90 days" },
    Feature {
        key: "api_trend",
        label: "API trend",
        means: "API calls of the last 30 days as a share of those of the last 60; a half is flat",
    },
    Feature { key: "tickets", label: "Support tickets", means: "tickets opened in the last 90 days, on a logarithmic scale" },
    Feature { key: "late_invoices", label: "Late invoices", means: "invoices due in the last 90 days and paid late or not yet" },
    Feature { key: "failures", label: "Failed builds and deployments", means: "those of the last 30 days, on a logarithmic scale" },
    Feature { key: "rating", label: "Satisfaction", means: "mean of the ratings of the last 90 days, 50 without one" },
    Feature { key: "tenure", label: "Time as a customer", means: "days since the first event, on a logarithmic scale" },
];

/// When a customer counts as lost, and how far ahead is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// So many days without an action in a row count as lost, as does the end of the contract.
    pub inactive_days: u32,
    /// Lost within so many days after the day of the prediction.
    pub horizon_days: u32,
}

impl Default for Definition {
    fn default() -> Definition {
        Definition { inactive_days: 30, horizon_days: 60 }
    }
}

impl Definition {
    /// Names what is out of range. Fields: `inactive_days`, `horizon_days`.
    pub fn validate(&self) -> kit::Result<()> {
        if !(7..=180).contains(&self.inactive_days) {
            return Err(kit::Error::invalid("inactive_days", "must be 7 to 180"));
        }
        if !(7..=365).contains(&self.horizon_days) {
            return Err(kit::Error::invalid("horizon_days", "must be 7 to 365"));
        }
        Ok(())
    }

    fn inactive(&self) -> i64 {
        self.inactive_days.into()
    }

    fn horizon(&self) -> i64 {
        self.horizon_days.into()
    }
}

/// What happened to one customer, and the day on which its contract ended, if it did.
#[derive(Debug, Clone, Copy)]
pub struct Story<'a> {
    /// What it did.
    pub history: &'a History,
    /// The day on which it was shut out or left.
    pub ended: Option<Day>,
}

/// The features of a customer as they were known at the end of `day`.
pub fn features(calendar: &Calendar, history: &History, day: Day) -> [f64; COUNT] {
    let recent = sum(history, day.plus(-29), day);
    let (active, active_before) = (active_days(history, day.plus(-29), day), active_days(history, day.plus(-59), day.plus(-30)));
    let last_90 = sum(history, day.plus(-89), day);
    let calls_before = sum(history, day.plus(-59), day.plus(-30)).api_calls;
    let features = history.features.values().filter(|days| days.iter().any(|it| (day.plus(-89)..=day).contains(it))).count();
    [
        real(last_action(history, day).map_or(90, |last| (day.0 - last.0).min(90))),
        real(active),
        real(active - active_before),
        logarithm(recent.logins),
        as_real(features),
        match recent.api_calls + calls_before {
            0 => 0.5,
            all => real(recent.api_calls) / real(all),
        },
        logarithm(last_90.tickets_opened),
        as_real(late_invoices(calendar, history, day)),
        logarithm(recent.builds_failed + recent.deploys_failed),
        match last_90.ratings {
            0 => 50.0,
            ratings => last_90.rating_points / real(ratings),
        },
        logarithm(first_day(calendar, history).map_or(0, |first| day.0 - first.0)),
    ]
}

/// Whether a customer is one on `day` of whom it makes sense to ask: here for 30 days at least, not lost yet.
pub fn is_candidate(calendar: &Calendar, story: Story<'_>, day: Day, definition: Definition) -> bool {
    let is_known = !is_new(calendar, story.history, day);
    let is_active = last_action(story.history, day).is_some_and(|last| day.0 - last.0 < definition.inactive());
    is_known && is_active && story.ended.is_none_or(|ended| ended > day)
}

/// Whether nothing was known of a customer thirty days before `day`.
pub fn is_new(calendar: &Calendar, history: &History, day: Day) -> bool {
    first_day(calendar, history).is_none_or(|first| first.plus(30) > day)
}

/// The label: whether a candidate of `day` was lost within the horizon after it. All days of the horizon must be over.
pub fn churned(story: Story<'_>, day: Day, definition: Definition) -> bool {
    let until = day.plus(definition.horizon());
    if story.ended.is_some_and(|ended| ended > day && ended <= until) {
        return true;
    }
    // The day on which a silence has lasted so long, for each silence that began before it.
    let actions: Vec<Day> = action_days(story.history).filter(|it| *it <= until).collect();
    actions.iter().enumerate().any(|(at, last)| {
        let lost_on = last.plus(definition.inactive());
        let came_back = actions.get(at + 1).is_some_and(|next| *next <= lost_on);
        !came_back && lost_on > day && lost_on <= until
    })
}

fn action_days(history: &History) -> impl Iterator<Item = Day> {
    history.days.iter().filter(|(_, counts)| counts.actions > 0).map(|(day, _)| *day)
}

fn last_action(history: &History, day: Day) -> Option<Day> {
    history.days.range(..=day).rev().find(|(_, counts)| counts.actions > 0).map(|(day, _)| *day)
}

fn active_days(history: &History, from: Day, to: Day) -> i64 {
    let active = history.days.range(from..=to).filter(|(_, counts)| counts.actions > 0).count();
    i64::try_from(active).unwrap_or(i64::MAX)
}

fn sum(history: &History, from: Day, to: Day) -> Counts {
    history.days.range(from..=to).fold(Counts::default(), |mut sum, (_, counts)| {
        sum.logins += counts.logins;
        sum.api_calls += counts.api_calls;
        sum.tickets_opened += counts.tickets_opened;
        sum.builds_failed += counts.builds_failed;
        sum.deploys_failed += counts.deploys_failed;
        sum.ratings += counts.ratings;
        sum.rating_points += counts.rating_points;
        sum
    })
}

/// Due within 90 days up to the end of the day, and by then paid late or not at all.
fn late_invoices(calendar: &Calendar, history: &History, day: Day) -> usize {
    let (from, now) = (calendar.start(day.plus(-89)), calendar.start(day.plus(1)));
    let is_late = |due: Timestamp, paid: Option<Timestamp>| match paid.filter(|paid| *paid < now) {
        Some(paid) => paid > due,
        None => true,
    };
    history.invoices.iter().filter(|it| it.due_at.is_some_and(|due| due >= from && due < now && is_late(due, it.paid_at))).count()
}

fn first_day(calendar: &Calendar, history: &History) -> Option<Day> {
    // Events may be older than what is still counted by the day, and a day's count may be of an event without a time of its own.
    let counted = history.days.keys().next().copied();
    let first = history.first_at.map(|at| calendar.day(at));
    [counted, first].into_iter().flatten().min()
}

fn logarithm(count: i64) -> f64 {
    real(count.max(0)).ln_1p()
}

#[expect(clippy::cast_precision_loss, reason = "counts of days and events are far below 2⁵³")]
fn real(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use events::rollups::Invoice;
    use proptest::prelude::*;

    use super::*;

    fn calendar() -> Calendar {
        Calendar::parse("UTC").unwrap()
    }

    fn active(days: &[i64]) -> History {
        let counts = Counts { events: 1, actions: 1, logins: 1, ..Counts::default() };
        let days: std::collections::BTreeMap<Day, Counts> = days.iter().map(|day| (Day(*day), counts)).collect();
        let first_at = days.keys().next().map(|day| calendar().start(*day));
        History { days, first_at, ..History::default() }
    }

    fn lost(days: &[i64], ended: Option<i64>) -> bool {
        let history = active(days);
        churned(Story { history: &history, ended: ended.map(Day) }, Day(100), Definition { inactive_days: 30, horizon_days: 60 })
    }

    #[test]
    fn who_falls_silent_or_ends_within_the_horizon_is_lost() {
        let until = |last: i64| (0..=last).step_by(5).collect::<Vec<i64>>();
        assert!(lost(&until(100), None), "silent from the day on: lost on day 130");
        assert!(lost(&until(130), None), "lost on day 160, the last of the horizon");
        assert!(!lost(&until(135), None), "silent for 25 days when the horizon ends");
        assert!(!lost(&until(200), None));
        assert!(lost(&until(200), Some(101)) && lost(&until(200), Some(160)));
        assert!(!lost(&until(200), Some(100)) && !lost(&until(200), Some(161)));
        let with_a_gap = |back: i64| [until(100), (back..=200).step_by(5).collect()].concat();
        assert!(!lost(&with_a_gap(130), None), "back on the thirtieth day");
        assert!(lost(&with_a_gap(131), None), "back one day after it was lost");
    }

    #[test]
    fn candidates_are_known_active_and_here() {
        let is = |days: &[i64], ended: Option<i64>| {
            let history = active(days);
            is_candidate(&calendar(), Story { history: &history, ended: ended.map(Day) }, Day(100), Definition::default())
        };
        assert!(is(&[70, 71], None) && is(&[70, 100], Some(101)));
        assert!(!is(&[70], None), "lost already: thirty days without an action");
        assert!(!is(&[71, 100], None), "not known for long enough");
        assert!(!is(&[0, 100], Some(100)));
        assert!(!is(&[], None));
    }

    #[test]
    fn features_worked_by_hand() {
        let mut history = active(&[0, 35, 50, 60, 95, 97]);
        history.days.get_mut(&Day(97)).unwrap().api_calls = 30;
        history.days.get_mut(&Day(60)).unwrap().api_calls = 10;
        history.days.get_mut(&Day(95)).unwrap().tickets_opened = 1;
        history.days.get_mut(&Day(95)).unwrap().ratings = 2;
        history.days.get_mut(&Day(95)).unwrap().rating_points = 150.0;
        history.days.get_mut(&Day(97)).unwrap().builds_failed = 1;
        history.days.get_mut(&Day(97)).unwrap().deploys_failed = 2;
        history.features.insert("export".into(), vec![Day(5), Day(12)]);
        history.features.insert("import".into(), vec![Day(5)]);
        let at = |day: i64, hour: i64| Some(Timestamp(calendar().start(Day(day)).0 + hour * 3_600_000));
        let invoice =
            |due, paid| Invoice { invoice: "1".into(), issued_at: None, due_at: due, paid_at: paid, amount: None, currency: None };
        history.invoices = vec![
            invoice(at(50, 0), at(50, 0)),
            invoice(at(50, 0), at(50, 1)),
            invoice(at(98, 0), None),
            invoice(at(101, 0), None),
            invoice(at(10, 0), None),
            invoice(None, None),
        ];
        let found = features(&calendar(), &history, Day(100));
        // Seen up to day 100: active on 95 and 97 in the last thirty days (71–100), on 50 and 60 in those before (41–70).
        let expected = [3.0, 2.0, 0.0, 3.0_f64.ln(), 1.0, 0.75, 2.0_f64.ln(), 2.0, 4.0_f64.ln(), 75.0, 101.0_f64.ln()];
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 1e-12, "{}: {found} is not {expected}", FEATURES[at].key);
        }
        let nothing = features(&calendar(), &History::default(), Day(100));
        assert_eq!(nothing, [90.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 50.0, 0.0]);
    }

    proptest! {
        /// Whatever comes later changes no feature and nobody's candidacy.
        #[test]
        fn features_do_not_see_the_future(
            days in proptest::collection::btree_map(0_i64..200, (0_i64..3, 0_i64..3, 0_i64..50, 0_i64..2), 0..60),
            used in proptest::collection::vec(0_i64..200, 0..20),
            invoices in proptest::collection::vec((0_i64..200, proptest::option::of(0_i64..200)), 0..10),
            ended in proptest::option::of(0_i64..200),
            at in 40_i64..160,
        ) {
            let calendar = calendar();
            let whole = |until: i64| {
                let days = days.iter().filter(|(day, _)| **day <= until).map(|(day, (actions, logins, api_calls, tickets_opened))| {
                    let counts = Counts { events: 1, actions: *actions, logins: *logins, api_calls: *api_calls, tickets_opened: *tickets_opened, ..Counts::default() };
                    (Day(*day), counts)
                }).collect();
                let start = |day: i64| calendar.start(Day(day));
                History {
                    days,
                    features: [("x".to_owned(), used.iter().filter(|day| **day <= until).map(|day| Day(*day)).collect())].into(),
                    invoices: invoices.iter().enumerate().filter(|(_, (due, _))| *due <= until).map(|(number, (due, paid))| Invoice {
                        invoice: number.to_string(),
                        issued_at: None,
                        due_at: Some(start(*due)),
                        paid_at: paid.filter(|paid| *paid <= until).map(start),
                        amount: None,
                        currency: None,
                    }).collect(),
                    first_at: None,
                }
            };
            let (then, later) = (whole(at), whole(200));
            prop_assert_eq!(features(&calendar, &then, Day(at)), features(&calendar, &later, Day(at)));
            let definition = Definition::default();
            let known = ended.filter(|ended| *ended <= at).map(Day);
            prop_assert_eq!(
                is_candidate(&calendar, Story { history: &then, ended: known }, Day(at), definition),
                is_candidate(&calendar, Story { history: &later, ended: ended.map(Day) }, Day(at), definition)
            );
        }
    }
}
