//! The life of one job: worked, tried again, given up, forgotten.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::jobs::{self, Attempt, Enqueue, Job, JobId, JobRow, JobState, Registry, Runner};
use kit::testing::{TestDb, databases};
use kit::{Clock, Db, Error, Result, Timestamp, sql};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::eventually;

/// What jobs of these tests see: a place to write down what happened, and a gate.
#[derive(Clone, Default)]
pub struct Notes {
    lines: Arc<Mutex<Vec<String>>>,
    pub started: Arc<Notify>,
    pub gate: Arc<Notify>,
}

impl Notes {
    pub fn write(&self, line: impl Into<String>) {
        self.lines.lock().unwrap().push(line.into());
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

/// Does what its name says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Act {
    Succeed,
    /// Fails transiently until this many tries were made.
    SucceedAt(i64),
    /// Cannot succeed.
    Refuse,
    Panic,
    Hang,
    /// The first try waits at the gate, later ones go through.
    Gate,
    /// Fails with a text that a database may choke on.
    SayOddThings,
    /// Fails, and so does being told that it gave up: with a panic, so many times.
    FailAndPanicWhenTold(usize),
}

impl Job<Notes> for Act {
    const KIND: &'static str = "test.act";
    const MAX_ATTEMPTS: i64 = 3;
    const TIMEOUT: Duration = Duration::from_millis(200);

    async fn run(self, notes: Notes, attempt: Attempt) -> Result<()> {
        let last = if attempt.last { " (last)" } else { "" };
        notes.write(format!("{self:?} {}{last}", attempt.number));
        match self {
            Act::Succeed => Ok(()),
            Act::SucceedAt(number) if attempt.number >= number => Ok(()),
            Act::SucceedAt(_) => Err(Error::unavailable(format!("not yet at {}", attempt.number))),
            Act::Refuse => Err(Error::conflict("never")),
            Act::Panic => panic!("at the disco"),
            Act::Hang => std::future::pending().await,
            Act::Gate => {
                notes.started.notify_one();
                if attempt.number == 1 {
                    notes.gate.notified().await;
                }
                notes.write("through the gate");
                Ok(())
            }
            Act::SayOddThings => Err(Error::unavailable(format!("\0 {}", "long ".repeat(10_000)))),
            Act::FailAndPanicWhenTold(_) => Err(Error::conflict("never")),
        }
    }

    async fn gave_up(self, notes: Notes, error: String) -> Result<()> {
        notes.write(format!("gave up: {error}"));
        if let Act::FailAndPanicWhenTold(times) = self
            && notes.lines().iter().filter(|line| line.starts_with("gave up")).count() <= times
        {
            panic!("when told");
        }
        Ok(())
    }
}

/// `Act::Gate` with all the time of the world.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Patient;

impl Job<Notes> for Patient {
    const KIND: &'static str = "test.patient";

    async fn run(self, notes: Notes, attempt: Attempt) -> Result<()> {
        Act::Gate.run(notes, attempt).await
    }
}

pub struct Bench {
    pub test: TestDb,
    pub clock: Clock,
    pub notes: Notes,
}

pub async fn benches() -> impl Iterator<Item = Bench> {
    databases().await.into_iter().map(Bench::of)
}

impl Bench {
    pub fn of(test: TestDb) -> Bench {
        Bench { test, clock: Clock::manual(Timestamp(1_700_000_000_000)), notes: Notes::default() }
    }

    pub fn runner(&self, instance: &str) -> Runner<Notes> {
        self.runner_on(self.test.db.clone(), instance)
    }

    fn runner_on(&self, db: Db, instance: &str) -> Runner<Notes> {
        let registry = Registry::default().job::<Act>().job::<Patient>();
        Runner::new(db, self.clock.clone(), self.notes.clone(), registry, instance, 2)
    }

    pub async fn enqueue(&self, job: &impl Job<Notes>) -> JobId {
        self.enqueue_how(job, Enqueue::default()).await.expect("it is added")
    }

