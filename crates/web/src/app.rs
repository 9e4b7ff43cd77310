//! What every handler may use. Built in `innkeeper` (or by a test), seen by this crate alone.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use accounts::CustomerId;
use kit::bus::Bus;
use kit::mail::Mailer;
use kit::secrets::InstanceKey;
use kit::{Clock, Db, Timestamp};

use crate::calls::ApiCalls;
use crate::config::Config;
use crate::ingest::Ingest;
use crate::limit::Limits;

/// The parts of a running Innkeeper. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Whole>);

struct Whole {
    parts: Parts,
    limits: Limits,
    api_calls: ApiCalls,
    ingest: Ingest,
}

/// What an [`App`] holds.
pub struct Parts {
    /// The settings in effect.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Seals what is kept in the database and in cookies.
    pub key: InstanceKey,
    /// Signals that something changed.
    pub bus: Bus,
    /// Writes mails into the outbox.
    pub mailer: Mailer,
    /// The sites' side: Docker, git, the edge.
    pub hosting: hosting::Hosting,
    /// What customers and people do.
    pub events: events::Events,
    /// Files of events that are brought in.
    pub imports: events::Imports,
    /// What that says about them: health scores, churn, segments.
    pub insight: insight::Insight,
    /// What is done when a customer's health changes.
    pub plays: insight::plays::Plays,
    /// What wakes people when a figure of the house is not as it should be.
    pub alerts: alerts::Alerts,
    /// When this process started.
    pub started_at: Timestamp,
}

impl App {
    /// Joins the parts.
    pub fn new(parts: Parts) -> App {
        let ingest = Ingest::new(&parts.db, &parts.clock, &parts.events);
        App(Arc::new(Whole { parts, limits: Limits::default(), api_calls: ApiCalls::default(), ingest }))
    }

    /// How often customers called the API.
    pub fn api_calls(&self) -> &ApiCalls {
        &self.0.api_calls
    }

    /// What the doors for events share.
    pub(crate) fn ingest(&self) -> &Ingest {
        &self.0.ingest
    }

    /// How often each caller asked what.
    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl insight::segments::SiteKinds for App {
    async fn site_kinds(&self) -> kit::Result<HashMap<CustomerId, Vec<String>>> {
        hosting::sites::kinds_by_customer(&self.db).await
    }
}
