//! One set of queries on SQLite and PostgreSQL.
//!
//! SQL is one text with `$1` placeholders; values are owned; rows are read by column name. SQLite has one
//! writer and a few readers (WAL, `synchronous=FULL`); PostgreSQL has a pool and SERIALIZABLE transactions.
//! What must differ between the two is a named function in [`dialect`]. Rules that keep one text right on both:
//! sums are cast (`cast(sum(x) as bigint)`), `coalesce` of a real sum is written with `0.0`, an optional filter
//! casts its parameter, ids are text, times are unix milliseconds, JSON is text, case is folded by `lower` on both sides of a
//! comparison (not by `like`, which SQLite folds and PostgreSQL does not).

mod lite;
mod migrate;
mod postgres;
mod tx;
mod value;

pub mod dialect;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::{Error, Result};
pub use migrate::{Migration, migrations};
pub use tx::Tx;
pub use value::{FromRow, FromValue, Row, Value};

/// One SQL text with its arguments.
#[derive(Clone)]
pub struct Sql {
    text: std::borrow::Cow<'static, str>,
    args: Vec<Value>,
}

impl std::fmt::Debug for Sql {
    /// The text alone: arguments may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sql({})", self.text)
    }
}

/// Starts a statement; arguments follow with [`Sql::bind`] in the order of `$1`, `$2`, ….
pub fn sql(text: &'static str) -> Sql {
    Sql { text: text.into(), args: Vec::new() }
}

impl Sql {
    /// Binds the next placeholder.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Sql {
        self.args.push(value.into());
        self
    }

    /// Appends a further literal text, whose placeholders go on counting.
    #[must_use]
    pub fn and(mut self, text: &'static str) -> Sql {
        self.text = format!("{} {text}", self.text).into();
        self
    }

    /// Appends and binds the list behind an `in`. In an empty list is nothing.
    #[must_use]
    pub fn list<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Sql {
        let first = self.args.len() + 1;
        self.args.extend(values.into_iter().map(Into::into));
        let places: Vec<String> = (first..=self.args.len()).map(|number| format!("${number}")).collect();
        let list = if places.is_empty() { "null".to_owned() } else { places.join(", ") };
        self.text = format!("{} ({list})", self.text).into();
        self
    }

    /// See [`Value::check`].
    fn check(&self) -> Result<()> {
        self.args.iter().try_for_each(Value::check)
    }
}

/// The database of one installation. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    engine: Arc<Engine>,
    /// Rung when a committed transaction enqueued a job, so that it starts at once.
    pub(crate) job_bell: Arc<Notify>,
}

enum Engine {
    Lite(lite::Lite),
    Postgres(postgres::Postgres),
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_postgres() { "Db(postgres)" } else { "Db(sqlite)" })
    }
}

/// How often a transaction that lost a race is run again before the caller is told to come back.
const MAX_RETRIES: u32 = 12;

/// What a transaction of PostgreSQL sees of others; SQLite's only writer sees all of them, finished.
#[derive(Clone, Copy)]
enum Isolation {
    /// As if it were alone. One that could not have been is run again.
    Serializable,
    /// Whatever is committed when a statement begins. For the queue, whose workers would only run each other over.
    ReadCommitted,
}

tokio::task_local! {
    /// Set while the closure of a `write` runs.
    static IN_TRANSACTION: ();
}

impl Db {
    /// Opens (and creates) the SQLite file at `path`.
    pub fn open_sqlite(path: &Path) -> Result<Db> {
        Ok(Db::of(Engine::Lite(lite::Lite::open(path)?)))
    }

    /// Connects to PostgreSQL 13 or newer by a `postgres://` URL; `sslmode=require` uses TLS with the system's roots.
    pub async fn open_postgres(url: &str, max_connections: usize) -> Result<Db> {
        Ok(Db::of(Engine::Postgres(postgres::Postgres::open(url, max_connections).await?)))
    }

    fn of(engine: Engine) -> Db {
        Db { engine: Arc::new(engine), job_bell: Arc::new(Notify::new()) }
    }

    /// Whether this is PostgreSQL, where several instances may share the database.
    pub fn is_postgres(&self) -> bool {
        matches!(*self.engine, Engine::Postgres(_))
    }

