//! One customer's score, worked by hand.

use std::time::Duration;

use accounts::{Actor, CustomerId};
use events::NewEvent;
use insight::health::{self, Band, Health, Raw, VersionNo, models};
use kit::testing::databases;
use kit::{Error, Timestamp};
use serde_json::json;

use crate::house::{House, NOON};

/// The seed's worked example: 10 sign-ins, 6 of 10 features, 4 tickets, 2 of 3 invoices on time, 20 API calls after 30.
pub fn worked_example(house: &House, customer: &CustomerId) -> Vec<NewEvent> {
    let day = |ago: i64| Timestamp(NOON.0 - ago * 86_400_000).rfc3339();
    let mut events = Vec::new();
    for at in 0..10 {
        events.push(house.event(customer, at * 3, "login", json!({})));
    }
    for feature in ["export", "import", "search", "teams", "billing", "api"] {
        events.push(house.event(customer, 80, "feature_used", json!({ "feature": feature })));
        events.push(house.event(customer, 2, "feature_used", json!({ "feature": feature })));
    }
    for ago in [0, 1, 50, 89] {
        events.push(house.event(customer, ago, "ticket_opened", json!({})));
    }
    for (invoice, due, paid) in [("1", 70, 71), ("2", 40, 40), ("3", 10, 5)] {
        events.push(house.event(customer, due + 14, "invoice_issued", json!({ "invoice": invoice, "due_at": day(due) })));
        events.push(house.event(customer, paid, "invoice_paid", json!({ "invoice": invoice, "paid_at": day(paid) })));
    }
    events.push(house.event(customer, 29, "api_call", json!({ "count": 20 })));
    events.push(house.event(customer, 30, "api_call", json!({ "count": 30 })));
    events
}

pub async fn health_of(house: &House, customer: &CustomerId) -> Health {
    health::of_customer(&house.insight, &house.scope(), customer).await.unwrap()
}

fn scores(health: &Health) -> Vec<(&str, Option<f64>)> {
    health.score.factors.iter().map(|factor| (factor.key.as_str(), factor.score.map(|score| (score * 100.0).round() / 100.0))).collect()
}

#[tokio::test]
async fn the_worked_example_gives_what_the_seed_says() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Atelier Nord").await;
        house.accept(worked_example(&house, &customer)).await;
        let health = health_of(&house, &customer).await;
        let expected = [("login", 50.0), ("features", 60.0), ("support", 60.0), ("invoices", 66.67), ("api_trend", 40.0)]
            .map(|(key, it)| (key, Some(it)));
        assert_eq!(scores(&health), expected, "{}", house.test.name);
        let points = health.score.points.unwrap();
        // 12.5 + 15 + 12 + 13.3333 + 4; the seed rounds to 56.83.
        assert!((points - 56.833_333).abs() < 1e-5, "{points}");
        assert_eq!((health.score.band, health.score.version), (Some(Band::AtRisk), VersionNo(1)));
        let sum: f64 = health.score.factors.iter().map(|factor| factor.contribution).sum();
        assert!((sum - (points - 50.0)).abs() < 1e-9);
        assert_eq!(health.score.factors[0].contribution, 0.0);
        assert_eq!(health.score.factors[3].raw, Raw::Share { part: 2, of: 3 });
        assert_eq!(health.score.factors[0].text, "10 sign-ins in 30 days; 20 are full marks");
        assert!((health.score.coverage - 1.0).abs() < 1e-12 && !health.score.is_new);
        // Sign-ins can gain 25 % of 50, features 25 % of 40, invoices 20 % of a twelfth.
        let next = health.next.unwrap();
        assert_eq!((next.key.as_str(), next.gain), ("login", 12.5));
    }
}

#[tokio::test]
async fn without_events_nothing_is_said_and_without_data_factors_are_neutral() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Quiet").await;
        let health = health_of(&house, &customer).await;
        assert_eq!((health.score.points, health.score.band, health.first_at), (None, None, None));
        assert!(health.score.factors.iter().all(|factor| factor.score.is_none() && factor.contribution == 0.0));
        assert!(health.next.is_none() && health.moved_7.is_none());

        house.accept(vec![house.event(&customer, 3, "login", json!({}))]).await;
        let health = health_of(&house, &customer).await;
        // 1 of 20 sign-ins, no features, no tickets, no invoices, no calls.
        let expected = [("login", 5.0), ("features", 0.0), ("support", 100.0), ("invoices", 50.0), ("api_trend", 50.0)];
        assert_eq!(scores(&health), expected.map(|(key, it)| (key, Some(it))));
        assert!((health.score.points.unwrap() - 36.25).abs() < 1e-9);
        assert_eq!(health.score.band, Some(Band::Churning));
        let neutral: Vec<&str> = health.score.factors.iter().filter(|factor| factor.is_neutral).map(|factor| factor.key.as_str()).collect();
        assert_eq!(neutral, ["invoices", "api_trend"]);
        assert!((health.score.coverage - 0.7).abs() < 1e-9 && health.score.is_new);
    }
}

