//! Follows Docker's events and keeps the board true: one look at everything at the start, then one look at each container that
//! something happened to. Also runs the books: incidents and uptime.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, EventMessage};
use futures_util::{Stream, StreamExt, stream};
use kit::{Error, Result};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::board::{Container, takes_place};
use super::ledger::Books;
use super::state::{Cause, HealthState, Reading, read};
use crate::compose::{INSTANCE_LABEL, ONE_OFF_LABEL, SERVICE_LABEL, SITE_LABEL};
use crate::{Hosting, adopt};

/// How long to wait before the engine is asked again after it went away.
const AGAIN: Duration = Duration::from_secs(1);
/// How often time is added up, and containers that Docker started again are looked at until they have settled.
const TICK: Duration = Duration::from_secs(1);
/// How often the engine must show that it is alive: a frozen one sends no events, and no end of them. With the 5 s that it is
/// given to answer, pages stop trusting it within 10 s.
const ALIVE: Duration = Duration::from_secs(4);
/// A container that still runs so long after one of its processes was ended for its memory has survived that.
const AFTERMATH: Duration = Duration::from_secs(3);
/// How often everything is looked at although no event asked for it.
const FULL_LOOK: Duration = Duration::from_secs(300);
/// Containers that are inspected at once.
const PARALLEL: usize = 8;

/// Watches until `stop`; survives anything Docker and the database do.
pub async fn watch(hosting: Hosting, stop: CancellationToken) {
    let (mut books, mut memory) = (Books::default(), Memory::default());
    while !stop.is_cancelled() {
        let followed = tokio::select! {
            followed = follow(&hosting, &mut books, &mut memory) => followed,
            () = stop.cancelled() => break,
        };
        if let Err(error) = followed {
            if hosting.board.lose(error.public_message()) {
                warn!("containers cannot be watched: {error}");
                signal_all(&hosting, &books);
            }
            let waited = async {
                tokio::time::sleep(AGAIN).await;
                books.tick(&hosting).await;
            };
            tokio::select! {
                () = waited => {}
                () = stop.cancelled() => break,
            }
        }
    }
    books.flush(&hosting).await;
}

/// Follows events until the engine goes away.
async fn follow(hosting: &Hosting, books: &mut Books, memory: &mut Memory) -> Result<()> {
    // Listened to before the look, so that nothing falls in between.
    let mut events = pin!(hosting.runtime.events()?);
    let was_lost = hosting.board.unreachable().is_some();
    look_at_all(hosting, books, memory).await?;
    if was_lost {
        info!("watching containers");
        signal_all(hosting, books);
    }
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut alive = tokio::time::interval_at(tokio::time::Instant::now() + ALIVE, ALIVE);
    let mut full = tokio::time::interval_at(tokio::time::Instant::now() + FULL_LOOK, FULL_LOOK);
    loop {
        tokio::select! {
            event = next(&mut events) => heard(hosting, books, memory, event?).await?,
            _ = tick.tick() => {
                look_at_unsettled(hosting, books, memory).await?;
                note_survivors(hosting, books, memory).await;
                books.tick(hosting).await;
            }
            _ = alive.tick() => hosting.runtime.ping().await?,
            _ = full.tick() => look_at_all(hosting, books, memory).await?,
            () = hosting.board.look_again.notified() => look_at_all(hosting, books, memory).await?,
        }
    }
}

async fn next(events: &mut (impl Stream<Item = Result<EventMessage>> + Unpin)) -> Result<EventMessage> {
    events.next().await.unwrap_or_else(|| Err(Error::unavailable("Docker does not answer; start the Docker service on this server")))
}

/// What is known beside the board.
#[derive(Default)]
struct Memory {
    exits: Exits,
    adopted: adopt::Adopted,
}

/// How containers ended last: an inspection forgets it as soon as Docker has started them again.
#[derive(Default)]
struct Exits {
    ended: HashMap<String, Exit>,
    /// Containers of which a process was ended for its memory, and when that was heard.
    hurt: HashMap<String, Instant>,
}

#[derive(Default, Clone, Copy)]
struct Exit {
    code: Option<i64>,
    out_of_memory: bool,
}

impl Exits {
    fn note(&mut self, action: &str, id: &str, attributes: &HashMap<String, String>) {
        match action {
            "oom" => {
                self.ended.entry(id.to_owned()).or_default().out_of_memory = true;
                self.hurt.entry(id.to_owned()).or_insert_with(Instant::now);
            }
            "die" => {
                self.ended.entry(id.to_owned()).or_default().code = attributes.get("exitCode").and_then(|code| code.parse().ok());
                self.hurt.remove(id);
            }
            "destroy" => {
                self.ended.remove(id);
                self.hurt.remove(id);
            }
            _ => {}
        }
    }

    /// Completes what an inspection said of a container that is not well.
    fn explain(&self, id: &str, reading: Reading) -> Reading {
        let Some(exit) = self.ended.get(id).filter(|_| matches!(reading.cause, Some(Cause::Looping | Cause::Exited))) else {
            return reading;
        };
        let cause = if exit.out_of_memory { Some(Cause::OutOfMemory) } else { reading.cause };
        Reading { cause, exit_code: exit.code.or(reading.exit_code), ..reading }
    }

    /// A container that settled has nothing to explain any more.
    fn settle(&mut self, id: &str) {
        if let Some(exit) = self.ended.get_mut(id) {
            exit.out_of_memory = false;
        }
    }

    /// Takes the containers that have survived the end of a process.
    fn survivors(&mut self) -> Vec<String> {
        let survived = self.hurt.extract_if(|_, heard| heard.elapsed() >= AFTERMATH);
        survived.map(|(id, _)| id).collect()
    }
}

