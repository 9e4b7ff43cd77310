//! Asks a house full of events (made with `events`' example `fill`) for funnels and cohorts, first and again, and says how long each took.
//!
//! `cargo run --release -p insight --example bench_funnel -- --database sqlite:/tmp/house/innkeeper.db --days 30`
//!
//! Prints one JSON object. "First" is with the database's pages in the system's memory and no answer kept.

use std::time::Instant;

use accounts::Actor;
use events::{Config, Events, Sweep, Who};
use insight::funnel::{self, Attribution, Breakdown, Cell, Order, Question, Range, stages};
use insight::retention;
use insight::{Ingredients, Insight};
use kit::bus::Bus;
use kit::{Clock, Db};

const ROUNDS: usize = 5;
const STEPS: [&str; 6] = ["login", "feature_used", "api_call", "build_started", "build_succeeded", "deploy_succeeded"];

#[tokio::main]
async fn main() -> kit::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let text = |name: &str, default: &str| {
        let place = words.iter().position(|word| word.strip_prefix("--") == Some(name));
        place.and_then(|place| words.get(place + 1)).cloned().unwrap_or_else(|| default.to_owned())
    };
    let days: u32 = text("days", "30").parse().unwrap_or(30);
    let place = text("database", "sqlite:innkeeper.db");
    let db = match place.strip_prefix("sqlite:") {
        Some(file) => Db::open_sqlite(std::path::Path::new(file))?,
        None => Db::open_postgres(&place, 8).await?,
    };
    db.migrate(&kit::db::migrations()).await?;
    let (clock, bus) = (Clock::System, Bus::default());
    let config = Config {
        time_zone: text("time-zone", "UTC"),
        keep_days: 400,
        remember_ids_days: 7,
        waiting_mb: 64,
        import_mb: 1024,
        features: 10,
        key_features: Vec::new(),
        remove_keys: Vec::new(),
    };
    let events = Events::open(events::Ingredients { db: db.clone(), clock: clock.clone(), bus: bus.clone(), config })?;
    if text("sort", "yes") == "yes" {
        events.sort_all().await?;
    }
    let open = || Insight::open(Ingredients { db: db.clone(), clock: clock.clone(), bus: bus.clone(), events: events.clone() });
    let actor = Actor::cli();
    let question = Question {
        steps: STEPS.map(str::to_owned).into(),
        order: Order::Ordered,
        window_hours: 24 * 14,
        range: Range::Last(days),
        who: Who::People,
        breakdown: None,
    };
    let (from, to) = {
        let today = events.calendar().day(clock.now());
        (events.calendar().start(today.plus(1 - i64::from(days))), events.calendar().start(today.plus(1)))
    };
    let counted = events
        .sweep(Sweep { from, to, with_props: false }, |count: &mut u64, sight| {
            sight.each(|_, _| *count += 1);
            Ok(())
        })
        .await?;
    let in_range: u64 = counted.iter().sum();

    let asked = [
        ("funnel", question.clone()),
        ("funnel_strict", Question { order: Order::Strict, ..question.clone() }),
        ("funnel_any_order", Question { order: Order::Any, ..question.clone() }),
        ("funnel_of_customers", Question { who: Who::Customers, ..question.clone() }),
        (
            "funnel_by_property",
            Question { breakdown: Some(Breakdown { by: "site_type".to_owned(), attribution: Attribution::Last }), ..question.clone() },
        ),
    ];
    let mut said = vec![format!(
        r#""database":"{}","days":{days},"events_in_range":{in_range}"#,
        if db.is_postgres() { "postgres" } else { "sqlite" }
    )];
    for (name, question) in &asked {
        let (mut first, mut again, mut behind) = (Vec::new(), Vec::new(), Vec::new());
        let mut people = Vec::new();
        for _ in 0..ROUNDS {
            // A new one has kept nothing.
            let insight = open();
            let begun = Instant::now();
            let answer = funnel::ask(&insight, &actor, question).await?;
            first.push(millis(begun));
            people = answer.steps.iter().map(|step| step.people).collect();
            let begun = Instant::now();
            funnel::ask(&insight, &actor, question).await?;
            again.push(millis(begun));
            let begun = Instant::now();
            funnel::people(&insight, &actor, question, &Cell { step: 3, ..Cell::default() }, None, 50).await?;
            behind.push(millis(begun));
        }
        said.push(format!(
            r#""{name}":{{"people":{people:?},"first_ms":{:.1},"again_ms":{:.2},"people_ms":{:.2}}}"#,
            median(first),
            median(again),
            median(behind)
        ));
    }
    let cohorts = retention::Question {
        start: "login".to_owned(),
        goal: "deploy_succeeded".to_owned(),
        weeks: retention::MOST_WEEKS,
        ..retention::Question::default()
    };
    let (mut first, mut again, mut size) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let insight = open();
        let begun = Instant::now();
        let answer = retention::ask(&insight, &actor, &cohorts).await?;
        first.push(millis(begun));
        size = answer.cohorts.iter().map(|cohort| cohort.size).sum();
        let begun = Instant::now();
        retention::ask(&insight, &actor, &cohorts).await?;
        again.push(millis(begun));
    }
    said.push(format!(r#""retention_12_weeks":{{"people":{size},"first_ms":{:.1},"again_ms":{:.2}}}"#, median(first), median(again)));
    let insight = open();
    let begun = Instant::now();
    let worked_out = stages::refresh(&insight).await?;
    said.push(format!(r#""house_funnel":{{"days":{worked_out},"ms":{:.1}}}"#, millis(begun)));
    let begun = Instant::now();
    stages::run(&insight, events.calendar().day(clock.now()).plus(-1)).await?;
    said.push(format!(r#""house_funnel_one_day_ms":{:.1}"#, millis(begun)));
    println!("{{{}}}", said.join(","));
    Ok(())
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
