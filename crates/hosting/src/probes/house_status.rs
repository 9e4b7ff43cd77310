//! The house as everyone may see it: how many sites are up, without names, and whether its parts work. From what was seen last;
//! asks nothing of Docker.

use std::time::Duration;

use kit::jobs::{self, Reconciler};
use kit::{Result, Timestamp};

use super::status_page::{PublicState, state_of};
use crate::reconcile::Edge;
use crate::sites::{self, SiteState};
use crate::{Hosting, operations};

/// A look at the edge counts for so long; a fresh one comes four times a minute.
const CURRENT: Duration = Duration::from_secs(300);

/// How the house is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HouseStatus {
    /// Sites that are up.
    pub sites_up: usize,
    /// Sites that should be.
    pub sites: usize,
    /// All of them as one: the worst is told by how many are not up.
    pub all_sites: PublicState,
    /// What visitors reach the sites through.
    pub edge: PublicState,
    /// Whether new sites can be made.
    pub new_sites: PublicState,
    /// When all of this was so.
    pub as_of: Timestamp,
}

/// Reads it.
pub async fn read(hosting: &Hosting) -> Result<HouseStatus> {
    let now = hosting.clock.now();
    let busy = operations::busy_sites(&hosting.db).await?;
    let (mut sites, mut up, mut unknown) = (0, 0, 0);
    for site in sites::known(&hosting.db).await?.iter().filter(|site| site.state == SiteState::Active && !site.is_preview()) {
        let is_busy = busy.iter().any(|id| id == site.id.as_str());
        sites += 1;
        match state_of(site, hosting.health(site).state, is_busy) {
            PublicState::Up => up += 1,
            PublicState::Unknown => unknown += 1,
            _ => {}
        }
    }
    let new_sites = match (hosting.board.was_asked(), hosting.board.unreachable()) {
        (false, _) => PublicState::Unknown,
        (true, None) => PublicState::Up,
        (true, Some(_)) => PublicState::Down,
    };
    Ok(HouseStatus { sites_up: up, sites, all_sites: together(sites, up, unknown), edge: edge(hosting, now).await?, new_sites, as_of: now })
}

fn together(sites: usize, up: usize, unknown: usize) -> PublicState {
    match (sites, up, unknown) {
        (sites, up, _) if up == sites => PublicState::Up,
        (_, _, unknown) if unknown > 0 => PublicState::Unknown,
        (_, 0, _) => PublicState::Down,
        _ => PublicState::Degraded,
    }
}

/// As its reconciler found it: that one looks at Traefik every few seconds and starts it when it is not there.
async fn edge(hosting: &Hosting, now: Timestamp) -> Result<PublicState> {
    let runs = jobs::reconcilers(&hosting.db).await?;
    let last = runs.into_iter().find(|run| run.name == <Edge as Reconciler<Hosting>>::NAME);
    Ok(match last {
        Some(run) if now.since(run.started_at) > CURRENT => PublicState::Unknown,
        Some(run) if run.error.is_some() => PublicState::Down,
        Some(_) => PublicState::Up,
        None => PublicState::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_as_one() {
        assert_eq!(together(0, 0, 0), PublicState::Up);
        assert_eq!(together(3, 3, 0), PublicState::Up);
        assert_eq!(together(3, 2, 0), PublicState::Degraded);
        assert_eq!(together(3, 0, 0), PublicState::Down);
        assert_eq!(together(3, 0, 3), PublicState::Unknown);
    }
}
