//! When channels hear of alerts.
//!
//! The alerts of one rule are a group. Its first message waits a moment for others (`wait_seconds`), messages with news are some minutes
//! apart (`interval_minutes`), and what lasts is said again (`repeat_minutes`). An alert that ends before it was told is never told;
//! one that was told is told to be over. Silenced alerts and quiet hours hold messages back: what still lasts afterwards is told then.

use std::time::Duration;

use jiff::tz::TimeZone;
use kit::{Result, Timestamp, Tx, sql};

use crate::Alerts;
use crate::channels;
use crate::history::{self, Alert};
use crate::messages::{self, Kind, NewMessage};
use crate::rules::{NewRule, Rule};
use crate::silences::{self, Silence};
use crate::texts;

/// An alert that lasts, as its group sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting {
    /// When it fired.
    pub fired_at: Timestamp,
    /// Whether channels know of it.
    pub told: bool,
    /// Whether a silence covers it.
    pub muted: bool,
}

/// What a group says now, if anything; `ended` alerts are over and were told, but not their end.
pub fn due(says: &NewRule, told_at: Option<Timestamp>, lasting: &[Lasting], ended: usize, now: Timestamp) -> Option<Kind> {
    let minutes = |count: u32| Duration::from_secs(u64::from(count) * 60);
    let news = || lasting.iter().filter(|it| !it.told && !it.muted);
    let after = |pause: Duration| told_at.is_none_or(|told| now >= told.plus(pause));
    if news().next().is_some() || ended > 0 {
        let is_first = ended == 0 && lasting.iter().all(|it| !it.told);
        let is_due = match news().map(|it| it.fired_at).min() {
            Some(first) if is_first => now >= first.plus(Duration::from_secs(u64::from(says.wait_seconds))),
            _ => after(minutes(says.interval_minutes)),
        };
        let kind = if news().next().is_some() { Kind::Firing } else { Kind::Resolved };
        return is_due.then_some(kind);
    }
    let lasts = lasting.iter().any(|it| it.told && !it.muted);
    (lasts && says.repeat_minutes > 0 && after(minutes(says.repeat_minutes))).then_some(Kind::Again)
}

/// Tells what is due, in the transaction in which alerts fire and end. Returns how many messages it wrote.
pub(crate) async fn run(tx: &Tx, alerts: &Alerts, rules: &[Rule], now: Timestamp) -> Result<u64> {
    let open = history::to_tell(tx).await?;
    if open.is_empty() {
        return Ok(0);
    }
    let silences = silences::active(tx, now).await?;
    let zone = TimeZone::get(alerts.events.calendar().zone_name()).unwrap_or(TimeZone::UTC);
    let mut written = 0;
    for rule in rules.iter().filter(|rule| !rule.says.quiet.is_at(&zone, now)) {
        let of_rule: Vec<&Alert> = open.iter().filter(|alert| alert.rule_id.as_ref() == Some(&rule.id)).collect();
        written += tell_of(tx, alerts, rule, &of_rule, &silences, now).await?;
    }
    Ok(written)
}

async fn tell_of(tx: &Tx, alerts: &Alerts, rule: &Rule, of_rule: &[&Alert], silences: &[Silence], now: Timestamp) -> Result<u64> {
    let is_muted = |alert: &Alert| silences.iter().any(|silence| silence.covers(alert, now));
    let (lasting, ended): (Vec<&Alert>, Vec<&Alert>) = of_rule.iter().copied().partition(|alert| alert.ended_at.is_none());
    let seen: Vec<Lasting> =
        lasting.iter().map(|alert| Lasting { fired_at: alert.fired_at, told: alert.told_at.is_some(), muted: is_muted(alert) }).collect();
    let Some(kind) = due(&rule.says, rule.told_at, &seen, ended.len(), now) else { return Ok(0) };
    let firing: Vec<&Alert> = lasting.into_iter().filter(|alert| !is_muted(alert)).collect();
    let new = NewMessage {
        kind,
        rule: Some(&rule.id),
        subject: texts::subject(kind, &rule.says.name, firing.len(), ended.len()),
        body: texts::body(alerts, kind, rule, &firing, &ended),
    };
    let mut written = 0;
    for channel in channels::of_rule(tx, &rule.id).await?.iter().filter(|channel| channel.note.is_none()) {
        written += messages::add(tx, alerts, channel, &new).await?;
    }
    for alert in firing.iter().filter(|alert| alert.told_at.is_none()) {
        tx.execute(sql("update alert set told_at = $2 where id = $1").bind(&alert.id).bind(now)).await?;
    }
    for alert in &ended {
        tx.execute(sql("update alert set told_end_at = $2 where id = $1").bind(&alert.id).bind(now)).await?;
    }
    tx.execute(sql("update alert_rule set told_at = $2 where id = $1").bind(&rule.id).bind(now)).await?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metric;

    #[test]
    fn groups_wait_gather_and_repeat() {
        let says = NewRule { wait_seconds: 30, interval_minutes: 5, repeat_minutes: 240, ..NewRule::of(Metric::SiteDown) };
        let at = |seconds: i64| Timestamp(seconds * 1000);
        let lasting = |fired: i64, told: bool, muted: bool| Lasting { fired_at: at(fired), told, muted };
        let new = lasting(0, false, false);
        let old = lasting(0, true, false);
        for (name, told, group, ended, now, expected) in [
            ("the first waits for others", None, vec![new], 0, 29, None),
            ("and is told", None, vec![new], 0, 30, Some(Kind::Firing)),
            ("however long ago the last group was", Some(at(-9000)), vec![new], 0, 29, None),
            ("a further one waits for the interval", Some(at(0)), vec![old, new], 0, 299, None),
            ("and is told then", Some(at(0)), vec![old, new], 0, 300, Some(Kind::Firing)),
            ("an end waits for the interval, too", Some(at(0)), vec![], 1, 299, None),
            ("and is told", Some(at(0)), vec![], 1, 300, Some(Kind::Resolved)),
            ("an end with something new is one message", Some(at(0)), vec![new], 1, 300, Some(Kind::Firing)),
            ("what lasts is not said all the time", Some(at(0)), vec![old], 0, 14_399, None),
            ("but again after a while", Some(at(0)), vec![old], 0, 14_400, Some(Kind::Again)),
            ("silenced ones are not told", None, vec![lasting(0, false, true)], 0, 9000, None),
            ("nor repeated", Some(at(0)), vec![lasting(0, true, true)], 0, 90_000, None),
            ("nor do they hold back others", None, vec![lasting(0, false, true), new], 0, 30, Some(Kind::Firing)),
            ("nothing is said of nothing", Some(at(0)), vec![], 0, 90_000, None),
        ] {
            assert_eq!(due(&says, told, &group, ended, at(now)), expected, "{name}");
        }
        let never = NewRule { repeat_minutes: 0, ..says };
        assert_eq!(due(&never, Some(at(0)), &[old], 0, at(900_000)), None);
    }
}
