//! Deliveries to the webhooks of plays, each with its last try on record.

use accounts::{Actor, MAX_PAGE, Permission};
use kit::jobs::{self, Enqueue};
use kit::{Error, Result, Timestamp, Tx, from_row, id_type, sql, text_enum};
use serde_json::{Value, json};

use super::send::DeliverPlay;
use super::{PlayId, Plays};
use crate::staff;

id_type!(
    /// A delivery: what a receiver sees as `X-Innkeeper-Delivery`, the same at each try.
    DeliveryId, "pdl_"
);

text_enum!(
    /// How far a delivery has come.
    DeliveryState {
        /// Waits for its first or next try.
        Waiting = "waiting",
        /// The receiver took it.
        Delivered = "delivered",
        /// Given up.
        Failed = "failed",
    }
);

/// One delivery.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Of which play.
    pub play_id: PlayId,
    /// What is sent, without the time of sending.
    pub body: String,
    /// Whether somebody only tries whether it works.
    pub is_test: bool,
    /// How far it has come.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: i64,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// When it was taken or given up.
    pub finished_at: Option<Timestamp>,
    /// What the receiver answered last.
    pub status: Option<i64>,
    /// Why nothing came back.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
}

from_row!(Delivery { id, play_id, body, is_test, state, attempts, created_at, next_at, finished_at, status, error, answer });

pub(super) const COLUMNS: &str =
    "select id, play_id, body, is_test, state, attempts, created_at, next_at, finished_at, status, error, answer
from play_delivery";

/// Deliveries of a play, newest first, `limit` at most, older than `before`.
pub async fn list(plays: &Plays, actor: &Actor, play: &PlayId, before: Option<&DeliveryId>, limit: u32) -> Result<Vec<Delivery>> {
    super::get(plays, actor, play).await?;
    let page = sql(COLUMNS).and("where play_id = $1").bind(play);
    let page = match before {
        Some(before) => page.and("and id < $2 order by id desc limit $3").bind(before),
        None => page.and("and cast($2 as text) is null order by id desc limit $3").bind(None::<String>),
    };
    plays.db.all(page.bind(limit.clamp(1, MAX_PAGE + 1))).await
}

/// Sends a test: one try, also of a play that is paused.
pub async fn test(plays: &Plays, actor: &Actor, play: &PlayId) -> Result<Delivery> {
    staff::only(actor, Permission::ManageCustomers)?;
    let play = super::get(plays, actor, play).await?;
    if !play.has_webhook() {
        return Err(Error::conflict("this play has no webhook"));
    }
    let body = json!({ "event": "test", "play": { "id": play.id, "name": play.name }, "customer": null });
    let id = plays.db.write(async |tx| add(&tx, plays, &play.id, &body, true).await).await?;
    plays.db.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
}

/// Writes a delivery down, with the job that sends it.
pub(super) async fn add(tx: &Tx, plays: &Plays, play: &PlayId, body: &Value, is_test: bool) -> Result<DeliveryId> {
    let id = DeliveryId::new(&plays.clock);
    let now = plays.clock.now();
    tx.execute(
        sql("insert into play_delivery (id, play_id, body, is_test, state, attempts, created_at, next_at)
             values ($1, $2, $3, $4, 'waiting', 0, $5, $5)")
        .bind(&id)
        .bind(play)
        .bind(body.clone())
        .bind(is_test)
        .bind(now),
    )
    .await?;
    let job = DeliverPlay { delivery_id: id.clone(), attempt: 1 };
    jobs::enqueue::<Plays, _>(tx, &plays.clock, &job, Enqueue::default()).await?;
    Ok(id)
}
