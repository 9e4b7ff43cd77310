//! How sites are, for pages and the API: what the watch saw last, and whether something is being done to them.

use hosting::probes::{HealthState, SiteHealth};
use hosting::{Site, operations};
use tracing::warn;

use crate::app::App;

/// How one site is.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// As the watch saw it.
    pub(crate) health: SiteHealth,
    /// Whether something is being done to it: a service that is down is no fault then.
    pub(crate) is_busy: bool,
}

impl Seen {
    /// The state to show of the whole.
    pub(crate) fn state(&self) -> HealthState {
        self.shown(self.health.state)
    }

    /// The state to show of one service of it.
    pub(crate) fn shown(&self, state: HealthState) -> HealthState {
        match state {
            HealthState::Error | HealthState::Stopped if self.is_busy => HealthState::Restarting,
            state => state,
        }
    }

    /// Why Docker's word is missing; none when it is there.
    pub(crate) fn unknown(&self) -> Option<&str> {
        (self.health.state == HealthState::Unknown).then_some(self.health.reason.as_str())
    }
}

/// One site.
pub(crate) fn of_site(app: &App, site: &Site, is_busy: bool) -> Seen {
    Seen { health: app.hosting.health(site), is_busy }
}

/// Many sites.
pub(crate) async fn of_sites(app: &App, sites: &[Site]) -> Vec<Seen> {
    let mut seen: Vec<Seen> = sites.iter().map(|site| of_site(app, site, false)).collect();
    if seen.iter().all(|seen| seen.health.state == HealthState::Running) {
        return seen;
    }
    let busy = operations::busy_sites(&app.db).await.unwrap_or_else(|error| {
        warn!("asking which sites are worked on: {error}");
        Vec::new()
    });
    for (seen, site) in seen.iter_mut().zip(sites) {
        seen.is_busy = busy.iter().any(|id| id == site.id.as_str());
    }
    seen
}
