//! Tests of alerts: rules against real rows on both databases, who is told what and when, and what a rule would have done.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod figures;
mod house;
mod plans;
mod samples;
mod story;
mod telling;
