//! How many events a second the writer takes, without HTTP: `cargo run --release -p events --example bench_ingest [EVENTS] [CUSTOMERS]`.
//!
//! Senders hand in batches of 100 at once and wait for the answer, as many doors do. PostgreSQL is measured when
//! `INNKEEPER_TEST_POSTGRES_URL` names one. Then: bytes on disk by part, sorting, reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use accounts::{CustomerId, Scope};
use events::{Config, Day, EventId, EventName, Events, Filter, Identity, Ingredients, NewEvent, Source};
use kit::bus::Bus;
use kit::db::Value;
use kit::testing::{TestDb, postgres, sqlite};
use kit::{Clock, Db, Timestamp, sql};

const BATCH: usize = 100;
const SENDERS: usize = 64;
const NAMES: [&str; 8] = ["login", "api_call", "feature_used", "visit", "build_started", "build_succeeded", "$pageview", "Report Exported"];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("a number"));
    let (events, customers) = (arguments.next().unwrap_or(1_000_000), arguments.next().unwrap_or(1000));
    #[expect(clippy::disallowed_methods, reason = "the environment names the server")]
    let with_postgres = std::env::var_os("INNKEEPER_TEST_POSTGRES_URL").is_some();
    measure(sqlite().await, events, customers).await;
    if with_postgres {
        measure(postgres().await, events, customers).await;
    }
}

async fn measure(test: TestDb, count: usize, customers: usize) {
    let clock = Clock::System;
    let now = clock.now().0;
    let customers: Arc<Vec<CustomerId>> = Arc::new((0..customers).map(|_| CustomerId::random()).collect());
    add_customers(&test.db, &customers).await;
    let config = Config {
        time_zone: "Europe/Berlin".to_owned(),
        keep_days: 400,
        remember_ids_days: 7,
        waiting_mb: 64,
        import_mb: 1,
        features: 10,
        key_features: Vec::new(),
        remove_keys: Vec::new(),
    };
    let events = Events::open(Ingredients { db: test.db.clone(), clock, bus: Bus::default(), config }).expect("the settings are right");
    let before = size(&test.db).await;
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..SENDERS {
        let (events, next, customers) = (events.clone(), next.clone(), customers.clone());
        senders.spawn(async move {
            let mut waits = Vec::new();
            loop {
                let first = next.fetch_add(BATCH, Ordering::Relaxed);
                if first >= count {
                    return waits;
                }
                let batch = (first..first + BATCH).map(|at| event(at, now - (count - at) as i64, &customers)).collect();
                let sent = Instant::now();
                events.accept(batch).await.expect("events are taken");
                waits.push(sent.elapsed());
            }
        });
    }
    let mut waits: Vec<Duration> = senders.join_all().await.concat();
    let took = begun.elapsed();
    waits.sort_unstable();
    println!(
        "{}: {:.0} events/s with {SENDERS} senders and {} customers; answer p50 {:?}, p99 {:?}; last group {} events",
        test.name,
        count as f64 / took.as_secs_f64(),
        customers.len(),
        waits[waits.len() / 2],
        waits[waits.len() * 99 / 100],
        events.vitals().last_group,
    );
    parts(&test.db, count, "as they came").await;
    let begun = Instant::now();
    events.sort_all().await.expect("blocks are sorted");
    println!("  sorted in {:.1?}: {:.0} events/s", begun.elapsed(), count as f64 / begun.elapsed().as_secs_f64());
    parts(&test.db, count, "sorted").await;
    println!("  whole database: {:.1} bytes an event", (size(&test.db).await - before) as f64 / count as f64);
    let begun = Instant::now();
    let again: Vec<NewEvent> = (0..10_000).map(|at| at * 37 % count).map(|at| event(at, now - (count - at) as i64, &customers)).collect();
    let outcomes = events.accept(again).await.expect("events are taken");
    let known = outcomes.iter().filter(|outcome| **outcome == events::Outcome::Duplicate).count();
    println!("  10 000 sent again: {known} known, in {:.1?}", begun.elapsed());
    reads(&events, &customers, now).await;
}

