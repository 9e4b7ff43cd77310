//! Killed with SIGKILL again and again while events come in: what was acknowledged is there once, and is counted once.
//!
//! The process that is killed is this test binary itself, started again with [`FOLDER`] set. It sends everything twice, as SDKs do
//! that had no answer.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use accounts::{CustomerId, Scope};
use events::{Day, Filter};
use kit::db::migrations;
use kit::exec::Command;
use kit::{Clock, Db, sql};

use crate::house::{With, config, event, open};

const FOLDER: &str = "EVENTS_TEST_CRASH_FOLDER";
const DEATHS: usize = 12;
const SENDERS: i64 = 4;
const BATCH: i64 = 20;

async fn database(folder: &Path) -> (Db, CustomerId) {
    let db = Db::open_sqlite(&folder.join("innkeeper.db")).unwrap();
    db.migrate(&migrations()).await.unwrap();
    let customer = CustomerId::parse("cust_aaaaaaaaaaaa").unwrap();
    db.execute(
        sql("insert into customer (id, name, name_folded, currency, created_at) values ($1, 'Ada', 'ada', 'EUR', 1) on conflict (id) do nothing")
            .bind(&customer),
    )
    .await
    .unwrap();
    (db, customer)
}

/// What the killed process does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do")]
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (db, customer) = database(Path::new(&folder)).await;
    let events = open(&db, &Clock::System, config());
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let (events, customer) = (events.clone(), customer.clone());
        senders.push(tokio::spawn(async move {
            let now = Clock::System.now().0;
            for round in 0.. {
                let at = now + round;
                let batch: Vec<_> = (0..BATCH).map(|n| event(&format!("{at}-{sender}-{n}"), "login", at).of(&customer)).collect();
                let first = events.accept(batch.clone());
                let (first, second) = tokio::join!(first, events.accept(batch));
                first.unwrap();
                second.unwrap();
                writeln!(std::io::stdout(), "stored {at}-{sender}").unwrap();
            }
        }));
    }
    let tidying = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = events.sort_all().await;
        }
    });
    for sender in senders {
        sender.await.unwrap();
    }
    tidying.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_counted_twice_after_many_deaths() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut lives = 0;
    for life in 0..DEATHS {
        let before = acknowledged.len();
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture"])
            .env(FOLDER, folder.path())
            .stream(|line| {
                if let Some(batch) = line.strip_prefix("stored ") {
                    acknowledged.insert(batch.to_owned());
                }
            });
        // Dropping the future kills the process group with SIGKILL.
        if let Ok(ended) = tokio::time::timeout(Duration::from_millis(250 + 61 * life as u64), run).await {
            panic!("it ended by itself: {ended:?}");
        }
        lives += usize::from(acknowledged.len() > before);
    }
    assert!(lives >= DEATHS / 3, "{lives} lives lasted long enough to be a test");
    let (db, customer) = database(folder.path()).await;
    let events = open(&db, &Clock::System, config());
    let all = events.list(&Scope::house_of_job(), &Filter::default(), 10_000_000).await.unwrap();
    let ids: BTreeSet<String> = all.iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids.len(), all.len(), "an event is stored twice");
    for batch in &acknowledged {
        for n in 0..BATCH {
            assert!(ids.contains(&format!("{batch}-{n}")), "lost: {batch}-{n}");
        }
    }
    let history = events.history(&Scope::house_of_job(), &customer, Day(0), Day(100_000)).await.unwrap();
    assert_eq!(history.days.values().map(|counts| counts.logins).sum::<i64>(), all.len() as i64);
    // Sent once more, all are known.
    let again: Vec<_> = ids.iter().take(5_000).map(|id| event(id, "login", 1).of(&customer)).collect();
    let outcomes = events.accept(again).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == events::Outcome::Duplicate));
    println!("{} batches acknowledged, {} events stored, {lives} lives", acknowledged.len(), all.len());
}
