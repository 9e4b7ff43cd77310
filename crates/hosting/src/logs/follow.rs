//! What a site's containers write from now on, for as long as someone looks.
//!
//! Docker is asked once a second for what is new. Its own way to follow a log would hold a connection for each service and, of a
//! container with a terminal that never ends a line, all it writes in memory; asking again has the limits of `read`.

use std::collections::HashMap;
use std::time::Duration;

use accounts::Scope;
use futures_util::future::join_all;
use futures_util::{Stream, stream};
use kit::{Error, Result, Timestamp};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, MissedTickBehavior};

use super::line::{Line, entries};
use super::read::{self, Raw, Source};
use super::{Places, Severity};
use crate::Hosting;
use crate::redact::{self, Known};
use crate::runtime::Writer;
use crate::sites::{self, Site, SiteId};

/// How often Docker is asked.
const BEAT: Duration = Duration::from_secs(1);
/// How long one stream lasts. Whoever still looks asks again, and is checked again.
const LIFE: Duration = Duration::from_secs(60);
/// Lines of one beat and service; of more, the newest.
const LINES: usize = 200;
/// A line whose pieces came so far apart is seen from its beginning.
const SLOW_LINE: Duration = Duration::from_secs(5);
/// People who follow at one time.
static FOLLOWERS: Semaphore = Semaphore::const_new(16);

/// What is new since the last beat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// Lines, oldest first.
    pub lines: Vec<Line>,
    /// Why some or all could not be read this time, and from which service; empty when all could.
    pub problem: String,
}

/// Follows a site, or one service of it: a beat a second, empty ones included, for a minute.
///
/// `after` is the stamp of the last line that was seen, so that whoever comes again misses nothing; without it, all that was
/// written before now is left out.
pub async fn follow(
    hosting: &Hosting,
    scope: &Scope,
    site: &SiteId,
    service: Option<String>,
    after: Option<String>,
) -> Result<impl Stream<Item = Followed> + use<>> {
    let site = sites::get(&hosting.db, scope, site).await?;
    if after.as_deref().is_some_and(|after| after.len() > 40 || Timestamp::parse_rfc3339(after).is_none()) {
        return Err(Error::invalid("after", "must be the time of a line"));
    }
    Places::of(hosting, &site, service.as_deref())?;
    let known = redact::known_with(hosting, &site, Vec::new()).await?;
    let place = FOLLOWERS.try_acquire().map_err(|_| Error::Throttled {
        message: "Too many people follow logs right now.".to_owned(),
        retry_after: Duration::from_secs(5),
    })?;
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower {
        hosting: hosting.clone(),
        site,
        service,
        known,
        writers: HashMap::new(),
        after,
        seen: HashMap::new(),
        beat,
        ends: Instant::now() + LIFE,
        _place: place,
    };
    Ok(stream::unfold(follower, |mut follower| async move {
        follower.beat.tick().await;
        if Instant::now() >= follower.ends {
            return None;
        }
        let followed = follower.look().await;
        Some((followed, follower))
    }))
}

struct Follower {
    hosting: Hosting,
    site: Site,
    service: Option<String>,
    known: Known,
    /// Containers that were looked at, by id; `known` holds what all of them must hide.
    writers: HashMap<String, Writer>,
    after: Option<String>,
    /// Stamp of the last line that was handed on, of each service's outputs. A container that took another one's place goes on
    /// with its service's.
    seen: HashMap<(String, Source), String>,
    beat: tokio::time::Interval,
    ends: Instant,
    _place: SemaphorePermit<'static>,
}

