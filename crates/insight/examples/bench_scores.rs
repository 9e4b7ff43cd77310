//! How long all scores take: `cargo run --release -p insight --example bench_scores [CUSTOMERS] [ACTIVE_DAYS]`.
//!
//! Each customer did something on every so many of the last 90 days. PostgreSQL is measured when `INNKEEPER_TEST_POSTGRES_URL` names one.
//! Told are the first time, which fills in 90 past days of each customer, and then all scores anew, a day later, and once more.

use std::time::{Duration, Instant};

use accounts::{Actor, CustomerId};
use events::{Config, EventId, EventName, Events, Identity, NewEvent, Source};
use insight::{Insight, health};
use kit::bus::Bus;
use kit::db::Value;
use kit::testing::{TestDb, postgres, sqlite};
use kit::{Clock, Timestamp, sql};

const NOW: Timestamp = Timestamp(1_795_262_400_000);
const DAY_MS: i64 = 86_400_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("a number"));
    let (customers, days) = (arguments.next().unwrap_or(10_000), arguments.next().unwrap_or(45));
    #[expect(clippy::disallowed_methods, reason = "the environment names the server")]
    let with_postgres = std::env::var_os("INNKEEPER_TEST_POSTGRES_URL").is_some();
    measure(sqlite().await, customers, days).await;
    if with_postgres {
        measure(postgres().await, customers, days).await;
    }
}

async fn measure(test: TestDb, customers: usize, days: usize) {
    let (clock, bus) = (Clock::manual(NOW), Bus::default());
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
    let events = Events::open(events::Ingredients { db: test.db.clone(), clock: clock.clone(), bus: bus.clone(), config })
        .expect("the settings are right");
    let insight = Insight::open(insight::Ingredients { db: test.db.clone(), clock: clock.clone(), bus, events: events.clone() });
    let ids: Vec<CustomerId> = (0..customers).map(|_| CustomerId::random()).collect();
    for ids in ids.chunks(5000) {
        let rows: Vec<Vec<Value>> =
            ids.iter().map(|id| vec![Value::from(id), NOW.minus(Duration::from_secs(100 * 86_400)).into()]).collect();
        let insert = sql("insert into customer (id, name, name_folded, currency, created_at) values ($1, $1, $1, 'EUR', $2)");
        test.db.write(async |tx| tx.execute_each(insert.clone(), rows.clone()).await).await.expect("customers are written");
    }
    let began = Instant::now();
    let mut batch = Vec::with_capacity(10_000);
    for (number, customer) in ids.iter().enumerate() {
        for day in 0..days {
            batch.push(event(number, day, 90 / days.max(1), customer));
            if batch.len() == batch.capacity() {
                events.accept(std::mem::take(&mut batch)).await.expect("events are taken in");
                batch.reserve(10_000);
            }
        }
    }
    events.accept(batch).await.expect("events are taken in");
    println!("{}: {customers} customers, {days} active days each, filled in {:.1} s", test.name, began.elapsed().as_secs_f64());
    for what in ["first time, with 90 past days of each", "all anew", "all anew, a day later", "all anew"] {
        if what.ends_with("later") {
            clock.advance(Duration::from_secs(86_400));
        }
        let before = memory();
        let done = health::recompute(&insight).await.expect("scores are made");
        println!("{}: {what}: {} ms, memory {before} to {} MB", test.name, done.took_ms, memory());
    }
    let began = Instant::now();
    for customer in ids.iter().cycle().step_by(7).take(1000) {
        health::of_customer(&insight, &Actor::cli().scope(), customer).await.expect("the score is made");
    }
    println!("{}: one customer in full: {:.2} ms", test.name, began.elapsed().as_secs_f64());
}

fn event(number: usize, day: usize, every: usize, customer: &CustomerId) -> NewEvent {
    let (name, props) = match (number + day) % 5 {
        0 | 1 => ("login", "{}".to_owned()),
        2 => ("api_call", r#"{"count":12}"#.to_owned()),
        3 => ("feature_used", format!(r#"{{"feature":"feature {}"}}"#, (number + day) % 12)),
        _ if day.is_multiple_of(10) => ("ticket_opened", "{}".to_owned()),
        _ => ("visit", "{}".to_owned()),
    };
    NewEvent {
        id: EventId::parse(&format!("{number}-{day}")).expect("an id"),
        source: Source::parse("bench").expect("a source"),
        name: EventName::parse(name).expect("a name"),
        person: None,
        customer: Some(customer.clone()),
        at: Timestamp(NOW.0 - i64::try_from(day * every).expect("few") * DAY_MS),
        props,
        identity: Identity::None,
    }
}

/// What this process holds, in MB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