    /// Brings the schema up to the newest migration. A newer database and a migration changed since are refused.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<Vec<String>> {
        migrate::run(self, migrations).await
    }

    /// All rows of a query.
    pub async fn all<T: FromRow + Send + 'static>(&self, sql: Sql) -> Result<Vec<T>> {
        sql.check()?;
        match &*self.engine {
            Engine::Lite(lite) => lite.read(sql).await,
            Engine::Postgres(postgres) => postgres.read(sql).await,
        }
    }

    /// The first row of a query, if there is one.
    pub async fn optional<T: FromRow + Send + 'static>(&self, sql: Sql) -> Result<Option<T>> {
        Ok(self.all(sql).await?.into_iter().next())
    }

    /// The only row of a query that always has one, such as a count.
    pub async fn one<T: FromRow + Send + 'static>(&self, sql: Sql) -> Result<T> {
        let text = sql.text.clone();
        self.optional(sql).await?.ok_or_else(|| Error::internal(format!("no row where one must be: {text}")))
    }

    /// One changing statement in a transaction of its own; returns the number of rows it touched.
    pub async fn execute(&self, sql: Sql) -> Result<u64> {
        self.write(async |tx| tx.execute(sql.clone()).await).await
    }

    /// Runs `work` in a transaction: all of it or nothing.
    ///
    /// `work` may run more than once (PostgreSQL asks for it when two transactions clash), so it only touches the
    /// database, and only through its `tx`. A dropped future rolls back. An error rolls back and is returned. A failed
    /// statement ends the transaction, also when `work` goes on: expect clashes by `on conflict`, not by trying.
    pub async fn write<T, F, Fut>(&self, work: F) -> Result<T>
    where
        // Not `AsyncFn(&Tx)`: its future cannot be shown to be `Send` on stable Rust, and handlers need that.
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        self.write_at(Isolation::Serializable, work).await
    }

    /// Like [`Db::write`], but on PostgreSQL each statement sees what others committed before it: for work that takes
    /// row locks and would otherwise be run again and again, such as claiming jobs.
    pub(crate) async fn write_read_committed<T, F, Fut>(&self, work: F) -> Result<T>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        self.write_at(Isolation::ReadCommitted, work).await
    }

    /// Like [`Db::write`] for work that begins by changing one row that all of its kind change, and so waits for its turn: on
    /// PostgreSQL each statement then sees what those before it committed, and none is run again because of another.
    pub async fn write_in_turn<T, F, Fut>(&self, work: F) -> Result<T>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        self.write_at(Isolation::ReadCommitted, work).await
    }

    async fn write_at<T, F, Fut>(&self, isolation: Isolation, work: F) -> Result<T>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        if IN_TRANSACTION.try_with(|()| ()).is_ok() {
            // On SQLite it would wait for itself forever.
            return Err(Error::internal("a transaction inside of a transaction: use the `tx` of the outer one"));
        }
        let mut attempt = 0;
        loop {
            let tx = match &*self.engine {
                Engine::Lite(lite) => lite.begin().await?,
                Engine::Postgres(postgres) => postgres.begin(isolation).await?,
            };
            let outcome = match IN_TRANSACTION.scope((), work(tx.clone())).await {
                Ok(value) => tx.commit().await.map(|()| value),
                Err(error) => {
                    tx.roll_back().await;
                    Err(error)
                }
            };
            match outcome {
                Ok(value) => {
                    if tx.rings_job_bell() {
                        self.job_bell.notify_waiters();
                    }
                    return Ok(value);
                }
                Err(_) if tx.lost_a_race() && attempt < MAX_RETRIES => {
                    attempt += 1;
                    tokio::time::sleep(Duration::from_millis(u64::from(rand::random::<u8>()) * u64::from(attempt) / 16)).await;
                }
                Err(error) if tx.lost_a_race() => {
                    return Err(Error::unavailable_because("the database is very busy; please try again", error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers when the database does: for readiness checks.
    pub async fn ping(&self) -> Result<()> {
        self.one::<(i64,)>(sql("select cast(1 as bigint)")).await.map(|_| ())
    }

    /// Copies the whole database to the new file `path` while it is in use (SQLite only; PostgreSQL has `pg_dump`).
    pub async fn back_up_to(&self, path: &Path) -> Result<()> {
        match &*self.engine {
            Engine::Lite(lite) => lite.back_up_to(path).await,
            Engine::Postgres(_) => Err(Error::conflict("a PostgreSQL database is backed up with pg_dump")),
        }
    }
}
