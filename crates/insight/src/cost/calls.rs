//! Counts calls behind the events: what arrived since the last time, and past days anew when prices changed.
//!
//! The sums and how far they go are written in one transaction, so each event is in them once whatever crashes. They are not made by the
//! writer of events itself, because prices are no business of its, because a wrong price must never keep an event from being accepted, and
//! because the same path counts what was there before the first price was known.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use events::{Calendar, Day, Head, Span};
use kit::db::Value;
use kit::db::dialect::Column::Int;
use kit::db::dialect::{Column, insert_rows};
use kit::jobs::Reconciler;
use kit::words::counted;
use kit::{Error, Result, Timestamp, Tx, from_row, sql};

use super::Usd;
use super::book::{self, Book, Price};
use super::rates::Part;
use super::usage::{self, Call, EVENTS};
use crate::Insight;

/// Events that are looked through at once.
const STEP: i64 = 50_000;
/// Days that are counted anew in one run of the reconciler; the next one follows at once when there are more.
const DAYS_AT_ONCE: usize = 14;
/// Models are few. When a sender makes them up, further ones become this.
const MOST_MODELS: usize = 2_000;
const OTHER: &str = "(other)";

/// Counts calls of language models.
#[derive(Debug, Clone, Copy)]
pub struct Calls;

impl<C: AsRef<Insight> + Clone + Send + Sync + 'static> Reconciler<C> for Calls {
    const NAME: &'static str = "cost.calls";
    const EVERY: Duration = Duration::from_secs(2);
    const TIMEOUT: Duration = Duration::from_secs(1800);

    async fn reconcile(&self, context: C) -> Result<String> {
        count(context.as_ref()).await
    }
}

/// Counts all that arrived, and some of what is to be counted anew. Says what was done.
pub async fn count(insight: &Insight) -> Result<String> {
    let mut arrived = 0;
    let mut progress = follow(insight).await?;
    let newest = insight.events().newest().await?;
    while let Some(through) = progress.through_seq.filter(|through| *through < newest) {
        let span = Span::Arrived { after: through, through: newest.min(through + STEP) };
        arrived += add(insight, &progress, span).await?;
        progress = load(insight).await?;
    }
    let days = recount_some(insight).await?;
    if arrived > 0 || days > 0 {
        insight.bus().signal("operators", "costs");
    }
    Ok(format!("{} counted, {} counted anew", counted(arrived, "call"), counted(days, "day")))
}

/// Counts until nothing is left to be counted anew.
pub async fn count_all(insight: &Insight) -> Result<()> {
    loop {
        count(insight).await?;
        if load(insight).await?.recount_from.is_none() {
            return Ok(());
        }
    }
}

/// How far it is.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) through_seq: Option<i64>,
    pub(super) counted_at: Option<Timestamp>,
    pub(super) time_zone: String,
    pub(super) edition: i64,
    pub(super) recount_from: Option<i64>,
    pub(super) recount_day: Option<i64>,
    pub(super) monthly_budget: Option<i64>,
}

from_row!(Progress { through_seq, counted_at, time_zone, edition, recount_from, recount_day, monthly_budget });

pub(super) async fn load(insight: &Insight) -> Result<Progress> {
    insight
        .db()
        .one(sql("select through_seq, counted_at, time_zone, edition, recount_from, recount_day, monthly_budget from llm_progress"))
        .await
}

/// At first, and when days begin at another hour, all days are to be counted.
async fn follow(insight: &Insight) -> Result<Progress> {
    let progress = load(insight).await?;
    let zone = insight.events().calendar().zone_name();
    if progress.through_seq.is_some() && progress.time_zone == zone {
        return Ok(progress);
    }
    let newest = insight.events().newest().await?;
    let now = insight.clock().now();
    insight
        .db()
        .write(async |tx| {
            tx.execute(
                sql("update llm_progress set through_seq = coalesce(through_seq, $1), counted_at = coalesce(counted_at, $2), time_zone = $3")
                    .bind(newest)
                    .bind(now)
                    .bind(zone),
            )
            .await?;
            recount_from(&tx, Day(i64::MIN)).await
        })
        .await?;
    load(insight).await
}

