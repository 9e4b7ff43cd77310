//! A transaction of either database. Made by [`Db::write`](super::Db::write) only.
//!
//! Both databases behave alike here. A statement that failed ends its transaction (PostgreSQL would turn the later
//! `commit` into a silent rollback, SQLite would commit the rest), and so does a statement whose future was dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use tokio::sync::Mutex;

use super::lite::{self, Writer};
use super::postgres::{self, Lent};
use super::{FromRow, Sql, Value};
use crate::{Error, Result};

/// An open transaction. A handle: it is over when the `write` that made it ends, whoever still holds a copy.
#[derive(Clone)]
pub struct Tx(Arc<Inner>);

struct Inner {
    engine: Engine,
    rings_job_bell: AtomicBool,
    /// A statement failed: nothing more may run, and the commit is refused.
    failed: AtomicBool,
    /// It failed because another transaction won: the whole `write` may be run again.
    lost_a_race: AtomicBool,
}

/// Lent to each statement in turn. Empty once the transaction has ended, and when a statement's future was dropped:
/// then both kinds clean up by themselves when they are dropped ([`Writer`], [`Lent`]).
#[expect(clippy::large_enum_variant, reason = "one a transaction, and always behind an `Arc`")]
enum Engine {
    Lite(Mutex<Option<Writer>>),
    Postgres(Mutex<Option<Lent>>),
}

impl Tx {
    pub(super) fn lite(writer: Writer) -> Tx {
        Tx::of(Engine::Lite(Mutex::new(Some(writer))))
    }

    pub(super) fn postgres(connection: Lent) -> Tx {
        Tx::of(Engine::Postgres(Mutex::new(Some(connection))))
    }

    fn of(engine: Engine) -> Tx {
        Tx(Arc::new(Inner {
            engine,
            rings_job_bell: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            lost_a_race: AtomicBool::new(false),
        }))
    }

    /// Whether this is PostgreSQL; for [`dialect`](super::dialect) only.
    pub fn is_postgres(&self) -> bool {
        matches!(self.0.engine, Engine::Postgres(_))
    }

    /// Wakes the job runner once this transaction is committed.
    pub(crate) fn ring_job_bell(&self) {
        self.0.rings_job_bell.store(true, Ordering::Relaxed);
    }

    pub(super) fn rings_job_bell(&self) -> bool {
        self.0.rings_job_bell.load(Ordering::Relaxed)
    }

    /// Whether a statement or the commit failed only because another transaction won.
    ///
    /// Remembered here and not read from the error that `write` gets, because its closure may have wrapped or dropped it.
    pub(super) fn lost_a_race(&self) -> bool {
        self.0.lost_a_race.load(Ordering::Relaxed)
    }

