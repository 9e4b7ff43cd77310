//! Goes round every ten seconds: reads all running containers, asks the edge once, and writes finished minutes down.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use kit::{Result, Timestamp, sql};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::cgroup::{Reader, Reading, Roots};
use super::edge::{self, Counts, Meter, ServiceOfSite};
use super::history::{Recorder, STEP, Sample};
use super::{ServiceFigures, SiteInMemory, size};
use crate::Hosting;
use crate::edge::VISITED;
use crate::probes::Container;
use crate::runtime::Runtime;
use crate::sites::SiteId;
use crate::templates::Kind;

/// Before the first look, so that the containers are known.
const SETTLE: Duration = Duration::from_secs(1);
/// How long the edge may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often the list of sites is read again although no unknown one has appeared.
const SITES_AGAIN: Duration = Duration::from_secs(60);
/// Containers that the engine is asked about at once, where the kernel's files cannot be seen.
const PARALLEL: usize = 8;

/// Looks until `stop`; survives anything that Docker, the edge and the database do. What was seen last is written down at the end.
pub async fn run(hosting: Hosting, stop: CancellationToken) {
    let sizes = tokio::spawn(size::keep_measuring(hosting.clone(), stop.clone()));
    let mut watcher = Watcher::resume(&hosting, Roots::default()).await;
    tokio::select! {
        () = tokio::time::sleep(SETTLE) => watcher.go_round(&hosting).await,
        () = stop.cancelled() => {}
    }
    // In the middle of a slot, so that small delays do not make two looks fall into one.
    let into_slot = hosting.clock.now().0.rem_euclid(10_000).unsigned_abs();
    let first = Instant::now() + Duration::from_millis((15_000 - into_slot) % 10_000);
    let mut tick = tokio::time::interval_at(first, STEP);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = tick.tick() => watcher.go_round(&hosting).await,
            () = stop.cancelled() => break,
        }
    }
    watcher.write_down(&hosting).await;
    let _ = sizes.await;
}

/// What one round must know of the one before.
pub struct Watcher {
    reader: Option<Reader>,
    /// CPU time of each container and when it was read.
    before: HashMap<String, (Instant, u64)>,
    meter: Meter,
    edge_asked: Option<Instant>,
    edge_is_silent: bool,
    sites: HashMap<String, Owner>,
    sites_read: Option<Instant>,
    recorder: Recorder,
    /// When the round before was shown.
    shown_at: Timestamp,
}

/// What is to be known of a site.
struct Owner {
    is_adopted: bool,
}

/// One container that runs.
struct Running {
    site: SiteId,
    service: String,
    container: Container,
    pid: i64,
}

struct Read {
    at: Instant,
    reading: Reading,
}

/// What the edge said in this round.
struct Requests {
    /// What was new; none for the first time, with which nothing can be compared.
    new: Option<HashMap<ServiceOfSite, Counts>>,
    /// Seconds since the look before.
    seconds: f64,
}

impl Watcher {
    /// Begins with the last hour as it was written down.
    pub async fn resume(hosting: &Hosting, roots: Roots) -> Watcher {
        let figures = &hosting.figures;
        let put = |site: &str, service: &str, at: Timestamp, sample: Sample| {
            let mut inner = figures.write();
            let site = inner.sites.entry(site.to_owned()).or_default();
            site.services.entry(service.to_owned()).or_default().ring.put(at, sample);
        };
        let recorder = Recorder::resume(&hosting.db, hosting.clock.now(), put).await.unwrap_or_else(|error| {
            warn!("the last hour's figures cannot be read: {error}");
            Recorder::default()
        });
        Watcher {
            reader: Some(Reader::new(roots)),
            before: HashMap::new(),
            meter: Meter::default(),
            edge_asked: None,
            edge_is_silent: false,
            sites: HashMap::new(),
            sites_read: None,
            recorder,
            shown_at: Timestamp(0),
        }
    }

    /// Looks at everything once.
    pub async fn go_round(&mut self, hosting: &Hosting) {
        let running: Vec<Running> =
            hosting.board.running().into_iter().map(|(site, service, container, pid)| Running { site, service, container, pid }).collect();
        if let Err(error) = self.know_sites(hosting, &running).await {
            warn!("the sites cannot be read for their figures: {error}");
        }
        let has_sites = !self.sites.is_empty();
        let (reads, requests) = tokio::join!(self.read(hosting, &running), ask(hosting, has_sites));
        let requests = self.compare(requests);
        self.show(hosting, &running, reads, requests);
        self.write_down(hosting).await;
    }

    /// Reads the list of sites when it is old, or when a container of an unknown one runs.
    async fn know_sites(&mut self, hosting: &Hosting, running: &[Running]) -> Result<()> {
        let is_old = self.sites_read.is_none_or(|at| at.elapsed() >= SITES_AGAIN);
        if !is_old && running.iter().all(|it| self.sites.contains_key(it.site.as_str())) {
            return Ok(());
        }
        let rows: Vec<(String, Kind)> = hosting.db.all(sql("select id, kind from site where state <> 'archived'")).await?;
        self.sites = rows.into_iter().map(|(id, kind)| (id, Owner { is_adopted: kind == Kind::Adopted })).collect();
        self.sites_read = Some(Instant::now());
        let sites = &self.sites;
        self.recorder.keep(|site| sites.contains_key(site));
        hosting.figures.write().sites.retain(|site, _| sites.contains_key(site));
        Ok(())
    }

