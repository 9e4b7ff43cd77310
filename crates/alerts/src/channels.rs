//! Channels: where alerts are sent to, beside the live channel, which always hears them.

use accounts::audit::{self, Entry};
use accounts::{Actor, Email, Label, Permission};
use kit::db::{FromRow, Row};
use kit::secrets::{InstanceKey, Secret, random_alphanumeric};
use kit::{Error, Result, Timestamp, Tx, id_type, sql, text_enum};
use serde_json::json;

use crate::Alerts;
use crate::rules::renamed;

id_type!(
    /// A channel.
    ChannelId, "chan_"
);

const MOST: i64 = 30;
const MOST_ADDRESSES: usize = 10;

text_enum!(
    /// How a channel is sent to.
    ChannelKind {
        /// By mail.
        Mail = "mail",
        /// By a signed POST.
        Webhook = "webhook",
    }
);

/// A channel.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// What it is called.
    pub name: String,
    /// How it is sent to.
    pub kind: ChannelKind,
    /// Mails go to all admins of the house.
    pub to_admins: bool,
    /// And to these addresses.
    pub addresses: Vec<String>,
    /// Sealed: see [`Channel::url`].
    url: Option<String>,
    /// Sealed.
    secret: Option<String>,
    /// Why it was switched off by itself.
    pub note: Option<String>,
    /// Deliveries in a row that were given up.
    pub failures: i64,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl FromRow for Channel {
    fn from_row(row: &Row<'_>) -> Result<Channel> {
        let addresses = serde_json::from_str(&row.get::<String>("addresses")?);
        Ok(Channel {
            id: row.get("id")?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            to_admins: row.get("to_admins")?,
            addresses: addresses.map_err(|error| Error::internal(format!("a stored channel is malformed: {error}")))?,
            url: row.get("url")?,
            secret: row.get("secret")?,
            note: row.get("note")?,
            failures: row.get("failures")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl Channel {
    /// Where a webhook is sent to.
    pub fn url(&self, key: &InstanceKey) -> Result<Option<Secret>> {
        self.url.as_deref().map(|sealed| key.open(&format!("alert_channel.url:{}", self.id), sealed)).transpose()
    }

    /// The host of [`Channel::url`].
    pub fn host(&self, key: &InstanceKey) -> Result<Option<String>> {
        let url = self.url(key)?;
        Ok(url.and_then(|url| kit::fetch::Url::parse(url.reveal()).ok()).and_then(|url| url.host_str().map(str::to_owned)))
    }

    pub(crate) fn secret(&self, key: &InstanceKey) -> Result<Option<Secret>> {
        self.secret.as_deref().map(|sealed| key.open(&format!("alert_channel.secret:{}", self.id), sealed)).transpose()
    }

    /// Who gets its mails, or where it posts to, for people.
    pub fn target(&self, key: &InstanceKey) -> Result<String> {
        Ok(match (self.kind, self.to_admins, self.addresses.len()) {
            (ChannelKind::Webhook, ..) => self.host(key)?.unwrap_or_default(),
            (ChannelKind::Mail, true, 0) => "all admins".to_owned(),
            (ChannelKind::Mail, true, _) => format!("all admins, {}", self.addresses.join(", ")),
            (ChannelKind::Mail, false, _) => self.addresses.join(", "),
        })
    }
}

const COLUMNS: &str = "select id, name, kind, to_admins, addresses, url, secret, note, failures, updated_at from alert_channel";

/// A channel to be, or what one becomes.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// What it is called.
    pub name: String,
    /// How it is sent to.
    pub kind: ChannelKind,
    /// Mails go to all admins of the house.
    pub to_admins: bool,
    /// And to these addresses.
    pub addresses: Vec<String>,
    /// Where a webhook is sent to, as typed.
    pub url: String,
}

/// A channel, and the secret that signs what it sends, if it has just got one: shown this once.
#[derive(Debug)]
pub struct MadeChannel {
    /// The channel.
    pub channel: Channel,
    /// Its new secret.
    pub secret: Option<Secret>,
}

/// All channels, by name.
pub async fn list(alerts: &Alerts, actor: &Actor) -> Result<Vec<Channel>> {
    actor.may(Permission::OperateHouse)?;
    alerts.db.all(sql(COLUMNS).and("order by name, id")).await
}

/// One channel.
pub async fn get(alerts: &Alerts, actor: &Actor, id: &ChannelId) -> Result<Channel> {
    actor.may(Permission::OperateHouse)?;
    alerts.db.optional(sql(COLUMNS).and("where id = $1").bind(id)).await?.ok_or_else(|| Error::not_found("the channel"))
}

pub(crate) async fn find(tx: &Tx, id: &ChannelId) -> Result<Option<Channel>> {
    tx.optional(sql(COLUMNS).and("where id = $1").bind(id)).await
}

pub(crate) async fn of_rule(tx: &Tx, rule: &crate::rules::RuleId) -> Result<Vec<Channel>> {
    tx.all(sql(COLUMNS).and("where id in (select channel_id from alert_rule_channel where rule_id = $1) order by id").bind(rule)).await
}

/// Makes a channel. Fields: `name`, `addresses`, `url`.
pub async fn create(alerts: &Alerts, actor: &Actor, new: &NewChannel) -> Result<MadeChannel> {
    actor.may(Permission::OperateHouse)?;
    let new = checked(alerts, new)?;
    let id = ChannelId::new(&alerts.clock);
    let secret = (new.kind == ChannelKind::Webhook).then(|| Secret::new(random_alphanumeric(43)));
    let (url, sealed) = seal(alerts, &id, &new, secret.as_ref());
    let channel = alerts
        .db
        .write(async |tx| {
            let (there,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from alert_channel")).await?;
            if there >= MOST {
                return Err(Error::conflict(format!("there may be {MOST} channels; remove one first")));
            }
            tx.execute(
                sql("insert into alert_channel (id, name, kind, to_admins, addresses, url, secret, failures, created_by, created_at, updated_at)
                     values ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $9)")
                .bind(&id)
                .bind(&new.name)
                .bind(new.kind)
                .bind(new.to_admins)
                .bind(serde_json::to_string(&new.addresses)?)
                .bind(url.as_ref())
                .bind(sealed.as_ref())
                .bind(actor.name())
                .bind(alerts.clock.now()),
            )
            .await?;
            told(&tx, alerts, actor, "alert_channel.create", &id, &new.name).await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
        })
        .await?;
    alerts.bus.signal("operators", "alerts");
    Ok(MadeChannel { channel, secret })
}

/// Changes a channel, and switches it on again. Its kind stays; a webhook with another address gets another secret.
pub async fn change(alerts: &Alerts, actor: &Actor, id: &ChannelId, new: &NewChannel) -> Result<MadeChannel> {
    let before = get(alerts, actor, id).await?;
    let new = checked(alerts, &NewChannel { kind: before.kind, ..new.clone() })?;
    let is_same = before.url(&alerts.key)?.is_none_or(|url| url.reveal() == new.url);
    let secret = (!is_same).then(|| Secret::new(random_alphanumeric(43)));
    let (url, sealed) = if is_same { (before.url, before.secret) } else { seal(alerts, id, &new, secret.as_ref()) };
    let channel = alerts
        .db
        .write(async |tx| {
            let changed = tx
                .execute(
                    sql("update alert_channel
                         set name = $2, to_admins = $3, addresses = $4, url = $5, secret = $6, updated_at = $7, note = null, failures = 0
                         where id = $1")
                    .bind(id)
                    .bind(&new.name)
                    .bind(new.to_admins)
                    .bind(serde_json::to_string(&new.addresses)?)
                    .bind(url.as_ref())
                    .bind(sealed.as_ref())
                    .bind(alerts.clock.now()),
                )
                .await?;
            if changed == 0 {
                return Err(Error::not_found("the channel"));
            }
            told(&tx, alerts, actor, "alert_channel.change", id, &new.name).await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(id)).await
        })
        .await?;
    alerts.bus.signal("operators", "alerts");
    Ok(MadeChannel { channel, secret })
}

/// Removes a channel. What it sent stays on record.
pub async fn remove(alerts: &Alerts, actor: &Actor, id: &ChannelId) -> Result<()> {
    let channel = get(alerts, actor, id).await?;
    alerts
        .db
        .write(async |tx| {
            tx.execute(sql("delete from alert_channel where id = $1").bind(id)).await?;
            told(&tx, alerts, actor, "alert_channel.remove", id, &channel.name).await
        })
        .await?;
    alerts.bus.signal("operators", "alerts");
    Ok(())
}

/// Counts a delivery that was taken or given up; after some in a row that were given up the channel is switched off.
pub(crate) async fn judge(tx: &Tx, alerts: &Alerts, id: &ChannelId, went_well: bool) -> Result<()> {
    if went_well {
        return tx.execute(sql("update alert_channel set failures = 0 where id = $1 and failures > 0").bind(id)).await.map(|_| ());
    }
    let counted: Option<(i64,)> =
        tx.optional(sql("update alert_channel set failures = failures + 1 where id = $1 returning failures").bind(id)).await?;
    match counted {
        Some((failures,)) if failures >= insight::webhooks::PATIENCE => {
            stop(tx, alerts, id, &format!("The last {failures} deliveries failed at every try.")).await
        }
        _ => Ok(()),
    }
}

pub(crate) async fn stop(tx: &Tx, alerts: &Alerts, id: &ChannelId, why: &str) -> Result<()> {
    let statement = sql("update alert_channel set note = $2, updated_at = $3 where id = $1 and note is null");
    tx.execute(statement.bind(id).bind(why).bind(alerts.clock.now())).await.map(|_| ())
}

fn checked(alerts: &Alerts, new: &NewChannel) -> Result<NewChannel> {
    let name = Label::parse(&new.name).map_err(|error| renamed(error, "name"))?.to_string();
    if new.kind == ChannelKind::Webhook {
        let url = alerts.outside.parse(&new.url)?.to_string();
        return Ok(NewChannel { name, kind: new.kind, to_admins: false, addresses: Vec::new(), url });
    }
    if new.addresses.len() > MOST_ADDRESSES {
        return Err(Error::invalid("addresses", format!("may be {MOST_ADDRESSES} at most")));
    }
    let mut addresses = Vec::new();
    for address in &new.addresses {
        let parsed = Email::parse(address).map_err(|_| Error::invalid("addresses", "must be mail addresses"))?;
        addresses.push(parsed.as_str().to_owned());
    }
    addresses.sort();
    addresses.dedup();
    if !new.to_admins && addresses.is_empty() {
        return Err(Error::invalid("addresses", "must be given, or all admins"));
    }
    Ok(NewChannel { name, kind: new.kind, to_admins: new.to_admins, addresses, url: String::new() })
}

fn seal(alerts: &Alerts, id: &ChannelId, new: &NewChannel, secret: Option<&Secret>) -> (Option<String>, Option<String>) {
    let url = (new.kind == ChannelKind::Webhook).then(|| alerts.key.seal(&format!("alert_channel.url:{id}"), &new.url));
    (url, secret.map(|secret| alerts.key.seal(&format!("alert_channel.secret:{id}"), secret.reveal())))
}

async fn told(tx: &Tx, alerts: &Alerts, actor: &Actor, action: &'static str, id: &ChannelId, name: &str) -> Result<()> {
    audit::record(tx, &alerts.clock, actor, Entry { action, customer: None, subject: id.as_str(), detail: json!({ "name": name }) }).await
}
