//! Sending deliveries: signed, judged by the answer, tried again with growing pauses, and given up in the end.

use std::time::Duration;

use kit::jobs::{self, Attempt, Enqueue, Job};
use kit::{Result, Tx, sql};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::deliveries::{COLUMNS, Delivery, DeliveryId, DeliveryState};
use super::{Play, PlayState, Plays};
use crate::webhooks::{self, Tried};

/// Tries one delivery once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverPlay {
    /// Which.
    pub delivery_id: DeliveryId,
    /// Which try this is, from 1. One that was made already is not made again.
    pub attempt: i64,
}

impl AsRef<Plays> for Plays {
    fn as_ref(&self) -> &Plays {
        self
    }
}

impl<C: AsRef<Plays> + Send + 'static> Job<C> for DeliverPlay {
    const KIND: &'static str = "play.deliver";
    const TIMEOUT: Duration = Duration::from_secs(30);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let plays = context.as_ref().clone();
        deliver(&plays, &self).await
    }
}

/// What became of a try.
#[derive(Default)]
struct Outcome {
    tried: Tried,
    /// Whether nothing was tried, so that it says nothing of the receiver.
    is_unsent: bool,
}

async fn deliver(plays: &Plays, job: &DeliverPlay) -> Result<()> {
    let found: Option<Delivery> = plays.db.optional(sql(COLUMNS).and("where id = $1").bind(&job.delivery_id)).await?;
    let due = found.filter(|it| it.state == DeliveryState::Waiting && it.attempts + 1 == job.attempt);
    let Some(delivery) = due else { return Ok(()) };
    let Some(play) = super::find(&plays.db, &delivery.play_id).await? else { return Ok(()) };
    let is_wanted = delivery.is_test || (play.state == PlayState::Active && play.note.is_none());
    let outcome = match is_wanted && play.has_webhook() {
        true => send(plays, &play, &delivery).await?,
        false => Outcome {
            tried: Tried {
                error: Some("the play was paused or its webhook stopped before this could be sent".to_owned()),
                is_hopeless: true,
                ..Tried::default()
            },
            is_unsent: true,
        },
    };
    record(plays, &play, &delivery, job.attempt, &outcome).await?;
    info!(play.id = %play.id, delivery.id = %delivery.id, status = outcome.tried.status, "tried a delivery of a play");
    plays.bus.signal("operators", "plays");
    Ok(())
}

async fn send(plays: &Plays, play: &Play, delivery: &Delivery) -> Result<Outcome> {
    let (Some(url), Some(secret)) = (play.url(&plays.key)?, play.secret(&plays.key)?) else { return Ok(Outcome::default()) };
    let body = serde_json::from_str(&delivery.body)?;
    let tried = webhooks::try_once(&plays.outside, (&url, &secret), delivery.id.as_str(), body, plays.clock.now()).await?;
    Ok(Outcome { tried, is_unsent: false })
}

async fn record(plays: &Plays, play: &Play, delivery: &Delivery, number: i64, outcome: &Outcome) -> Result<()> {
    let now = plays.clock.now();
    let tried = &outcome.tried;
    let pause = webhooks::pause_after(number).filter(|_| !tried.is_hopeless && !delivery.is_test);
    let (state, next_at) = match pause {
        _ if tried.is_taken() => (DeliveryState::Delivered, None),
        Some(pause) => (DeliveryState::Waiting, Some(now.plus(pause))),
        None => (DeliveryState::Failed, None),
    };
    plays
        .db
        .write(async |tx| {
            let noted = tx
                .execute(
                    sql("update play_delivery
                         set state = $2, attempts = $3, next_at = $4, finished_at = $5, status = $6, error = $7, answer = $8
                         where id = $1 and state = 'waiting' and attempts = $3 - 1")
                    .bind(&delivery.id)
                    .bind(state)
                    .bind(number)
                    .bind(next_at)
                    .bind((state != DeliveryState::Waiting).then_some(now))
                    .bind(tried.status.map(i64::from))
                    .bind(tried.error.clone())
                    .bind(tried.answer.clone()),
                )
                .await?;
            // Removed meanwhile, or noted by a run that died right after.
            if noted == 0 {
                return Ok(());
            }
            if let Some(at) = next_at {
                let job = DeliverPlay { delivery_id: delivery.id.clone(), attempt: number + 1 };
                jobs::enqueue::<Plays, _>(&tx, &plays.clock, &job, Enqueue { run_at: Some(at), ..Enqueue::default() }).await?;
            }
            judge(&tx, plays, play, state, outcome, delivery.is_test).await
        })
        .await
}

/// What a try says of the webhook as a whole.
async fn judge(tx: &Tx, plays: &Plays, play: &Play, state: DeliveryState, outcome: &Outcome, is_test: bool) -> Result<()> {
    if outcome.tried.status == Some(410) {
        return stop(tx, plays, play, "The receiver answered 410 Gone: it wants no more deliveries.").await;
    }
    if is_test || outcome.is_unsent {
        return Ok(());
    }
    match state {
        DeliveryState::Waiting => Ok(()),
        DeliveryState::Delivered => {
            tx.execute(sql("update play set failures = 0 where id = $1 and failures > 0").bind(&play.id)).await.map(|_| ())
        }
        DeliveryState::Failed => {
            let counted: Option<(i64,)> =
                tx.optional(sql("update play set failures = failures + 1 where id = $1 returning failures").bind(&play.id)).await?;
            match counted {
                Some((failures,)) if failures >= webhooks::PATIENCE => {
                    stop(tx, plays, play, &format!("The last {failures} deliveries failed at every try.")).await
                }
                _ => Ok(()),
            }
        }
    }
}

/// Stops the webhook alone: tasks and mails go on. Saving the play sends it again.
async fn stop(tx: &Tx, plays: &Plays, play: &Play, why: &str) -> Result<()> {
    let statement = sql("update play set note = $2, updated_at = $3 where id = $1 and note is null");
    tx.execute(statement.bind(&play.id).bind(why).bind(plays.clock.now())).await.map(|_| ())
}
