//! What the database knows of imports.

use kit::{Db, Error, Result, Timestamp, Tx, sql};

use super::{Import, ImportId, ImportState, Order};
use crate::import::{Format, Report};

const SELECT: &str = "select id, created_at, created_by, file, format, bytes, state, mapping, source, started_at, finished_at, read_bytes,
  restarts, is_check, report, trouble
from event_import";

impl kit::db::FromRow for Import {
    fn from_row(row: &kit::db::Row<'_>) -> Result<Import> {
        let (format, mapping, report): (String, String, Option<String>) = (row.get("format")?, row.get("mapping")?, row.get("report")?);
        let (bytes, read, restarts): (i64, i64, i64) = (row.get("bytes")?, row.get("read_bytes")?, row.get("restarts")?);
        Ok(Import {
            id: row.get("id")?,
            created_at: row.get("created_at")?,
            created_by: row.get("created_by")?,
            file: row.get("file")?,
            format: Format::parse(&format)?,
            bytes: bytes.unsigned_abs(),
            state: row.get("state")?,
            mapping: serde_json::from_str(&mapping)?,
            source: row.get("source")?,
            started_at: row.get("started_at")?,
            finished_at: row.get("finished_at")?,
            read_bytes: read.unsigned_abs(),
            restarts: u32::try_from(restarts).unwrap_or_default(),
            is_check: row.get("is_check")?,
            report: report.map(|text| serde_json::from_str(&text)).transpose()?,
            trouble: row.get("trouble")?,
        })
    }
}

pub(super) async fn insert(db: &Db, import: &Import) -> Result<()> {
    db.execute(
        sql("insert into event_import (id, created_at, created_by, file, format, bytes, state, mapping, source, read_bytes, restarts, is_check)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, false)")
        .bind(&import.id)
        .bind(import.created_at)
        .bind(import.created_by.as_str())
        .bind(import.file.as_str())
        .bind(import.format.as_str())
        .bind(number(import.bytes))
        .bind(import.state)
        .bind(serde_json::to_string(&import.mapping)?)
        .bind(import.source.as_str()),
    )
    .await
    .map(|_| ())
}

pub(super) async fn newest(db: &Db, limit: u32) -> Result<Vec<Import>> {
    db.all(sql(SELECT).and("order by id desc limit $1").bind(limit)).await
}

pub(super) async fn get(db: &Db, id: &ImportId) -> Result<Import> {
    let found = db.optional(sql(SELECT).and("where id = $1").bind(id)).await?;
    found.ok_or_else(|| Error::not_found("the import"))
}

/// How many have a file.
pub(super) async fn files(db: &Db) -> Result<i64> {
    let (count,): (i64,) = db.one(sql("select cast(count(*) as bigint) from event_import where state <> 'done'")).await?;
    Ok(count)
}

pub(super) async fn wants_file(db: &Db, id: &ImportId) -> Result<bool> {
    let found: Option<(ImportState,)> = db.optional(sql("select state from event_import where id = $1").bind(id)).await?;
    Ok(found.is_some_and(|(state,)| state != ImportState::Done))
}

/// Whether it could begin.
pub(super) async fn start(tx: &Tx, now: Timestamp, id: &ImportId, order: &Order) -> Result<bool> {
    let state = if order.is_check { ImportState::Checking } else { ImportState::Running };
    let changed = tx
        .execute(
            sql("update event_import
                 set state = $2, mapping = $3, source = $4, is_check = $5, started_at = $6, finished_at = null, read_bytes = 0,
                   restarts = 0, report = null, trouble = null
                 where id = $1 and state not in ('checking', 'running', 'done')")
            .bind(id)
            .bind(state)
            .bind(serde_json::to_string(&order.mapping)?)
            .bind(order.source.as_str())
            .bind(order.is_check)
            .bind(now),
        )
        .await?;
    Ok(changed == 1)
}

/// Whether there was something to end.
pub(super) async fn cancel(tx: &Tx, now: Timestamp, id: &ImportId) -> Result<bool> {
    let changed = tx
        .execute(
            sql("update event_import
                 set state = case when is_check then 'ready' else 'cancelled' end,
                   -- Half a check says nothing.
                   report = case when is_check then null else report end, finished_at = $2
                 where id = $1 and state in ('checking', 'running')")
            .bind(id)
            .bind(now),
        )
        .await?;
    Ok(changed == 1)
}

pub(super) async fn discard(db: &Db, id: &ImportId) -> Result<bool> {
    let removed = db.execute(sql("delete from event_import where id = $1 and state not in ('checking', 'running')").bind(id)).await?;
    Ok(removed == 1)
}

/// Notes that a job works on it, or does so again after an interruption.
pub(super) async fn begin(db: &Db, id: &ImportId) -> Result<()> {
    let query = sql("update event_import
                     set restarts = case when report is null then restarts else restarts + 1 end, report = coalesce(report, $2)
                     where id = $1");
    db.execute(query.bind(id).bind(serde_json::to_string(&Report::default())?)).await.map(|_| ())
}

/// Notes how far it is; false when it was ended.
pub(super) async fn note(db: &Db, id: &ImportId, read: u64, report: &Report) -> Result<bool> {
    let query = sql("update event_import set read_bytes = $2, report = $3 where id = $1 and state in ('checking', 'running')")
        .bind(id)
        .bind(number(read))
        .bind(serde_json::to_string(report)?);
    Ok(db.execute(query).await? == 1)
}

/// Notes how it ended, unless somebody ended it.
pub(super) async fn end(db: &Db, now: Timestamp, id: &ImportId, state: ImportState, trouble: Option<&str>) -> Result<bool> {
    let query =
        sql("update event_import set state = $2, finished_at = $3, trouble = $4 where id = $1 and state in ('checking', 'running')")
            .bind(id)
            .bind(state)
            .bind(now)
            .bind(trouble);
    Ok(db.execute(query).await? == 1)
}

/// Forgets those whose file nobody wanted since `files`, and all others older than `rows`.
pub(super) async fn forget(db: &Db, files: Timestamp, rows: Timestamp) -> Result<()> {
    let query = sql("delete from event_import
                     where state not in ('checking', 'running') and (created_at < $2 or (created_at < $1 and state = 'ready'))");
    db.execute(query.bind(files).bind(rows)).await.map(|_| ())
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
