//! Events: what customers and people do, taken in from anyone's SDK, kept, and counted by the day.

pub mod catalogue;
mod config;
pub mod day;
mod event;
pub mod export;
pub mod import;
pub mod imports;
pub mod intake;
pub mod quota;
pub mod rollups;
pub mod sample;
mod store;
pub mod told;
pub mod warnings;
pub mod wire;

pub use config::Config;
pub use day::{Calendar, Day};
pub use event::{Event, EventId, EventName, Identity, NewEvent, Outcome, Source};
pub use imports::Imports;
pub use intake::Intake;
pub use store::{
    COMMIT_CLASSES, Cursor, Events, Filter, Head, Ingredients, Packed, Person, Roots, Sight, Span, Sweep, Tidy, Totals, Vitals, Who,
};
