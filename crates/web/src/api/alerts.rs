//! Alerts: what is wrong, rules, silences.

use std::collections::BTreeMap;
use std::time::Duration;

use accounts::Permission;
use alerts::channels::ChannelId;
use alerts::history::{self, Alert, AlertId};
use alerts::machine::NoData;
use alerts::metrics::Metric;
use alerts::quiet::{Quiet, minute_of_day, time_of_day};
use alerts::replay::{self, Replay};
use alerts::rules::{self, Condition, NewRule, Rule, RuleId, Severity};
use alerts::silences::{self, NewSilence, Silence, SilenceId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use kit::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query, created};
use crate::respond::Answer;
use crate::routes::{Access, Caller, Routes, routes};

/// Everything of it.
pub(super) fn routes(all: Routes) -> Routes {
    let operate = Access::House(Permission::OperateHouse);
    all.api(operate, routes!(list))
        .api(operate, routes!(list_rules))
        .api_create(operate, routes!(create_rule))
        .api(operate, routes!(try_rule))
        .api(operate, routes!(get_rule))
        .api(operate, routes!(change_rule))
        .api(operate, routes!(remove_rule))
        .api(operate, routes!(list_silences))
        .api_create(operate, routes!(silence))
        .api(operate, routes!(end_silence))
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub struct Shown {
    id: String,
    /// `null` when the rule was removed.
    rule_id: Option<String>,
    #[schema(example = "Error Rate Spike")]
    rule: String,
    #[schema(example = "error_rate")]
    metric: String,
    #[schema(example = "critical")]
    severity: String,
    /// `over`, `no_data` or `failed`.
    #[schema(example = "over")]
    cause: String,
    /// What is wrong, in a sentence.
    #[schema(example = "Error rate: 60 % (above 15 %)")]
    why: String,
    /// Of what: `site`, `customer`; empty for the whole house.
    labels: BTreeMap<String, String>,
    fired_at: String,
    /// `null` while it lasts.
    ended_at: Option<String>,
    /// `resolved`, `paused`, `changed` or `removed`.
    ended_why: Option<String>,
    value: Option<f64>,
    /// The worst figure since.
    peak: Option<f64>,
    evidence: EvidenceJson,
}

/// What an alert rests on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertEvidence)]
pub struct EvidenceJson {
    /// How the figure is counted.
    query: String,
    condition: String,
    from: String,
    to: String,
    samples: Option<i64>,
    points: Vec<Point>,
    affected: Vec<AffectedJson>,
}

/// What a figure was.
#[derive(Debug, Serialize, ToSchema)]
pub struct Point {
    at: String,
    /// `null` when nothing is known.
    value: Option<f64>,
}

/// Whom an alert is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertAffected)]
pub struct AffectedJson {
    /// `customer` or `site`.
    kind: String,
    id: String,
    name: String,
    note: String,
}

fn points(points: impl IntoIterator<Item = (Timestamp, Option<f64>)>) -> Vec<Point> {
    points.into_iter().map(|(at, value)| Point { at: at.rfc3339(), value }).collect()
}

fn shown(alert: Alert) -> Shown {
    Shown {
        why: alert.words(),
        id: alert.id.to_string(),
        rule_id: alert.rule_id.map(|id| id.to_string()),
        rule: alert.rule_name,
        metric: alert.metric.to_string(),
        severity: alert.severity.to_string(),
        cause: alert.cause.to_string(),
        labels: alert.labels,
        fired_at: alert.fired_at.rfc3339(),
        ended_at: alert.ended_at.map(Timestamp::rfc3339),
        ended_why: alert.ended_why.map(|why| why.to_string()),
        value: alert.value,
        peak: alert.peak,
        evidence: EvidenceJson {
            query: alert.evidence.query,
            condition: alert.evidence.condition,
            from: Timestamp(alert.evidence.from).rfc3339(),
            to: Timestamp(alert.evidence.to).rfc3339(),
            samples: alert.evidence.samples,
            points: points(alert.evidence.points.into_iter().map(|(at, value)| (Timestamp(at), value))),
            affected: alert
                .evidence
                .affected
                .into_iter()
                .map(|it| AffectedJson { kind: it.kind, id: it.id, name: it.name, note: it.note })
                .collect(),
        },
    }
}

/// Which alerts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `open` for those that last (all of them); all otherwise, newest first.
    state: Option<String>,
    /// Those before this one.
    before: Option<String>,
    /// How many, 1 to 200; 50 if not said.
    limit: Option<u32>,
}

