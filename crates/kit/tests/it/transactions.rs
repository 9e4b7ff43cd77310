//! All or nothing, whatever happens: errors, panics, dropped futures, competitors, a server that goes away.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use kit::db::Sql;
use kit::testing::{TestDb, empty_databases, postgres};
use kit::{Db, Error, Result, sql};
use tokio::sync::oneshot;

use crate::eventually;

async fn with_counter() -> [TestDb; 2] {
    let tests = empty_databases().await;
    for test in &tests {
        test.db.execute(sql("create table counter (name text not null primary key, n bigint not null)")).await.unwrap();
    }
    tests
}

async fn put(db: &Db, name: &'static str) -> Result<()> {
    db.execute(sql("insert into counter (name, n) values ($1, 0)").bind(name)).await.map(|_| ())
}

async fn names(db: &Db) -> Vec<String> {
    let rows: Vec<(String,)> = db.all(sql("select name from counter order by name")).await.unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

fn sendable<T: Send>(future: T) -> T {
    future
}

#[tokio::test]
async fn an_error_rolls_back_and_keeps_its_kind() {
    for test in with_counter().await {
        let write = test.db.write(async |tx| {
            tx.execute(sql("insert into counter (name, n) values ('a', 1)")).await?;
            let inside: (i64,) = tx.one(sql("select n from counter where name = 'a'")).await?;
            assert_eq!(inside, (1,), "a transaction sees what it wrote");
            Err::<(), _>(Error::not_found("site `x`"))
        });
        // Handlers must be able to await it on any thread.
        let error = sendable(write).await.unwrap_err();
        assert!(matches!(error, Error::NotFound(_)), "{error:?}");
        assert!(names(&test.db).await.is_empty(), "{}", test.name);
        put(&test.db, "b").await.unwrap();
    }
}

#[tokio::test]
async fn a_failed_statement_ends_its_transaction_even_if_the_work_goes_on() {
    for test in with_counter().await {
        put(&test.db, "taken").await.unwrap();
        let outcome = test
            .db
            .write(async |tx| {
                tx.execute(sql("insert into counter (name, n) values ('first', 1)")).await?;
                let clash = tx.execute(sql("insert into counter (name, n) values ('taken', 1)")).await;
                assert!(matches!(clash, Err(Error::Conflict(_))), "{clash:?}");
                Ok(())
            })
            .await;
        assert!(matches!(outcome, Err(Error::Internal(_))), "{}: {outcome:?}", test.name);
        let outcome = test
            .db
            .write(async |tx| {
                let _ = tx.execute(sql("insert into counter (name, n) values ('taken', 1)")).await;
                tx.execute(sql("insert into counter (name, n) values ('second', 1)")).await
            })
            .await;
        assert!(outcome.unwrap_err().to_string().contains("earlier statement"), "{}", test.name);
        assert_eq!(names(&test.db).await, ["taken"], "{}", test.name);
    }
}

#[tokio::test]
async fn a_transaction_inside_of_another_is_refused_instead_of_waiting_for_itself() {
    for test in with_counter().await {
        let outcome = test.db.write(async |_tx| put(&test.db, "inner").await).await;
        assert!(outcome.unwrap_err().to_string().contains("inside of a transaction"), "{}", test.name);
        put(&test.db, "after").await.unwrap();
    }
}

#[tokio::test]
async fn a_handle_kept_after_the_end_is_over() {
    for test in with_counter().await {
        let kept = test.db.write(async |tx| Ok(tx.clone())).await.unwrap();
        assert!(kept.execute(sql("insert into counter (name, n) values ('late', 1)")).await.unwrap_err().to_string().contains("over"));
        assert!(names(&test.db).await.is_empty(), "{}", test.name);
    }
}

/// Drops the future after it was polled so many times, as a closed connection does to a handler.
async fn polled_at_most<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_dropped_transactions_leave_nothing_half_done() {
    for test in with_counter().await {
        let (mut finished, mut dropped) = (0, 0);
        // So many polls reach every point between "waiting for a connection" and "committed".
        let spread = if test.name == "postgres" { 20 } else { 10 };
        for round in 0..300_u32 {
            let write = test.db.write(async |tx| {
                tx.execute(sql("insert into counter (name, n) values ($1, 1)").bind(format!("left {round}"))).await?;
                let _: Vec<(i64,)> = tx.all(sql("select n from counter where name = 'left 0'")).await?;
                tx.execute(sql("insert into counter (name, n) values ($1, 1)").bind(format!("right {round}"))).await?;
                Ok(())
            });
            match polled_at_most(write, round % spread).await {
                Some(outcome) => {
                    outcome.unwrap();
                    finished += 1;
                }
                None => dropped += 1,
            }
            if round % 50 == 0 {
                let _ = polled_at_most(test.db.all::<(String,)>(sql("select name from counter")), 1).await;
            }
        }
        assert!(finished > 20 && dropped > 100, "{}: {finished} finished, {dropped} dropped", test.name);
        put(&test.db, "usable").await.unwrap();
        let sides = |side: &str| {
            let after = i64::try_from(side.len()).unwrap() + 2;
            let numbers = sql("select substr(name, $1) from counter where name like $2 order by name");
            test.db.all::<(String,)>(numbers.bind(after).bind(format!("{side} %")))
        };
        let (left, right) = (sides("left").await.unwrap(), sides("right").await.unwrap());
        assert_eq!(left, right, "{}: half a transaction is visible", test.name);
        assert!(left.len() >= finished, "{}", test.name);
    }
}

#[tokio::test]
async fn a_transaction_dropped_before_it_has_begun_is_not_left_open_in_the_pool() {
    let test = postgres().await;
    let other = test.another_instance().await;
    for polls in 1..=8 {
        let write = test.db.write(async |tx| tx.execute(sql("delete from job")).await);
        polled_at_most(write, polls).await;
        // An answer on the same connection says that all it was sent before is through.
        test.db.ping().await.unwrap();
        eventually("no connection waits inside of a transaction", || async {
            let open = sql("select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'");
            (other.one::<(i64,)>(open).await.unwrap().0 == 0).then_some(())
        })
        .await;
    }
}

/// Takes a tenth of a second or so on both databases.
fn slow_insert() -> Sql {
    sql("insert into counter (name, n)
         select 'slow', (with recursive number(n) as (
           select cast(1 as bigint) union all select n + 1 from number where n < 200000
         ) select count(*) from number)")
}

#[tokio::test]
async fn a_statement_dropped_inside_of_a_living_transaction_ends_it() {
    for test in with_counter().await {
        let outcome = test
            .db
            .write(async |tx| {
                tx.execute(sql("insert into counter (name, n) values ('a', 1)")).await?;
                assert!(polled_at_most(tx.execute(slow_insert()), 1).await.is_none(), "one poll does not finish it");
                Ok(())
            })
            .await;
        assert!(outcome.unwrap_err().to_string().contains("over"), "{}", test.name);
        put(&test.db, "c").await.unwrap();
        assert_eq!(names(&test.db).await, ["c"], "{}", test.name);
    }
}

#[tokio::test]
async fn an_abandoned_transaction_does_not_keep_other_processes_out() {
    let [test, _] = with_counter().await;
    let (begun, has_begun) = oneshot::channel();
    let begun = std::sync::Mutex::new(Some(begun));
    let write = test.db.write(async |tx| {
        begun.lock().unwrap().take().unwrap().send(()).unwrap();
        tx.execute(slow_insert()).await
    });
    tokio::select! {
        biased;
        outcome = write => panic!("it ended: {outcome:?}"),
        _ = has_begun => {}
    }
    // Once its statement is through, nobody uses our writer again, and the other process must get its turn.
    let other = rusqlite::Connection::open(test.folder().unwrap().join("innkeeper.db")).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute("insert into counter (name, n) values ('other process', 1)", []).unwrap();
    assert_eq!(names(&test.db).await, ["other process"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_inside_of_a_transaction_does_not_stop_the_store() {
    for test in with_counter().await {
        for _ in 0..10 {
            let db = test.db.clone();
            let task = tokio::spawn(async move {
                db.write(async |tx| {
                    tx.execute(sql("insert into counter (name, n) values ('a', 1)")).await?;
                    if true {
                        panic!("in the middle");
                    }
                    Ok(())
                })
                .await
            });
            assert!(task.await.unwrap_err().is_panic());
        }
        put(&test.db, "b").await.unwrap();
        assert_eq!(names(&test.db).await, ["b"], "{}", test.name);
    }
}

/// Runs it again when the database was too busy, as the person or the job above would.
async fn insist<T, Fut: Future<Output = Result<T>>>(mut write: impl FnMut() -> Fut) -> T {
    loop {
        match write().await {
            Ok(value) => return value,
            Err(Error::Unavailable { message, .. }) if message.contains("very busy") => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_update_is_lost_when_many_read_and_then_write() {
    for test in with_counter().await {
        put(&test.db, "total").await.unwrap();
        let runs = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (db, runs) = (test.db.clone(), runs.clone());
                tokio::spawn(async move {
                    for _ in 0..10 {
                        insist(|| {
                            db.write(async |tx| {
                                runs.fetch_add(1, Ordering::Relaxed);
                                let (n,): (i64,) = tx.one(sql("select n from counter where name = 'total'")).await?;
                                // Wrapped as a slice may do: it must be recognised as a lost race all the same.
                                tx.execute(sql("update counter set n = $1 where name = 'total'").bind(n + 1))
                                    .await
                                    .map_err(|error| Error::unavailable_because("counting", error))
                            })
                        })
                        .await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(test.count("select n from counter").await, 80, "{}", test.name);
        if test.name == "postgres" {
            assert!(runs.load(Ordering::Relaxed) > 80, "nothing clashed, so nothing was tested");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_over_several_rows_holds_among_competitors() {
    for test in with_counter().await {
        let tasks: Vec<_> = (0..8)
            .map(|at| {
                let db = test.db.clone();
                tokio::spawn(async move {
                    insist(|| {
                        db.write(async |tx| {
                            let (taken,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from counter")).await?;
                            if taken > 0 {
                                return Ok(false);
                            }
                            tx.execute(sql("insert into counter (name, n) values ($1, 1)").bind(format!("winner {at}"))).await?;
                            Ok(true)
                        })
                    })
                    .await
                })
            })
            .collect();
        let mut winners = 0;
        for task in tasks {
            winners += usize::from(task.await.unwrap());
        }
        assert_eq!((winners, names(&test.db).await.len()), (1, 1), "{}", test.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_goes_on_during_a_long_write() {
    for test in with_counter().await {
        let (written, is_written) = oneshot::channel();
        let (finish, may_finish) = oneshot::channel::<()>();
        let db = test.db.clone();
        let channels = std::sync::Mutex::new(Some((written, may_finish)));
        let long = tokio::spawn(async move {
            db.write(async |tx| {
                tx.execute(sql("insert into counter (name, n) values ('long', 1)")).await?;
                let (written, may_finish) = channels.lock().unwrap().take().unwrap();
                written.send(()).unwrap();
                may_finish.await.unwrap();
                Ok(())
            })
            .await
        });
        is_written.await.unwrap();
        for _ in 0..20 {
            assert!(names(&test.db).await.is_empty(), "{}: an open transaction is visible", test.name);
        }
        finish.send(()).unwrap();
        long.await.unwrap().unwrap();
        assert_eq!(names(&test.db).await, ["long"]);
    }
}

#[tokio::test]
async fn connections_that_the_server_closes_are_replaced() {
    let test = postgres().await;
    let other = test.another_instance().await;
    let kill_all =
        || sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
    let outcome = test
        .db
        .write(async |tx| {
            tx.execute(sql("delete from job")).await?;
            other.all::<(bool,)>(kill_all()).await?;
            tx.execute(sql("delete from job")).await
        })
        .await;
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
    eventually("the pool finds living connections", || async {
        match test.db.execute(sql("delete from job")).await {
            Ok(_) => Some(()),
            Err(Error::Unavailable { .. }) => None,
            Err(error) => panic!("{error:?}"),
        }
    })
    .await;
}
