//! The job that learns, and writes each customer's probability.

use std::collections::HashSet;
use std::time::Duration;

use accounts::{Actor, CustomerId, Permission, Scope};
use events::Day;
use kit::Result;
use kit::jobs::{self, Attempt, Enqueue, Job};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::features::{self, Definition, Story};
use super::training::{self, LEAST_CHURNED, Sample, TooLittle};
use super::{CAPACITY, Model, ModelId, said_of, store};
use crate::health::Replay;
use crate::{Insight, staff};

/// Days that are read to predict: the longest window of a feature, and what tells a new customer from an old one.
pub(super) const LOOKS_BACK: i64 = 400;
/// Days between two days that are learnt from.
const STEP: i64 = 14;
/// Days that are learnt from: two years.
const MOST_STEPS: i64 = 52;
/// More customers than these teach nothing new; which ones is decided by their ids, so that it is no choice.
const MOST_CUSTOMERS: u64 = 20_000;
/// Customers that are read together.
const AT_ONCE: u32 = 500;
const KEY: &str = "churn.learn";

/// Learns from what became of customers until today.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LearnChurn {
    /// When a customer counts as lost; the one of last time when nobody says.
    pub definition: Option<Definition>,
    /// How many customers the team can call; as last time when nobody says.
    pub capacity: Option<u32>,
}

impl<C: AsRef<Insight> + Send + 'static> Job<C> for LearnChurn {
    const KIND: &'static str = KEY;
    const TIMEOUT: Duration = Duration::from_secs(3600);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let insight = context.as_ref().clone();
        learn(&insight, self.definition, self.capacity).await.map(|_| ())
    }
}

/// Has it learnt anew as soon as a worker is free. Fields: `inactive_days`, `horizon_days`, `capacity`.
pub async fn learn_soon(insight: &Insight, actor: &Actor, definition: Definition, capacity: u32) -> Result<()> {
    staff::only(actor, Permission::ManageCustomers)?;
    definition.validate()?;
    if !(1..=10_000).contains(&capacity) {
        return Err(kit::Error::invalid("capacity", "must be 1 to 10,000"));
    }
    let job = LearnChurn { definition: Some(definition), capacity: Some(capacity) };
    let how = Enqueue { unique_key: Some(KEY.to_owned()), ..Enqueue::default() };
    insight.db().write(async |tx| jobs::enqueue::<Insight, _>(&tx, insight.clock(), &job, how.clone()).await).await.map(|_| ())
}

/// Whether somebody asked for it and it is not done yet.
pub async fn is_learning(insight: &Insight) -> Result<bool> {
    jobs::is_waiting_or_running(insight.db(), KEY).await
}

/// Learns, writes down what was learnt or why nothing was, and writes each customer's probability.
pub async fn learn(insight: &Insight, definition: Option<Definition>, capacity: Option<u32>) -> Result<Model> {
    let before = store::newest(insight.db()).await?;
    let definition = definition.or(before.as_ref().map(|model| model.definition)).unwrap_or_default();
    let capacity = capacity.or(before.as_ref().map(|model| model.capacity)).unwrap_or(CAPACITY);
    let now = insight.clock().now();
    let today = insight.events().calendar().day(now);
    let (customers, samples) = samples(insight, definition, today).await?;
    let churned = samples.iter().filter(|sample| sample.churned).map(|sample| &sample.customer).collect::<HashSet<_>>().len();
    let rows = samples.len();
    // Seconds of arithmetic for a large house: not on the threads that answer requests.
    let learnt = tokio::task::spawn_blocking(move || training::learn(&samples, definition, capacity as usize)).await?;
    let (predictor, report, note) = match learnt {
        Ok(learnt) => (Some(learnt.predictor), Some(learnt.report), None),
        Err(why) => (None, None, Some(why_not(why, definition))),
    };
    let id = ModelId::new(insight.clock());
    let model = Model {
        id,
        trained_at: now,
        definition,
        capacity,
        customers: i64::try_from(customers).unwrap_or(i64::MAX),
        churned: i64::try_from(churned).unwrap_or(i64::MAX),
        predictor,
        report,
        note,
    };
    store::insert(insight.db(), &model).await?;
    let scored = score_all(insight, &model, today).await?;
    insight.bus().signal("operators", "churn");
    info!(customers, rows, churned, scored, "learnt who is lost from {rows} rows, wrote {scored} probabilities");
    Ok(model)
}