impl Follower {
    async fn look(&mut self) -> Followed {
        let places = match Places::of(&self.hosting, &self.site, self.service.as_deref()) {
            Ok(places) => places,
            Err(error) => return Followed { lines: Vec::new(), problem: error.public_message() },
        };
        let mut followed = Followed::default();
        if let Err(error) = self.get_to_know(&places.containers).await {
            followed.problem = error.public_message();
        }
        let reads = places.containers.into_iter().filter_map(|(service, container)| {
            let writer = self.writers.get(&container)?;
            let since = self.since(&service);
            let runtime = &self.hosting.runtime;
            Some(async move { (service, read::tail(runtime, &container, writer, LINES, since).await) })
        });
        let mut found = Vec::new();
        for (service, read) in join_all(reads).await {
            match read {
                Ok(raws) => found.push((service, raws)),
                Err(error) => followed.problem = format!("{service}: {}", error.public_message()),
            }
        }
        let fresh: Vec<(String, Vec<Raw>, bool)> = found.into_iter().map(|(service, raws)| self.fresh(service, raws)).collect();
        let known = self.known.clone();
        let shaped = tokio::task::spawn_blocking(move || {
            let redact = |text: &str| redact::text(&known, text);
            let mut lines: Vec<Line> = Vec::new();
            for (service, raws, is_cut) in &fresh {
                if let Some(first) = raws.first().filter(|_| *is_cut) {
                    lines.push(left_out(service, first));
                }
                lines.extend(entries(service, raws, &redact).into_iter().flat_map(|entry| entry.lines));
            }
            lines.sort_by(|one, other| one.stamp.cmp(&other.stamp));
            lines
        });
        match shaped.await {
            Ok(lines) => followed.lines = lines,
            // Whatever went wrong: what could not be looked through is not handed on.
            Err(_) => followed.problem = "Some lines could not be read".to_owned(),
        }
        followed
    }

    /// Looks at containers that are new, so that what they must hide is known before they are read.
    async fn get_to_know(&mut self, containers: &[(String, String)]) -> Result<()> {
        let strangers: Vec<&String> = containers.iter().map(|(_, id)| id).filter(|id| !self.writers.contains_key(*id)).collect();
        if strangers.is_empty() {
            return Ok(());
        }
        let looks = join_all(strangers.iter().map(|id| read::look(&self.hosting.runtime, id))).await;
        let mut writers = self.writers.clone();
        let mut failure = None;
        for (id, look) in strangers.into_iter().zip(looks) {
            match look {
                Ok(writer) => drop(writers.insert(id.clone(), writer)),
                Err(error) => failure = Some(error),
            }
        }
        let environment = writers.values().flat_map(|writer| writer.environment.clone()).collect();
        self.known = redact::known_with(&self.hosting, &self.site, environment).await?;
        self.writers = writers;
        failure.map_or(Ok(()), Err)
    }

    /// From when on to ask: a little before the oldest of what was seen, because a line has the time of its beginning.
    fn since(&self, service: &str) -> Option<Timestamp> {
        let seen = [Source::Out, Source::Err].into_iter().filter_map(|source| self.seen.get(&(service.to_owned(), source)));
        let newest = seen.max().or(self.after.as_ref())?;
        Timestamp::parse_rfc3339(newest).map(|at| at.minus(SLOW_LINE))
    }

    /// What was not handed on yet, and whether there was more than is read at once. A line without an end waits for it.
    fn fresh(&mut self, service: String, raws: Vec<Raw>) -> (String, Vec<Raw>, bool) {
        let has_begun = self.seen.contains_key(&(service.clone(), Source::Out));
        let is_full = raws.len() >= LINES;
        let mut fresh = Vec::new();
        for raw in raws.into_iter().filter(|raw| raw.is_finished) {
            let seen = self.seen.entry((service.clone(), raw.source)).or_insert_with(|| self.after.clone().unwrap_or_default());
            if raw.stamp > *seen {
                seen.clone_from(&raw.stamp);
                fresh.push(raw);
            }
        }
        for source in [Source::Out, Source::Err] {
            self.seen.entry((service.clone(), source)).or_insert_with(|| self.after.clone().unwrap_or_default());
        }
        // The first look without a beginning only finds out where now is.
        if !has_begun && self.after.is_none() {
            fresh.clear();
        }
        let is_cut = has_begun && is_full && fresh.len() >= LINES;
        (service, fresh, is_cut)
    }
}

fn left_out(service: &str, before: &Raw) -> Line {
    Line {
        at: before.at,
        stamp: before.stamp.clone(),
        service: service.to_owned(),
        severity: Severity::Info,
        text: "⟨lines were left out: more came than can be shown⟩".to_owned(),
    }
}
