//! Tests of insight: scores by hand and by brute force, what people do about them, the tables on both databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod costs;
mod funnel;
mod health;
mod house;
mod people;
