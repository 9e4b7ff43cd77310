//! What a site's containers have written: read on demand, made harmless, freed of secrets, joined by time.
//!
//! Nothing is kept and nothing is changed. Containers come from the board, never from names. `harmless`, `severity` and `line`
//! decide and do no I/O, `read` asks Docker within hard limits, `follow` goes on with what is written from now on.

mod follow;
mod harmless;
mod line;
mod read;
mod severity;

use std::cmp::Reverse;
use std::time::Duration;

use accounts::Scope;
use futures_util::future::join_all;
use kit::{Error, Result};
use tokio::sync::Semaphore;

use crate::Hosting;
use crate::redact::{self, Known};
use crate::runtime::Writer;
use crate::sites::{self, Site, SiteId};
use line::Entry;

pub use follow::{Followed, follow};
pub use line::Line;
pub use severity::Severity;

/// Lines that are looked through where errors or a word are wanted.
const WINDOW: usize = 1000;
/// Most lines of one answer.
pub const MOST_LINES: usize = 500;
/// Longest text that can be searched for.
const LONGEST_SEARCH: usize = 200;
/// Sites whose logs are read at one time: each may take some megabytes and a moment of a core.
static READS: Semaphore = Semaphore::const_new(4);
/// How long a reader waits for the others.
const QUEUE: Duration = Duration::from_secs(3);

/// Which lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Of this service alone.
    pub service: Option<String>,
    /// How many, up to [`MOST_LINES`].
    pub lines: usize,
    /// In which order.
    pub order: Order,
    /// With this text, whatever its case. Searched for in what is shown, so that secrets cannot be guessed.
    pub search: String,
}

/// The order of lines. A trace stays below its error in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// What was written last stands first.
    #[default]
    NewestFirst,
    /// As in a file.
    OldestFirst,
    /// Errors, then warnings, then the rest; the newest of each first.
    ErrorsFirst,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted { service: None, lines: 50, order: Order::NewestFirst, search: String::new() }
    }
}

/// The last lines of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// The lines.
    pub lines: Vec<Line>,
    /// All services of the site.
    pub services: Vec<String>,
    /// Services whose log was read, although it may hold nothing.
    pub read: Vec<String>,
    /// Services whose log could not be read, and why.
    pub unreadable: Vec<(String, String)>,
}

/// Reads the last lines of a site.
///
/// A service that cannot be read does not hide the others. Fails when Docker cannot be asked, and when it is not known what
/// must be hidden.
pub async fn recent(hosting: &Hosting, scope: &Scope, site: &SiteId, wanted: &Wanted) -> Result<Recent> {
    let site = sites::get(&hosting.db, scope, site).await?;
    let lines = wanted.lines.clamp(1, MOST_LINES);
    let search = wanted.search.trim().to_lowercase();
    if search.chars().count() > LONGEST_SEARCH {
        return Err(Error::invalid("search", format!("must have at most {LONGEST_SEARCH} letters")));
    }
    let places = Places::of(hosting, &site, wanted.service.as_deref())?;
    let queued = tokio::time::timeout(QUEUE, READS.acquire()).await;
    let Ok(Ok(_turn)) = queued else { return Err(Error::unavailable("Many logs are being read right now; try again in a moment")) };

    let window = if wanted.order == Order::ErrorsFirst || !search.is_empty() { WINDOW } else { lines };
    // The environments come first: what cannot be looked at is not read, because it is not known what to hide.
    let looks = places.containers.iter().map(|(_, container)| read::look(&hosting.runtime, container));
    let looks: Vec<Result<Writer>> = join_all(looks).await;
    let environment = looks.iter().flatten().flat_map(|writer| writer.environment.clone()).collect();
    let known = redact::known_with(hosting, &site, environment).await?;
    let reads = places.containers.iter().zip(looks).map(|((service, container), look)| async {
        let read = async { read::tail(&hosting.runtime, container, &look?, window, None).await };
        (service.clone(), read.await)
    });
    let (mut raws, mut unreadable, mut failure) = (Vec::new(), Vec::new(), None);
    for (service, read) in join_all(reads).await {
        match read {
            Ok(lines) => raws.push((service, lines)),
            Err(error) => {
                unreadable.push((service, error.public_message()));
                failure = Some(error);
            }
        }
    }
    if let Some(error @ Error::Unavailable { .. }) = failure.filter(|_| raws.is_empty()) {
        return Err(error);
    }
    let read = raws.iter().map(|(service, _)| service.clone()).collect();
    let mut entries = shaped(raws, known).await?;
    if !search.is_empty() {
        entries.retain(|entry| entry.lines.iter().any(|line| line.text.to_lowercase().contains(&search)));
    }
    Ok(Recent { lines: choose(entries, lines, wanted.order), services: places.services, read, unreadable })
}

