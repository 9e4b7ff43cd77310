//! The same figures, worked out from the raw events by other code that shares nothing with ours.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use accounts::{Actor, CustomerId};
use insight::health::{self, Query, Sort, VersionNo, models};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kit::Timestamp;
use kit::testing::databases;
use serde_json::{Value, json};

use super::scores::health_of;
use crate::house::{House, NOON};

const ZONE: &str = "America/New_York";

/// A raw event: when, what, with which properties.
type Raw = (i64, &'static str, Value);

/// Numbers that only look like chance (SplitMix64), so that a failure can be had again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn made_up(chance: &mut Chance) -> Vec<Raw> {
    let mut events = Vec::new();
    let number = 20 + chance.below(200);
    for at in 0..number {
        // Up to 140 days back to the minute, with a heap around the edges of days.
        let minutes = i64::try_from(chance.below(140 * 1440)).unwrap();
        let when = NOON.0 - minutes * 60_000 - if chance.below(4) == 0 { 1 } else { 0 };
        let rfc = |ago_days: i64| Timestamp(NOON.0 - ago_days * 86_400_000).rfc3339();
        let days = i64::try_from(chance.below(120)).unwrap() - 10;
        let invoice = format!("i{}", chance.below(6));
        events.push(match chance.below(12) {
            0..3 => (when, "login", json!({})),
            3..5 => (when, "api_call", json!({ "count": 1 + chance.below(50) })),
            5..7 => (when, "feature_used", json!({ "feature": format!("f{}", chance.below(14)) })),
            7 => (when, "ticket_opened", json!({})),
            8 => (when, "invoice_issued", json!({ "invoice": invoice, "issued_at": rfc(days + 14), "due_at": rfc(days) })),
            9 => (when, "invoice_paid", json!({ "invoice": invoice, "paid_at": rfc(days - 3 + i64::try_from(chance.below(6)).unwrap()) })),
            10 => (when, if at % 3 == 0 { "build_failed" } else { "build_succeeded" }, json!({})),
            _ => (when, "rating", json!({ "rating": 1 + chance.below(5) })),
        });
    }
    events
}

/// What both models say on a date, as it stood at `now`, from nothing but the raw events; no factor without data.
fn oracle(events: &[Raw], date: Date, now: i64) -> (f64, f64) {
    let zone = TimeZone::get(ZONE).unwrap();
    let dated: Vec<(Date, &Raw)> =
        events.iter().map(|event| (jiff::Timestamp::from_millisecond(event.0).unwrap().to_zoned(zone.clone()).date(), event)).collect();
    let within = |from: i64, to: i64| {
        let (first, last) = (date.saturating_sub(to.days()), date.saturating_sub(from.days()));
        dated.iter().filter(move |(day, _)| first <= *day && *day <= last).map(|(_, event)| *event)
    };
    let count = |name: &str, from: i64, to: i64| within(from, to).filter(|event| event.1 == name).count() as f64;
    let calls = |from: i64, to: i64| -> f64 {
        within(from, to).filter(|event| event.1 == "api_call").map(|event| event.2["count"].as_f64().unwrap()).sum()
    };
    let capped = |value: f64| value.clamp(0.0, 100.0);
    let features: BTreeSet<&str> =
        within(0, 89).filter(|event| event.1 == "feature_used").map(|event| event.2["feature"].as_str().unwrap()).collect();
    let features = capped(features.len() as f64 * 10.0);

    // Of an invoice the first issue and the first payment hold, and the due date that was said last.
    type Dates = (Option<i64>, Option<i64>, Option<i64>);
    let mut invoices: BTreeMap<&str, Dates> = BTreeMap::new();
    for (_, name, props) in events {
        let time = |field: &str| Timestamp::parse_rfc3339(props[field].as_str().unwrap()).unwrap().0;
        let entry = || props["invoice"].as_str().unwrap();
        match *name {
            "invoice_issued" => {
                let invoice = invoices.entry(entry()).or_default();
                invoice.0 = Some(invoice.0.unwrap_or(i64::MAX).min(time("issued_at")));
                invoice.1 = Some(time("due_at"));
            }
            "invoice_paid" => {
                let invoice = invoices.entry(entry()).or_default();
                invoice.2 = Some(invoice.2.unwrap_or(i64::MAX).min(time("paid_at")));
            }
            _ => {}
        }
    }
    let window_start = date.saturating_sub(89.days()).to_zoned(zone).unwrap().timestamp().as_millisecond();
    let (mut on_time, mut all) = (0.0, 0.0);
    for (issued, due, paid) in invoices.into_values() {
        let (Some(issued), Some(due)) = (issued, due) else { continue };
        let paid = paid.filter(|paid| *paid <= now);
        let recent = window_start <= due && due < now || paid.is_some() && (window_start..=now).contains(&issued);
        if recent || due == now && paid.is_some() {
            all += 1.0;
            on_time += if paid.is_some_and(|paid| paid <= due) { 1.0 } else { 0.0 };
        }
    }
    let share = |part: f64, all: f64| if all > 0.0 { 100.0 * part / all } else { 50.0 };
    let account = 25.0 * capped(count("login", 0, 29) * 5.0)
        + 25.0 * features
        + 20.0 * capped(100.0 - 10.0 * count("ticket_opened", 0, 89))
        + 20.0 * share(on_time, all)
        + 10.0 * share(calls(0, 29), calls(0, 29) + calls(30, 59));

    let acts = ["login", "feature_used", "ticket_opened", "rating"];
    let active: BTreeSet<Date> = dated.iter().filter(|(day, event)| *day <= date && acts.contains(&event.1)).map(|(day, _)| *day).collect();
    let is_active = |from: i64, to: i64| (from..=to).filter(|ago| active.contains(&date.saturating_sub(ago.days()))).count() as f64;
    let weeks = (0..4).filter(|week| is_active(week * 7, week * 7 + 6) > 0.0).count() as f64;
    let (good, bad) = (count("build_succeeded", 0, 29), count("build_failed", 0, 29));
    let ratings: Vec<f64> =
        within(0, 89).filter(|event| event.1 == "rating").map(|event| (event.2["rating"].as_f64().unwrap() - 1.0) * 25.0).collect();
    let satisfaction = if ratings.is_empty() { 50.0 } else { ratings.iter().sum::<f64>() / ratings.len() as f64 };
    let builder = 30.0 * share(good, good + bad)
        + 25.0 * capped(is_active(0, 29) * 100.0 / 12.0)
        + 20.0 * weeks * 25.0
        + 15.0 * features
        + 10.0 * satisfaction;
    (account / 100.0, builder / 100.0)
}

