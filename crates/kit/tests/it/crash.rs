//! Killed with SIGKILL again and again while it enqueues and works jobs: what was acknowledged is there, and all of it ends.
//!
//! The process that is killed is this test binary itself, started again with [`FOLDER`] set.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use kit::db::migrations;
use kit::exec::Command;
use kit::jobs::{self, Attempt, Enqueue, Job, JobState, Registry, Runner};
use kit::{Clock, Db, Result, sql};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::eventually;

const FOLDER: &str = "KIT_TEST_CRASH_FOLDER";
const DEATHS: usize = 20;

/// Adds its number to the ledger, once, however often it runs.
#[derive(Debug, Serialize, Deserialize)]
struct Enter {
    number: i64,
}

impl Job<Db> for Enter {
    const KIND: &'static str = "test.enter";
    // Each death counts as a try of what was running: enough to outlive all of them.
    const MAX_ATTEMPTS: i64 = DEATHS as i64 + 8;

    async fn run(self, db: Db, _attempt: Attempt) -> Result<()> {
        db.execute(
            sql("insert into ledger (number, runs) values ($1, 1)
                 on conflict (number) do update set runs = ledger.runs + 1")
            .bind(self.number),
        )
        .await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok(())
    }
}

async fn open(folder: &Path) -> Db {
    let db = Db::open_sqlite(&folder.join("innkeeper.db")).unwrap();
    db.migrate(&migrations()).await.unwrap();
    db.execute(sql("create table if not exists ledger (number bigint primary key, runs bigint not null)")).await.unwrap();
    db.execute(sql("create table if not exists wish (number bigint primary key)")).await.unwrap();
    db
}

fn runner(db: &Db) -> Runner<Db> {
    Runner::new(db.clone(), Clock::System, db.clone(), Registry::default().job::<Enter>(), "one", 4)
}

/// What the killed process does: wishes and the jobs for them, both or none, each acknowledged on standard output.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do")]
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let db = open(Path::new(&folder)).await;
    tokio::spawn(runner(&db).run(CancellationToken::new()));
    let (first,): (i64,) = db.one(sql("select coalesce(max(number), 0) from wish")).await.unwrap();
    for number in first + 1.. {
        db.write(async |tx| {
            tx.execute(sql("insert into wish (number) values ($1)").bind(number)).await?;
            jobs::enqueue::<Db, _>(&tx, &Clock::System, &Enter { number }, Enqueue::default()).await
        })
        .await
        .unwrap();
        writeln!(std::io::stdout(), "wish {number}").unwrap();
    }
}

async fn numbers(db: &Db, query: &'static str) -> BTreeSet<i64> {
    db.all::<(i64,)>(sql(query)).await.unwrap().into_iter().map(|(number,)| number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_hangs_after_twenty_deaths() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut lives_with_wishes = 0;
    for _ in 0..DEATHS {
        let before = acknowledged.len();
        let life = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture"])
            .env(FOLDER, folder.path())
            .stream(|line| {
                if let Some(number) = line.strip_prefix("wish ") {
                    acknowledged.insert(number.parse::<i64>().unwrap());
                }
            });
        // Dropping the future kills the process group with SIGKILL.
        let span = Duration::from_millis(rand::rng().random_range(40..500));
        if let Ok(ended) = tokio::time::timeout(span, life).await {
            panic!("it ended by itself: {ended:?}");
        }
        lives_with_wishes += usize::from(acknowledged.len() > before);
        let check = rusqlite::Connection::open(folder.path().join("innkeeper.db")).unwrap();
        let sound: String = check.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
    }
    assert!(lives_with_wishes >= DEATHS / 4, "{lives_with_wishes} lives lasted long enough to be a test");

    let db = open(folder.path()).await;
    let wishes = numbers(&db, "select number from wish").await;
    assert!(acknowledged.is_subset(&wishes), "lost: {:?}", acknowledged.difference(&wishes));
    let (jobs_left, resumed): (i64, i64) =
        db.one(sql("select count(*), coalesce(sum(state = 'running'), 0) from job where state in ('queued', 'running')")).await.unwrap();

    let stop = CancellationToken::new();
    let running = tokio::spawn(runner(&db).run(stop.clone()));
    eventually("all jobs are done", || async {
        let counts = jobs::counts(&db).await.unwrap();
        counts.iter().all(|(state, _)| *state == JobState::Done).then_some(())
    })
    .await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(numbers(&db, "select number from ledger").await, wishes, "a wish without its job, or a job without its wish");
    let (done, runs): (i64, i64) =
        db.one(sql("select (select count(*) from job where state = 'done'), (select sum(runs) from ledger)")).await.unwrap();
    assert_eq!(done, wishes.len() as i64);
    assert!(runs <= done + (DEATHS as i64) * 4, "{runs} runs for {done} jobs: more were repeated than were at work at a death");
    println!(
        "{} acknowledged, {done} jobs, {runs} runs, {jobs_left} left at the last death, {resumed} of them at work",
        acknowledged.len()
    );
}
