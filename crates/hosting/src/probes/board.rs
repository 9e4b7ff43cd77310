//! What was last seen of every site, in memory: pages and the API read it without asking Docker.

use std::collections::{BTreeMap, HashMap};
use std::sync::RwLock;
use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use kit::Timestamp;
use tokio::sync::Notify;

use super::state::{Cause, HealthState, Reading, reason};
use crate::sites::{Site, SiteId, SiteState};
use crate::templates;

/// Looks from outside in a row that must fail before they count.
const FAILURES_THAT_COUNT: u32 = 2;

/// The board: one per process, filled by [`super::watch()`].
#[derive(Debug, Default)]
pub struct Board {
    inner: RwLock<Seen>,
    /// Rung when something is to be watched that no event will tell of.
    pub(crate) look_again: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    /// Whether Docker's word is current; why not, for people.
    reach: Reach,
    services: HashMap<String, BTreeMap<String, (Container, Reading)>>,
    outside: HashMap<String, OutsideLook>,
    /// What the one service of an adopted site is called.
    adopted: HashMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Reach {
    /// Nothing was asked yet.
    #[default]
    NotYet,
    Current,
    Lost(String),
}

/// A container that belongs to a service of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Docker's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Upper limit of its memory in bytes; 0 for none.
    pub memory_limit: i64,
}

impl Container {
    /// Which one an inspection tells of.
    pub(crate) fn of(inspection: &ContainerInspectResponse) -> Container {
        Container {
            id: inspection.id.clone().unwrap_or_default(),
            name: inspection.name.as_deref().unwrap_or_default().trim_start_matches('/').to_owned(),
            memory_limit: inspection.host_config.as_ref().and_then(|config| config.memory).unwrap_or(0),
        }
    }
}

/// How one service of a site is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceHealth {
    /// `www`, `api`, `alert`, `db`, or what an adopted container is.
    pub service: String,
    /// Its container, if there is one.
    pub container: Option<Container>,
    /// What was read of it.
    pub reading: Reading,
}

/// What the last look through the edge saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideLook {
    /// When.
    pub at: Timestamp,
    /// Status of `GET /`, when it came so far.
    pub status: Option<u16>,
    /// From connecting to the head of the answer.
    pub latency: Duration,
    /// Why visitors do not get what they should; none when all is well.
    pub problem: Option<(Cause, String)>,
    /// Looks in a row that saw a problem.
    pub failures: u32,
}

/// How a site is, as one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteHealth {
    /// The worst of its services, and of the look from outside.
    pub state: HealthState,
    /// Since when all of it runs; none while it does not.
    pub up_since: Option<Timestamp>,
    /// What is wrong, in words; empty when nothing is.
    pub reason: String,
    /// Each service by name.
    pub services: Vec<ServiceHealth>,
    /// As visitors see it; none when it was not looked at.
    pub outside: Option<OutsideLook>,
}

/// Of two containers of one service, as there are while one release takes the other's place, the one that has the service's name
/// counts; else the one that runs.
pub(super) fn takes_place(site: &str, service: &str, new: (&Container, &Reading), old: (&Container, &Reading)) -> bool {
    let ending = format!("-{site}-{service}");
    match (new.0.name.ends_with(&ending), old.0.name.ends_with(&ending)) {
        (true, false) => true,
        (false, true) => false,
        _ => new.1.replaces(old.1),
    }
}

impl OutsideLook {
    /// Whether what it saw counts: one failed look may fall into a reload or a restart.
    pub(super) fn failures_count(&self) -> bool {
        self.failures >= FAILURES_THAT_COUNT
    }
}

impl SiteHealth {
    /// Uptime in milliseconds at `now`; none while it does not run.
    pub fn uptime(&self, now: Timestamp) -> Option<Duration> {
        self.up_since.map(|since| now.since(since))
    }
}

impl Board {
    /// How a site is. Services that its template has and that have no container are missing.
    pub fn health(&self, site: &Site) -> SiteHealth {
        let seen = self.read();
        let expected = seen.expected(site);
        let found = seen.services.get(site.id.as_str());
        let mut services: Vec<ServiceHealth> = found
            .into_iter()
            .flatten()
            .map(|(service, (container, reading))| ServiceHealth {
                service: service.clone(),
                container: Some(container.clone()),
                reading: reading.clone(),
            })
            .collect();
        for service in expected {
            if !services.iter().any(|known| known.service == service) {
                services.push(ServiceHealth { service, container: None, reading: Reading::missing() });
            }
        }
        let outside = seen.outside.get(site.id.as_str()).cloned();
        if let Some(why) = seen.reach.why_unknown() {
            let unknown = |service: ServiceHealth| ServiceHealth {
                reading: Reading { state: HealthState::Unknown, since: None, cause: None, ..service.reading },
                ..service
            };
            let services = services.into_iter().map(unknown).collect();
            return SiteHealth { state: HealthState::Unknown, up_since: None, reason: why.to_owned(), services, outside };
        }
        drop(seen);
        judge(site, services, outside)
    }

