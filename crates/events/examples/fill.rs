//! Fills a database with customers and millions of events, through the writer that the server uses, and says how long that took.
//!
//! `cargo run --release -p events --example fill -- --database sqlite:/tmp/house/innkeeper.db --customers 100000 --events 20000000`
//!
//! `--database` is `sqlite:<file>` or an address of PostgreSQL. Customers are sample customers, so the house can be emptied again.
//! With `--by customer` the events of each million come customer by customer: of very many customers at random, each event would change a
//! row of its own on a page of its own, and filling takes ten times as long.

use std::time::{Duration, Instant};

use accounts::samples::{self, NewSample};
use accounts::{Actor, Currency, CustomerId, CustomerName};
use events::sample::Many;
use events::{Config, Events, Ingredients, NewEvent};
use kit::db::migrations;
use kit::{Clock, Db, sql};

/// Events in one call: what a writer folds into one transaction.
const AT_ONCE: u64 = 5_000;
/// Calls that wait at once, so that the writer always has the next group.
const WAITING: usize = 4;
/// Events that are put in order at once; about 500 MB.
const SLICE: u64 = 1_000_000;

#[tokio::main]
async fn main() -> kit::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let text = |name: &str, default: &str| {
        let place = words.iter().position(|word| word.strip_prefix("--") == Some(name));
        place.and_then(|place| words.get(place + 1)).cloned().unwrap_or_else(|| default.to_owned())
    };
    let figure = |name: &str, default: u64| text(name, "").parse().unwrap_or(default);
    let now = Clock::System.now();
    let many = Many {
        seed: figure("seed", 1),
        customers: u32::try_from(figure("customers", 1_000)).unwrap_or(1_000),
        events: figure("events", 1_000_000),
        days: u32::try_from(figure("days", 90)).unwrap_or(90),
        until: now,
    };
    // Events arrive when they happen, as in a house that has been there for long.
    let clock = Clock::manual(now.minus(Duration::from_secs(u64::from(many.days) * 86_400)));
    let place = text("database", "sqlite:innkeeper.db");
    let db = match place.strip_prefix("sqlite:") {
        Some(file) => Db::open_sqlite(std::path::Path::new(file))?,
        None => Db::open_postgres(&place, 8).await?,
    };
    db.migrate(&migrations()).await?;
    let config = Config {
        time_zone: text("time-zone", "UTC"),
        keep_days: 400,
        remember_ids_days: 7,
        waiting_mb: 64,
        import_mb: 1,
        features: 10,
        key_features: Vec::new(),
        remove_keys: Vec::new(),
    };
    let events = Events::open(Ingredients { db: db.clone(), clock: clock.clone(), bus: kit::bus::Bus::default(), config })?;
    let customers: Vec<CustomerId> = (0..many.customers).map(|number| many.customer(number)).collect();
    add(&db, &clock, &many, &customers).await?;
    let started = Instant::now();
    let mut waiting = std::collections::VecDeque::new();
    let by_customer = text("by", "time") == "customer";
    let mut slices = (0..many.events).step_by(SLICE as usize).map(|first| first..(first + SLICE).min(many.events));
    let mut left: Vec<NewEvent> = Vec::new();
    let mut next = 0;
    loop {
        if left.is_empty() && !by_customer && next < many.events {
            left = (next..(next + AT_ONCE).min(many.events)).map(|number| many.event(number, &customers)).collect();
            next += left.len() as u64;
        } else if left.is_empty()
            && by_customer
            && let Some(slice) = slices.next()
        {
            next = slice.end;
            clock.advance(many.part(slice.end - 1).at.since(clock.now()));
            left = slice.map(|number| many.event(number, &customers)).collect();
            left.sort_by(|a, b| (&b.customer, b.at).cmp(&(&a.customer, a.at)));
        }
        if !left.is_empty() && waiting.len() < WAITING {
            let batch = left.split_off(left.len().saturating_sub(AT_ONCE as usize));
            let events = events.clone();
            waiting.push_back(tokio::spawn(async move { events.accept(batch).await }));
        } else if let Some(first) = waiting.pop_front() {
            first.await.expect("the writer does not panic")?;
            if by_customer && left.is_empty() && waiting.is_empty() {
                // What the server does every half minute.
                events.tidy().await?;
                events.sort_all().await?;
            }
        } else if left.is_empty() {
            break;
        }
        if next % SLICE == 0 && left.is_empty() {
            eprintln!("{next} events, {:.0}/s", next as f64 / started.elapsed().as_secs_f64());
        }
    }
    let took = started.elapsed().as_secs_f64();
    println!(r#"{{"events":{},"seconds":{took:.1},"events_per_s":{:.0}}}"#, many.events, many.events as f64 / took);
    Ok(())
}

async fn add(db: &Db, clock: &Clock, many: &Many, customers: &[CustomerId]) -> kit::Result<()> {
    let seed = u32::try_from(many.seed).unwrap_or(1);
    db.execute(
        sql("insert into sample_house (seed, customers, days, until_at, mark, through_day, loaded_at)
             values ($1, 0, 0, $2, 'fill-', null, $2) on conflict (seed) do nothing")
        .bind(seed)
        .bind(clock.now()),
    )
    .await?;
    let samples: Vec<NewSample> = customers
        .iter()
        .enumerate()
        .map(|(number, id)| {
            Ok(NewSample {
                id: id.clone(),
                name: CustomerName::parse(&format!("Customer {number}"))?,
                currency: Currency::parse("EUR")?,
                created_at: clock.now(),
                people: Vec::new(),
            })
        })
        .collect::<kit::Result<_>>()?;
    for some in samples.chunks(5_000) {
        samples::add(db, clock, &Actor::cli(), seed, some).await?;
    }
    Ok(())
}
