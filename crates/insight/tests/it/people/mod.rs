//! Owners, notes, tasks, segments, plays, churn.

mod churn;
mod follow_ups;
mod house;
mod plays;
mod samples;
mod segments;
