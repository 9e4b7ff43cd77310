//! Work on all customers, off the request that asks for it: computing all scores anew, and trying a draft. A run is a row that pages follow,
//! and a job that does it.

use std::time::{Duration, Instant};

use accounts::{Actor, Permission};
use kit::db::{FromRow, Row};
use kit::jobs::{self, Attempt, Enqueue, Job};
use kit::{Error, Result, Timestamp, id_type, sql, text_enum};
use serde::{Deserialize, Serialize};

use super::model::{self, Rule};
use super::{DryRun, Recomputed, dry_run, models, refresh};
use crate::Insight;

id_type!(
    /// A run.
    RunId, "hrun_"
);

text_enum!(
    /// What is done.
    RunKind {
        /// All scores are computed anew.
        Recompute = "recompute",
        /// A draft is tried, and nothing is changed.
        DryRun = "dry_run",
    }
);

text_enum!(
    /// Where a run is.
    RunState {
        /// No worker has taken it yet.
        Waiting = "waiting",
        /// At work.
        Running = "running",
        /// Done.
        Done = "done",
        /// Given up.
        Failed = "failed",
    }
);

/// What is told of an old run is kept for so long.
const KEEP: Duration = Duration::from_secs(30 * 86_400);
/// Progress is written and told at most this often.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// Work on all customers.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What is done.
    pub kind: RunKind,
    /// Whose draft is tried.
    pub model: Option<String>,
    /// Where it is.
    pub state: RunState,
    /// Customers that are done.
    pub done: i64,
    /// Of so many.
    pub total: i64,
    /// Who asked.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// What came out, once it is done.
    pub outcome: Option<Outcome>,
    /// Why it was given up.
    pub error: Option<String>,
}

/// What came out of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Scores were computed.
    Recomputed(Recomputed),
    /// What a draft would do.
    DryRun(Box<DryRun>),
}

impl Run {
    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        matches!(self.state, RunState::Done | RunState::Failed)
    }
}

impl FromRow for Run {
    fn from_row(row: &Row<'_>) -> Result<Run> {
        let outcome: Option<String> = row.get("outcome")?;
        Ok(Run {
            id: row.get("id")?,
            kind: row.get("kind")?,
            model: row.get("model_id")?,
            state: row.get("state")?,
            done: row.get("done")?,
            total: row.get("total")?,
            asked_by: row.get("asked_by")?,
            asked_at: row.get("asked_at")?,
            outcome: outcome.map(|outcome| serde_json::from_str(&outcome)).transpose()?,
            error: row.get("error")?,
        })
    }
}

const COLUMNS: &str = "select id, kind, model_id, state, done, total, asked_by, asked_at, outcome, error from health_run";

/// A run.
pub async fn get(insight: &Insight, actor: &Actor, id: &RunId) -> Result<Run> {
    actor.may(Permission::OperateHouse)?;
    insight.db().optional(sql(COLUMNS).and("where id = $1").bind(id)).await?.ok_or_else(|| Error::not_found("the run"))
}

