//! Sending messages to webhooks: signed, tried again with growing pauses, and given up in the end.

use std::time::Duration;

use insight::webhooks::{self, Tried};
use kit::jobs::{self, Attempt, Enqueue, Job};
use kit::{Result, sql};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::Alerts;
use crate::channels::{self, Channel};
use crate::messages::{COLUMNS, Kind, Message, MessageId, MessageState};

/// Tries one message to a webhook once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SendAlert {
    /// Which.
    pub message_id: MessageId,
    /// Which try this is, from 1. One that was made already is not made again.
    pub attempt: i64,
}

impl<C: AsRef<Alerts> + Send + 'static> Job<C> for SendAlert {
    const KIND: &'static str = "alert.send";
    const TIMEOUT: Duration = Duration::from_secs(30);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let alerts = context.as_ref().clone();
        send(&alerts, &self).await
    }
}

async fn send(alerts: &Alerts, job: &SendAlert) -> Result<()> {
    let found: Option<Message> = alerts.db.optional(sql(COLUMNS).and("where id = $1").bind(&job.message_id)).await?;
    let due = found.filter(|it| it.state == MessageState::Waiting && it.attempts + 1 == job.attempt);
    let Some(message) = due else { return Ok(()) };
    let channel = match &message.channel_id {
        Some(id) => alerts.db.write(async |tx| channels::find(&tx, id).await).await?,
        None => None,
    };
    let (tried, is_unsent) = match &channel {
        Some(channel) if channel.note.is_none() || message.kind == Kind::Test => (post(alerts, channel, &message).await?, false),
        _ => (given_up("the channel was switched off or removed before this could be sent"), true),
    };
    record(alerts, channel.as_ref().filter(|_| !is_unsent), &message, job.attempt, &tried).await?;
    info!(message.id = %message.id, status = tried.status, "tried a message about an alert");
    alerts.bus.signal("operators", "alerts");
    Ok(())
}

fn given_up(why: &str) -> Tried {
    Tried { error: Some(why.to_owned()), is_hopeless: true, ..Tried::default() }
}

async fn post(alerts: &Alerts, channel: &Channel, message: &Message) -> Result<Tried> {
    let (Some(url), Some(secret)) = (channel.url(&alerts.key)?, channel.secret(&alerts.key)?) else {
        return Ok(given_up("the channel has no address"));
    };
    let body = serde_json::from_str(&message.body)?;
    webhooks::try_once(&alerts.outside, (&url, &secret), message.id.as_str(), body, alerts.clock.now()).await
}

async fn record(alerts: &Alerts, channel: Option<&Channel>, message: &Message, number: i64, tried: &Tried) -> Result<()> {
    let now = alerts.clock.now();
    let is_test = message.kind == Kind::Test;
    let pause = webhooks::pause_after(number).filter(|_| !tried.is_hopeless && !is_test);
    let (state, next_at) = match pause {
        _ if tried.is_taken() => (MessageState::Delivered, None),
        Some(pause) => (MessageState::Waiting, Some(now.plus(pause))),
        None => (MessageState::Failed, None),
    };
    alerts
        .db
        .write(async |tx| {
            let noted = tx
                .execute(
                    sql("update alert_message
                         set state = $2, attempts = $3, next_at = $4, finished_at = $5, status = $6, error = $7, answer = $8
                         where id = $1 and state = 'waiting' and attempts = $3 - 1")
                    .bind(&message.id)
                    .bind(state)
                    .bind(number)
                    .bind(next_at)
                    .bind((state != MessageState::Waiting).then_some(now))
                    .bind(tried.status.map(i64::from))
                    .bind(tried.error.clone())
                    .bind(tried.answer.clone()),
                )
                .await?;
            // Noted already by a run that died right after.
            if noted == 0 {
                return Ok(());
            }
            if let Some(at) = next_at {
                let job = SendAlert { message_id: message.id.clone(), attempt: number + 1 };
                jobs::enqueue::<Alerts, _>(&tx, &alerts.clock, &job, Enqueue { run_at: Some(at), ..Enqueue::default() }).await?;
            }
            match channel {
                Some(channel) if tried.status == Some(410) => {
                    channels::stop(&tx, alerts, &channel.id, "The receiver answered 410 Gone: it wants no more deliveries.").await
                }
                Some(channel) if !is_test && state != MessageState::Waiting => {
                    channels::judge(&tx, alerts, &channel.id, state == MessageState::Delivered).await
                }
                _ => Ok(()),
            }
        })
        .await
}
