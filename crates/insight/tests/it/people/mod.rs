//! Owners, notes, tasks, segments, plays, churn.

mod churn;
mod follow_ups;
mod house;
mod models;
mod plays;
mod pulse;
mod samples;
mod segments;