/// Has all days from this one on counted anew, in the transaction that makes it necessary.
pub(super) async fn recount_from(tx: &Tx, day: Day) -> Result<()> {
    tx.execute(
        sql("update llm_progress
             set edition = edition + 1, recount_day = null, recount_from = case when recount_from < $1 then recount_from else $1 end")
        .bind(day.0),
    )
    .await
    .map(|_| ())
}

/// Has all days counted anew: after events were taken out.
pub async fn recount_all(insight: &Insight) -> Result<()> {
    insight.db().write(async |tx| recount_from(&tx, Day(i64::MIN)).await).await
}

/// What calls of one model, subject and person on one day sum to.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    calls: i64,
    failed: i64,
    told: i64,
    told_cost: i64,
    unpriced: i64,
    /// Input, cache read, cache write, output.
    tokens: [i64; 4],
    costs: [i64; 4],
}

impl Line {
    fn add(&mut self, call: &Call, price: Option<&Price>) {
        self.calls += 1;
        self.failed += i64::from(call.failed);
        let usage = call.usage.unwrap_or_default();
        for part in Part::ALL {
            self.tokens[group(part)] += usage.of(part);
        }
        if let Some(told) = call.told {
            self.told += 1;
            self.told_cost = self.told_cost.saturating_add(told.0);
            return;
        }
        // A call that failed before anything was used is not paid for.
        if call.failed && usage.all() == 0 {
            return;
        }
        match call.usage.and_then(|usage| price?.rates.cost(&usage)) {
            Some(costs) => Part::ALL.iter().for_each(|part| self.costs[group(*part)] += costs.0[*part as usize]),
            None => self.unpriced += 1,
        }
    }

    fn merge(&mut self, other: &Line) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.told += other.told;
        self.told_cost = self.told_cost.saturating_add(other.told_cost);
        self.unpriced += other.unpriced;
        self.tokens.iter_mut().zip(other.tokens).for_each(|(sum, more)| *sum += more);
        self.costs.iter_mut().zip(other.costs).for_each(|(sum, more)| *sum += more);
    }
}

fn group(part: Part) -> usize {
    match part {
        Part::Input | Part::AudioInput => 0,
        Part::CacheRead => 1,
        Part::CacheWrite5m | Part::CacheWrite1h => 2,
        Part::Output | Part::Reasoning | Part::AudioOutput => 3,
    }
}

/// Sums under way. Models are numbered as they come.
struct Sums<'a> {
    book: &'a Book,
    calendar: &'a Calendar,
    day: Option<(Timestamp, Timestamp, Day)>,
    models: HashMap<(String, String), usize>,
    names: Vec<(String, String)>,
    prices: Vec<Vec<&'a Price>>,
    lines: BTreeMap<(Day, usize, i64, i64), Line>,
    calls: u64,
}

impl<'a> Sums<'a> {
    fn new(book: &'a Book, calendar: &'a Calendar) -> Sums<'a> {
        Sums { book, calendar, day: None, models: HashMap::new(), names: Vec::new(), prices: Vec::new(), lines: BTreeMap::new(), calls: 0 }
    }

    fn add(&mut self, head: &Head, call: &Call) {
        let day = self.day_of(Timestamp(head.at));
        let model = self.model(call);
        let price = book::on(&self.prices[model], day);
        self.lines.entry((day, model, head.subject, head.person)).or_default().add(call, price);
        self.calls += 1;
    }

    /// Events come in the order of days, more or less.
    fn day_of(&mut self, at: Timestamp) -> Day {
        match self.day {
            Some((from, to, day)) if from <= at && at < to => day,
            _ => {
                let day = self.calendar.day(at);
                self.day = Some((self.calendar.start(day), self.calendar.start(day.plus(1)), day));
                day
            }
        }
    }

    fn model(&mut self, call: &Call) -> usize {
        let key = (call.provider.clone(), call.model.clone());
        if let Some(known) = self.models.get(&key) {
            return *known;
        }
        let number = self.names.len();
        self.prices.push(self.book.of_model(&call.model));
        self.names.push(key.clone());
        self.models.insert(key, number);
        number
    }
}

async fn sums<'a>(insight: &'a Insight, book: &'a Book, span: Span) -> Result<Sums<'a>> {
    let calendar = insight.events().calendar();
    let add = |sums: &mut Sums<'a>, head: &Head, name: &str, props: &str| sums.add(head, &usage::read(name, props));
    insight.events().fold(EVENTS, span, || Sums::new(book, calendar), add).await
}

