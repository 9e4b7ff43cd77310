//! Keeps current scores and daily snapshots fresh: of those that changed, and of all customers once a day or when the model changes.

use std::collections::HashMap;
use std::time::Duration;

use accounts::CustomerId;
use events::{Calendar, Day, Packed};
use kit::jobs::Reconciler;
use kit::words::counted;
use kit::{Result, Timestamp, from_row, sql};
use serde::{Deserialize, Serialize};

use super::assignments::Choice;
use super::current::{self, NowRow};
use super::runs::Teller;
use super::scorer::{self, Features, Scorer};
use super::trend::{self, Point};
use super::unpacked::{Moment, Starts, Unpacked};
use super::{Band, Distribution, VersionNo, besides, kept, movement};
use crate::Insight;

/// Customers whose events began earlier than their snapshots get those of so many past days.
const FILL_DAYS: i64 = 90;
/// So many daily scores stand in a row of the table of current scores: today's and those of 30 days.
const RECENT: usize = 31;
/// What moved a score is told against so many days before.
const WEEK: i64 = 7;
/// So many customers are worked on at once: enough to make a commit worth its while, few enough for memory and for who waits for it.
const PAGE: u32 = 2048;
/// When more customers changed than this, all are computed: that takes less than asking for each.
const MANY: u32 = 4096;

/// What a recomputation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recomputed {
    /// So many customers.
    pub customers: u64,
    /// In so many milliseconds.
    pub took_ms: u64,
}

struct Progress {
    used_at: i64,
    day: i64,
    version_no: i64,
    changed_at: i64,
    changed_customer: String,
    created_at: i64,
}

from_row!(Progress { used_at, day, version_no, changed_at, changed_customer, created_at });

/// What the table of current scores says of a customer before it is written anew.
struct Before {
    customer_id: CustomerId,
    day: i64,
    recent: String,
    kept_from: Option<i64>,
    kept_to: Option<i64>,
}

from_row!(Before { customer_id, day, recent, kept_from, kept_to });

/// What is the same for all customers of a round.
struct Round {
    choice: Choice,
    calendar: Calendar,
    starts: Starts,
    now: Moment,
    /// Names of features, when the model asks for them.
    names: HashMap<i64, String>,
}

impl Round {
    async fn begin(insight: &Insight) -> Result<Round> {
        let choice = Choice::read(insight).await?;
        let asks_for_names = choice.scorers().iter().any(|scorer| scorer.plan.asks_for_names());
        let names = if asks_for_names { insight.events().features().await?.into_iter().collect() } else { HashMap::new() };
        let calendar = insight.events().calendar().clone();
        let at = insight.clock().now();
        let now = Moment { day: calendar.day(at), at };
        let starts = Starts::new(&calendar, now.day.plus(-FILL_DAYS - choice.reach()), now.day.plus(1));
        Ok(Round { choice, calendar, starts, now, names })
    }

    fn yesterday(&self) -> Day {
        self.now.day.plus(-1)
    }

    /// The version of everybody who has no other.
    fn version(&self) -> VersionNo {
        self.choice.usual().model.no
    }

    /// The scores at the end of past days, which are in order.
    fn points(&self, scorer: &Scorer, customer: &Unpacked, days: &[Day]) -> Vec<Point> {
        let figures = customer.figures_of_days(&scorer.plan, &self.starts, days, &self.names);
        let point = |(day, figures): (&Day, _)| {
            let points = scorer::total(&scorer.weigh(*day, customer.first_day, &figures));
            Point { day: *day, points, version: scorer.model.no }
        };
        days.iter().zip(figures).map(point).collect()
    }
}

/// Computes the current scores of all customers, and keeps what is missing of their past days.
pub async fn recompute(insight: &Insight) -> Result<Recomputed> {
    recompute_telling(insight, Teller::untold()).await
}

/// As [`recompute`], and tells how far it is.
pub(crate) async fn recompute_telling(insight: &Insight, mut teller: Teller<'_>) -> Result<Recomputed> {
    let _turn = insight.recomputing().lock().await;
    let began = std::time::Instant::now();
    let changed_at = insight.events().last_changed().await?;
    let round = Round::begin(insight).await?;
    let mut bands = vec![Distribution::default(); RECENT];
    let mut customers = 0;
    let mut page = ids(insight, None).await?;
    while let Some(last) = page.last().cloned() {
        customers += page.len() as u64;
        let (rows, next) = tokio::try_join!(refresh(insight, &round, &page), ids(insight, Some(&last)))?;
        for recent in rows {
            for (bands, points) in bands.iter_mut().zip(recent) {
                bands.add(points.map(Band::of));
            }
        }
        teller.add(page.len()).await?;
        page = next;
    }
    keep_distribution(insight, &round, &bands).await?;
    let done = Progress {
        used_at: round.choice.chosen_at,
        day: round.now.day.0,
        version_no: round.version().0,
        changed_at,
        // After every customer of that moment.
        changed_customer: "~".to_owned(),
        created_at: round.now.at.0,
    };
    save(insight, &done).await?;
    insight.bus().signal("operators", "health");
    Ok(Recomputed { customers, took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) })
}