    /// All rows of a query, as this transaction sees them.
    pub async fn all<T: FromRow + Send + 'static>(&self, sql: Sql) -> Result<Vec<T>> {
        self.statement(async {
            sql.check()?;
            match &self.0.engine {
                Engine::Lite(slot) => on_lite(slot, move |connection| lite::query(connection, &sql)).await,
                Engine::Postgres(slot) => on_postgres(slot, async |connection| postgres::query(connection, &sql).await).await,
            }
        })
        .await
    }

    /// The first row of a query, if there is one.
    pub async fn optional<T: FromRow + Send + 'static>(&self, sql: Sql) -> Result<Option<T>> {
        Ok(self.all(sql).await?.into_iter().next())
    }

    /// The only row of a query that always has one.
    pub async fn one<T: FromRow + Send + 'static>(&self, sql: Sql) -> Result<T> {
        let text = sql.text.clone();
        self.optional(sql).await?.ok_or_else(|| Error::internal(format!("no row where one must be: {text}")))
    }

    /// One changing statement; returns the number of rows it touched.
    pub async fn execute(&self, sql: Sql) -> Result<u64> {
        self.statement(async {
            sql.check()?;
            match &self.0.engine {
                Engine::Lite(slot) => on_lite(slot, move |connection| lite::execute(connection, &sql)).await,
                Engine::Postgres(slot) => on_postgres(slot, async |connection| postgres::execute(connection, &sql).await).await,
            }
        })
        .await
    }

    /// One changing statement for each of many rows of arguments; returns the number of rows it touched.
    ///
    /// For bulk: it waits once on SQLite, and sends ahead on PostgreSQL, where [`Tx::execute`] waits for every row.
    pub async fn execute_each(&self, sql: Sql, rows: Vec<Vec<Value>>) -> Result<u64> {
        self.statement(async {
            rows.iter().flatten().try_for_each(Value::check)?;
            match &self.0.engine {
                Engine::Lite(slot) => on_lite(slot, move |connection| lite::execute_each(connection, &sql, &rows)).await,
                Engine::Postgres(slot) => on_postgres(slot, async |connection| postgres::execute_each(connection, &sql, &rows).await).await,
            }
        })
        .await
    }

    /// Several statements without arguments: for migrations.
    pub(super) async fn batch(&self, text: String) -> Result<()> {
        self.statement(async {
            match &self.0.engine {
                Engine::Lite(slot) => on_lite(slot, move |connection| connection.execute_batch(&text).map_err(lite::classify)).await,
                Engine::Postgres(slot) => {
                    on_postgres(slot, async |connection| connection.batch_execute(&text).await.map_err(postgres::classify)).await
                }
            }
        })
        .await
    }

    pub(super) async fn commit(&self) -> Result<()> {
        let committed = self
            .statement(async {
                match &self.0.engine {
                    Engine::Lite(slot) => on_lite(slot, |connection| connection.execute_batch("commit").map_err(lite::classify)).await,
                    Engine::Postgres(slot) => {
                        on_postgres(slot, async |connection| connection.batch_execute("commit").await.map_err(postgres::classify)).await
                    }
                }
            })
            .await;
        match committed {
            Ok(()) => self.give_back().await,
            Err(_) => self.roll_back().await,
        }
        committed
    }

    pub(super) async fn roll_back(&self) {
        if let Engine::Postgres(slot) = &self.0.engine {
            // When this fails the connection is broken; it is then closed instead of returned.
            if on_postgres(slot, async |connection| Ok(connection.batch_execute("rollback").await?)).await.is_err() {
                slot.lock().await.take();
            }
        }
        self.give_back().await;
    }

    async fn give_back(&self) {
        match &self.0.engine {
            Engine::Lite(slot) => {
                if let Some(writer) = slot.lock().await.take() {
                    writer.give_back().await;
                }
            }
            Engine::Postgres(slot) => {
                if let Some(connection) = slot.lock().await.take() {
                    connection.give_back();
                }
            }
        }
    }

    async fn statement<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        if self.0.failed.load(Ordering::Relaxed) {
            return Err(Error::internal("an earlier statement of this transaction failed; nothing of it is kept"));
        }
        let outcome = work.await;
        if let Err(error) = &outcome {
            self.0.lost_a_race.fetch_or(postgres::lost_a_race(error), Ordering::Relaxed);
            self.0.failed.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

fn over() -> Error {
    Error::internal("the transaction is over")
}

async fn on_lite<T: Send + 'static>(
    slot: &Mutex<Option<Writer>>,
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    let mut slot = slot.lock().await;
    let writer = slot.take().ok_or_else(over)?;
    // A future dropped here leaves the slot empty; the blocking thread drops the writer when the statement is through.
    let (writer, outcome) = writer.run(work).await?;
    *slot = Some(writer);
    outcome
}

async fn on_postgres<T>(slot: &Mutex<Option<Lent>>, work: impl AsyncFnOnce(&deadpool_postgres::Object) -> Result<T>) -> Result<T> {
    let mut slot = slot.lock().await;
    let connection = slot.take().ok_or_else(over)?;
    // A future dropped here drops the connection too: nobody knows whether the statement was sent.
    let outcome = work(&connection).await;
    *slot = Some(connection);
    outcome
}
