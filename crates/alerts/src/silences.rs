//! Silences: for a while nobody is told of some alerts. They fire and are shown all the same.

use std::collections::BTreeMap;
use std::time::Duration;

use accounts::audit::{self, Entry};
use accounts::{Actor, Permission};
use kit::db::{FromRow, Row};
use kit::{Error, Result, Timestamp, Tx, id_type, sql};
use serde_json::json;

use crate::Alerts;
use crate::history::Alert;

id_type!(
    /// A silence.
    SilenceId, "sil_"
);

/// A silence that is longer is a paused rule.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);
const MOST: i64 = 200;
/// What a silence may ask for.
const NAMES: [&str; 5] = ["rule", "severity", "metric", "site", "customer"];

/// A silence.
#[derive(Debug, Clone)]
pub struct Silence {
    /// Its id.
    pub id: SilenceId,
    /// `rule`, `severity`, `metric`, `site`, `customer` and what each must be; all must fit. Nothing fits everything.
    pub matchers: BTreeMap<String, String>,
    /// Why.
    pub comment: String,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

impl FromRow for Silence {
    fn from_row(row: &Row<'_>) -> Result<Silence> {
        let matchers = serde_json::from_str(&row.get::<String>("matchers")?);
        Ok(Silence {
            id: row.get("id")?,
            matchers: matchers.map_err(|error| Error::internal(format!("a stored silence is malformed: {error}")))?,
            comment: row.get("comment")?,
            starts_at: row.get("starts_at")?,
            ends_at: row.get("ends_at")?,
            created_by: row.get("created_by")?,
        })
    }
}

impl Silence {
    /// Whether nobody is told of this alert at this moment.
    pub fn covers(&self, alert: &Alert, now: Timestamp) -> bool {
        let fits = |(name, wanted): (&String, &String)| match name.as_str() {
            "rule" => alert.rule_id.as_ref().is_some_and(|rule| rule.as_str() == wanted),
            "severity" => alert.severity.as_str() == wanted,
            "metric" => alert.metric.as_str() == wanted,
            label => alert.labels.get(label) == Some(wanted),
        };
        self.starts_at <= now && now < self.ends_at && self.matchers.iter().all(fits)
    }
}

const COLUMNS: &str = "select id, matchers, comment, starts_at, ends_at, created_by from alert_silence";

/// A silence to be, from now on.
#[derive(Debug, Clone)]
pub struct NewSilence {
    /// See [`Silence::matchers`].
    pub matchers: BTreeMap<String, String>,
    /// Why.
    pub comment: String,
    /// For how long.
    pub lasts: Duration,
}

/// Silences that are not over, the next to end first.
pub async fn list(alerts: &Alerts, actor: &Actor) -> Result<Vec<Silence>> {
    actor.may(Permission::OperateHouse)?;
    alerts.db.all(sql(COLUMNS).and("where ends_at > $1 order by ends_at, id").bind(alerts.clock.now())).await
}

pub(crate) async fn active(tx: &Tx, now: Timestamp) -> Result<Vec<Silence>> {
    tx.all(sql(COLUMNS).and("where ends_at > $1 order by ends_at, id").bind(now)).await
}

/// Silences for a while. Fields: `matchers`, `comment`, `lasts`.
pub async fn create(alerts: &Alerts, actor: &Actor, new: &NewSilence) -> Result<Silence> {
    actor.may(Permission::OperateHouse)?;
    let comment = new.comment.trim();
    if comment.is_empty() || comment.chars().count() > 300 || comment.chars().any(char::is_control) {
        return Err(Error::invalid("comment", "must say why, in one line of 300 characters at most"));
    }
    if new.lasts.is_zero() || new.lasts > LONGEST {
        return Err(Error::invalid("lasts", "must be more than nothing and 90 days at most"));
    }
    for (name, value) in &new.matchers {
        if !NAMES.contains(&name.as_str()) || value.is_empty() || value.len() > 100 {
            return Err(Error::invalid("matchers", "must name what each of rule, severity, metric, site, customer must be"));
        }
    }
    let (id, now) = (SilenceId::new(&alerts.clock), alerts.clock.now());
    let made = alerts
        .db
        .write(async |tx| {
            let (there,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from alert_silence where ends_at > $1").bind(now)).await?;
            if there >= MOST {
                return Err(Error::conflict(format!("there may be {MOST} silences at once; end one first")));
            }
            tx.execute(
                sql("insert into alert_silence (id, matchers, comment, starts_at, ends_at, created_by, created_at)
                     values ($1, $2, $3, $4, $5, $6, $4)")
                .bind(&id)
                .bind(serde_json::to_string(&new.matchers)?)
                .bind(comment)
                .bind(now)
                .bind(now.plus(new.lasts))
                .bind(actor.name()),
            )
            .await?;
            let detail = json!({ "matchers": new.matchers, "comment": comment });
            audit::record(
                &tx,
                &alerts.clock,
                actor,
                Entry { action: "alert_silence.create", customer: None, subject: id.as_str(), detail },
            )
            .await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
        })
        .await?;
    alerts.bus.signal("operators", "alerts");
    Ok(made)
}

/// Ends a silence now: what is still true is told.
pub async fn end(alerts: &Alerts, actor: &Actor, id: &SilenceId) -> Result<()> {
    actor.may(Permission::OperateHouse)?;
    let now = alerts.clock.now();
    alerts
        .db
        .write(async |tx| {
            let ended = tx.execute(sql("update alert_silence set ends_at = $2 where id = $1 and ends_at > $2").bind(id).bind(now)).await?;
            if ended == 0 {
                return Err(Error::not_found("the silence"));
            }
            let entry = Entry { action: "alert_silence.end", customer: None, subject: id.as_str(), detail: json!({}) };
            audit::record(&tx, &alerts.clock, actor, entry).await
        })
        .await?;
    alerts.bus.signal("operators", "alerts");
    Ok(())
}
