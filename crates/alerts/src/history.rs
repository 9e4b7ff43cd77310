//! Alerts: the stretches of time in which a rule's condition was met, with what they rest on.

use accounts::{Actor, MAX_PAGE, Permission};
use kit::db::{FromRow, Row};
use kit::{Error, Result, Timestamp, Tx, id_type, sql, text_enum};

use crate::Alerts;
use crate::evidence::Evidence;
use crate::machine::Cause;
use crate::metrics::{Labels, Metric};
use crate::rules::{RuleId, Severity};

id_type!(
    /// An alert.
    AlertId, "alert_"
);

text_enum!(
    /// Why an alert is over.
    EndedWhy {
        /// All is well again.
        Resolved = "resolved",
        /// Its rule was paused.
        Paused = "paused",
        /// Its rule was changed.
        Changed = "changed",
        /// Its rule was removed.
        Removed = "removed",
    }
);

/// An alert.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// Its rule, if that is still there.
    pub rule_id: Option<RuleId>,
    /// What the rule was called.
    pub rule_name: String,
    /// Which figure.
    pub metric: Metric,
    /// How grave it is.
    pub severity: Severity,
    /// Why it fired.
    pub cause: Cause,
    /// Of what; empty for the whole house.
    pub labels: Labels,
    /// When it fired.
    pub fired_at: Timestamp,
    /// When it was over; none while it lasts.
    pub ended_at: Option<Timestamp>,
    /// Why it is over.
    pub ended_why: Option<EndedWhy>,
    /// The figure when it fired.
    pub value: Option<f64>,
    /// The worst figure since.
    pub peak: Option<f64>,
    /// What it rests on.
    pub evidence: Evidence,
    /// When channels were told.
    pub told_at: Option<Timestamp>,
    /// When channels were told that it is over.
    pub told_end_at: Option<Timestamp>,
}

impl FromRow for Alert {
    fn from_row(row: &Row<'_>) -> Result<Alert> {
        let malformed = |error: serde_json::Error| Error::internal(format!("a stored alert is malformed: {error}"));
        Ok(Alert {
            id: row.get("id")?,
            rule_id: row.get("rule_id")?,
            rule_name: row.get("rule_name")?,
            metric: row.get("metric")?,
            severity: row.get("severity")?,
            cause: row.get("cause")?,
            labels: serde_json::from_str(&row.get::<String>("labels")?).map_err(malformed)?,
            fired_at: row.get("fired_at")?,
            ended_at: row.get("ended_at")?,
            ended_why: row.get("ended_why")?,
            value: row.get("value")?,
            peak: row.get("peak")?,
            evidence: serde_json::from_str(&row.get::<String>("evidence")?).map_err(malformed)?,
            told_at: row.get("told_at")?,
            told_end_at: row.get("told_end_at")?,
        })
    }
}

impl Alert {
    /// What it is about, in a few words: the site of a labelled figure by name, else nothing.
    pub fn about(&self) -> &str {
        match self.labels.is_empty() {
            true => "",
            false => self.evidence.affected.first().map_or("", |it| it.name.as_str()),
        }
    }

    /// What is the matter, in a sentence.
    pub fn words(&self) -> String {
        let label = self.metric.about().label;
        match self.cause {
            Cause::Over => match self.value {
                Some(value) => format!("{label}: {} ({})", self.metric.with_unit(value), self.evidence.condition),
                None => label.to_owned(),
            },
            Cause::NoData => format!("{label}: no data"),
            Cause::Failed => format!("{label}: the figure cannot be read"),
        }
    }
}

const COLUMNS: &str = "select id, rule_id, rule_name, metric, severity, cause, labels, fired_at, ended_at, ended_why, value, peak, evidence, told_at, told_end_at
from alert";

/// Alerts that last, oldest first.
pub async fn open(alerts: &Alerts, actor: &Actor) -> Result<Vec<Alert>> {
    actor.may(Permission::OperateHouse)?;
    alerts.db.all(sql(COLUMNS).and("where ended_at is null order by fired_at, id limit 500")).await
}

/// Alerts, newest first, `limit` at most, older than `before`; of one rule or of all.
pub async fn list(alerts: &Alerts, actor: &Actor, rule: Option<&RuleId>, before: Option<&AlertId>, limit: u32) -> Result<Vec<Alert>> {
    actor.may(Permission::OperateHouse)?;
    let page = match rule {
        Some(rule) => sql(COLUMNS).and("where rule_id = $1").bind(rule),
        None => sql(COLUMNS).and("where cast($1 as text) is null").bind(None::<String>),
    };
    let page = match before {
        Some(before) => page.and("and id < $2 order by id desc limit $3").bind(before),
        None => page.and("and cast($2 as text) is null order by id desc limit $3").bind(None::<String>),
    };
    alerts.db.all(page.bind(limit.clamp(1, MAX_PAGE + 1))).await
}

/// One alert.
pub async fn get(alerts: &Alerts, actor: &Actor, id: &AlertId) -> Result<Alert> {
    actor.may(Permission::OperateHouse)?;
    alerts.db.optional(sql(COLUMNS).and("where id = $1").bind(id)).await?.ok_or_else(|| Error::not_found("the alert"))
}

/// Alerts of which channels may still hear something: those that last, and those whose end was not told.
pub(crate) async fn to_tell(tx: &Tx) -> Result<Vec<Alert>> {
    let mut found: Vec<Alert> = tx.all(sql(COLUMNS).and("where ended_at is null order by fired_at, id")).await?;
    found.extend(
        tx.all::<Alert>(
            sql(COLUMNS).and("where told_at is not null and told_end_at is null and ended_at is not null order by ended_at, id limit 500"),
        )
        .await?,
    );
    Ok(found)
}

/// Ends all alerts of a rule; nobody is told.
pub(crate) async fn end_all(tx: &Tx, rule: &RuleId, why: EndedWhy, now: Timestamp) -> Result<()> {
    let end = sql("update alert
         set ended_at = $2, ended_why = $3, told_end_at = $2
         where rule_id = $1 and ended_at is null");
    tx.execute(end.bind(rule).bind(now).bind(why)).await.map(|_| ())
}
