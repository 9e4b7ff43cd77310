use std::collections::{BTreeMap, BTreeSet};

use super::*;

const UNTIL: Timestamp = Timestamp(1_795_000_000_000);

fn wish(customers: u32, days: u32, seed: u64) -> Wish {
    Wish { customers, days, seed, until: UNTIL, mark: "s7a-".to_owned() }
}

fn house(wish: Wish) -> House {
    House::new(wish, Calendar::parse("Europe/Berlin").unwrap())
}

fn all(house: &House) -> Vec<NewEvent> {
    house.days().flat_map(|day| house.events_on(day)).collect()
}

#[test]
fn the_same_wish_gives_the_same_house_and_another_seed_another() {
    let (first, again, other) = (all(&house(wish(20, 30, 7))), all(&house(wish(20, 30, 7))), all(&house(wish(20, 30, 8))));
    assert_eq!(first, again);
    assert_ne!(first.iter().map(|event| &event.props).collect::<Vec<_>>(), other.iter().map(|event| &event.props).collect::<Vec<_>>());
}

/// Pinned: what was a house of last year shall be the same house next year.
#[test]
fn the_house_of_the_manual_stays_what_it_is() {
    let house = house(wish(80, 90, 7));
    let first = &house.customers()[0];
    insta::assert_snapshot!(
        format!("{} {} {} {} {}", first.id, first.name, first.segment.as_str(), first.course.as_str(), first.people[0].email),
        @"cust_r6pqvnfjmdmk Garcia Florist agency fading wim.garcia@garcia-florist-0.s7.example"
    );
}

#[test]
fn the_house_of_the_manual_has_all_that_it_promises() {
    let house = house(wish(80, 90, 7));
    let events = all(&house);
    assert!((30_000..100_000).contains(&events.len()), "tens of thousands: {}", events.len());
    println!("{} events", events.len());
    let ids: BTreeSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids.len(), events.len(), "each event has its own id");
    assert!(events.iter().all(|event| event.at <= UNTIL && event.source.as_str() == SOURCE));
    assert!(events.iter().all(|event| serde_json::from_str::<Map<String, Value>>(&event.props).is_ok()));
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &events {
        *names.entry(event.name.as_str()).or_default() += 1;
    }
    for name in [
        "login",
        "api_call",
        "feature_used",
        "ticket_opened",
        "ticket_closed",
        "invoice_issued",
        "invoice_paid",
        "rating",
        "visit",
        "request",
        "email_given",
        "email_verified",
        "build_started",
        "build_succeeded",
        "build_failed",
        "deploy_started",
        "deploy_succeeded",
        "deploy_failed",
        "llm_call",
        "$ai_generation",
        "error",
        "restart",
        "$identify",
        "$groupidentify",
        "subscription_cancelled",
    ] {
        assert!(names.get(name).is_some_and(|count| *count > 0), "no `{name}` in {names:?}");
    }
    let funnel = ["visit", "request", "email_given", "email_verified"].map(|name| names[name]);
    assert!(funnel.is_sorted_by(|more, fewer| more > fewer), "{funnel:?}");
    let courses: BTreeSet<&str> = house.customers().iter().map(|customer| customer.course.as_str()).collect();
    assert_eq!(courses.len(), 5, "{courses:?}");
    let ids: BTreeSet<&CustomerId> = house.customers().iter().map(|customer| &customer.id).collect();
    assert_eq!(ids.len(), 80);
}

/// Events of a customer in the last 15 days and in the first 15, per working day.
#[test]
fn growing_customers_do_more_and_those_who_left_do_nothing() {
    let house = house(wish(150, 90, 1));
    let last = house.calendar.day(UNTIL);
    let mut sums: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let by_id: BTreeMap<&CustomerId, &SampleCustomer> = house.customers().iter().map(|customer| (&customer.id, customer)).collect();
    for event in all(&house) {
        let Some(customer) = event.customer.as_ref().map(|id| by_id[id]) else { continue };
        if !matches!(event.name.as_str(), "login" | "feature_used") {
            continue;
        }
        let day = house.calendar.day(event.at);
        // A session that begins on the last evening may go on after midnight.
        if let Course::Gone(gone) = customer.course {
            assert!(day <= gone, "{} used something after it had left", customer.name);
        }
        let sum = sums.entry(customer.course.as_str()).or_default();
        sum.0 += usize::from(last.0 - day.0 >= 75);
        sum.1 += usize::from(last.0 - day.0 < 15);
    }
    let (before, now) = sums["growing"];
    assert!(now as f64 > 1.5 * before as f64, "{sums:?}");
    let (before, now) = sums["fading"];
    assert!((now as f64) < 0.4 * before as f64, "{sums:?}");
    let (before, now) = sums["steady"];
    assert!((0.8..1.25).contains(&(now as f64 / before as f64)), "{sums:?}");
    assert_eq!(sums["new"].0, 0, "{sums:?}");
}

#[test]
fn weekends_are_quiet_and_shops_are_not() {
    let house = house(wish(100, 56, 3));
    let by_id: BTreeMap<&CustomerId, Segment> = house.customers().iter().map(|customer| (&customer.id, customer.segment)).collect();
    let mut logins = BTreeMap::from([("shop", [0_usize; 7]), ("other", [0; 7])]);
    for event in all(&house).iter().filter(|event| event.name.as_str() == "login") {
        let segment = by_id[event.customer.as_ref().unwrap()];
        let weekday = (house.calendar.day(event.at).0 + 3).rem_euclid(7);
        let kind = if segment == Segment::Shop { "shop" } else { "other" };
        logins.get_mut(kind).unwrap()[usize::try_from(weekday).unwrap()] += 1;
    }
    assert!(logins["other"][6] * 2 < logins["other"][1], "{logins:?}");
    assert!(logins["shop"][5] * 10 > logins["shop"][1] * 7, "{logins:?}");
}

#[test]
fn a_later_hour_adds_events_and_changes_none() {
    let early = house(Wish { until: Timestamp(UNTIL.0 - 5 * HOUR), ..wish(30, 20, 7) });
    let late = house(wish(30, 20, 7));
    let late: BTreeMap<String, NewEvent> = all(&late).into_iter().map(|event| (event.id.as_str().to_owned(), event)).collect();
    let early = all(&early);
    assert!(early.len() < late.len());
    for event in early {
        assert_eq!(late.get(event.id.as_str()), Some(&event));
    }
}

#[test]
fn parts_of_the_stream_of_millions_are_in_order_and_spread() {
    let many = Many { seed: 1, customers: 1000, events: 1_000_000, days: 90, until: UNTIL };
    let parts: Vec<_> = (0..1_000_000).step_by(997).map(|number| many.part(number)).collect();
    assert!(parts.is_sorted_by_key(|part| part.at));
    assert_eq!(many.part(999_999).at, UNTIL);
    assert!(many.part(0).at.0 - (UNTIL.0 - 90 * DAY) < 10_000);
    let customers: BTreeSet<u32> = parts.iter().map(|part| part.customer).collect();
    assert!(customers.len() > 450, "{}", customers.len());
    assert!(parts.iter().all(|part| serde_json::from_str::<Map<String, Value>>(&part.props).is_ok()));
    let ids: BTreeSet<&str> = parts.iter().map(|part| part.id.as_str()).collect();
    assert_eq!(ids.len(), parts.len());
    assert_eq!(many.part(5).props, many.part(5).props);
}
