//! Restarting a site or one of its services: asked for by its people, at most once in a while, with the same images and settings.
//!
//! The pause between two restarts is kept in the database, so that neither two tabs, nor the API beside a page, nor a restart of
//! Innkeeper gets around it.

use std::collections::BTreeMap;
use std::time::Duration;

use accounts::Actor;
use accounts::audit::{self, Entry};
use kit::{Db, Error, Result, Timestamp, Tx, from_row, sql};

use super::outside;
use super::state::{Cause, has_come_up};
use crate::compose::{SERVICE_LABEL, SITE_LABEL};
use crate::operations::{self, OperationKind};
use crate::sites::{self, Site, SiteId, SiteState};
use crate::templates::{self, Kind, Manifest};
use crate::{Hosting, adopt, runtime};

/// After a restart that failed the next one may be asked for so soon.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// How long all services may take until they are healthy again.
const HEALTHY_LIMIT: Duration = Duration::from_secs(60);
/// How long visitors may wait for an answer after that.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
struct Last {
    requested_at: Timestamp,
}

from_row!(Last { requested_at });

/// Asks for a restart of a site of the actor's scope, or of one of its services.
///
/// Within the pause it is refused as [`Error::Throttled`]; fields: `service`.
pub async fn request(hosting: &Hosting, actor: &Actor, id: &SiteId, service: Option<&str>) -> Result<Site> {
    let site = sites::get(&hosting.db, &actor.scope(), id).await?;
    if let Some(service) = service {
        let known = services_of(&hosting.db, &site).await?;
        if !known.iter().any(|known| known == service) {
            return Err(Error::invalid("service", format!("must be one of {}", known.join(", "))));
        }
    }
    let site = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), id).await?;
            if site.state != SiteState::Active {
                return Err(Error::conflict(format!("a site that is {} cannot be restarted", site.state)));
            }
            take_turn(&tx, hosting, id, actor).await?;
            operations::begin_for(&tx, hosting, id, OperationKind::Restart, service, actor).await?;
            let detail = serde_json::json!({ "name": site.name.as_str(), "domain": site.domain.as_str(), "service": service });
            let entry = Entry { action: "site.restart", customer: Some(&site.customer_id), subject: id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            Ok(site)
        })
        .await?;
    hosting.signal(&site);
    Ok(site)
}

async fn services_of(db: &Db, site: &Site) -> Result<Vec<String>> {
    if let Some(template) = templates::find(site.kind) {
        return Ok(template.manifest.services.keys().cloned().collect());
    }
    Ok(adopt::of_site(db, &site.id).await?.into_iter().map(|adopted| adopted.service().to_owned()).collect())
}

