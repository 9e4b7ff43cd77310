//! Events from a file: CSV with a head, or one JSON object a line.
//!
//! A row says what happened through columns that are found by their usual names or named by a [`Mapping`]; all other columns become
//! properties. A row without an id gets one from the file's content and its line, so the same file counts once, however often an import is
//! begun again. Rows that are no events are refused one by one and named; the rest goes in.

mod mapping;
mod preview;
mod rows;
mod time;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use accounts::customers::{self, CustomerOrder, CustomerQuery};
use accounts::{CustomerId, MAX_PAGE, Scope};
use kit::{Db, Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{Calendar, Events, NewEvent, Outcome, Source};

pub use mapping::{Field, Mapping};
pub use preview::{Preview, preview};
pub use rows::Format;

/// What to import, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The file.
    pub file: PathBuf,
    /// Its form.
    pub format: Format,
    /// Which column says what.
    pub mapping: Mapping,
    /// What the events' source is called.
    pub source: Source,
    /// Only say what would happen.
    pub is_dry_run: bool,
}

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rows read.
    pub rows: u64,
    /// Events that are new; in a dry run: rows that are events.
    pub stored: u64,
    /// Events that were known.
    pub duplicates: u64,
    /// Rows that are no events.
    pub refused: u64,
    /// The first of them, and why.
    pub problems: Vec<Problem>,
    /// How many events there are of each name (the first 50 names).
    pub names: BTreeMap<String, u64>,
    /// When the first and the last of them happened.
    pub from: Option<Timestamp>,
    /// See `from`.
    pub to: Option<Timestamp>,
    /// Which column said what.
    pub columns: BTreeMap<String, String>,
}

/// A row that is no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub read: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Rows read.
    pub rows: u64,
}

/// Events that go to the writer at once.
const AT_ONCE: usize = 1_000;
/// How many refused rows are named, and how many names counted.
const NAMED: usize = 100;
const MAX_NAMES: usize = 50;
/// How often a writer that has no room is asked again, a second apart.
const PATIENCE: u32 = 120;
/// Letters of what is said about a row; it quotes what a stranger wrote.
const LONGEST_MESSAGE: usize = 300;

/// Who is told how far an import is, after each piece that is stored.
pub trait Watch: Send {
    /// What was read and what became of it so far. `Break` ends the import there.
    fn seen(&mut self, progress: Progress, report: &Report) -> impl Future<Output = Result<ControlFlow<()>>> + Send;
}

impl<F: FnMut(Progress) + Send> Watch for F {
    async fn seen(&mut self, progress: Progress, _report: &Report) -> Result<ControlFlow<()>> {
        self(progress);
        Ok(ControlFlow::Continue(()))
    }
}

/// The customers that rows may name, by id and by name.
#[derive(Debug, Clone, Default)]
pub struct Customers(HashMap<String, CustomerId>);

impl Customers {
    /// All of the house.
    pub async fn of_house(db: &Db) -> Result<Customers> {
        let mut known = Customers::default();
        let mut query = CustomerQuery { order: CustomerOrder::Created, limit: MAX_PAGE, ..CustomerQuery::default() };
        loop {
            let page = customers::list(db, &Scope::house_of_job(), &query).await?;
            for customer in &page.items {
                known.add(&customer.id, customer.name.as_str());
            }
            query.after = page.next;
            if query.after.is_none() {
                return Ok(known);
            }
        }
    }

    /// Adds one. Two of one name: neither is known by it.
    pub fn add(&mut self, id: &CustomerId, name: &str) {
        self.0.insert(id.as_str().to_owned(), id.clone());
        match self.0.entry(format!("={}", name.to_lowercase())) {
            std::collections::hash_map::Entry::Occupied(known) if known.get() != id => {
                known.remove();
            }
            std::collections::hash_map::Entry::Occupied(_) => {}
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(id.clone());
            }
        }
    }

    fn find(&self, text: &str) -> Option<&CustomerId> {
        self.0.get(text).or_else(|| self.0.get(&format!("={}", text.to_lowercase())))
    }
}

/// A piece of the file, read and understood.
struct Piece {
    events: Vec<NewEvent>,
    problems: Vec<Problem>,
    progress: Progress,
    columns: BTreeMap<String, String>,
}

