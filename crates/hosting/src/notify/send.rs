//! Sending deliveries: signed, judged by the answer, tried again with growing pauses, and given up in the end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accounts::CustomerId;
use kit::fetch::{Answered, NotSent, Url};
use kit::jobs::{self, Attempt, Enqueue, Job};
use kit::secrets::{Secret, hmac_sha256_hex};
use kit::{Result, Timestamp, sql};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::info;

use super::deliveries::{self, COLUMNS, Delivery, DeliveryId, DeliveryState};
use super::readable;
use super::webhooks::{self, PATIENCE, Webhook, WebhookEvent, WebhookState};
use crate::redact::{self, Known};
use crate::{Hosting, sites};

/// Pauses between tries; after the last one a delivery is given up.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
];
/// Deliveries that are on their way at once. A receiver may take ten seconds, and other jobs must not wait for it.
pub const PLACES: usize = 4;
/// Of these, so many for one customer, so that nobody's slow receivers hold up the others'.
const PLACES_OF_ONE: usize = 2;
/// Whoever found no place comes back after about this time.
const COME_BACK: Duration = Duration::from_secs(4);

/// Tries one delivery once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverWebhook {
    /// Which.
    pub delivery_id: DeliveryId,
    /// Which try this is, from 1. One that was made already is not made again.
    pub attempt: i64,
}

impl<C: AsRef<Hosting> + Send + 'static> Job<C> for DeliverWebhook {
    const KIND: &'static str = "webhook.deliver";
    const TIMEOUT: Duration = Duration::from_secs(30);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let hosting = context.as_ref().clone();
        deliver(&hosting, &self).await
    }
}

/// Deliveries of this process that are on their way, by customer.
#[derive(Debug, Default, Clone)]
pub(crate) struct Places(Arc<Mutex<HashMap<CustomerId, usize>>>);

/// Given back when it is dropped.
struct Place {
    places: Places,
    customer: CustomerId,
}

impl Places {
    fn take(&self, customer: &CustomerId) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (taken.values().sum::<usize>(), taken.get(customer).copied().unwrap_or(0));
        if all >= PLACES || own >= PLACES_OF_ONE {
            return None;
        }
        taken.insert(customer.clone(), own + 1);
        Some(Place { places: self.clone(), customer: customer.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.customer) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                taken.remove(&self.customer);
            }
        }
    }
}

/// What became of a try.
struct Outcome {
    at: Timestamp,
    duration_ms: i64,
    status: Option<u16>,
    error: Option<String>,
    answer: Option<String>,
    /// Whether trying again could help.
    is_hopeless: bool,
}

