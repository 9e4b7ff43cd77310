//! Rules as rows, and where each stands.

use accounts::audit::{self, Entry};
use accounts::{Actor, Permission};
use kit::db::{FromRow, Row};
use kit::{Error, Result, Timestamp, Tx, from_row, sql};
use serde_json::json;

use super::{MOST, NewRule, RuleId, RuleState, checked};
use crate::Alerts;
use crate::channels::ChannelId;
use crate::history;
use crate::machine::State;
use crate::quiet::Quiet;

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// What it says.
    pub says: NewRule,
    /// When its channels were last told something.
    pub told_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl FromRow for Rule {
    fn from_row(row: &Row<'_>) -> Result<Rule> {
        let number = |name: &str| -> Result<u32> { Ok(u32::try_from(row.get::<i64>(name)?).unwrap_or(0)) };
        let minute =
            |name: &str| -> Result<Option<u32>> { Ok(row.get::<Option<i64>>(name)?.and_then(|minute| u32::try_from(minute).ok())) };
        let condition = serde_json::from_str(&row.get::<String>("condition")?);
        Ok(Rule {
            id: row.get("id")?,
            told_at: row.get("told_at")?,
            created_by: row.get("created_by")?,
            updated_at: row.get("updated_at")?,
            says: NewRule {
                name: row.get("name")?,
                metric: row.get("metric")?,
                condition: condition.map_err(|error| Error::internal(format!("a stored rule is malformed: {error}")))?,
                window_minutes: number("window_minutes")?,
                hold_minutes: number("hold_minutes")?,
                keep_minutes: number("keep_minutes")?,
                min_samples: number("min_samples")?,
                no_data: row.get("no_data")?,
                no_data_minutes: number("no_data_minutes")?,
                severity: row.get("severity")?,
                wait_seconds: number("wait_seconds")?,
                interval_minutes: number("interval_minutes")?,
                repeat_minutes: number("repeat_minutes")?,
                quiet: Quiet { hours: minute("quiet_from")?.zip(minute("quiet_to")?), weekends: row.get("quiet_weekends")? },
                channels: Vec::new(),
                is_active: row.get::<RuleState>("state")? == RuleState::Active,
            },
        })
    }
}

const COLUMNS: &str =
    "select id, name, metric, condition, window_minutes, hold_minutes, keep_minutes, min_samples, no_data, no_data_minutes, severity,
       wait_seconds, interval_minutes, repeat_minutes, quiet_from, quiet_to, quiet_weekends, state, told_at, created_by, updated_at
from alert_rule";

struct Link {
    rule_id: RuleId,
    channel_id: ChannelId,
}

from_row!(Link { rule_id, channel_id });

/// All rules, by name, for work that was already allowed.
pub(crate) async fn all(tx: &Tx) -> Result<Vec<Rule>> {
    let rules = tx.all(sql(COLUMNS).and("order by name, id")).await?;
    let links = tx.all(sql("select rule_id, channel_id from alert_rule_channel order by rule_id, channel_id")).await?;
    Ok(linked(rules, links))
}

/// The same outside of a transaction.
pub(crate) async fn read(alerts: &Alerts) -> Result<Vec<Rule>> {
    let rules = alerts.db.all(sql(COLUMNS).and("order by name, id")).await?;
    let links = alerts.db.all(sql("select rule_id, channel_id from alert_rule_channel order by rule_id, channel_id")).await?;
    Ok(linked(rules, links))
}

fn linked(mut rules: Vec<Rule>, links: Vec<Link>) -> Vec<Rule> {
    for rule in &mut rules {
        rule.says.channels = links.iter().filter(|link| link.rule_id == rule.id).map(|link| link.channel_id.clone()).collect();
    }
    rules
}

/// All rules, by name.
pub async fn list(alerts: &Alerts, actor: &Actor) -> Result<Vec<Rule>> {
    actor.may(Permission::OperateHouse)?;
    read(alerts).await
}

