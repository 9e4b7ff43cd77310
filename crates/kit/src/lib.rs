//! Tools that know no word of the product: storage, jobs, time, identifiers, secrets, mail, processes.
//!
//! Slices build on these; nothing here may depend on a slice. Clocks are read in [`time`], processes are
//! started in [`exec`], and both drivers' differences end in [`db::dialect`].

pub mod bus;
pub mod config;
pub mod db;
pub mod disk;
pub mod error;
pub mod exec;
pub mod fetch;
pub mod id;
pub mod jobs;
pub mod log;
pub mod mail;
pub mod secrets;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod words;

pub use db::{Db, Tx, sql};
pub use error::{Context, Error, FieldError, Result};
pub use time::{Clock, Timestamp};
