//! Several runners on one queue, the schedule, and being woken.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kit::jobs::{self, Attempt, Enqueue, Job, JobState, Registry, Runner};
use kit::testing::{TestDb, databases, postgres, sqlite};
use kit::{Clock, Result, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::eventually;

/// Watches that no job is at work twice at the same time.
#[derive(Clone, Default)]
struct Watch {
    working: Arc<Mutex<HashSet<usize>>>,
    runs: Arc<AtomicUsize>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Numbered {
    number: usize,
}

impl Job<Watch> for Numbered {
    const KIND: &'static str = "test.numbered";

    async fn run(self, watch: Watch, attempt: Attempt) -> Result<()> {
        assert_eq!(attempt.number, 1, "it was claimed twice");
        assert!(watch.working.lock().unwrap().insert(self.number), "it is at work twice");
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        watch.working.lock().unwrap().remove(&self.number);
        watch.runs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn runner(db: kit::Db, clock: &Clock, watch: &Watch, instance: &str) -> Runner<Watch> {
    let registry = Registry::default().schedule(Duration::from_secs(60), &Numbered { number: 0 });
    Runner::new(db, clock.clone(), watch.clone(), registry, instance, 4)
}

async fn done(test: &TestDb) -> i64 {
    test.count("select cast(count(*) as bigint) from job where state = 'done'").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_share_the_queue_and_no_job_is_worked_twice() {
    let test = postgres().await;
    let (clock, watch) = (Clock::manual(Timestamp(1_700_000_000_000)), Watch::default());
    const JOBS: usize = 150;
    let enqueued = test.db.write(async |tx| {
        for number in 1..=JOBS {
            jobs::enqueue::<Watch, _>(&tx, &clock, &Numbered { number }, Enqueue::default()).await?;
        }
        Ok(())
    });
    enqueued.await.unwrap();
    let (one, other) = (runner(test.db.clone(), &clock, &watch, "one"), runner(test.another_instance().await, &clock, &watch, "other"));
    let (first, second) = tokio::join!(one.run_until_idle(), other.run_until_idle());
    first.unwrap();
    second.unwrap();
    assert_eq!((watch.runs.load(Ordering::SeqCst), done(&test).await), (JOBS, JOBS as i64));
}

#[tokio::test]
async fn the_schedule_enqueues_once_a_period_whoever_looks() {
    for test in databases().await {
        let (clock, watch) = (Clock::manual(Timestamp(1_700_000_000_000)), Watch::default());
        let db = if test.name == "postgres" { test.another_instance().await } else { test.db.clone() };
        let (one, other) = (runner(test.db.clone(), &clock, &watch, "one"), runner(db, &clock, &watch, "other"));
        let all = "select cast(count(*) as bigint) from job";
        for period in 1..=3 {
            for _ in 0..3 {
                let (first, second) = tokio::join!(one.enqueue_scheduled(), other.enqueue_scheduled());
                first.unwrap();
                second.unwrap();
            }
            assert_eq!(test.count(all).await, period, "{}", test.name);
            one.run_until_idle().await.unwrap();
            clock.advance(Duration::from_secs(59));
            other.enqueue_scheduled().await.unwrap();
            assert_eq!(test.count(all).await, period, "{}: too early", test.name);
            clock.advance(Duration::from_secs(1));
        }
        // Periods that nobody was awake for are not made up for, and one that waits is enough.
        clock.advance(Duration::from_secs(3600));
        one.enqueue_scheduled().await.unwrap();
        clock.advance(Duration::from_secs(60));
        other.enqueue_scheduled().await.unwrap();
        assert_eq!(test.count(all).await, 4, "{}", test.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_runner_is_woken_by_the_commit_and_does_not_wait_for_its_next_look() {
    let test = sqlite().await;
    let watch = Watch::default();
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner(test.db.clone(), &Clock::System, &watch, "one").run(stop.clone()));
    eventually("the scheduled one is done", || async { (done(&test).await == 1).then_some(()) }).await;
    let started = Instant::now();
    for number in 1..=10 {
        test.db
            .write(async |tx| jobs::enqueue::<Watch, _>(&tx, &Clock::System, &Numbered { number }, Enqueue::default()).await)
            .await
            .unwrap();
        eventually("it is done", || async { (done(&test).await == 1 + number as i64).then_some(()) }).await;
    }
    // Ten looks a second apart would take ten seconds.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    stop.cancel();
    running.await.unwrap();
    assert_eq!(jobs::counts(&test.db).await.unwrap(), [(JobState::Done, 11)]);
}

#[tokio::test]
async fn the_oldest_job_that_waits_is_known() {
    for test in databases().await {
        let clock = Clock::manual(Timestamp(1000));
        assert_eq!(jobs::waiting_since(&test.db, &clock).await.unwrap(), None, "{}", test.name);
        for run_at in [5000, 900, 800] {
            let how = Enqueue { run_at: Some(Timestamp(run_at)), ..Enqueue::default() };
            test.db.write(async |tx| jobs::enqueue::<Watch, _>(&tx, &clock, &Numbered { number: 1 }, how.clone()).await).await.unwrap();
        }
        assert_eq!(jobs::waiting_since(&test.db, &clock).await.unwrap(), Some(Timestamp(800)), "{}", test.name);
    }
}
