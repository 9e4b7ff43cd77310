//! Looking at all rules, four times a minute.
//!
//! Figures are read first; then one transaction compares with where rules stood, writes down what changed, and tells channels. A crash in
//! between costs a look and nothing else, and two instances that look at once change things once.

use std::collections::HashMap;
use std::time::Duration;

use kit::jobs::Reconciler;
use kit::words::counted;
use kit::{Result, Timestamp, Tx, from_row, sql};
use serde_json::json;
use tracing::warn;

use crate::evidence::{self, Evidence};
use crate::history::{AlertId, EndedWhy};
use crate::machine::{self, News, Seen, Standing, State};
use crate::metrics::{self, Labels, Metric, Reading, Track, fingerprint};
use crate::rules::{self, Rule, RuleId};
use crate::{Alerts, messages, tell};

/// A figure that takes longer counts as one that cannot be read.
const PATIENCE: Duration = Duration::from_secs(20);

struct StateRow {
    rule_id: RuleId,
    fingerprint: String,
    labels: String,
    state: State,
    since: Timestamp,
    alert_id: Option<AlertId>,
    error: Option<String>,
}

from_row!(StateRow { rule_id, fingerprint, labels, state, since, alert_id, error });

const STATES: &str = "select rule_id, fingerprint, labels, state, since, alert_id, error from alert_state";

impl StateRow {
    fn standing(&self) -> Standing {
        Standing { state: self.state, since: self.since, is_open: self.alert_id.is_some() }
    }
}

/// A figure as rules ask for it: several rules may ask for the same.
type Asked = (Metric, u32, bool);

fn asked(rule: &Rule) -> Asked {
    (rule.says.metric, rule.says.window_minutes, rule.says.condition.is_relative())
}

/// What was read of a figure.
enum Look {
    /// What the figure is, and was one window earlier if the rule compares with that.
    Read(Track, Vec<(Reading, Option<Reading>)>),
    /// It could not be read.
    Failed(String),
}

/// Where a rule goes for one set of labels.
struct Step<'a> {
    fingerprint: String,
    before: Option<&'a StateRow>,
    after: Standing,
    news: Option<News>,
    reading: Reading,
    error: Option<String>,
}

/// What one look did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Rules that were looked at.
    pub rules: usize,
    /// Of them, rules whose figure could not be read.
    pub failed: usize,
    /// Alerts that fired.
    pub fired: usize,
    /// Alerts that ended.
    pub resolved: usize,
    /// Messages that were written.
    pub messages: u64,
}

/// Looks at all active rules once.
pub async fn look(alerts: &Alerts) -> Result<Looked> {
    messages::settle(alerts).await?;
    if let Err(error) = metrics::sample(alerts).await {
        warn!("writing down figures of the house: {error}");
    }
    let now = alerts.clock.now();
    let rules: Vec<Rule> = rules::read(alerts).await?.into_iter().filter(|rule| rule.says.is_active).collect();
    let mut looks: HashMap<Asked, Look> = HashMap::new();
    for rule in &rules {
        if looks.contains_key(&asked(rule)) {
            continue;
        }
        let look = match tokio::time::timeout(PATIENCE, read(alerts, rule, now)).await {
            Ok(Ok((track, readings))) => Look::Read(track, readings),
            Ok(Err(error)) => {
                warn!(rule.id = %rule.id, "reading the figure of a rule: {error}");
                Look::Failed(error.public_message())
            }
            Err(_) => Look::Failed(format!("the figure was not there within {} seconds", PATIENCE.as_secs())),
        };
        looks.insert(asked(rule), look);
    }
    let gathered = gather(alerts, &rules, &looks, now).await?;
    let mut looked = alerts.db.write(async |tx| write_down(&tx, alerts, &looks, &gathered, now).await).await?;
    looked.rules = rules.len();
    looked.failed = rules.iter().filter(|rule| matches!(looks.get(&asked(rule)), Some(Look::Failed(_)))).count();
    if looked.fired + looked.resolved > 0 || looked.messages > 0 {
        alerts.bus.signal("operators", "alerts");
    }
    if looked.fired + looked.resolved > 0 {
        alerts.bus.tell("operators", "alert", json!({ "fired": looked.fired, "resolved": looked.resolved, "at": now.rfc3339() }));
    }
    Ok(looked)
}

