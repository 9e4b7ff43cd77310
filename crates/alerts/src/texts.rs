//! Words that mails, webhooks and pages share.

use serde_json::{Value, json};

use crate::Alerts;
use crate::history::Alert;
use crate::messages::Kind;
use crate::rules::Rule;

/// Alerts that a mail names; the page has all.
const NAMED: usize = 10;

/// The subject of a message.
pub(crate) fn subject(kind: Kind, rule: &str, firing: usize, ended: usize) -> String {
    let rule = line(rule);
    match kind {
        Kind::Test => format!("Test: {rule}"),
        Kind::Resolved => format!("Resolved: {rule}"),
        Kind::Again => format!("Still alerting: {rule}"),
        Kind::Firing if firing + ended > 1 => format!("Alerting: {rule} ({firing} firing, {ended} resolved)"),
        Kind::Firing => format!("Alerting: {rule}"),
    }
}

/// What a channel is sent about a rule. Fields are added, never changed: programs of others read them.
pub(crate) fn body(alerts: &Alerts, kind: Kind, rule: &Rule, firing: &[&Alert], ended: &[&Alert]) -> Value {
    let shown = |alert: &&Alert| {
        json!({
            "id": alert.id,
            "state": if alert.ended_at.is_some() { "resolved" } else { "firing" },
            "why": alert.words(),
            "about": alert.about(),
            "labels": alert.labels,
            "value": alert.value,
            "peak": alert.peak,
            "fired_at": alert.fired_at.rfc3339(),
            "ended_at": alert.ended_at.map(kit::Timestamp::rfc3339),
            "affected": alert.evidence.affected,
            "url": alerts.page(&format!("/admin/alerts/{}", alert.id)),
        })
    };
    json!({
        "event": format!("alert.{kind}"),
        "rule": { "id": rule.id, "name": rule.says.name, "says": rule.says.words(), "severity": rule.says.severity, "metric": rule.says.metric },
        "alerts": firing.iter().chain(ended).map(shown).collect::<Vec<_>>(),
        "at": alerts.clock.now().rfc3339(),
        "url": alerts.page("/admin/alerts"),
    })
}

/// A body in paragraphs, for a mail.
pub(crate) fn paragraphs(body: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(line).unwrap_or_default();
    let mut parts = vec![format!("{} ({}).", text(&body["rule"]["says"]), text(&body["rule"]["severity"]))];
    let all = body["alerts"].as_array().map(Vec::as_slice).unwrap_or_default();
    for alert in all.iter().take(NAMED) {
        let about = match text(&alert["about"]) {
            about if about.is_empty() => String::new(),
            about => format!("{about}: "),
        };
        let over = match alert["ended_at"].as_str() {
            Some(ended) => format!(" It is over since {ended}."),
            None => String::new(),
        };
        let mut lines = vec![format!("{about}{}, since {}.{over}", text(&alert["why"]), text(&alert["fired_at"]))];
        let affected = alert["affected"].as_array().map(Vec::as_slice).unwrap_or_default();
        lines.extend(affected.iter().take(NAMED).map(|it| format!("– {} {}: {}", text(&it["kind"]), text(&it["name"]), text(&it["note"]))));
        if affected.len() > NAMED {
            lines.push(format!("– and {} more", affected.len() - NAMED));
        }
        parts.push(lines.join("\n"));
    }
    if all.len() > NAMED {
        parts.push(format!("And {} more.", all.len() - NAMED));
    }
    parts
}

/// A name on one line.
pub(crate) fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !accounts::names::misleads(*c)).take(160).collect()
}