    /// Every container that runs, with whose it is: what figures are read of.
    pub fn running(&self) -> Vec<(SiteId, String, Container, i64)> {
        let seen = self.read();
        let mut running = Vec::new();
        for (site, services) in &seen.services {
            let Ok(id) = SiteId::parse(site) else { continue };
            for (service, (container, reading)) in services {
                if let Some(pid) = reading.pid.filter(|pid| *pid > 0) {
                    running.push((id.clone(), service.clone(), container.clone(), pid));
                }
            }
        }
        running
    }

    /// Why Docker's word is not known at present; none when it is.
    pub fn unreachable(&self) -> Option<String> {
        self.read().reach.why_unknown().map(str::to_owned)
    }

    /// Whether Docker was asked at all: right after the start nobody knows yet, which is no fault.
    pub fn was_asked(&self) -> bool {
        self.read().reach != Reach::NotYet
    }

    /// The last look through the edge at a site.
    pub fn outside(&self, site: &SiteId) -> Option<OutsideLook> {
        self.read().outside.get(site.as_str()).cloned()
    }

    /// Notes what a container was seen to be; returns whether that is news.
    pub(super) fn note(&self, site: &str, service: &str, container: Container, reading: Reading) -> bool {
        let mut seen = self.write();
        let services = seen.services.entry(site.to_owned()).or_default();
        if let Some((known, before)) = services.get(service)
            && ((*known == container && *before == reading)
                || (known.id != container.id && !takes_place(site, service, (&container, &reading), (known, before))))
        {
            return false;
        }
        services.insert(service.to_owned(), (container, reading));
        true
    }

    /// Puts a container that was just adopted on the board, so that whoever adopted it sees at once how it is.
    pub(crate) fn welcome(&self, site: &SiteId, service: &str, container: Container, reading: Reading) {
        self.write().adopted.insert(site.to_string(), service.to_owned());
        self.note(site.as_str(), service, container, reading);
    }

    /// Whose container it is, if it is known.
    pub(super) fn owner_of(&self, container_id: &str) -> Option<(String, String)> {
        self.read().owner_of(container_id)
    }

    /// Containers that Docker started again and that have run for long enough since, to be looked at.
    pub(super) fn unsettled(&self, now: Timestamp) -> Vec<(String, String, String)> {
        let seen = self.read();
        let may_settle = |reading: &Reading| {
            reading.state == HealthState::Restarting
                && reading.pid.is_some()
                && reading.since.is_some_and(|since| now.since(since) >= super::state::SETTLED)
        };
        let of_site = |(site, services): (&String, &BTreeMap<String, (Container, Reading)>)| {
            let found = services.iter().filter(|(_, (_, reading))| may_settle(reading));
            found.map(|(service, (container, _))| (site.clone(), service.clone(), container.id.clone())).collect::<Vec<_>>()
        };
        seen.services.iter().flat_map(of_site).collect()
    }

    /// Forgets a container that is gone, unless another one took its place; returns whether it was known.
    pub(super) fn forget(&self, container_id: &str) -> Option<(String, String)> {
        let mut seen = self.write();
        let known = seen.owner_of(container_id)?;
        if let Some(services) = seen.services.get_mut(&known.0) {
            services.remove(&known.1);
            if services.is_empty() {
                seen.services.remove(&known.0);
            }
        }
        Some(known)
    }

    /// Replaces all that is known of containers by a complete look, which also makes Docker's word current.
    pub(super) fn replace(&self, services: HashMap<String, BTreeMap<String, (Container, Reading)>>, adopted: HashMap<String, String>) {
        let mut seen = self.write();
        seen.services = services;
        seen.adopted = adopted;
        seen.reach = Reach::Current;
    }

    /// Docker cannot be asked, and `why`. Returns whether that is news.
    pub(super) fn lose(&self, why: String) -> bool {
        let mut seen = self.write();
        let news = !matches!(&seen.reach, Reach::Lost(_));
        seen.reach = Reach::Lost(why);
        news
    }

    /// What is known of all services: site, service, reading.
    pub(super) fn readings(&self) -> Vec<(String, String, Container, Reading)> {
        let seen = self.read();
        let of_site = |(site, services): (&String, &BTreeMap<String, (Container, Reading)>)| {
            let site = site.clone();
            services
                .iter()
                .map(move |(service, (container, reading))| (site.clone(), service.clone(), container.clone(), reading.clone()))
                .collect::<Vec<_>>()
        };
        seen.services.iter().flat_map(of_site).collect()
    }

