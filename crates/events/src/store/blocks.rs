//! The rows of blocks, and of whom each holds events.

use std::collections::{BTreeSet, HashMap};

use kit::db::Value;
use kit::{Db, Result, Tx, sql};

use super::block::{self, Head, Packed};
use super::state::padded;

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
    tx.execute(
        sql("insert into event_block_subjects (block, subjects) values ($1, $2)").bind(no).bind(Value::Blob(block::pack_subjects(heads))),
    )
    .await?;
    Ok(())
}

/// Those of these blocks in which there is certainly no event of any of `subjects`: fewer than 5 KB are read of each.
pub(super) async fn without(db: &Db, blocks: &[i64], subjects: &BTreeSet<i64>) -> Result<BTreeSet<i64>> {
    let mut lists: HashMap<i64, Vec<u8>> = HashMap::with_capacity(blocks.len());
    for numbers in padded(blocks.iter().map(|no| (*no).into()).collect()) {
        lists.extend(db.all::<(i64, Vec<u8>)>(sql("select block, subjects from event_block_subjects where block in").list(numbers)).await?);
    }
    let mut found = BTreeSet::new();
    for (block, list) in lists {
        if !block::has_subject(&list, subjects)? {
            found.insert(block);
        }
    }
    Ok(found)
}
