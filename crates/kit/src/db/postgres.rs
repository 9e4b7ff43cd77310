//! PostgreSQL: a pool, cached statements, SERIALIZABLE transactions.

use std::error::Error as StdError;
use std::ops::Deref;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType};
use futures_util::future::try_join_all;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::{FromRow, Isolation, Row, Sql, Tx, Value};
use crate::{Context, Error, Result};

/// How many statements of one bulk are under way at once.
const PIPELINE: usize = 500;

pub(super) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(super) async fn open(url: &str, max_connections: usize) -> Result<Postgres> {
        let config: tokio_postgres::Config =
            url.parse().map_err(|error| Error::invalid("database.url", format!("is not a postgres:// address: {error}")))?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match config.get_ssl_mode() {
            tokio_postgres::config::SslMode::Disable => Manager::from_config(config, NoTls, recycling),
            _ => {
                let tls = tokio_postgres_rustls::MakeRustlsConnect::new(crate::fetch::tls_client_config(None)?);
                Manager::from_config(config, tls, recycling)
            }
        };
        let pool = Pool::builder(manager)
            .max_size(max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_secs(10)))
            .create_timeout(Some(Duration::from_secs(10)))
            .build()
            .context("preparing the connections to PostgreSQL")?;
        let postgres = Postgres { pool };
        drop(postgres.connection().await?);
        Ok(postgres)
    }

    async fn connection(&self) -> Result<Object> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => Error::unavailable("all connections to PostgreSQL are busy; please try again"),
            PoolError::Backend(error) if says(&error, "server does not support TLS") => {
                Error::unavailable("PostgreSQL offers no TLS, and the address asks for it (sslmode)")
            }
            PoolError::Backend(error) if says(&error, "error performing TLS handshake") => Error::unavailable_because(
                "PostgreSQL's certificate is not trusted; install its authority's certificate on this machine, \
                 or append sslmode=disable to the address when the way there is safe",
                error,
            ),
            PoolError::Backend(error) => match error.as_db_error() {
                Some(refusal) => Error::unavailable(format!("PostgreSQL refuses the connection: {}", refusal.message())),
                None => Error::unavailable_because("PostgreSQL does not answer", error),
            },
            error => Error::unavailable_because("PostgreSQL does not answer", error),
        })
    }

    pub(super) async fn read<T: FromRow>(&self, sql: Sql) -> Result<Vec<T>> {
        query(&self.connection().await?, &sql).await
    }

    pub(super) async fn begin(&self, isolation: Isolation) -> Result<Tx> {
        // Lent before it begins: a future dropped in between must not return an open transaction to the pool.
        let connection = Lent(Some(self.connection().await?));
        let begin = match isolation {
            Isolation::Serializable => "begin isolation level serializable",
            Isolation::ReadCommitted => "begin isolation level read committed",
        };
        connection.batch_execute(begin).await.map_err(classify)?;
        Ok(Tx::postgres(connection))
    }
}

/// A connection with an open transaction. Dropped, it is closed, and the server rolls back.
pub(super) struct Lent(Option<Object>);

impl Lent {
    /// Returns it to the pool, when its transaction has ended.
    pub(super) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Deref for Lent {
    type Target = Object;
    fn deref(&self) -> &Object {
        self.0.as_ref().expect("present until given back")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

fn parameters(sql: &Sql) -> Vec<&(dyn ToSql + Sync)> {
    sql.args.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

pub(super) async fn query<T: FromRow>(connection: &Object, sql: &Sql) -> Result<Vec<T>> {
    let describe = || format!("running `{}`", sql.text);
    let statement = connection.prepare_cached(&sql.text).await.map_err(classify).context(describe())?;
    let rows = connection.query(&statement, &parameters(sql)).await.map_err(classify).context(describe())?;
    rows.iter().map(|row| T::from_row(&Row::Postgres(row))).collect::<Result<_>>().context(describe())
}

pub(super) async fn execute(connection: &Object, sql: &Sql) -> Result<u64> {
    let describe = || format!("running `{}`", sql.text);
    let statement = connection.prepare_cached(&sql.text).await.map_err(classify).context(describe())?;
    connection.execute(&statement, &parameters(sql)).await.map_err(classify).context(describe())
}

pub(super) async fn execute_each(connection: &Object, sql: &Sql, rows: &[Vec<Value>]) -> Result<u64> {
    let describe = || format!("running `{}`", sql.text);
    let statement = connection.prepare_cached(&sql.text).await.map_err(classify).context(describe())?;
    let mut touched = 0;
    for rows in rows.chunks(PIPELINE) {
        // Polled together they are sent one behind the other, without waiting for each answer.
        let sent = rows.iter().map(|row| {
            let row: Vec<_> = row.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            let statement = &statement;
            async move { connection.execute(statement, &row).await }
        });
        touched += try_join_all(sent).await.map_err(classify).context(describe())?.into_iter().sum::<u64>();
    }
    Ok(touched)
}

pub(super) fn classify(error: tokio_postgres::Error) -> Error {
    match error.code().map(SqlState::code) {
        Some(code) if code.starts_with("23") => {
            let detail = error.as_db_error().and_then(|db| db.constraint()).unwrap_or("a constraint").to_owned();
            Error::conflict(format!("it clashes with what is stored: {detail}"))
        }
        Some("53100") => Error::unavailable_because("the disk of the database server is full", error),
        // Connection trouble, out of resources, shut down by its operator.
        Some(code) if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
            Error::unavailable_because("PostgreSQL is not available", error)
        }
        None if error.is_closed() || StdError::source(&error).is_some_and(|source| source.is::<std::io::Error>()) => {
            Error::unavailable_because("the connection to PostgreSQL broke", error)
        }
        _ => error.into(),
    }
}

/// Whether the transaction lost against another one and would succeed when run again (SQLSTATE 40001, 40P01).
pub(super) fn lost_a_race(error: &Error) -> bool {
    let Error::Internal(source) = error else { return false };
    source
        .chain()
        .filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>())
        .any(|error| matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)))
}

fn says(error: &tokio_postgres::Error, text: &str) -> bool {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source()).any(|error| error.to_string().contains(text))
}