#[tokio::test]
async fn a_customer_silent_for_longer_than_any_window_is_known_and_low() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Gone").await;
        house.accept(vec![house.event(&customer, 300, "login", json!({}))]).await;
        let health = health_of(&house, &customer).await;
        // 0, 0, 100, 50, 50.
        assert!((health.score.points.unwrap() - 35.0).abs() < 1e-9);
        assert!(!health.score.is_new);
    }
}

#[tokio::test]
async fn the_builder_model_scores_builds_days_weeks_features_and_ratings() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Maker").await;
        let mut events = Vec::new();
        for at in 0..4 {
            events.push(house.event(&customer, at, if at == 0 { "build_failed" } else { "build_succeeded" }, json!({})));
        }
        // Outside of the window of 30 days.
        events.push(house.event(&customer, 30, "build_failed", json!({})));
        // Active on six days (a seventh is 31 days ago), in the first and the third week.
        for ago in [0, 1, 2, 14, 15, 20, 31] {
            events.push(house.event(&customer, ago, "visit", json!({})));
        }
        events.push(house.event(&customer, 40, "rating", json!({ "rating": 4 })));
        events.push(house.event(&customer, 50, "rating", json!({ "nps": 9 })));
        house.accept(events).await;
        models::use_version(&house.insight, &Actor::cli(), VersionNo(2)).await.unwrap();
        let health = health_of(&house, &customer).await;
        // 3 of 4 builds; 6 of 12 days; 2 of 4 weeks; 0 features; ratings 75 and 90.
        let expected = [("builds", 75.0), ("engagement", 50.0), ("return_rate", 50.0), ("adoption", 0.0), ("satisfaction", 82.5)];
        assert_eq!(scores(&health), expected.map(|(key, it)| (key, Some(it))), "{}", house.test.name);
        // 22.5 + 12.5 + 10 + 0 + 8.25.
        assert!((health.score.points.unwrap() - 53.25).abs() < 1e-9);
        assert!(health.score.factors[0].is_thin, "four builds are few");
    }
}

#[tokio::test]
async fn invoices_count_from_their_due_date_on() {
    let cases = [
        // due, paid (days ago; negative is to come), counts, on time
        (5, Some(5), Some(true)),
        (5, Some(4), Some(false)),
        (5, None, Some(false)),
        (-5, None, None),
        (-5, Some(1), Some(true)),
        (89, Some(89), Some(true)),
        (91, Some(80), None),
    ];
    for (due, paid, expected) in cases {
        let [test, _] = databases().await;
        let house = House::on(test);
        let customer = house.customer("Payer").await;
        let day = |ago: i64| Timestamp(NOON.0 - ago * 86_400_000 - 60_000).rfc3339();
        let issued = if due < 0 { 10 } else { due + 14 };
        let mut events = vec![house.event(&customer, issued, "invoice_issued", json!({ "invoice": "1", "due_at": day(due) }))];
        if let Some(paid) = paid {
            events.push(house.event(&customer, paid, "invoice_paid", json!({ "invoice": "1", "paid_at": day(paid) })));
        }
        house.accept(events).await;
        let health = health_of(&house, &customer).await;
        let invoices = health.score.factors.iter().find(|factor| factor.key == "invoices").unwrap();
        let raw = match expected {
            Some(on_time) => Raw::Share { part: on_time.into(), of: 1 },
            None => Raw::Share { part: 0, of: 0 },
        };
        assert_eq!(invoices.raw, raw, "due {due} days ago, paid {paid:?}");
        assert_eq!(invoices.is_neutral, expected.is_none());
    }
}

#[tokio::test]
async fn what_moved_it_sums_to_the_change() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Mover").await;
        house.accept(worked_example(&house, &customer)).await;
        // Two weeks go by without anything.
        house.clock.advance(Duration::from_secs(14 * 86_400));
        health::recompute(&house.insight).await.unwrap();
        let health = health_of(&house, &customer).await;
        for moved in [health.moved_7.unwrap(), health.moved_30.unwrap()] {
            let sum: f64 = moved.parts.iter().map(|part| part.change).sum::<f64>() + moved.other;
            assert!((sum - (moved.after - moved.before)).abs() < 1e-9, "{moved:?}");
            assert_eq!(moved.after, health.score.points.unwrap());
            assert!(moved.parts.is_sorted_by(|a, b| a.change.abs() >= b.change.abs()));
        }
        let week = health.trend.change_7.unwrap();
        assert!(week < 0.0, "fewer sign-ins within 30 days");
    }
}

#[tokio::test]
async fn another_customer_does_not_exist() {
    let [test, _] = databases().await;
    let house = House::on(test);
    let stranger = CustomerId::random();
    let answer = health::of_customer(&house.insight, &house.scope(), &stranger).await;
    assert!(matches!(answer, Err(Error::NotFound(_))));
}
