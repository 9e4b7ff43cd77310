//! What is kept of past days.

use std::time::Duration;

use accounts::Actor;
use insight::health::{self, VersionNo, models};
use kit::testing::databases;
use serde_json::json;

use super::scores::{health_of, worked_example};
use crate::house::House;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_day_stays_as_it_was_shown_whatever_comes_late() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Late").await;
        house.accept(worked_example(&house, &customer)).await;
        health::recompute(&house.insight).await.unwrap();
        house.clock.advance(DAY);
        health::refresh_changed(&house.insight).await.unwrap();
        let yesterday = house.today().plus(-1);
        let shown = |health: &health::Health| health.trend.points.iter().find(|point| point.day == yesterday).unwrap().points.unwrap();
        let before = shown(&health_of(&house, &customer).await);
        assert!((before - 56.833_333).abs() < 1e-5, "{before}");

        // Sign-ins of three days ago arrive only now.
        house.accept((0..4).map(|_| house.event(&customer, 2, "login", json!({}))).collect()).await;
        health::refresh_changed(&house.insight).await.unwrap();
        let health = health_of(&house, &customer).await;
        assert_eq!(shown(&health), before, "{}", house.test.name);

        // And are told as such, not as a change of behaviour.
        for _ in 0..6 {
            house.clock.advance(DAY);
            health::refresh_changed(&house.insight).await.unwrap();
        }
        let moved = health_of(&house, &customer).await.moved_7.unwrap();
        assert_eq!(moved.since, yesterday);
        assert!((moved.other - 5.0).abs() < 1e-9, "4 sign-ins are 5 points: {}", moved.other);
    }
}

#[tokio::test]
async fn another_version_is_marked_and_told_apart_from_behaviour() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Versions").await;
        house.accept(worked_example(&house, &customer)).await;
        health::recompute(&house.insight).await.unwrap();
        house.clock.advance(DAY);
        health::refresh_changed(&house.insight).await.unwrap();
        models::use_version(&house.insight, &Actor::cli(), VersionNo(2)).await.unwrap();
        health::refresh_changed(&house.insight).await.unwrap();
        let health = health_of(&house, &customer).await;
        assert_eq!(health.score.version, VersionNo(2));
        assert_eq!(health.trend.versions, [(house.today(), "Builder, version 1".to_owned())]);
        let moved = health.moved_7.unwrap();
        let sum: f64 = moved.parts.iter().map(|part| part.change).sum::<f64>() + moved.other;
        assert!((sum - (moved.after - moved.before)).abs() < 1e-9 && moved.other.abs() > 1.0);
    }
}

#[tokio::test]
async fn days_that_nobody_looked_at_are_filled_in() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Away").await;
        house.accept(worked_example(&house, &customer)).await;
        health::recompute(&house.insight).await.unwrap();
        let kept = health_of(&house, &customer).await.trend.points.len();
        assert_eq!(kept, 90, "89 days since the first ticket, and today");
        // Innkeeper stood still for a week.
        house.clock.advance(DAY * 7);
        health::refresh_changed(&house.insight).await.unwrap();
        let points = health_of(&house, &customer).await.trend.points;
        assert_eq!(points.len(), 90);
        assert!(points.is_sorted_by(|a, b| a.day.plus(1) == b.day), "no gap and no day twice");
        let days = health::bands_by_day(&house.insight, &house.scope(), 30).await.unwrap();
        assert_eq!(days.len(), 30);
        assert!(days.iter().all(|day| day.bands.all() == 1));
        // Once more changes nothing.
        health::recompute(&house.insight).await.unwrap();
        assert_eq!(health_of(&house, &customer).await.trend.points, points);
    }
}

#[tokio::test]
async fn history_that_is_imported_later_gets_its_days() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Import").await;
        house.accept(vec![house.event(&customer, 2, "login", json!({}))]).await;
        health::recompute(&house.insight).await.unwrap();
        assert_eq!(health_of(&house, &customer).await.trend.points.len(), 3);
        house.accept(vec![house.event(&customer, 40, "login", json!({}))]).await;
        health::refresh_changed(&house.insight).await.unwrap();
        assert_eq!(health_of(&house, &customer).await.trend.points.len(), 41, "{}", house.test.name);
    }
}
