//! Sending deliveries: signed, judged by the answer, tried again with growing pauses, and given up in the end.

use std::time::Duration;

use kit::fetch::{Answered, NotSent, Url};
use kit::jobs::{self, Attempt, Enqueue, Job};
use kit::secrets::hmac_sha256_hex;
use kit::{Result, Tx, sql};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::deliveries::{COLUMNS, Delivery, DeliveryId, DeliveryState};
use super::{Play, PlayState, Plays};

/// Pauses between tries; after the last one a delivery is given up.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
];
/// After so many deliveries in a row that were given up, a play's webhook is stopped.
const PATIENCE: i64 = 5;
/// Characters of an answer that are kept.
const EXCERPT: usize = 500;

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
    status: Option<u16>,
    error: Option<String>,
    answer: Option<String>,
    /// Whether trying again cannot help.
    is_hopeless: bool,
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
            error: Some("the play was paused or its webhook stopped before this could be sent".to_owned()),
            is_hopeless: true,
            is_unsent: true,
            ..Outcome::default()
        },
    };
    record(plays, &play, &delivery, job.attempt, &outcome).await?;
    info!(play.id = %play.id, delivery.id = %delivery.id, status = outcome.status, "tried a delivery of a play");
    plays.bus.signal("operators", "plays");
    Ok(())
}

async fn send(plays: &Plays, play: &Play, delivery: &Delivery) -> Result<Outcome> {
    let (Some(url), Some(secret)) = (play.url(&plays.key)?, play.secret(&plays.key)?) else { return Ok(Outcome::default()) };
    let mut body: serde_json::Value = serde_json::from_str(&delivery.body)?;
    let event = body["event"].as_str().unwrap_or_default().to_owned();
    if let Some(fields) = body.as_object_mut() {
        fields.insert("delivery".to_owned(), delivery.id.as_str().into());
        // Signed with the rest, so that a receiver can refuse what somebody recorded and sends again later.
        fields.insert("sent_at".to_owned(), plays.clock.now().rfc3339().into());
    }
    let body = body.to_string().into_bytes();
    let headers = [
        ("user-agent", "Innkeeper-Webhook/1".to_owned()),
        ("x-innkeeper-event", event),
        ("x-innkeeper-delivery", delivery.id.to_string()),
        ("x-innkeeper-signature-256", format!("sha256={}", hmac_sha256_hex(secret.reveal(), &body))),
    ];
    Ok(match plays.outside.post(&Url::parse(url.reveal())?, &headers, body).await {
        Ok(Answered { status, excerpt }) => {
            let answer = readable(&String::from_utf8_lossy(&excerpt));
            Outcome {
                status: Some(status),
                answer: (!answer.is_empty()).then_some(answer),
                is_hopeless: status == 410,
                ..Outcome::default()
            }
        }
        Err(NotSent::Refused(why)) => {
            Outcome { error: Some(format!("not sent: {}", readable(&why))), is_hopeless: true, ..Outcome::default() }
        }
        Err(NotSent::Failed(why)) => Outcome { error: Some(readable(&why)), ..Outcome::default() },
    })
}

async fn record(plays: &Plays, play: &Play, delivery: &Delivery, number: i64, outcome: &Outcome) -> Result<()> {
    let now = plays.clock.now();
    let is_taken = outcome.status.is_some_and(|status| (200..300).contains(&status));
    let pause =
        usize::try_from(number - 1).ok().and_then(|number| PAUSES.get(number)).filter(|_| !outcome.is_hopeless && !delivery.is_test);
    let (state, next_at) = match pause {
        _ if is_taken => (DeliveryState::Delivered, None),
        Some(pause) => (DeliveryState::Waiting, Some(now.plus(*pause))),
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
                    .bind(outcome.status.map(i64::from))
                    .bind(outcome.error.clone())
                    .bind(outcome.answer.clone()),
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
    if outcome.status == Some(410) {
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
                Some((failures,)) if failures >= PATIENCE => {
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

/// What a receiver said, on one line and without what could mislead.
fn readable(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !accounts::names::misleads(*c)).collect();
    flat.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").chars().take(EXCERPT).collect()
}