/// Lists alerts.
#[utoipa::path(get, path = "/api/alerts", tag = "Alerts", params(Which),
    responses((status = 200, description = "One page", body = List<Shown>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Query(which): Query<Which>) -> Answer<Json<List<Shown>>> {
    match which.state.as_deref() {
        None => {}
        Some("open") => {
            let open = history::open(&app.alerts, &actor).await?;
            return Ok(Json(List { items: open.into_iter().map(shown).collect(), next: None }));
        }
        Some(_) => return Err(Error::invalid("state", "must be open, or left out").into()),
    }
    let limit = which.limit.unwrap_or(50).clamp(1, accounts::MAX_PAGE);
    let wrong = |_| Error::invalid("before", "must be the id of an alert");
    let before = which.before.as_deref().map(AlertId::parse).transpose().map_err(wrong)?;
    let mut found = history::list(&app.alerts, &actor, None, before.as_ref(), limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(List { items: found.into_iter().map(shown).collect(), next }))
}

/// When a figure is trouble.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertCondition)]
pub struct ConditionJson {
    /// `above`, `at_least`, `below`, `at_most`; or `rises_by`, `falls_by` so many percent on the window before.
    #[schema(example = "above")]
    is: String,
    #[schema(example = 15.0)]
    value: f64,
}

/// A rule to be, or what one becomes. What is left out is as the figure usually has it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteRule {
    #[schema(example = "Error Rate Spike")]
    name: String,
    /// `daily_cost`, `error_rate`, `build_queue`, `build_time`, `ingestion_rate`, `sites_down`, `site_down`, `customers_at_risk`,
    /// `customers_churning`, `disk_free`, `jobs_waiting`, `jobs_dead`.
    #[schema(example = "error_rate")]
    metric: String,
    condition: ConditionJson,
    #[serde(default)]
    window_minutes: Option<u32>,
    /// So many minutes it must be true.
    #[serde(default)]
    hold_minutes: Option<u32>,
    /// So many minutes it must be false again.
    #[serde(default)]
    keep_minutes: Option<u32>,
    /// With fewer samples nothing is judged.
    #[serde(default)]
    min_samples: Option<u32>,
    /// What nothing to judge means: `fine`, `keep`, `show` or `alert`.
    #[serde(default)]
    no_data: Option<String>,
    #[serde(default)]
    no_data_minutes: Option<u32>,
    /// `warning` or `critical`.
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    wait_seconds: Option<u32>,
    #[serde(default)]
    interval_minutes: Option<u32>,
    /// 0 for never.
    #[serde(default)]
    repeat_minutes: Option<u32>,
    /// Times of day in the time zone of the house: `22:00`.
    #[serde(default)]
    quiet_from: Option<String>,
    #[serde(default)]
    quiet_to: Option<String>,
    #[serde(default)]
    quiet_weekends: bool,
    /// Ids of channels.
    #[serde(default)]
    channels: Vec<String>,
    /// Whether it is looked at; it is if not said.
    #[serde(default)]
    active: Option<bool>,
}

impl WriteRule {
    fn parse(self) -> Result<NewRule> {
        let metric = Metric::from_text(&self.metric).ok_or_else(|| Error::invalid("metric", "must be one of the figures"))?;
        let usual = NewRule::of(metric);
        let condition = serde_json::to_value(&self.condition)?;
        let condition: Condition = serde_json::from_value(condition)
            .map_err(|_| Error::invalid("condition", "must be above, at_least, below, at_most, rises_by or falls_by, with a value"))?;
        let wrong = |field| move || Error::invalid(field, "must be one of those that the description names");
        let no_data = self.no_data.map(|text| NoData::from_text(&text).ok_or_else(wrong("no_data"))).transpose()?;
        let severity = self.severity.map(|text| Severity::from_text(&text).ok_or_else(wrong("severity"))).transpose()?;
        let hours = match (self.quiet_from, self.quiet_to) {
            (None, None) => None,
            (from, to) => {
                Some((minute_of_day("quiet_from", &from.unwrap_or_default())?, minute_of_day("quiet_to", &to.unwrap_or_default())?))
            }
        };
        let channel = |id: &String| ChannelId::parse(id).map_err(|_| Error::invalid("channels", "must be ids of channels"));
        Ok(NewRule {
            name: self.name,
            metric,
            condition,
            window_minutes: self.window_minutes.unwrap_or(usual.window_minutes),
            hold_minutes: self.hold_minutes.unwrap_or(usual.hold_minutes),
            keep_minutes: self.keep_minutes.unwrap_or(usual.keep_minutes),
            min_samples: self.min_samples.unwrap_or(usual.min_samples),
            no_data: no_data.unwrap_or(usual.no_data),
            no_data_minutes: self.no_data_minutes.unwrap_or(usual.no_data_minutes),
            severity: severity.unwrap_or(usual.severity),
            wait_seconds: self.wait_seconds.unwrap_or(usual.wait_seconds),
            interval_minutes: self.interval_minutes.unwrap_or(usual.interval_minutes),
            repeat_minutes: self.repeat_minutes.unwrap_or(usual.repeat_minutes),
            quiet: Quiet { hours, weekends: self.quiet_weekends },
            channels: self.channels.iter().map(channel).collect::<Result<_>>()?,
            is_active: self.active.unwrap_or(true),
        })
    }
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertRule)]
pub struct RuleJson {
    id: String,
    name: String,
    metric: String,
    condition: ConditionJson,
    /// The rule in a sentence.
    #[schema(example = "Error rate above 15 %, over 1 hour")]
    says: String,
    window_minutes: u32,
    hold_minutes: u32,
    keep_minutes: u32,
    min_samples: u32,
    no_data: String,
    no_data_minutes: u32,
    severity: String,
    wait_seconds: u32,
    interval_minutes: u32,
    repeat_minutes: u32,
    quiet_from: Option<String>,
    quiet_to: Option<String>,
    quiet_weekends: bool,
    channels: Vec<String>,
    active: bool,
    updated_at: String,
}

