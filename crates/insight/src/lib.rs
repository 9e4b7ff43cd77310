//! What events say about customers: health scores that explain themselves, churn, segments, and what calls of language models cost.

pub mod churn;
pub mod cost;
pub mod forecast;
pub mod funnel;
pub mod health;
pub mod notes;
pub mod owners;
pub mod plays;
pub mod pulse;
pub mod retention;
pub mod segments;
pub mod tasks;
pub mod webhooks;

mod config;
mod desk;
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
    /// Who reads very many events does so alone: two at once would take twice the memory and be no quicker.
    heavy: tokio::sync::Semaphore,
    funnels: desk::Desk<funnel::Question, funnel::Answer>,
    retentions: desk::Desk<retention::Question, retention::Answer>,
    /// Up to what the funnel's days are worked out, and on which day.
    funnel_seen: std::sync::Mutex<Option<(events::Cursor, events::Day)>>,
}

impl Insight {
    /// Joins the parts and starts nothing.
    pub fn open(ingredients: Ingredients) -> Insight {
        Insight(Arc::new(Whole {
            ingredients,
            recomputing: tokio::sync::Mutex::new(()),
            factor_means: health::Cache::default(),
            costs: cost::Cache::default(),
            heavy: tokio::sync::Semaphore::new(1),
            funnels: desk::Desk::default(),
            retentions: desk::Desk::default(),
            funnel_seen: std::sync::Mutex::default(),
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

    /// Waits for one's turn to read very many events.
    pub(crate) async fn heavy_turn(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.0.heavy.acquire().await.expect("the semaphore is never closed")
    }

    pub(crate) fn today(&self) -> events::Day {
        self.events().calendar().day(self.clock().now())
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