async fn reads(events: &Events, customers: &[CustomerId], now: i64) {
    let house = Scope::house_of_job();
    let today = events.calendar().day(Timestamp(now));
    for (what, filter) in [
        ("newest 50", Filter::default()),
        ("newest 50 of a customer", Filter { customer: Some(customers[7].clone()), ..Filter::default() }),
        ("newest 50 of a name", Filter { names: vec!["login".to_owned()], ..Filter::default() }),
    ] {
        let begun = Instant::now();
        for _ in 0..10 {
            events.list(&house, &filter, 50).await.expect("events are read");
        }
        println!("  {what}: {:.1?}", begun.elapsed() / 10);
    }
    let begun = Instant::now();
    for customer in customers.iter().cycle().take(500) {
        events.history(&house, customer, Day(today.0 - 89), today).await.expect("history is read");
    }
    println!("  history of a customer: {:.0?}", begun.elapsed() / 500);
}

async fn size(db: &Db) -> i64 {
    kit::db::dialect::vitals(db).await.expect("the size is known").bytes
}

async fn parts(db: &Db, count: usize, when: &str) {
    let (blocks, heads, ids, props): (i64, i64, i64, i64) = db
        .one(sql("select cast(count(*) as bigint), cast(coalesce(sum(length(heads)), 0) as bigint),
                         cast(coalesce(sum(length(ids)), 0) as bigint), cast(coalesce(sum(length(props)), 0) as bigint) from event_block"))
        .await
        .expect("sums");
    let (days, rows): (i64, i64) = db
        .one(sql("select cast(coalesce(sum(length(body)), 0) as bigint), cast(count(*) as bigint) from subject_days"))
        .await
        .expect("sums");
    let (runs,): (i64,) = db.one(sql("select cast(coalesce(sum(length(body)), 0) as bigint) from event_id_page")).await.expect("sums");
    let (filters,): (i64,) = db.one(sql("select cast(coalesce(sum(length(filter)), 0) as bigint) from event_id_run")).await.expect("sums");
    let each = |bytes: i64| bytes as f64 / count as f64;
    println!(
        "  {when}: {blocks} blocks; bytes an event: heads {:.1}, ids {:.1}, properties {:.1}, counts {:.1} ({rows} rows), known ids {:.1}",
        each(heads),
        each(ids),
        each(props),
        each(days),
        each(runs + filters)
    );
}

async fn add_customers(db: &Db, customers: &[CustomerId]) {
    let rows: Vec<Vec<Value>> = customers.iter().map(|id| vec![id.into()]).collect();
    db.write(async |tx| {
        let insert = "insert into customer (id, name, name_folded, currency, created_at) values ($1, $1, $1, 'EUR', 1)";
        tx.execute_each(sql(insert), rows.clone()).await
    })
    .await
    .expect("customers are added");
}

/// An event like those that posthog-node sends: a UUID, the library's properties, some of one's own.
fn event(at: usize, time: i64, customers: &[CustomerId]) -> NewEvent {
    let mixed = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let other = mixed.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let customer = (mixed >> 33) as usize % customers.len();
    let id = format!(
        "{:08x}-{:04x}-7{:03x}-a{:03x}-{:012x}",
        time as u32,
        mixed as u16,
        other as u16 & 0xfff,
        mixed as u16 & 0xfff,
        other >> 16
    );
    let props = format!(
        r#"{{"$lib":"posthog-node","$lib_version":"5.70.0","$geoip_disable":true,"$groups":{{"customer":"{}"}},"site":"s{}","feature":"f{}","plan":"{}","duration_ms":{},"path":"/reports/{}","count":{}}}"#,
        customers[customer],
        mixed % 50,
        other % 12,
        ["free", "pro", "team"][(mixed % 3) as usize],
        other % 5000,
        other % 900,
        other % 9
    );
    NewEvent {
        id: EventId::parse(&id).expect("an id"),
        source: Source::parse("posthog").expect("a source"),
        name: EventName::parse(NAMES[(mixed >> 20) as usize % NAMES.len()]).expect("a name"),
        person: Some(format!("user-{customer}-{}", mixed % 20)),
        customer: Some(customers[customer].clone()),
        at: Timestamp(time),
        props,
        identity: Identity::None,
    }
}
