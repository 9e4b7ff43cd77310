//! Outgoing mail: an outbox row and a job in the caller's transaction, sent over SMTP, with its delivery state kept.
//!
//! Bodies hold sign-in links, so they are sealed at rest and emptied once the server has taken them.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};

use crate::jobs::{self, Attempt, Enqueue, Job};
use crate::secrets::{InstanceKey, Secret};
use crate::{Clock, Db, Error, Result, Timestamp, Tx, from_row, id_type, sql, text_enum};

id_type!(
    /// One outgoing mail.
    MailId, "mail_"
);

text_enum!(
    /// How far a mail has come.
    MailState {
        /// Waits for its job.
        Queued = "queued",
        /// The server has taken it.
        Sent = "sent",
        /// Given up; `error` says why.
        Failed = "failed",
        /// No server is configured: an operator passes the link on by hand.
        Held = "held",
    }
);

/// Section `[mail]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// SMTP server; empty holds all mail back and shows operators what would have been sent.
    pub host: String,
    /// Port of the server.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// User at the server; empty for none.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// Sender, `Name <address>`.
    pub from: String,
}

/// How the connection to the SMTP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// TLS from the first byte (port 465).
    Tls,
    /// STARTTLS, refused when the server does not offer it (port 587).
    Starttls,
    /// Plain: for a relay on the same host.
    None,
}

/// A mail to be written into the outbox.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Address of the recipient.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// The text part.
    pub text: Secret,
    /// The HTML part, escaped by whoever rendered it.
    pub html: Secret,
}

/// A mail as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct MailRow {
    /// Its id.
    pub id: MailId,
    /// Address of the recipient.
    pub recipient: String,
    /// Subject line.
    pub subject: String,
    /// How far it has come.
    pub state: MailState,
    /// Tries so far.
    pub attempts: i64,
    /// What the last failed try said.
    pub error: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When the server took it.
    pub sent_at: Option<Timestamp>,
}

from_row!(MailRow { id, recipient, subject, state, attempts, error, created_at, sent_at });

/// What sending needs. Built once.
#[derive(Clone)]
pub struct Mailer {
    db: Db,
    clock: Clock,
    key: InstanceKey,
    from: Mailbox,
    transport: Option<Arc<AsyncSmtpTransport<Tokio1Executor>>>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    text: String,
    html: String,
}

impl Mailer {
    /// Checks the section and prepares the connection; nothing is sent yet.
    pub fn new(config: &MailConfig, db: Db, clock: Clock, key: InstanceKey) -> Result<Mailer> {
        let from: Mailbox =
            config.from.parse().map_err(|error| Error::invalid("mail.from", format!("must be `Name <address>`: {error}")))?;
        let transport = if config.host.is_empty() {
            None
        } else {
            crate::fetch::install_tls();
            let builder = match config.security {
                MailSecurity::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(&config.host),
                MailSecurity::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&config.host),
                MailSecurity::None => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)),
            };
            let mut builder = builder
                .map_err(|error| Error::invalid("mail.host", error.to_string()))?
                .port(config.port)
                .timeout(Some(Duration::from_secs(20)));
            if !config.username.is_empty() {
                builder = builder.credentials(Credentials::new(config.username.clone(), config.password.reveal().to_owned()));
            }
            Some(Arc::new(builder.build()))
        };
        Ok(Mailer { db, clock, key, from, transport })
    }

    /// Writes a mail into the outbox in the caller's transaction.
    pub async fn queue(&self, tx: &Tx, mail: &Mail) -> Result<MailId> {
        let id = MailId::new(&self.clock);
        let body = serde_json::to_string(&Body { text: mail.text.reveal().to_owned(), html: mail.html.reveal().to_owned() })?;
        let state = if self.transport.is_some() { MailState::Queued } else { MailState::Held };
        tx.execute(
            sql("insert into mail (id, recipient, subject, body, state, attempts, created_at) values ($1, $2, $3, $4, $5, 0, $6)")
                .bind(&id)
                .bind(&mail.to)
                .bind(&mail.subject)
                .bind(self.key.seal("mail.body", &body))
                .bind(state)
                .bind(self.clock.now()),
        )
        .await?;
        if state == MailState::Queued {
            jobs::enqueue::<Mailer, _>(tx, &self.clock, &SendMail { mail_id: id.clone() }, Enqueue::default()).await?;
        }
        Ok(id)
    }

    async fn send(&self, id: &MailId) -> Result<()> {
        let Some(transport) = &self.transport else { return Ok(()) };
        let found: Option<(String, String, Option<String>)> = self
            .db
            .optional(sql("select recipient, subject, body from mail where id = $1 and state in ('queued', 'failed')").bind(id))
            .await?;
        let Some((recipient, subject, Some(sealed))) = found else { return Ok(()) };
        let body: Body = serde_json::from_str(self.key.open("mail.body", &sealed)?.reveal())?;
        let to: Mailbox = recipient.parse().map_err(|_| Error::invalid("recipient", "is not a mail address"))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(body.text, body.html))?;
        transport.send(message).await.map_err(|error| {
            if error.is_permanent() {
                Error::conflict(format!("the mail server refuses it: {error}"))
            } else {
                Error::unavailable_because("the mail server did not take it", error)
            }
        })?;
        self.db
            .execute(
                sql("update mail set state = 'sent', body = null, sent_at = $2, attempts = attempts + 1, error = null where id = $1")
                    .bind(id)
                    .bind(self.clock.now()),
            )
            .await
            .map(|_| ())
    }
}

/// Sends one mail of the outbox. May deliver twice after a crash; the message id is the same, so clients show it once.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendMail {
    /// Which.
    pub mail_id: MailId,
}

impl<C: AsRef<Mailer> + Send + 'static> Job<C> for SendMail {
    const KIND: &'static str = "mail.send";
    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let mailer = context.as_ref().clone();
        let outcome = mailer.send(&self.mail_id).await;
        if let Err(error) = &outcome {
            mailer
                .db
                .execute(
                    sql("update mail set attempts = attempts + 1, error = $2 where id = $1").bind(&self.mail_id).bind(error.to_string()),
                )
                .await?;
        }
        outcome
    }

    async fn gave_up(self, context: C, error: String) -> Result<()> {
        let mailer = context.as_ref().clone();
        mailer
            .db
            .execute(sql("update mail set state = 'failed', error = $2 where id = $1").bind(&self.mail_id).bind(error))
            .await
            .map(|_| ())
    }
}

impl AsRef<Mailer> for Mailer {
    fn as_ref(&self) -> &Mailer {
        self
    }
}

/// The outbox, newest first, 50 at most, older than `before`.
pub async fn outbox(db: &Db, before: Option<&MailId>) -> Result<Vec<MailRow>> {
    db.all(
        sql("select id, recipient, subject, state, attempts, error, created_at, sent_at
             from mail
             where cast($1 as text) is null or id < $1
             order by id desc
             limit 50")
        .bind(before),
    )
    .await
}
