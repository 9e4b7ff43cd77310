//! Databases for tests: every store test runs on both.

use std::path::Path;

use crate::db::migrations;
use crate::{Db, sql};

/// A database of a test's own, empty but for the schema. Gone when dropped.
pub struct TestDb {
    /// The database.
    pub db: Db,
    /// `sqlite` or `postgres`, for messages.
    pub name: &'static str,
    place: Place,
}

enum Place {
    Folder(tempfile::TempDir),
    Postgres { server: String, url: String, name: String },
}

/// A fresh SQLite database with the newest schema.
pub async fn sqlite() -> TestDb {
    let test = empty_sqlite();
    test.db.migrate(&migrations()).await.expect("migrations run on SQLite");
    test
}

/// A fresh SQLite database with the newest schema in a folder below this one, such as on a disk of the test's own.
pub async fn sqlite_below(parent: &Path) -> TestDb {
    let test = empty_sqlite_in(tempfile::tempdir_in(parent).expect("a temporary folder"));
    test.db.migrate(&migrations()).await.expect("migrations run on SQLite");
    test
}

/// A fresh SQLite database without a schema.
pub fn empty_sqlite() -> TestDb {
    empty_sqlite_in(tempfile::tempdir().expect("a temporary folder"))
}

fn empty_sqlite_in(folder: tempfile::TempDir) -> TestDb {
    let db = Db::open_sqlite(&folder.path().join("innkeeper.db")).expect("SQLite opens");
    TestDb { db, name: "sqlite", place: Place::Folder(folder) }
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
    let server = std::env::var("INNKEEPER_TEST_POSTGRES_URL").expect(
        "INNKEEPER_TEST_POSTGRES_URL is not set: start the test services with `scripts/services.sh up postgres` and source target/run/env",
    );
    let name = format!("test_{}", crate::id::random_base32(12));
    on_server(&server, &format!("create database {name}")).await;
    let (base, query) = server.split_once('?').map_or((server.as_str(), ""), |(base, query)| (base, query));
    let host = base.rsplit_once('/').map_or(base, |(host, _)| host);
    let url = format!("{host}/{name}?{query}");
    let db = Db::open_postgres(&url, 8).await.expect("the new database opens");
    TestDb { db, name: "postgres", place: Place::Postgres { server, url, name } }
}

/// Both, for `for test in databases().await { … }`.
pub async fn databases() -> [TestDb; 2] {
    [sqlite().await, postgres().await]
}

/// Both, without a schema.
pub async fn empty_databases() -> [TestDb; 2] {
    [empty_sqlite(), empty_postgres().await]
}

impl TestDb {
    /// The number of rows of a table, for assertions.
    pub async fn count(&self, query: &'static str) -> i64 {
        self.db.one::<(i64,)>(sql(query)).await.expect("the count runs").0
    }

    /// Runs several statements over a connection of their own, such as a migration's sample rows.
    pub async fn run_script(&self, text: &str) {
        match &self.place {
            Place::Folder(folder) => {
                let connection = rusqlite::Connection::open(folder.path().join("innkeeper.db")).expect("SQLite opens");
                connection.execute_batch(text).expect("the script runs");
            }
            Place::Postgres { url, .. } => on_server(url, text).await,
        }
    }

    /// A second handle on the same PostgreSQL database with connections of its own, as another instance has it.
    pub async fn another_instance(&self) -> Db {
        match &self.place {
            Place::Folder(_) => panic!("two instances share a PostgreSQL database only"),
            Place::Postgres { url, .. } => Db::open_postgres(url, 8).await.expect("the database opens"),
        }
    }

    /// The address of the PostgreSQL database, for a connection beside ours.
    pub fn postgres_url(&self) -> Option<&str> {
        match &self.place {
            Place::Folder(_) => None,
            Place::Postgres { url, .. } => Some(url),
        }
    }

    /// The folder of the SQLite database.
    pub fn folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder.path()),
            Place::Postgres { .. } => None,
        }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let Place::Postgres { server, name, .. } = &self.place else { return };
        let statement = format!("drop database if exists {name} with (force)");
        // A thread and runtime of its own: the test's may be ending, and is not ours to block.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
                runtime.block_on(on_server(server, &statement));
            });
        });
    }
}

async fn on_server(url: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the PostgreSQL of the tests answers");
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.expect("the script runs");
    drop(client);
    let _ = connection.await;
}
