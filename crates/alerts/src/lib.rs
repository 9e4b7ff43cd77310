//! What wakes people: rules over figures of the house, alerts with their evidence, silences, and who is told.
//!
//! A [`metrics::Metric`] is a named figure that can be read now and for any moment of the past. A [`rules::Rule`] compares one with
//! what is expected. [`machine`] decides what follows from one look, [`evaluate`] takes the looks and writes down what changed,
//! [`tell`] decides when channels hear of it, and [`replay`] says what a rule would have done.

pub mod channels;
pub mod evaluate;
pub mod evidence;
pub mod history;
pub mod machine;
pub mod messages;
pub mod metrics;
pub mod quiet;
pub mod replay;
pub mod rules;
mod send;
pub mod silences;
pub mod tell;
mod texts;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use insight::Insight;
use kit::bus::Bus;
use kit::fetch::Guard;
use kit::mail::Mailer;
use kit::secrets::InstanceKey;
use kit::{Clock, Db, Result};

pub use evaluate::Evaluate;
pub use send::SendAlert;

/// The delivery log and alerts that are over are kept so long.
const KEPT: Duration = Duration::from_secs(400 * 86_400);
const MESSAGES_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// Longer than the longest replay.
const SAMPLES_KEPT: Duration = Duration::from_secs(35 * 86_400);

/// What alerts are made with.
pub struct Ingredients {
    /// The database.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Hears of alerts: room `operators`, topic and event `alerts`.
    pub bus: Bus,
    /// Seals addresses and secrets of webhooks.
    pub key: InstanceKey,
    /// Writes mails into the outbox.
    pub mailer: Mailer,
    /// Sends to where people say, and to public addresses only.
    pub outside: Guard,
    /// Customers' health.
    pub insight: Insight,
    /// What customers and people do.
    pub events: events::Events,
    /// The data folder, whose disk is watched.
    pub data: PathBuf,
    /// Where pages are, for links in mails.
    pub public_url: String,
}

/// The alerts of one house. Cheap to clone.
#[derive(Clone)]
pub struct Alerts(Arc<Ingredients>);

impl Alerts {
    /// Joins the parts and starts nothing.
    pub fn open(ingredients: Ingredients) -> Alerts {
        Alerts(Arc::new(ingredients))
    }

    /// The address of a page.
    fn page(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.trim_end_matches('/'))
    }
}

impl std::ops::Deref for Alerts {
    type Target = Ingredients;

    fn deref(&self) -> &Ingredients {
        &self.0
    }
}

impl AsRef<Alerts> for Alerts {
    fn as_ref(&self) -> &Alerts {
        self
    }
}

/// Deletes what is too old to be of use. Returns how many rows.
pub async fn sweep(db: &Db, clock: &Clock) -> Result<u64> {
    use kit::sql;
    let now = clock.now();
    // Ids are ordered by time, so the primary key serves as the index.
    let before = |prefix: &str, kept: Duration| format!("{prefix}{}", &kit::id::time_ordered(now.minus(kept))[..9]);
    let (alert, message) = (before(history::AlertId::PREFIX, KEPT), before(messages::MessageId::PREFIX, MESSAGES_KEPT));
    db.write(async |tx| {
        let mut gone = tx.execute(sql("delete from alert where id < $1 and ended_at is not null").bind(&alert)).await?;
        gone += tx.execute(sql("delete from alert_message where id < $1").bind(&message)).await?;
        gone += tx.execute(sql("delete from alert_silence where ends_at < $1").bind(now.minus(KEPT))).await?;
        for metric in metrics::Metric::ALL {
            gone += tx
                .execute(sql("delete from metric_sample where metric = $1 and at < $2").bind(*metric).bind(now.minus(SAMPLES_KEPT)))
                .await?;
        }
        Ok(gone)
    })
    .await
}