/// Begins the pause, or refuses while it lasts.
async fn take_turn(tx: &Tx, hosting: &Hosting, site: &SiteId, actor: &Actor) -> Result<()> {
    let now = hosting.clock.now();
    let last: Option<Last> = tx.optional(last_of(site)).await?;
    let left = last.map_or(Duration::ZERO, |last| left(last.requested_at, now, hosting.pause()));
    if left > Duration::ZERO {
        return Err(Error::Throttled {
            message: format!("the site was restarted a short while ago; it can be restarted again in {}", in_words(left)),
            retry_after: left,
        });
    }
    tx.execute(
        sql("insert into site_restart (site_id, requested_at, requested_by) values ($1, $2, $3)
             on conflict (site_id) do update set requested_at = excluded.requested_at, requested_by = excluded.requested_by")
        .bind(site)
        .bind(now)
        .bind(actor.name()),
    )
    .await
    .map(|_| ())
}

/// What is left of the pause. A last restart in the future means that the clock was set back: the pause then ends at most one
/// pause from when it was asked for by the new clock, and never earlier than it should.
fn left(last: Timestamp, now: Timestamp, pause: Duration) -> Duration {
    if last > now {
        return pause;
    }
    pause.saturating_sub(now.since(last))
}

fn in_words(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_millis() > 0);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// Until when a site cannot be restarted again; none when it can.
pub async fn blocked_until(hosting: &Hosting, site: &SiteId) -> Result<Option<Timestamp>> {
    let last: Option<Last> = hosting.db.optional(last_of(site)).await?;
    Ok(last.and_then(|last| blocked_after(last.requested_at, hosting.clock.now(), hosting.pause())))
}

/// Until when a site that was last restarted at `last` cannot be restarted again; none when it can.
pub(super) fn blocked_after(last: Timestamp, now: Timestamp, pause: Duration) -> Option<Timestamp> {
    let left = left(last, now, pause);
    (left > Duration::ZERO).then(|| now.plus(left))
}

fn last_of(site: &SiteId) -> kit::db::Sql {
    sql("select requested_at from site_restart where site_id = $1").bind(site)
}

/// A clock that was set back must not make anyone wait for longer than one pause: the mark is moved to where the clock is now.
/// Called by the watch.
pub(crate) async fn follow_clock(hosting: &Hosting) -> Result<u64> {
    let now = hosting.clock.now();
    hosting.db.execute(sql("update site_restart set requested_at = $1 where requested_at > $1").bind(now)).await
}

/// A restart that failed may be tried again soon: the rest of the pause is let off.
pub(crate) async fn shorten_pause(tx: &Tx, hosting: &Hosting, site: &SiteId) -> Result<()> {
    let mark = hosting.clock.now().minus(hosting.pause().saturating_sub(AFTER_FAILURE));
    tx.execute(sql("update site_restart set requested_at = $2 where site_id = $1 and requested_at > $2").bind(site).bind(mark))
        .await
        .map(|_| ())
}

/// Restarts the containers: what others need first, first; each level at once. A service whose container is gone gets it back.
///
/// What does not come back is a verdict and not tried again; only a Docker that cannot be asked is.
pub(crate) async fn carry_out(hosting: &Hosting, site: &Site, service: Option<&str>) -> Result<Option<String>> {
    let manifest = templates::find(site.kind).map(|template| &template.manifest);
    let containers = containers_of(hosting, site, service).await?;
    for level in levels(manifest, &containers) {
        let restarts = level.iter().map(|name| async {
            let container = containers[*name].as_str();
            // A frozen container cannot be stopped.
            hosting.runtime.unpause(container).await?;
            match hosting.runtime.restart(container).await {
                // Removed behind our back since it was seen: made anew below.
                Err(Error::NotFound(_)) => Ok(()),
                other => other,
            }
        });
        for outcome in futures_util::future::join_all(restarts).await {
            outcome?;
        }
    }
    let back = match manifest {
        Some(manifest) => all_healthy(hosting, site, manifest, service, &containers).await,
        None if containers.is_empty() => return Err(Error::conflict("its container is gone; only the operator can bring it back")),
        None => runs(hosting, &containers).await,
    };
    if let Err(error) = back {
        hosting.runtime.ping().await?;
        return Err(Error::conflict(error.public_message()));
    }
    let wanted = manifest.map_or(containers.len(), |manifest| wanted(manifest, service).len());
    Ok(Some(outcome_in_words(containers.len(), wanted.saturating_sub(containers.len()))))
}

/// The containers to restart by service, asked of Docker and not of the board: also without a watch, as on the command line.
async fn containers_of(hosting: &Hosting, site: &Site, service: Option<&str>) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if let Some(adopted) = adopt::of_site(&hosting.db, &site.id).await? {
        if let Some(inspection) = hosting.runtime.inspect(&adopted.container).await? {
            // It has one service, and `request` refused any other.
            found.insert(adopted.service().to_owned(), inspection.id.unwrap_or(adopted.container));
        }
    } else {
        let listed = hosting.runtime.containers(Some(&format!("{SITE_LABEL}={}", site.id))).await?;
        for container in &listed {
            let Some(name) = container.labels.get(SERVICE_LABEL).filter(|name| service.is_none_or(|it| it == name.as_str())) else {
                continue;
            };
            let wanted = site.container(name);
            if container.name != wanted {
                // Left beside the one that has the name.
                if listed.iter().any(|other| other.name == wanted) {
                    continue;
                }
                // Renamed behind our back: the route and the health checks go by the name.
                hosting.runtime.rename(&container.id, &wanted).await?;
            }
            found.insert(name.clone(), container.id.clone());
        }
    }
    Ok(found)
}

