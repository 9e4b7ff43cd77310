//! Which model scores whom.

use accounts::{Actor, CustomerId};
use events::{Identity, NewEvent};
use insight::health::{self, Scored, VersionNo, assignments, models};
use insight::segments::{self, Expression, NewSegment, SegmentId};
use kit::{Error, sql};
use serde_json::{Value, json};

use super::house::{House, event, houses};
use crate::house::try_draft;

async fn segment(house: &House, name: &str, expression: Value) -> SegmentId {
    let new = NewSegment { name: name.into(), expression: Expression::parse(&expression.to_string()).unwrap() };
    segments::create(&house.insight, &house.kinds, &Actor::cli(), &new).await.unwrap().id
}

fn plan(plan: &str) -> Value {
    json!({ "where": { "fact": "plan", "is": "is", "value": plan } })
}

/// A customer that signed in five times this month and failed all of four builds.
async fn customer(house: &House, name: &str, on_plan: Option<&str>) -> CustomerId {
    let id = house.customer(name).await;
    let today = house.today();
    let mut events: Vec<NewEvent> = (0..5).map(|number| event(&id, today.plus(-1), "login", number, "{}")).collect();
    events.extend((0..4).map(|number| event(&id, today.plus(-2), "build_failed", number, "{}")));
    house.events.accept(events).await.unwrap();
    if let Some(on_plan) = on_plan {
        told(house, &id, 0, json!({ "plan": on_plan })).await;
    }
    id
}

/// What `group` tells of a customer.
async fn told(house: &House, customer: &CustomerId, number: usize, set: Value) {
    let set = set.as_object().cloned().unwrap();
    let described = NewEvent { identity: Identity::Customer { set }, ..event(customer, house.today(), "$groupidentify", number, "{}") };
    house.events.accept(vec![described]).await.unwrap();
}

async fn version_of(house: &House, customer: &CustomerId) -> VersionNo {
    let scope = Actor::cli().scope();
    let page = health::of_customer(&house.insight, &scope, customer).await.unwrap();
    health::refresh_changed(&house.insight).await.unwrap();
    // The list says the same as the page.
    let listed = health::standings(&house.insight, &scope, std::slice::from_ref(customer)).await.unwrap();
    assert_eq!(listed[0].1.points, page.score.points, "{}", house.on);
    page.score.version
}

const USUAL: VersionNo = VersionNo(1);
const BUILDER: VersionNo = VersionNo(2);

#[tokio::test]
async fn customers_of_a_segment_are_scored_by_its_model_and_follow_when_they_come_and_go() {
    for house in houses().await {
        let (insight, cli) = (&house.insight, Actor::cli());
        let (maker, other) = (customer(&house, "Maker", Some("maker")).await, customer(&house, "Other", None).await);
        let makers = segment(&house, "Makers", plan("maker")).await;
        health::recompute(insight).await.unwrap();
        assert_eq!((version_of(&house, &maker).await, version_of(&house, &other).await), (USUAL, USUAL), "{}", house.on);

        assignments::assign(insight, &cli, &makers, BUILDER, 10).await.unwrap();
        assert_eq!((version_of(&house, &maker).await, version_of(&house, &other).await), (BUILDER, USUAL));
        let page = health::of_customer(insight, &cli.scope(), &maker).await.unwrap();
        assert_eq!(page.chosen_for.map(|chosen| chosen.name).as_deref(), Some("Makers"));
        let counted = health::customers_by_version(insight, &cli.scope()).await.unwrap();
        assert_eq!((counted[&USUAL], counted[&BUILDER]), (1, 1));

        // Who comes into the segment changes model, and who leaves it changes back, without an event of theirs that counts.
        told(&house, &other, 1, json!({ "plan": "maker" })).await;
        told(&house, &maker, 1, json!({ "plan": "free" })).await;
        health::refresh_changed(insight).await.unwrap();
        segments::refresh(insight, &house.kinds, None).await.unwrap();
        assert_eq!(house.count("select cast(count(*) as bigint) from health_due").await, 2, "{}", house.on);
        assert_eq!((version_of(&house, &maker).await, version_of(&house, &other).await), (USUAL, BUILDER));
        assert_eq!(house.count("select cast(count(*) as bigint) from health_due").await, 0);

        assignments::unassign(insight, &cli, &makers).await.unwrap();
        assert_eq!(version_of(&house, &other).await, USUAL);
        assert!(matches!(assignments::unassign(insight, &cli, &makers).await, Err(Error::NotFound(_))));
    }
}

