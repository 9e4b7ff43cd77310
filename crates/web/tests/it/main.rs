//! The web surface as a browser or a program sees it: a bound listener, a real database, no Docker.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alerts;
mod api;
mod costs;
mod customers;
mod entry;
mod follow_ups;
mod funnel;
mod git;
mod health;
mod idempotency;
mod ingest;
mod live;
mod matrix;
mod pages;
mod security;
mod server;
mod sites;
mod status;
mod webhook;
