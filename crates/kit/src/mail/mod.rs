//! Outgoing mail: an outbox row and a job in the caller's transaction, sent over SMTP, with its delivery state kept.
//!
//! Bodies hold sign-in links, so they are sealed at rest and emptied once the server has taken them.

mod letter;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};

pub use letter::Letter;

use crate::jobs::{self, Attempt, Enqueue, Job, for_the_record};
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

    /// The text of a mail that was held back or given up, for an operator who passes it on by hand.
    pub async fn unsent_text(&self, id: &MailId) -> Result<Secret> {
        let found: Option<(Option<String>,)> =
            self.db.optional(sql("select body from mail where id = $1 and state in ('held', 'failed')").bind(id)).await?;
        let Some((Some(sealed),)) = found else { return Err(Error::not_found(format!("unsent mail `{id}`"))) };
        Ok(Secret::new(self.open(&sealed)?.text))
    }

    /// Queues the mails that were held back while there was no server. Returns how many.
    pub async fn release_held(&self) -> Result<usize> {
        if self.transport.is_none() {
            return Ok(0);
        }
        self.db
            .write(async |tx| {
                let held: Vec<(MailId,)> = tx.all(sql("update mail set state = 'queued' where state = 'held' returning id")).await?;
                for (id,) in &held {
                    jobs::enqueue::<Mailer, _>(&tx, &self.clock, &SendMail { mail_id: id.clone() }, Enqueue::default()).await?;
                }
                Ok(held.len())
            })
            .await
    }

    fn open(&self, sealed: &str) -> Result<Body> {
        Ok(serde_json::from_str(self.key.open("mail.body", sealed)?.reveal())?)
    }

    async fn send(&self, id: &MailId) -> Result<()> {
        let Some(transport) = &self.transport else {
            // The server was taken out of the configuration after the mail was queued.
            let hold = sql("update mail set state = 'held' where id = $1 and state = 'queued'").bind(id);
            return self.db.execute(hold).await.map(|_| ());
        };
        let found: Option<(String, String, Option<String>)> = self
            .db
            .optional(sql("select recipient, subject, body from mail where id = $1 and state in ('queued', 'failed')").bind(id))
            .await?;
        let Some((recipient, subject, Some(sealed))) = found else { return Ok(()) };
        let body = self.open(&sealed)?;
        let to: Mailbox = recipient.parse().map_err(|_| Error::invalid("recipient", "is not a mail address"))?;
        let date = UNIX_EPOCH + Duration::from_millis(u64::try_from(self.clock.now().0).unwrap_or(0));
        let message = Message::builder()
            .date(date)
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(body.text, body.html))?;
        transport.send(message).await.map_err(refusal)?;
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

fn refusal(error: lettre::transport::smtp::Error) -> Error {
    // 530, 534, 535 and 538 are about our sign-in at the server: an operator can mend that, so the mail waits.
    let sign_in = error.status().is_some_and(|code| ["530", "534", "535", "538"].contains(&code.to_string().as_str()));
    if error.is_permanent() && !sign_in {
        Error::conflict(format!("the mail server refuses it: {error}"))
    } else {
        Error::unavailable_because("the mail server did not take it", error)
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
        let Err(error) = mailer.send(&self.mail_id).await else { return Ok(()) };
        mailer
            .db
            .execute(
                sql("update mail set attempts = attempts + 1, error = $2 where id = $1").bind(&self.mail_id).bind(for_the_record(&error)),
            )
            .await?;
        // What the server said may name the recipient; it stands in the outbox and stays out of the log.
        Err(match error {
            error if error.is_transient() => Error::unavailable(format!("the mail server did not take mail `{}`", self.mail_id)),
            _ => Error::conflict(format!("mail `{}` cannot be delivered", self.mail_id)),
        })
    }

    async fn gave_up(self, context: C, error: String) -> Result<()> {
        let mailer = context.as_ref().clone();
        mailer
            .db
            .execute(
                sql("update mail set state = 'failed', error = coalesce(error, $2) where id = $1 and state = 'queued'")
                    .bind(&self.mail_id)
                    .bind(error),
            )
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
    let columns = sql("select id, recipient, subject, state, attempts, error, created_at, sent_at from mail");
    let page = match before {
        None => columns,
        Some(before) => columns.and("where id < $1").bind(before),
    };
    db.all(page.and("order by id desc limit 50")).await
}

/// What of the outbox has not reached a mail server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Mails held back because no server is configured.
    pub held: i64,
    /// Mails that were given up.
    pub failed: i64,
    /// When the oldest mail was written that still waits to be sent.
    pub waiting_since: Option<Timestamp>,
}

/// Counts what did not get out; mails that were given up count when they were written after `failed_after`.
pub async fn backlog(db: &Db, failed_after: Timestamp) -> Result<Backlog> {
    let rows: Vec<(MailState, i64, Timestamp)> = db
        .all(
            sql("select state, cast(count(*) as bigint), min(created_at) from mail
                 where state in ('queued', 'held') or (state = 'failed' and created_at > $1)
                 group by state")
            .bind(failed_after),
        )
        .await?;
    let mut backlog = Backlog::default();
    for (state, count, oldest) in rows {
        match state {
            MailState::Held => backlog.held = count,
            MailState::Failed => backlog.failed = count,
            _ => backlog.waiting_since = Some(oldest),
        }
    }
    Ok(backlog)
}

/// Whether mails wait that the server did not take at the first try.
pub async fn is_delayed(db: &Db) -> Result<bool> {
    let waiting: Option<(MailId,)> = db.optional(sql("select id from mail where state = 'queued' and attempts > 0 limit 1")).await?;
    Ok(waiting.is_some())
}

/// Deletes mails written before `limit`, whatever became of them: they hold addresses. Returns how many.
pub async fn forget_older_than(db: &Db, limit: Timestamp) -> Result<u64> {
    // Ids are ordered by time, so the primary key serves as the index.
    let first_kept = MailId::new(&Clock::manual(limit));
    let (first_kept, _random) = first_kept.as_str().split_at(MailId::PREFIX.len() + 9);
    db.execute(sql("delete from mail where id < $1").bind(first_kept)).await
}
