//! Health, churn and what people do about it, on both databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod people;
