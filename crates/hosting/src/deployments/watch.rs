//! The watch window: for a while after it went live, a release is compared with the one before, and taken back when it does worse.
//!
//! Two things count: answers with a status from 500, as the edge counted them, and containers that Docker had to start again. A few
//! failures prove nothing, so the share of failed answers must be worse than before by more than chance explains: the lower end of
//! its Wilson score interval (E. B. Wilson, 1927, z = 1.96) lies above what the old release had.

use std::collections::HashMap;

use accounts::Actor;
use kit::{Context, Result, Timestamp, sql};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::queue::{self, wish_back_to};
use super::{COLUMNS, Deployment, DeploymentKind, log, releases};
use crate::compose::{RELEASE_LABEL, SITE_LABEL};
use crate::sites::{self, Site, SiteId};
use crate::usage::{self, Counts};
use crate::{Hosting, notify, usage::Scrape};

/// Fewer failed answers than this are never a reason.
const FEWEST_FAILURES: u64 = 5;
/// So much of all answers may fail more than before without being a reason: a page that nobody needs is no emergency.
const TOLERATED: f64 = 0.02;
/// Restarts of a container from which on it does not count as an accident.
const RESTARTS_THAT_COUNT: i64 = 2;
/// 95 % of a normal distribution lie within.
const Z: f64 = 1.96;

/// What the watch saw of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answers {
    /// Requests through the edge.
    pub requests: u64,
    /// Those answered with a status from 500.
    pub server_errors: u64,
}

/// How the comparison stands or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not decided yet.
    Watching,
    /// The release did no worse than the one before.
    Kept,
    /// It was taken back.
    RolledBack,
}

/// What the watch of a release saw: stored with its deployment and shown with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// What the edge had counted of the site since its own start when visitors were sent to the new release.
    pub counted_before: Answers,
    /// The two days before the switch.
    pub old: Answers,
    /// Since the switch.
    pub new: Answers,
    /// Restarts of the new release's containers by Docker.
    pub restarts: i64,
    /// Until when this was seen.
    pub as_of: Timestamp,
}

