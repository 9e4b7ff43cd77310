//! Imports that are begun in the pages or by the API: a file is sent, looked at, checked, and imported by a job that tells how far it is.
//!
//! What a row means is [`crate::import`]. Files lie in a folder of this machine; the database knows what became of each.

mod rows;
mod run;
mod upload;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Actor, audit};
use kit::bus::Bus;
use kit::jobs::{self, Enqueue};
use kit::{Clock, Db, Error, Result, Timestamp, id_type, text_enum};
use serde_json::json;

use crate::import::{Format, Mapping, Preview, Report, preview};
use crate::{Events, Source};

pub use run::RunImport;
pub use upload::Upload;

id_type!(
    /// One import.
    ImportId, "imp_"
);

text_enum!(
    /// Where an import is.
    ImportState {
        /// The file is here, and nothing is done with it.
        Ready = "ready",
        /// It is being looked through, without storing anything.
        Checking = "checking",
        /// Its events are being stored.
        Running = "running",
        /// All its rows were read. The file is gone.
        Done = "done",
        /// Somebody ended it. What was stored until then stays.
        Cancelled = "cancelled",
        /// It could not go on; says why. What was stored until then stays.
        Failed = "failed",
    }
);

impl ImportState {
    /// Whether a job works on it.
    pub fn is_at_work(self) -> bool {
        matches!(self, ImportState::Checking | ImportState::Running)
    }
}

/// Files that lie here at once; further ones must wait until some are done or thrown away.
const MOST_FILES: i64 = 10;
/// So long a file waits for somebody to import it.
const KEEP_FILES: Duration = Duration::from_secs(7 * 86_400);
/// So long it is known what became of an import.
const KEEP_ROWS: Duration = Duration::from_secs(365 * 86_400);

/// What [`Imports`] are made of.
pub struct Ingredients {
    /// The database.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Hears how far imports are: room `operators`, topics `imports` and `import:{id}`.
    pub bus: Bus,
    /// Where events go.
    pub events: Events,
    /// Where files lie; made when the first comes.
    pub folder: PathBuf,
}

/// The imports of one house. Cheap to clone.
#[derive(Clone)]
pub struct Imports(Arc<Ingredients>);

/// One import.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// Its id; sorts by time.
    pub id: ImportId,
    /// When its file came.
    pub created_at: Timestamp,
    /// Who sent it.
    pub created_by: String,
    /// What the file was called where it came from.
    pub file: String,
    /// Its form.
    pub format: Format,
    /// Its size.
    pub bytes: u64,
    /// Where it is.
    pub state: ImportState,
    /// Which column says what, as [`Mapping::parse`] reads it.
    pub mapping: Vec<String>,
    /// What its events' source is called.
    pub source: String,
    /// When the last check or import of it began.
    pub started_at: Option<Timestamp>,
    /// When that ended.
    pub finished_at: Option<Timestamp>,
    /// Bytes read.
    pub read_bytes: u64,
    /// How often it went on after an interruption.
    pub restarts: u32,
    /// Whether the report is of a check.
    pub is_check: bool,
    /// What became of the rows so far.
    pub report: Option<Report>,
    /// Why it could not go on.
    pub trouble: Option<String>,
}

/// What is to be done with a file.
#[derive(Debug, Clone)]
pub struct Order {
    /// Which column says what, as [`Mapping::parse`] reads it.
    pub mapping: Vec<String>,
    /// What the events' source is called.
    pub source: Source,
    /// Only say what would happen.
    pub is_check: bool,
}

impl AsRef<Imports> for Imports {
    fn as_ref(&self) -> &Imports {
        self
    }
}

impl Imports {
    /// Starts nothing.
    pub fn open(ingredients: Ingredients) -> Imports {
        Imports(Arc::new(ingredients))
    }

    /// Begins to take a file in. Fields: `file`, `format`.
    pub async fn upload(&self, actor: &Actor, file: &str, format: Option<Format>) -> Result<Upload> {
        if rows::files(&self.0.db).await? >= MOST_FILES {
            return Err(Error::conflict(format!("{MOST_FILES} files wait already; import or throw away some of them first")));
        }
        Upload::begin(self, actor, file, format).await
    }

    /// The newest imports.
    pub async fn list(&self, limit: u32) -> Result<Vec<Import>> {
        rows::newest(&self.0.db, limit).await
    }

    /// One import.
    pub async fn get(&self, id: &ImportId) -> Result<Import> {
        rows::get(&self.0.db, id).await
    }

