//! Sums against a recount by hand.

use std::collections::BTreeMap;

use accounts::CustomerId;
use events::{Day, EventId, Identity, NewEvent};
use insight::cost::{self, Book, Sum, Usd};
use insight::{Ingredients, Insight};
use kit::Timestamp;
use kit::bus::Bus;
use kit::sql;
use kit::testing::databases;
use serde_json::{Value, json};

use crate::house::{House, NOON};

const HOUR: i64 = 3_600_000;

/// Calls of all kinds by people, customers and nobody, spread over days.
fn calls(house: &House, customers: &[CustomerId], number: usize) -> Vec<NewEvent> {
    (0..number)
        .map(|at| {
            let i = i64::try_from(at).unwrap();
            let (name, mut props) = match at % 4 {
                0 => ("llm_call", json!({ "provider": "anthropic", "model": "claude-opus-4-5", "input_tokens": 1000 + i, "output_tokens": 300, "cache_read_tokens": i % 700 })),
                1 => ("$ai_generation", json!({ "$ai_provider": "openai", "$ai_model": "gpt-5-mini", "$ai_input_tokens": 900, "$ai_output_tokens": i, "$ai_reasoning_tokens": i / 2 })),
                2 => ("llm_call", json!({ "model": "our-own", "input_tokens": 10, "output_tokens": 1 })),
                _ => ("llm_call", json!({ "model": "claude-haiku-3-5", "input_tokens": 500, "output_tokens": 5, "ok": at % 8 == 3 })),
            };
            if at % 11 == 0 {
                props["cost_usd"] = json!(0.25);
            }
            let at_ms = Timestamp(NOON.0 - i * 5 * HOUR);
            let mut event = house.event_at(&customers[at % customers.len()], at_ms, name, props);
            if at % 3 == 0 {
                event.person = Some(format!("person-{}", at % 5));
            }
            if at % 7 == 0 {
                event.customer = None;
            }
            event
        })
        .collect()
}

/// By the book of prices, one call after the other.
async fn by_hand(house: &House, events: &[NewEvent]) -> BTreeMap<Day, (i64, i64, i64, i64)> {
    let book = Book::load(&house.test.db).await.unwrap();
    let mut days: BTreeMap<Day, (i64, i64, i64, i64)> = BTreeMap::new();
    for event in events {
        let day = house.events.calendar().day(event.at);
        let call = cost::read(event.name.as_str(), &event.props);
        let sum = days.entry(day).or_default();
        sum.0 += 1;
        sum.1 += call.usage.map_or(0, |usage| usage.all());
        match (call.told, call.usage.and_then(|usage| book.price(&call.model, day)?.rates.cost(&usage))) {
            (Some(told), _) => sum.3 += told.0,
            (None, Some(costs)) => sum.3 += costs.total().0,
            (None, None) => sum.2 += 1,
        }
    }
    days
}

async fn counted(house: &House) -> BTreeMap<Day, (i64, i64, i64, i64)> {
    let today = house.today();
    let days = cost::days(&house.insight, &house.scope(), today.plus(-60), today).await.unwrap();
    days.into_iter()
        .filter(|(_, sum)| sum.calls > 0)
        .map(|(day, sum)| (day, (sum.calls, sum.tokens.all(), sum.unpriced, sum.cost.0)))
        .collect()
}

#[tokio::test]
async fn each_call_is_counted_once_however_it_comes() {
    for test in databases().await {
        let house = House::on(test);
        let customers = [house.customer("Ada").await, house.customer("Bo").await, house.customer("Cy").await];
        let all = calls(&house, &customers, 120);
        // Some are there before anything was ever counted, some come later, some twice, and blocks are sorted in between.
        house.accept(all[..50].to_vec()).await;
        cost::count_all(&house.insight).await.unwrap();
        house.accept(all[40..80].to_vec()).await;
        house.events.sort_all().await.unwrap();
        house.accept(all[80..].to_vec()).await;
        house.accept(vec![house.event(&customers[0], 0, "login", json!({ "input_tokens": 5 }))]).await;
        cost::count_all(&house.insight).await.unwrap();
        cost::count_all(&house.insight).await.unwrap();
        let expected = by_hand(&house, &all).await;
        assert_eq!(counted(&house).await, expected, "{}", house.test.name);
        // By model, by customer and by nobody it is the same.
        let (from, to) = (house.today().plus(-60), house.today());
        let whole: i64 = expected.values().map(|day| day.3).sum();
        let models = cost::by_model(&house.insight, &house.scope(), from, to).await.unwrap();
        assert_eq!(models.iter().map(|model| model.sum.cost.0).sum::<i64>(), whole);
        assert!(models.iter().all(|model| model.part_costs.iter().copied().sum::<Usd>() + model.told_cost == model.sum.cost), "{models:?}");
        let (listed, nobodys) = cost::by_customer(&house.insight, &house.scope(), from, to, 10).await.unwrap();
        assert_eq!(listed.iter().map(|it| it.sum.cost.0).sum::<i64>() + nobodys.cost.0, whole);
        for it in &listed {
            assert_eq!(cost::of_customer(&house.insight, &house.scope(), &it.customer, from, to).await.unwrap(), it.sum);
        }
        let unpriced = models.iter().find(|model| model.name == "our-own").unwrap();
        assert_eq!((unpriced.sum.unpriced + unpriced.sum.told, unpriced.sum.known_cost().is_some()), (30, unpriced.sum.told > 0));
        // Counted anew from the first event on, it is the same again.
        cost::recount_all(&house.insight).await.unwrap();
        cost::count_all(&house.insight).await.unwrap();
        assert_eq!(counted(&house).await, expected);
    }
}