/// Imports a file, or says what would happen. `so_far` is what became of the rows before an interruption: they are passed over. A file of
/// another form than was said, or without a column that is needed, fails as a whole before anything is stored.
pub async fn run(events: &Events, plan: &Plan, customers: Customers, so_far: Report, mut watch: impl Watch) -> Result<Report> {
    let (send, mut receive) = mpsc::channel::<Result<Piece>>(2);
    let (reading, calendar, done) = (plan.clone(), events.calendar().clone(), so_far.rows);
    let reader = tokio::task::spawn_blocking(move || {
        if let Err(error) = read(&reading, &calendar, &customers, done, &send) {
            let _ = send.blocking_send(Err(error));
        }
    });
    let mut report = so_far;
    while let Some(piece) = receive.recv().await {
        let piece = piece?;
        report.note(&piece);
        match plan.is_dry_run {
            true => report.stored += piece.events.len() as u64,
            false => {
                for outcome in store(events, piece.events).await? {
                    match outcome {
                        Outcome::Stored => report.stored += 1,
                        Outcome::Duplicate => report.duplicates += 1,
                    }
                }
            }
        }
        if watch.seen(piece.progress, &report).await?.is_break() {
            return Ok(report);
        }
    }
    reader.await.map_err(|error| Error::internal(format!("the reader of the file ended: {error}")))?;
    Ok(report)
}

impl Report {
    fn note(&mut self, piece: &Piece) {
        self.rows = piece.progress.rows;
        self.refused += piece.problems.len() as u64;
        self.problems.extend(piece.problems.iter().take(NAMED.saturating_sub(self.problems.len())).cloned());
        self.columns.clone_from(&piece.columns);
        for event in &piece.events {
            if self.names.len() < MAX_NAMES || self.names.contains_key(event.name.as_str()) {
                *self.names.entry(event.name.as_str().to_owned()).or_default() += 1;
            }
            self.from = Some(self.from.map_or(event.at, |from| from.min(event.at)));
            self.to = Some(self.to.map_or(event.at, |to| to.max(event.at)));
        }
    }
}

/// Hands a piece to the writer, and waits while it has no room: senders from outside go first.
async fn store(events: &Events, piece: Vec<NewEvent>) -> Result<Vec<Outcome>> {
    let mut tries = 0;
    loop {
        match events.accept(piece.clone()).await {
            Err(Error::Unavailable { .. }) if tries < PATIENCE => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            other => return other,
        }
    }
}

/// Reads the file to its end, piece by piece, until nobody listens any more; the first `done` rows are only counted.
fn read(plan: &Plan, calendar: &Calendar, customers: &Customers, done: u64, send: &mpsc::Sender<Result<Piece>>) -> Result<()> {
    let bytes = std::fs::metadata(&plan.file).map_err(|error| unreadable(&plan.file, &error))?.len();
    let mark = rows::mark(&plan.file)?;
    let mut rows = rows::open(&plan.file, plan.format)?;
    let mut columns: Option<mapping::Columns> = plan.mapping.columns(rows.head().as_deref())?;
    let mut piece = Piece {
        events: Vec::new(),
        problems: Vec::new(),
        progress: Progress { read: 0, bytes, rows: 0 },
        columns: columns.as_ref().map(mapping::Columns::named).unwrap_or_default(),
    };
    while let Some(row) = rows.next()? {
        piece.progress.rows += 1;
        piece.progress.read = rows.read();
        let is_done = piece.progress.rows <= done;
        let line = row.line;
        let event = row.fields.and_then(|fields| {
            // Lines of JSON have no head: the first one that can be read tells the names.
            if columns.is_none() {
                let names: Vec<String> = fields.keys().cloned().collect();
                columns = plan.mapping.columns(Some(&names)).map_err(|error| error.public_message().to_string())?;
                piece.columns = columns.as_ref().map(mapping::Columns::named).unwrap_or_default();
            }
            let columns = columns.as_ref().expect("columns were found in the head or the first row");
            let around = mapping::Surroundings { mark: &mark, line, source: &plan.source, calendar, customers };
            if is_done { Ok(None) } else { columns.event(fields, &around).map(Some) }
        });
        match event {
            Ok(Some(event)) => piece.events.push(event),
            Err(message) if !is_done => piece.problems.push(Problem { line, message: shortened(message) }),
            Ok(None) | Err(_) => {}
        }
        if piece.events.len() >= AT_ONCE || piece.problems.len() >= AT_ONCE {
            let next = Piece { events: Vec::new(), problems: Vec::new(), progress: piece.progress, columns: piece.columns.clone() };
            if send.blocking_send(Ok(std::mem::replace(&mut piece, next))).is_err() {
                return Ok(());
            }
        }
    }
    piece.progress.read = bytes;
    let _ = send.blocking_send(Ok(piece));
    Ok(())
}

fn shortened(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Error {
    Error::invalid("file", format!("`{}` cannot be read: {error}", file.display()))
}

#[cfg(test)]
mod tests;