/// One rule.
pub async fn get(alerts: &Alerts, actor: &Actor, id: &RuleId) -> Result<Rule> {
    actor.may(Permission::OperateHouse)?;
    read(alerts).await?.into_iter().find(|rule| rule.id == *id).ok_or_else(|| Error::not_found("the rule"))
}

/// Makes a rule. Fields are named as those of [`NewRule`].
pub async fn create(alerts: &Alerts, actor: &Actor, new: &NewRule) -> Result<Rule> {
    actor.may(Permission::OperateHouse)?;
    let new = checked(new)?;
    let id = RuleId::new(&alerts.clock);
    alerts
        .db
        .write(async |tx| {
            let (there,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from alert_rule")).await?;
            if there >= MOST {
                return Err(Error::conflict(format!("there may be {MOST} rules; remove one first")));
            }
            tx.execute(
                sql("insert into alert_rule (id, name, metric, condition, window_minutes, hold_minutes, keep_minutes, min_samples, no_data,
                                             no_data_minutes, severity, wait_seconds, interval_minutes, repeat_minutes, quiet_from, quiet_to,
                                             quiet_weekends, state, created_by, created_at, updated_at)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)")
                .bind(&id)
                .bind(&new.name)
                .bind(new.metric)
                .bind(serde_json::to_string(&new.condition)?)
                .bind(new.window_minutes)
                .bind(new.hold_minutes)
                .bind(new.keep_minutes)
                .bind(new.min_samples)
                .bind(new.no_data)
                .bind(new.no_data_minutes)
                .bind(new.severity)
                .bind(new.wait_seconds)
                .bind(new.interval_minutes)
                .bind(new.repeat_minutes)
                .bind(new.quiet.hours.map(|(from, _)| from))
                .bind(new.quiet.hours.map(|(_, to)| to))
                .bind(new.quiet.weekends)
                .bind(state_of(&new))
                .bind(actor.name())
                .bind(alerts.clock.now()),
            )
            .await?;
            link(&tx, &id, &new.channels).await?;
            told(&tx, alerts, actor, "alert_rule.create", &id, &new.name).await
        })
        .await?;
    alerts.bus.signal("operators", "alerts");
    get(alerts, actor, &id).await
}

