//! What every handler may use. Built in `innkeeper` (or by a test), seen by this crate alone.

use std::ops::Deref;
use std::sync::Arc;

use kit::bus::Bus;
use kit::mail::Mailer;
use kit::secrets::InstanceKey;
use kit::{Clock, Db, Timestamp};

use crate::config::Config;
use crate::ingest::Ingest;
use crate::limit::Limits;

/// The parts of a running Innkeeper. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Whole>);

struct Whole {
    parts: Parts,
    limits: Limits,
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
    /// When this process started.
    pub started_at: Timestamp,
}

impl App {
    /// Joins the parts.
    pub fn new(parts: Parts) -> App {
        let ingest = Ingest::new(&parts.db, &parts.clock, &parts.events);
        App(Arc::new(Whole { parts, limits: Limits::default(), ingest }))
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