/// Adds what arrived to the sums. Returns how many calls it was.
async fn add(insight: &Insight, progress: &Progress, span: Span) -> Result<u64> {
    let Span::Arrived { after, through } = span else { return Ok(0) };
    let book = Book::load(insight.db()).await?;
    let sums = sums(insight, &book, span).await?;
    let now = insight.clock().now();
    insight
        .db()
        .write(async |tx| {
            let moved = tx
                .execute(
                    sql("update llm_progress set through_seq = $1, counted_at = $2 where through_seq = $3 and edition = $4 and time_zone = $5")
                        .bind(through)
                        .bind(now)
                        .bind(after)
                        .bind(book.edition)
                        .bind(&progress.time_zone),
                )
                .await?;
            if moved == 0 {
                return Err(elsewhere());
            }
            store(&tx, &sums, now).await
        })
        .await?;
    Ok(sums.calls)
}

fn elsewhere() -> Error {
    Error::unavailable("another process counts calls, or prices have just changed; it goes on in a moment")
}

/// Counts the newest of the days that are to be counted anew. Returns how many.
async fn recount_some(insight: &Insight) -> Result<usize> {
    let progress = load(insight).await?;
    let Some(from) = progress.recount_from.map(Day) else { return Ok(0) };
    let (events, calendar) = (insight.events(), insight.events().calendar());
    // A day of which some events were dropped keeps what was counted when all were there.
    let kept = events.kept_from().await?.map(|at| calendar.day(at).plus(1));
    let from = kept.map_or(from, |kept| from.max(kept));
    let until = progress.recount_day.map_or(Day(i64::MAX), |day| Day(day - 1));
    let mut days: Vec<Day> = days_to_do(insight, from, until).await?;
    let rest = days.split_off(days.len().min(DAYS_AT_ONCE));
    for day in &days {
        recount(insight, *day).await?;
    }
    if rest.is_empty() {
        insight
            .db()
            .execute(sql("update llm_progress set recount_from = null, recount_day = null where edition = $1").bind(progress.edition))
            .await?;
    }
    Ok(days.len())
}

/// Days with calls, or with sums of calls, the newest first.
pub(super) async fn days_to_do(insight: &Insight, from: Day, until: Day) -> Result<Vec<Day>> {
    let counted = sql("select distinct day from llm_day where day >= $1 and day <= $2").bind(from.0).bind(until.0);
    let counted: Vec<(i64,)> = insight.db().all(counted).await?;
    let told = insight.events().counts_of(EVENTS, from, until).await?;
    let mut days: Vec<Day> = counted.into_iter().map(|(day,)| Day(day)).chain(told.into_iter().map(|(day, _)| day)).collect();
    days.sort_unstable_by_key(|day| std::cmp::Reverse(*day));
    days.dedup();
    Ok(days)
}

/// Counts a day anew, as far as events are in the sums.
async fn recount(insight: &Insight, day: Day) -> Result<()> {
    let progress = load(insight).await?;
    let through = progress.through_seq.unwrap_or(0);
    let book = Book::load(insight.db()).await?;
    let sums = sums(insight, &book, of_day(insight, day, through)).await?;
    let now = insight.clock().now();
    insight
        .db()
        .write(async |tx| {
            let taken = tx
                .execute(
                    sql("update llm_progress set recount_day = $1 where through_seq = $2 and edition = $3 and time_zone = $4")
                        .bind(day.0)
                        .bind(through)
                        .bind(book.edition)
                        .bind(insight.events().calendar().zone_name()),
                )
                .await?;
            if taken == 0 {
                return Err(elsewhere());
            }
            tx.execute(sql("delete from llm_day where day = $1").bind(day.0)).await?;
            tx.execute(sql("delete from llm_subject_day where day = $1").bind(day.0)).await?;
            store(&tx, &sums, now).await
        })
        .await
}

pub(super) fn of_day(insight: &Insight, day: Day, through: i64) -> Span {
    let calendar = insight.events().calendar();
    Span::Happened { from: calendar.start(day), to: calendar.start(day.plus(1)), through }
}

const DAY_COLUMNS: &[Column] = &[Int; 15];
const SUBJECT_COLUMNS: &[Column] = &[Int; 13];

