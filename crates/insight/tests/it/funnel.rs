//! Funnels and retention over stored events, against going through all of them by hand.

use std::collections::{BTreeMap, BTreeSet};

use accounts::Actor;
use events::sample::Chance;
use events::{Day, EventId, EventName, Identity, NewEvent, Source, Who};
use insight::funnel::{self, Attribution, Breakdown, Cell, Order, Question, Range, Value, stages};
use insight::retention::{self, Part};
use kit::Timestamp;
use kit::testing::databases;
use serde_json::json;

use crate::house::{House, NOON};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const NAMES: [&str; 5] = ["visit", "request", "email_given", "build_started", "<b>odd</b>"];

/// An event as the test remembers it.
#[derive(Debug, Clone)]
struct Told {
    person: usize,
    at: i64,
    name: &'static str,
    colour: Option<&'static str>,
}

fn new_event(number: usize, told: &Told, person: &str) -> NewEvent {
    NewEvent {
        id: EventId::parse(&format!("f{number}")).unwrap(),
        source: Source::parse("test").unwrap(),
        name: EventName::parse(told.name).unwrap(),
        person: Some(person.to_owned()),
        customer: None,
        at: Timestamp(told.at),
        props: told.colour.map_or_else(|| "{}".to_owned(), |colour| json!({ "colour": colour }).to_string()),
        identity: Identity::None,
    }
}

fn hour(ago: i64) -> i64 {
    NOON.0 - ago * HOUR
}

/// A house in which people did things at random, some under two names; some of it in sorted blocks. In the order of arrival.
async fn random_house(house: &House) -> Vec<Told> {
    let mut chance = Chance::of(&[7]);
    let (mut told, mut events) = (Vec::new(), Vec::new());
    for number in 0..1400 {
        let event = Told {
            person: chance.below(40),
            // Whole hours, so that many are at the same moment.
            at: hour(i64::try_from(chance.below(24 * 40)).unwrap()),
            name: NAMES[chance.below(NAMES.len())],
            colour: [Some("red"), Some("blue"), None][chance.below(3)],
        };
        // Every third person has a second name, which an alias joins later.
        let name = if event.person.is_multiple_of(3) && chance.happens(0.5) {
            format!("anon-{}", event.person)
        } else {
            format!("p{}", event.person)
        };
        events.push(new_event(number, &event, &name));
        told.push(event);
        if number % 100 == 99 {
            house.accept(std::mem::take(&mut events)).await;
        }
        if number == 899 {
            house.events.sort_all().await.unwrap();
        }
    }
    for person in (0..40).step_by(3) {
        let mut alias = new_event(5000 + person, &Told { person, at: hour(0), name: "$create_alias", colour: None }, &format!("p{person}"));
        alias.identity = Identity::Alias { other: format!("anon-{person}") };
        house.accept(vec![alias]).await;
        told.push(Told { person, at: hour(0), name: "$create_alias", colour: None });
    }
    told
}

fn is_step(step: &str, name: &str) -> bool {
    step.split('|').any(|one| one.trim() == name)
}

/// The depth and the entry of one person's best chain, by trying all. `own` is in the order of time and arrival.
fn by_force(own: &[&Told], question: &Question, (from, to): (i64, i64)) -> Option<(usize, i64)> {
    let window = i64::from(question.window_hours) * HOUR;
    let seen: Vec<&&Told> = own.iter().filter(|it| it.at >= from).collect();
    let mut best: Option<(usize, i64)> = None;
    for (place, start) in seen.iter().enumerate().filter(|(_, it)| it.at < to) {
        let until = start.at + window;
        let depth = match question.order {
            Order::Any => {
                let inside: Vec<_> = seen[place..].iter().filter(|it| it.at <= until).collect();
                let is_first = question.steps.iter().any(|step| is_step(step, start.name));
                if is_first { question.steps.iter().filter(|step| inside.iter().any(|it| is_step(step, it.name))).count() } else { 0 }
            }
            _ if !is_step(&question.steps[0], start.name) => 0,
            order => 1 + longest(&seen[place + 1..], &question.steps[1..], until, order == Order::Strict),
        };
        if depth > 0 && best.is_none_or(|(deepest, _)| depth > deepest) {
            best = Some((depth, start.at));
        }
    }
    best
}

fn longest(later: &[&&Told], steps: &[String], until: i64, is_strict: bool) -> usize {
    let Some((step, rest)) = steps.split_first() else { return 0 };
    let candidates = later.iter().enumerate().take(if is_strict { 1 } else { usize::MAX });
    let fitting = candidates.filter(|(_, it)| it.at <= until && is_step(step, it.name));
    fitting.map(|(place, _)| 1 + longest(&later[place + 1..], rest, until, is_strict)).max().unwrap_or(0)
}

