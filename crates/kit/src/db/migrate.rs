//! Numbered SQL files, forward only, one set for both databases.
//!
//! Each runs in a transaction and is recorded with its checksum. A database that holds a version this binary does not
//! know, or a file that changed after it was applied, is refused.

use include_dir::{Dir, include_dir};

use super::{Db, dialect, sql};
use crate::secrets::sha256_hex;
use crate::{Context, Error, Result};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations");

/// One numbered step of the schema.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Its number; they run in this order.
    pub version: i64,
    /// The file's name without number and ending.
    pub name: String,
    /// What to run.
    pub sql: String,
    /// Rows that a later migration must cope with; used by tests.
    pub sample: Option<String>,
}

/// The migrations that this binary carries, in order.
pub fn migrations() -> Vec<Migration> {
    let mut found: Vec<Migration> = FILES
        .files()
        .filter(|file| file.path().extension().is_some_and(|ending| ending == "sql"))
        .map(|file| {
            let stem = file.path().file_stem().expect("a file has a name").to_string_lossy();
            let (number, name) = stem.split_once('_').expect("migrations are called NNNN_name.sql");
            let sample = FILES.get_file(format!("samples/{number}.sql")).and_then(|sample| sample.contents_utf8());
            Migration {
                version: number.parse().expect("migrations begin with a number"),
                name: name.to_owned(),
                sql: file.contents_utf8().expect("migrations are UTF-8").to_owned(),
                sample: sample.map(str::to_owned),
            }
        })
        .collect();
    found.sort_by_key(|migration| migration.version);
    found
}

pub(super) async fn run(db: &Db, migrations: &[Migration]) -> Result<Vec<String>> {
    // Read committed, so that of two instances that start together the second one sees what the first one did while it
    // waited.
    db.write_read_committed(async |tx| {
        dialect::lock_migrations(&tx).await?;
        tx.batch(
            "create table if not exists schema_migration (
               version bigint primary key,
               name text not null,
               checksum text not null
             )"
            .to_owned(),
        )
        .await?;
        let applied: Vec<(i64, String, String)> =
            tx.all(sql("select version, name, checksum from schema_migration order by version")).await?;
        refuse_unknown(&applied, migrations)?;
        let mut done = Vec::new();
        for migration in migrations.iter().filter(|migration| applied.iter().all(|(version, ..)| *version != migration.version)) {
            tx.batch(migration.sql.clone()).await.context(format!("migration {:04}_{}", migration.version, migration.name))?;
            tx.execute(
                sql("insert into schema_migration (version, name, checksum) values ($1, $2, $3)")
                    .bind(migration.version)
                    .bind(&migration.name)
                    .bind(sha256_hex(&migration.sql)),
            )
            .await?;
            done.push(format!("{:04}_{}", migration.version, migration.name));
        }
        Ok(done)
    })
    .await
}

fn refuse_unknown(applied: &[(i64, String, String)], known: &[Migration]) -> Result<()> {
    for (version, name, checksum) in applied {
        let Some(migration) = known.iter().find(|migration| migration.version == *version) else {
            return Err(Error::conflict(format!(
                "the database is newer than this innkeeper: it holds migration {version:04}_{name}, and this binary knows up to {:04}. \
                 Start the newer binary, or restore the backup made before the upgrade",
                known.last().map_or(0, |last| last.version)
            )));
        };
        if *checksum != sha256_hex(&migration.sql) {
            return Err(Error::conflict(format!(
                "migration {version:04}_{name} was changed after this database applied it; use an unmodified innkeeper binary"
            )));
        }
    }
    Ok(())
}
