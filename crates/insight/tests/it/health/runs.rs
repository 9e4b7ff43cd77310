//! Work on all customers, off the request.

use accounts::Actor;
use insight::health::runs::{self, Outcome, RunKind, RunState};
use insight::health::{self, models};
use kit::testing::databases;
use kit::{Error, sql};

use super::scores::worked_example;
use crate::house::House;

#[tokio::test]
async fn scores_are_computed_by_a_run_that_is_told_of() {
    for test in databases().await {
        let house = House::on(test);
        let (insight, cli) = (&house.insight, Actor::cli());
        let customer = house.customer("Run").await;
        house.accept(worked_example(&house, &customer)).await;
        assert!(runs::recomputing(insight).await.unwrap().is_none());
        let id = runs::ask_recompute(insight, &cli).await.unwrap();
        // Who asks again is led to the same one.
        assert_eq!(runs::ask_recompute(insight, &cli).await.unwrap(), id, "{}", house.test.name);
        assert_eq!(house.test.count("select cast(count(*) as bigint) from job where kind = 'health.run'").await, 1);
        let waiting = runs::recomputing(insight).await.unwrap().unwrap();
        assert_eq!((waiting.kind, waiting.state, waiting.is_over()), (RunKind::Recompute, RunState::Waiting, false));
        runs::perform(insight, &id).await.unwrap();
        let done = runs::get(insight, &cli, &id).await.unwrap();
        assert_eq!((done.state, done.done, done.total, done.is_over()), (RunState::Done, 1, 1, true));
        assert!(matches!(done.outcome, Some(Outcome::Recomputed(done)) if done.customers == 1));
        assert!(health::standings(insight, &house.scope(), &[customer]).await.unwrap()[0].1.points.is_some());
        assert!(runs::recomputing(insight).await.unwrap().is_none());
        assert_ne!(runs::ask_recompute(insight, &cli).await.unwrap(), id, "a later one is another one");
    }
}

#[tokio::test]
async fn a_run_that_died_begins_anew_and_one_that_is_done_is_not_done_again() {
    for test in databases().await {
        let house = House::on(test);
        let (insight, cli) = (&house.insight, Actor::cli());
        house.customer("Run").await;
        let id = runs::ask_dry_run(insight, &cli, "account").await.unwrap();
        // As `kill -9` leaves it.
        house.test.db.execute(sql("update health_run set state = 'running', done = 7, total = 9 where id = $1").bind(&id)).await.unwrap();
        runs::perform(insight, &id).await.unwrap();
        let done = runs::get(insight, &cli, &id).await.unwrap();
        assert_eq!((done.state, done.done, done.total), (RunState::Done, 1, 1), "{}", house.test.name);
        house.customer("Later").await;
        runs::perform(insight, &id).await.unwrap();
        assert_eq!(runs::get(insight, &cli, &id).await.unwrap().total, 1);
    }
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused_at_once() {
    let [test, _] = databases().await;
    let house = House::on(test);
    let (insight, cli) = (&house.insight, Actor::cli());
    assert!(matches!(runs::ask_dry_run(insight, &cli, "own_nothere").await, Err(Error::NotFound(_))));
    let own = models::copy(insight, &cli, "account", "Own").await.unwrap();
    house.test.db.execute(sql("update health_model set draft = '[]' where id = $1").bind(&own)).await.unwrap();
    assert!(matches!(runs::ask_dry_run(insight, &cli, &own).await, Err(Error::Invalid(_))));
}
