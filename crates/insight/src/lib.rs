//! What events say about customers: health scores that explain themselves, churn, segments, and what calls of language models cost.

pub mod churn;
pub mod cost;
pub mod forecast;
pub mod health;
pub mod notes;
pub mod owners;
pub mod plays;
pub mod pulse;
pub mod segments;
pub mod tasks;
pub mod webhooks;

mod config;
mod staff;

pub use config::Config;

use std::sync::Arc;

use events::Events;
use kit::bus::Bus;
use kit::{Clock, Db};

/// What [`Insight`] is made of.
pub struct Ingredients {
    /// The database.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Hears that scores changed: room `operators`, topic `health`.
    pub bus: Bus,
    /// What customers and people do.
    pub events: Events,
}

/// Health, churn, segments, tasks of one house. Cheap to clone.
#[derive(Clone)]
pub struct Insight(Arc<Whole>);

struct Whole {
    ingredients: Ingredients,
    /// Whoever computes all scores does so alone.
    recomputing: tokio::sync::Mutex<()>,
    factor_means: health::Cache,
    costs: cost::Cache,
}

impl Insight {
    /// Joins the parts and starts nothing.
    pub fn open(ingredients: Ingredients) -> Insight {
        Insight(Arc::new(Whole {
            ingredients,
            recomputing: tokio::sync::Mutex::new(()),
            factor_means: health::Cache::default(),
            costs: cost::Cache::default(),
        }))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.ingredients.db
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.ingredients.clock
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.0.ingredients.bus
    }

    pub(crate) fn factor_means(&self) -> &health::Cache {
        &self.0.factor_means
    }

    pub(crate) fn costs(&self) -> &cost::Cache {
        &self.0.costs
    }

    pub(crate) fn recomputing(&self) -> &tokio::sync::Mutex<()> {
        &self.0.recomputing
    }

    pub(crate) fn events(&self) -> &Events {
        &self.0.ingredients.events
    }
}

impl AsRef<Insight> for Insight {
    fn as_ref(&self) -> &Insight {
        self
    }
}
