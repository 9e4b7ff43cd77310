//! What Innkeeper keeps and does by itself: its database, its jobs and reconcilers, its mail.

use std::time::Duration;

use kit::db::dialect::{self, Vitals};
use kit::jobs::{self, JobState, ReconcilerState};
use kit::mail::{self, Backlog};
use kit::{Result, Timestamp};
use tokio::time::Instant;

use super::{Finding, ended, look, plural, size, span};
use crate::Hosting;

/// A question about one row takes a millisecond; a disk that makes it a second makes every page slow.
const SLOW: Duration = Duration::from_secs(1);
/// Builds may keep all workers for some minutes, and then jobs wait.
const WAITS_LONG: Duration = Duration::from_secs(120);
const WAITS_TOO_LONG: Duration = Duration::from_secs(1800);
/// Reconcilers come round every 15 seconds; a run is stopped after ten minutes.
const NOBODY_WORKS: Duration = Duration::from_secs(660);
/// A mail that is refused for now is tried again for longer than this.
const MAIL_WAITS_LONG: Duration = Duration::from_secs(900);
/// Older failures have been seen or do not matter any more.
const RECENT: Duration = Duration::from_secs(7 * 86_400);

pub(super) async fn examine(hosting: &Hosting) -> Vec<Finding> {
    let (db, clock) = (&hosting.db, &hosting.clock);
    let database = look("database", "Innkeeper's database", async {
        let started = Instant::now();
        db.ping().await?;
        Ok(judge_database(started.elapsed(), &dialect::vitals(db).await?))
    });
    let queue = look("jobs", "jobs", async {
        let counts = jobs::counts(db).await?;
        let dead = counts.iter().find(|(state, _)| *state == JobState::Dead).map_or(0, |(_, count)| *count);
        let waiting = jobs::waiting_since(db, clock).await?.map(|since| clock.now().since(since));
        Ok(judge_jobs(dead, waiting))
    });
    let reconcilers = look("reconcilers", "reconcilers", async { Ok(judge_reconcilers(&jobs::reconcilers(db).await?, clock.now())) });
    let outbox = look("mail", "mail", outbox(hosting));
    let (database, queue, reconcilers, outbox) = tokio::join!(database, queue, reconcilers, outbox);
    [database, queue, reconcilers, outbox].concat()
}

async fn outbox(hosting: &Hosting) -> Result<Vec<Finding>> {
    let now = hosting.clock.now();
    Ok(judge_mail(&mail::backlog(&hosting.db, now.minus(RECENT)).await?, now))
}

fn judge_database(latency: Duration, vitals: &Vitals) -> Vec<Finding> {
    let subject = "Innkeeper's database";
    let bytes = size(u64::try_from(vitals.bytes).unwrap_or(0));
    let mut findings = vec![if latency >= SLOW {
        let message = format!("The database holds {bytes} and took {} to answer a question that takes a millisecond.", span(latency));
        Finding::warn("database", subject, message, "Look at the disk's load (`iostat -x 5`, `vmstat 5`), or at the PostgreSQL server's.")
    } else {
        Finding::ok("database", subject, format!("The database answers and holds {bytes}."))
    }];
    if let Some((used, most)) = vitals.connections {
        findings.push(judge_connections("connections", subject, u64::try_from(used).unwrap_or(0), u64::try_from(most).unwrap_or(0)));
    }
    findings
}

/// Connections in use of those that there may be; PostgreSQL keeps three for its administrator.
pub(super) fn judge_connections(check: &'static str, subject: &str, used: u64, most: u64) -> Finding {
    let message = format!("{used} of {most} connections are in use.");
    let advice = "Something opens connections and does not close them, or waits: `select pid, state, query_start, query from pg_stat_activity` shows which. \
                  Restarting what opened them frees them.";
    match used * 100 / most.max(1) {
        90.. => Finding::bad(check, subject, format!("{message} Soon none can be opened."), advice),
        70.. => Finding::warn(check, subject, message, advice),
        _ => Finding::ok(check, subject, message),
    }
}

fn judge_jobs(dead: i64, waiting: Option<Duration>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if dead > 0 {
        findings.push(Finding::warn(
            "jobs",
            "gave up",
            format!("{} gave up.", plural(dead, "job")),
            "System → Jobs says why, and has a button to try again once the cause is mended.",
        ));
    }
    let advice = "`systemctl status innkeeper` says whether a server runs to do the work. If it does, long builds may take all places: \
                  `hosting.parallel_operations` sets how many.";
    match waiting.map(|waiting| (waiting, format!("Work has been waiting for {}.", span(waiting)))) {
        Some((waiting, message)) if waiting >= WAITS_TOO_LONG => findings.push(Finding::bad("jobs", "queue", message, advice)),
        Some((waiting, message)) if waiting >= WAITS_LONG => findings.push(Finding::warn("jobs", "queue", message, advice)),
        _ => findings.push(Finding::ok("jobs", "queue", "No work has been waiting for long.")),
    }
    findings
}

