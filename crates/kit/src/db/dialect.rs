//! Where the two databases must differ. Under ten functions, or something is wrong with the queries.

use super::{Db, Sql, Tx, Value, sql};
use crate::Result;

/// Appends what lets several workers claim different rows: `for update skip locked` on PostgreSQL, nothing on SQLite,
/// whose only writer is alone anyway. For the end of a sub-select inside parentheses, with `closing` after it.
pub fn skip_locked(tx: &Tx, sql: Sql, closing: &'static str) -> Sql {
    if tx.is_postgres() { sql.and("for update skip locked").and(closing) } else { sql.and(closing) }
}

/// What a column of [`insert_rows`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A whole number.
    Int,
    /// A text.
    Text,
    /// Bytes.
    Blob,
}

/// Inserts many rows: `into` is the table with its columns in parentheses, `then` what follows the values, such as `on conflict …`.
///
/// SQLite is quickest with one prepared statement for each row, PostgreSQL with one statement and a list for each column. No two of
/// the rows may conflict with each other.
pub async fn insert_rows(
    tx: &Tx,
    into: &'static str,
    columns: &'static [Column],
    then: &'static str,
    rows: Vec<Vec<Value>>,
) -> Result<u64> {
    if rows.is_empty() {
        return Ok(0);
    }
    if !tx.is_postgres() {
        let places: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
        let text = format!("insert into {into} values ({}) {then}", places.join(", "));
        return tx.execute_each(Sql { text: text.into(), args: Vec::new() }, rows).await;
    }
    let mut lists: Vec<Vec<Value>> = columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (list, value) in lists.iter_mut().zip(row) {
            list.push(value);
        }
    }
    let kinds = columns.iter().enumerate().map(|(at, column)| {
        let kind = match column {
            Column::Int => "bigint",
            Column::Text => "text",
            Column::Blob => "bytea",
        };
        format!("${}::{kind}[]", at + 1)
    });
    let text = format!("insert into {into} select * from unnest({}) {then}", kinds.collect::<Vec<_>>().join(", "));
    tx.execute(Sql { text: text.into(), args: lists.into_iter().map(Value::List).collect() }).await
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
