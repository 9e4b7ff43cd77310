//! What holds for every model and every history.

use std::collections::BTreeMap;

use events::rollups::{Counts, History, Invoice};
use events::{Calendar, Day};
use kit::Timestamp;
use proptest::prelude::*;

use super::besides::Besides;
use super::model::{Countable, Measure, Missing, Model, PropertyBand, Rule, Tries, VersionNo, check};
use super::movement;
use super::scorer::{self, Features, Scorer};
use super::unpacked::Starts;

const TODAY: Day = Day(20_778);

fn measure() -> impl Strategy<Value = Measure> {
    let what = || proptest::sample::select(Countable::ALL);
    prop_oneof![
        (what(), 1..=120_u32, 0.1..50.0).prop_map(|(what, days, full)| Measure::Count { what, days, full }),
        (what(), 1..=120_u32, 0.1..50.0).prop_map(|(what, days, each)| Measure::Penalty { what, days, each }),
        (1..=120_u32, 0.5..60.0).prop_map(|(days, full)| Measure::ActiveDays { days, full }),
        (1..=17_u32).prop_map(|weeks| Measure::ActiveWeeks { weeks }),
        (1..=120_u32, proptest::option::of(1..20_u32), 0..3_usize).prop_map(|(days, of, only)| Measure::Features {
            days,
            of,
            only: (0..only).map(|at| format!("f{at}")).collect(),
        }),
        (proptest::sample::select(Tries::ALL), 1..=120_u32).prop_map(|(of, days)| Measure::Success { of, days }),
        (1..=120_u32).prop_map(|days| Measure::Invoices { days }),
        (what(), 1..=60_u32).prop_map(|(what, days)| Measure::Momentum { what, days }),
        (1..=120_u32).prop_map(|days| Measure::Ratings { days }),
        Just(Measure::Pulse {}),
        (0..3_u32, 0.0..=100.0).prop_map(|(name, points)| Measure::Property {
            property: format!("p{name}"),
            bands: vec![
                PropertyBand { is: Some("pro".to_owned()), at_least: None, points },
                PropertyBand { is: None, at_least: Some(5.0), points: 100.0 - points },
            ],
        }),
    ]
}

fn model() -> impl Strategy<Value = Model> {
    let rule = (measure(), 0.01..100.0, any::<bool>());
    proptest::collection::vec(rule, 1..8).prop_map(|rules| Model {
        model: "own".to_owned(),
        name: "Own".to_owned(),
        no: VersionNo(9),
        version: 1,
        rules: rules
            .into_iter()
            .enumerate()
            .map(|(at, (measure, weight, neutral))| Rule {
                key: format!("k{at}"),
                label: format!("Factor {at}"),
                weight,
                measure,
                missing: if neutral { Missing::Neutral } else { Missing::Missing },
            })
            .collect(),
        published_at: Timestamp(0),
        published_by: String::new(),
        note: String::new(),
    })
}

fn history() -> impl Strategy<Value = History> {
    let count = || prop_oneof![3 => Just(0_i64), 1 => 1..30_i64];
    let counts = (count(), count(), count(), count(), count(), count(), 0.0..=100.0).prop_map(|(a, b, c, d, e, ratings, mean)| Counts {
        events: a + b + c,
        actions: a,
        logins: a,
        api_calls: b * 7,
        tickets_opened: c,
        builds_succeeded: d,
        builds_failed: e,
        deploys_succeeded: e,
        deploys_failed: d,
        ratings,
        rating_points: ratings as f64 * mean,
        ..Counts::default()
    });
    let day = || (0..260_i64).prop_map(|ago| TODAY.plus(4 - ago));
    let features = proptest::collection::btree_map("f[0-9]", proptest::collection::vec(day(), 1..4), 0..6);
    let time = || (0..260_i64 * 24).prop_map(|hours| Timestamp((TODAY.0 + 4) * 86_400_000 - hours * 3_600_000));
    let invoice = (proptest::option::of(time()), proptest::option::of(time()), proptest::option::of(time())).prop_map(
        |(issued_at, due_at, paid_at)| Invoice { invoice: "1".to_owned(), issued_at, due_at, paid_at, amount: None, currency: None },
    );
    (proptest::collection::btree_map(day(), counts, 0..60), features, proptest::collection::vec(invoice, 0..6))
        .prop_map(|(days, features, invoices)| History { days, features, invoices, first_at: Some(Timestamp(0)) })
}

fn scorer(model: Model) -> Scorer {
    Scorer::new(model, Features { key: Vec::new(), number: 10 })
}

fn besides() -> impl Strategy<Value = Besides> {
    let pulse = (0..60_i64, 0..60_i64, proptest::option::of(0.0..=100.0));
    let properties = (any::<bool>(), 0..10_u32);
    (proptest::collection::vec(pulse, 0..3), properties).prop_map(|(mut pulses, (is_pro, number))| {
        pulses.sort_by_key(|(ago, ..)| *ago);
        let pulses: Vec<_> = pulses.into_iter().map(|(ago, days, points)| (TODAY.plus(-ago), TODAY.plus(days - ago), points)).collect();
        Besides::made_up(&pulses, serde_json::json!({ "p0": if is_pro { "pro" } else { "free" }, "p1": number }))
    })
}

fn starts() -> Starts {
    Starts::new(&Calendar::parse("Europe/Berlin").unwrap(), TODAY, TODAY)
}

