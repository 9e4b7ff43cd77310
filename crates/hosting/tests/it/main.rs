//! Tests of hosting: pure parts as snapshots, the store on both databases, the rest against the real Docker, Traefik and ACME
//! server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adopt;
mod asked;
mod deployment_log;
mod doctor;
mod environment;
mod happened;
mod house;
mod notify;
mod operations;
mod previews;
mod probes;
mod real_stack;
mod redact;
mod rendering;
mod repositories;
mod samples;
mod status_page;
mod store;
mod usage;
mod webhook;
