//! Killed with SIGKILL again and again while events come in, or while a file is imported: what was acknowledged is there once, and is
//! counted once.
//!
//! The process that is killed is this test binary itself, started again with [`DATABASE`] set. It sends everything twice, as SDKs do
//! that had no answer.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use accounts::{Actor, CustomerId, Scope};
use events::imports::{self, ImportId, ImportState, Imports, Order, RunImport};
use events::{Day, Events, Filter, Source};
use kit::bus::Bus;
use kit::exec::Command;
use kit::jobs::{Attempt, Job, JobId};
use kit::testing::{TestDb, postgres, sqlite};
use kit::{Clock, Db, sql};

use crate::house::{House, With, config, event, open};

/// The file of a SQLite database, or the address of a PostgreSQL one.
const DATABASE: &str = "EVENTS_TEST_CRASH_DATABASE";
/// The folder and the id of an import.
const FOLDER: &str = "EVENTS_TEST_CRASH_FOLDER";
const IMPORT: &str = "EVENTS_TEST_CRASH_IMPORT";
const DEATHS: usize = 12;
const SENDERS: i64 = 4;
const BATCH: i64 = 20;

fn place(test: &TestDb) -> String {
    match test.postgres_url() {
        Some(url) => url.to_owned(),
        None => test.folder().unwrap().join("innkeeper.db").to_string_lossy().into_owned(),
    }
}

async fn database(place: &str) -> Db {
    match place.starts_with("postgres") {
        true => Db::open_postgres(place, 8).await.unwrap(),
        false => Db::open_sqlite(Path::new(place)).unwrap(),
    }
}

#[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What the killed process does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(place) = told(DATABASE) else { return };
    let db = database(&place).await;
    let (customer,): (CustomerId,) = db.one(sql("select id from customer order by id limit 1")).await.unwrap();
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
async fn nothing_acknowledged_is_lost_or_counted_twice_after_many_deaths_on_sqlite() {
    die_again_and_again(sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_counted_twice_after_many_deaths_on_postgres() {
    die_again_and_again(postgres().await).await;
}

async fn die_again_and_again(test: TestDb) {
    let house = House::of(test).await;
    let place = place(&house.test);
    let mut acknowledged = BTreeSet::new();
    let mut lives = 0;
    for life in 0..DEATHS {
        let before = acknowledged.len();
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture"])
            .env(DATABASE, &place)
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
    let (db, clock) = (database(&place).await, Clock::System);
    let (customer,): (CustomerId,) = db.one(sql("select id from customer order by id limit 1")).await.unwrap();
    let events = open(&db, &clock, config());
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

fn importing(db: &Db, folder: PathBuf) -> (Imports, Events) {
    let events = open(db, &Clock::System, config());
    let ingredients = imports::Ingredients { db: db.clone(), clock: Clock::System, bus: Bus::default(), events: events.clone(), folder };
    (Imports::open(ingredients), events)
}

/// The process that is killed while it imports.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn importing_child() {
    let (Some(place), Some(folder), Some(id)) = (told(DATABASE), told(FOLDER), told(IMPORT)) else { return };
    let (imports, _) = importing(&database(&place).await, folder.into());
    let attempt = Attempt { id: JobId::new(&Clock::System), number: 1, last: false };
    RunImport { import_id: ImportId::parse(&id).unwrap() }.run(imports, attempt).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_goes_on_and_stores_each_row_once_on_sqlite() {
    import_through_deaths(sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_goes_on_and_stores_each_row_once_on_postgres() {
    import_through_deaths(postgres().await).await;
}

async fn import_through_deaths(test: TestDb) {
    const ROWS: u64 = 30_000;
    let (place, folder) = (place(&test), tempfile::tempdir().unwrap());
    let (imports, events) = importing(&test.db, folder.path().to_owned());
    let mut upload = imports.upload(&Actor::cli(), "history.csv", None).await.unwrap();
    upload.write(b"event,time,person\n").await.unwrap();
    for row in 0..ROWS {
        upload.write(format!("login,2026-07-01T10:00:00Z,u{}\n", row % 50).as_bytes()).await.unwrap();
    }
    let id = upload.finish().await.unwrap().id;
    let order = Order { mapping: Vec::new(), source: Source::parse("import").unwrap(), is_check: false };
    imports.start(&Actor::cli(), &id, &order).await.unwrap();
    let (mut deaths, mut patience) = (0, Duration::from_millis(350));
    while imports.get(&id).await.unwrap().state == ImportState::Running {
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::importing_child", "--nocapture"])
            .env(DATABASE, &place)
            .env(FOLDER, folder.path())
            .env(IMPORT, id.as_str())
            .stream(|_| {});
        match tokio::time::timeout(patience, run).await {
            Ok(ended) => ended.unwrap(),
            Err(_) => deaths += 1,
        }
        // At first it dies early; in the end it must come through on a slow machine, too.
        patience += Duration::from_millis(70) * deaths;
        assert!(deaths < 100, "it does not get any further");
    }
    let import = imports.get(&id).await.unwrap();
    let report = import.report.unwrap();
    println!("{deaths} deaths, {} of them while importing, {} rows stored again", import.restarts, report.duplicates);
    assert_eq!((import.state, report.rows, report.refused), (ImportState::Done, ROWS, 0));
    assert!(import.restarts >= 1, "it was never interrupted: no test");
    assert_eq!(report.stored + report.duplicates, ROWS);
    assert!(report.duplicates <= 1_000 * u64::from(import.restarts));
    let all = events.list(&Scope::house_of_job(), &Filter::default(), 1_000_000).await.unwrap();
    assert_eq!(all.len() as u64, ROWS);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file is not needed any more");
}
