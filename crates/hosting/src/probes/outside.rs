//! Looks at each site as a visitor does: through the edge, every half minute, for status, time and certificate.

use std::collections::HashMap;
use std::time::Duration;

use kit::Result;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::board::OutsideLook;
use super::state::Cause;
use crate::proxy::Served;
use crate::sites::{self, Site, SiteId, SiteState};
use crate::templates::Kind;
use crate::{Hosting, operations, previews};

/// From one look at a site to the next, give or take a fifth: all sites at once would be a load of its own.
const EVERY: Duration = Duration::from_secs(30);
/// After a look that saw a problem the next one comes sooner: one bad moment is told from a failure, and its end is seen soon.
const AGAIN: Duration = Duration::from_secs(5);
/// The first looks are spread over so long.
const FIRST: Duration = Duration::from_secs(10);
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
    let mut rota = Rota::default();
    let mut looks: JoinSet<(SiteId, OutsideLook)> = JoinSet::new();
    let mut read_at: Option<Instant> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            Some(Ok((site, look))) = looks.join_next() => {
                rota.looked(&site, &look, Instant::now());
                continue;
            }
            () = stop.cancelled() => return,
        }
        if read_at.is_none_or(|at| at.elapsed() >= SITES) {
            match to_look_at(&hosting).await {
                Ok(found) => {
                    read_at = Some(Instant::now());
                    hosting.board.keep_outside(|id| found.iter().any(|site| site.id.as_str() == id));
                    rota.serve(found, Instant::now());
                }
                Err(error) => warn!("reading which sites to look at: {error}"),
            }
        }
        for site in rota.due(Instant::now(), PARALLEL.saturating_sub(looks.len())) {
            let hosting = hosting.clone();
            looks.spawn(async move {
                let look = look_at(&hosting, &site).await;
                (site.id, look)
            });
        }
    }
}

/// When each site is looked at next.
#[derive(Default)]
struct Rota(HashMap<SiteId, Turn>);

struct Turn {
    site: Site,
    at: Instant,
    is_under_way: bool,
}

impl Rota {
    /// Takes over the sites that are served now; the first looks at new ones are spread over a round.
    fn serve(&mut self, served: Vec<Site>, now: Instant) {
        let mut before = std::mem::take(&mut self.0);
        for site in served {
            let known = before.remove(&site.id).map(|turn| (turn.at, turn.is_under_way));
            let (at, is_under_way) = known.unwrap_or_else(|| (now + FIRST.mul_f64(fraction(site.id.as_str())), false));
            self.0.insert(site.id.clone(), Turn { site, at, is_under_way });
        }
    }

    /// Up to `places` sites whose time has come, the longest overdue first: sites that hang must not keep the others waiting for ever.
    fn due(&mut self, now: Instant, places: usize) -> Vec<Site> {
        let mut due: Vec<&mut Turn> = self.0.values_mut().filter(|turn| !turn.is_under_way && turn.at <= now).collect();
        due.sort_by_key(|turn| turn.at);
        let next = due.into_iter().take(places).map(|turn| {
            turn.is_under_way = true;
            turn.site.clone()
        });
        next.collect()
    }

    fn looked(&mut self, site: &SiteId, look: &OutsideLook, now: Instant) {
        if let Some(turn) = self.0.get_mut(site) {
            let pause = if look.problem.is_some() { AGAIN } else { EVERY.mul_f64(0.8 + 0.4 * kit::id::random_fraction()) };
            (turn.at, turn.is_under_way) = (now + pause, false);
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
    let seen = tokio::time::timeout(PATIENCE, previews::look(hosting, site, "/")).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::samples;

    fn site(id: &str) -> Site {
        Site { id: SiteId::parse(id).unwrap(), ..samples::site(SiteState::Active) }
    }

    fn look(problem: bool) -> OutsideLook {
        let problem = problem.then(|| (Cause::NoAnswer, "does not answer".to_owned()));
        OutsideLook { at: kit::Timestamp(1), status: None, latency: Duration::ZERO, problem, failures: 0 }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_nobody_is_asked_twice_at_once() {
        let mut rota = Rota::default();
        let start = Instant::now();
        rota.serve(vec![site("app_aaaaaaaa"), site("app_bbbbbbbb"), site("app_cccccccc")], start);
        let later = start + FIRST;
        let first = rota.due(later, 2);
        assert_eq!(first.len(), 2);
        let second = rota.due(later, 2);
        assert_eq!(second.len(), 1, "those under way are not asked again");
        assert!(rota.due(later + EVERY * 10, 8).is_empty());
        // The first ones hang and are looked at again sooner; a third that is overdue for longer comes before them.
        rota.looked(&second[0].id, &look(false), later);
        for site in &first {
            rota.looked(&site.id, &look(true), later + EVERY * 2);
        }
        let next = rota.due(later + EVERY * 3, 1);
        assert_eq!(next[0].id, second[0].id);
    }

    #[tokio::test(start_paused = true)]
    async fn a_problem_is_looked_at_again_soon_and_a_forgotten_site_never() {
        let mut rota = Rota::default();
        let start = Instant::now();
        rota.serve(vec![site("app_aaaaaaaa")], start);
        let it = rota.due(start + FIRST, 8).remove(0);
        rota.looked(&it.id, &look(true), start);
        assert_eq!(rota.due(start + AGAIN, 8).len(), 1);
        rota.looked(&it.id, &look(false), start);
        assert!(rota.due(start + EVERY.mul_f64(0.79), 8).is_empty());
        assert_eq!(rota.due(start + EVERY.mul_f64(1.21), 8).len(), 1);
        rota.serve(Vec::new(), start);
        assert!(rota.due(start + EVERY * 10, 8).is_empty());
    }
}
