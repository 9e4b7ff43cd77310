//! All raw events of a range of time, one after the other.

use kit::{Error, Result, Timestamp, sql};

use super::Whole;
use super::block::{self, Head};

pub(super) async fn heads(whole: &Whole, from: Timestamp, to: Timestamp, mut see: impl FnMut(&Head)) -> Result<()> {
    let _unsorted = whole.sorting.read().await;
    let db = &whole.ingredients.db;
    let blocks: Vec<(i64,)> =
        db.all(sql("select no from event_block where max_at >= $1 and min_at < $2 order by no").bind(from).bind(to)).await?;
    for (no,) in blocks {
        let heads: Option<(Vec<u8>,)> = db.optional(sql("select heads from event_block where no = $1").bind(no)).await?;
        let Some((heads,)) = heads else {
            return Err(Error::unavailable("events are being sorted by another process; please try again"));
        };
        block::heads(&heads)?.iter().filter(|head| (from.0..to.0).contains(&head.at)).for_each(&mut see);
    }
    Ok(())
}