/// Whose a container is: the site's id and the service.
fn owner(hosting: &Hosting, name: &str, labels: &HashMap<String, String>, adopted: &adopt::Adopted) -> Option<(String, String)> {
    if let Some(found) = adopted.owner_of(name) {
        return Some(found);
    }
    let (site, service) = (labels.get(SITE_LABEL)?, labels.get(SERVICE_LABEL)?);
    // A command that runs once is no service.
    if labels.get(ONE_OFF_LABEL).is_some_and(|value| value == "True") {
        return None;
    }
    // Another installation on this host watches its own.
    let ours = labels.get(INSTANCE_LABEL).is_none_or(|instance| *instance == hosting.edge.project);
    ours.then(|| (site.clone(), service.clone()))
}

async fn look_at_all(hosting: &Hosting, books: &mut Books, memory: &mut Memory) -> Result<()> {
    match adopt::all(&hosting.db).await {
        Ok(found) => memory.adopted = found,
        // No word about Docker: the names known so far will do.
        Err(error) => warn!("reading which containers are adopted: {error}"),
    }
    let adopted = &memory.adopted;
    // Adopted containers have no label of ours, so that all must be listed while there are any.
    let label = if adopted.is_empty() { Some(SITE_LABEL) } else { None };
    let listed = hosting.runtime.containers(label).await?;
    let ours = listed.into_iter().filter_map(|listed| Some((owner(hosting, &listed.name, &listed.labels, adopted)?, listed.id)));
    let looks = ours.map(|(whose, id)| async move { (whose, hosting.runtime.inspect(&id).await) });
    let seen: Vec<_> = stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(PARALLEL).collect().await;
    let mut services: HashMap<String, BTreeMap<String, (Container, Reading)>> = HashMap::new();
    for ((site, service), inspection) in seen {
        let Some(inspection) = inspection? else { continue };
        let (container, reading) = both(hosting, &inspection, &mut memory.exits);
        let known = services.entry(site.clone()).or_default();
        let counts = match known.get(&service) {
            Some((other, seen)) => takes_place(&site, &service, (&container, &reading), (other, seen)),
            None => true,
        };
        if counts {
            known.insert(service, (container, reading));
        }
    }
    let before = hosting.board.readings();
    hosting.board.replace(services, adopted.services());
    let after = hosting.board.readings();
    for site in changed_sites(&before, &after) {
        books.changed(hosting, &site).await;
    }
    Ok(())
}

type Readings = [(String, String, Container, Reading)];

fn changed_sites(before: &Readings, after: &Readings) -> Vec<String> {
    let all = before.iter().filter(|it| !after.contains(it)).chain(after.iter().filter(|it| !before.contains(it)));
    let mut sites: Vec<String> = all.map(|(site, ..)| site.clone()).collect();
    sites.sort();
    sites.dedup();
    sites
}

fn both(hosting: &Hosting, inspection: &ContainerInspectResponse, exits: &mut Exits) -> (Container, Reading) {
    let container = Container::of(inspection);
    let reading = exits.explain(&container.id, read(inspection, hosting.clock.now()));
    if reading.state == HealthState::Running {
        exits.settle(&container.id);
    }
    (container, reading)
}

async fn heard(hosting: &Hosting, books: &mut Books, memory: &mut Memory, event: EventMessage) -> Result<()> {
    let Some(actor) = event.actor else { return Ok(()) };
    let (Some(id), attributes) = (actor.id, actor.attributes.unwrap_or_default()) else { return Ok(()) };
    let action = event.action.unwrap_or_default();
    memory.exits.note(&action, &id, &attributes);
    if action == "destroy" {
        if let Some((site, _)) = hosting.board.forget(&id) {
            books.changed(hosting, &site).await;
        }
        return Ok(());
    }
    let known = hosting.board.owner_of(&id);
    let whose = match known {
        Some(whose) => Some(whose),
        None => {
            let name = attributes.get("name").map(String::as_str).unwrap_or_default();
            owner(hosting, name, &attributes, &memory.adopted)
        }
    };
    match whose {
        Some((site, service)) => look_at(hosting, books, memory, &site, &service, &id).await,
        None => Ok(()),
    }
}

async fn look_at(hosting: &Hosting, books: &mut Books, memory: &mut Memory, site: &str, service: &str, id: &str) -> Result<()> {
    let Some(inspection) = hosting.runtime.inspect(id).await? else {
        if hosting.board.forget(id).is_some() {
            books.changed(hosting, site).await;
        }
        return Ok(());
    };
    let (container, reading) = both(hosting, &inspection, &mut memory.exits);
    if hosting.board.note(site, service, container, reading) {
        books.changed(hosting, site).await;
    }
    Ok(())
}

/// No event tells that a container which Docker started again has settled.
async fn look_at_unsettled(hosting: &Hosting, books: &mut Books, memory: &mut Memory) -> Result<()> {
    for (site, service, id) in hosting.board.unsettled(hosting.clock.now()) {
        look_at(hosting, books, memory, &site, &service, &id).await?;
    }
    Ok(())
}

fn signal_all(hosting: &Hosting, books: &Books) {
    for site in books.sites() {
        hosting.signal(site);
    }
    hosting.bus.signal("operators", "sites");
}

/// Of a container that goes on although one of its processes was ended for its memory no inspection tells.
async fn note_survivors(hosting: &Hosting, books: &mut Books, memory: &mut Memory) {
    for id in memory.exits.survivors() {
        if let Some((site, service)) = hosting.board.owner_of(&id) {
            books.survived(hosting, &site, &service).await;
        }
    }
}