fn why_not(why: TooLittle, definition: Definition) -> String {
    match why {
        TooLittle::Churned(churned) => {
            format!("Not enough history: {churned} customers were lost so far, and it takes {LEAST_CHURNED} to learn from.")
        }
        TooLittle::Days => {
            let days = 2 * definition.horizon_days;
            format!("Not enough history: it takes {days} days and more to learn from one day and test on a later one.")
        }
        TooLittle::OneKind => "Not enough history: all customers that could be learnt from had the same end.".to_owned(),
    }
}

/// Each customer on each day that can be learnt from. Reads one customer at a time.
async fn samples(insight: &Insight, definition: Definition, today: Day) -> Result<(usize, Vec<Sample>)> {
    let (db, events) = (insight.db(), insight.events());
    let calendar = events.calendar();
    let scores = Replay::of(insight).await?;
    // The horizon of a label ends today at the latest, and today is not over.
    let newest = today.plus(-1 - i64::from(definition.horizon_days));
    let oldest = newest.plus(-STEP * (MOST_STEPS - 1));
    let scope = Scope::house_of_job();
    let (mut customers, mut samples, mut after) = (0, Vec::new(), None);
    let all: (i64,) = db.one(kit::sql("select cast(count(*) as bigint) from customer")).await?;
    let share = u64::try_from(all.0).unwrap_or(0).div_ceil(MOST_CUSTOMERS).max(1);
    loop {
        let page = store::customers(db, after.as_ref(), AT_ONCE).await?;
        after = page.last().map(|(id, _)| id.clone());
        let is_last = page.len() < AT_ONCE as usize;
        for (customer, suspended_at) in page.into_iter().filter(|(id, _)| training::spread(id).is_multiple_of(share)) {
            let history = events.history(&scope, &customer, oldest.plus(-90), today).await?;
            customers += 1;
            let story = Story { history: &history, ended: suspended_at.map(|at| calendar.day(at)) };
            for step in 0..MOST_STEPS {
                let day = newest.plus(-STEP * step);
                if features::is_candidate(calendar, story, day, definition) {
                    samples.push(Sample {
                        customer: customer.clone(),
                        day,
                        features: features::features(calendar, &history, day),
                        // The day of the test alone is looked at by band.
                        band: if step == 0 { scores.band(insight, &customer, &history, day).await? } else { None },
                        churned: features::churned(story, day, definition),
                    });
                }
            }
        }
        if is_last {
            return Ok((customers, samples));
        }
    }
}

/// Predicts all customers as of today. Returns of how many a probability can be said.
async fn score_all(insight: &Insight, model: &Model, today: Day) -> Result<usize> {
    let (db, events) = (insight.db(), insight.events());
    let Some(predictor) = &model.predictor else {
        store::clear_scores(db).await?;
        return Ok(0);
    };
    let scope = Scope::house_of_job();
    let (mut scored, mut after): (usize, Option<CustomerId>) = (0, None);
    loop {
        let page = store::customers(db, after.as_ref(), AT_ONCE).await?;
        after = page.last().map(|(id, _)| id.clone());
        let is_last = page.len() < AT_ONCE as usize;
        let mut scores = Vec::with_capacity(page.len());
        for (customer, suspended_at) in page {
            let history = events.history(&scope, &customer, today.plus(-LOOKS_BACK), today).await?;
            let story = Story { history: &history, ended: suspended_at.map(|at| events.calendar().day(at)) };
            let said = said_of(events.calendar(), story, today, predictor, model.definition);
            scored += usize::from(said.is_ok());
            scores.push((customer, said.ok().map(|prediction| prediction.probability)));
        }
        store::write_scores(db, &scores, today, insight.clock().now()).await?;
        if is_last {
            return Ok(scored);
        }
    }
}
