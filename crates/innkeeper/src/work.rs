//! All jobs, schedules and reconcilers of the product in one list.

use std::time::Duration;

use hosting::Hosting;
use hosting::archive::PurgeArchives;
use hosting::operations::RunOperation;
use hosting::reconcile::{Certificates, Edge, Templates};
use kit::Result;
use kit::jobs::{Attempt, Job, Registry, Runner};
use kit::mail::{Mailer, SendMail};
use serde::{Deserialize, Serialize};
use tracing::info;
use web::App;

/// What jobs work with.
#[derive(Clone)]
pub struct Work(pub App);

impl AsRef<Hosting> for Work {
    fn as_ref(&self) -> &Hosting {
        &self.0.hosting
    }
}

impl AsRef<Mailer> for Work {
    fn as_ref(&self) -> &Mailer {
        &self.0.mailer
    }
}

/// Deletes sessions, links and counters that have expired.
#[derive(Debug, Serialize, Deserialize)]
struct SweepAccounts {}

impl Job<Work> for SweepAccounts {
    const KIND: &'static str = "accounts.sweep";

    async fn run(self, work: Work, _attempt: Attempt) -> Result<()> {
        let swept = accounts::sweep(&work.0.db, &work.0.clock).await?;
        info!(rows = swept, "removed {swept} expired sessions and links");
        Ok(())
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// The jobs that a person may wait for; without schedules and reconcilers.
fn jobs() -> Registry<Work> {
    Registry::default().job::<SendMail>().job::<RunOperation>()
}

/// The runner of a server.
pub fn runner(app: &App) -> Runner<Work> {
    let registry = jobs()
        .schedule(HOUR, &PurgeArchives {})
        .schedule(24 * HOUR, &SweepAccounts {})
        .reconciler(Edge)
        .reconciler(Certificates::default())
        .reconciler(Templates);
    of(app, registry)
}

/// The runner of a command that waits for its own work while no server runs.
pub fn runner_of_command(app: &App) -> Runner<Work> {
    of(app, jobs())
}

fn of(app: &App, registry: Registry<Work>) -> Runner<Work> {
    let instance = format!("{}-{}", std::process::id(), kit::id::random_base32(6));
    // Mails and schedules go on while operations on sites take all of their places.
    let parallel = app.config.hosting.parallel_operations + 2;
    Runner::new(app.db.clone(), app.clock.clone(), Work(app.clone()), registry, instance, parallel)
}
