//! Harness over the real parts: Docker, Traefik and an ACME server, with a data folder of the test's own.
//!
//! Nothing here is skipped when a part is missing: the test fails and says which script starts it.

mod stack;
mod surroundings;

pub use stack::{Stack, StackOptions};
pub use surroundings::{Surroundings, variable};