    /// CPU time and memory of each, in the same order.
    async fn read(&mut self, hosting: &Hosting, running: &[Running]) -> Vec<Option<Read>> {
        let asked: Vec<(String, i64)> = running.iter().map(|it| (it.container.id.clone(), it.pid)).collect();
        let mut reader = self.reader.take().unwrap_or_default();
        // Hundreds of small files, of which the kernel adds some up while they are read.
        let read = tokio::task::spawn_blocking(move || {
            let known: HashSet<&str> = asked.iter().map(|(id, _)| id.as_str()).collect();
            reader.keep(|id| known.contains(id));
            let reads: Vec<Option<Read>> =
                asked.iter().map(|(id, pid)| reader.read(id, *pid).map(|reading| Read { at: Instant::now(), reading })).collect();
            (reader, reads)
        });
        let Ok((reader, reads)) = read.await else {
            return running.iter().map(|_| None).collect();
        };
        self.reader = Some(reader);
        if running.is_empty() || reads.iter().any(Option::is_some) {
            return reads;
        }
        // None of them: Innkeeper runs in a container itself, or in another name space than Docker.
        let questions = running.iter().map(|it| ask_engine(hosting.runtime.clone(), it.container.id.clone())).collect::<Vec<_>>();
        stream::iter(questions).buffered(PARALLEL).collect().await
    }

    /// What was new since the last time that the edge answered; none when it does not.
    fn compare(&mut self, scrape: Option<Result<(Instant, edge::Scrape)>>) -> Option<Requests> {
        match scrape? {
            Ok((at, scrape)) => {
                self.edge_is_silent = false;
                let before = self.edge_asked.replace(at);
                let new = self.meter.since_last(scrape);
                Some(Requests { new, seconds: before.map_or(0.0, |before| (at - before).as_secs_f64()) })
            }
            Err(error) => {
                if !std::mem::replace(&mut self.edge_is_silent, true) {
                    warn!("requests are not counted: {error}");
                }
                None
            }
        }
    }

    fn show(&mut self, hosting: &Hosting, running: &[Running], reads: Vec<Option<Read>>, requests: Option<Requests>) {
        let now = hosting.clock.now();
        let mut before = HashMap::with_capacity(running.len());
        let mut inner = hosting.figures.write();
        let shown: HashMap<String, Shown> = inner.sites.iter().map(|(id, site)| (id.clone(), Shown::of(site))).collect();
        inner.as_of = Some(now);
        for site in inner.sites.values_mut() {
            site.services.values_mut().for_each(|service| service.now = None);
        }
        for (it, read) in running.iter().zip(reads) {
            if !self.sites.contains_key(it.site.as_str()) {
                continue;
            }
            let cpu_percent = read.as_ref().and_then(|read| {
                before.insert(it.container.id.clone(), (read.at, read.reading.cpu_ns));
                let (at, cpu_ns) = self.before.get(&it.container.id)?;
                share_of_a_core(read.reading.cpu_ns.checked_sub(*cpu_ns)?, read.at - *at)
            });
            let memory_bytes = read.map(|read| read.reading.memory_bytes);
            let service = inner.sites.entry(it.site.to_string()).or_default().services.entry(it.service.clone()).or_default();
            service.now = Some(ServiceFigures {
                service: it.service.clone(),
                cpu_percent,
                memory_bytes,
                memory_limit: u64::try_from(it.container.memory_limit).ok().filter(|limit| *limit > 0),
            });
            service.ring.put(now, Sample { cpu_percent: cpu_percent.map(narrow), memory_kib: memory_bytes.map(kib), requests: None });
        }
        self.before = before;
        for (id, owner) in &self.sites {
            let site = inner.sites.entry(id.clone()).or_default();
            site.is_counted = !owner.is_adopted;
            site.requests_per_second = None;
            let (Some(requests), Ok(id), false) = (&requests, SiteId::parse(id), owner.is_adopted) else { continue };
            self.recorder.count(&id, now, site.take_requests(&id, requests, now));
        }
        let before = std::mem::replace(&mut self.shown_at, now);
        for (id, site) in &inner.sites {
            // The hour's picture moves on with each minute, whatever the figures do.
            if a_minute_began(id, before, now) || shown.get(id) != Some(&Shown::of(site)) {
                hosting.bus.signal(format!("site:{id}"), format!("figures:{id}"));
            }
        }
    }

