//! Plays: what is done when something happens to a customer's health. A task, a mail, a webhook.
//!
//! A reconciler compares each customer's band, fall and churn probability with what plays saw last ([`watch`]). What differs is news, and
//! is told once: the comparison, the task, the mails and the deliveries are one transaction. Deliveries are sent by a job ([`send`]).

pub mod deliveries;
mod send;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use accounts::audit::{self, Entry};
use accounts::{Actor, Email, MemberId, Permission};
use kit::bus::Bus;
use kit::db::{FromRow, Row};
use kit::fetch::Guard;
use kit::mail::Mailer;
use kit::secrets::{InstanceKey, Secret, random_alphanumeric};
use kit::{Clock, Db, Error, Result, Timestamp, Tx, id_type, sql, text_enum};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::health::Band;
use crate::segments::SegmentId;
use crate::{owners, staff};
pub use send::DeliverPlay;
pub use watch::Watch;

id_type!(
    /// A play.
    PlayId, "play_"
);

/// More plays than this a house does not have.
const MOST: i64 = 50;
const LONGEST_NAME: usize = 80;
const LONGEST_TITLE: usize = 150;
/// Deliveries are kept so long.
const DELIVERIES_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Runs are kept so long: longer than the longest quiet time of a play.
const RUNS_KEPT: Duration = Duration::from_secs(400 * 86_400);
/// Addresses of one play.
const MOST_ADDRESSES: usize = 5;

/// What plays are made with.
pub struct Ingredients {
    /// The database.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Hears that plays ran: room `operators`, topics `plays` and `tasks`.
    pub bus: Bus,
    /// Seals addresses and secrets of webhooks.
    pub key: InstanceKey,
    /// Writes mails into the outbox.
    pub mailer: Mailer,
    /// Sends to where people say, and to public addresses only.
    pub outside: Guard,
    /// Which day it is.
    pub calendar: events::Calendar,
    /// Where pages are, for links in mails.
    pub public_url: String,
}

/// The plays of one house. Cheap to clone.
#[derive(Clone)]
pub struct Plays(Arc<Ingredients>);

impl Plays {
    /// Joins the parts and starts nothing.
    pub fn open(ingredients: Ingredients) -> Plays {
        Plays(Arc::new(ingredients))
    }
}

impl std::ops::Deref for Plays {
    type Target = Ingredients;

    fn deref(&self) -> &Ingredients {
        &self.0
    }
}

/// What a play waits for. Each is a change: who is so already when the play is made, is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// The score comes into this band from another one.
    Band {
        /// Which.
        to: Band,
    },
    /// The score begins to fall fast.
    FallingFast,
    /// The churn probability comes to this figure or above it.
    Churn {
        /// 0 to 1.
        above: f64,
    },
}

impl Cause {
    /// As a sentence's beginning: `When …`.
    pub fn words(&self) -> String {
        match self {
            Cause::Band { to } => format!("When the band becomes “{}”", to.label()),
            Cause::FallingFast => "When the score begins to fall fast".to_owned(),
            Cause::Churn { above } => format!("When the churn probability reaches {:.0} %", above * 100.0),
        }
    }
}

/// Who is meant by what a play does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Assignee {
    /// Whoever looks after the customer; nobody when nobody does.
    Owner,
    /// Always the same.
    Member(MemberId),
    /// Nobody yet.
    Nobody,
}

/// The task that a play makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskAction {
    /// What is to be done.
    pub title: String,
    /// Within so many days.
    pub due_in_days: Option<u32>,
    /// By whom.
    pub assignee: Assignee,
}

/// The mails that a play sends.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailAction {
    /// To whoever looks after the customer.
    pub owner: bool,
    /// And to these addresses.
    pub to: Vec<String>,
}

/// What a play does beside its webhook.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actions {
    /// Makes a task.
    pub task: Option<TaskAction>,
    /// Sends mails.
    pub mail: Option<MailAction>,
}

text_enum!(
    /// Whether a play runs.
    PlayState {
        /// It does.
        Active = "active",
        /// A person has paused it.
        Paused = "paused",
    }
);