    pub async fn enqueue_how(&self, job: &impl Job<Notes>, how: Enqueue) -> Option<JobId> {
        self.test.db.write(async |tx| jobs::enqueue(&tx, &self.clock, job, how.clone()).await).await.unwrap()
    }

    pub async fn work(&self) {
        self.runner("one").run_until_idle().await.unwrap();
    }

    pub async fn job(&self, id: &JobId) -> JobRow {
        jobs::list(&self.test.db, None, None).await.unwrap().into_iter().find(|job| job.id == *id).expect("it is listed")
    }

    pub async fn state(&self, id: &JobId) -> (JobState, i64) {
        let job = self.job(id).await;
        (job.state, job.attempts)
    }

    /// How often the end of the job that waits at the gate was reached.
    pub fn gone_through(&self) -> usize {
        self.notes.lines().iter().filter(|line| *line == "through the gate").count()
    }

    pub async fn leases(&self) -> i64 {
        self.test.count("select cast(count(*) as bigint) from job where lease_owner is not null or leased_until is not null").await
    }
}

#[tokio::test]
async fn a_job_runs_once_its_transaction_is_committed_and_not_otherwise() {
    for bench in benches().await {
        let id = bench.enqueue(&Act::Succeed).await;
        let undone = bench.test.db.write(async |tx| {
            jobs::enqueue(&tx, &bench.clock, &Act::Refuse, Enqueue::default()).await?;
            Err::<(), _>(Error::conflict("changed my mind"))
        });
        undone.await.unwrap_err();
        assert_eq!(bench.state(&id).await, (JobState::Queued, 0));
        assert_eq!(jobs::depth(&bench.test.db, &bench.clock).await.unwrap(), 1);
        bench.clock.advance(Duration::from_secs(5));
        bench.work().await;
        assert_eq!(bench.notes.lines(), ["Succeed 1"], "{}", bench.test.name);
        let job = bench.job(&id).await;
        assert_eq!((job.state, job.attempts, job.error), (JobState::Done, 1, None));
        assert_eq!((job.started_at, job.finished_at), (Some(bench.clock.now()), Some(bench.clock.now())));
        assert_eq!(jobs::counts(&bench.test.db).await.unwrap(), [(JobState::Done, 1)]);
        assert_eq!((jobs::depth(&bench.test.db, &bench.clock).await.unwrap(), bench.leases().await), (0, 0));
    }
}

#[tokio::test]
async fn a_job_waits_for_its_time() {
    for bench in benches().await {
        let later = Enqueue { run_at: Some(bench.clock.now().plus(Duration::from_secs(60))), ..Enqueue::default() };
        let id = bench.enqueue_how(&Act::Succeed, later).await.unwrap();
        bench.work().await;
        assert_eq!(bench.state(&id).await, (JobState::Queued, 0));
        bench.clock.advance(Duration::from_secs(60));
        bench.work().await;
        assert_eq!(bench.state(&id).await, (JobState::Done, 1), "{}", bench.test.name);
    }
}

#[tokio::test]
async fn a_failed_job_is_tried_again_after_growing_pauses() {
    for bench in benches().await {
        let id = bench.enqueue(&Act::SucceedAt(3)).await;
        for (number, base) in [(1, Duration::from_secs(1)), (2, Duration::from_secs(2))] {
            bench.work().await;
            let job = bench.job(&id).await;
            assert_eq!((job.state, job.attempts), (JobState::Queued, number));
            assert_eq!(job.error.as_deref(), Some(format!("not yet at {number}").as_str()));
            let pause = job.run_at.since(bench.clock.now());
            assert!((base..=base.mul_f64(1.25)).contains(&pause), "{}: {pause:?}", bench.test.name);
            bench.clock.advance(pause - Duration::from_millis(1));
            bench.work().await;
            assert_eq!(bench.job(&id).await.attempts, number, "it ran too early");
            bench.clock.advance(Duration::from_millis(1));
        }
        bench.work().await;
        assert_eq!(bench.notes.lines(), ["SucceedAt(3) 1", "SucceedAt(3) 2", "SucceedAt(3) 3 (last)"]);
        let job = bench.job(&id).await;
        assert_eq!((job.state, job.attempts, job.error), (JobState::Done, 3, None));
    }
}

/// Works until nothing is left that will be tried again.
async fn work_to_the_end(bench: &Bench) {
    for _ in 0..12 {
        bench.work().await;
        bench.clock.advance(Duration::from_secs(20));
    }
}

#[tokio::test]
async fn after_its_last_try_a_job_is_told_listed_as_dead_and_can_be_tried_again() {
    for bench in benches().await {
        let id = bench.enqueue(&Act::SucceedAt(4)).await;
        work_to_the_end(&bench).await;
        assert_eq!(bench.notes.lines().last().unwrap(), "gave up: not yet at 3");
        let dead = jobs::list(&bench.test.db, Some(JobState::Dead), None).await.unwrap();
        assert_eq!((dead.len(), &dead[0].id, dead[0].attempts), (1, &id, 3), "{}", bench.test.name);
        assert!(dead[0].finished_at.is_some());

        jobs::retry(&bench.test.db, &bench.clock, &id).await.unwrap();
        assert_eq!(bench.state(&id).await, (JobState::Queued, 0));
        let twice = jobs::retry(&bench.test.db, &bench.clock, &id).await.unwrap_err();
        assert!(matches!(&twice, Error::Conflict(text) if text.contains("gave up")), "{twice:?}");
        work_to_the_end(&bench).await;
        assert_eq!(bench.state(&id).await, (JobState::Dead, 3));
        assert_eq!(bench.notes.lines().iter().filter(|line| line.starts_with("gave up")).count(), 2);
    }
}

#[tokio::test]
async fn what_cannot_succeed_is_not_tried_again() {
    for bench in benches().await {
        let refused = bench.enqueue(&Act::Refuse).await;
        bench.work().await;
        assert_eq!(bench.notes.lines(), ["Refuse 1", "gave up: never"]);
        assert_eq!(bench.state(&refused).await, (JobState::Dead, 1));
        let unreadable = bench.enqueue(&Act::Succeed).await;
        bench.test.db.execute(sql("update job set payload = '{\"Dance\":1}' where id = $1").bind(&unreadable)).await.unwrap();
        bench.work().await;
        let job = bench.job(&unreadable).await;
        assert_eq!(job.state, JobState::Dead, "{}", bench.test.name);
        assert!(job.error.unwrap().contains("unreadable payload"));
    }
}

#[tokio::test]
async fn a_panic_and_a_hanging_job_are_failures_like_others() {
    for bench in benches().await {
        let (panics, hangs) = (bench.enqueue(&Act::Panic).await, bench.enqueue(&Act::Hang).await);
        bench.work().await;
        assert_eq!(bench.job(&panics).await.error.unwrap(), "panicked: at the disco", "{}", bench.test.name);
        assert_eq!(bench.job(&hangs).await.error.unwrap(), "did not end within 200ms", "{}", bench.test.name);
        assert_eq!(bench.state(&panics).await, (JobState::Queued, 1));
        assert_eq!(bench.state(&hangs).await, (JobState::Queued, 1));
    }
}

#[tokio::test]
async fn whatever_an_error_says_its_job_ends() {
    for bench in benches().await {
        let id = bench.enqueue(&Act::SayOddThings).await;
        work_to_the_end(&bench).await;
        let job = bench.job(&id).await;
        assert_eq!((job.state, job.attempts), (JobState::Dead, 3), "{}", bench.test.name);
        let error = job.error.unwrap();
        assert!(error.starts_with("\u{fffd} long") && error.len() < 5000);
    }
}

#[tokio::test]
async fn a_job_of_an_unknown_kind_waits_for_a_newer_instance_and_is_then_dead() {
    for bench in benches().await {
        let id = bench.enqueue(&Act::Succeed).await;
        bench.test.db.execute(sql("update job set kind = 'test.future'")).await.unwrap();
        bench.work().await;
        assert_eq!(bench.state(&id).await, (JobState::Queued, 1));
        work_to_the_end(&bench).await;
        let job = bench.job(&id).await;
        assert_eq!(job.state, JobState::Dead, "{}", bench.test.name);
        assert!(job.error.unwrap().contains("knows no job `test.future`"));
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_told_that_it_gave_up_is_told_again() {
    for bench in benches().await {
        let id = bench.enqueue(&Act::FailAndPanicWhenTold(2)).await;
        bench.work().await;
        assert_eq!(bench.state(&id).await, (JobState::Queued, 3), "{}", bench.test.name);
        work_to_the_end(&bench).await;
        assert_eq!(bench.notes.lines(), ["FailAndPanicWhenTold(2) 1", "gave up: never", "gave up: never", "gave up: never"]);
        assert_eq!(bench.state(&id).await, (JobState::Dead, 3));

        let hopeless = bench.enqueue(&Act::FailAndPanicWhenTold(usize::MAX)).await;
        work_to_the_end(&bench).await;
        assert_eq!(bench.state(&hopeless).await, (JobState::Dead, 3));
    }
}

#[tokio::test]
async fn one_unique_key_stands_in_the_queue_once() {
    for bench in benches().await {
        let keyed = || Enqueue { unique_key: Some("site:app_a".to_owned()), ..Enqueue::default() };
        let first = bench.enqueue_how(&Act::Refuse, keyed()).await.unwrap();
        assert_eq!(bench.enqueue_how(&Act::Succeed, keyed()).await, None);
        bench.work().await;
        assert_eq!(bench.state(&first).await, (JobState::Dead, 1));
        let second = bench.enqueue_how(&Act::Succeed, keyed()).await.expect("the key is free again");
        let clash = jobs::retry(&bench.test.db, &bench.clock, &first).await.unwrap_err();
        assert!(matches!(&clash, Error::Conflict(text) if text.contains("in the queue already")), "{clash:?}");
        bench.work().await;
        assert_eq!(bench.state(&second).await, (JobState::Done, 1), "{}", bench.test.name);
    }
}

#[tokio::test]
async fn old_jobs_are_forgotten_and_waiting_ones_are_not() {
    for bench in benches().await {
        let done = bench.enqueue(&Act::Succeed).await;
        let dead = bench.enqueue(&Act::Refuse).await;
        bench.work().await;
        let far = Enqueue { run_at: Some(bench.clock.now().plus(Duration::from_secs(400 * 86_400))), ..Enqueue::default() };
        let waiting = bench.enqueue_how(&Act::Succeed, far).await.unwrap();
        let ages = [
            (jobs::KEEP_DONE, vec![&done, &dead, &waiting]),
            (Duration::from_secs(1), vec![&dead, &waiting]),
            (jobs::KEEP_DEAD, vec![&waiting]),
        ];
        for (passed, left) in ages {
            bench.clock.advance(passed);
            let stop = CancellationToken::new();
            let running = tokio::spawn(bench.runner("one").run(stop.clone()));
            let mut left: Vec<JobId> = left.into_iter().cloned().collect();
            left.sort();
            eventually("the old ones are gone", || async {
                let listed = jobs::list(&bench.test.db, None, None).await.unwrap();
                let mut listed: Vec<JobId> = listed.into_iter().map(|job| job.id).collect();
                listed.sort();
                (listed == left).then_some(())
            })
            .await;
            stop.cancel();
            running.await.unwrap();
        }
    }
}

#[tokio::test]
async fn pages_of_the_list_go_back_in_time() {
    for bench in benches().await {
        let mut all = Vec::new();
        for _ in 0..60 {
            bench.clock.advance(Duration::from_millis(1));
            all.insert(0, bench.enqueue(&Act::Succeed).await);
        }
        for state in [None, Some(JobState::Queued)] {
            let first = jobs::list(&bench.test.db, state, None).await.unwrap();
            let second = jobs::list(&bench.test.db, state, Some(&first[49].id)).await.unwrap();
            let listed: Vec<JobId> = first.into_iter().chain(second).map(|job| job.id).collect();
            assert_eq!(listed, all, "{} {state:?}", bench.test.name);
        }
        assert!(jobs::list(&bench.test.db, Some(JobState::Dead), None).await.unwrap().is_empty());
    }
}
