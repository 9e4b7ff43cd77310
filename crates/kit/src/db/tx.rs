//! A transaction of either database. Made by [`Db::write`](super::Db::write) only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deadpool_postgres::Object;
use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{FromRow, Sql, lite, postgres};
use crate::{Error, Result};

/// An open transaction. A handle: it is over when the `write` that made it ends, whoever still holds a copy.
#[derive(Clone)]
pub struct Tx(Arc<Inner>);

struct Inner {
    engine: Engine,
    rings_job_bell: AtomicBool,
}

/// The connection is gone once the transaction has ended, or when a statement's future was dropped.
enum Engine {
    /// The writer, lent to each statement in turn; the next `begin` rolls back what a dropped future left open.
    Lite(Mutex<Option<OwnedMutexGuard<Connection>>>),
    /// A connection of the pool; closed instead of returned when the transaction was dropped before its end.
    Postgres(Mutex<Option<Object>>),
}

impl Drop for Inner {
    fn drop(&mut self) {
        match &mut self.engine {
            Engine::Lite(slot) => {
                if let Some(guard) = slot.get_mut().take()
                    && !guard.is_autocommit()
                {
                    let _ = guard.execute_batch("rollback");
                }
            }
            Engine::Postgres(slot) => {
                if let Some(connection) = slot.get_mut().take() {
                    // The server rolls back when the connection closes.
                    drop(Object::take(connection));
                }
            }
        }
    }
}

impl Tx {
    pub(super) fn lite(guard: OwnedMutexGuard<Connection>) -> Tx {
        Tx::of(Engine::Lite(Mutex::new(Some(guard))))
    }

    pub(super) fn postgres(connection: Object) -> Tx {
        Tx::of(Engine::Postgres(Mutex::new(Some(connection))))
    }

    fn of(engine: Engine) -> Tx {
        Tx(Arc::new(Inner { engine, rings_job_bell: AtomicBool::new(false) }))
    }

    /// Whether this is PostgreSQL: for [`super::dialect`] alone.
    pub(super) fn is_postgres(&self) -> bool {
        matches!(self.0.engine, Engine::Postgres(_))
    }

    /// Lets workers look for jobs as soon as this commits.
    pub(crate) fn ring_job_bell(&self) {
        self.0.rings_job_bell.store(true, Ordering::Relaxed);
    }

    pub(super) fn rings_job_bell(&self) -> bool {
        self.0.rings_job_bell.load(Ordering::Relaxed)
    }

    /// All rows of a query, as this transaction sees them.
    pub async fn all<T: FromRow + Send + 'static>(&self, sql: Sql) -> Result<Vec<T>> {
        match &self.0.engine {
            Engine::Lite(slot) => on_lite(slot, move |connection| lite::query(connection, &sql)).await,
            Engine::Postgres(slot) => postgres::query(slot.lock().await.as_ref().ok_or_else(over)?, &sql).await,
        }
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
        match &self.0.engine {
            Engine::Lite(slot) => on_lite(slot, move |connection| lite::execute(connection, &sql)).await,
            Engine::Postgres(slot) => postgres::execute(slot.lock().await.as_ref().ok_or_else(over)?, &sql).await,
        }
    }

    /// Several statements without arguments: for migrations.
    pub(super) async fn batch(&self, text: String) -> Result<()> {
        match &self.0.engine {
            Engine::Lite(slot) => on_lite(slot, move |connection| Ok(connection.execute_batch(&text)?)).await,
            Engine::Postgres(slot) => {
                let slot = slot.lock().await;
                slot.as_ref().ok_or_else(over)?.batch_execute(&text).await.map_err(postgres::classify)
            }
        }
    }

    pub(super) async fn commit(&self) -> Result<()> {
        match &self.0.engine {
            Engine::Lite(slot) => {
                let outcome = on_lite(slot, |connection| {
                    connection.execute_batch("commit").map_err(|error| {
                        // A commit that fails (disk full) leaves the transaction open.
                        let _ = connection.execute_batch("rollback");
                        lite::classify(error)
                    })
                })
                .await;
                slot.lock().await.take();
                outcome
            }
            Engine::Postgres(slot) => {
                let mut slot = slot.lock().await;
                slot.as_ref().ok_or_else(over)?.batch_execute("commit").await.map_err(postgres::classify)?;
                slot.take();
                Ok(())
            }
        }
    }

    pub(super) async fn roll_back(&self) {
        match &self.0.engine {
            Engine::Lite(slot) => {
                let _ = on_lite(slot, |connection| Ok(connection.execute_batch("rollback")?)).await;
                slot.lock().await.take();
            }
            Engine::Postgres(slot) => {
                let mut slot = slot.lock().await;
                if let Some(connection) = slot.as_ref()
                    && connection.batch_execute("rollback").await.is_ok()
                {
                    slot.take();
                }
            }
        }
    }
}

fn over() -> Error {
    Error::internal("the transaction is over")
}

async fn on_lite<T: Send + 'static>(
    slot: &Mutex<Option<OwnedMutexGuard<Connection>>>,
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    let mut slot = slot.lock().await;
    let guard = slot.take().ok_or_else(over)?;
    let (guard, outcome) = lite::on_writer(guard, work).await?;
    *slot = Some(guard);
    outcome
}
