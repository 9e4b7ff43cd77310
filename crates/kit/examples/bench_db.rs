//! What the storage layer costs beside the drivers it is made of: `cargo run --release -p kit --example bench_db`.
//!
//! Each row is the median of several rounds in which driver and layer take turns, so that a busy machine slows both.
//! PostgreSQL is measured when `INNKEEPER_TEST_POSTGRES_URL` names one. `--check` fails when a limit is missed.

use std::process::ExitCode;
use std::time::Instant;

use kit::db::Value;
use kit::{Db, Result, sql, testing};
use rusqlite::Connection;

const ROUNDS: usize = 7;
const ROWS: i64 = 20_000;
const READS: i64 = 3_000;
const SINGLE_INSERTS: i64 = 300;
const BULK: i64 = 5_000;

const TABLE: &str = "create table rollup (customer text not null, day bigint not null, hits bigint not null, primary key (customer, day))";
const INSERT: &str = "insert into rollup (customer, day, hits) values ($1, $2, $3)
    on conflict (customer, day) do update set hits = rollup.hits + excluded.hits";
const POINT: &str = "select hits from rollup where customer = $1 and day = $2";
const RANGE: &str = "select day, hits from rollup where customer = $1 and day < $2 order by day";

/// What is measured, how many operations that is, and how much of the driver's speed must remain.
///
/// The layer answers from another thread (SQLite) and takes owned values, which a point read feels most: the limit there
/// says that the hop stays in the tens of microseconds.
const TASKS: [(&str, i64, f64); 4] = [
    ("point read", READS, 0.10),
    ("read of 90 rows", READS / 3, 0.35),
    ("insert, one a transaction", SINGLE_INSERTS, 0.50),
    ("insert, 5000 a transaction", BULK, 0.60),
];

fn customer(at: i64) -> String {
    format!("cust_{:08}", at * 7919 % (ROWS / 100))
}

