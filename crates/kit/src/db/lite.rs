//! SQLite: one writer, a few readers, statements on the blocking pool.

use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};

use super::{FromRow, Row, Sql, Tx, Value};
use crate::{Context, Error, Result};

/// Readers beside the writer; each may hold up to [`CACHE_KIB`] of pages.
const READERS: usize = 4;
/// Page cache of one connection, in KiB (SQLite's own default is 2000).
const CACHE_KIB: i64 = 1000;
/// The log file is cut back to this size after a burst of writing.
const MAX_LOG_BYTES: i64 = 32 << 20;
/// How long a transaction waits for its turn. Longer means that one hangs, and everybody should hear of it.
const MAX_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Lite {
    // Dropped first: the last connection to close merges the log into the file, and a reader cannot.
    readers: Arc<Mutex<Vec<Connection>>>,
    reader_places: Arc<Semaphore>,
    writer: Arc<AsyncMutex<Connection>>,
}

impl Lite {
    pub(super) fn open(path: &Path) -> Result<Lite> {
        let attempted = || format!("opening the database file {}", path.display());
        create_private(path)
            .map_err(|error| Error::unavailable_because(format!("the database file {} cannot be opened", path.display()), error))?;
        let open = |flags| -> Result<Connection> {
            let connect = || {
                let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
                connection.busy_timeout(Duration::from_secs(10))?;
                connection.set_prepared_statement_cache_capacity(128);
                connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
                connection.pragma_update(None, "foreign_keys", true)?;
                // Otherwise SQLite plans most statements with a join anew each time they run, because the values might make another
                // plan better; that is ten times their own work.
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
                fold_all_alphabets(&connection)?;
                Ok(connection)
            };
            connect().map_err(classify).context(attempted())
        };
        let writer = open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let prepare = || {
            let journal: String = writer.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
            writer.pragma_update(None, "synchronous", "FULL")?;
            writer.pragma_update(None, "journal_size_limit", MAX_LOG_BYTES)?;
            Ok(journal)
        };
        if prepare().map_err(classify).context(attempted())? != "wal" {
            return Err(Error::unavailable(format!(
                "the database file {} must be on a local disk: this one allows no write-ahead log",
                path.display()
            )));
        }
        let readers = (0..READERS).map(|_| open(OpenFlags::SQLITE_OPEN_READ_ONLY)).collect::<Result<Vec<_>>>()?;
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
        let guard = tokio::time::timeout(MAX_WAIT, self.writer.clone().lock_owned())
            .await
            .map_err(|_| Error::unavailable("the database is busy with one long change; please try again"))?;
        let (writer, begun) = Writer(guard)
            .run(|connection| {
                connection.execute_batch("begin immediate").map_err(|error| match error.sqlite_error_code() {
                    Some(rusqlite::ErrorCode::DatabaseBusy) => {
                        Error::unavailable_because("the database is locked by another process", error)
                    }
                    _ => classify(error),
                })
            })
            .await?;
        begun?;
        Ok(Tx::lite(writer))
    }

    /// Copies to a file beside `path` first, so that what has the name `path` is whole and on the disk.
    pub(super) async fn back_up_to(&self, path: &Path) -> Result<()> {
        let path = path.to_owned();
        let place = self.reader_places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let readers = self.readers.clone();
        blocking(move || {
            let _place = place;
            let attempted = || format!("copying the database to {}", path.display());
            if path.exists() {
                return Err(Error::conflict(format!("{} exists already", path.display())));
            }
            let mut partial = path.clone().into_os_string();
            partial.push(".part");
            let name = partial.to_str().ok_or_else(|| Error::invalid("path", "must be UTF-8"))?;
            let reader = Borrowed::take(&readers);
            // The rest of a copy that was interrupted; SQLite writes into an empty file only.
            let _ = std::fs::remove_file(name);
            let copied = create_private(Path::new(name))
                .context(attempted())
                .and_then(|()| reader.execute("vacuum into ?1", [name]).map_err(classify).context(attempted()))
                .and_then(|_| std::fs::File::open(name).and_then(|file| file.sync_all()).context(attempted()))
                .and_then(|()| std::fs::rename(name, &path).context(attempted()));
            if copied.is_err() {
                let _ = std::fs::remove_file(name);
            }
            copied
        })
        .await
    }
}

/// Lets `lower` know more than ASCII, as PostgreSQL's does, so that a search finds `Ärzte` by `ärzte` on both: letter by letter, so
/// that a part of a word is folded like the whole.
///
/// No index may be made on it, although it always answers the same: another program that opens the file has SQLite's own `lower`,
/// and would keep the index in another order.
fn fold_all_alphabets(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("lower", 1, flags, |call| {
        Ok(call.get::<Option<String>>(0)?.map(|text| text.chars().flat_map(char::to_lowercase).collect::<String>()))
    })
}