fn judge_reconcilers(states: &[ReconcilerState], now: Timestamp) -> Vec<Finding> {
    let start = "Start it: `systemctl start innkeeper`; `journalctl --unit innkeeper` says why it stopped. Sites go on running meanwhile.";
    let Some(last) = states.iter().map(|state| state.started_at).max() else {
        return vec![Finding::warn("reconcilers", "innkeeper serve", "No server has worked for this house yet.", start)];
    };
    let ago = now.since(last);
    if ago >= NOBODY_WORKS {
        let message = format!("No server has worked for this house for {}: routes and certificates are not looked after.", span(ago));
        return vec![Finding::warn("reconcilers", "innkeeper serve", message, start)];
    }
    let failed: Vec<Finding> = states
        .iter()
        .filter_map(|state| {
            let error: String = state.error.as_deref()?.chars().take(300).collect();
            let message = format!("What looks after this failed last time: {}", ended(&error));
            Some(Finding::warn(
                "reconcilers",
                state.name.as_str(),
                message,
                "It tries again by itself. System → Jobs shows whether it has got further.",
            ))
        })
        .collect();
    match failed.is_empty() {
        true => vec![Finding::ok("reconcilers", "innkeeper serve", "A server works for this house, and what it looks after is well.")],
        false => failed,
    }
}

fn judge_mail(backlog: &Backlog, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if backlog.held > 0 {
        let verb = if backlog.held == 1 { "is" } else { "are" };
        findings.push(Finding::warn(
            "mail",
            "held back",
            format!("{} {verb} held back, because no mail server is set.", plural(backlog.held, "mail")),
            "Set `mail.host`, or pass their links on by hand: System → Mail.",
        ));
    }
    if backlog.failed > 0 {
        findings.push(Finding::warn(
            "mail",
            "failed",
            format!("{} of the last week could not be sent.", plural(backlog.failed, "mail")),
            "System → Mail has the mail server's own words, and the text to pass on by hand.",
        ));
    }
    match backlog.waiting_since.map(|since| now.since(since)) {
        Some(waiting) if waiting >= MAIL_WAITS_LONG => findings.push(Finding::warn(
            "mail",
            "outbox",
            format!("A mail has been waiting for {}.", span(waiting)),
            "System → Mail has the mail server's own words. Check `mail.host`, `mail.port` and `mail.security`, and that this server may reach that port.",
        )),
        _ if findings.is_empty() => findings.push(Finding::ok("mail", "outbox", "No mail is stuck.")),
        _ => {}
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    const NOW: Timestamp = Timestamp(1_768_386_600_000);

    fn worst(findings: &[Finding]) -> Severity {
        assert!(findings.iter().all(|finding| (finding.severity == Severity::Ok) == finding.advice.is_empty()), "{findings:?}");
        findings.iter().map(|finding| finding.severity).max().unwrap()
    }

    #[test]
    fn a_database_is_judged_by_its_speed_and_connections() {
        let quick = Duration::from_millis(2);
        let vitals = |connections| Vitals { bytes: 4_200_000, connections };
        assert_eq!(
            judge_database(quick, &vitals(None)),
            [Finding::ok("database", "Innkeeper's database", "The database answers and holds 4.2 MB.")]
        );
        assert_eq!(worst(&judge_database(SLOW, &vitals(None))), Severity::Warn);
        let used = |used| worst(&judge_database(quick, &vitals(Some((used, 100)))));
        assert_eq!([used(69), used(70), used(90)], [Severity::Ok, Severity::Warn, Severity::Bad]);
    }

    #[test]
    fn jobs_that_gave_up_or_wait_are_told() {
        let after = |seconds| worst(&judge_jobs(0, Some(Duration::from_secs(seconds))));
        assert_eq!(worst(&judge_jobs(0, None)), Severity::Ok);
        assert_eq!([after(119), after(120), after(1800)], [Severity::Ok, Severity::Warn, Severity::Bad]);
        let dead = judge_jobs(2, None);
        assert!(worst(&dead) == Severity::Warn && dead[0].message == "2 jobs gave up.", "{dead:?}");
    }

    #[test]
    fn a_house_without_a_server_and_a_failing_reconciler_are_told() {
        let state = |ago: u64, error: Option<&str>| ReconcilerState {
            name: "edge.routes".to_owned(),
            started_at: NOW.minus(Duration::from_secs(ago)),
            duration_ms: 3,
            summary: None,
            error: error.map(str::to_owned),
        };
        assert_eq!(worst(&judge_reconcilers(&[state(10, None)], NOW)), Severity::Ok);
        let failing = judge_reconcilers(&[state(10, Some("port 80 is taken")), state(20, None)], NOW);
        assert!(worst(&failing) == Severity::Warn && failing[0].message.contains("port 80 is taken") && failing.len() == 1, "{failing:?}");
        let nobody = judge_reconcilers(&[state(3600, Some("old news"))], NOW);
        assert!(nobody[0].message.contains("for 60 min") && nobody[0].advice.contains("systemctl start innkeeper"), "{nobody:?}");
        assert_eq!(worst(&judge_reconcilers(&[], NOW)), Severity::Warn);
    }

    #[test]
    fn mail_that_does_not_get_out_is_told() {
        let well = Backlog { waiting_since: Some(NOW.minus(Duration::from_secs(60))), ..Backlog::default() };
        assert_eq!(worst(&judge_mail(&well, NOW)), Severity::Ok);
        let stuck = Backlog { waiting_since: Some(NOW.minus(Duration::from_secs(900))), failed: 1, held: 3 };
        let told = judge_mail(&stuck, NOW);
        assert_eq!(worst(&told), Severity::Warn);
        let messages: Vec<&str> = told.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "3 mails are held back, because no mail server is set.",
                "1 mail of the last week could not be sent.",
                "A mail has been waiting for 15 min."
            ]
        );
        assert_eq!(
            judge_mail(&Backlog { held: 1, ..Backlog::default() }, NOW)[0].message,
            "1 mail is held back, because no mail server is set."
        );
    }
}