/// Changes a rule. When it would judge otherwise than before, its alerts end and it begins anew. Fields as [`create`].
pub async fn change(alerts: &Alerts, actor: &Actor, id: &RuleId, new: &NewRule) -> Result<Rule> {
    let before = get(alerts, actor, id).await?;
    let new = checked(new)?;
    let ends = match (before.says.is_active && !new.is_active, before.says.judges_like(&new)) {
        (true, _) => Some(history::EndedWhy::Paused),
        (false, false) => Some(history::EndedWhy::Changed),
        (false, true) => None,
    };
    alerts
        .db
        .write(async |tx| {
            let changed = tx
                .execute(
                    sql("update alert_rule
                         set name = $2, metric = $3, condition = $4, window_minutes = $5, hold_minutes = $6, keep_minutes = $7,
                             min_samples = $8, no_data = $9, no_data_minutes = $10, severity = $11, wait_seconds = $12,
                             interval_minutes = $13, repeat_minutes = $14, quiet_from = $15, quiet_to = $16, quiet_weekends = $17,
                             state = $18, updated_at = $19
                         where id = $1")
                    .bind(id)
                    .bind(&new.name)
                    .bind(new.metric)
                    .bind(serde_json::to_string(&new.condition)?)
                    .bind(new.window_minutes)
                    .bind(new.hold_minutes)
                    .bind(new.keep_minutes)
                    .bind(new.min_samples)
                    .bind(new.no_data)
                    .bind(new.no_data_minutes)
                    .bind(new.severity)
                    .bind(new.wait_seconds)
                    .bind(new.interval_minutes)
                    .bind(new.repeat_minutes)
                    .bind(new.quiet.hours.map(|(from, _)| from))
                    .bind(new.quiet.hours.map(|(_, to)| to))
                    .bind(new.quiet.weekends)
                    .bind(state_of(&new))
                    .bind(alerts.clock.now()),
                )
                .await?;
            if changed == 0 {
                return Err(Error::not_found("the rule"));
            }
            tx.execute(sql("delete from alert_rule_channel where rule_id = $1").bind(id)).await?;
            link(&tx, id, &new.channels).await?;
            if let Some(why) = ends {
                history::end_all(&tx, id, why, alerts.clock.now()).await?;
                tx.execute(sql("delete from alert_state where rule_id = $1").bind(id)).await?;
            }
            told(&tx, alerts, actor, "alert_rule.change", id, &new.name).await
        })
        .await?;
    alerts.bus.signal("operators", "alerts");
    get(alerts, actor, id).await
}

/// Removes a rule. Its alerts end and stay in the history.
pub async fn remove(alerts: &Alerts, actor: &Actor, id: &RuleId) -> Result<()> {
    let rule = get(alerts, actor, id).await?;
    alerts
        .db
        .write(async |tx| {
            history::end_all(&tx, id, history::EndedWhy::Removed, alerts.clock.now()).await?;
            tx.execute(sql("delete from alert_rule where id = $1").bind(id)).await?;
            told(&tx, alerts, actor, "alert_rule.remove", id, &rule.says.name).await
        })
        .await?;
    alerts.bus.signal("operators", "alerts");
    Ok(())
}

fn state_of(new: &NewRule) -> RuleState {
    if new.is_active { RuleState::Active } else { RuleState::Paused }
}

async fn link(tx: &Tx, id: &RuleId, channels: &[ChannelId]) -> Result<()> {
    let mut channels = channels.to_vec();
    channels.sort();
    channels.dedup();
    for channel in &channels {
        let linked = tx
            .execute(
                sql("insert into alert_rule_channel (rule_id, channel_id) select $1, id from alert_channel where id = $2")
                    .bind(id)
                    .bind(channel),
            )
            .await?;
        if linked == 0 {
            return Err(Error::invalid("channels", "must be channels of the house"));
        }
    }
    Ok(())
}

async fn told(tx: &Tx, alerts: &Alerts, actor: &Actor, action: &'static str, id: &RuleId, name: &str) -> Result<()> {
    audit::record(tx, &alerts.clock, actor, Entry { action, customer: None, subject: id.as_str(), detail: json!({ "name": name }) }).await
}

/// Where a rule stands now, for all its labels.
#[derive(Debug, Clone)]
pub struct Now {
    /// Of which rule.
    pub rule_id: RuleId,
    /// The state.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Why it could not be evaluated.
    pub error: Option<String>,
}

from_row!(Now { rule_id, state, since, error });

impl Now {
    /// How grave a state is: of many, a rule shows the gravest.
    fn weight(&self) -> u8 {
        match self.state {
            State::Alerting => 6,
            State::Recovering => 5,
            State::Error => 4,
            State::Pending => 3,
            State::NoData => 2,
            State::Normal | State::Paused => 1,
        }
    }
}

/// Where rules stand: the gravest of each. Rules without a row are normal, or were not looked at yet.
pub async fn standings(alerts: &Alerts, actor: &Actor) -> Result<Vec<Now>> {
    actor.may(Permission::OperateHouse)?;
    let mut rows: Vec<Now> =
        alerts.db.all(sql("select rule_id, state, since, error from alert_state order by rule_id, fingerprint")).await?;
    rows.sort_by(|a, b| a.rule_id.cmp(&b.rule_id).then(b.weight().cmp(&a.weight())).then(a.since.cmp(&b.since)));
    rows.dedup_by(|later, first| later.rule_id == first.rule_id);
    Ok(rows)
}
