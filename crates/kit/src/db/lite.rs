//! SQLite: one writer, a few readers, statements on the blocking pool.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params_from_iter};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};

use super::{FromRow, Row, Sql, Tx};
use crate::{Context, Error, Result};

/// Readers beside the writer; each may hold up to [`CACHE_KIB`] of pages.
const READERS: usize = 4;
/// Page cache of one connection, in KiB (SQLite's own default is 2000).
const CACHE_KIB: i64 = 1000;

pub(super) struct Lite {
    writer: Arc<AsyncMutex<Connection>>,
    readers: Arc<Mutex<Vec<Connection>>>,
    reader_places: Arc<Semaphore>,
}

impl Lite {
    pub(super) fn open(path: &Path) -> Result<Lite> {
        let open = |flags| -> Result<Connection> {
            let connection = Connection::open_with_flags(path, flags)
                .map_err(|error| Error::unavailable_because(format!("the database file {} cannot be opened", path.display()), error))?;
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.set_prepared_statement_cache_capacity(128);
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.pragma_update(None, "foreign_keys", true)?;
            Ok(connection)
        };
        let writer = open(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        let readers = (0..READERS)
            .map(|_| open(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX))
            .collect::<Result<Vec<_>>>()?;
        Ok(Lite {
            writer: Arc::new(AsyncMutex::new(writer)),
            readers: Arc::new(Mutex::new(readers)),
            reader_places: Arc::new(Semaphore::new(READERS)),
        })
    }

    pub(super) async fn read<T: FromRow + Send + 'static>(&self, sql: Sql) -> Result<Vec<T>> {
        let place = self.reader_places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let readers = self.readers.clone();
        blocking(move || {
            let _place = place;
            let reader = Borrowed::take(&readers);
            query(&reader, &sql)
        })
        .await
    }

    pub(super) async fn begin(&self) -> Result<Tx> {
        let guard = self.writer.clone().lock_owned().await;
        let guard = blocking(move || {
            // A transaction whose future was dropped in the middle of a statement is still open here.
            if !guard.is_autocommit() {
                guard.execute_batch("rollback")?;
            }
            guard.execute_batch("begin immediate").map_err(|error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseBusy) => Error::unavailable_because("the database is locked by another process", error),
                _ => error.into(),
            })?;
            Ok(guard)
        })
        .await?;
        Ok(Tx::lite(guard))
    }

    pub(super) async fn back_up_to(&self, path: &Path) -> Result<()> {
        let path = path.display().to_string();
        let place = self.reader_places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let readers = self.readers.clone();
        blocking(move || {
            let _place = place;
            let reader = Borrowed::take(&readers);
            reader.execute("vacuum into ?1", [&path]).context(format!("copying the database to {path}"))?;
            Ok(())
        })
        .await
    }
}

/// A reader taken out of the pool; goes back also when the query panics.
struct Borrowed<'a> {
    pool: &'a Mutex<Vec<Connection>>,
    connection: Option<Connection>,
}

impl<'a> Borrowed<'a> {
    fn take(pool: &'a Mutex<Vec<Connection>>) -> Borrowed<'a> {
        let connection = pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        Borrowed { pool, connection: Some(connection.expect("a place in the semaphore is a connection in the pool")) }
    }
}

impl std::ops::Deref for Borrowed<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("present until dropped")
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(connection);
        }
    }
}

/// Runs a statement on the writer and hands the guard back, so that a dropped future cannot leave it locked.
pub(super) async fn on_writer<T: Send + 'static>(
    guard: OwnedMutexGuard<Connection>,
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> Result<(OwnedMutexGuard<Connection>, Result<T>)> {
    blocking(move || {
        let outcome = work(&guard);
        Ok((guard, outcome))
    })
    .await
}

pub(super) fn query<T: FromRow>(connection: &Connection, sql: &Sql) -> Result<Vec<T>> {
    let text = numbered(&sql.text);
    let describe = || format!("running `{}`", sql.text);
    let mut statement = connection.prepare_cached(&text).context(describe())?;
    let mut rows = statement.query(params_from_iter(&sql.args)).context(describe())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(classify).context(describe())? {
        found.push(T::from_row(&Row::Lite(row))?);
    }
    Ok(found)
}

pub(super) fn execute(connection: &Connection, sql: &Sql) -> Result<u64> {
    let describe = || format!("running `{}`", sql.text);
    let mut statement = connection.prepare_cached(&numbered(&sql.text)).context(describe())?;
    let touched = statement.execute(params_from_iter(&sql.args)).map_err(classify).context(describe())?;
    Ok(touched as u64)
}

pub(super) fn classify(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => Error::conflict(format!("it clashes with what is stored: {error}")),
        Some(ErrorCode::DiskFull) => Error::unavailable_because("the disk of the data folder is full", error),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => Error::unavailable_because("the data folder cannot be written", error),
        _ => error.into(),
    }
}

/// `$1` as SQLite's `?1`: there, `$1` is a *name* whose position follows from its first appearance, looked up linearly.
fn numbered(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_quotes = false;
    for c in text.chars() {
        in_quotes ^= c == '\'';
        out.push(if c == '$' && !in_quotes { '?' } else { c });
    }
    out
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Error::internal(format!("a database task panicked: {panic}")))?
}
