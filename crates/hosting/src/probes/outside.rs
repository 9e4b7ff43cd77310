//! Looks at each site as a visitor does: through the edge, every half minute, for status, time and certificate.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kit::Result;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::board::OutsideLook;
use super::state::Cause;
use crate::proxy::Served;
use crate::sites::{self, Site, SiteState};
use crate::templates::Kind;
use crate::{Hosting, operations};

/// From one look at a site to the next, give or take a fifth: all sites at once would be a load of its own.
const EVERY: Duration = Duration::from_secs(30);
/// After a look that saw a problem the next one comes sooner, so that one bad moment is told from a failure.
const AGAIN: Duration = Duration::from_secs(5);
/// How often it is seen who is due.
const TICK: Duration = Duration::from_secs(1);
/// Looks at once.
const PARALLEL: usize = 8;
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);
/// The list of sites is read anew this often.
const SITES: Duration = Duration::from_secs(10);

/// Looks at all sites that are served, until `stop`.
pub async fn look_from_outside(hosting: Hosting, stop: CancellationToken) {
    let mut due: HashMap<String, Instant> = HashMap::new();
    let mut served: Vec<Site> = Vec::new();
    let mut read_at: Option<Instant> = None;
    let places = Arc::new(Semaphore::new(PARALLEL));
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = stop.cancelled() => return,
        }
        if read_at.is_none_or(|at| at.elapsed() >= SITES) {
            match to_look_at(&hosting).await {
                Ok(found) => {
                    served = found;
                    read_at = Some(Instant::now());
                    due.retain(|id, _| served.iter().any(|site| site.id.as_str() == id));
                    hosting.board.keep_outside(|id| served.iter().any(|site| site.id.as_str() == id));
                }
                Err(error) => warn!("reading which sites to look at: {error}"),
            }
        }
        let now = Instant::now();
        for site in &served {
            // Spread over the first round by a figure of the site's own.
            let first = || now + EVERY.mul_f64(fraction(site.id.as_str()));
            let at = *due.entry(site.id.to_string()).or_insert_with(first);
            let sooner = hosting.board.outside(&site.id).is_none_or(|look| look.problem.is_some() && !look.failures_count());
            if now < at && !(sooner && now + EVERY >= at + AGAIN) {
                continue;
            }
            let Ok(place) = places.clone().try_acquire_owned() else { break };
            due.insert(site.id.to_string(), now + EVERY.mul_f64(0.8 + 0.4 * kit::id::random_fraction()));
            let (hosting, site) = (hosting.clone(), site.clone());
            tokio::spawn(async move {
                look_at(&hosting, &site).await;
                drop(place);
            });
        }
    }
}

/// A figure from 0 to 1 that differs from site to site.
fn fraction(id: &str) -> f64 {
    let sum = id.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    f64::from(sum % 1000) / 1000.0
}

async fn to_look_at(hosting: &Hosting) -> Result<Vec<Site>> {
    let busy = operations::busy_sites(&hosting.db).await?;
    let sites = sites::known(&hosting.db).await?;
    let is_served = |site: &Site| site.state == SiteState::Active && site.kind != Kind::Adopted && !busy.contains(&site.id.to_string());
    Ok(sites.into_iter().filter(is_served).collect())
}

/// Looks at one site now, and notes what was seen.
pub(crate) async fn look_at(hosting: &Hosting, site: &Site) -> OutsideLook {
    let seen = tokio::time::timeout(PATIENCE, hosting.proxy.look(&site.domain, "/")).await;
    let before = hosting.board.outside(&site.id);
    let (status, latency, problem) = match seen {
        Err(_) => (None, PATIENCE, Some((Cause::NoAnswer, format!("does not answer visitors within {} s", PATIENCE.as_secs())))),
        Ok(Err(error)) => (None, Duration::ZERO, Some((Cause::NoAnswer, error.public_message()))),
        Ok(Ok(served)) => (served.status, served.latency, problem_of(&served)),
    };
    let failures = match (&problem, &before) {
        (None, _) => 0,
        (Some(_), Some(before)) => before.failures.saturating_add(1),
        (Some(_), None) => 1,
    };
    let look = OutsideLook { at: hosting.clock.now(), status, latency, problem, failures };
    debug!(site.id = %site.id, "looked at `{}` from outside: {look:?}", site.domain);
    let news = before.is_none_or(|before| before.problem != look.problem || before.failures_count() != look.failures_count());
    hosting.board.note_outside(&site.id, look.clone());
    if news {
        hosting.signal(site);
    }
    look
}

fn problem_of(served: &Served) -> Option<(Cause, String)> {
    if let Err(refusal) = &served.certificate {
        return Some((Cause::Certificate, format!("has no certificate that browsers trust: {refusal}")));
    }
    match served.status {
        None => Some((Cause::NoAnswer, "runs but does not answer visitors".to_owned())),
        Some(status @ 500..) => Some((Cause::NoAnswer, format!("answers visitors with an error (status {status})"))),
        Some(_) => None,
    }
}
