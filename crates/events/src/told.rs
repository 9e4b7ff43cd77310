//! How far Innkeeper has made events of what happened in the house itself.
//!
//! What happened is in durable rows of other slices; whoever reads them (the crate `innkeeper`) gives each event an id that is made from
//! its row. So it may be told twice, after a crash or because two instances look, and counts once.

use kit::{Db, Result, Timestamp, sql};

/// The source of events that Innkeeper itself tells.
pub const SOURCE: &str = "innkeeper";

/// Up to which moment one kind of happening was told; none before the first time.
pub async fn through(db: &Db, kind: &str) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = db.optional(sql("select through_at from event_told where kind = $1").bind(kind)).await?;
    Ok(row.map(|(at,)| at))
}

/// Notes that all up to this moment was told; never takes a later note back.
pub async fn note(db: &Db, kind: &str, at: Timestamp) -> Result<()> {
    db.execute(
        sql("insert into event_told (kind, through_at) values ($1, $2)
             on conflict (kind) do update set through_at = excluded.through_at where event_told.through_at < excluded.through_at")
        .bind(kind)
        .bind(at),
    )
    .await
    .map(|_| ())
}