#[tokio::main]
async fn main() -> ExitCode {
    let check = std::env::args().any(|arg| arg == "--check");
    #[expect(clippy::disallowed_methods, reason = "the environment names the server")]
    let with_postgres = std::env::var_os("INNKEEPER_TEST_POSTGRES_URL").is_some();
    let mut missed = sqlite().await;
    if with_postgres {
        missed += postgres().await;
    } else {
        println!("PostgreSQL: not measured, INNKEEPER_TEST_POSTGRES_URL is not set");
    }
    if check && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn sqlite() -> usize {
    let test = testing::empty_sqlite();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let driver = Connection::open(folder.path().join("driver.db")).expect("SQLite opens");
    driver.execute_batch("pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -1000").expect("the same settings");
    driver.execute_batch(TABLE).expect("the table is made");
    prepare(&test.db).await;
    lite_bulk(&driver, 0, ROWS).expect("rows go in");
    let mut measured = Measured::new("SQLite");
    for round in 0..ROUNDS as i64 {
        for (at, (_, count, _)) in TASKS.iter().enumerate() {
            let started = Instant::now();
            lite_task(&driver, at, *count, round).expect("the driver works");
            measured.driver[at].push(started.elapsed().as_secs_f64());
            measured.layer[at].push(layer_task(&test.db, at, *count, round).await);
        }
    }
    measured.print()
}

async fn postgres() -> usize {
    let (test, other) = (testing::empty_postgres().await, testing::empty_postgres().await);
    let url = other.postgres_url().expect("it is PostgreSQL");
    let (driver, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("PostgreSQL answers");
    tokio::spawn(connection);
    prepare(&test.db).await;
    prepare(&other.db).await;
    let mut measured = Measured::new("PostgreSQL");
    for round in 0..ROUNDS as i64 {
        for (at, (_, count, _)) in TASKS.iter().enumerate() {
            let started = Instant::now();
            postgres_task(&driver, at, *count, round).await.expect("the driver works");
            measured.driver[at].push(started.elapsed().as_secs_f64());
            measured.layer[at].push(layer_task(&test.db, at, *count, round).await);
        }
    }
    measured.print()
}

async fn prepare(db: &Db) {
    db.execute(sql(TABLE)).await.expect("the table is made");
    layer_bulk(db, 0, ROWS).await.expect("rows go in");
}

async fn layer_bulk(db: &Db, first: i64, count: i64) -> Result<u64> {
    db.write(async |tx| {
        let rows = (first..first + count).map(|at| vec![customer(at).into(), Value::Int(at / 50), Value::Int(1)]).collect();
        tx.execute_each(sql(INSERT), rows).await
    })
    .await
}

async fn layer_task(db: &Db, task: usize, count: i64, round: i64) -> f64 {
    let started = Instant::now();
    match task {
        0 => {
            for at in 0..count {
                let _: Option<(i64,)> = db.optional(sql(POINT).bind(customer(at)).bind(at / 50)).await.expect("it reads");
            }
        }
        1 => {
            for at in 0..count {
                let _: Vec<(i64, i64)> = db.all(sql(RANGE).bind(customer(at)).bind(90)).await.expect("it reads");
            }
        }
        2 => {
            for at in 0..count {
                db.execute(sql(INSERT).bind(customer(at)).bind(1000 + round).bind(1)).await.expect("it writes");
            }
        }
        _ => {
            layer_bulk(db, ROWS * (round + 1), count).await.expect("it writes");
        }
    }
    started.elapsed().as_secs_f64()
}

fn lite_bulk(driver: &Connection, first: i64, count: i64) -> rusqlite::Result<()> {
    driver.execute_batch("begin immediate")?;
    let mut insert = driver.prepare_cached(&INSERT.replace('$', "?"))?;
    for at in first..first + count {
        insert.execute((customer(at), at / 50, 1))?;
    }
    driver.execute_batch("commit")
}

fn lite_task(driver: &Connection, task: usize, count: i64, round: i64) -> rusqlite::Result<()> {
    let (point, range, insert) = (POINT.replace('$', "?"), RANGE.replace('$', "?"), INSERT.replace('$', "?"));
    match task {
        0 => {
            for at in 0..count {
                let mut statement = driver.prepare_cached(&point)?;
                let _: Vec<i64> = statement.query_map((customer(at), at / 50), |row| row.get(0))?.collect::<Result<_, _>>()?;
            }
        }
        1 => {
            for at in 0..count {
                let mut statement = driver.prepare_cached(&range)?;
                let rows = statement.query_map((customer(at), 90), |row| Ok((row.get(0)?, row.get(1)?)))?;
                let _: Vec<(i64, i64)> = rows.collect::<Result<_, _>>()?;
            }
        }
        2 => {
            for at in 0..count {
                driver.prepare_cached(&insert)?.execute((customer(at), 1000 + round, 1))?;
            }
        }
        _ => lite_bulk(driver, ROWS * (round + 1), count)?,
    }
    Ok(())
}

async fn postgres_task(driver: &tokio_postgres::Client, task: usize, count: i64, round: i64) -> Result<(), tokio_postgres::Error> {
    match task {
        0 => {
            let point = driver.prepare(POINT).await?;
            for at in 0..count {
                driver.query(&point, &[&customer(at), &(at / 50)]).await?;
            }
        }
        1 => {
            let range = driver.prepare(RANGE).await?;
            for at in 0..count {
                let rows = driver.query(&range, &[&customer(at), &90_i64]).await?;
                let _: Vec<(i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            }
        }
        2 => {
            let insert = driver.prepare(INSERT).await?;
            for at in 0..count {
                driver.batch_execute("begin isolation level serializable").await?;
                driver.execute(&insert, &[&customer(at), &(1000 + round), &1_i64]).await?;
                driver.batch_execute("commit").await?;
            }
        }
        _ => {
            let insert = driver.prepare(INSERT).await?;
            driver.batch_execute("begin isolation level serializable").await?;
            let first = ROWS * (round + 1);
            let sent = (first..first + count).map(|at| {
                let insert = &insert;
                async move { driver.execute(insert, &[&customer(at), &(at / 50), &1_i64]).await }
            });
            futures_util::future::try_join_all(sent).await?;
            driver.batch_execute("commit").await?;
        }
    }
    Ok(())
}

/// Seconds of each round, by task.
struct Measured {
    engine: &'static str,
    driver: [Vec<f64>; TASKS.len()],
    layer: [Vec<f64>; TASKS.len()],
}

impl Measured {
    fn new(engine: &'static str) -> Measured {
        Measured { engine, driver: Default::default(), layer: Default::default() }
    }

    /// Prints the table; returns how many limits were missed.
    fn print(mut self) -> usize {
        println!("{:<28} {:>12} {:>12} {:>8} {:>8}", self.engine, "driver µs", "layer µs", "ratio", "limit");
        let mut missed = 0;
        for (at, (name, count, limit)) in TASKS.iter().enumerate() {
            let [driver, layer] = [&mut self.driver[at], &mut self.layer[at]].map(|rounds| {
                rounds.sort_by(f64::total_cmp);
                rounds[rounds.len() / 2] * 1e6 / *count as f64
            });
            let ratio = driver / layer;
            missed += usize::from(ratio < *limit);
            let verdict = if ratio < *limit { "  missed" } else { "" };
            println!("{name:<28} {driver:>12.1} {layer:>12.1} {ratio:>8.2} {limit:>8.2}{verdict}");
        }
        missed
    }
}