/// The run that computes all scores anew, if one waits or is at work.
pub async fn recomputing(insight: &Insight) -> Result<Option<Run>> {
    // Two questions, because each of them is one place of the index.
    for state in [RunState::Running, RunState::Waiting] {
        let newest = sql(COLUMNS).and("where state = $1 and kind = 'recompute' order by id desc limit 1").bind(state);
        if let Some(run) = insight.db().optional(newest).await? {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// Has all scores computed anew as soon as a worker is free. While that is waited for, or done, it is the same run: whatever was changed
/// after its beginning is seen to within seconds by [`super::Scores`].
pub async fn ask_recompute(insight: &Insight, actor: &Actor) -> Result<RunId> {
    actor.may(Permission::OperateHouse)?;
    match recomputing(insight).await? {
        Some(run) => Ok(run.id),
        None => ask(insight, actor, RunKind::Recompute, None).await,
    }
}

/// Has a model's draft (or its newest version, if there is none) tried as soon as a worker is free.
pub async fn ask_dry_run(insight: &Insight, actor: &Actor, id: &str) -> Result<RunId> {
    actor.may(Permission::OperateHouse)?;
    let listing = models::get(insight.db(), id).await?;
    let newest = || listing.versions.first().map(|version| version.rules.clone());
    let rules = listing.draft.clone().or_else(newest).ok_or_else(|| Error::conflict("the model has no factors yet"))?;
    model::check(&rules)?;
    ask(insight, actor, RunKind::DryRun, Some((id, serde_json::to_string(&rules)?))).await
}

async fn ask(insight: &Insight, actor: &Actor, kind: RunKind, draft: Option<(&str, String)>) -> Result<RunId> {
    let (id, now) = (RunId::new(insight.clock()), insight.clock().now());
    let (model, rules) = draft.unzip();
    insight
        .db()
        .write(async |tx| {
            tx.execute(sql("delete from health_run where asked_at < $1").bind(now.minus(KEEP))).await?;
            let insert = sql("insert into health_run (id, kind, model_id, rules, state, done, total, asked_by, asked_at)
                              values ($1, $2, $3, $4, 'waiting', 0, 0, $5, $6)");
            tx.execute(insert.bind(&id).bind(kind).bind(model).bind(rules.as_deref()).bind(actor.name()).bind(now)).await?;
            jobs::enqueue::<Insight, _>(&tx, insight.clock(), &DoRun { id: id.clone() }, Enqueue::default()).await.map(|_| ())
        })
        .await?;
    tell(insight);
    Ok(id)
}

fn tell(insight: &Insight) {
    insight.bus().signal("operators", "health-runs");
}

/// Does what a run asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DoRun {
    id: RunId,
}

impl<C: AsRef<Insight> + Send + 'static> Job<C> for DoRun {
    const KIND: &'static str = "health.run";
    const MAX_ATTEMPTS: i64 = 3;
    const TIMEOUT: Duration = Duration::from_secs(3600);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let insight = context.as_ref().clone();
        perform(&insight, &self.id).await
    }

    async fn gave_up(self, context: C, error: String) -> Result<()> {
        let insight = context.as_ref().clone();
        let failed = sql("update health_run set state = 'failed', error = $2 where id = $1 and state <> 'done'");
        insight.db().execute(failed.bind(&self.id).bind(error)).await?;
        tell(&insight);
        Ok(())
    }
}

/// Does what a run asks for; nothing when it is done. After a crash it begins anew.
pub async fn perform(insight: &Insight, id: &RunId) -> Result<()> {
    let found: Option<(RunKind, Option<String>, Option<String>, RunState)> =
        insight.db().optional(sql("select kind, model_id, rules, state from health_run where id = $1").bind(id)).await?;
    // Old ones are forgotten, and then so is what they asked for.
    let Some((kind, model, rules, state)) = found else { return Ok(()) };
    if state == RunState::Done {
        return Ok(());
    }
    let (total,): (i64,) = insight.db().one(sql("select cast(count(*) as bigint) from customer")).await?;
    let begun = sql("update health_run set state = 'running', done = 0, total = $2, error = null where id = $1");
    insight.db().execute(begun.bind(id).bind(total)).await?;
    tell(insight);
    let teller = Teller::of(insight, id);
    let outcome = match (kind, model, rules) {
        (RunKind::DryRun, Some(model), Some(rules)) => {
            let rules: Vec<Rule> = serde_json::from_str(&rules)?;
            Outcome::DryRun(Box::new(dry_run::dry_run(insight, &model, &rules, teller).await?))
        }
        _ => Outcome::Recomputed(refresh::recompute_telling(insight, teller).await?),
    };
    let done = sql("update health_run set state = 'done', done = total, outcome = $2 where id = $1");
    insight.db().execute(done.bind(id).bind(serde_json::to_string(&outcome)?)).await?;
    tell(insight);
    Ok(())
}

/// Who is told how far a run has come; nobody when nobody asked.
pub(crate) struct Teller<'a> {
    run: Option<(&'a Insight, &'a RunId)>,
    customers: u64,
    told: Instant,
}

impl<'a> Teller<'a> {
    /// Nobody is told.
    pub fn untold() -> Teller<'a> {
        Teller { run: None, customers: 0, told: Instant::now() }
    }

    fn of(insight: &'a Insight, id: &'a RunId) -> Teller<'a> {
        Teller { run: Some((insight, id)), customers: 0, told: Instant::now() }
    }

    /// So many more customers are done.
    pub async fn add(&mut self, customers: usize) -> Result<()> {
        self.customers += customers as u64;
        if let Some((insight, id)) = self.run.filter(|_| self.told.elapsed() >= TELL_EVERY) {
            let done = i64::try_from(self.customers).unwrap_or(i64::MAX);
            // Customers are made meanwhile, too.
            let written = sql("update health_run set done = $2, total = case when total < $2 then $2 else total end where id = $1");
            insight.db().execute(written.bind(id).bind(done)).await?;
            tell(insight);
            self.told = Instant::now();
        }
        Ok(())
    }
}