fn rule_json(rule: Rule) -> Result<RuleJson> {
    let says = rule.says;
    let condition: ConditionJson = serde_json::from_value(serde_json::to_value(says.condition)?)?;
    Ok(RuleJson {
        id: rule.id.to_string(),
        condition,
        says: says.words(),
        metric: says.metric.to_string(),
        window_minutes: says.window_minutes,
        hold_minutes: says.hold_minutes,
        keep_minutes: says.keep_minutes,
        min_samples: says.min_samples,
        no_data: says.no_data.to_string(),
        no_data_minutes: says.no_data_minutes,
        severity: says.severity.to_string(),
        wait_seconds: says.wait_seconds,
        interval_minutes: says.interval_minutes,
        repeat_minutes: says.repeat_minutes,
        quiet_from: says.quiet.hours.map(|(from, _)| time_of_day(from)),
        quiet_to: says.quiet.hours.map(|(_, to)| time_of_day(to)),
        quiet_weekends: says.quiet.weekends,
        channels: says.channels.iter().map(ToString::to_string).collect(),
        active: says.is_active,
        updated_at: rule.updated_at.rfc3339(),
        name: says.name,
    })
}

/// Lists rules by name.
#[utoipa::path(get, path = "/api/alerts/rules", tag = "Alerts", responses((status = 200, description = "All of them", body = List<RuleJson>)))]
pub async fn list_rules(State(app): State<App>, Caller(actor): Caller) -> Answer<Json<List<RuleJson>>> {
    let items = rules::list(&app.alerts, &actor).await?.into_iter().map(rule_json).collect::<Result<_>>()?;
    Ok(Json(List { items, next: None }))
}

/// Makes a rule; there may be 100.
#[utoipa::path(post, path = "/api/alerts/rules", tag = "Alerts", request_body = WriteRule,
    responses((status = 201, description = "Made", body = RuleJson)))]
pub async fn create_rule(State(app): State<App>, Caller(actor): Caller, Json(body): Json<WriteRule>) -> Answer<Response> {
    let rule = rule_json(rules::create(&app.alerts, &actor, &body.parse()?).await?)?;
    changed::audit(&app, None);
    Ok(created(&format!("/api/alerts/rules/{}", rule.id), rule))
}

/// What a rule would have done over the last 30 days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertReplay)]
pub struct ReplayJson {
    from: String,
    to: String,
    /// The figure now; of one with an alert for each site the worst.
    now: Option<f64>,
    /// Since when anything is known of the figure.
    known_from: Option<String>,
    /// How often it would have fired.
    fired: usize,
    /// The newest of them, newest first, 50 at most.
    alerts: Vec<WouldBeJson>,
    /// The worst figure of each stretch of some hours.
    points: Vec<Point>,
}

/// An alert that would have been.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertThatWouldBe)]
pub struct WouldBeJson {
    labels: BTreeMap<String, String>,
    fired_at: String,
    ended_at: Option<String>,
    value: Option<f64>,
}

fn replay_json(replay: Replay) -> ReplayJson {
    ReplayJson {
        from: replay.from.rfc3339(),
        to: replay.to.rfc3339(),
        now: replay.now,
        known_from: replay.known_from.map(Timestamp::rfc3339),
        fired: replay.fired,
        alerts: replay
            .alerts
            .into_iter()
            .map(|it| WouldBeJson {
                labels: it.labels,
                fired_at: it.fired_at.rfc3339(),
                ended_at: it.ended_at.map(Timestamp::rfc3339),
                value: it.value,
            })
            .collect(),
        points: points(replay.points),
    }
}