    /// Notes a look from outside; returns the one before.
    pub(super) fn note_outside(&self, site: &SiteId, look: OutsideLook) -> Option<OutsideLook> {
        self.write().outside.insert(site.to_string(), look)
    }

    /// Drops what was seen from outside of sites that are not served any more.
    pub(super) fn keep_outside(&self, served: impl Fn(&str) -> bool) {
        self.write().outside.retain(|site, _| served(site));
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Seen> {
        self.inner.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Seen> {
        self.inner.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Seen {
    fn expected(&self, site: &Site) -> Vec<String> {
        match templates::find(site.kind) {
            Some(template) => template.manifest.services.keys().cloned().collect(),
            None => self.adopted.get(site.id.as_str()).cloned().into_iter().collect(),
        }
    }

    fn owner_of(&self, container_id: &str) -> Option<(String, String)> {
        self.services.iter().find_map(|(site, services)| {
            let service = services.iter().find(|(_, (container, _))| container.id == container_id)?.0;
            Some((site.clone(), service.clone()))
        })
    }
}

impl Reach {
    fn why_unknown(&self) -> Option<&str> {
        match self {
            Reach::Current => None,
            Reach::NotYet => Some("Docker has not been asked yet"),
            Reach::Lost(why) => Some(why),
        }
    }
}

/// Joins what was seen into one answer.
fn judge(site: &Site, services: Vec<ServiceHealth>, outside: Option<OutsideLook>) -> SiteHealth {
    let worst = services.iter().max_by_key(|service| service.reading.state);
    let mut state = worst.map_or(HealthState::Stopped, |service| service.reading.state);
    let mut reason = match worst {
        Some(service) => why(service),
        None => "has no containers".to_owned(),
    };
    match site.state {
        SiteState::Provisioning | SiteState::Restoring | SiteState::Deleting => {
            (state, reason) = (HealthState::Provisioning, String::new());
        }
        // Stopped by a person: no fault, whatever is left of its containers.
        SiteState::Stopped | SiteState::Archived => (state, reason) = (HealthState::Stopped, String::new()),
        SiteState::Failed => (state, reason) = (HealthState::Error, "could not be finished".to_owned()),
        SiteState::Active => {
            if let (HealthState::Running, Some(look)) = (state, &outside)
                && let Some((_, problem)) = look.problem.as_ref().filter(|_| look.failures_count())
            {
                (state, reason) = (HealthState::Error, problem.clone());
            }
        }
    }
    let up_since = (state == HealthState::Running).then(|| services.iter().filter_map(|service| service.reading.since).max()).flatten();
    SiteHealth { state, up_since, reason, services, outside }
}

fn why(service: &ServiceHealth) -> String {
    match service.reading.cause {
        Some(cause) => format!("{} {}", service.service, reason(cause, service.reading.exit_code)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{ago, bad, container, exited, look, service, site, up};
    use super::*;

    fn whole() -> Vec<ServiceHealth> {
        ["alert", "api", "db", "www"].iter().enumerate().map(|(nth, name)| service(name, up(ago(100 * (nth as i64 + 1))))).collect()
    }

    fn with(name: &str, reading: Reading) -> Vec<ServiceHealth> {
        let replace = |seen: ServiceHealth| if seen.service == name { service(name, reading.clone()) } else { seen };
        whole().into_iter().map(replace).collect()
    }

    #[test]
    fn site_is_up_since_the_last_of_its_services_is() {
        let health = judge(&site(SiteState::Active), whole(), None);
        assert_eq!((health.state, health.up_since, health.reason.as_str()), (HealthState::Running, Some(ago(100)), ""));
        assert_eq!(health.uptime(ago(0)), Some(Duration::from_secs(100)));
    }

    #[test]
    fn site_is_as_its_worst_service_and_says_which() {
        let stopped = exited(137, ago(5));
        let failing = bad(HealthState::Error, Cause::Unhealthy, Some(ago(9)));
        let looping = bad(HealthState::Restarting, Cause::Looping, Some(ago(3)));
        let health = judge(&site(SiteState::Active), with("api", looping.clone()), None);
        assert_eq!((health.state, health.up_since), (HealthState::Restarting, None));
        assert_eq!(health.reason, "api was just started again after it ended");
        let mut services = with("api", looping);
        services[0] = service("alert", failing);
        assert_eq!(judge(&site(SiteState::Active), services.clone(), None).state, HealthState::Error);
        services[3] = service("www", stopped);
        let health = judge(&site(SiteState::Active), services, None);
        assert_eq!(health.state, HealthState::Stopped);
        assert_eq!(health.reason, "www ended with an error (exit code 137)");
        assert_eq!(health.uptime(ago(0)), None);
    }

    #[test]
    fn look_from_outside_counts_from_the_second_failure_and_not_over_what_is_worse() {
        let judged = |services, failures| judge(&site(SiteState::Active), services, Some(look(failures)));
        assert_eq!(judged(whole(), 0).state, HealthState::Running);
        assert_eq!(judged(whole(), 1).state, HealthState::Running);
        let failed = judged(whole(), 2);
        assert_eq!((failed.state, failed.up_since), (HealthState::Error, None));
        assert_eq!(failed.reason, "answers visitors with an error (status 502)");
        let stopped = judged(with("www", exited(1, ago(5))), 2);
        assert_eq!(stopped.state, HealthState::Stopped);
        assert!(stopped.reason.starts_with("www "), "the cause, not what follows from it: {}", stopped.reason);
    }

    #[test]
    fn what_people_do_to_a_site_is_no_fault() {
        let broken = || with("www", exited(0, ago(5)));
        for (state, shown) in [
            (SiteState::Provisioning, HealthState::Provisioning),
            (SiteState::Restoring, HealthState::Provisioning),
            (SiteState::Deleting, HealthState::Provisioning),
            (SiteState::Stopped, HealthState::Stopped),
            (SiteState::Archived, HealthState::Stopped),
        ] {
            let health = judge(&site(state), broken(), Some(look(5)));
            assert_eq!((health.state, health.reason.as_str(), health.up_since), (shown, "", None), "{state}");
        }
        assert_eq!(judge(&site(SiteState::Failed), whole(), None).state, HealthState::Error);
    }

    fn seen_whole() -> Board {
        let board = Board::default();
        board.replace(HashMap::new(), HashMap::new());
        for name in ["alert", "api", "db", "www"] {
            assert!(board.note("app_aaaaaaaa", name, container(name), up(ago(50))));
        }
        board
    }

    #[test]
    fn nothing_is_claimed_before_docker_was_asked_and_after_it_went_away() {
        let site = site(SiteState::Active);
        let board = Board::default();
        assert_eq!(board.health(&site).state, HealthState::Unknown);
        assert!(board.unreachable().is_some());
        let board = seen_whole();
        assert_eq!(board.health(&site).state, HealthState::Running);
        assert!(board.lose("it is gone".to_owned()), "the first time is news");
        assert!(!board.lose("it is still gone".to_owned()));
        let health = board.health(&site);
        assert_eq!((health.state, health.reason.as_str(), health.up_since), (HealthState::Unknown, "it is still gone", None));
        assert!(health.services.iter().all(|service| service.reading.state == HealthState::Unknown && service.reading.since.is_none()));
        assert_eq!(health.services.len(), 4);
    }

    #[test]
    fn service_without_a_container_is_missing_until_it_has_one() {
        let (board, site) = (seen_whole(), site(SiteState::Active));
        assert_eq!(board.forget("api"), Some(("app_aaaaaaaa".to_owned(), "api".to_owned())));
        assert_eq!(board.forget("api"), None);
        let health = board.health(&site);
        assert_eq!((health.state, health.reason.as_str()), (HealthState::Stopped, "api has no container"));
        board.note("app_aaaaaaaa", "api", container("other"), up(ago(1)));
        assert_eq!(board.health(&site).state, HealthState::Running);
        assert_eq!(board.forget("api"), None, "the old one's end is no end of the new one");
    }

    #[test]
    fn only_what_differs_is_news() {
        let board = seen_whole();
        let note = |container, reading| board.note("app_aaaaaaaa", "www", container, reading);
        assert!(!note(container("www"), up(ago(50))));
        assert!(note(container("www"), up(ago(49))));
        let renamed = Container { name: "other-name".to_owned(), ..container("www") };
        assert!(note(renamed, up(ago(49))), "its name is shown and used");
        assert!(!note(container("second"), exited(0, ago(1))), "a second one that does not run changes nothing");
        assert!(note(container("second"), up(ago(1))));
        assert_eq!(board.running().len(), 4);
        assert!(board.running().iter().any(|(_, _, container, pid)| container.id == "second" && *pid == 7));
    }

    #[test]
    fn container_that_docker_started_again_is_looked_at_when_it_may_have_settled() {
        let board = seen_whole();
        let started = |seconds| Reading { pid: Some(9), ..bad(HealthState::Restarting, Cause::Looping, Some(ago(seconds))) };
        board.note("app_aaaaaaaa", "www", container("www"), started(9));
        assert_eq!(board.unsettled(ago(0)), Vec::new());
        board.note("app_aaaaaaaa", "www", container("www"), started(10));
        assert_eq!(board.unsettled(ago(0)), [("app_aaaaaaaa".to_owned(), "www".to_owned(), "www".to_owned())]);
        // Between two starts there is nothing to look at; an event tells of the next one.
        board.note("app_aaaaaaaa", "www", container("www"), bad(HealthState::Restarting, Cause::Looping, Some(ago(60))));
        assert_eq!(board.unsettled(ago(0)), Vec::new());
    }
}
