//! Where the two databases must differ. Under ten functions, or something is wrong with the queries.

use super::{Sql, Tx};
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
