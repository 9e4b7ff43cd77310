//! Databases for tests: every store test runs on both.

use crate::db::migrations;
use crate::{Db, sql};

/// A database of a test's own, empty but for the schema.
pub struct TestDb {
    /// The database.
    pub db: Db,
    /// `sqlite` or `postgres`, for messages.
    pub name: &'static str,
    _folder: tempfile::TempDir,
}

/// A fresh SQLite database with the newest schema.
pub async fn sqlite() -> TestDb {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = Db::open_sqlite(&folder.path().join("innkeeper.db")).expect("SQLite opens");
    db.migrate(&migrations()).await.expect("migrations run on SQLite");
    TestDb { db, name: "sqlite", _folder: folder }
}

/// A fresh PostgreSQL database with the newest schema, on the server that `INNKEEPER_TEST_POSTGRES_URL` names.
///
/// A missing server fails the test: `scripts/services.sh up postgres` starts one.
pub async fn postgres() -> TestDb {
    let test = empty_postgres().await;
    test.db.migrate(&migrations()).await.expect("migrations run on PostgreSQL");
    test
}

/// A fresh PostgreSQL database without a schema.
pub async fn empty_postgres() -> TestDb {
    #[expect(clippy::disallowed_methods, reason = "the test environment names its server")]
    let url = std::env::var("INNKEEPER_TEST_POSTGRES_URL")
        .expect("INNKEEPER_TEST_POSTGRES_URL is not set: start the test services with `scripts/services.sh up postgres` and source target/run/env");
    let name = format!("test_{}", crate::id::random_base32(12));
    let config: tokio_postgres::Config = url.parse().expect("INNKEEPER_TEST_POSTGRES_URL is an address");
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("the PostgreSQL of the tests answers");
    tokio::spawn(connection);
    client.batch_execute(&format!("create database {name}")).await.expect("the test user may create databases");
    let (base, query) = url.split_once('?').map_or((url.as_str(), ""), |(base, query)| (base, query));
    let server = base.rsplit_once('/').map_or(base, |(server, _)| server);
    let db = Db::open_postgres(&format!("{server}/{name}?{query}"), 8).await.expect("the new database opens");
    TestDb { db, name: "postgres", _folder: tempfile::tempdir().expect("a temporary folder") }
}

/// Both, for `for test in databases().await { … }`.
pub async fn databases() -> [TestDb; 2] {
    [sqlite().await, postgres().await]
}

impl TestDb {
    /// The number of rows of a table, for assertions.
    pub async fn count(&self, query: &'static str) -> i64 {
        self.db.one::<(i64,)>(sql(query)).await.expect("the count runs").0
    }
}
