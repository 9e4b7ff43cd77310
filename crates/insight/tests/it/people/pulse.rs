//! What staff say of a customer, and what its properties are worth, as factors of a score.

use accounts::{Actor, Role, Standing};
use events::{Identity, NewEvent};
use insight::health::model::{Missing, PropertyBand};
use insight::health::{self, Measure, Raw, Rule, models};
use insight::pulse::{self, NewPulse};
use kit::Error;
use serde_json::json;

use super::house::{House, event, houses};

/// Half the pulse, half the plan.
async fn use_own_model(house: &House) {
    let (insight, cli) = (&house.insight, Actor::cli());
    let rule = |key: &str, measure, missing| Rule { key: key.into(), label: key.into(), weight: 1.0, measure, missing };
    let bands = vec![
        PropertyBand { is: Some("pro".into()), at_least: None, points: 90.0 },
        PropertyBand { is: None, at_least: Some(5.0), points: 70.0 },
    ];
    let rules = [
        rule("pulse", Measure::Pulse {}, Missing::Neutral),
        rule("plan", Measure::Property { property: "plan".into(), bands }, Missing::Missing),
    ];
    let id = models::copy(insight, &cli, "account", "Own").await.unwrap();
    models::save_draft(insight, &cli, &id, "Own", &rules).await.unwrap();
    let version = models::publish(insight, &cli, &id, "").await.unwrap();
    models::use_version(insight, &cli, version.no).await.unwrap();
    health::refresh_changed(insight).await.unwrap();
}

fn said(house: &House, points: i64, days: i64) -> NewPulse {
    NewPulse { points, note: "Talked to <b>them</b>".into(), until: house.today().plus(days) }
}

#[tokio::test]
async fn a_pulse_and_a_property_count_at_once_in_lists_and_on_the_page() {
    for house in houses().await {
        let (insight, ada) = (&house.insight, house.actor("Ada", Role::Admin).await);
        use_own_model(&house).await;
        let customer = house.customer("Said").await;
        house.events.accept(vec![event(&customer, house.today().plus(-40), "visit", 0, "{}")]).await.unwrap();
        let points = async || {
            health::refresh_changed(insight).await.unwrap();
            let page = health::of_customer(insight, &ada.scope(), &customer).await.unwrap();
            let listed = health::standings(insight, &ada.scope(), std::slice::from_ref(&customer)).await.unwrap();
            assert_eq!(listed[0].1.points, page.score.points, "{}", house.on);
            page.score.points
        };
        // Neutral, and the plan is left out.
        assert_eq!(points().await, Some(50.0));
        pulse::set(insight, &ada, &customer, &said(&house, 20, 3)).await.unwrap();
        assert_eq!(points().await, Some(20.0));
        let set = json!({ "plan": "Pro" }).as_object().cloned().unwrap();
        let described = NewEvent { identity: Identity::Customer { set }, ..event(&customer, house.today(), "$groupidentify", 0, "{}") };
        house.events.accept(vec![described]).await.unwrap();
        assert_eq!(points().await, Some(55.0), "20 and 90");
        let page = health::of_customer(insight, &ada.scope(), &customer).await.unwrap();
        assert_eq!(page.score.factors[0].raw, Raw::Given(Some(20.0)));
        assert_eq!(
            (page.score.factors[0].text.as_str(), page.score.factors[1].text.as_str()),
            ("Staff gave 20 of 100", "“plan” is worth 90 of 100")
        );
        assert_eq!(page.next, None, "to say more is no way to a better score");
        // A week ago nobody had said anything: that is what moved it, to the point.
        let moved = page.moved_7.unwrap();
        let sum: f64 = moved.parts.iter().map(|part| part.change).sum::<f64>() + moved.other;
        assert!((sum - (moved.after - moved.before)).abs() < 1e-9);
        assert_eq!((moved.parts[0].key.as_str(), moved.parts[0].change), ("pulse", -15.0));

        // On its last day it counts, on the day after it does not, without anybody doing anything.
        house.later(3);
        assert_eq!(points().await, Some(55.0));
        house.later(1);
        assert_eq!(points().await, Some(70.0), "neutral and 90");
        pulse::set(insight, &ada, &customer, &said(&house, 100, 365)).await.unwrap();
        assert_eq!(points().await, Some(95.0));
        pulse::clear(insight, &ada, &customer).await.unwrap();
        assert_eq!(points().await, Some(70.0));
        let all = pulse::list(insight, &ada, &customer, pulse::EVER, 9).await.unwrap();
        assert_eq!(all.iter().map(|one| one.points).collect::<Vec<_>>(), [None, Some(100), Some(20)]);
        assert!(matches!(pulse::clear(insight, &ada, &customer).await, Err(Error::Conflict(_))));
    }
}

#[tokio::test]
async fn a_pulse_is_the_houses_and_what_does_not_fit_is_named() {
    for house in houses().await {
        let (insight, ada) = (&house.insight, house.actor("Ada", Role::Admin).await);
        let customer = house.customer("Said").await;
        let owner = house.actor("Owner", Role::Customer { customer: customer.clone(), standing: Standing::Owner }).await;
        assert!(pulse::set(insight, &owner, &customer, &said(&house, 100, 1)).await.is_err());
        assert!(pulse::list(insight, &owner, &customer, pulse::EVER, 5).await.is_err());
        let long = "x".repeat(pulse::LONGEST + 1);
        for (new, field) in [
            (NewPulse { points: 101, ..said(&house, 0, 1) }, "points"),
            (NewPulse { points: -1, ..said(&house, 0, 1) }, "points"),
            (NewPulse { note: " ".into(), ..said(&house, 0, 1) }, "note"),
            (NewPulse { note: long, ..said(&house, 0, 1) }, "note"),
            (said(&house, 5, -1), "until"),
            (said(&house, 5, 366), "until"),
        ] {
            let Err(Error::Invalid(fields)) = pulse::set(insight, &ada, &customer, &new).await else { panic!("{new:?}") };
            assert_eq!(fields[0].field, field);
        }
        let stranger = accounts::CustomerId::random();
        assert!(matches!(pulse::set(insight, &ada, &stranger, &said(&house, 5, 1)).await, Err(Error::NotFound(_))));
        assert_eq!(house.count("select cast(count(*) as bigint) from customer_pulse").await, 0, "{}", house.on);
    }
}
