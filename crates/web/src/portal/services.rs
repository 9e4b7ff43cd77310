//! What Docker says of the sites' services, asked at most once a second however many pages want to know.
//!
//! One request to the engine tells of all sites. Pages are answered from the last look; one that is older than
//! [`FRESH`] has the next look made in the background, and only when it is older than [`USABLE`], or older than the
//! site's last change, does the page wait, for [`PATIENCE`] at most. A failed look is remembered like a good one, so
//! that a dead engine does not slow every page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hosting::operations;
use hosting::runtime::ServiceState;
use hosting::sites::ServiceStates;
use hosting::{Site, SiteState, templates};
use kit::{Error, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::app::App;

/// A look younger than this is not repeated.
const FRESH: Duration = Duration::from_secs(1);
/// A look older than this is not shown.
const USABLE: Duration = Duration::from_secs(2);
/// How long the engine may take, and a page waits for it.
const PATIENCE: Duration = Duration::from_millis(900);

/// The last look, shared by all pages of this process.
#[derive(Debug)]
pub(crate) struct ServiceWatch {
    latest: watch::Sender<Option<Arc<Look>>>,
    is_looking: AtomicBool,
}

impl Default for ServiceWatch {
    fn default() -> ServiceWatch {
        ServiceWatch { latest: watch::channel(None).0, is_looking: AtomicBool::new(false) }
    }
}

/// What was seen of all sites at one moment.
#[derive(Debug)]
pub(crate) struct Look {
    began: Instant,
    began_at: Timestamp,
    found: Result<BTreeMap<String, ServiceStates>, String>,
}

/// What is known of one site's services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Services {
    /// Each service's state.
    Known(ServiceStates),
    /// Each service's state while something is being done to the site: one that is down is no fault then.
    Changing(ServiceStates),
    /// The engine did not say; why, for people.
    Unknown(String),
}

impl Services {
    /// The same, when an operation is at work on the site.
    pub(crate) fn while_busy(self) -> Services {
        match self {
            Services::Known(states) if !are_well(&states) => Services::Changing(states),
            other => other,
        }
    }

    /// Whether every service runs, as far as is known.
    pub(crate) fn are_well(&self) -> bool {
        matches!(self, Services::Known(states) if are_well(states))
    }
}

fn are_well(states: &ServiceStates) -> bool {
    states.values().all(|state| *state == ServiceState::Running)
}

impl Look {
    /// What it says of one site; services of the template without a container are `missing`.
    pub(crate) fn of(&self, site: &Site) -> Services {
        let all = match &self.found {
            Ok(all) => all,
            Err(why) => return Services::Unknown(why.clone()),
        };
        let mut states = all.get(site.id.as_str()).cloned().unwrap_or_default();
        let has_containers = matches!(site.state, SiteState::Active | SiteState::Stopped);
        for service in templates::find(site.kind).iter().flat_map(|template| template.manifest.services.keys()).filter(|_| has_containers) {
            states.entry(service.clone()).or_insert(ServiceState::Missing);
        }
        Services::Known(states)
    }

    fn will_do(&self, changed_at: Timestamp) -> bool {
        self.began.elapsed() <= USABLE && self.began_at >= changed_at
    }
}

/// Looks at the services of one site.
pub(crate) async fn of_site(app: &App, site: &Site) -> Services {
    look(app, site.updated_at).await.map_or_else(|| Services::Unknown(slow_engine()), |look| look.of(site))
}

/// Looks at the services of many sites, the last of which changed at `changed_at`.
pub(crate) async fn of_sites(app: &App, sites: &[Site]) -> Vec<Services> {
    let changed_at = sites.iter().map(|site| site.updated_at).max().unwrap_or_default();
    let seen = look(app, changed_at).await;
    let seen = sites.iter().map(|site| seen.as_ref().map_or_else(|| Services::Unknown(slow_engine()), |look| look.of(site)));
    let seen: Vec<Services> = seen.collect();
    if seen.iter().all(Services::are_well) {
        return seen;
    }
    let busy = operations::busy_sites(&app.db).await.unwrap_or_else(|error| {
        warn!("asking which sites are worked on: {error}");
        Vec::new()
    });
    let is_busy = |site: &Site| busy.iter().any(|id| id == site.id.as_str());
    seen.into_iter().zip(sites).map(|(seen, site)| if is_busy(site) { seen.while_busy() } else { seen }).collect()
}

async fn look(app: &App, changed_at: Timestamp) -> Option<Arc<Look>> {
    let watch = app.services();
    let mut latest = watch.latest.subscribe();
    let first = latest.borrow_and_update().clone();
    if first.as_ref().is_none_or(|look| look.began.elapsed() > FRESH || !look.will_do(changed_at)) {
        look_anew(app);
    }
    if let Some(look) = first.filter(|look| look.will_do(changed_at)) {
        return Some(look);
    }
    let good_one = async {
        // The sender lives in the app, so it does not close while a page is made.
        while latest.changed().await.is_ok() {
            let look = latest.borrow_and_update().clone();
            if let Some(look) = look.filter(|look| look.will_do(changed_at)) {
                return Some(look);
            }
            look_anew(app);
        }
        None
    };
    timeout(PATIENCE + Duration::from_millis(50), good_one).await.ok().flatten()
}

/// Has the next look made, unless one is under way.
fn look_anew(app: &App) {
    if app.services().is_looking.swap(true, Ordering::AcqRel) {
        return;
    }
    let app = app.clone();
    tokio::spawn(async move {
        let (began, began_at) = (Instant::now(), app.clock.now());
        let found = match timeout(PATIENCE, app.hosting.runtime.states()).await {
            Ok(Ok(states)) => Ok(states),
            Ok(Err(error)) => Err(unreachable(&app, &error)),
            Err(_) => Err(slow_engine()),
        };
        app.services().is_looking.store(false, Ordering::Release);
        app.services().latest.send_replace(Some(Arc::new(Look { began, began_at, found })));
    });
}

/// Logged once for each time the engine goes away, not once for each look.
fn unreachable(app: &App, error: &Error) -> String {
    let was_reachable = app.services().latest.borrow().as_ref().is_none_or(|look| look.found.is_ok());
    if was_reachable {
        warn!("Docker cannot be asked for the state of services: {error}");
    }
    error.public_message()
}

fn slow_engine() -> String {
    "Docker takes too long to answer".to_owned()
}
