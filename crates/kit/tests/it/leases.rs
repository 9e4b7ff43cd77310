//! A job and whoever works on it: interrupted, stalled, taken over, dead.

use std::time::Duration;

use kit::jobs::{self, JobId, JobState};
use kit::testing::sqlite;
use kit::{Timestamp, sql};
use tokio_util::sync::CancellationToken;

use crate::eventually;
use crate::jobs::{Act, Bench, Patient, benches};

#[tokio::test]
async fn an_interrupted_job_goes_back_with_the_try_it_had_begun() {
    for bench in benches().await {
        let id = bench.enqueue(&Patient).await;
        let stop = CancellationToken::new();
        let running = tokio::spawn(bench.runner("one").run(stop.clone()));
        bench.notes.started.notified().await;
        assert_eq!(bench.state(&id).await, (JobState::Running, 1));
        stop.cancel();
        running.await.unwrap();
        assert_eq!(bench.state(&id).await, (JobState::Queued, 0), "{}", bench.test.name);
        assert_eq!((bench.leases().await, bench.gone_through()), (0, 0));

        // The same when the whole runner is dropped.
        let running = tokio::spawn(bench.runner("one").run(CancellationToken::new()));
        bench.notes.started.notified().await;
        running.abort();
        eventually("the job goes back", || async { (bench.state(&id).await == (JobState::Queued, 0)).then_some(()) }).await;

        bench.notes.gate.notify_one();
        bench.work().await;
        assert_eq!(bench.state(&id).await, (JobState::Done, 1));
    }
}

#[tokio::test]
async fn a_lost_lease_is_taken_over_and_the_loser_writes_nothing() {
    for bench in benches().await {
        let id = bench.enqueue(&Patient).await;
        let first = bench.runner("first");
        let first = tokio::spawn(async move { first.run_until_idle().await });
        bench.notes.started.notified().await;
        bench.clock.advance(jobs::LEASE);
        bench.runner("second").run_until_idle().await.unwrap();
        assert_eq!(bench.state(&id).await, (JobState::Running, 1), "taken over before the lease ran out");

        bench.clock.advance(Duration::from_millis(1));
        // A namesake, as after a restart on the same host: the claim tells them apart, not the name alone.
        bench.runner("first").run_until_idle().await.unwrap();
        let taken_over = bench.job(&id).await;
        assert_eq!((taken_over.state, taken_over.attempts), (JobState::Done, 2), "{}", bench.test.name);

        bench.clock.advance(Duration::from_secs(1));
        bench.notes.gate.notify_one();
        first.await.unwrap().unwrap();
        assert_eq!(bench.gone_through(), 2, "the loser came to its end, too");
        assert_eq!(bench.job(&id).await.finished_at, taken_over.finished_at, "the loser wrote over the winner's record");
    }
}

#[tokio::test]
async fn a_heartbeat_keeps_the_lease_and_whoever_lost_it_stops() {
    const LEASE: Duration = Duration::from_millis(150);
    for bench in benches().await {
        let id = bench.enqueue(&Patient).await;
        let first = bench.runner("first").lease(LEASE);
        let first = tokio::spawn(async move { first.run_until_idle().await });
        bench.notes.started.notified().await;
        // Three quarters of a lease at a time: without a heartbeat in between it would be over the second time.
        for _ in 0..4 {
            bench.clock.advance(LEASE * 3 / 4);
            let extended = bench.clock.now().plus(LEASE);
            eventually("a heartbeat", || async {
                let lease = sql("select leased_until from job where id = $1").bind(&id);
                let (until,): (Timestamp,) = bench.test.db.one(lease).await.unwrap();
                (until == extended).then_some(())
            })
            .await;
            bench.runner("second").run_until_idle().await.unwrap();
            assert_eq!(bench.state(&id).await, (JobState::Running, 1), "{}", bench.test.name);
        }
        // The first one stalls for longer than its lease: somebody else works, and its next heartbeat tells it so.
        let stalled = sql("update job set leased_until = 0 where id = $1").bind(&id);
        bench.test.db.execute(stalled).await.unwrap();
        bench.runner("second").run_until_idle().await.unwrap();
        first.await.unwrap().unwrap();
        assert_eq!((bench.state(&id).await, bench.gone_through()), ((JobState::Done, 2), 1), "{}", bench.test.name);
    }
}

/// Leaves a job as a process does that dies while working on it.
async fn die_during(bench: &Bench, id: &JobId, attempt: i64) {
    let touched = bench
        .test
        .db
        .execute(
            sql("update job set state = 'running', lease_owner = 'gone', leased_until = $2, attempts = $3 where id = $1")
                .bind(id)
                .bind(bench.clock.now().plus(jobs::LEASE))
                .bind(attempt),
        )
        .await
        .unwrap();
    assert_eq!(touched, 1);
}

#[tokio::test]
async fn a_job_whose_process_died_is_resumed_and_the_try_counts() {
    for bench in benches().await {
        let id = bench.enqueue(&Act::Succeed).await;
        die_during(&bench, &id, 1).await;
        bench.clock.advance(jobs::LEASE + Duration::from_millis(1));
        bench.work().await;
        assert_eq!(bench.notes.lines(), ["Succeed 2"], "{}", bench.test.name);
        assert_eq!(bench.state(&id).await, (JobState::Done, 2));
    }
}

#[tokio::test]
async fn a_job_that_kills_its_process_every_time_is_given_up_without_running_again() {
    for bench in benches().await {
        let id = bench.enqueue(&Act::Succeed).await;
        die_during(&bench, &id, 3).await;
        bench.clock.advance(jobs::LEASE + Duration::from_millis(1));
        bench.work().await;
        assert_eq!(bench.notes.lines(), ["gave up: innkeeper ended in the middle of this try"], "{}", bench.test.name);
        assert_eq!(bench.state(&id).await, (JobState::Dead, 3));

        // And one that kills it while it is told, too.
        let id = bench.enqueue(&Act::Succeed).await;
        die_during(&bench, &id, 6).await;
        bench.clock.advance(jobs::LEASE + Duration::from_millis(1));
        bench.work().await;
        assert_eq!((bench.state(&id).await, bench.notes.lines().len()), ((JobState::Dead, 3), 1));
    }
}

#[tokio::test]
async fn a_start_on_sqlite_resumes_at_once_what_the_last_process_left_running() {
    let bench = Bench::of(sqlite().await);
    let (resumed, exhausted) = (bench.enqueue(&Act::Succeed).await, bench.enqueue(&Act::Panic).await);
    die_during(&bench, &resumed, 1).await;
    die_during(&bench, &exhausted, 3).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(bench.runner("one").run(stop.clone()));
    eventually("both end", || async {
        (bench.state(&resumed).await.0 == JobState::Done && bench.state(&exhausted).await.0 == JobState::Dead).then_some(())
    })
    .await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(bench.state(&resumed).await, (JobState::Done, 2));
    assert!(bench.notes.lines().contains(&"gave up: innkeeper ended in the middle of this try".to_owned()));
}
