//! The rows of blocks.

use kit::db::Value;
use kit::{Result, Tx, sql};

use super::block::{Head, Packed};

/// Writes a block; `day` is the UTC day of all its events, when there is one such day.
pub(super) async fn insert(tx: &Tx, no: i64, level: i64, day: Option<i64>, heads: &[Head], packed: Packed) -> Result<()> {
    let range = |of: fn(&Head) -> i64| {
        let values = heads.iter().map(of);
        (values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
    };
    let (min_at, max_at) = range(|head| head.at);
    let (min_seq, max_seq) = range(|head| head.seq);
    let (min_subject, max_subject) = range(|head| head.subject);
    tx.execute(
        sql("insert into event_block (no, level, day, events, min_at, max_at, min_seq, max_seq, min_subject, max_subject, heads, ids, props)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
        .bind(no)
        .bind(level)
        .bind(day)
        .bind(i64::try_from(heads.len()).unwrap_or(i64::MAX))
        .bind(min_at)
        .bind(max_at)
        .bind(min_seq)
        .bind(max_seq)
        .bind(min_subject)
        .bind(max_subject)
        .bind(Value::Blob(packed.heads))
        .bind(Value::Blob(packed.ids))
        .bind(Value::Blob(packed.props)),
    )
    .await?;
    Ok(())
}
