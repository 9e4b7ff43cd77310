//! Messages: what was sent to whom, with what came of it. The delivery log.

use accounts::{Actor, MAX_PAGE, Permission};
use kit::jobs::{self, Enqueue};
use kit::mail::{Letter, MailId, MailState};
use kit::{Error, Result, Timestamp, Tx, from_row, id_type, sql, text_enum};
use serde_json::{Value, json};

use crate::channels::{self, Channel, ChannelId, ChannelKind};
use crate::rules::RuleId;
use crate::send::SendAlert;
use crate::{Alerts, texts};

id_type!(
    /// A message: what a receiver sees as `X-Innkeeper-Delivery`, the same at each try.
    MessageId, "amsg_"
);

text_enum!(
    /// What a message says.
    Kind {
        /// Something fired; something else may have ended.
        Firing = "firing",
        /// It is still so.
        Again = "again",
        /// It is over.
        Resolved = "resolved",
        /// Somebody tries whether it works.
        Test = "test",
    }
);

text_enum!(
    /// How far a message has come.
    MessageState {
        /// Waits for its first or next try.
        Waiting = "waiting",
        /// The receiver, or the mail server, took it.
        Delivered = "delivered",
        /// Given up.
        Failed = "failed",
        /// No mail server is set up: it lies in the outbox.
        Held = "held",
    }
);

/// One message to one address.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// About which rule; none for a test and when the rule is gone.
    pub rule_id: Option<RuleId>,
    /// Through which channel, if that is still there.
    pub channel_id: Option<ChannelId>,
    /// What the channel was called.
    pub channel_name: String,
    /// What it says.
    pub kind: Kind,
    /// Its subject.
    pub subject: String,
    /// What is sent, without the time of sending.
    pub body: String,
    /// Address of the mail, or host of the webhook.
    pub target: String,
    /// How far it has come.
    pub state: MessageState,
    /// Tries so far.
    pub attempts: i64,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// When it was taken or given up.
    pub finished_at: Option<Timestamp>,
    /// The mail, for mails.
    pub mail_id: Option<MailId>,
    /// What the receiver answered last.
    pub status: Option<i64>,
    /// Why nothing came back, or what the mail server said.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
}

from_row!(Message {
    id,
    rule_id,
    channel_id,
    channel_name,
    kind,
    subject,
    body,
    target,
    state,
    attempts,
    created_at,
    next_at,
    finished_at,
    mail_id,
    status,
    error,
    answer
});

pub(crate) const COLUMNS: &str =
    "select id, rule_id, channel_id, channel_name, kind, subject, body, target, state, attempts, created_at, next_at, finished_at, mail_id, status, error, answer
from alert_message";

/// Messages, newest first, `limit` at most, older than `before`.
pub async fn list(alerts: &Alerts, actor: &Actor, before: Option<&MessageId>, limit: u32) -> Result<Vec<Message>> {
    actor.may(Permission::OperateHouse)?;
    let page = match before {
        Some(before) => sql(COLUMNS).and("where id < $1 order by id desc limit $2").bind(before),
        None => sql(COLUMNS).and("where cast($1 as text) is null order by id desc limit $2").bind(None::<String>),
    };
    alerts.db.all(page.bind(limit.clamp(1, MAX_PAGE + 1))).await
}

/// Sends a test through a channel: a webhook is tried once.
pub async fn test(alerts: &Alerts, actor: &Actor, channel: &ChannelId) -> Result<u64> {
    let channel = channels::get(alerts, actor, channel).await?;
    let body = json!({
        "event": "alert.test",
        "rule": { "id": null, "name": channel.name, "says": "This is a test of a channel; nothing is the matter", "severity": "warning", "metric": null },
        "alerts": [],
        "at": alerts.clock.now().rfc3339(),
        "url": alerts.page("/admin/alerts"),
    });
    let new = NewMessage { kind: Kind::Test, rule: None, subject: texts::subject(Kind::Test, &channel.name, 0, 0), body };
    alerts.db.write(async |tx| add(&tx, alerts, &channel, &new).await).await
}

/// Sends a message that was given up once more, as a new one.
pub async fn again(alerts: &Alerts, actor: &Actor, id: &MessageId) -> Result<u64> {
    actor.may(Permission::OperateHouse)?;
    let found: Option<Message> = alerts.db.optional(sql(COLUMNS).and("where id = $1").bind(id)).await?;
    let message = found.ok_or_else(|| Error::not_found("the message"))?;
    if message.state != MessageState::Failed {
        return Err(Error::conflict("this message was not given up"));
    }
    let Some(channel) = &message.channel_id else { return Err(Error::conflict("its channel was removed")) };
    let channel = channels::get(alerts, actor, channel).await?;
    let new = NewMessage {
        kind: message.kind,
        rule: message.rule_id.as_ref(),
        subject: message.subject.clone(),
        body: serde_json::from_str(&message.body)?,
    };
    alerts.db.write(async |tx| add_to(&tx, alerts, &channel, &new, &message.target).await).await.map(|()| 1)
}

