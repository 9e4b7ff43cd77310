//! Owners, notes, tasks, segments, plays, churn.

mod churn;
mod crash;
mod follow_ups;
mod house;
mod models;
mod plays;
mod pulse;
mod samples;
mod segments;
