//! Each figure, against rows that a person can count.

use std::time::Duration;

use accounts::Actor;
use alerts::metrics::{Metric, Reading, load};
use alerts::replay;
use alerts::rules::Condition;
use kit::{Timestamp, sql};

use super::house::{House, START, houses, plain};

const HOUR: Duration = Duration::from_secs(3600);

async fn readings(house: &House, metric: Metric) -> Vec<Reading> {
    let now = house.clock.now();
    load(&house.alerts, metric, now, now, HOUR).await.unwrap().readings(now, HOUR)
}

async fn value(house: &House, metric: Metric) -> Option<f64> {
    let readings = readings(house, metric).await;
    assert_eq!(readings.len(), 1, "{metric}");
    readings[0].value
}

async fn deployment(
    house: &House,
    number: u32,
    site: &hosting::SiteId,
    state: &str,
    created: i64,
    started: Option<i64>,
    finished: Option<i64>,
) {
    let at = |seconds: Option<i64>| seconds.map(|seconds| Timestamp(START.0 + seconds * 1000));
    let insert =
        sql("insert into deployment (id, site_id, kind, state, branch, commit_hash, subject, author, requested_by, environment_version,
                                              created_at, started_at, finished_at)
         values ($1, $2, 'push', $3, 'main', '', '', '', 'Ada', 0, $4, $5, $6)");
    let insert = insert.bind(format!("deploy-{number}")).bind(site).bind(state).bind(at(Some(created)));
    house.db.execute(insert.bind(at(started)).bind(at(finished))).await.unwrap();
}

#[tokio::test]
async fn the_queue_is_what_waits_now_and_what_waited_then() {
    for house in houses().await {
        let customer = house.customer("Kaffee").await;
        let site = house.site(&customer, "Atelier").await;
        assert_eq!(value(&house, Metric::BuildQueue).await, Some(0.0));
        // Began after 100 s, was superseded after 50 s, waits since then, and runs.
        deployment(&house, 1, &site, "success", 0, Some(100), Some(160)).await;
        deployment(&house, 2, &site, "superseded", 10, None, Some(60)).await;
        deployment(&house, 3, &site, "queued", 20, None, None).await;
        deployment(&house, 4, &site, "running", 30, Some(40), None).await;
        house.later(200);
        assert_eq!(value(&house, Metric::BuildQueue).await, Some(1.0), "{}", house.on);
        let track = load(&house.alerts, Metric::BuildQueue, START, house.clock.now(), HOUR).await.unwrap();
        let at = |seconds: i64| track.readings(Timestamp(START.0 + seconds * 1000), HOUR)[0].value.unwrap();
        assert_eq!([-1, 0, 10, 20, 30, 40, 60, 100, 200].map(at), [0.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0, 1.0]);
        let affected = alerts::metrics::affected(&house.alerts, Metric::BuildQueue, &track, house.clock.now(), HOUR, 5).await.unwrap();
        assert_eq!((affected[0].name.as_str(), affected[0].note.as_str()), ("Atelier", "waits for 3 min"));
    }
}

