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

    /// A process of a service was ended for its memory, and the service goes on: an incident that was over as soon as it began.
    pub(super) async fn survived(&mut self, hosting: &Hosting, site: &str, service: &str) {
        let noted = async {
            let Ok(id) = SiteId::parse(site) else { return Ok(()) };
            if sites::exists(&hosting.db, &id).await? && incidents::note_survived(hosting, &id, service).await? {
                info!(site.id = %id, service, "a process of service `{service}` of site `{id}` was ended for its memory");
                hosting.signal(&sites::get_any(&hosting.db, &id).await?);
            }
            Ok(())
        };
        let noted: Result<()> = noted.await;
        if let Err(error) = noted {
            warn!("noting that a process of site `{site}` was ended: {error}");
        }
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

/// Looks through the incidents of a site when an operation on it has ended: what it mended is over now, and not at the next round.
pub(crate) async fn review(hosting: &Hosting, site: &Site) {
    let reviewed = async {
        let open = incidents::open_ones(&hosting.db, Some(&site.id)).await?;
        enter(hosting, site, false, &open).await
    };
    if let Err(error) = reviewed.await {
        warn!(site.id = %site.id, "looking through the incidents of site `{}`: {error}", site.id);
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

#[cfg(test)]
mod tests {
    use super::super::board::ServiceHealth;
    use super::super::samples::{NOW, ago, bad, exited, look, service, site, up};
    use super::super::state::Cause;
    use super::*;

    fn health(state: HealthState, services: Vec<ServiceHealth>) -> SiteHealth {
        SiteHealth { state, up_since: None, reason: String::new(), services, outside: None }
    }

    fn incident(service: &str, state: HealthState, cause: Cause, detail: &str, started_at: Timestamp) -> Incident {
        Incident {
            id: IncidentId::parse("inc_000000000000000001").unwrap(),
            site_id: site(SiteState::Active).id,
            service: service.to_owned(),
            state,
            cause,
            detail: Some(detail.to_owned()),
            started_at,
            ended_at: None,
        }
    }

    fn ended(started_at: Timestamp) -> Incident {
        incident("www", HealthState::Stopped, Cause::Exited, "ended with an error (exit code 1)", started_at)
    }

    fn of_active(health: &SiteHealth, open: &[Incident]) -> Vec<Entry> {
        entries(&site(SiteState::Active), false, health, open, NOW)
    }

    fn opened(entries: &[Entry]) -> &Trouble {
        match entries {
            [Entry::Open(_, trouble)] => trouble,
            other => panic!("not one opened: {other:?}"),
        }
    }

    fn closed_at(entries: &[Entry]) -> Timestamp {
        match entries {
            [Entry::Close(_, at)] => *at,
            other => panic!("not one closed: {other:?}"),
        }
    }

    #[test]
    fn all_well_and_nothing_open_needs_no_entry() {
        assert_eq!(of_active(&health(HealthState::Running, vec![service("www", up(ago(9)))]), &[]), []);
    }

    #[test]
    fn what_ended_is_down_since_docker_says_so_and_anything_else_since_it_was_seen() {
        let entries = of_active(&health(HealthState::Stopped, vec![service("www", exited(137, ago(40)))]), &[]);
        let detail = Some("ended with an error (exit code 137)".to_owned());
        assert_eq!(*opened(&entries), Trouble { state: HealthState::Stopped, cause: Cause::Exited, detail, since: ago(40) });
        for (state, cause) in
            [(HealthState::Error, Cause::Unhealthy), (HealthState::Error, Cause::Paused), (HealthState::Restarting, Cause::Looping)]
        {
            // A container that fails its check has been running for long: that is not how long it fails.
            let entries = of_active(&health(state, vec![service("www", bad(state, cause, Some(ago(5000))))]), &[]);
            assert_eq!(opened(&entries).since, NOW, "{cause}");
        }
        // Docker's clock ahead of ours.
        let entries = of_active(&health(HealthState::Stopped, vec![service("www", exited(1, ago(-60)))]), &[]);
        assert_eq!(opened(&entries).since, NOW);
    }

    #[test]
    fn open_incident_is_left_alone_until_something_about_it_changes() {
        let seen = |reading| health(HealthState::Stopped, vec![service("www", reading)]);
        assert_eq!(of_active(&seen(exited(1, ago(40))), &[ended(ago(40))]), []);
        assert_eq!(
            opened(&of_active(&seen(exited(2, ago(3))), &[ended(ago(40))])).detail.as_deref(),
            Some("ended with an error (exit code 2)")
        );
        let looping = bad(HealthState::Restarting, Cause::Looping, Some(ago(1)));
        assert_eq!(opened(&of_active(&seen(looping), &[ended(ago(40))])).cause, Cause::Looping);
    }

    #[test]
    fn incident_ends_when_docker_started_the_service_or_when_it_is_seen_to_be_well() {
        let seen = |since| health(HealthState::Running, vec![service("www", up(since))]);
        assert_eq!(closed_at(&of_active(&seen(ago(5)), &[ended(ago(40))])), ago(5));
        // It ran all the time, as one does that was unhealthy or paused.
        assert_eq!(closed_at(&of_active(&seen(ago(5000)), &[ended(ago(40))])), NOW);
        assert_eq!(closed_at(&of_active(&seen(ago(-60)), &[ended(ago(40))])), NOW, "never in the future");
        // A service that the site does not have any more.
        assert_eq!(closed_at(&of_active(&health(HealthState::Running, Vec::new()), &[ended(ago(40))])), NOW);
    }

    #[test]
    fn nothing_is_entered_while_a_person_has_it_worked_on_or_nobody_knows() {
        let broken = |state| health(state, vec![service("www", exited(1, ago(4)))]);
        assert_eq!(entries(&site(SiteState::Active), true, &broken(HealthState::Stopped), &[], NOW), []);
        assert_eq!(entries(&site(SiteState::Active), true, &broken(HealthState::Stopped), &[ended(ago(9))], NOW), []);
        let unknown = bad(HealthState::Unknown, Cause::Exited, None);
        let unseen = health(HealthState::Unknown, vec![service("www", unknown)]);
        assert_eq!(of_active(&unseen, &[]), []);
        assert_eq!(of_active(&unseen, &[ended(ago(9))]), [], "what was wrong may still be");
    }

    #[test]
    fn site_that_a_person_stopped_has_no_incidents_and_ends_those_it_had() {
        let gone = health(HealthState::Stopped, vec![service("www", exited(0, ago(4)))]);
        for state in SiteState::ALL.iter().filter(|state| **state != SiteState::Active) {
            assert_eq!(entries(&site(*state), false, &gone, &[], NOW), [], "{state}");
            let edge = incident(EDGE, HealthState::Error, Cause::NoAnswer, "x", ago(9));
            assert_eq!(entries(&site(*state), false, &gone, &[ended(ago(9)), edge], NOW).len(), 2, "{state}");
        }
    }

    #[test]
    fn visitors_without_answer_are_an_incident_only_when_no_service_explains_it() {
        let from_outside = |reading: super::super::state::Reading, failures| SiteHealth {
            outside: Some(look(failures)),
            ..health(if reading.is_well() { HealthState::Running } else { HealthState::Stopped }, vec![service("www", reading)])
        };
        assert_eq!(of_active(&from_outside(up(ago(90)), 1), &[]), [], "one failed look may be a reload");
        let entries = of_active(&from_outside(up(ago(90)), 2), &[]);
        assert!(
            matches!(&entries[..], [Entry::Open(service, trouble)] if service == EDGE && trouble.cause == Cause::NoAnswer && trouble.since == ago(1))
        );
        let open = incident(EDGE, HealthState::Error, Cause::NoAnswer, "answers visitors with an error (status 502)", ago(60));
        assert_eq!(of_active(&from_outside(up(ago(90)), 9), std::slice::from_ref(&open)), []);
        assert_eq!(closed_at(&of_active(&from_outside(up(ago(90)), 0), std::slice::from_ref(&open))), ago(1));
        let entries = of_active(&from_outside(exited(1, ago(30)), 4), &[]);
        assert!(matches!(&entries[..], [Entry::Open(service, _)] if service == "www"), "{entries:?}");
        // No look, no word.
        assert_eq!(of_active(&health(HealthState::Running, vec![service("www", up(ago(90)))]), &[open]), []);
    }
}