#[tokio::test]
async fn people_take_their_calls_with_them() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Ada").await;
        let call = |person: &str, tokens: i64| {
            let mut event =
                house.event(&customer, 1, "llm_call", json!({ "model": "claude-opus-4-5", "input_tokens": tokens, "output_tokens": 0 }));
            (event.person, event.customer) = (Some(person.to_owned()), None);
            event
        };
        house.accept(vec![call("anon-1", 1_000_000), call("u1", 2_000_000), call("u2", 1000)]).await;
        cost::count_all(&house.insight).await.unwrap();
        let (from, to) = (house.today().plus(-5), house.today());
        let none = cost::of_customer(&house.insight, &house.scope(), &customer, from, to).await.unwrap();
        assert_eq!(none, Sum::default());
        // The stranger turns out to be u1, who belongs to the customer.
        let mut alias = house.event(&customer, 0, "$create_alias", json!({}));
        (alias.person, alias.customer) = (Some("u1".to_owned()), None);
        alias.identity = Identity::Alias { other: "anon-1".to_owned() };
        let mut group = house.event(&customer, 0, "$groupidentify", json!({}));
        (group.person, group.identity) = (Some("u1".to_owned()), Identity::Customer { set: serde_json::Map::new() });
        house.accept(vec![alias, group]).await;
        let his = cost::of_customer(&house.insight, &house.scope(), &customer, from, to).await.unwrap();
        assert_eq!((his.calls, his.cost.to_string().as_str()), (2, "$15.00"), "{}", house.test.name);
        let number = async |name: &str| -> i64 {
            let of = sql(
                "select coalesce(subject.merged_into, subject.no) from subject_name join subject on subject.no = subject_name.subject where name = $1",
            );
            house.test.db.one::<(i64,)>(of.bind(name)).await.unwrap().0
        };
        let (u1, u2) = (number("u1").await, number("u2").await);
        let people = cost::of_people(&house.insight, &house.scope(), &[u1, u2, 999_999], from, to).await.unwrap();
        assert_eq!((people.len(), people[&u1].cost.to_string(), people[&u2].tokens.input), (2, "$15.00".to_owned(), 1000));
    }
}

#[tokio::test]
async fn hostile_names_and_figures_are_kept_out_of_the_sums() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Ada").await;
        let tell = |props: Value| house.event(&customer, 1, "llm_call", props);
        let mut all = vec![
            tell(json!({ "model": "'; drop table llm_day; --", "input_tokens": 1, "output_tokens": 1 })),
            tell(json!({ "model": "claude-opus-4-5", "input_tokens": 999_999_999, "output_tokens": 999_999_999 })),
            tell(json!({ "model": "claude-opus-4-5", "cost_usd": -5 })),
            tell(json!({ "model": "claude-opus-4-5", "cost_usd": 1e300 })),
            tell(json!({ "model": ["claude-opus-4-5"], "input_tokens": { "a": 1 } })),
        ];
        // A sender that makes up models does not fill the table with them.
        all.extend((0..2_100).map(|number| tell(json!({ "model": format!("made-up-{number}"), "input_tokens": 1, "output_tokens": 1 }))));
        for (at, event) in all.iter_mut().enumerate() {
            event.id = EventId::parse(&format!("h{at}")).unwrap();
        }
        house.accept(all).await;
        cost::count_all(&house.insight).await.unwrap();
        let day = house.today().plus(-1);
        let models = cost::by_model(&house.insight, &house.scope(), day, day).await.unwrap();
        let whole = cost::days(&house.insight, &house.scope(), day, day).await.unwrap()[0].1;
        assert_eq!((whole.calls, whole.unpriced, whole.cost), (2_105, 2_105, Usd(0)), "{}", house.test.name);
        assert_eq!(whole.known_cost(), None, "unknown is not 0");
        assert!(models.len() <= 2_001 && models.iter().any(|model| model.name == "(other)" && model.sum.calls > 90), "{}", models.len());
    }
}

#[tokio::test]
async fn another_time_zone_moves_calls_to_its_days() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Ada").await;
        // 23:30 UTC, which is half past eight in the morning of the next day in Tokyo.
        let late = Timestamp(NOON.0 - 24 * HOUR + 11 * HOUR + HOUR / 2);
        house
            .accept(vec![house.event_at(
                &customer,
                late,
                "llm_call",
                json!({ "model": "claude-opus-4-5", "input_tokens": 1000, "output_tokens": 0 }),
            )])
            .await;
        cost::count_all(&house.insight).await.unwrap();
        assert_eq!(counted(&house).await.keys().copied().collect::<Vec<_>>(), [house.today().plus(-1)]);
        let moved = House::in_zone(house.test, "Asia/Tokyo");
        moved.events.tidy().await.unwrap();
        cost::count_all(&moved.insight).await.unwrap();
        let days = counted(&moved).await;
        assert_eq!(days.into_iter().map(|(day, sum)| (day.iso(), sum.0)).collect::<Vec<_>>(), [("2026-11-21".to_owned(), 1)]);
    }
}

#[tokio::test]
async fn two_processes_count_each_call_once() {
    for test in databases().await {
        let house = House::on(test);
        let customers = [house.customer("Ada").await];
        let (db, clock) = (house.test.db.clone(), house.clock.clone());
        let other = Insight::open(Ingredients { db, clock, bus: Bus::default(), events: house.events.clone() });
        let all = calls(&house, &customers, 40);
        for batch in all.chunks(8) {
            house.accept(batch.to_vec()).await;
            // Whoever comes second is told to come back.
            let _ = tokio::join!(cost::count(&house.insight), cost::count(&other));
        }
        cost::count_all(&house.insight).await.unwrap();
        cost::count_all(&other).await.unwrap();
        assert_eq!(counted(&house).await, by_hand(&house, &all).await, "{}", house.test.name);
    }
}