fn close(ours: Option<f64>, oracle: f64, what: &str) {
    let ours = ours.unwrap_or_else(|| panic!("{what}: no score"));
    assert!((ours - oracle).abs() < 1e-9, "{what}: {ours} instead of {oracle}");
}

/// Sends events in another order than they happened, invoices in theirs, and some of them twice.
async fn send(house: &House, customer: &CustomerId, events: &[Raw], chance: &mut Chance) {
    let mut sent: Vec<_> = events.iter().map(|(at, name, props)| house.event_at(customer, Timestamp(*at), name, props.clone())).collect();
    let (invoices, mut others): (Vec<_>, Vec<_>) = sent.drain(..).partition(|event| event.name.as_str().starts_with("invoice"));
    for at in (1..others.len()).rev() {
        let with = usize::try_from(chance.below(at as u64 + 1)).unwrap();
        others.swap(at, with);
    }
    let twice: Vec<_> = others.iter().step_by(7).cloned().collect();
    house.accept(others).await;
    house.accept(invoices).await;
    house.accept(twice).await;
}

#[tokio::test]
async fn scores_are_those_of_the_raw_events() {
    for test in databases().await {
        let house = House::in_zone(test, ZONE);
        let zone = TimeZone::get(ZONE).unwrap();
        let today = jiff::Timestamp::from_millisecond(NOON.0).unwrap().to_zoned(zone.clone()).date();
        let mut chance = Chance(7);
        let mut all = Vec::new();
        for at in 0..24 {
            let customer = house.customer(&format!("Customer {at}")).await;
            let events = made_up(&mut chance);
            send(&house, &customer, &events, &mut chance).await;
            all.push((customer, events));
        }
        let name = house.test.name;
        health::recompute(&house.insight).await.unwrap();
        let listed = health::list(&house.insight, &house.scope(), &Query { sort: Sort::Score, ..Query::default() }).await.unwrap().items;
        for (customer, events) in &all {
            let now = house.clock.now().0;
            let health = health_of(&house, customer).await;
            close(health.score.points, oracle(events, today, now).0, &format!("{name} account now"));
            let row = listed.iter().find(|listed| listed.customer.id == *customer).unwrap().standing.as_ref().unwrap();
            close(row.points, oracle(events, today, now).0, &format!("{name} account in the list"));
            // What was filled in of past days, over the change of the clock on 1 November, too.
            assert_eq!(health.trend.points.len(), 90);
            for point in &health.trend.points[..89] {
                let date = point.day.date().unwrap();
                let end = date.tomorrow().unwrap().to_zoned(zone.clone()).unwrap().timestamp().as_millisecond() - 1;
                if let Some(points) = point.points {
                    close(Some(points), oracle(events, date, end).0, &format!("{name} account at the end of {date}"));
                }
            }
            let week_ago = health.trend.points[82].points;
            assert_eq!(health.trend.change_7, week_ago.and_then(|then| Some(health.score.points? - then)));
        }
        models::use_version(&house.insight, &Actor::cli(), VersionNo(2)).await.unwrap();
        health::refresh_changed(&house.insight).await.unwrap();
        for (customer, events) in &all {
            let health = health_of(&house, customer).await;
            close(health.score.points, oracle(events, today, house.clock.now().0).1, &format!("{name} builder now"));
            let moved = health.moved_7.unwrap();
            let sum: f64 = moved.parts.iter().map(|part| part.change).sum::<f64>() + moved.other;
            assert!((sum - (moved.after - moved.before)).abs() < 1e-9);
        }
    }
}

#[tokio::test]
async fn the_list_follows_single_events() {
    for test in databases().await {
        let house = House::on(test);
        let (one, two) = (house.customer("One").await, house.customer("Two").await);
        house.accept(vec![house.event(&one, 5, "login", json!({})), house.event(&two, 5, "login", json!({}))]).await;
        health::refresh_changed(&house.insight).await.unwrap();
        let points = async |customer: &CustomerId| {
            let found = health::standings(&house.insight, &house.scope(), std::slice::from_ref(customer)).await.unwrap();
            found[0].1.points.unwrap()
        };
        let before = (points(&one).await, points(&two).await);
        house.clock.advance(Duration::from_secs(1));
        house.accept(vec![house.event(&two, 0, "login", json!({}))]).await;
        let told = health::refresh_changed(&house.insight).await.unwrap();
        assert_eq!(told, "computed the scores of 1 customer");
        assert_eq!(points(&one).await, before.0);
        assert!((points(&two).await - before.1 - 1.25).abs() < 1e-9, "one sign-in more is 5 of 100, weighed with a quarter");
        assert_eq!(health::refresh_changed(&house.insight).await.unwrap(), "all scores are fresh");
    }
}
