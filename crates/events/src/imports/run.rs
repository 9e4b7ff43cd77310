//! The job that checks or imports a file.
//!
//! It notes how far it is after each thousand events. When it is interrupted it passes over what it has noted; the events that were stored
//! after the last note are found to be known, as an import's ids are the same each time, and are counted as such.

use std::ops::ControlFlow;
use std::time::Duration;

use kit::jobs::{Attempt, Job};
use kit::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ImportId, ImportState, Imports, rows};
use crate::Source;
use crate::import::{self, Customers, Mapping, Plan, Progress, Report, Watch};

/// Open pages hear of it at most so often.
const TELL_EVERY: Duration = Duration::from_millis(400);

/// Checks or imports one file.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunImport {
    /// Which.
    pub import_id: ImportId,
}

impl<C: AsRef<Imports> + Clone + Send + Sync + 'static> Job<C> for RunImport {
    const KIND: &'static str = "events.import";
    /// A file of a gigabyte beside senders who go first.
    const TIMEOUT: Duration = Duration::from_secs(24 * 3600);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let imports = context.as_ref().clone();
        match work(&imports, &self.import_id).await {
            Err(error) if error.is_transient() => Err(error),
            // The job did what it is there for: the page says what is wrong.
            Err(error) => end(&imports, &self.import_id, ImportState::Failed, Some(&error.public_message())).await,
            Ok(()) => Ok(()),
        }
    }

    async fn gave_up(self, context: C, error: String) -> Result<()> {
        let text = format!("It was tried again and again: {error}");
        end(context.as_ref(), &self.import_id, ImportState::Failed, Some(&text)).await
    }
}

async fn work(imports: &Imports, id: &ImportId) -> Result<()> {
    let at = &imports.0;
    let import = match imports.get(id).await {
        // Thrown away, or ended before it began.
        Err(Error::NotFound(_)) => return Ok(()),
        Ok(import) if !import.state.is_at_work() => return Ok(()),
        found => found?,
    };
    let plan = Plan {
        file: imports.file(id),
        format: import.format,
        mapping: Mapping::parse(&import.mapping)?,
        source: Source::parse(&import.source)?,
        is_dry_run: import.is_check,
    };
    if !plan.file.exists() {
        return Err(Error::invalid("file", "is not here any more; send it again"));
    }
    rows::begin(&at.db, id).await?;
    // A check is begun anew: nothing is lost by it.
    let so_far = import.report.filter(|_| !import.is_check);
    let watch = Noting { imports: imports.clone(), id: id.clone(), told_at: None };
    let customers = Customers::of_house(&at.db).await?;
    import::run(&at.events, &plan, customers, so_far.unwrap_or_default(), watch).await?;
    end(imports, id, if import.is_check { ImportState::Ready } else { ImportState::Done }, None).await
}

/// Notes how it ended; an import that somebody ended before stays that.
async fn end(imports: &Imports, id: &ImportId, state: ImportState, trouble: Option<&str>) -> Result<()> {
    let has_ended = rows::end(&imports.0.db, imports.0.clock.now(), id, state, trouble).await?;
    if has_ended && state == ImportState::Done {
        imports.remove_file(id).await;
    }
    imports.tell(id);
    Ok(())
}

struct Noting {
    imports: Imports,
    id: ImportId,
    told_at: Option<Timestamp>,
}

impl Watch for Noting {
    async fn seen(&mut self, progress: Progress, report: &Report) -> Result<ControlFlow<()>> {
        if !rows::note(&self.imports.0.db, &self.id, progress.read, report).await? {
            return Ok(ControlFlow::Break(()));
        }
        let now = self.imports.0.clock.now();
        if self.told_at.is_none_or(|at| now.since(at) >= TELL_EVERY) {
            self.told_at = Some(now);
            self.imports.tell(&self.id);
        }
        Ok(ControlFlow::Continue(()))
    }
}
