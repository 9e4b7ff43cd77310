//! Several processes that write into one database.

use std::collections::BTreeSet;

use accounts::Scope;
use events::{Day, Filter, Outcome};
use kit::testing::{postgres, sqlite};

use crate::house::{House, NOON, With, config, event, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_that_get_the_same_events_store_each_once() {
    let house = House::of(postgres().await).await;
    let other = open(&house.test.another_instance().await, &house.clock, config());
    race(&house, [house.events.clone(), other]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_beside_the_server_stores_each_once() {
    let house = House::of(sqlite().await).await;
    let file = house.test.folder().unwrap().join("innkeeper.db");
    let other = open(&kit::Db::open_sqlite(&file).unwrap(), &house.clock, config());
    race(&house, [house.events.clone(), other]).await;
}

async fn race(house: &House, instances: [events::Events; 2]) {
    const ROUNDS: usize = 40;
    const EACH: usize = 50;
    let mut work = Vec::new();
    for (number, events) in instances.into_iter().enumerate() {
        let ada = house.ada.clone();
        work.push(tokio::spawn(async move {
            let mut stored = 0;
            for round in 0..ROUNDS {
                // Half of each batch is what the other sends, too; new people and features come all the time.
                let batch = (0..EACH).map(|at| {
                    let id = if at % 2 == 0 { format!("both-{round}-{at}") } else { format!("{number}-{round}-{at}") };
                    let event = event(&id, &format!("event {}", round % 7), NOON.0 + round as i64).by(&format!("u{}", (round + at) % 60));
                    if at % 3 == 0 { event.of(&ada) } else { event }
                });
                let outcomes = events.accept(batch.collect()).await.unwrap();
                stored += outcomes.iter().filter(|outcome| **outcome == Outcome::Stored).count();
                if round % 10 == 9 {
                    // Another may have sorted the same blocks: then the next time.
                    let _ = events.sort_all().await;
                }
            }
            stored
        }));
    }
    let mut stored = 0;
    for work in work {
        stored += work.await.unwrap();
    }
    assert_eq!(stored, ROUNDS * EACH / 2 + ROUNDS * EACH);
    let all = house.events.list(&Scope::house_of_job(), &Filter::default(), 100_000).await.unwrap();
    assert_eq!(all.len(), stored);
    let ids: BTreeSet<&str> = all.iter().map(|event| event.id.as_str()).collect();
    let numbers: BTreeSet<i64> = all.iter().map(|event| event.seq).collect();
    assert_eq!((ids.len(), numbers.len()), (stored, stored));
    let of_ada = all.iter().filter(|event| event.customer.as_ref() == Some(&house.ada)).count();
    let history = house.events.history(&Scope::house_of_job(), &house.ada, Day(0), Day(100_000)).await.unwrap();
    assert_eq!(history.days.values().map(|counts| counts.events).sum::<i64>(), of_ada as i64);
    let names = house.test.count("select cast(count(*) as bigint) from subject_name").await;
    assert_eq!(names, 60);
}
