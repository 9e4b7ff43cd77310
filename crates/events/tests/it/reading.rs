//! What was taken in is read back.

use std::collections::{BTreeMap, BTreeSet};

use accounts::Scope;
use events::rollups::Counts;
use events::{Day, Filter, Outcome};
use kit::{Error, Timestamp, sql};
use serde_json::json;

use crate::house::{DAY, HOUR, House, NOON, With, event, person};

#[tokio::test]
async fn events_come_back_as_they_were_sent_newest_first() {
    for house in House::both().await {
        let uuid = "01a1fc3b-5e7c-79f0-a33f-f7738b909cad";
        let hostile = r#"{"<img src=x onerror=alert(1)>":"'; drop table subject; -- \u0000"}"#;
        let sent = vec![
            event("one", "login", NOON.0).of(&house.ada).by("u1"),
            event(uuid, "<b>bold</b>", NOON.0 + 2).by("u'1\"").props(hostile).from("segment"),
            event(&uuid.to_uppercase(), "login", NOON.0 + 1),
        ];
        assert_eq!(house.accept(sent).await, [Outcome::Stored; 3]);
        for sorted in [false, true] {
            if sorted {
                house.events.sort_all().await.unwrap();
            }
            let found = house.all().await;
            let ids: Vec<&str> = found.iter().map(|event| event.id.as_str()).collect();
            assert_eq!(ids, [uuid, &uuid.to_uppercase(), "one"]);
            assert_eq!((found[0].name.as_str(), found[0].source.as_str(), found[0].props.as_str()), ("<b>bold</b>", "segment", hostile));
            assert_eq!(found[0].person.as_ref().unwrap().1, "u'1\"");
            assert_eq!((&found[2].customer, &found[1].customer, &found[1].person), (&Some(house.ada.clone()), &None, &None));
            let got = house.events.get(&Scope::house_of_job(), found[0].at, found[0].seq).await.unwrap();
            assert_eq!(got, found[0]);
            let missing = house.events.get(&Scope::house_of_job(), found[0].at, 4711).await;
            assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_and_filters_hold() {
    for house in House::both().await {
        // Each batch is a block; times go back and forth, and many are equal.
        for block in 0..30i64 {
            let batch = (0..20).map(|at| {
                let id = format!("{block}-{at}");
                let name = if at % 3 == 0 { "login" } else { "visit" };
                let time = NOON.0 + (block * 7 % 30) * HOUR / 2 - (at % 4) * DAY;
                let event = event(&id, name, time).by(&format!("u{}", at % 5));
                // Bob does something in one block of three only, so that the others can be left out.
                if at == 7 && block % 3 == 0 {
                    event.of(&house.bob)
                } else if at % 2 == 0 {
                    event.of(&house.ada)
                } else {
                    event
                }
            });
            house.accept(batch.collect()).await;
            if block % 10 == 4 {
                house.events.sort_all().await.unwrap();
            }
        }
        let all = house.all().await;
        assert_eq!(all.len(), 600);
        assert!(all.is_sorted_by_key(|event| std::cmp::Reverse((event.at, event.seq))));
        let u1 = all.iter().find_map(|event| event.person.clone().filter(|(_, name)| name == "u1")).unwrap().0;
        let mut filters = vec![
            Filter::default(),
            Filter { customer: Some(house.ada.clone()), ..Filter::default() },
            Filter { customer: Some(house.bob.clone()), ..Filter::default() },
            Filter { person: Some(u1), ..Filter::default() },
            Filter { names: vec!["login".to_owned(), "nothing".to_owned()], ..Filter::default() },
            Filter { names: vec!["nothing".to_owned()], ..Filter::default() },
            Filter { source: Some("segment".to_owned()), ..Filter::default() },
        ];
        for filter in filters.clone() {
            filters.push(Filter { from: Some(Timestamp(NOON.0 - DAY)), to: Some(Timestamp(NOON.0 + 3 * HOUR)), ..filter });
        }
        // Blocks of earlier versions have no list of whom they are about.
        let without_lists = filters.clone();
        for (at, filter) in filters.into_iter().chain(without_lists).enumerate() {
            if at == 14 {
                house.test.db.execute(sql("delete from event_block_subjects where block % 2 = 0")).await.unwrap();
            }
            let wanted: Vec<i64> = all
                .iter()
                .filter(|event| filter.customer.is_none() || event.customer == filter.customer)
                .filter(|event| filter.person.is_none() || event.person.as_ref().map(|it| it.0) == filter.person)
                .filter(|event| filter.names.is_empty() || filter.names.contains(&event.name))
                .filter(|event| filter.source.as_ref().is_none_or(|source| *source == event.source))
                .filter(|event| filter.from.is_none_or(|from| event.at >= from) && filter.to.is_none_or(|to| event.at < to))
                .map(|event| event.seq)
                .collect();
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let filter = Filter { after, ..filter.clone() };
                let page = house.events.list(&Scope::house_of_job(), &filter, 7).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some((last.at, last.seq));
                found.extend(page.iter().map(|event| event.seq));
            }
            assert_eq!(found, wanted, "{}: {filter:?}", house.test.name);
        }
    }
}

#[tokio::test]
async fn people_who_turn_out_to_be_one_bring_their_history_along() {
    for house in House::both().await {
        let sent = vec![
            event("1", "visit", NOON.0).by("anon-1"),
            event("2", "visit", NOON.0 + 1).by("anon-2"),
            event("3", "login", NOON.0 + 2).by("u1"),
            event("4", "$identify", NOON.0 + 3).by("u1").saying(person(json!({ "plan": "pro" }), Some("anon-1"))),
        ];
        house.accept(sent).await;
        assert_eq!(house.history(&house.ada).await.days.len(), 0);
        let joined =
            event("5", "$identify", NOON.0 + 4).by("u1").saying(person(json!({ "customer_id": house.ada.as_str() }), Some("anon-2")));
        house.accept(vec![joined, event("6", "visit", NOON.0 + 5).by("anon-2")]).await;
        let counts = house.history(&house.ada).await.days[&house.events.calendar().day(NOON)];
        assert_eq!((counts.events, counts.actions, counts.logins), (6, 4, 1));
        let people: BTreeSet<_> = house.all().await.into_iter().map(|event| event.person.unwrap()).collect();
        assert_eq!(people.into_iter().map(|(_, name)| name).collect::<Vec<_>>(), ["u1"]);
        // To another customer, wholly.
        let moved = event("7", "$identify", NOON.0 + 6).by("anon-1").saying(person(json!({ "customer_id": house.bob.as_str() }), None));
        house.accept(vec![moved]).await;
        assert_eq!(house.history(&house.ada).await.days.len(), 0);
        assert_eq!(house.history(&house.bob).await.days[&house.events.calendar().day(NOON)].events, 7);
        // A customer that the house does not have is none.
        let nobody = event("8", "$identify", NOON.0 + 7).by("u1").saying(person(json!({ "customer_id": "cust_nobody" }), None));
        house.accept(vec![nobody]).await;
        assert_eq!(house.history(&house.bob).await.days[&house.events.calendar().day(NOON)].events, 8);
    }
}

#[tokio::test]
async fn days_begin_at_midnight_of_the_house_also_when_the_clock_is_changed() {
    for house in House::both().await {
        // In Berlin, 2026-03-29 has 23 hours and 2026-10-25 has 25.
        let (spring, autumn) = (Day::parse("2026-03-29").unwrap(), Day::parse("2026-10-25").unwrap());
        let calendar = house.events.calendar().clone();
        let mut sent = Vec::new();
        for day in [spring, autumn] {
            let (start, end) = (calendar.start(day).0, calendar.start(day.plus(1)).0);
            for (at, time) in (start..end).step_by(HOUR as usize).chain([end - 1, end, start - 1]).enumerate() {
                sent.push(event(&format!("{}-{at}", day.0), "login", time).of(&house.ada));
            }
        }
        house.accept(sent).await;
        let days = house.history(&house.ada).await.days;
        let logins = |day: Day| days[&day].logins;
        assert_eq!([logins(spring.plus(-1)), logins(spring), logins(spring.plus(1))], [1, 24, 1]);
        assert_eq!([logins(autumn.plus(-1)), logins(autumn), logins(autumn.plus(1))], [1, 26, 1]);
    }
}

#[tokio::test]
async fn many_histories_are_those_of_each() {
    for house in House::both().await {
        let mut customers = vec![house.ada.clone(), house.bob.clone()];
        for _ in 0..7 {
            customers.push(crate::house::customer(&house.test.db, "More").await);
        }
        let sent = (0..300usize).map(|at| {
            let names = ["login", "feature_used", "invoice_issued", "visit"];
            let event = event(&format!("{at}"), names[at % 4], NOON.0 - (at as i64 % 70) * DAY);
            let event = event.props(&format!(r#"{{"feature":"f{}","invoice":"R-{at}"}}"#, at % 5)).by(&format!("p{}", at % 9));
            match at % 11 {
                9 => event.saying(person(json!({ "customer_id": customers[at % 5].as_str() }), None)),
                10 => event,
                other => event.of(&customers[other % 8]),
            }
        });
        house.accept(sent.collect()).await;
        let today = house.events.calendar().day(NOON);
        let scope = Scope::house_of_job();
        let from = today.plus(-40);
        let found = house.events.packed(&customers, from, today).await.unwrap();
        assert_eq!(found.iter().map(|packed| &packed.customer).collect::<Vec<_>>(), customers.iter().collect::<Vec<_>>());
        for packed in found {
            let mut days: BTreeMap<Day, Counts> = BTreeMap::new();
            packed
                .each_day(|day, counts, _| {
                    if (from..=today).contains(&day) {
                        days.entry(day).or_default().add(counts);
                    }
                })
                .unwrap();
            let history = house.events.history(&scope, &packed.customer, from, today).await.unwrap();
            assert_eq!((days, packed.first_at), (history.days, history.first_at));
        }
    }
}

#[tokio::test]
async fn who_changed_is_told_to_whoever_reads_on() {
    for house in House::both().await {
        house.accept(vec![event("1", "login", NOON.0).of(&house.ada)]).await;
        let first = house.events.changed((0, ""), 10).await.unwrap();
        let [(ada, at)] = &first[..] else { panic!("{first:?}") };
        assert_eq!(ada, &house.ada);
        assert_eq!(house.events.changed((*at, ada.as_str()), 10).await.unwrap(), []);
        // The clock stands still, and yet nothing is missed.
        house.accept(vec![event("2", "login", NOON.0).of(&house.bob)]).await;
        let second = house.events.changed((*at, ada.as_str()), 10).await.unwrap();
        let [(bob, at)] = &second[..] else { panic!("{second:?}") };
        assert_eq!(bob, &house.bob);
        house.accept(vec![event("2", "login", NOON.0).of(&house.bob)]).await;
        assert_eq!(house.events.changed((*at, bob.as_str()), 10).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_scan_sees_each_event_of_its_time_once() {
    for house in House::both().await {
        for block in 0..10i64 {
            house.accept((0..50).map(|at| event(&format!("{block}-{at}"), "visit", NOON.0 + at * DAY / 10)).collect()).await;
            if block % 4 == 3 {
                house.events.sort_all().await.unwrap();
            }
        }
        let (from, to) = (Timestamp(NOON.0 + DAY), Timestamp(NOON.0 + 3 * DAY));
        let mut seen = BTreeSet::new();
        house.events.scan(from, to, |head| assert!(seen.insert(head.seq))).await.unwrap();
        assert_eq!(seen.len(), 200);
    }
}

#[tokio::test]
async fn one_customer_sees_nothing_of_another() {
    for house in House::both().await {
        let client = accounts::Client::new(std::net::Ipv4Addr::LOCALHOST.into(), "test");
        let bobs = accounts::Actor::of_key("key".to_owned(), house.bob.clone(), "1".to_owned(), Vec::new(), &client).scope();
        house
            .accept(vec![
                event("1", "login", NOON.0).of(&house.ada),
                event("2", "login", NOON.0),
                event("3", "login", NOON.0).of(&house.bob),
            ])
            .await;
        let seen = house.events.list(&bobs, &Filter::default(), 100).await.unwrap();
        assert_eq!(seen.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["3"]);
        let adas = Filter { customer: Some(house.ada.clone()), ..Filter::default() };
        assert!(matches!(house.events.list(&bobs, &adas, 100).await, Err(Error::NotFound(_))));
        assert!(matches!(house.events.history(&bobs, &house.ada, Day(0), Day(1)).await, Err(Error::NotFound(_))));
        for event in house.all().await {
            let got = house.events.get(&bobs, event.at, event.seq).await;
            assert_eq!(got.is_ok(), event.id == "3", "{got:?}");
        }
    }
}
