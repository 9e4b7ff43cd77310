//! The store of events against both databases: what is counted is what was sent, once, whatever happens meanwhile.
//!
//! Needs `scripts/services.sh up postgres` and the variables of `target/run/env`.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the answer")]
#![allow(missing_docs, reason = "a test's name is its claim")]

mod counts;
mod crash;
mod house;
mod imports;
mod instances;
mod known_ids;
mod quota;
mod reading;
mod troubles;