async fn all_healthy(
    hosting: &Hosting,
    site: &Site,
    manifest: &Manifest,
    service: Option<&str>,
    containers: &BTreeMap<String, String>,
) -> Result<()> {
    let wanted = wanted(manifest, service);
    if wanted.iter().any(|name| !containers.contains_key(*name)) {
        runtime::create_missing(&hosting.runtime, site, &hosting.site_folder(site), &wanted).await?;
    }
    runtime::await_healthy(&hosting.runtime, site, manifest, &wanted, HEALTHY_LIMIT).await
}

/// The services that a restart of `service`, or of all, is about.
fn wanted<'a>(manifest: &'a Manifest, service: Option<&str>) -> Vec<&'a str> {
    manifest.services.keys().map(String::as_str).filter(|name| service.is_none_or(|it| it == *name)).collect()
}

fn outcome_in_words(restarted: usize, made_anew: usize) -> String {
    let containers = |count: usize| if count == 1 { "1 container".to_owned() } else { format!("{count} containers") };
    match (restarted, made_anew) {
        (_, 0) => format!("{} restarted", containers(restarted)),
        (0, _) => format!("{} made anew", containers(made_anew)),
        _ => format!("{} restarted, {made_anew} made anew", containers(restarted)),
    }
}

/// Services in the order in which they are restarted: the database first, then what is built on it.
fn levels<'a>(manifest: Option<&Manifest>, containers: &'a BTreeMap<String, String>) -> Vec<Vec<&'a str>> {
    let all: Vec<&str> = containers.keys().map(String::as_str).collect();
    let Some(manifest) = manifest else { return vec![all] };
    // What holds data is what others connect to, whether or not their manifest waits for it.
    let holds_data = |name: &&str| manifest.services.get(*name).is_some_and(|service| service.port.is_none());
    let (data, mut others): (Vec<&str>, Vec<&str>) = all.into_iter().partition(holds_data);
    let mut levels = vec![data];
    while !others.is_empty() {
        let is_ready = |name: &&str| {
            let needs = manifest.services.get(*name).map(|service| service.depends_on.as_slice()).unwrap_or_default();
            !needs.iter().any(|need| others.contains(&need.as_str()))
        };
        let (ready, waiting): (Vec<&str>, Vec<&str>) = others.iter().copied().partition(is_ready);
        if ready.is_empty() {
            // A circle, which Compose would have refused.
            levels.push(waiting);
            break;
        }
        levels.push(ready);
        others = waiting;
    }
    levels.retain(|level| !level.is_empty());
    levels
}

