//! Where the two databases must differ. Under ten functions, or something is wrong with the queries.

use super::{Db, Sql, Tx, sql};
use crate::Result;

/// Appends what lets several workers claim different rows: `for update skip locked` on PostgreSQL, nothing on SQLite,
/// whose only writer is alone anyway. For the end of a sub-select inside parentheses, with `closing` after it.
pub fn skip_locked(tx: &Tx, sql: Sql, closing: &'static str) -> Sql {
    if tx.is_postgres() { sql.and("for update skip locked").and(closing) } else { sql.and(closing) }
}

/// Lets instances that start together migrate in turns. SQLite's transactions take turns anyway.
pub(super) async fn lock_migrations(tx: &Tx) -> Result<()> {
    if tx.is_postgres() {
        // The key is the word "innkeep" as a number.
        tx.batch("select pg_advisory_xact_lock(29676293081884016)".to_owned()).await?;
    }
    Ok(())
}

/// How large a database is, and how much of what it can bear is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vitals {
    /// Its size on disk.
    pub bytes: i64,
    /// Connections to the server in use, and how many there may be; SQLite has none.
    pub connections: Option<(i64, i64)>,
}

/// Asks each database for its size in its own way.
pub async fn vitals(db: &Db) -> Result<Vitals> {
    if db.is_postgres() {
        let (bytes, used, most): (i64, i64, i64) = db
            .one(sql("select pg_database_size(current_database()),
                             (select cast(count(*) as bigint) from pg_stat_activity where datname is not null),
                             cast(current_setting('max_connections') as bigint)"))
            .await?;
        Ok(Vitals { bytes, connections: Some((used, most)) })
    } else {
        let (bytes,) = db.one(sql("select page_count * page_size from pragma_page_count(), pragma_page_size()")).await?;
        Ok(Vitals { bytes, connections: None })
    }
}
