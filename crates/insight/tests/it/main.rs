//! Health, churn and what people do about it, on both databases.

mod people;