async fn read(alerts: &Alerts, rule: &Rule, now: Timestamp) -> Result<(Track, Vec<(Reading, Option<Reading>)>)> {
    let says = &rule.says;
    let (window, earlier) = (says.window(), now.minus(says.window()));
    let from = if says.condition.is_relative() { earlier } else { now };
    let track = metrics::load(alerts, says.metric, from, now, window).await?;
    let before = if says.condition.is_relative() { track.readings(earlier, window) } else { Vec::new() };
    let readings = track.readings(now, window);
    let with_before = |reading: Reading| {
        let before = before.iter().find(|it| it.labels == reading.labels).cloned();
        (reading, before)
    };
    let readings = readings.into_iter().map(with_before).collect();
    Ok((track, readings))
}

/// What follows for each set of labels of a rule.
fn steps<'a>(rule: &Rule, look: &Look, rows: &'a [StateRow], now: Timestamp) -> Vec<Step<'a>> {
    let timing = rule.says.timing();
    let mine: Vec<&StateRow> = rows.iter().filter(|row| row.rule_id == rule.id).collect();
    let of = |reading: Reading, seen: Seen, error: Option<String>| {
        let fingerprint = fingerprint(&reading.labels);
        let before = mine.iter().copied().find(|row| row.fingerprint == fingerprint);
        let (after, news) = machine::step(before.map_or(Standing::fresh(now), StateRow::standing), seen, &timing, now);
        Step { fingerprint, before, after, news, reading, error }
    };
    let labels_of = |row: &StateRow| serde_json::from_str::<Labels>(&row.labels).unwrap_or_default();
    match look {
        Look::Read(_, readings) => {
            let mut steps: Vec<Step<'_>> =
                readings.iter().map(|(now, before)| of(now.clone(), rule.says.judge(now, before.as_ref()), None)).collect();
            // What is not in trouble any more has no reading.
            let gone = mine.iter().filter(|row| !readings.iter().any(|(it, _)| fingerprint(&it.labels) == row.fingerprint));
            let gone: Vec<Labels> = gone.map(|row| labels_of(row)).collect();
            steps.extend(gone.into_iter().map(|labels| of(Reading { labels, ..Reading::default() }, Seen::Under, None)));
            steps
        }
        Look::Failed(why) => {
            let mut all: Vec<Labels> = mine.iter().map(|row| labels_of(row)).collect();
            if all.is_empty() {
                all.push(Labels::new());
            }
            all.into_iter().map(|labels| of(Reading { labels, ..Reading::default() }, Seen::Failed, Some(why.clone()))).collect()
        }
    }
}

type Gathered = HashMap<(RuleId, String), Evidence>;

/// What alerts that are about to fire rest on: gathered before the transaction, which touches the database alone.
async fn gather(alerts: &Alerts, rules: &[Rule], looks: &HashMap<Asked, Look>, now: Timestamp) -> Result<Gathered> {
    let rows: Vec<StateRow> = alerts.db.all(sql(STATES)).await?;
    let mut gathered = Gathered::new();
    for rule in rules {
        let Some(look) = looks.get(&asked(rule)) else { continue };
        let track = match look {
            Look::Read(track, _) => Some(track),
            Look::Failed(_) => None,
        };
        for step in steps(rule, look, &rows, now).into_iter().filter(|step| matches!(step.news, Some(News::Fired(_)))) {
            let mut evidence = evidence::gather(alerts, rule, track, &step.reading, now).await?;
            evidence.error = step.error;
            gathered.insert((rule.id.clone(), step.fingerprint), evidence);
        }
    }
    Ok(gathered)
}

async fn write_down(tx: &Tx, alerts: &Alerts, looks: &HashMap<Asked, Look>, gathered: &Gathered, now: Timestamp) -> Result<Looked> {
    // Read anew: a rule may have been changed, paused or removed since its figure was read. One that asks for another figure now waits
    // for the next look.
    let rules: Vec<Rule> = rules::all(tx).await?.into_iter().filter(|rule| rule.says.is_active).collect();
    let rows: Vec<StateRow> = tx.all(sql(STATES)).await?;
    let mut looked = Looked::default();
    for rule in &rules {
        let Some(look) = looks.get(&asked(rule)) else { continue };
        for step in steps(rule, look, &rows, now) {
            apply(tx, alerts, rule, &step, gathered, now, &mut looked).await?;
        }
    }
    looked.messages = tell::run(tx, alerts, &rules, now).await?;
    Ok(looked)
}