/// Keeps current scores fresh.
#[derive(Debug, Clone, Copy)]
pub struct Scores;

impl<C: AsRef<Insight> + Clone + Send + Sync + 'static> Reconciler<C> for Scores {
    const NAME: &'static str = "health.scores";
    const EVERY: Duration = Duration::from_secs(5);
    const TIMEOUT: Duration = Duration::from_secs(3600);

    async fn reconcile(&self, context: C) -> Result<String> {
        refresh_changed(context.as_ref()).await
    }
}

/// Computes the scores of customers that changed since the last time; of all, when a day has begun or another version is in use.
pub async fn refresh_changed(insight: &Insight) -> Result<String> {
    let mut progress: Progress =
        insight.db().one(sql("select used_at, day, version_no, changed_at, changed_customer, created_at from health_progress")).await?;
    let round = Round::begin(insight).await?;
    let changed = insight.events().changed((progress.changed_at, &progress.changed_customer), MANY).await?;
    let is_stale = (progress.day, progress.used_at) != (round.now.day.0, round.choice.chosen_at);
    if is_stale || changed.len() >= MANY as usize {
        let done = recompute(insight).await?;
        return Ok(format!("computed all scores: {} in {} ms", counted(done.customers, "customer"), done.took_ms));
    }
    let created = created_since(insight, progress.created_at, round.now.at).await?;
    let due: Vec<(CustomerId, i64)> =
        insight.db().all(sql("select customer_id, marks from health_due order by customer_id limit $1").bind(MANY)).await?;
    let marked = due.iter().map(|(customer, _)| customer.clone());
    let mut customers: Vec<CustomerId> = changed.iter().map(|(customer, _)| customer.clone()).chain(created).chain(marked).collect();
    customers.sort();
    customers.dedup();
    if customers.is_empty() {
        return Ok("all scores are fresh".to_owned());
    }
    for page in customers.chunks(PAGE as usize) {
        refresh(insight, &round, page).await?;
    }
    if let Some((customer, at)) = changed.last() {
        (progress.changed_at, progress.changed_customer) = (*at, customer.to_string());
    }
    progress.created_at = round.now.at.0;
    save(insight, &progress).await?;
    seen_to(insight, &due).await?;
    insight.bus().signal("operators", "health");
    Ok(format!("computed the scores of {}", counted(customers.len(), "customer")))
}

/// Computes a customer's score at once, because it was just made or somebody said something of it. When that fails, [`Scores`] does it some
/// seconds later.
pub async fn renew(insight: &Insight, customer: &CustomerId) {
    let entered = async {
        let round = Round::begin(insight).await?;
        refresh(insight, &round, std::slice::from_ref(customer)).await
    };
    if let Err(error) = entered.await {
        tracing::warn!("the lists do not show how customer `{customer}` is now: {error}");
    }
    insight.bus().signal("operators", "health");
}

async fn ids(insight: &Insight, after: Option<&CustomerId>) -> Result<Vec<CustomerId>> {
    let page = sql("select id from customer where id > $1 order by id limit $2").bind(after.map_or("", CustomerId::as_str)).bind(PAGE);
    Ok(insight.db().all::<(CustomerId,)>(page).await?.into_iter().map(|(id,)| id).collect())
}

