//! Migrations: once, in order, never an unknown or a changed one, over rows that were there before.

use std::collections::HashSet;

use kit::db::{Migration, migrations};
use kit::testing::{TestDb, empty_databases, empty_postgres, empty_sqlite};
use kit::{Db, Error, sql};

fn migration(version: i64, text: &str) -> Migration {
    Migration { version, name: format!("step{version}"), sql: text.to_owned(), sample: None }
}

async fn applied(test: &TestDb) -> i64 {
    test.count("select cast(count(*) as bigint) from schema_migration").await
}

#[test]
fn numbers_count_up_from_one_and_every_migration_brings_samples() {
    let numbers: Vec<i64> = migrations().iter().map(|migration| migration.version).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>(), "a number is missing or given twice");
    for migration in migrations() {
        let creates = migration.sql.contains("create table");
        assert!(!creates || migration.sample.is_some(), "migrations/samples/{:04}.sql is missing", migration.version);
    }
}

#[tokio::test]
async fn a_second_run_does_nothing_and_a_new_step_runs_alone() {
    for test in empty_databases().await {
        let mut steps = vec![migration(1, "create table a (id bigint primary key); create table b (id bigint primary key)")];
        assert_eq!(test.db.migrate(&steps).await.unwrap(), ["0001_step1"]);
        assert!(test.db.migrate(&steps).await.unwrap().is_empty());
        steps.push(migration(2, "alter table a add column name text"));
        assert_eq!(test.db.migrate(&steps).await.unwrap(), ["0002_step2"], "{}", test.name);
        test.db.execute(sql("insert into a (id, name) values (1, 'x')")).await.unwrap();
    }
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_and_is_named() {
    for test in empty_databases().await {
        let steps = [migration(1, "create table a (id bigint primary key)"), migration(2, "create table b (id bigint); create tabel c ()")];
        let error = test.db.migrate(&steps).await.unwrap_err().to_string();
        assert!(error.contains("0002_step2"), "{error}");
        let error = test.db.all::<(i64,)>(sql("select id from a")).await;
        assert!(error.is_err(), "{}: the first step was kept although the second failed", test.name);
        assert_eq!(test.db.migrate(&steps[..1]).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_newer_database_and_a_changed_migration_are_refused() {
    for test in empty_databases().await {
        let steps = [migration(1, "create table a (id bigint primary key)"), migration(2, "create table b (id bigint primary key)")];
        test.db.migrate(&steps).await.unwrap();
        let error = test.db.migrate(&steps[..1]).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)));
        let text = error.public_message();
        assert!(text.contains("newer than this innkeeper") && text.contains("0002_step2") && text.contains("up to 0001"), "{text}");

        let changed = [steps[0].clone(), migration(2, "create table b (id bigint primary key, name text)")];
        let text = test.db.migrate(&changed).await.unwrap_err().public_message();
        assert!(text.contains("0002_step2 was changed after"), "{text}");
        assert_eq!(applied(&test).await, 2, "{}", test.name);
    }
}

async fn migrate_at_once(test: &TestDb, first: Db, second: Db) {
    let steps = migrations();
    let (one, other) = tokio::join!(first.migrate(&steps), second.migrate(&steps));
    let ran = [one.unwrap(), other.unwrap()].concat();
    assert_eq!(ran.len(), steps.len(), "{}: {ran:?}", test.name);
    assert_eq!(ran.iter().collect::<HashSet<_>>().len(), steps.len());
    assert_eq!(applied(test).await, steps.len() as i64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_that_start_together_migrate_once() {
    for _ in 0..3 {
        let test = empty_postgres().await;
        let second = test.another_instance().await;
        migrate_at_once(&test, test.db.clone(), second).await;
        let test = empty_sqlite();
        let second = Db::open_sqlite(&test.folder().unwrap().join("innkeeper.db")).unwrap();
        migrate_at_once(&test, test.db.clone(), second).await;
    }
}

#[tokio::test]
async fn each_migration_runs_over_the_rows_of_those_before() {
    let mut steps = migrations();
    // Stands for a next one, so that the newest one's samples are run over, too.
    steps.push(migration(steps.len() as i64 + 1, "alter table job add column note text; update job set note = kind;"));
    for test in empty_databases().await {
        for (at, step) in steps.iter().enumerate() {
            let ran = test.db.migrate(&steps[..=at]).await;
            assert_eq!(ran.unwrap(), [format!("{:04}_{}", step.version, step.name)], "{}", test.name);
            if let Some(sample) = &step.sample {
                test.run_script(sample).await;
            }
        }
        assert!(test.count("select cast(count(*) as bigint) from job where note = kind").await > 0, "{}", test.name);
    }
}