/// Creates an empty file that only its owner may read; SQLite gives its log the same permissions.
fn create_private(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(|_| ())
}

/// The connection that writes, lent out. Whatever is open when it is dropped is rolled back.
pub(super) struct Writer(OwnedMutexGuard<Connection>);

impl Writer {
    /// Runs a statement on the blocking pool and comes back with it. When the future is dropped meanwhile, or the work
    /// panics, the writer is free again as soon as the statement is through.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<(Writer, Result<T>)> {
        blocking(move || {
            let outcome = work(&self.0);
            Ok((self, outcome))
        })
        .await
    }

    pub(super) async fn give_back(self) {
        if self.0.is_autocommit() {
            return;
        }
        let _ = blocking(move || {
            drop(self);
            Ok(())
        })
        .await;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            let _ = self.0.execute_batch("rollback");
        }
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

impl Deref for Borrowed<'_> {
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

pub(super) fn query<T: FromRow>(connection: &Connection, sql: &Sql) -> Result<Vec<T>> {
    let text = numbered(&sql.text);
    let describe = || format!("running `{}`", sql.text);
    let mut statement = connection.prepare_cached(&text).map_err(classify).context(describe())?;
    let mut rows = statement.query(params_from_iter(&sql.args)).map_err(classify).context(describe())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(classify).context(describe())? {
        found.push(T::from_row(&Row::Lite(row)).context(describe())?);
    }
    Ok(found)
}

pub(super) fn execute(connection: &Connection, sql: &Sql) -> Result<u64> {
    let describe = || format!("running `{}`", sql.text);
    let mut statement = connection.prepare_cached(&numbered(&sql.text)).map_err(classify).context(describe())?;
    let touched = statement.execute(params_from_iter(&sql.args)).map_err(classify).context(describe())?;
    Ok(touched as u64)
}

pub(super) fn execute_each(connection: &Connection, sql: &Sql, rows: &[Vec<Value>]) -> Result<u64> {
    let describe = || format!("running `{}`", sql.text);
    let mut statement = connection.prepare_cached(&numbered(&sql.text)).map_err(classify).context(describe())?;
    rows.iter().try_fold(0, |touched, row| {
        let more = statement.execute(params_from_iter(row)).map_err(classify).context(describe())?;
        Ok(touched + more as u64)
    })
}

pub(super) fn classify(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => Error::conflict(format!("it clashes with what is stored: {error}")),
        Some(ErrorCode::DiskFull) => Error::unavailable_because("the disk of the data folder is full", error),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => Error::unavailable_because("the data folder cannot be written", error),
        Some(ErrorCode::SystemIoFailure) => Error::unavailable_because("the disk of the data folder fails", error),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::unavailable_because("the database file is damaged; restore it from a backup", error)
        }
        _ => error.into(),
    }
}

/// `$1` as SQLite's `?1`: there, `$1` is a *name* whose position follows from its first appearance, looked up linearly.
/// Texts in quotes and comments (which may hold a lone apostrophe) stay as they are.
fn numbered(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_quotes, mut in_comment) = (false, false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        in_quotes ^= c == '\'' && !in_comment;
        in_comment |= c == '-' && rest.peek() == Some(&'-') && !in_quotes;
        in_comment &= c != '\n';
        out.push(if c == '$' && !in_quotes && !in_comment { '?' } else { c });
    }
    out
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Error::internal(format!("a database task panicked: {panic}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_outside_of_texts_and_comments() {
        assert_eq!(numbered("select $1, '$2', 'it''s $3', $4"), "select ?1, '$2', 'it''s $3', ?4");
        assert_eq!(numbered("select $1 -- the site's $2\nwhere a = $2"), "select ?1 -- the site's $2\nwhere a = ?2");
        assert_eq!(numbered("select '--', $1 - -$2"), "select '--', ?1 - -?2");
    }

    #[test]
    fn statement_is_planned_once() {
        let folder = tempfile::tempdir().unwrap();
        let lite = Lite::open(&folder.path().join("test.db")).unwrap();
        let reader = Borrowed::take(&lite.readers);
        let text = "select one.name, two.type from sqlite_schema one join sqlite_schema two on two.name = one.tbl_name where one.name = ?1";
        for name in ["a", "b", "c"] {
            query::<(String, String)>(&reader, &super::super::sql(text).bind(name)).unwrap();
        }
        let statement = reader.prepare_cached(text).unwrap();
        assert_eq!(statement.get_status(rusqlite::StatementStatus::Run), 3);
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}
