//! Section `[events]` of the configuration.

use kit::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Calendar;

/// Section `[events]`: what is taken in and how long it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Days and weeks are those of this time zone.
    pub time_zone: String,
    /// Raw events are kept for so many days; what was counted of them stays.
    pub keep_days: u32,
    /// Ids of events are remembered for so many days, so that one sent twice counts once; at least 7.
    pub remember_ids_days: u32,
    /// Events whose bodies wait to be written may take so many MB; further senders are told to come back.
    pub waiting_mb: u32,
    /// A file that is imported through the pages or the API may have so many MB.
    pub import_mb: u32,
    /// Properties with these names are thrown away wherever they stand, however they are spelled (`api_key`, `apiKey`).
    pub remove_keys: Vec<String>,
    /// How many features the product has, when `key_features` is empty: using so many is full adoption.
    pub features: u32,
    /// The features that count for adoption; empty for all.
    pub key_features: Vec<String>,
}

impl Config {
    /// Names what is out of range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |field: &str, message: &str| Error::invalid(format!("events.{field}"), message);
        Calendar::parse(&self.time_zone).map_err(|_| wrong("time_zone", "must be the name of a time zone, such as `Europe/Berlin`"))?;
        if !(1..=3650).contains(&self.keep_days) {
            return Err(wrong("keep_days", "must be 1 to 3650"));
        }
        if !(7..=90).contains(&self.remember_ids_days) {
            return Err(wrong("remember_ids_days", "must be 7 to 90"));
        }
        if !(1..=4096).contains(&self.waiting_mb) {
            return Err(wrong("waiting_mb", "must be 1 to 4096"));
        }
        if !(1..=65_536).contains(&self.import_mb) {
            return Err(wrong("import_mb", "must be 1 to 65536"));
        }
        if !(1..=1000).contains(&self.features) {
            return Err(wrong("features", "must be 1 to 1000"));
        }
        Ok(())
    }
}