/// Cleans and redacts away from the threads that answer requests: a hostile log may take a while.
async fn shaped(raws: Vec<(String, Vec<read::Raw>)>, known: Known) -> Result<Vec<Entry>> {
    let shape = move || {
        let redact = |text: &str| redact::text(&known, text);
        raws.iter().flat_map(|(service, raws)| line::entries(service, raws, &redact)).collect()
    };
    tokio::task::spawn_blocking(shape).await.map_err(|error| Error::internal(format!("shaping log lines: {error}")))
}

/// The `lines` that come first in `order`.
fn choose(mut entries: Vec<Entry>, lines: usize, order: Order) -> Vec<Line> {
    entries.sort_by(|one, other| other.stamp().cmp(one.stamp()));
    if order == Order::ErrorsFirst {
        // What developers write and the usual are alike here.
        entries.sort_by_key(|entry| Reverse(entry.severity().max(Severity::Info)));
    }
    let mut left = lines;
    for entry in &mut entries {
        entry.lines.truncate(left);
        left -= entry.lines.len();
    }
    if order == Order::OldestFirst {
        entries.reverse();
    }
    entries.into_iter().flat_map(|entry| entry.lines).collect()
}

/// What there is to read of a site.
struct Places {
    services: Vec<String>,
    /// Service and container id.
    containers: Vec<(String, String)>,
}

impl Places {
    fn of(hosting: &Hosting, site: &Site, service: Option<&str>) -> Result<Places> {
        let health = hosting.health(site);
        let services: Vec<String> = health.services.iter().map(|health| health.service.clone()).collect();
        if service.is_some_and(|service| !services.iter().any(|known| known == service)) {
            return Err(Error::invalid("service", format!("must be one of: {}", services.join(", "))));
        }
        if let Some(why) = hosting.board.unreachable() {
            return Err(Error::unavailable(why));
        }
        let wanted = health.services.into_iter().filter(|health| service.is_none_or(|service| health.service == service));
        let containers = wanted.filter_map(|health| Some((health.service, health.container?.id))).collect();
        Ok(Places { services, containers })
    }
}

#[cfg(test)]
mod tests {
    use super::read::{Raw, Source};
    use super::*;
    use kit::Timestamp;

    fn entries(service: &str, lines: &[(u32, &str)]) -> Vec<Entry> {
        let raw = |(second, text): &(u32, &str)| Raw {
            stamp: format!("2026-11-21T13:00:{second:02}.000000000Z"),
            at: Timestamp(i64::from(*second) * 1000),
            source: Source::Out,
            bytes: text.as_bytes().to_vec(),
            left_out: 0,
            is_finished: true,
        };
        line::entries(service, &lines.iter().map(raw).collect::<Vec<_>>(), &str::to_owned)
    }

    fn both() -> Vec<Entry> {
        let www = [(1, "GET / 200"), (3, "GET /x 500"), (5, "GET / 200")];
        let api = [(2, "Error: no"), (2, "    at app.js"), (4, "PHP Warning: odd"), (6, "level=debug hi")];
        [entries("www", &www), entries("api", &api)].concat()
    }

    fn texts(lines: usize, order: Order) -> Vec<String> {
        choose(both(), lines, order).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn services_are_merged_by_time_and_traces_stay_whole() {
        let newest = ["level=debug hi", "GET / 200", "PHP Warning: odd", "GET /x 500", "Error: no", "    at app.js", "GET / 200"];
        assert_eq!(texts(50, Order::NewestFirst), newest);
        assert_eq!(texts(3, Order::NewestFirst), newest[..3]);
        assert_eq!(texts(5, Order::NewestFirst), newest[..5]);
        assert_eq!(texts(3, Order::OldestFirst), ["PHP Warning: odd", "GET / 200", "level=debug hi"]);
    }

    #[test]
    fn errors_come_first_then_warnings() {
        let first = ["GET /x 500", "Error: no", "    at app.js", "PHP Warning: odd", "level=debug hi", "GET / 200", "GET / 200"];
        assert_eq!(texts(50, Order::ErrorsFirst), first);
        assert_eq!(texts(1, Order::ErrorsFirst), first[..1]);
    }
}
