//! All jobs, schedules and reconcilers of the product in one list.

use std::collections::HashMap;
use std::time::Duration;

use accounts::CustomerId;
use alerts::{Alerts, Evaluate, SendAlert};
use events::imports::RunImport;
use events::{Events, Imports};
use hosting::Hosting;
use hosting::archive::PurgeArchives;
use hosting::deployments::status::TellProvider;
use hosting::git::deliveries;
use hosting::git::heads::Heads;
use hosting::git::pushed::DeployPushed;
use hosting::notify::{self, DeliverWebhook, TellDeployment, TellFailures};
use hosting::operations::RunOperation;
use hosting::previews::Previews;
use hosting::reconcile::{Certificates, Deployments, Edge, Leftovers, Pushes, Templates};
use insight::Insight;
use insight::churn::LearnChurn;
use insight::cost::Calls;
use insight::health::Scores;
use insight::health::runs::DoRun;
use insight::plays::{DeliverPlay, Plays, Watch};
use insight::segments::{Segments, SiteKinds};
use kit::Result;
use kit::jobs::{Attempt, Job, Registry, Runner};
use kit::mail::{Mailer, SendMail};
use serde::{Deserialize, Serialize};
use tracing::info;
use web::App;

use crate::emission::TellOwnEvents;

/// What jobs work with.
#[derive(Clone)]
pub struct Work(pub App);

impl AsRef<Hosting> for Work {
    fn as_ref(&self) -> &Hosting {
        &self.0.hosting
    }
}

impl AsRef<Events> for Work {
    fn as_ref(&self) -> &Events {
        &self.0.events
    }
}

impl AsRef<Imports> for Work {
    fn as_ref(&self) -> &Imports {
        &self.0.imports
    }
}

impl AsRef<Insight> for Work {
    fn as_ref(&self) -> &Insight {
        &self.0.insight
    }
}

impl AsRef<Mailer> for Work {
    fn as_ref(&self) -> &Mailer {
        &self.0.mailer
    }
}

impl AsRef<Plays> for Work {
    fn as_ref(&self) -> &Plays {
        &self.0.plays
    }
}

impl AsRef<Alerts> for Work {
    fn as_ref(&self) -> &Alerts {
        &self.0.alerts
    }
}

impl SiteKinds for Work {
    fn site_kinds(&self) -> impl Future<Output = Result<HashMap<CustomerId, Vec<String>>>> + Send {
        self.0.site_kinds()
    }
}

/// Sent mails stay listed for so long.
const KEEP_MAILS: Duration = Duration::from_secs(90 * 86_400);

/// Deletes what has expired: sessions, links and counters, answers kept for repeated requests, mails of last quarter, and
/// last month's deliveries to webhooks, files that nobody imported.
#[derive(Debug, Serialize, Deserialize)]
struct Sweep {}

impl Job<Work> for Sweep {
    const KIND: &'static str = "house.sweep";

    async fn run(self, work: Work, _attempt: Attempt) -> Result<()> {
        let (db, clock) = (&work.0.db, &work.0.clock);
        let swept = accounts::sweep(db, clock).await?;
        let answers = web::sweep(db, clock).await?;
        let mails = kit::mail::forget_older_than(db, clock.now().minus(KEEP_MAILS)).await?;
        let deliveries = notify::sweep(db, clock).await? + insight::plays::sweep(db, clock).await? + alerts::sweep(db, clock).await?;
        let files = work.0.imports.sweep().await?;
        events::quota::sweep(db, work.0.events.calendar().day(clock.now())).await?;
        info!(
            rows = swept,
            answers,
            mails,
            deliveries,
            files,
            "removed {swept} expired sessions and links, {answers} kept answers, {mails} old mails, {deliveries} old deliveries, {files} files that nobody imported"
        );
        Ok(())
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// The jobs that a person may wait for; without schedules and reconcilers.
fn jobs() -> Registry<Work> {
    Registry::default()
        .job::<SendMail>()
        .job::<RunOperation>()
        .job::<DeployPushed>()
        .job::<TellProvider>()
        .job::<TellDeployment>()
        .job::<TellFailures>()
        .job::<DeliverWebhook>()
        .job::<DeliverPlay>()
        .job::<RunImport>()
        .job::<DoRun>()
        .job::<SendAlert>()
}

/// The runner of a server.
pub fn runner(app: &App) -> Runner<Work> {
    let registry = jobs()
        .schedule(HOUR, &PurgeArchives {})
        .schedule(24 * HOUR, &Sweep {})
        .schedule(24 * HOUR, &deliveries::Sweep {})
        .schedule(24 * HOUR, &LearnChurn::default())
        .reconciler(Edge)
        .reconciler(Deployments)
        .reconciler(Heads::default())
        .reconciler(Pushes)
        .reconciler(Leftovers)
        .reconciler(Certificates::default())
        .reconciler(Previews::default())
        .reconciler(Templates)
        .reconciler(events::Tidy)
        .reconciler(TellOwnEvents::default())
        .reconciler(Scores)
        .reconciler(Calls)
        .reconciler(insight::funnel::stages::Days)
        .reconciler(Segments)
        .reconciler(Watch)
        .reconciler(Evaluate);
    of(app, registry)
}

/// The runner of a command that waits for its own work while no server runs.
pub fn runner_of_command(app: &App) -> Runner<Work> {
    of(app, jobs())
}

fn of(app: &App, registry: Registry<Work>) -> Runner<Work> {
    let instance = format!("{}-{}", std::process::id(), kit::id::random_base32(6));
    // Mails and schedules go on while operations on sites and slow receivers of webhooks take all of their places.
    let parallel = app.config.hosting.parallel_operations + notify::PLACES + 2;
    Runner::new(app.db.clone(), app.clock.clone(), Work(app.clone()), registry, instance, parallel)
}