fn of_person(told: &[Told], person: usize) -> Vec<&Told> {
    // Stable: the order of arrival within one moment.
    let mut own: Vec<&Told> = told.iter().filter(|it| it.person == person).collect();
    own.sort_by_key(|it| it.at);
    own
}

fn question(steps: &[&str], days: u32) -> Question {
    Question {
        steps: steps.iter().map(|step| (*step).to_owned()).collect(),
        order: Order::Ordered,
        window_hours: 24 * 14,
        range: Range::Last(days),
        who: Who::People,
        breakdown: None,
    }
}

#[tokio::test]
async fn funnels_are_those_of_brute_force() {
    for test in databases().await {
        let house = House::on(test);
        let told = random_house(&house).await;
        let mut chance = Chance::of(&[8]);
        for round in 0..60 {
            let order = [Order::Ordered, Order::Strict, Order::Any][round % 3];
            let mut names = NAMES.to_vec();
            let steps: Vec<&str> = (0..2 + chance.below(3)).map(|_| names.remove(chance.below(names.len()))).collect();
            let mut asked = question(&steps, 1 + u32::try_from(chance.below(39)).unwrap());
            asked.order = order;
            asked.window_hours = [1, 5, 48, 24 * 14][chance.below(4)];
            if round % 5 == 0 {
                asked.steps[0] = "visit | $pageview | request".to_owned();
                asked.steps[1] = "build_started".to_owned();
                asked.steps.truncate(2);
            }
            asked.breakdown =
                (round % 4 == 0 && order != Order::Strict).then(|| Breakdown { by: "colour".to_owned(), attribution: Attribution::All });
            let Range::Last(days) = asked.range else { unreachable!() };
            let from = house.events.calendar().start(house.today().plus(1 - i64::from(days))).0;
            let range = (from, house.events.calendar().start(house.today().plus(1)).0);

            let answer = funnel::ask(&house.insight, &Actor::cli(), &asked).await.unwrap();
            let (mut people, mut by_day) = (vec![0; asked.steps.len()], BTreeMap::new());
            let mut by_value: BTreeMap<Option<&str>, Vec<u64>> = BTreeMap::new();
            for person in 0..40 {
                let own = of_person(&told, person);
                if let Some((depth, entry)) = by_force(&own, &asked, range) {
                    people[..depth].iter_mut().for_each(|count| *count += 1);
                    let (entered, finished) = by_day.entry(house.events.calendar().day(Timestamp(entry))).or_insert((0, 0));
                    *entered += 1;
                    *finished += u64::from(depth == asked.steps.len());
                }
                for colour in [Some("red"), Some("blue"), None] {
                    let own: Vec<&Told> = own.iter().copied().filter(|it| it.colour == colour).collect();
                    if let Some((depth, _)) = by_force(&own, &asked, range) {
                        let counts = by_value.entry(colour).or_insert_with(|| vec![0; asked.steps.len()]);
                        counts[..depth].iter_mut().for_each(|count| *count += 1);
                    }
                }
            }
            let found: Vec<u64> = answer.steps.iter().map(|step| step.people).collect();
            assert_eq!(found, people, "{}: {asked:?}", house.test.name);
            let days = answer.days.iter().filter(|day| day.entered > 0).map(|day| (day.day, (day.entered, day.finished)));
            assert_eq!(days.collect::<BTreeMap<_, _>>(), by_day, "{}: {asked:?}", house.test.name);
            if asked.breakdown.is_some() {
                let found: BTreeMap<Option<&str>, Vec<u64>> = answer
                    .values
                    .iter()
                    .map(|row| (matches!(row.value, Value::Word(_)).then(|| row.value.text()), row.people.clone()))
                    .collect();
                assert_eq!(found, by_value, "{}: {asked:?}", house.test.name);
            }
            // The people behind each figure are as many as it says.
            for step in 1..=asked.steps.len() {
                let mut after = None;
                let mut seen = BTreeSet::new();
                loop {
                    let cell = Cell { step, ..Cell::default() };
                    let page = funnel::people(&house.insight, &Actor::cli(), &asked, &cell, after, 7).await.unwrap();
                    seen.extend(page.items.iter().map(|person| person.no));
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(seen.len() as u64, people[step - 1], "{asked:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_is_kept_until_an_event_comes_in_and_waiting_can_be_given_up() {
    for test in databases().await {
        let house = House::on(test);
        let at = |name, ago| Told { person: 1, at: hour(ago), name, colour: None };
        house.accept(vec![new_event(1, &at("visit", 5), "p1"), new_event(2, &at("request", 4), "p1")]).await;
        let asked = question(&["visit", "request", "never seen"], 7);
        let first = funnel::ask(&house.insight, &Actor::cli(), &asked).await.unwrap();
        let again = funnel::ask(&house.insight, &Actor::cli(), &asked).await.unwrap();
        assert!(std::sync::Arc::ptr_eq(&first, &again), "{}", house.test.name);
        assert_eq!(first.steps.iter().map(|step| (step.people, step.is_known)).collect::<Vec<_>>(), [(1, true), (1, true), (0, false)]);
        assert_eq!(
            (first.steps[1].median_ms, first.steps[1].p90_ms, first.steps[2].median_ms),
            (Some(HOUR as u64), Some(HOUR as u64), None)
        );
        assert_eq!((first.converting, first.days.last().unwrap().is_converting), (1, true));

        house.accept(vec![new_event(3, &at("visit", 3), "p2")]).await;
        let after = funnel::ask(&house.insight, &Actor::cli(), &asked).await.unwrap();
        assert_eq!(after.steps[0].people, 2);

        // A reader who leaves at any moment leaves nothing behind that would keep the next from asking.
        for steps in 0..20 {
            let asked = question(&["visit", "request"], 1 + steps);
            let actor = Actor::cli();
            let mut asking = Box::pin(funnel::ask(&house.insight, &actor, &asked));
            for _ in 0..steps {
                if is_ready(&mut asking).await {
                    break;
                }
            }
            drop(asking);
        }
        let found = funnel::ask(&house.insight, &Actor::cli(), &question(&["visit", "request"], 30)).await.unwrap();
        assert_eq!((found.steps[0].people, found.steps[1].people), (2, 1));
    }
}

/// Lets a future go on once, and others after it.
async fn is_ready<F: Future + Unpin>(future: &mut F) -> bool {
    let is_ready = std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_ready())).await;
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    is_ready
}

#[tokio::test]
async fn values_count_as_asked_and_questions_are_checked() {
    let house = House::on(kit::testing::sqlite().await);
    let told = |ago, name, colour| Told { person: 1, at: hour(ago), name, colour };
    let first = [told(9, "visit", Some("red")), told(8, "request", Some("blue"))];
    let second = [told(9, "visit", Some("<script>")), told(7, "visit", None)];
    let events = first.iter().map(|it| (it, "p1")).chain(second.iter().map(|it| (it, "p2"))).enumerate();
    house.accept(events.map(|(number, (told, person))| new_event(number, told, person)).collect()).await;
    let ask = async |attribution| {
        let asked = Question { breakdown: Some(Breakdown { by: "colour".into(), attribution }), ..question(&["visit", "request"], 3) };
        let answer = funnel::ask(&house.insight, &Actor::cli(), &asked).await.unwrap();
        let mut rows: Vec<(String, Vec<u64>)> = answer.values.iter().map(|row| (format!("{:?}", row.value), row.people.clone())).collect();
        rows.sort();
        rows
    };
    let word = |text: &str| format!("{:?}", Value::Word(text.to_owned()));
    assert_eq!(ask(Attribution::First).await, [(word("<script>"), vec![1, 0]), (word("red"), vec![1, 1])]);
    assert_eq!(ask(Attribution::Last).await, [(word("<script>"), vec![1, 0]), (word("blue"), vec![1, 1])]);
    assert_eq!(ask(Attribution::Step(2)).await, [("NotReached".to_owned(), vec![1, 0]), (word("blue"), vec![1, 1])]);
    assert_eq!(ask(Attribution::All).await, [("None".to_owned(), vec![1, 0]), (word("<script>"), vec![1, 0]), (word("red"), vec![1, 0])]);

    let many: Vec<NewEvent> =
        (0..1100).map(|number| NewEvent { props: format!(r#"{{"id":{number}}}"#), ..new_event(100 + number, &first[0], "p3") }).collect();
    house.accept(many).await;
    let by_id_of =
        |attribution| Question { breakdown: Some(Breakdown { by: "id".into(), attribution }), ..question(&["visit", "request"], 3) };
    let refused = funnel::ask(&house.insight, &Actor::cli(), &by_id_of(Attribution::First)).await.unwrap_err();
    assert!(refused.to_string().contains("different values"), "{refused}");
    for (wrong, field) in [
        (question(&["visit"], 3), "steps"),
        (question(&["visit", " | "], 3), "steps"),
        (question(&["visit", "a\u{7}"], 3), "steps"),
        (question(&["visit", "request"], 0), "days"),
        (Question { range: Range::Between(Day(9), Day(8)), ..question(&["a", "b"], 3) }, "to"),
        (Question { range: Range::Between(Day(i64::MIN / 2), Day(i64::MIN / 2)), ..question(&["a", "b"], 3) }, "from"),
        (Question { order: Order::Any, ..question(&["a", "a|b"], 3) }, "steps"),
        (Question { order: Order::Strict, ..by_id_of(Attribution::All) }, "attribution"),
        (by_id_of(Attribution::Step(3)), "attribution"),
        (Question { window_hours: 0, ..question(&["a", "b"], 3) }, "window"),
    ] {
        let refused = format!("{:?}", funnel::ask(&house.insight, &Actor::cli(), &wrong).await.unwrap_err());
        assert!(refused.contains(field), "{wrong:?}: {refused}");
    }
}

#[tokio::test]
async fn the_funnel_of_the_house_is_kept_by_day() {
    for test in databases().await {
        let house = House::on(test);
        let names = ["visit", "request", "email_given", "email_verified", "build_started", "deploy_succeeded"];
        let mut chance = Chance::of(&[9]);
        let (mut told, mut events) = (Vec::new(), Vec::new());
        for number in 0..1500 {
            let at = hour(i64::try_from(chance.below(24 * 30)).unwrap());
            let event = Told { person: chance.below(60), at, name: names[chance.below(6)], colour: None };
            events.push(new_event(number, &event, &format!("p{}", event.person)));
            told.push(event);
        }
        house.accept(events).await;
        let today = house.today();
        assert!(stages::refresh(&house.insight).await.unwrap() > 90);
        let start = |day: Day| house.events.calendar().start(day).0;
        for kind in [stages::Kind::Snapshot, stages::Kind::Cohort] {
            for span in [1, stages::WEEK] {
                let kept = stages::days(&house.insight, kind, span, today.plus(-29), today).await.unwrap();
                assert_eq!(kept.len(), 30);
                for row in &kept {
                    let range = (start(row.day.plus(1 - span)), start(row.day.plus(1)));
                    let mut wanted = [0; 6];
                    for person in 0..60 {
                        let own = of_person(&told, person);
                        let depth = by_force(&own, &stages::question(30), range).map_or(0, |(depth, _)| depth);
                        for (stage, count) in wanted.iter_mut().enumerate() {
                            let did = own.iter().any(|it| range.0 <= it.at && it.at < range.1 && it.name == names[stage]);
                            *count += i64::from(if kind == stages::Kind::Snapshot { did } else { stage < depth });
                        }
                    }
                    assert_eq!(row.people, wanted, "{}: {kind:?} of {span} days to {}", house.test.name, row.day.iso());
                    let open = if kind == stages::Kind::Snapshot { 0 } else { stages::WINDOW_DAYS };
                    assert_eq!(row.is_final, row.day.plus(open) < today, "{kind:?} {}", row.day.iso());
                }
            }
        }
        // An event that comes late is counted when its day is worked out again, however often; other days stay.
        let day = today.plus(-20);
        let before = stages::days(&house.insight, stages::Kind::Snapshot, 1, day, day).await.unwrap()[0];
        house.accept(vec![new_event(9000, &Told { person: 99, at: start(day), name: "visit", colour: None }, "late")]).await;
        stages::refresh(&house.insight).await.unwrap();
        assert_eq!(stages::days(&house.insight, stages::Kind::Snapshot, 1, day, day).await.unwrap()[0], before);
        for _ in 0..2 {
            stages::run(&house.insight, day).await.unwrap();
            let after = stages::days(&house.insight, stages::Kind::Snapshot, 1, day, day).await.unwrap();
            assert_eq!((after.len(), after[0].people[0]), (1, before.people[0] + 1));
        }
    }
}

#[tokio::test]
async fn retention_is_that_of_brute_force() {
    for test in databases().await {
        let house = House::in_zone(test, "Europe/Berlin");
        let mut chance = Chance::of(&[10]);
        let (mut told, mut events) = (Vec::new(), Vec::new());
        for number in 0..1500 {
            // 110 days, so that some begin before the first week that is shown.
            let at = NOON.0 - i64::try_from(chance.below(24 * 110)).unwrap() * HOUR;
            let event = Told { person: chance.below(80), at, name: NAMES[chance.below(4)], colour: None };
            events.push(new_event(number, &event, &format!("p{}", event.person)));
            told.push(event);
        }
        house.accept(events).await;
        let calendar = house.events.calendar();
        let week_of = |at: i64| (retention::monday(calendar.day(Timestamp(at))).0 - retention::monday(house.today()).0) / 7 + 12;
        for (is_unbounded, back) in [(false, "visit"), (true, "visit"), (false, "")] {
            let asked = retention::Question {
                back: back.to_owned(),
                goal: "build_started".to_owned(),
                weeks: 12,
                is_unbounded,
                ..retention::Question::default()
            };
            let answer = retention::ask(&house.insight, &Actor::cli(), &asked).await.unwrap();
            assert_eq!(answer.cohorts.len(), 13);
            let firsts: BTreeMap<usize, i64> = (0..80)
                .filter_map(|person| of_person(&told, person).into_iter().find(|it| it.name == "request").map(|it| (person, it.at)))
                .collect();
            for (cohort, found) in answer.cohorts.iter().enumerate() {
                let members: Vec<usize> =
                    firsts.iter().filter(|(_, at)| week_of(**at) == cohort as i64).map(|(person, _)| *person).collect();
                assert_eq!(found.size, members.len() as u64, "{}", found.monday.iso());
                let converted = members
                    .iter()
                    .filter(|it| of_person(&told, **it).iter().any(|one| one.name == "build_started" && one.at >= firsts[*it]));
                assert_eq!(found.converted, converted.count() as u64);
                for (week, cell) in found.cells.iter().enumerate() {
                    let place = (cohort + week) as i64;
                    let is_back = |person: &&usize| {
                        let mut weeks =
                            of_person(&told, **person).into_iter().filter(|it| back.is_empty() || it.name == back).map(|it| week_of(it.at));
                        week == 0 || weeks.any(|it| if is_unbounded { it >= place } else { it == place })
                    };
                    let count = members.iter().filter(is_back).count() as u64;
                    let wanted = match place.cmp(&12) {
                        std::cmp::Ordering::Less => retention::Cell::Final(count),
                        std::cmp::Ordering::Equal => retention::Cell::Partial(count),
                        std::cmp::Ordering::Greater => retention::Cell::Future,
                    };
                    assert_eq!(*cell, wanted, "{}: cohort {cohort} week {week}", house.test.name);
                    if place <= 12 {
                        let part = Part::Back(week);
                        let page = retention::people(&house.insight, &Actor::cli(), &asked, (found.monday, part), None, 100).await.unwrap();
                        assert_eq!(page.items.len() as u64, count);
                    }
                }
            }
            // The current week is in no mean.
            let week_1: (u64, u64) = answer.cohorts[..11].iter().fold((0, 0), |(back, all), cohort| match cohort.cells[1] {
                retention::Cell::Final(count) => (back + count, all + cohort.size),
                _ => (back, all),
            });
            let mean = answer.means[1].weighted.unwrap().share;
            assert!((mean - week_1.0 as f64 / week_1.1 as f64).abs() < 1e-12);
            assert!(answer.means[12].weighted.is_none(), "only the oldest cohort has a twelfth week, and it is not over");
        }
        let nobody = retention::people(&house.insight, &Actor::cli(), &retention::Question::default(), (Day(3), Part::All), None, 5).await;
        assert!(nobody.is_err());
    }
}

#[tokio::test]
async fn customers_are_counted_by_their_events_and_their_peoples() {
    for test in databases().await {
        let house = House::on(test);
        let (one, other) = (house.customer("One").await, house.customer("<Other>").await);
        let of =
            |customer: &accounts::CustomerId, ago, name: &str| house.event_at(customer, Timestamp(NOON.0 - ago * DAY), name, json!({}));
        let mut person = new_event(1, &Told { person: 1, at: NOON.0 - DAY, name: "request", colour: None }, "ada");
        person.identity = Identity::Person {
            set: json!({ "customer_id": one.as_str() }).as_object().unwrap().clone(),
            set_once: serde_json::Map::new(),
            anonymous: None,
        };
        house.accept(vec![of(&one, 3, "visit"), person, of(&other, 2, "visit")]).await;
        let asked = Question { who: Who::Customers, ..question(&["visit", "request"], 7) };
        let answer = funnel::ask(&house.insight, &Actor::cli(), &asked).await.unwrap();
        assert_eq!((answer.steps[0].people, answer.steps[1].people), (2, 1), "{}", house.test.name);
        let cell = Cell { step: 2, is_dropped: true, value: None };
        let dropped = funnel::people(&house.insight, &Actor::cli(), &asked, &cell, None, 5).await.unwrap();
        assert_eq!(dropped.items.iter().map(|it| it.customer.clone().unwrap()).collect::<Vec<_>>(), [other]);
    }
}