/// Adds the sums to what is stored.
async fn store(tx: &Tx, sums: &Sums<'_>, now: Timestamp) -> Result<()> {
    if sums.lines.is_empty() {
        return Ok(());
    }
    let models = models(tx, &sums.names, now).await?;
    let mut days: BTreeMap<(i64, i64), Line> = BTreeMap::new();
    let mut subjects: BTreeMap<(i64, i64, i64, i64), Line> = BTreeMap::new();
    for ((day, model, subject, person), line) in &sums.lines {
        let model = models[*model];
        days.entry((day.0, model)).or_default().merge(line);
        subjects.entry((*subject, day.0, model, *person)).or_default().merge(line);
    }
    let rows = days.into_iter().map(|((day, model), line)| {
        let head = [day, model, line.calls, line.failed, line.told, line.told_cost, line.unpriced];
        head.into_iter().chain(line.tokens).chain(line.costs).map(Value::from).collect()
    });
    insert_rows(
        tx,
        "llm_day (day, model, calls, failed, told, told_cost, unpriced, input, cache_read, cache_write, output, input_cost, cache_read_cost, cache_write_cost, output_cost)",
        DAY_COLUMNS,
        "on conflict (day, model) do update set
           calls = llm_day.calls + excluded.calls, failed = llm_day.failed + excluded.failed,
           told = llm_day.told + excluded.told, told_cost = llm_day.told_cost + excluded.told_cost, unpriced = llm_day.unpriced + excluded.unpriced,
           input = llm_day.input + excluded.input, cache_read = llm_day.cache_read + excluded.cache_read,
           cache_write = llm_day.cache_write + excluded.cache_write, output = llm_day.output + excluded.output,
           input_cost = llm_day.input_cost + excluded.input_cost, cache_read_cost = llm_day.cache_read_cost + excluded.cache_read_cost,
           cache_write_cost = llm_day.cache_write_cost + excluded.cache_write_cost, output_cost = llm_day.output_cost + excluded.output_cost",
        rows.collect(),
    )
    .await?;
    let rows = subjects.into_iter().map(|((subject, day, model, person), line)| {
        let cost = line.costs.iter().copied().map(Usd).sum::<Usd>() + Usd(line.told_cost);
        let head = [subject, day, model, person, line.calls, line.failed, line.told, line.unpriced];
        head.into_iter().chain(line.tokens).chain([cost.0]).map(Value::from).collect()
    });
    insert_rows(
        tx,
        "llm_subject_day (subject, day, model, person, calls, failed, told, unpriced, input, cache_read, cache_write, output, cost)",
        SUBJECT_COLUMNS,
        "on conflict (subject, day, model, person) do update set
           calls = llm_subject_day.calls + excluded.calls, failed = llm_subject_day.failed + excluded.failed,
           told = llm_subject_day.told + excluded.told, unpriced = llm_subject_day.unpriced + excluded.unpriced,
           input = llm_subject_day.input + excluded.input, cache_read = llm_subject_day.cache_read + excluded.cache_read,
           cache_write = llm_subject_day.cache_write + excluded.cache_write, output = llm_subject_day.output + excluded.output,
           cost = llm_subject_day.cost + excluded.cost",
        rows.collect(),
    )
    .await?;
    Ok(())
}

/// The numbers of models in the order of their names; new ones get one. Whoever is here holds the row of the progress, so nobody else does.
async fn models(tx: &Tx, names: &[(String, String)], now: Timestamp) -> Result<Vec<i64>> {
    let known: Vec<(String, String, i64)> = tx.all(sql("select provider, name, no from llm_model")).await?;
    let mut next = known.iter().map(|(.., no)| *no).max().unwrap_or(0) + 1;
    let mut known: HashMap<(String, String), i64> = known.into_iter().map(|(provider, name, no)| ((provider, name), no)).collect();
    let mut numbers = Vec::with_capacity(names.len());
    for key in names {
        let key = match known.len() >= MOST_MODELS && !known.contains_key(key) {
            true => (String::new(), OTHER.to_owned()),
            false => key.clone(),
        };
        if let Some(no) = known.get(&key) {
            numbers.push(*no);
            continue;
        }
        tx.execute(
            sql("insert into llm_model (no, provider, name, first_at) values ($1, $2, $3, $4)")
                .bind(next)
                .bind(&key.0)
                .bind(&key.1)
                .bind(now),
        )
        .await?;
        known.insert(key, next);
        numbers.push(next);
        next += 1;
    }
    Ok(numbers)
}