/// A play.
#[derive(Debug, Clone)]
pub struct Play {
    /// Its id.
    pub id: PlayId,
    /// What it is called.
    pub name: String,
    /// What it waits for.
    pub cause: Cause,
    /// For customers of this segment only.
    pub segment_id: Option<SegmentId>,
    /// What it does.
    pub actions: Actions,
    /// Sealed: see [`Play::url`].
    url: Option<String>,
    /// Sealed.
    secret: Option<String>,
    /// Whether it runs.
    pub state: PlayState,
    /// Why its webhook was stopped by itself.
    pub note: Option<String>,
    /// Deliveries in a row that were given up.
    pub failures: i64,
    /// Not again for the same customer within so many days.
    pub quiet_days: i64,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl FromRow for Play {
    fn from_row(row: &Row<'_>) -> Result<Play> {
        let json = |name: &str| row.get::<String>(name);
        let malformed = |error: serde_json::Error| Error::internal(format!("a stored play is malformed: {error}"));
        Ok(Play {
            id: row.get("id")?,
            name: row.get("name")?,
            cause: serde_json::from_str(&json("cause")?).map_err(malformed)?,
            segment_id: row.get("segment_id")?,
            actions: serde_json::from_str(&json("actions")?).map_err(malformed)?,
            url: row.get("url")?,
            secret: row.get("secret")?,
            state: row.get("state")?,
            note: row.get("note")?,
            failures: row.get("failures")?,
            quiet_days: row.get("quiet_days")?,
            created_by: row.get("created_by")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl Play {
    /// Whether it has a webhook.
    pub fn has_webhook(&self) -> bool {
        self.url.is_some()
    }

    /// Where its webhook is sent to. For whoever may change it: with many receivers the address is the secret.
    pub fn url(&self, key: &InstanceKey) -> Result<Option<Secret>> {
        self.url.as_deref().map(|sealed| key.open(&format!("play.url:{}", self.id), sealed)).transpose()
    }

    /// The host of [`Play::url`], for everyone who may see plays.
    pub fn host(&self, key: &InstanceKey) -> Result<Option<String>> {
        let url = self.url(key)?;
        let host = url.and_then(|url| kit::fetch::Url::parse(url.reveal()).ok()).and_then(|url| url.host_str().map(str::to_owned));
        Ok(host)
    }

    fn secret(&self, key: &InstanceKey) -> Result<Option<Secret>> {
        self.secret.as_deref().map(|sealed| key.open(&format!("play.secret:{}", self.id), sealed)).transpose()
    }
}

const COLUMNS: &str =
    "select id, name, cause, segment_id, actions, url, secret, state, note, failures, quiet_days, created_by, created_at, updated_at
from play";

/// A play to be, or what one becomes.
#[derive(Debug, Clone)]
pub struct NewPlay {
    /// What it is called.
    pub name: String,
    /// What it waits for.
    pub cause: Cause,
    /// For customers of this segment only.
    pub segment: Option<SegmentId>,
    /// What it does.
    pub actions: Actions,
    /// Where its webhook is sent to, as typed; `None` for no webhook.
    pub url: Option<String>,
    /// Not again for the same customer within so many days.
    pub quiet_days: u32,
    /// Whether it runs.
    pub active: bool,
}

/// A play, and the secret that signs the deliveries of its webhook, if it has just got one: shown this once.
#[derive(Debug)]
pub struct MadePlay {
    /// The play.
    pub play: Play,
    /// Its new secret.
    pub secret: Option<Secret>,
}

/// All plays, by name.
pub async fn list(plays: &Plays, actor: &Actor) -> Result<Vec<Play>> {
    staff::only(actor, Permission::ReadCustomers)?;
    plays.db.all(sql(COLUMNS).and("order by name, id")).await
}

/// One play.
pub async fn get(plays: &Plays, actor: &Actor, id: &PlayId) -> Result<Play> {
    staff::reading_or(actor, Permission::ManageCustomers)?;
    find(&plays.db, id).await?.ok_or_else(|| Error::not_found("the play"))
}

async fn find(db: &Db, id: &PlayId) -> Result<Option<Play>> {
    db.optional(sql(COLUMNS).and("where id = $1").bind(id)).await
}

/// Makes a play. Fields: `name`, `cause`, `segment`, `task`, `mail`, `url`, `quiet_days`.
pub async fn create(plays: &Plays, actor: &Actor, new: &NewPlay) -> Result<MadePlay> {
    staff::only(actor, Permission::ManageCustomers)?;
    let new = checked(plays, new)?;
    let id = PlayId::new(&plays.clock);
    let secret = new.url.is_some().then(|| Secret::new(random_alphanumeric(43)));
    let (url, sealed) = seal(plays, &id, new.url.as_deref(), secret.as_ref());
    let play = plays
        .db
        .write(async |tx| {
            let (there,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from play")).await?;
            if there >= MOST {
                return Err(Error::conflict(format!("there may be {MOST} plays; remove one first")));
            }
            require(&tx, &new).await?;
            tx.execute(
                sql("insert into play (id, name, cause, segment_id, actions, url, secret, state, failures, quiet_days, created_by, created_at, updated_at)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, $11)")
                .bind(&id)
                .bind(&new.name)
                .bind(serde_json::to_string(&new.cause)?)
                .bind(new.segment.as_ref())
                .bind(serde_json::to_string(&new.actions)?)
                .bind(url.as_ref())
                .bind(sealed.as_ref())
                .bind(state_of(new.active))
                .bind(new.quiet_days)
                .bind(actor.name())
                .bind(plays.clock.now()),
            )
            .await?;
            told(&tx, plays, actor, "play.create", &id, &new.name).await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
        })
        .await?;
    plays.bus.signal("operators", "plays");
    Ok(MadePlay { play, secret })
}

/// Changes a play. With another address it gets another secret. Fields as [`create`].
pub async fn change(plays: &Plays, actor: &Actor, id: &PlayId, new: &NewPlay) -> Result<MadePlay> {
    staff::only(actor, Permission::ManageCustomers)?;
    let before = get(plays, actor, id).await?;
    let new = checked(plays, new)?;
    let former = before.url(&plays.key)?;
    let is_same = former.as_ref().map(Secret::reveal) == new.url.as_deref();
    let secret = (!is_same && new.url.is_some()).then(|| Secret::new(random_alphanumeric(43)));
    let (url, sealed) = if is_same { (before.url, before.secret) } else { seal(plays, id, new.url.as_deref(), secret.as_ref()) };
    let play = plays
        .db
        .write(async |tx| {
            require(&tx, &new).await?;
            let changed = tx
                .execute(
                    sql("update play
                         set name = $2, cause = $3, segment_id = $4, actions = $5, url = $6, secret = $7, state = $8, quiet_days = $9,
                             updated_at = $10, note = null, failures = 0
                         where id = $1")
                    .bind(id)
                    .bind(&new.name)
                    .bind(serde_json::to_string(&new.cause)?)
                    .bind(new.segment.as_ref())
                    .bind(serde_json::to_string(&new.actions)?)
                    .bind(url.as_ref())
                    .bind(sealed.as_ref())
                    .bind(state_of(new.active))
                    .bind(new.quiet_days)
                    .bind(plays.clock.now()),
                )
                .await?;
            if changed == 0 {
                return Err(Error::not_found("the play"));
            }
            told(&tx, plays, actor, "play.change", id, &new.name).await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(id)).await
        })
        .await?;
    plays.bus.signal("operators", "plays");
    Ok(MadePlay { play, secret })
}

/// Removes a play with the record of its runs. Tasks that it made stay.
pub async fn remove(plays: &Plays, actor: &Actor, id: &PlayId) -> Result<()> {
    staff::only(actor, Permission::ManageCustomers)?;
    let play = get(plays, actor, id).await?;
    plays
        .db
        .write(async |tx| {
            tx.execute(sql("delete from play where id = $1").bind(id)).await?;
            told(&tx, plays, actor, "play.remove", id, &play.name).await
        })
        .await?;
    plays.bus.signal("operators", "plays");
    Ok(())
}

fn state_of(active: bool) -> PlayState {
    if active { PlayState::Active } else { PlayState::Paused }
}

/// Checks all that needs no database, and makes texts and the address plain.
fn checked(plays: &Plays, new: &NewPlay) -> Result<NewPlay> {
    let name = staff::text("name", &new.name.replace(['\n', '\t'], " "), (1, LONGEST_NAME))?;
    if let Cause::Churn { above } = new.cause
        && !(above > 0.0 && above < 1.0)
    {
        return Err(Error::invalid("cause", "must be a probability between 0 and 1"));
    }
    if new.quiet_days > 365 {
        return Err(Error::invalid("quiet_days", "must be 0 to 365"));
    }
    let mut actions = new.actions.clone();
    if let Some(task) = &mut actions.task {
        task.title = staff::text("task", &task.title.replace(['\n', '\t'], " "), (1, LONGEST_TITLE))?;
        if task.due_in_days.is_some_and(|days| days > 365) {
            return Err(Error::invalid("task", "must be due within 365 days"));
        }
    }
    if let Some(mail) = &mut actions.mail {
        if mail.to.len() > MOST_ADDRESSES {
            return Err(Error::invalid("mail", format!("may go to {MOST_ADDRESSES} addresses at most")));
        }
        for address in &mut mail.to {
            let parsed = Email::parse(address).map_err(|_| Error::invalid("mail", "must be mail addresses"))?;
            *address = parsed.as_str().to_owned();
        }
        mail.to.sort();
        mail.to.dedup();
        if !mail.owner && mail.to.is_empty() {
            return Err(Error::invalid("mail", "must go to the owner or to an address"));
        }
    }
    let url = match &new.url {
        Some(typed) => Some(plays.outside.parse(typed)?.to_string()),
        None => None,
    };
    if actions.task.is_none() && actions.mail.is_none() && url.is_none() {
        return Err(Error::invalid("task", "must be given, or a mail, or a webhook: this play would do nothing"));
    }
    Ok(NewPlay { name, actions, url, ..new.clone() })
}

async fn require(tx: &Tx, new: &NewPlay) -> Result<()> {
    if let Some(TaskAction { assignee: Assignee::Member(member), .. }) = &new.actions.task {
        owners::require_staff(tx, member, "task").await?;
    }
    if let Some(segment) = &new.segment {
        let found: Option<(SegmentId,)> = tx.optional(sql("select id from segment where id = $1").bind(segment)).await?;
        found.ok_or_else(|| Error::invalid("segment", "must be one of the house's segments"))?;
    }
    Ok(())
}

fn seal(plays: &Plays, id: &PlayId, url: Option<&str>, secret: Option<&Secret>) -> (Option<String>, Option<String>) {
    let url = url.map(|url| plays.key.seal(&format!("play.url:{id}"), url));
    let secret = secret.map(|secret| plays.key.seal(&format!("play.secret:{id}"), secret.reveal()));
    (url, secret)
}

async fn told(tx: &Tx, plays: &Plays, actor: &Actor, action: &'static str, id: &PlayId, name: &str) -> Result<()> {
    audit::record(tx, &plays.clock, actor, Entry { action, customer: None, subject: id.as_str(), detail: json!({ "name": name }) }).await
}

/// Deletes deliveries and runs that are too old to be of use. Returns how many.
pub async fn sweep(db: &Db, clock: &Clock) -> Result<u64> {
    // Ids are ordered by time, so the primary key serves as the index.
    let before = |prefix: &str, kept: Duration| format!("{prefix}{}", &kit::id::time_ordered(clock.now().minus(kept))[..9]);
    let (delivery, run) = (before(deliveries::DeliveryId::PREFIX, DELIVERIES_KEPT), before(watch::RunId::PREFIX, RUNS_KEPT));
    db.write(async |tx| {
        let gone = tx.execute(sql("delete from play_delivery where id < $1").bind(&delivery)).await?;
        Ok(gone + tx.execute(sql("delete from play_run where id < $1").bind(&run)).await?)
    })
    .await
}
