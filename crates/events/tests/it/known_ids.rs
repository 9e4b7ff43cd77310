//! An event that is sent twice counts once, however long ago the first time was within the days that ids are remembered.

use std::time::Duration;

use events::NewEvent;
use events::Outcome::{Duplicate, Stored};

use crate::house::{House, NOON, With, event};

const A_DAY: Duration = Duration::from_secs(86_400);

fn batch(name: &str, count: usize) -> Vec<NewEvent> {
    (0..count).map(|at| event(&format!("{name}-{at}"), "login", NOON.0)).collect()
}

#[tokio::test]
async fn ids_are_known_within_a_batch_across_batches_and_after_a_restart() {
    for mut house in House::both().await {
        let twice = vec![event("a", "login", NOON.0), event("a", "logout", NOON.0 + 1), event("a", "login", NOON.0).from("other")];
        assert_eq!(house.accept(twice.clone()).await, [Stored, Duplicate, Stored]);
        assert_eq!(house.accept(twice.clone()).await, [Duplicate; 3]);
        house.reopen();
        assert_eq!(house.accept(twice.clone()).await, [Duplicate; 3]);
        house.events.sort_all().await.unwrap();
        house.reopen();
        assert_eq!(house.accept(twice).await, [Duplicate; 3]);
        assert_eq!(house.all().await.len(), 2);
    }
}

#[tokio::test]
async fn ids_are_known_for_seven_days_and_then_forgotten() {
    for mut house in House::both().await {
        for day in 0..7 {
            house.accept(batch(&format!("day{day}"), 3000)).await;
            house.events.tidy().await.unwrap();
            house.clock.advance(A_DAY);
            if day % 3 == 1 {
                house.reopen();
            }
        }
        for day in 0..7 {
            assert_eq!(house.accept(batch(&format!("day{day}"), 3000)).await, vec![Duplicate; 3000], "{} day {day}", house.test.name);
        }
        assert!(house.test.count("select cast(count(*) as bigint) from event_id_run").await >= 6);
        for _ in 0..3 {
            house.clock.advance(A_DAY * 4);
            house.accept(batch("more", 1)).await;
            house.events.tidy().await.unwrap();
        }
        // Nothing grows forever.
        assert!(house.test.count("select cast(count(*) as bigint) from event_id_run").await <= 3);
        assert!(house.test.count("select cast(count(*) as bigint) from event_id_page").await <= 3);
    }
}

#[tokio::test]
async fn old_events_go_and_their_counts_stay() {
    for mut house in House::both().await {
        house.accept(batch("old", 100).into_iter().map(|event| event.of(&house.ada)).collect()).await;
        house.clock.advance(A_DAY * 200);
        house.accept(vec![event("new", "login", NOON.0 + 200 * crate::house::DAY).of(&house.ada)]).await;
        house.events.tidy().await.unwrap();
        assert_eq!(house.all().await.len(), 101);
        house.clock.advance(A_DAY * 202);
        // Once for the ids to be in a run, once for the blocks to go.
        house.events.tidy().await.unwrap();
        house.events.tidy().await.unwrap();
        assert_eq!(house.all().await.len(), 1);
        house.reopen();
        house.events.recount().await.unwrap();
        let days = house.history(&house.ada).await.days;
        assert_eq!(days.values().map(|counts| counts.logins).collect::<Vec<_>>(), [100, 1]);
    }
}