impl Answers {
    fn share(self) -> f64 {
        if self.requests == 0 { 0.0 } else { ratio(self.server_errors, self.requests) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Lower end of the Wilson score interval of `failures` in `of`.
fn wilson_low(failures: u64, of: u64) -> f64 {
    if of == 0 {
        return 0.0;
    }
    let (p, n) = (ratio(failures, of), ratio(of, 1));
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (centre - spread) / (1.0 + Z * Z / n)
}

/// Why a release must be taken back; none while there is no reason.
fn reason(old: Answers, new: Answers, restarts: i64) -> Option<String> {
    if restarts >= RESTARTS_THAT_COUNT {
        return Some(format!("its containers ended and were started again {restarts} times"));
    }
    let is_worse = wilson_low(new.server_errors, new.requests) > old.share() + TOLERATED;
    (new.server_errors >= FEWEST_FAILURES && is_worse).then(|| {
        let percent = |answers: Answers| format!("{:.1} %", answers.share() * 100.0);
        format!(
            "{} of {} answers were errors ({}); with the release before it was {}",
            new.server_errors,
            new.requests,
            percent(new),
            percent(old)
        )
    })
}

/// What is known of a site when visitors are sent to another release. None of it must hold up the switch.
pub(crate) async fn begin(hosting: &Hosting, site: &Site) -> Evidence {
    let now = hosting.clock.now();
    let counted_before = match usage::look(&hosting.proxy).await {
        Ok(scrape) => of_site(&scrape, &site.id),
        Err(error) => {
            warn!("the edge's figures cannot be read at a switch: {error}");
            Answers::default()
        }
    };
    let old = last_days(hosting, &site.id, now).await.unwrap_or_default();
    Evidence { verdict: Verdict::Watching, reason: String::new(), counted_before, old, new: Answers::default(), restarts: 0, as_of: now }
}

fn of_site(scrape: &Scrape, site: &SiteId) -> Answers {
    let ours = scrape.services.iter().filter(|((other, _), _)| other == site);
    ours.fold(Answers::default(), |sum, (_, Counts { requests, server_errors, .. })| Answers {
        requests: sum.requests + requests,
        server_errors: sum.server_errors + server_errors,
    })
}

async fn last_days(hosting: &Hosting, site: &SiteId, now: Timestamp) -> Result<Answers> {
    let today = now.0.div_euclid(86_400_000);
    let (requests, errors): (i64, i64) = hosting
        .db
        .one(
            sql("select cast(coalesce(sum(requests), 0) as bigint), cast(coalesce(sum(server_errors), 0) as bigint)
                 from usage_day where site_id = $1 and day >= $2")
            .bind(site)
            .bind(today - 1),
        )
        .await?;
    Ok(Answers { requests: requests.unsigned_abs(), server_errors: errors.unsigned_abs() })
}

/// Looks at every release that is being watched; returns how many were judged.
pub(crate) async fn look(hosting: &Hosting) -> Result<u32> {
    let watched: Vec<Deployment> =
        hosting.db.all(sql(COLUMNS).and("where watched_until is not null and state = 'success' order by watched_until")).await?;
    if watched.is_empty() {
        return Ok(0);
    }
    let scrape = usage::look(&hosting.proxy).await.inspect_err(|error| warn!("watching releases: {error}")).ok();
    let restarts = restarts_by_release(hosting).await?;
    let mut judged = 0;
    for deployment in watched {
        judged += u32::from(judge(hosting, &deployment, scrape.as_ref(), &restarts).await?);
    }
    Ok(judged)
}

/// How often Docker started the containers of each release again.
async fn restarts_by_release(hosting: &Hosting) -> Result<HashMap<String, i64>> {
    let mut found: HashMap<String, i64> = HashMap::new();
    for container in hosting.runtime.containers(Some(SITE_LABEL)).await? {
        let Some(release) = container.labels.get(RELEASE_LABEL) else { continue };
        let Some(inspection) = hosting.runtime.inspect(&container.id).await? else { continue };
        *found.entry(release.clone()).or_default() += inspection.restart_count.unwrap_or(0);
    }
    Ok(found)
}

async fn judge(hosting: &Hosting, deployment: &Deployment, scrape: Option<&Scrape>, restarts: &HashMap<String, i64>) -> Result<bool> {
    let site = sites::get_any(&hosting.db, &deployment.site_id).await?;
    let now = hosting.clock.now();
    let stored = deployment.evidence.as_deref().unwrap_or_default();
    let mut evidence: Evidence = serde_json::from_str(stored).context(format!("reading what was seen of {}", deployment.id))?;
    evidence.restarts = deployment.release_id.as_ref().and_then(|release| restarts.get(release.as_str())).copied().unwrap_or(0);
    if let Some(scrape) = scrape {
        let counted = of_site(scrape, &site.id);
        // Counts that went back belong to a Traefik that was started since.
        let is_same_count = counted.requests >= evidence.counted_before.requests;
        let before = if is_same_count { evidence.counted_before } else { Answers::default() };
        evidence.new = Answers {
            requests: counted.requests.saturating_sub(before.requests),
            server_errors: counted.server_errors.saturating_sub(before.server_errors),
        };
    }
    evidence.as_of = now;
    if deployment.release_id.as_ref() != Some(&site.release_id) {
        return end(hosting, deployment, Evidence { reason: "another release has taken its place".to_owned(), ..evidence }).await;
    }
    if let Some(why) = reason(evidence.old, evidence.new, evidence.restarts) {
        return take_back(hosting, &site, deployment, Evidence { reason: why, ..evidence }).await;
    }
    if deployment.watched_until.is_some_and(|until| now >= until) {
        let reason = format!("{} of {} answers were errors", evidence.new.server_errors, evidence.new.requests);
        return end(hosting, deployment, Evidence { reason, ..evidence }).await;
    }
    Ok(false)
}

async fn end(hosting: &Hosting, deployment: &Deployment, evidence: Evidence) -> Result<bool> {
    let evidence = Evidence { verdict: Verdict::Kept, ..evidence };
    hosting
        .db
        .execute(
            sql("update deployment set watched_until = null, evidence = $2 where id = $1")
                .bind(&deployment.id)
                .bind(serde_json::to_string(&evidence)?),
        )
        .await?;
    hosting.signal(&sites::get_any(&hosting.db, &deployment.site_id).await?);
    Ok(true)
}

/// Back to the release before, unless something newer waits already or there is none to go back to.
async fn take_back(hosting: &Hosting, site: &Site, deployment: &Deployment, evidence: Evidence) -> Result<bool> {
    let target = match &deployment.previous_release_id {
        Some(previous) => releases::find(&hosting.db, previous).await?.filter(|release| release.retired_at.is_none()),
        None => None,
    };
    let Some(target) = target else {
        let reason = format!("{}, but the release before is not kept any more", evidence.reason);
        return end(hosting, deployment, Evidence { reason, ..evidence }).await;
    };
    let actor = Actor::job("deployments.watch");
    let why = evidence.reason.clone();
    let evidence = Evidence { verdict: Verdict::RolledBack, ..evidence };
    let stored = serde_json::to_string(&evidence)?;
    let taken_back = hosting
        .db
        .write(async |tx| {
            let newer: Option<(String,)> =
                tx.optional(sql("select id from deployment where site_id = $1 and state = 'queued' limit 1").bind(&site.id)).await?;
            if newer.is_some() {
                return Ok(false);
            }
            tx.execute(
                sql("update deployment set state = 'rolled_back', watched_until = null, evidence = $2, error = $3
                     where id = $1 and state = 'success'")
                .bind(&deployment.id)
                .bind(&stored)
                .bind(&why),
            )
            .await?;
            notify::enqueue(&tx, hosting, &deployment.id).await?;
            queue::supersede_and_enqueue(&tx, hosting, site, &actor, &wish_back_to(DeploymentKind::AutomaticRollback, &target)).await?;
            Ok(true)
        })
        .await?;
    if taken_back {
        info!(site.id = %site.id, "deployment `{}` is taken back: {why}", deployment.id);
        let log = log::LogWriter::open(hosting, site, &deployment.id).await?;
        log.add("verdict", &format!("rolled back: {why}"))?;
        queue::enqueued(hosting, &site.id).await?;
        hosting.signal(site);
    }
    Ok(taken_back)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(server_errors: u64, requests: u64) -> Answers {
        Answers { requests, server_errors }
    }

    #[test]
    fn wilson_interval_agrees_with_published_values() {
        // Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29.
        for (failures, of, low) in [(81, 263, 0.2553), (15, 148, 0.0624), (0, 20, 0.0), (1, 29, 0.0061)] {
            assert!((wilson_low(failures, of) - low).abs() < 0.0001, "{failures}/{of}: {}", wilson_low(failures, of));
        }
        assert!(wilson_low(0, 0).abs() < f64::EPSILON);
    }

    #[test]
    fn release_is_taken_back_only_for_what_chance_does_not_explain() {
        let quiet = answers(0, 10_000);
        for (old, new, restarts, is_bad) in [
            (quiet, answers(0, 0), 0, false),
            (quiet, answers(0, 500), 0, false),
            // A few failures prove nothing, however few requests there are.
            (quiet, answers(4, 4), 0, false),
            (quiet, answers(5, 5), 0, true),
            (quiet, answers(5, 400), 0, false),
            (quiet, answers(40, 400), 0, true),
            // What was bad before may stay as bad.
            (answers(1000, 10_000), answers(40, 400), 0, false),
            (answers(1000, 10_000), answers(120, 400), 0, true),
            // Nothing is known of the old one.
            (answers(0, 0), answers(60, 100), 0, true),
            (quiet, answers(0, 100), 1, false),
            (quiet, answers(0, 100), 2, true),
        ] {
            assert_eq!(reason(old, new, restarts).is_some(), is_bad, "{old:?} {new:?} {restarts}");
        }
        let why = reason(answers(1, 1000), answers(40, 400), 0).unwrap();
        assert_eq!(why, "40 of 400 answers were errors (10.0 %); with the release before it was 0.1 %");
    }
}
