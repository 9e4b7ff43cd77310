//! When the database cannot be written nothing is acknowledged, and when it can again all goes on.

use std::time::Duration;

use events::{Config, Outcome};
use kit::Error;
use kit::testing::{postgres, sqlite};

use crate::house::{House, NOON, With, config, event, open};

#[tokio::test]
async fn a_locked_database_acknowledges_nothing_and_goes_on_later() {
    let house = House::of(sqlite().await).await;
    house.accept(vec![event("before", "login", NOON.0).of(&house.ada)]).await;
    let lock = rusqlite::Connection::open(house.test.folder().unwrap().join("innkeeper.db")).unwrap();
    lock.execute_batch("begin immediate").unwrap();
    let refused = house.events.accept(vec![event("during", "login", NOON.0).of(&house.ada)]).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    lock.execute_batch("rollback").unwrap();
    assert_eq!(house.accept(vec![event("during", "login", NOON.0).of(&house.ada)]).await, [Outcome::Stored]);
    assert_eq!(house.all().await.len(), 2);
}

#[tokio::test]
async fn a_full_database_acknowledges_nothing_and_goes_on_later() {
    let house = House::of(sqlite().await).await;
    house.accept(vec![event("before", "login", NOON.0).of(&house.ada)]).await;
    house
        .test
        .db
        .execute(kit::sql("create trigger full before insert on event_block begin select raise(abort, 'no space'); end"))
        .await
        .unwrap();
    let refused = house.events.accept(vec![event("during", "login", NOON.0).of(&house.ada)]).await;
    assert!(refused.is_err(), "{refused:?}");
    house.test.db.execute(kit::sql("drop trigger full")).await.unwrap();
    assert_eq!(house.accept(vec![event("during", "login", NOON.0).of(&house.ada)]).await, [Outcome::Stored]);
    assert_eq!(house.history(&house.ada).await.days.values().map(|counts| counts.logins).sum::<i64>(), 2);
}

#[tokio::test]
async fn connections_that_are_cut_lose_nothing_that_was_acknowledged() {
    let house = House::of(postgres().await).await;
    let (admin, connection) = tokio_postgres::connect(house.test.postgres_url().unwrap(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut stored = 0;
    let mut failed = 0;
    for round in 0..60 {
        let batch: Vec<_> = (0..200).map(|at| event(&format!("{round}-{at}"), "login", NOON.0).of(&house.ada)).collect();
        let accepting = tokio::spawn({
            let (events, batch) = (house.events.clone(), batch.clone());
            async move { events.accept(batch).await }
        });
        if round % 3 == 0 {
            tokio::time::sleep(Duration::from_millis(round % 7)).await;
            let cut =
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
            admin.batch_execute(cut).await.unwrap();
        }
        match accepting.await.unwrap() {
            Ok(outcomes) => assert_eq!(outcomes.len(), 200),
            Err(_) => {
                failed += 1;
                // As an SDK does. It may have been stored although the answer was lost: then these are duplicates.
                let mut tries = 0;
                while house.events.accept(batch.clone()).await.is_err() {
                    tries += 1;
                    assert!(tries < 20, "it does not recover");
                }
            }
        }
        stored += 200;
    }
    println!("{failed} of 60 batches failed at first");
    assert_eq!(house.history(&house.ada).await.days.values().map(|counts| counts.logins).sum::<i64>(), stored);
    assert_eq!(house.all().await.len(), stored as usize);
}

#[tokio::test]
async fn senders_are_told_to_come_back_when_too_much_waits() {
    let house = House::of(sqlite().await).await;
    let events = open(&house.test.db, &house.clock, Config { waiting_mb: 1, ..config() });
    let large = format!(r#"{{"x":"{}"}}"#, "y".repeat(300_000));
    let batch = |at: usize| vec![event(&format!("e{at}"), "login", NOON.0).props(&large)];
    let mut sent = tokio::task::JoinSet::new();
    for at in 0..20 {
        let (events, batch) = (events.clone(), batch(at));
        sent.spawn(async move { events.accept(batch).await });
    }
    let outcomes = sent.join_all().await;
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::Unavailable { .. }))).count();
    let stored = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!((stored + refused, events.vitals().refused), (20, refused as u64));
    assert!(refused > 0 && stored >= 3, "{refused} refused, {stored} stored");
    assert_eq!(house.all().await.len(), stored);
    assert_eq!(events.vitals().waiting_bytes, 0);
    // A batch that is larger than all the room is taken when nothing else waits.
    let huge = format!(r#"{{"x":"{}"}}"#, "y".repeat(3_000_000));
    assert_eq!(events.accept(vec![event("huge", "login", NOON.0).props(&huge)]).await.unwrap(), [Outcome::Stored]);
}

#[tokio::test]
async fn one_senders_bad_event_does_not_keep_others_out() {
    for house in House::both().await {
        let mut sent = tokio::task::JoinSet::new();
        for at in 0..30 {
            let events = house.events.clone();
            let name = if at % 10 == 3 { "nul\0nul".to_owned() } else { format!("u{at}") };
            let event = event(&format!("e{at}"), "login", NOON.0).by(&name);
            sent.spawn(async move { (at, events.accept(vec![event]).await) });
        }
        for (at, outcome) in sent.join_all().await {
            assert_eq!(outcome.is_ok(), at % 10 != 3, "{at}: {outcome:?}");
        }
        assert_eq!(house.all().await.len(), 27);
    }
}