/// Says what a rule would have done over the last 30 days, without saving it.
///
/// The figure is looked at every five minutes.
#[utoipa::path(post, path = "/api/alerts/rules/replay", tag = "Alerts", request_body = WriteRule,
    responses((status = 200, description = "What it would have done", body = ReplayJson)))]
pub async fn try_rule(State(app): State<App>, Caller(actor): Caller, Json(body): Json<WriteRule>) -> Answer<Json<ReplayJson>> {
    Ok(Json(replay_json(replay::replay(&app.alerts, &actor, &body.parse()?).await?)))
}

/// Shows a rule.
#[utoipa::path(get, path = "/api/alerts/rules/{rule}", tag = "Alerts", params(("rule" = String, Path, description = "Its id")),
    responses((status = 200, description = "The rule", body = RuleJson)))]
pub async fn get_rule(State(app): State<App>, Caller(actor): Caller, Path(id): Path<RuleId>) -> Answer<Json<RuleJson>> {
    Ok(Json(rule_json(rules::get(&app.alerts, &actor, &id).await?)?))
}

/// Replaces a rule. When it judges otherwise than before, its alerts end silently and it begins anew.
#[utoipa::path(put, path = "/api/alerts/rules/{rule}", tag = "Alerts", params(("rule" = String, Path, description = "Its id")),
    request_body = WriteRule, responses((status = 200, description = "The rule as it is now", body = RuleJson)))]
pub async fn change_rule(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<RuleId>,
    Json(body): Json<WriteRule>,
) -> Answer<Json<RuleJson>> {
    let rule = rules::change(&app.alerts, &actor, &id, &body.parse()?).await?;
    changed::audit(&app, None);
    Ok(Json(rule_json(rule)?))
}

/// Removes a rule; its alerts end and stay in the history.
#[utoipa::path(delete, path = "/api/alerts/rules/{rule}", tag = "Alerts", params(("rule" = String, Path, description = "Its id")),
    responses((status = 204, description = "Removed")))]
pub async fn remove_rule(State(app): State<App>, Caller(actor): Caller, Path(id): Path<RuleId>) -> Answer<StatusCode> {
    rules::remove(&app.alerts, &actor, &id).await?;
    changed::audit(&app, None);
    Ok(StatusCode::NO_CONTENT)
}

/// A silence.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertSilence)]
pub struct SilenceJson {
    id: String,
    /// What `rule`, `severity`, `metric`, `site` and `customer` must be; nothing fits everything.
    matchers: BTreeMap<String, String>,
    comment: String,
    starts_at: String,
    ends_at: String,
    created_by: String,
}

fn silence_json(silence: Silence) -> SilenceJson {
    SilenceJson {
        id: silence.id.to_string(),
        matchers: silence.matchers,
        comment: silence.comment,
        starts_at: silence.starts_at.rfc3339(),
        ends_at: silence.ends_at.rfc3339(),
        created_by: silence.created_by,
    }
}

/// A silence to be, from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteSilence {
    /// What `rule`, `severity`, `metric`, `site` and `customer` must be; nothing fits everything.
    #[serde(default)]
    matchers: BTreeMap<String, String>,
    /// Why.
    comment: String,
    /// For how long, up to 90 days.
    #[schema(example = 240)]
    minutes: u32,
}

/// Lists silences that are not over.
#[utoipa::path(get, path = "/api/alerts/silences", tag = "Alerts",
    responses((status = 200, description = "All of them", body = List<SilenceJson>)))]
pub async fn list_silences(State(app): State<App>, Caller(actor): Caller) -> Answer<Json<List<SilenceJson>>> {
    let items = silences::list(&app.alerts, &actor).await?.into_iter().map(silence_json).collect();
    Ok(Json(List { items, next: None }))
}

/// Silences for a while: alerts fire and are shown, and nobody is told.
#[utoipa::path(post, path = "/api/alerts/silences", tag = "Alerts", request_body = WriteSilence,
    responses((status = 201, description = "Made", body = SilenceJson)))]
pub async fn silence(State(app): State<App>, Caller(actor): Caller, Json(body): Json<WriteSilence>) -> Answer<Response> {
    let lasts = Duration::from_secs(u64::from(body.minutes) * 60);
    let made = silences::create(&app.alerts, &actor, &NewSilence { matchers: body.matchers, comment: body.comment, lasts }).await?;
    changed::audit(&app, None);
    let made = silence_json(made);
    Ok(created(&format!("/api/alerts/silences/{}", made.id), made))
}

/// Ends a silence now.
#[utoipa::path(delete, path = "/api/alerts/silences/{silence}", tag = "Alerts", params(("silence" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is over")))]
pub async fn end_silence(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SilenceId>) -> Answer<StatusCode> {
    silences::end(&app.alerts, &actor, &id).await?;
    changed::audit(&app, None);
    Ok(StatusCode::NO_CONTENT)
}
