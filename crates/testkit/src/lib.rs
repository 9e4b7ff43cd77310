//! Harness over the real parts: Docker, Traefik and an ACME server, with a data folder of the test's own.
//!
//! Nothing here is skipped when a part is missing: the test fails and says which script starts it.

mod engine_gate;
mod server;
mod small_disk;
mod stack;
mod surroundings;

pub use engine_gate::EngineGate;
pub use server::{Server, serve_if_told};
pub use small_disk::SmallDisk;
pub use stack::{EDGE, Stack, StackOptions, Tries, add_customer};
pub use surroundings::{Surroundings, move_name, move_name_back, variable};