/// A message to be.
pub(crate) struct NewMessage<'a> {
    pub kind: Kind,
    pub rule: Option<&'a RuleId>,
    pub subject: String,
    pub body: Value,
}

/// Writes down what a channel is sent, with the mails or the job that sends it. Returns how many messages.
pub(crate) async fn add(tx: &Tx, alerts: &Alerts, channel: &Channel, new: &NewMessage<'_>) -> Result<u64> {
    let mut targets = match channel.kind {
        ChannelKind::Webhook => vec![channel.host(&alerts.key)?.unwrap_or_default()],
        ChannelKind::Mail => channel.addresses.clone(),
    };
    if channel.to_admins {
        targets.extend(accounts::members::admins(tx).await?.into_iter().map(|(address, _)| address.as_str().to_owned()));
        targets.sort();
        targets.dedup();
    }
    for target in &targets {
        add_to(tx, alerts, channel, new, target).await?;
    }
    Ok(targets.len() as u64)
}

async fn add_to(tx: &Tx, alerts: &Alerts, channel: &Channel, new: &NewMessage<'_>, target: &str) -> Result<()> {
    let (id, now) = (MessageId::new(&alerts.clock), alerts.clock.now());
    let mail = match channel.kind {
        ChannelKind::Webhook => None,
        ChannelKind::Mail => {
            let link = alerts.page("/admin/alerts");
            let letter = Letter {
                to: target,
                subject: new.subject.clone(),
                before: texts::paragraphs(&new.body),
                link: &link,
                button: "See the alerts",
                after: vec![format!("The channel “{}” sent this.", channel.name)],
            };
            Some(alerts.mailer.queue(tx, &letter.compose()).await?)
        }
    };
    tx.execute(
        sql("insert into alert_message (id, rule_id, channel_id, channel_name, kind, subject, body, target, state, attempts, created_at, next_at, mail_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', 0, $9, $9, $10)")
        .bind(&id)
        .bind(new.rule)
        .bind(&channel.id)
        .bind(&channel.name)
        .bind(new.kind)
        .bind(&new.subject)
        .bind(new.body.clone())
        .bind(target)
        .bind(now)
        .bind(mail.as_ref()),
    )
    .await?;
    if mail.is_none() {
        let job = SendAlert { message_id: id, attempt: 1 };
        jobs::enqueue::<Alerts, _>(tx, &alerts.clock, &job, Enqueue::default()).await?;
    }
    Ok(())
}

struct MailNews {
    id: MessageId,
    channel_id: Option<ChannelId>,
    state: MailState,
    attempts: i64,
    error: Option<String>,
    sent_at: Option<Timestamp>,
}

from_row!(MailNews { id, channel_id, state, attempts, error, sent_at });

/// Takes over what the outbox says of mails that were waiting. Returns how many came to an end.
pub(crate) async fn settle(alerts: &Alerts) -> Result<usize> {
    let news: Vec<MailNews> = alerts
        .db
        .all(sql("select alert_message.id, alert_message.channel_id, mail.state, mail.attempts, mail.error, mail.sent_at
             from alert_message join mail on mail.id = alert_message.mail_id
             where alert_message.state = 'waiting' and alert_message.mail_id is not null and mail.state in ('sent', 'failed', 'held')
             order by alert_message.id limit 500"))
        .await?;
    for news in &news {
        let now = alerts.clock.now();
        let state = match news.state {
            MailState::Sent => MessageState::Delivered,
            MailState::Held => MessageState::Held,
            MailState::Failed | MailState::Queued => MessageState::Failed,
        };
        alerts
            .db
            .write(async |tx| {
                let noted = tx
                    .execute(
                        sql("update alert_message
                             set state = $2, attempts = $3, error = $4, finished_at = $5, next_at = null
                             where id = $1 and state = 'waiting'")
                        .bind(&news.id)
                        .bind(state)
                        .bind(news.attempts)
                        .bind(news.error.clone())
                        .bind(news.sent_at.unwrap_or(now)),
                    )
                    .await?;
                match (&news.channel_id, state) {
                    // Without a mail server nothing was tried: that says nothing of the channel.
                    (Some(channel), MessageState::Delivered | MessageState::Failed) if noted > 0 => {
                        channels::judge(&tx, alerts, channel, state == MessageState::Delivered).await
                    }
                    _ => Ok(()),
                }
            })
            .await?;
    }
    if !news.is_empty() {
        alerts.bus.signal("operators", "alerts");
    }
    Ok(news.len())
}