    /// What its file looks like; none when it is not here (any more).
    pub async fn preview(&self, import: &Import) -> Result<Option<Preview>> {
        let (file, format) = (self.file(&import.id), import.format);
        let looked = tokio::task::spawn_blocking(move || if file.exists() { preview(&file, format).map(Some) } else { Ok(None) });
        looked.await.map_err(|error| Error::internal(format!("looking at a file: {error}")))?
    }

    /// Begins a check or an import. What the file cannot be read by is refused here. Fields: `map`, `file`.
    pub async fn start(&self, actor: &Actor, id: &ImportId, order: &Order) -> Result<()> {
        let import = self.get(id).await?;
        let mapping = Mapping::parse(&order.mapping)?;
        let preview = self.preview(&import).await?.ok_or_else(|| Error::conflict("the file is not here any more; send it again"))?;
        if !preview.columns.is_empty() {
            mapping.fits(&preview.columns)?;
        }
        let Ingredients { db, clock, .. } = &*self.0;
        db.write(async |tx| {
            if !rows::start(&tx, clock.now(), id, order).await? {
                return Err(Error::conflict("this import is under way or done"));
            }
            let how = Enqueue { unique_key: Some(format!("import:{id}")), run_at: None };
            let job = RunImport { import_id: id.clone() };
            if jobs::enqueue::<Imports, _>(&tx, clock, &job, how).await?.is_none() {
                return Err(Error::conflict("the import that was ended is about to stop; try again in a moment"));
            }
            if order.is_check {
                return Ok(());
            }
            let detail = json!({ "file": import.file, "bytes": import.bytes, "source": order.source.as_str(), "mapping": order.mapping });
            audit::record(&tx, clock, actor, audit::Entry { action: "events.import", customer: None, subject: id.as_str(), detail }).await
        })
        .await?;
        self.tell(id);
        Ok(())
    }

    /// Ends a check or an import that is under way. What was stored stays.
    pub async fn cancel(&self, actor: &Actor, id: &ImportId) -> Result<()> {
        let import = self.get(id).await?;
        let Ingredients { db, clock, .. } = &*self.0;
        db.write(async |tx| {
            if !rows::cancel(&tx, clock.now(), id).await? {
                return Err(Error::conflict("this import is not under way"));
            }
            let detail = json!({ "file": import.file });
            audit::record(&tx, clock, actor, audit::Entry { action: "events.import_cancel", customer: None, subject: id.as_str(), detail })
                .await
        })
        .await?;
        self.tell(id);
        Ok(())
    }

    /// Throws an import away: its file and what is known of it. Its events stay.
    pub async fn discard(&self, id: &ImportId) -> Result<()> {
        self.get(id).await?;
        if !rows::discard(&self.0.db, id).await? {
            return Err(Error::conflict("this import is under way; end it first"));
        }
        self.remove_file(id).await;
        self.tell(id);
        Ok(())
    }

    /// Removes files for which nobody came, and what is no longer worth knowing. Returns how many files.
    pub async fn sweep(&self) -> Result<u64> {
        let Ingredients { db, clock, folder, .. } = &*self.0;
        rows::forget(db, clock.now().minus(KEEP_FILES), clock.now().minus(KEEP_ROWS)).await?;
        let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return Ok(0) };
        let mut removed = 0;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let wanted = match ImportId::parse(&name) {
                Ok(id) => rows::wants_file(db, &id).await?,
                // One that is coming in, or was when the process died.
                Err(_) => is_younger(&entry, clock.now().minus(Duration::from_secs(86_400))).await,
            };
            if !wanted && tokio::fs::remove_file(entry.path()).await.is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn file(&self, id: &ImportId) -> PathBuf {
        self.0.folder.join(id.as_str())
    }

    async fn remove_file(&self, id: &ImportId) {
        // One that is not there any more is what was wanted; one that stays is swept.
        let _ = tokio::fs::remove_file(self.file(id)).await;
    }

    fn tell(&self, id: &ImportId) {
        self.0.bus.signal("operators", "imports");
        self.0.bus.signal("operators", format!("import:{id}"));
    }
}

async fn is_younger(entry: &tokio::fs::DirEntry, than: Timestamp) -> bool {
    let modified = entry.metadata().await.ok().and_then(|meta| meta.modified().ok());
    let since = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.is_none_or(|since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX) > than.0)
}
