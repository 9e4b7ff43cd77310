//! Health: scores, snapshots, lists, models.

mod brute_force;
mod lists;
mod models;
mod scores;
mod snapshots;