    /// Writes the minutes that have ended; what fails is tried again with the next one.
    async fn write_down(&mut self, hosting: &Hosting) {
        let now = hosting.clock.now();
        let ended = self.recorder.ended_minutes(now);
        if ended.is_empty() {
            return;
        }
        {
            let inner = hosting.figures.read();
            for minute in ended {
                for (id, site) in inner.sites.iter().filter(|(id, _)| self.sites.contains_key(*id)) {
                    for (name, service) in &site.services {
                        self.recorder.note(id, name, minute, service.ring.minute(minute));
                    }
                }
            }
        }
        if let Err(error) = self.recorder.save(&hosting.db, now).await {
            warn!("figures cannot be written: {error}");
        }
    }
}

impl SiteInMemory {
    /// Notes what visitors did in this round, and returns it.
    fn take_requests(&mut self, id: &SiteId, requests: &Requests, now: Timestamp) -> Counts {
        let mut whole = Counts::default();
        // Whoever draws a rate of it needs its beginning, too.
        let total = self.requests_total.get_or_insert(0);
        let Some(new) = &requests.new else { return whole };
        for service in VISITED {
            // Traefik tells of a service only once it was asked for.
            let new = new.get(&(id.clone(), (*service).to_owned())).copied().unwrap_or_default();
            whole.add(new);
            let count = u32::try_from(new.requests).unwrap_or(u32::MAX - 1);
            let ring = &mut self.services.entry((*service).to_owned()).or_default().ring;
            ring.put(now, Sample { requests: Some(count), ..Sample::default() });
        }
        *total = total.saturating_add(whole.requests);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (requests.seconds > 0.0).then(|| whole.requests as f64 / requests.seconds);
        self.requests_per_second = rate;
        whole
    }
}

/// The present figures as coarse as people see them.
#[derive(PartialEq, Eq)]
struct Shown {
    cpu: Option<i64>,
    memory: Option<u64>,
    requests: Option<i64>,
}

impl Shown {
    fn of(site: &SiteInMemory) -> Shown {
        let services = site.running();
        #[expect(clippy::cast_possible_truncation, reason = "rounded figures of a page")]
        let rounded = |figure: f64| figure.round() as i64;
        Shown {
            cpu: super::sum(services.iter().map(|it| it.cpu_percent), |one, other| one + other).map(rounded),
            memory: super::sum(services.iter().map(|it| it.memory_bytes), u64::saturating_add).map(|bytes| bytes / 1_000_000),
            requests: site.requests_per_second.map(|rate| rounded(rate * 10.0)),
        }
    }
}

/// Whether the picture of a site's last hour is to move on. The minutes of some sites begin with another ten seconds than those of
/// others, so that not all open pages ask at once.
fn a_minute_began(site: &str, before: Timestamp, now: Timestamp) -> bool {
    let later = 10_000 * (site.bytes().map(i64::from).sum::<i64>() % 6);
    let minute = |at: Timestamp| (at.0 - later).div_euclid(60_000);
    minute(before) != minute(now)
}

/// One question to the engine about a container.
async fn ask_engine(runtime: Runtime, container: String) -> Option<Read> {
    let reading = runtime.usage(&container).await.ok()?;
    Some(Read { at: Instant::now(), reading })
}

/// One question to the edge; none when there is nothing that it could tell of.
async fn ask(hosting: &Hosting, has_sites: bool) -> Option<Result<(Instant, edge::Scrape)>> {
    if !has_sites {
        return None;
    }
    let asked = tokio::time::timeout(PATIENCE, edge::look(&hosting.proxy)).await;
    let answer = asked.unwrap_or_else(|_| Err(kit::Error::unavailable("the edge takes too long to answer")));
    Some(answer.map(|scrape| (Instant::now(), scrape)))
}

#[expect(clippy::cast_precision_loss, reason = "a share in percent")]
fn share_of_a_core(cpu_ns: u64, passed: Duration) -> Option<f64> {
    let passed = passed.as_nanos() as f64;
    (passed > 0.0).then(|| cpu_ns as f64 / passed * 100.0)
}

#[expect(clippy::cast_possible_truncation, reason = "a share in percent needs no more")]
fn narrow(percent: f64) -> f32 {
    percent as f32
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes / 1024).unwrap_or(u32::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_site_moves_on_once_a_minute_and_not_all_of_them_at_once() {
        let sites: Vec<SiteId> = (0..60).map(|_| SiteId::random()).collect();
        let round = |nth: i64| Timestamp(1_767_225_605_000 + nth * 10_000);
        let mut moved: HashMap<&str, u32> = HashMap::new();
        for nth in 0..6 {
            let now: Vec<&str> = sites.iter().map(SiteId::as_str).filter(|id| a_minute_began(id, round(nth - 1), round(nth))).collect();
            assert!(now.len() < 40, "{} of 60 in one round", now.len());
            now.into_iter().for_each(|id| *moved.entry(id).or_default() += 1);
        }
        assert_eq!(moved.len(), 60);
        assert!(moved.values().all(|times| *times == 1), "{moved:?}");
        // A round that was left out leaves out no site.
        assert!(sites.iter().all(|id| a_minute_began(id.as_str(), round(0), round(6))));
    }
}