#[tokio::test]
async fn the_lowest_number_decides_and_of_equal_ones_the_older_segment() {
    for house in houses().await {
        let (insight, cli) = (&house.insight, Actor::cli());
        let both = customer(&house, "Both", Some("maker")).await;
        let older = segment(&house, "Zebra", plan("maker")).await;
        house.later(1);
        let newer = segment(&house, "Aardvark", json!({ "where": { "fact": "name", "is": "is", "value": "both" } })).await;
        let own = models::copy(insight, &cli, "account", "Own").await.unwrap();
        let own = models::publish(insight, &cli, &own, "").await.unwrap();
        for (first, second, expected) in [(1, 2, own.no), (2, 1, BUILDER), (5, 5, own.no)] {
            assignments::assign(insight, &cli, &older, own.no, first).await.unwrap();
            assignments::assign(insight, &cli, &newer, BUILDER, second).await.unwrap();
            assert_eq!(version_of(&house, &both).await, expected, "{}: {first} and {second}", house.on);
        }
        // A further version of the model is used for the segment at once; what everybody has stays.
        let rules = own.rules[..1].to_vec();
        models::save_draft(insight, &cli, &own.model, "Own", &rules).await.unwrap();
        let second = models::publish(insight, &cli, &own.model, "").await.unwrap();
        assert_eq!(version_of(&house, &both).await, second.no);
        assert_eq!(models::in_use(&house.db).await.unwrap().no, USUAL);
    }
}

#[tokio::test]
async fn a_dry_run_shows_only_whom_the_model_scores() {
    for house in houses().await {
        let (insight, cli) = (&house.insight, Actor::cli());
        let maker = customer(&house, "Maker", Some("maker")).await;
        customer(&house, "Other", None).await;
        let makers = segment(&house, "Makers", plan("maker")).await;
        let own = models::copy(insight, &cli, "builder", "Own").await.unwrap();
        let own = models::publish(insight, &cli, &own, "").await.unwrap();
        models::save_draft(insight, &cli, &own.model, "Own", &own.rules[..1]).await.unwrap();
        let trial = try_draft(insight, &cli, &own.model).await;
        assert_eq!((trial.scored, trial.before.all()), (Scored::AllOnTrial, 2), "{}", house.on);

        assignments::assign(insight, &cli, &makers, own.no, 1).await.unwrap();
        let run = try_draft(insight, &cli, &own.model).await;
        assert_eq!((run.scored, run.before.all(), run.changed.len()), (Scored::Own, 1, 1));
        assert_eq!(run.changed[0].customer, maker);
        // Before is what the customer has now: by the segment's version, not by everybody's.
        let now = health::of_customer(insight, &cli.scope(), &maker).await.unwrap().score.points;
        assert_eq!((run.changed[0].before, run.changed[0].after), (now, Some(0.0)), "four builds failed");
        let of_everybody = try_draft(insight, &cli, "account").await;
        assert_eq!((of_everybody.scored, of_everybody.before.all()), (Scored::Own, 1));
    }
}

#[tokio::test]
async fn a_segment_that_asks_about_health_cannot_decide_by_which_model_health_is_made() {
    for house in houses().await {
        let (insight, cli) = (&house.insight, Actor::cli());
        let low = json!({ "where": { "fact": "score", "is": "below", "value": 40 } });
        for fact in ["score", "change_7", "factor.login", "churn"] {
            let inner = json!({ "where": { "fact": fact, "is": "below", "value": 1 } });
            let asks = segment(&house, fact, json!({ "all": [plan("x"), { "not": { "any": [inner] } }] })).await;
            let Err(Error::Invalid(fields)) = assignments::assign(insight, &cli, &asks, BUILDER, 1).await else { panic!("{fact}") };
            assert_eq!(fields[0].field, "segment");
        }
        let fine = segment(&house, "Fine", plan("maker")).await;
        assignments::assign(insight, &cli, &fine, BUILDER, 1).await.unwrap();
        let changed = NewSegment { name: "Fine".into(), expression: Expression::parse(&low.to_string()).unwrap() };
        assert!(matches!(segments::change(insight, &house.kinds, &cli, &fine, &changed).await, Err(Error::Invalid(_))), "{}", house.on);
        assert!(matches!(segments::remove(insight, &cli, &fine).await, Err(Error::Conflict(_))));
        for (segment, no, priority) in [(&fine, VersionNo(999), 1), (&fine, BUILDER, 0), (&fine, BUILDER, 1001)] {
            assert!(assignments::assign(insight, &cli, segment, no, priority).await.is_err());
        }
        assignments::unassign(insight, &cli, &fine).await.unwrap();
        segments::remove(insight, &cli, &fine).await.unwrap();
    }
}

#[tokio::test]
async fn a_mark_that_comes_while_scores_are_made_is_not_lost() {
    for house in houses().await {
        let id = customer(&house, "Marked", None).await;
        health::refresh_changed(&house.insight).await.unwrap();
        let mark = "insert into health_due (customer_id, marks) select id, 1 from customer";
        house.db.execute(sql(mark)).await.unwrap();
        // As if it was marked again between reading and forgetting: a row with another number stays.
        house.db.execute(sql("delete from health_due where customer_id = $1 and marks = $2").bind(&id).bind(2_i64)).await.unwrap();
        assert_eq!(house.count("select cast(count(*) as bigint) from health_due").await, 1);
        health::refresh_changed(&house.insight).await.unwrap();
        assert_eq!(house.count("select cast(count(*) as bigint) from health_due").await, 0, "{}", house.on);
    }
}
