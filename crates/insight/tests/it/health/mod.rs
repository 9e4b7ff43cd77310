//! Health: scores, snapshots, lists, models.

mod brute_force;
mod lists;
mod models;
mod runs;
mod scores;
mod snapshots;
