//! The rules of this crate, each on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod customers;
mod house;
mod invitations;
mod lasting;
mod members;
mod resets;
mod samples;
mod sending;
mod sessions;
mod setup;
mod signin_links;
mod throttling;
mod tokens;