impl Outcome {
    fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

async fn deliver(hosting: &Hosting, job: &DeliverWebhook) -> Result<()> {
    let found: Option<Delivery> = hosting.db.optional(sql(COLUMNS).and("where id = $1").bind(&job.delivery_id)).await?;
    let due = found.filter(|it| it.state == DeliveryState::Waiting && it.attempts + 1 == job.attempt);
    let Some(delivery) = due else { return Ok(()) };
    let Some(webhook) = webhooks::find_any(&hosting.db, &delivery.webhook_id).await? else { return Ok(()) };
    if webhook.state != WebhookState::Active && delivery.event != WebhookEvent::Test {
        return give_up_unsent(hosting, &webhook, &delivery).await;
    }
    let site = sites::get_any(&hosting.db, &webhook.site_id).await?;
    let Some(_place) = hosting.deliveries.take(&site.customer_id) else { return come_back(hosting, job).await };
    let outcome = send(hosting, &webhook, &delivery).await?;
    record(hosting, &webhook, &delivery, job.attempt, &outcome).await
}

async fn come_back(hosting: &Hosting, job: &DeliverWebhook) -> Result<()> {
    let pause = COME_BACK.mul_f64(0.5 + kit::id::random_fraction());
    let how = Enqueue { run_at: Some(hosting.clock.now().plus(pause)), ..Enqueue::default() };
    hosting.db.write(async |tx| jobs::enqueue::<Hosting, _>(&tx, &hosting.clock, job, how.clone()).await).await.map(|_| ())
}

async fn send(hosting: &Hosting, webhook: &Webhook, delivery: &Delivery) -> Result<Outcome> {
    let at = hosting.clock.now();
    let mut body: serde_json::Value = serde_json::from_str(&delivery.body)?;
    if let Some(fields) = body.as_object_mut() {
        fields.insert("delivery".to_owned(), delivery.id.as_str().into());
        // Signed with the rest, so that a receiver can refuse what somebody recorded and sends again later.
        fields.insert("sent_at".to_owned(), at.rfc3339().into());
    }
    let body = body.to_string().into_bytes();
    let signed_with = |secret: Secret| format!("sha256={}", hmac_sha256_hex(secret.reveal(), &body));
    let mut headers = vec![
        ("user-agent", "Innkeeper-Webhook/1".to_owned()),
        ("x-innkeeper-event", delivery.event.as_str().to_owned()),
        ("x-innkeeper-delivery", delivery.id.to_string()),
        ("x-innkeeper-signature-256", signed_with(webhook.secret(&hosting.key)?)),
    ];
    if let Some(old) = webhook.old_secret(&hosting.key, at)? {
        headers.push(("x-innkeeper-signature-256-old", signed_with(old)));
    }
    let url = webhook.url(&hosting.key)?;
    let url = Url::parse(url.reveal())?;
    let begun = Instant::now();
    let sent = hosting.outside.post(&url, &headers, body).await;
    let duration_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    Ok(match sent {
        Ok(Answered { status, excerpt }) => {
            let answer = harmless(&excerpt);
            Outcome {
                at,
                duration_ms,
                status: Some(status),
                error: None,
                answer: (!answer.is_empty()).then_some(answer),
                is_hopeless: status == 410,
            }
        }
        Err(NotSent::Refused(why)) => Outcome {
            at,
            duration_ms,
            status: None,
            error: Some(format!("not sent: {}", harmless(why.as_bytes()))),
            answer: None,
            is_hopeless: true,
        },
        Err(NotSent::Failed(why)) => {
            Outcome { at, duration_ms, status: None, error: Some(harmless(why.as_bytes())), answer: None, is_hopeless: false }
        }
    })
}

/// What a receiver said, as it can be kept and shown.
fn harmless(text: &[u8]) -> String {
    readable(&redact::text(&Known::none(), &String::from_utf8_lossy(text)), 1024)
}

async fn record(hosting: &Hosting, webhook: &Webhook, delivery: &Delivery, number: i64, outcome: &Outcome) -> Result<()> {
    let now = hosting.clock.now();
    let is_test = delivery.event == WebhookEvent::Test;
    let pause = usize::try_from(number - 1).ok().and_then(|number| PAUSES.get(number)).filter(|_| !outcome.is_hopeless && !is_test);
    let (state, next_at) = match pause {
        _ if outcome.is_taken() => (DeliveryState::Delivered, None),
        Some(pause) => (DeliveryState::Waiting, Some(now.plus(*pause))),
        None => (DeliveryState::Failed, None),
    };
    let finished_at = (state != DeliveryState::Waiting).then_some(now);
    hosting
        .db
        .write(async |tx| {
            let noted = tx
                .execute(
                    sql("update outgoing_delivery set state = $2, attempts = $3, next_at = $4, finished_at = $5
                         where id = $1 and state = 'waiting' and attempts = $3 - 1")
                    .bind(&delivery.id)
                    .bind(state)
                    .bind(number)
                    .bind(next_at)
                    .bind(finished_at),
                )
                .await?;
            // Removed meanwhile, or noted by a run that died right after.
            if noted == 0 {
                return Ok(());
            }
            tx.execute(
                sql("insert into outgoing_try (delivery_id, number, at, duration_ms, status, error, answer) values ($1, $2, $3, $4, $5, $6, $7)")
                    .bind(&delivery.id)
                    .bind(number)
                    .bind(outcome.at)
                    .bind(outcome.duration_ms)
                    .bind(outcome.status.map(i64::from))
                    .bind(outcome.error.clone())
                    .bind(outcome.answer.clone()),
            )
            .await?;
            if let Some(at) = next_at {
                let job = DeliverWebhook { delivery_id: delivery.id.clone(), attempt: number + 1 };
                jobs::enqueue::<Hosting, _>(&tx, &hosting.clock, &job, Enqueue { run_at: Some(at), ..Enqueue::default() }).await?;
            }
            judge(&tx, hosting, webhook, state, outcome, is_test).await
        })
        .await?;
    info!(webhook.id = %webhook.id, delivery.id = %delivery.id, status = outcome.status, "tried a delivery to a webhook");
    deliveries::signal(hosting, &webhook.site_id);
    Ok(())
}

/// What a try says of the webhook as a whole.
async fn judge(tx: &kit::Tx, hosting: &Hosting, webhook: &Webhook, state: DeliveryState, outcome: &Outcome, is_test: bool) -> Result<()> {
    if outcome.status == Some(410) {
        return webhooks::stop_in(tx, hosting, &webhook.id, "The receiver answered 410 Gone: it wants no more deliveries.").await;
    }
    match state {
        DeliveryState::Waiting => Ok(()),
        DeliveryState::Delivered => {
            tx.execute(sql("update outgoing_webhook set failures = 0 where id = $1 and failures > 0").bind(&webhook.id)).await.map(|_| ())
        }
        DeliveryState::Failed if is_test => Ok(()),
        DeliveryState::Failed => {
            let counted: Option<(i64,)> = tx
                .optional(sql("update outgoing_webhook set failures = failures + 1 where id = $1 returning failures").bind(&webhook.id))
                .await?;
            match counted {
                Some((failures,)) if failures >= PATIENCE => {
                    let why = format!("The last {failures} deliveries failed at every try.");
                    webhooks::stop_in(tx, hosting, &webhook.id, &why).await
                }
                _ => Ok(()),
            }
        }
    }
}

/// Ends a delivery to a webhook that is paused or stopped by now.
async fn give_up_unsent(hosting: &Hosting, webhook: &Webhook, delivery: &Delivery) -> Result<()> {
    hosting
        .db
        .execute(
            sql("update outgoing_delivery set state = 'failed', next_at = null, finished_at = $2, error = $3 where id = $1 and state = 'waiting'")
                .bind(&delivery.id)
                .bind(hosting.clock.now())
                .bind(format!("the webhook was {} before this could be sent", webhook.state)),
        )
        .await?;
    deliveries::signal(hosting, &webhook.site_id);
    Ok(())
}
