//! The books of the watch: which incidents are open, and how long each site was up. Deciding is pure; [`Books`] carries it out.

use std::collections::HashSet;
use std::time::Duration;

use kit::{Result, Timestamp};
use tokio::time::Instant;
use tracing::{info, warn};

use super::board::SiteHealth;
use super::incidents::{self, EDGE, Incident, IncidentId, Trouble};
use super::restart;
use super::state::{HealthState, reason};
use super::uptime::Tally;
use crate::Hosting;
use crate::operations;
use crate::sites::{self, Site, SiteId, SiteState};

/// How often sites are read anew and all incidents are looked through.
const ROUND: Duration = Duration::from_secs(10);
/// How often uptime is written.
const WRITE: Duration = Duration::from_secs(60);
/// More time than this between two ticks was not watched: the machine slept.
const LONGEST_TICK_MS: i64 = 30_000;

/// What the watch writes down.
#[derive(Default)]
pub(super) struct Books {
    sites: Vec<Site>,
    busy: HashSet<String>,
    tally: Tally,
    last_tick: Option<Instant>,
    last_round: Option<Instant>,
    last_write: Option<Instant>,
}

/// One entry into the books.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Open(String, Trouble),
    Close(IncidentId, Timestamp),
}

impl Books {
    /// The sites as last read.
    pub(super) fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Something about a site was seen to be different: pages are told, incidents opened and closed.
    pub(super) async fn changed(&mut self, hosting: &Hosting, site: &str) {
        if let Err(error) = self.look_at(hosting, site).await {
            // The next round looks at all sites again.
            warn!("noting a change of site `{site}`: {error}");
        }
    }

    async fn look_at(&mut self, hosting: &Hosting, site: &str) -> Result<()> {
        let Ok(id) = SiteId::parse(site) else { return Ok(()) };
        if !sites::exists(&hosting.db, &id).await? {
            return Ok(());
        }
        let site = sites::get_any(&hosting.db, &id).await?;
        // First of all: whoever looks at the page waits for this.
        hosting.signal(&site);
        let busy = operations::busy_sites(&hosting.db).await?;
        let open = incidents::open_ones(&hosting.db, Some(&id)).await?;
        enter(hosting, &site, busy.contains(&id.to_string()), &open).await
    }

    /// Adds up time, and now and then looks at everything.
    pub(super) async fn tick(&mut self, hosting: &Hosting) {
        let now = Instant::now();
        let elapsed = self.last_tick.replace(now).map_or(0, |last| i64::try_from(now.duration_since(last).as_millis()).unwrap_or(0));
        if elapsed <= LONGEST_TICK_MS {
            let at = hosting.clock.now();
            for site in self.sites.iter().filter(|site| site.state == SiteState::Active) {
                match hosting.health(site).state {
                    HealthState::Unknown => {}
                    state => self.tally.add(&site.id, at, elapsed, state == HealthState::Running),
                }
            }
        }
        if self.last_round.is_none_or(|last| now.duration_since(last) >= ROUND) {
            self.last_round = Some(now);
            if let Err(error) = self.round(hosting).await {
                warn!("looking through incidents: {error}");
            }
        }
        if self.last_write.is_none_or(|last| now.duration_since(last) >= WRITE) {
            self.last_write = Some(now);
            self.flush(hosting).await;
        }
    }

    async fn round(&mut self, hosting: &Hosting) -> Result<()> {
        self.sites = sites::known(&hosting.db).await?;
        restart::follow_clock(hosting).await?;
        self.busy = operations::busy_sites(&hosting.db).await?.into_iter().collect();
        let open = incidents::open_ones(&hosting.db, None).await?;
        for site in &self.sites {
            let of_site: Vec<Incident> = open.iter().filter(|incident| incident.site_id == site.id).cloned().collect();
            enter(hosting, site, self.busy.contains(site.id.as_str()), &of_site).await?;
        }
        Ok(())
    }

    /// Writes the uptime that was added up.
    pub(super) async fn flush(&mut self, hosting: &Hosting) {
        if let Err(error) = self.tally.flush(&hosting.db).await {
            warn!("writing uptime: {error}");
        }
    }
}

async fn enter(hosting: &Hosting, site: &Site, is_busy: bool, open: &[Incident]) -> Result<()> {
    for entry in entries(site, is_busy, &hosting.health(site), open, hosting.clock.now()) {
        match entry {
            Entry::Open(service, trouble) => {
                info!(site.id = %site.id, service, cause = %trouble.cause, "service `{service}` of site `{}` is not well: {}", site.id, trouble.cause);
                incidents::open(hosting, &site.id, &service, &trouble).await?;
            }
            Entry::Close(id, at) => {
                info!(site.id = %site.id, "an incident of site `{}` has ended", site.id);
                incidents::close(&hosting.db, &id, at).await?;
            }
        }
    }
    Ok(())
}

/// What must be entered so that the open incidents are those that there are.
fn entries(site: &Site, is_busy: bool, health: &SiteHealth, open: &[Incident], now: Timestamp) -> Vec<Entry> {
    // What a person asked for is no incident, and what cannot be seen is not known.
    if is_busy || health.state == HealthState::Unknown {
        return Vec::new();
    }
    if site.state != SiteState::Active {
        return open.iter().map(|incident| Entry::Close(incident.id.clone(), now)).collect();
    }
    let mut entries = Vec::new();
    for incident in open.iter().filter(|incident| incident.service != EDGE) {
        let service = health.services.iter().find(|service| service.service == incident.service);
        let ended = match service {
            Some(service) if service.reading.is_well() => service.reading.since.filter(|since| *since >= incident.started_at),
            Some(_) => continue,
            None => None,
        };
        entries.push(Entry::Close(incident.id.clone(), ended.unwrap_or(now).min(now)));
    }
    for service in health.services.iter().filter(|service| !service.reading.is_well()) {
        let reading = &service.reading;
        let Some(cause) = reading.cause else { continue };
        let known = open.iter().find(|incident| incident.service == service.service);
        let detail = Some(reason(cause, reading.exit_code));
        if known.is_some_and(|known| known.state == reading.state && known.cause == cause && known.detail == detail) {
            continue;
        }
        // Docker knows when a container ended; of anything else only that it is so now.
        let since = reading.since.filter(|_| reading.state == HealthState::Stopped).unwrap_or(now).min(now);
        entries.push(Entry::Open(service.service.clone(), Trouble { state: reading.state, cause, detail, since }));
    }
    entries.extend(edge_entry(health, open, now));
    entries
}

/// The site as visitors see it. While services are down it is no news that it does not answer.
fn edge_entry(health: &SiteHealth, open: &[Incident], now: Timestamp) -> Option<Entry> {
    let known = open.iter().find(|incident| incident.service == EDGE);
    let look = health.outside.as_ref()?;
    match (&look.problem, known) {
        (None, Some(known)) => Some(Entry::Close(known.id.clone(), look.at.min(now))),
        (Some((cause, problem)), known) if look.failures_count() && health.services.iter().all(|service| service.reading.is_well()) => {
            let trouble = Trouble { state: HealthState::Error, cause: *cause, detail: Some(problem.clone()), since: look.at.min(now) };
            let same = known.is_some_and(|known| known.cause == trouble.cause && known.detail == trouble.detail);
            (!same).then(|| Entry::Open(EDGE.to_owned(), trouble))
        }
        _ => None,
    }
}