/// Customers without a row in the table of current scores. Those made within the last minute are looked at again, because what was
/// written at about the same time is not always seen in that order.
async fn created_since(insight: &Insight, since: i64, now: Timestamp) -> Result<Vec<CustomerId>> {
    let since = Timestamp(since.min(now.0)).minus(Duration::from_secs(60));
    let rows: Vec<(CustomerId,)> = insight
        .db()
        .all(
            sql("select id from customer
                 where created_at >= $1 and not exists (select 1 from health_now where health_now.customer_id = customer.id)")
            .bind(since),
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Forgets what was seen to, but for those that were marked once more meanwhile.
async fn seen_to(insight: &Insight, due: &[(CustomerId, i64)]) -> Result<()> {
    let rows: Vec<_> = due.iter().map(|(customer, marks)| vec![customer.into(), (*marks).into()]).collect();
    insight
        .db()
        .write(async |tx| {
            let done = sql("delete from health_due where customer_id = $1 and marks = $2");
            tx.execute_each(done, rows.clone()).await.map(|_| ())
        })
        .await
}

async fn save(insight: &Insight, progress: &Progress) -> Result<()> {
    insight
        .db()
        .execute(
            sql("update health_progress set day = $1, version_no = $2, changed_at = $3, changed_customer = $4, created_at = $5,
                    used_at = $6")
            .bind(progress.day)
            .bind(progress.version_no)
            .bind(progress.changed_at)
            .bind(&progress.changed_customer)
            .bind(progress.created_at)
            .bind(progress.used_at),
        )
        .await
        .map(|_| ())
}

/// Computes and writes the current scores of these customers, and keeps what is missing of their past days. Returns their last scores.
async fn refresh(insight: &Insight, round: &Round, customers: &[CustomerId]) -> Result<Vec<Vec<Option<f64>>>> {
    let before = before(insight, customers).await?;
    let chosen = round.choice.of(insight.db(), customers).await?;
    let mut besides = besides::read(insight, customers, round.choice.needs()).await?;
    let mut rows = Vec::with_capacity(customers.len());
    let mut points = Vec::new();
    let mut recents = Vec::with_capacity(customers.len());
    let mut unpacked = Unpacked::default();
    for packed in read(insight, round, customers, &before).await? {
        let (customer, first_at, last_day) = (packed.customer.clone(), packed.first_at, packed.last_day);
        let before = before.get(&customer);
        let missing = missing(round, before, first_at);
        unpacked.fill(packed, besides.remove(&customer).unwrap_or_default(), &round.calendar)?;
        let scorer = round.choice.scorer(&chosen, &customer);
        let added = round.points(scorer, &unpacked, &missing);
        let past = past(insight, round, &customer, before, &added).await?;
        let (row, recent) = now_row(round, scorer, &unpacked, past, &customer);
        let kept_from = before.and_then(|before| before.kept_from).map(Day).into_iter().chain(missing.first().copied()).min();
        let kept_to = before.and_then(|before| before.kept_to).map(Day).into_iter().chain(missing.last().copied()).max();
        rows.push(NowRow { first_at, last_day, kept_from, kept_to, ..row });
        recents.push(recent);
        if !added.is_empty() {
            points.push((customer, added));
        }
    }
    insight
        .db()
        .write(async |tx| {
            kept::add(&tx, &points).await?;
            current::put(&tx, rows.clone()).await
        })
        .await?;
    Ok(recents)
}

/// Reads as far back as these customers need: a week for most, a quarter when the snapshots of past days are missing.
async fn read(insight: &Insight, round: &Round, customers: &[CustomerId], before: &HashMap<CustomerId, Before>) -> Result<Vec<Packed>> {
    let reach = round.choice.reach();
    let from = round.now.day.plus(-WEEK - reach);
    let packed = insight.events().packed(customers, from, round.now.day).await?;
    let first_missing = |packed: &Packed| missing(round, before.get(&packed.customer), packed.first_at).first().copied();
    if packed.iter().filter_map(first_missing).all(|day| day.plus(-reach) >= from) {
        return Ok(packed);
    }
    insight.events().packed(customers, round.now.day.plus(-FILL_DAYS - reach), round.now.day).await
}

async fn before(insight: &Insight, customers: &[CustomerId]) -> Result<HashMap<CustomerId, Before>> {
    let mut found = HashMap::with_capacity(customers.len());
    for customers in customers.chunks(512) {
        let rows = sql("select customer_id, day, recent, kept_from, kept_to from health_now where customer_id in").list(customers.iter());
        found.extend(insight.db().all::<Before>(rows).await?.into_iter().map(|before| (before.customer_id.clone(), before)));
    }
    Ok(found)
}

/// The past days, in order, of which no snapshot is kept and should be: from the first event on, at most 90 days back.
fn missing(round: &Round, before: Option<&Before>, first_at: Option<Timestamp>) -> Vec<Day> {
    let Some(first_at) = first_at else { return Vec::new() };
    let from = round.calendar.day(first_at).max(round.now.day.plus(-FILL_DAYS)).0;
    let yesterday = round.yesterday().0;
    let kept = before.and_then(|before| Some((before.kept_from?, before.kept_to?)));
    match kept {
        Some((kept_from, kept_to)) => (from..kept_from).chain(from.max(kept_to + 1)..yesterday + 1).map(Day).collect(),
        None => (from..=yesterday).map(Day).collect(),
    }
}

/// The scores of the 30 days before today. They stand in the customer's row when it is of today or yesterday, else in the snapshots.
async fn past(
    insight: &Insight,
    round: &Round,
    customer: &CustomerId,
    before: Option<&Before>,
    added: &[Point],
) -> Result<Vec<Option<f64>>> {
    let yesterday = round.yesterday();
    let only_yesterday = added.iter().all(|point| point.day == yesterday);
    if let Some(before) = before.filter(|before| only_yesterday && (yesterday.0..=round.now.day.0).contains(&before.day)) {
        let mut recent: Vec<Option<f64>> = serde_json::from_str(&before.recent)?;
        let is_of_today = before.day == round.now.day.0;
        if recent.len() == RECENT {
            if is_of_today {
                recent.pop();
            } else {
                recent.remove(0);
            }
            if let (Some(last), Some(point)) = (recent.last_mut(), added.last()) {
                *last = point.points;
            }
            return Ok(recent);
        }
    }
    let mut points = if before.is_some_and(|before| before.kept_to.is_some()) {
        kept::of_customer(insight.db(), customer, yesterday.plus(-30), yesterday).await?
    } else {
        Vec::new()
    };
    points.extend(added);
    Ok(trend::daily(&points, yesterday, RECENT - 1))
}

fn now_row(
    round: &Round,
    scorer: &Scorer,
    unpacked: &Unpacked,
    past: Vec<Option<f64>>,
    customer: &CustomerId,
) -> (NowRow, Vec<Option<f64>>) {
    let weigh = |moment: Moment| {
        let figures = unpacked.figures(&scorer.plan, &round.starts, moment, &round.names);
        scorer.weigh(moment.day, unpacked.first_day, &figures)
    };
    let now = weigh(round.now);
    let week_ago = weigh(round.starts.end_of(round.now.day.plus(-WEEK)));
    let points = scorer::total(&now);
    let mut recent = past;
    recent.push(points);
    let keys = scorer.model.rules.iter().map(|rule| rule.key.as_str());
    let factors: serde_json::Map<String, serde_json::Value> =
        keys.zip(&now).map(|(key, weighed)| (key.to_owned(), weighed.score.into())).collect();
    let moved = movement::largest(&week_ago, &now).map(|(at, change)| (scorer.model.rules[at].key.clone(), change));
    let row = NowRow {
        customer: customer.clone(),
        day: round.now.day,
        version: scorer.model.no,
        points,
        coverage: scorer.coverage(&now),
        is_new: scorer::is_new(round.now.day, unpacked.first_day),
        change_7: trend::change(&recent, 7),
        change_30: trend::change(&recent, 30),
        slope: trend::slope_now(&recent),
        falls_fast: trend::falls_fast(&recent),
        moved,
        factors: serde_json::Value::Object(factors).to_string(),
        recent: to_text(&recent),
        first_at: None,
        last_day: None,
        kept_from: None,
        kept_to: None,
        computed_at: round.now.at,
    };
    (row, recent)
}

/// Scores as JSON, to a ten-thousandth: they are drawn, compared and summed up, not shown.
fn to_text(recent: &[Option<f64>]) -> String {
    let rounded: Vec<Option<f64>> = recent.iter().map(|points| points.map(|points| (points * 10_000.0).round() / 10_000.0)).collect();
    serde_json::to_string(&rounded).unwrap_or_else(|_| "[]".to_owned())
}

/// Keeps how many customers were in each band on the past days that the round saw.
async fn keep_distribution(insight: &Insight, round: &Round, bands: &[Distribution]) -> Result<()> {
    let days = (0..).map(|ago| round.yesterday().plus(-ago)).zip(bands.iter().rev().skip(1));
    let known = days.filter(|(_, bands)| bands.healthy + bands.at_risk + bands.churning > 0);
    let rows: Vec<_> = known
        .map(|(day, bands)| {
            let version = round.version().0;
            vec![day.0.into(), version.into(), bands.healthy.into(), bands.at_risk.into(), bands.churning.into(), bands.unknown.into()]
        })
        .collect();
    insight
        .db()
        .write(async |tx| {
            tx.execute_each(
                // The version stays that of the day.
                sql("insert into health_day (day, version_no, healthy, at_risk, churning, unknown) values ($1, $2, $3, $4, $5, $6)
                     on conflict (day) do update set
                       healthy = excluded.healthy, at_risk = excluded.at_risk, churning = excluded.churning, unknown = excluded.unknown"),
                rows.clone(),
            )
            .await
            .map(|_| ())
        })
        .await
}

impl Insight {
    /// A model with what it needs to know of the house.
    pub(crate) fn scorer_of(&self, model: super::Model) -> Scorer {
        let config = self.events().config();
        Scorer::new(model, Features { key: config.key_features.clone(), number: config.features })
    }
}