#[tokio::test]
async fn a_day_costs_what_its_calls_cost_and_unpriced_ones_are_not_nothing() {
    for house in houses().await {
        let customer = house.customer("Kaffee").await;
        assert_eq!(value(&house, Metric::DailyCost).await, Some(0.0), "no calls cost nothing");
        house.happens_with(&customer, "llm_call", 1, r#"{"model":"nobody-knows","input_tokens":5}"#).await;
        insight::cost::count(&house.insight).await.unwrap();
        assert_eq!(value(&house, Metric::DailyCost).await, None, "{}: its price is not known", house.on);
        house.happens_with(&customer, "llm_call", 2, r#"{"model":"m","cost_usd":25.5}"#).await;
        insight::cost::count(&house.insight).await.unwrap();
        assert_eq!(value(&house, Metric::DailyCost).await, Some(51.0), "{}", house.on);
    }
}

#[tokio::test]
async fn builds_sites_events_and_the_house_are_counted() {
    for house in houses().await {
        let customer = house.customer("Kaffee").await;
        let site = house.site(&customer, "Atelier").await;
        assert_eq!(value(&house, Metric::BuildTime).await, None, "no builds are not quick builds");
        assert_eq!(value(&house, Metric::ErrorRate).await, None);
        assert_eq!(value(&house, Metric::SitesDown).await, Some(0.0));
        assert_eq!(value(&house, Metric::CustomersChurning).await, None, "nobody has a score yet");
        let free = value(&house, Metric::DiskFree).await.unwrap();
        assert!(free > 0.0 && free <= 100.0, "{free}");

        let insert = sql("insert into site_operation (id, site_id, kind, state, requested_by, created_at, finished_at)
             values ('op_a', $1, 'deploy', 'done', 'Ada', $2, $3)");
        house.db.execute(insert.bind(&site).bind(START.minus(Duration::from_secs(400))).bind(START)).await.unwrap();
        let step = sql(
            "insert into site_step (operation_id, position, name, state, started_at, finished_at) values ('op_a', 1, 'build', 'failed', $1, $2)",
        );
        house.db.execute(step.bind(START.minus(Duration::from_secs(300))).bind(START.minus(Duration::from_secs(60)))).await.unwrap();
        assert_eq!(value(&house, Metric::BuildTime).await, Some(240.0), "{}", house.on);

        house.happens(&customer, "build_succeeded", 3).await;
        house.happens(&customer, "deploy_failed", 1).await;
        house.happens(&customer, "visit", 56).await;
        assert_eq!(value(&house, Metric::ErrorRate).await, Some(25.0));
        house.later(60);
        assert_eq!(value(&house, Metric::IngestionRate).await, Some(1.0), "60 events in 60 minutes");

        house.incident(&site, "www").await;
        house.later(90);
        house.incident(&site, "edge").await;
        assert_eq!(value(&house, Metric::SitesDown).await, Some(1.0), "a site with two incidents is one site");
        let each = readings(&house, Metric::SiteDown).await;
        assert_eq!((each.len(), each[0].value, each[0].labels["site"].as_str()), (1, Some(1.5), site.as_str()));
        house.recovered(&site).await;
        assert_eq!(value(&house, Metric::SitesDown).await, Some(0.0));
        assert!(readings(&house, Metric::SiteDown).await.is_empty());

        let health = sql(
            "insert into health_now (customer_id, day, version_no, score, band, coverage, is_new, falls_fast, factors, recent, computed_at)
             values ($1, 20467, 1, 12.5, 'churning', 0.5, false, false, '{}', '[]', 1)",
        );
        house.db.execute(health.bind(&customer)).await.unwrap();
        assert_eq!((value(&house, Metric::CustomersChurning).await, value(&house, Metric::CustomersAtRisk).await), (Some(1.0), Some(0.0)));
        let track = load(&house.alerts, Metric::CustomersChurning, house.clock.now(), house.clock.now(), HOUR).await.unwrap();
        let who = alerts::metrics::affected(&house.alerts, Metric::CustomersChurning, &track, house.clock.now(), HOUR, 5).await.unwrap();
        assert_eq!((who[0].name.as_str(), who[0].note.as_str()), ("Kaffee", "score 12.5"));

        assert_eq!(value(&house, Metric::JobsDead).await, Some(0.0));
        house.db.execute(sql("update job set state = 'dead'")).await.unwrap();
        assert!(value(&house, Metric::JobsDead).await.unwrap() >= 1.0);
        assert_eq!(value(&house, Metric::JobsWaiting).await, Some(0.0));
    }
}

#[tokio::test]
async fn a_rule_is_tried_on_the_last_thirty_days_before_it_is_saved() {
    for house in houses().await {
        let customer = house.customer("Kaffee").await;
        let site = house.site(&customer, "Atelier").await;
        for _ in 0..2 {
            house.later(86_400);
            house.incident(&site, "www").await;
            house.later(3600);
            house.recovered(&site).await;
        }
        house.later(86_400);
        let rule = plain("", Metric::SitesDown, Condition::Above { value: 0.0 });
        let would = replay::replay(&house.alerts, &Actor::cli(), &rule).await.unwrap();
        assert_eq!(would.fired, 2, "{}", house.on);
        assert!(would.alerts.iter().all(|alert| alert.ended_at.is_some_and(|end| end.since(alert.fired_at) == HOUR)), "{:?}", would.alerts);
        let labelled = plain("", Metric::SiteDown, Condition::AtLeast { value: 30.0 });
        let would = replay::replay(&house.alerts, &Actor::cli(), &labelled).await.unwrap();
        assert_eq!((would.fired, would.alerts[0].labels["site"].as_str()), (2, site.as_str()));
        assert_eq!(house.count("select cast(count(*) as bigint) from alert").await, 0, "nothing is kept of it");
        let bad = plain("", Metric::SiteDown, Condition::RisesBy { value: 10.0 });
        assert!(replay::replay(&house.alerts, &Actor::cli(), &bad).await.is_err());
    }
}
