//! Models: copied, edited, tried, published.

use accounts::Actor;
use insight::health::model::{Countable, Measure, Missing, Rule};
use insight::health::{self, Band, models};
use kit::Error;
use kit::testing::databases;
use serde_json::json;

use super::scores::{health_of, worked_example};
use crate::house::{House, try_draft};

fn logins(full: f64) -> Rule {
    Rule {
        key: "login".to_owned(),
        label: "Sign-ins <b>'\"".to_owned(),
        weight: 3.0,
        measure: Measure::Count { what: Countable::Logins, days: 30, full },
        missing: Missing::Neutral,
    }
}

#[tokio::test]
async fn a_copy_is_edited_tried_published_and_used() {
    for test in databases().await {
        let house = House::on(test);
        let (insight, actor) = (&house.insight, Actor::cli());
        let (customer, empty) = (house.customer("Tried").await, house.customer("Empty").await);
        house.accept(worked_example(&house, &customer)).await;
        health::recompute(insight).await.unwrap();

        let id = models::copy(insight, &actor, "account", "  Our own ").await.unwrap();
        let listing = models::get(&house.test.db, &id).await.unwrap();
        assert_eq!((listing.name.as_str(), listing.draft.as_ref().unwrap().len(), listing.versions.len()), ("Our own", 5, 0));

        let rules = [logins(10.0)];
        models::save_draft(insight, &actor, &id, "Our own", &rules).await.unwrap();
        let run = try_draft(insight, &actor, &id).await;
        assert_eq!((run.before.at_risk, run.after.healthy, run.before.unknown, run.after.unknown), (1, 1, 1, 1));
        assert_eq!((run.tens_before[5], run.tens_after[9]), (1, 1));
        assert_eq!(run.moves, [(Some(Band::AtRisk), Some(Band::Healthy), 1)]);
        assert_eq!((run.changed.len(), run.changed[0].after), (1, Some(100.0)));
        assert_eq!(health_of(&house, &customer).await.score.band, Some(Band::AtRisk), "a dry run changes nothing");

        let published = models::publish(insight, &actor, &id, "Sign-ins are all that counts").await.unwrap();
        assert_eq!((published.version, published.rules.as_slice()), (1, &rules[..]));
        assert_eq!(health_of(&house, &customer).await.score.band, Some(Band::AtRisk), "it is not in use");
        models::use_version(insight, &actor, published.no).await.unwrap();
        assert_eq!(health_of(&house, &customer).await.score.points, Some(100.0));
        assert_eq!(health_of(&house, &empty).await.score.points, None);

        // A further version of a model in use is used at once.
        models::save_draft(insight, &actor, &id, "Our own", &[logins(40.0)]).await.unwrap();
        let second = models::publish(insight, &actor, &id, "").await.unwrap();
        assert_eq!((second.version, models::in_use(&house.test.db).await.unwrap().no), (2, second.no));
        assert_eq!(health_of(&house, &customer).await.score.points, Some(25.0));
        assert!(matches!(models::publish(insight, &actor, &id, "").await, Err(Error::Conflict(_))), "there is no draft any more");
        health::refresh_changed(insight).await.unwrap();
        let row = &health::standings(insight, &house.scope(), &[customer]).await.unwrap()[0].1;
        assert_eq!((row.points, row.factors.as_slice()), (Some(25.0), &[("login".to_owned(), Some(25.0))][..]));
    }
}

#[tokio::test]
async fn what_comes_with_innkeeper_is_not_edited() {
    let [test, _] = databases().await;
    let house = House::on(test);
    for id in ["account", "builder"] {
        assert!(matches!(models::save_draft(&house.insight, &Actor::cli(), id, "Mine", &[logins(1.0)]).await, Err(Error::Conflict(_))));
        assert!(matches!(models::publish(&house.insight, &Actor::cli(), id, "").await, Err(Error::Conflict(_))));
    }
    assert!(matches!(models::copy(&house.insight, &Actor::cli(), "own_nothere", "Mine").await, Err(Error::NotFound(_))));
    // A copy that was never published goes with its draft.
    let id = models::copy(&house.insight, &Actor::cli(), "builder", "Mine").await.unwrap();
    models::discard_draft(&house.insight, &Actor::cli(), &id).await.unwrap();
    assert!(matches!(models::get(&house.test.db, &id).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn every_wrong_field_of_a_draft_is_named() {
    let [test, _] = databases().await;
    let house = House::on(test);
    let id = models::copy(&house.insight, &Actor::cli(), "account", "Mine").await.unwrap();
    let wrong: Vec<Rule> = serde_json::from_value(json!([
        { "key": "A b", "label": "", "weight": 0.0, "measure": { "kind": "count", "what": "logins", "days": 0, "full": -1.0 }, "missing": "neutral" },
        { "key": "x", "label": "X", "weight": 1e300, "measure": { "kind": "momentum", "what": "api_calls", "days": 61 }, "missing": "missing" },
        { "key": "x", "label": "X", "weight": 1.0, "measure": { "kind": "features", "days": 90, "of": 0, "only": ["a", "a"] }, "missing": "missing" },
        { "key": "y", "label": "Y", "weight": 1.0, "measure": { "kind": "active_weeks", "weeks": 99 }, "missing": "missing" },
    ]))
    .unwrap();
    let Err(Error::Invalid(fields)) = models::save_draft(&house.insight, &Actor::cli(), &id, "Mine", &wrong).await else {
        panic!("it is wrong");
    };
    let named: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
    let expected = [
        "rules.0.key",
        "rules.0.label",
        "rules.0.weight",
        "rules.0.measure.days",
        "rules.0.measure.full",
        "rules.1.weight",
        "rules.1.measure.days",
        "rules.2.key",
        "rules.2.measure.of",
        "rules.2.measure.only",
        "rules.3.measure.weeks",
    ];
    assert_eq!(named, expected);
    assert!(models::save_draft(&house.insight, &Actor::cli(), &id, "Mine", &[]).await.is_err());
}