proptest! {
    #[test]
    fn scores_are_within_bounds_and_contributions_sum(model in model(), history in history(), besides in besides()) {
        prop_assert!(check(&model.rules).is_ok());
        let (scorer, starts) = (scorer(model), starts());
        let moment = starts.end_of(TODAY);
        let figures = scorer.plan.of_history(&history, &besides, &starts, moment);
        let score = scorer.score(TODAY, Some(Day(0)), &figures);
        for factor in &score.factors {
            prop_assert!(factor.score.is_none_or(|score| (0.0..=100.0).contains(&score)));
            prop_assert!((0.0..=1.0 + 1e-12).contains(&factor.share));
            prop_assert!(!factor.text.is_empty());
        }
        prop_assert!((-1e-9..=1.0 + 1e-9).contains(&score.coverage));
        match score.points {
            Some(points) => {
                prop_assert!((0.0..=100.0).contains(&points));
                let shares: f64 = score.factors.iter().map(|factor| factor.share).sum();
                let sum: f64 = score.factors.iter().map(|factor| factor.contribution).sum();
                prop_assert!((shares - 1.0).abs() < 1e-9 && (sum - (points - 50.0)).abs() < 1e-9);
            }
            None => prop_assert!(score.factors.iter().all(|factor| factor.score.is_none())),
        }
        if let Some(next) = movement::next_action(&scorer, &figures, &scorer.weigh(TODAY, Some(Day(0)), &figures)) {
            prop_assert!(next.gain > 0.0 && score.points.unwrap() + next.gain <= 100.0 + 1e-9);
        }
        prop_assert_eq!(scorer.score(TODAY, None, &figures).points, None);
    }

    #[test]
    fn what_moved_it_sums_to_the_change(model in model(), history in history(), besides in besides(), shown in proptest::option::of(0.0..100.0)) {
        let (scorer, starts) = (scorer(model), starts());
        let weighed = |day: Day| scorer.weigh(day, Some(Day(0)), &scorer.plan.of_history(&history, &besides, &starts, starts.end_of(day)));
        let (then, now) = (weighed(TODAY.plus(-7)), weighed(TODAY));
        if let Some(moved) = movement::between(&scorer.model.rules, TODAY.plus(-7), shown, &then, &now) {
            let sum: f64 = moved.parts.iter().map(|part| part.change).sum::<f64>() + moved.other;
            prop_assert!((sum - (moved.after - moved.before)).abs() < 1e-9);
        }
    }

    #[test]
    fn many_days_at_once_are_what_each_is_alone(model in model(), history in history()) {
        let (scorer, starts) = (scorer(model), starts());
        let days: Vec<(Day, Counts)> = history.days.iter().map(|(day, counts)| (*day, *counts)).collect();
        let first = TODAY.plus(-20);
        let running = scorer.plan.running(days.iter(), first.plus(-scorer.plan.reach()), TODAY);
        for ago in 0..20 {
            let day = TODAY.plus(-ago);
            let only_days = History { features: BTreeMap::new(), invoices: Vec::new(), ..history.clone() };
            let alone = scorer.weigh(day, Some(Day(0)), &scorer.plan.of_history(&only_days, &Besides::default(), &starts, starts.end_of(day)));
            let mut figures = scorer.plan.nothing();
            scorer.plan.add_running(&mut figures, &running, day);
            let together = scorer.weigh(day, Some(Day(0)), &figures);
            match (scorer::total(&alone), scorer::total(&together)) {
                (Some(alone), Some(together)) => prop_assert!((alone - together).abs() < 1e-6),
                (alone, together) => prop_assert_eq!(alone, together),
            }
        }
    }

    #[test]
    fn more_of_what_is_good_never_hurts_and_more_trouble_never_helps(history in history(), ago in 0..30_i64, more in 1..9_i64) {
        let account: Vec<Rule> = serde_json::from_str(
            r#"[{"key":"login","label":"L","weight":25.0,"measure":{"kind":"count","what":"logins","days":30,"full":20.0},"missing":"neutral"},
                {"key":"active","label":"A","weight":25.0,"measure":{"kind":"active_days","days":30,"full":12.0},"missing":"neutral"},
                {"key":"support","label":"S","weight":20.0,"measure":{"kind":"penalty","what":"tickets_opened","days":90,"each":10.0},"missing":"neutral"}]"#,
        ).unwrap();
        let scorer = scorer(Model {
            model: String::new(), name: String::new(), no: VersionNo(1), version: 1, rules: account,
            published_at: Timestamp(0), published_by: String::new(), note: String::new(),
        });
        let starts = starts();
        let points = |history: &History| {
            let figures = scorer.plan.of_history(history, &Besides::default(), &starts, starts.end_of(TODAY));
            scorer::total(&scorer.weigh(TODAY, Some(Day(0)), &figures)).unwrap()
        };
        let with = |change: fn(&mut Counts, i64)| {
            let mut history = history.clone();
            change(history.days.entry(TODAY.plus(-ago)).or_default(), more);
            points(&history)
        };
        let before = points(&history);
        let busier = with(|counts, more| {
            counts.logins += more;
            counts.actions += more;
        });
        let troubled = with(|counts, more| counts.tickets_opened += more);
        prop_assert!(busier >= before && troubled <= before, "{} {} {}", troubled, before, busier);
    }
}
