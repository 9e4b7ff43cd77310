#![doc = include_str!("../README.md")]

pub mod app;
pub mod calls;
pub mod changed;
pub mod config;
pub mod extract;
pub mod frame;
pub mod live;
pub mod request;
pub mod respond;
pub mod router;
pub mod routes;
pub mod server;
pub mod session;
#[cfg(feature = "testing")]
pub mod testing;

mod account;
mod alerts;
mod api;
mod csrf;
mod entry;
pub mod follow_ups;
mod git;
mod idempotency;
mod ingest;
mod lasting;
mod limit;
mod openapi;
mod operator;
mod palette;
mod people;
mod portal;
mod score;
mod status;
mod surroundings;
mod uploads;

pub use app::{App, Parts};
pub use config::Config;
pub use idempotency::sweep;
pub use openapi::document as openapi_document;
pub use router::routes;
pub use server::serve;
pub use status::url_of as status_page_url;