/// Waits until an adopted container runs, and is healthy where it has a check of its own.
async fn runs(hosting: &Hosting, containers: &BTreeMap<String, String>) -> Result<()> {
    let started = tokio::time::Instant::now();
    loop {
        let mut bad = Vec::new();
        for (name, container) in containers {
            let inspection = hosting.runtime.inspect(container).await?;
            if !inspection.is_some_and(|it| has_come_up(&it, hosting.clock.now())) {
                bad.push(name.as_str());
            }
        }
        if bad.is_empty() {
            return Ok(());
        }
        if started.elapsed() > HEALTHY_LIMIT {
            return Err(Error::conflict(format!("{} did not come back within {} s", bad.join(", "), HEALTHY_LIMIT.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until visitors are answered again.
pub(crate) async fn await_answer(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    if site.kind == Kind::Adopted {
        return Ok(Some("not served by this edge".to_owned()));
    }
    let started = tokio::time::Instant::now();
    loop {
        let look = outside::look_at(hosting, site).await;
        match look.problem {
            None => return Ok(Some(format!("answered in {} ms", look.latency.as_millis()))),
            // No fault of the containers; it is pursued by itself.
            Some((Cause::Certificate, problem)) => return Ok(Some(problem)),
            Some((_, problem)) if started.elapsed() > ANSWER_LIMIT => {
                return Err(Error::conflict(format!("all services are healthy, but the site {problem}")));
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(300);

    #[test]
    fn pause_ends_to_the_millisecond() {
        let left_after = |millis: i64| left(Timestamp(1_000_000), Timestamp(1_000_000 + millis), PAUSE);
        assert_eq!(left_after(0), PAUSE);
        assert_eq!(left_after(299_999), Duration::from_millis(1));
        assert_eq!(left_after(300_000), Duration::ZERO);
        assert_eq!(left_after(i64::MAX - 1_000_000), Duration::ZERO);
        // The clock was set back: one whole pause by the new clock, not an hour and a pause.
        assert_eq!(left_after(-1), PAUSE);
        assert_eq!(left_after(-3_600_000), PAUSE);
        assert_eq!(left(Timestamp(5), Timestamp(5), Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn what_is_left_is_told_in_words_and_never_as_nothing() {
        for (millis, words) in
            [(1, "1 s"), (999, "1 s"), (1000, "1 s"), (59_001, "1 min"), (60_000, "1 min"), (61_000, "1 min 1 s"), (299_500, "5 min")]
        {
            assert_eq!(in_words(Duration::from_millis(millis)), words, "{millis}");
        }
    }

    #[test]
    fn what_was_done_is_told() {
        assert_eq!(outcome_in_words(4, 0), "4 containers restarted");
        assert_eq!(outcome_in_words(1, 0), "1 container restarted");
        assert_eq!(outcome_in_words(3, 1), "3 containers restarted, 1 made anew");
        assert_eq!(outcome_in_words(0, 1), "1 container made anew");
    }

    fn containers(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), format!("id-{name}"))).collect()
    }

    #[test]
    fn database_comes_first_and_the_rest_at_once() {
        let manifest = &templates::find(Kind::Portfolio).unwrap().manifest;
        let all = containers(&["www", "api", "alert", "db"]);
        assert_eq!(levels(Some(manifest), &all), [vec!["db"], vec!["alert", "api", "www"]]);
        assert_eq!(levels(Some(manifest), &containers(&["api"])), [["api"]]);
        assert_eq!(levels(Some(manifest), &containers(&[])), Vec::<Vec<&str>>::new());
        assert_eq!(levels(None, &containers(&["wordpress"])), [["wordpress"]]);
    }

    #[test]
    fn services_wait_for_those_they_depend_on() {
        let mut manifest = templates::find(Kind::Portfolio).unwrap().manifest.clone();
        let mut needs = |service: &str, others: &[&str]| {
            manifest.services.get_mut(service).unwrap().depends_on = others.iter().map(|other| (*other).to_owned()).collect();
        };
        needs("www", &["api"]);
        needs("api", &["alert", "db"]);
        let all = containers(&["www", "api", "alert", "db"]);
        assert_eq!(levels(Some(&manifest), &all), [["db"], ["alert"], ["api"], ["www"]]);
        // One that is not there is not waited for.
        assert_eq!(levels(Some(&manifest), &containers(&["www", "db"])), [["db"], ["www"]]);
        manifest.services.get_mut("alert").unwrap().depends_on = vec!["www".to_owned()];
        assert_eq!(levels(Some(&manifest), &all).concat().len(), 4, "a circle ends");
    }
}
