//! The doors for events: our own, PostHog's (versions 0 and 1), Segment's and CloudEvents, so that existing SDKs work with host and key
//! changed.
//!
//! These routes are asked thousands of times a second, so nothing stands before them that the other routes have: no session, no log line,
//! no look at the token in the database for each request. What a door must do is done here: who sends ([`keys`]), how much memory bodies may take
//! ([`budget`], [`body`]), how an answer looks in each format ([`answer`]). What the formats mean is `events::wire`; what is kept and what
//! is complained about, `events::intake`.

mod answer;
mod body;
mod budget;
mod door;
mod keys;
mod native;
mod refused;

use std::any::Any;
use std::sync::Arc;

use accounts::Permission;
use axum::Router;
use axum::response::Response;
use axum::routing::any;
use events::Intake;
use events::quota::Quotas;
use events::wire::{Call, Door};
use kit::{Clock, Db};
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::routes::{Access, Routes, routes};
use budget::Budget;
use keys::Keys;

/// What the doors share.
pub struct Ingest {
    /// From what was read to what is durable.
    pub intake: Intake,
    pub(crate) keys: Keys,
    pub(crate) quotas: Quotas,
    budget: Arc<Budget>,
}

impl Ingest {
    /// For one Innkeeper.
    pub fn new(db: &Db, clock: &Clock, events: &events::Events) -> Ingest {
        // Bodies may take twice what may wait to be written, and always enough for one of the largest.
        let megabytes = (events.config().waiting_mb as usize * 2).max(64);
        Ingest {
            intake: Intake::new(db, clock, events),
            keys: Keys::default(),
            quotas: Quotas::new(db, clock, events.calendar()),
            budget: Arc::new(Budget::new(megabytes << 20)),
        }
    }

    /// What a request takes of the memory for bodies; nothing yet.
    pub(crate) fn share(&self) -> budget::Share {
        self.budget.share()
    }

    /// Bytes of the requests that are being read.
    pub fn bytes_read(&self) -> usize {
        self.budget.taken()
    }
}

/// All doors.
pub fn routes(all: Routes) -> Routes {
    let access = Access::May(Permission::IngestEvents);
    let doors = [
        ("/batch/", Door::PosthogV0),
        ("/batch", Door::PosthogV0),
        ("/capture/", Door::PosthogV0),
        ("/capture", Door::PosthogV0),
        ("/e/", Door::PosthogV0),
        ("/e", Door::PosthogV0),
        ("/i/v0/e/", Door::PosthogV0),
        ("/i/v0/e", Door::PosthogV0),
        ("/i/v0/ai/batch/", Door::PosthogAi),
        ("/i/v0/ai/batch", Door::PosthogAi),
        ("/i/v1/analytics/events", Door::PosthogV1),
        ("/v1/batch", Door::SegmentBatch),
        ("/v1/track", Door::Segment(Call::Track)),
        ("/v1/identify", Door::Segment(Call::Identify)),
        ("/v1/group", Door::Segment(Call::Group)),
        ("/v1/page", Door::Segment(Call::Page)),
        ("/v1/screen", Door::Segment(Call::Screen)),
        ("/v1/alias", Door::Segment(Call::Alias)),
        ("/cloudevents", Door::CloudEvents),
    ];
    let all = doors
        .into_iter()
        .fold(all, |all, (path, door)| all.door(path, access, any(move |state, request| door::answer(door, path, state, request))));
    all.described_door(access, routes!(native::take), native::other_methods)
}

/// Puts around the doors the little that they share.
pub fn surround(doors: Router<App>, app: &App) -> Router {
    let uri = app.config.server.public_url.link("/api/docs");
    let panicked = move |panic: Box<dyn Any + Send + 'static>| -> Response {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        tracing::error!("a door for events panicked: {}", text.unwrap_or("without a text"));
        let mut response = refused::Refused::Fault.plain(&uri);
        door::finish(&mut response);
        response
    };
    doors.layer(CatchPanicLayer::custom(panicked)).with_state(app.clone())
}