async fn apply(
    tx: &Tx,
    alerts: &Alerts,
    rule: &Rule,
    step: &Step<'_>,
    gathered: &Gathered,
    now: Timestamp,
    looked: &mut Looked,
) -> Result<()> {
    let mut alert_id = step.before.and_then(|row| row.alert_id.clone());
    match step.news {
        Some(News::Fired(cause)) => {
            // Without evidence the rule became another one just now: the next look will see.
            let Some(evidence) = gathered.get(&(rule.id.clone(), step.fingerprint.clone())) else { return Ok(()) };
            let id = AlertId::new(&alerts.clock);
            tx.execute(
                sql("insert into alert (id, rule_id, rule_name, metric, severity, cause, labels, fired_at, value, peak, evidence)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)")
                .bind(&id)
                .bind(&rule.id)
                .bind(&rule.says.name)
                .bind(rule.says.metric)
                .bind(rule.says.severity)
                .bind(cause)
                .bind(serde_json::to_string(&step.reading.labels)?)
                .bind(now)
                .bind(step.reading.value)
                .bind(serde_json::to_string(evidence)?),
            )
            .await?;
            alert_id = Some(id);
            looked.fired += 1;
        }
        Some(News::Resolved) => {
            if let Some(id) = alert_id.take() {
                let end = sql("update alert set ended_at = $2, ended_why = $3 where id = $1 and ended_at is null");
                tx.execute(end.bind(&id).bind(now).bind(EndedWhy::Resolved)).await?;
                looked.resolved += 1;
            }
        }
        None => {
            if let (Some(id), Some(value)) = (&alert_id, step.reading.value) {
                worst(tx, rule, id, value).await?;
            }
        }
    }
    let is_plain = step.after.state == State::Normal && !step.reading.labels.is_empty();
    let is_same = step.before.is_some_and(|row| row.standing() == step.after && row.error == step.error);
    if is_plain {
        if step.before.is_some() {
            let forget = sql("delete from alert_state where rule_id = $1 and fingerprint = $2");
            tx.execute(forget.bind(&rule.id).bind(&step.fingerprint)).await?;
        }
        return Ok(());
    }
    if is_same {
        return Ok(());
    }
    tx.execute(
        sql("insert into alert_state (rule_id, fingerprint, labels, state, since, alert_id, value, error) values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (rule_id, fingerprint) do update set
               state = excluded.state, since = excluded.since, alert_id = excluded.alert_id, value = excluded.value, error = excluded.error")
        .bind(&rule.id)
        .bind(&step.fingerprint)
        .bind(serde_json::to_string(&step.reading.labels)?)
        .bind(step.after.state)
        .bind(step.after.since)
        .bind(alert_id.as_ref())
        .bind(step.reading.value)
        .bind(step.error.clone()),
    )
    .await
    .map(|_| ())
}

/// Keeps the worst figure of an alert.
async fn worst(tx: &Tx, rule: &Rule, id: &AlertId, value: f64) -> Result<()> {
    let keep = match rule.says.condition.is_upwards() {
        true => sql("update alert set peak = $2 where id = $1 and (peak is null or peak < $2)"),
        false => sql("update alert set peak = $2 where id = $1 and (peak is null or peak > $2)"),
    };
    tx.execute(keep.bind(id).bind(value)).await.map(|_| ())
}

/// Looks at all rules again and again.
#[derive(Debug, Default)]
pub struct Evaluate;

impl<C: AsRef<Alerts> + Clone + Send + Sync + 'static> Reconciler<C> for Evaluate {
    const NAME: &'static str = "alerts.evaluate";
    const EVERY: Duration = Duration::from_secs(15);

    async fn reconcile(&self, context: C) -> Result<String> {
        let looked = look(context.as_ref()).await?;
        let failed = if looked.failed > 0 { format!(" ({} without a figure)", looked.failed) } else { String::new() };
        Ok(format!(
            "{}{failed}, {} fired, {} resolved, {}",
            counted(looked.rules, "rule"),
            looked.fired,
            looked.resolved,
            counted(looked.messages, "message")
        ))
    }
}
