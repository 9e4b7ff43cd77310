//! Site Health: the state of each site and its services, seen from Docker and from outside, kept in memory and pushed; what was
//! down, when and why; and restarting.
//!
//! Docker tells of changes by events; nothing is asked per request or per page. `state` and `ledger` decide and do no I/O,
//! `watch` and `outside` look, `board` holds what was seen.

mod board;
pub mod house_status;
pub mod incidents;
mod ledger;
mod outside;
pub mod restart;
#[cfg(test)]
mod samples;
mod standing;
mod state;
pub mod status_page;
pub mod uptime;
mod watch;

pub use board::{Board, Container, OutsideLook, ServiceHealth, SiteHealth};
pub(crate) use ledger::review;
pub use outside::look_from_outside;
pub use standing::{Standing, standing};
pub(crate) use state::read;
pub use state::{Cause, HealthState, Reading, reason, uptime_text};
pub use watch::watch;
