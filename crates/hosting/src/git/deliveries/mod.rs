//! Deliveries of webhooks: who sent it, what it says, and what is answered.
//!
//! A delivery is believed only when its signature is right for the very site whose repository it names, and is stored before it is
//! answered well. What it asks for is done by a job ([`super::pushed`]); a delivery that comes again gets the same answer.

mod payload;
mod store;

use kit::jobs::{self, Enqueue};
use kit::secrets::{constant_time_eq, hmac_sha256_hex, sha256_hex};
use kit::{Error, Result, Tx, id_type, sql, text_enum};
use tracing::{info, warn};

pub use payload::Payload;
pub use store::{Delivery, Sweep, list};
pub(crate) use store::{came_to, deployment_of, has_newer, note};

use super::providers::ProviderKind;
use super::pushed::DeployPushed;
use super::repositories;
use crate::Hosting;
use crate::sites::{self, Site, SiteId, SiteState};
use payload::Said;

id_type!(
    /// One delivery of a webhook.
    DeliveryId, "whd_"
);

text_enum!(
    /// What a delivery leads to.
    Outcome {
        /// The pushed commit will be deployed.
        Queued = "queued",
        /// Nothing is to be done.
        Ignored = "ignored",
    }
);

/// A delivery as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Whose form it has; none for the plain form, which names no event.
    pub provider: Option<ProviderKind>,
    /// What the sender calls the event; empty where it does not say.
    pub event: &'a str,
    /// What the sender calls the delivery.
    pub delivery_id: Option<&'a str>,
    /// The signature as sent, `sha256=…`.
    pub signature: Option<&'a str>,
    /// The body as sent, which is what is signed.
    pub body: &'a [u8],
}

/// What the sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Under which id the delivery is stored.
    pub id: DeliveryId,
    /// For which site.
    pub site_id: SiteId,
    /// What it leads to.
    pub outcome: Outcome,
    /// In words.
    pub message: String,
}

/// The longest names of events and deliveries that are stored.
const MAX_NAME: usize = 100;

/// Takes in a delivery whose body says `payload`.
///
/// Whoever does not know a site's secret learns nothing: an unknown repository and a wrong signature are answered alike, after the
/// same work.
pub async fn receive(hosting: &Hosting, incoming: &Incoming<'_>, payload: &Payload) -> Result<Answer> {
    let addresses = payload.repository()?;
    let Some(signature) = incoming.signature else {
        return Err(Error::forbidden(
            "the header X-Hub-Signature-256 is missing: send `sha256=` and the HMAC-SHA-256 of the body with the site's webhook secret",
        ));
    };
    let site = believed(hosting, incoming, &addresses, signature).await?;
    let said = payload.said(incoming.provider, incoming.event)?;
    let (outcome, message) = judge(&site, &said);
    let answer = hosting.db.write(async |tx| store_once(&tx, hosting, &site, incoming, &said, outcome, &message).await).await?;
    info!(site.id = %site.id, delivery = %answer.id, "delivery `{}` of site `{}`: {}", answer.id, site.id, answer.message);
    hosting.signal(&site);
    Ok(answer)
}

/// The site that a delivery is about, once its signature is right.
async fn believed(hosting: &Hosting, incoming: &Incoming<'_>, addresses: &payload::Addresses, signature: &str) -> Result<Site> {
    let mut found: Option<Site> = None;
    let candidates = candidates(hosting, incoming.provider, addresses).await?;
    for site in &candidates {
        let secrets = site.open_secrets(&hosting.key)?;
        if secrets.webhook_secret.is_empty() {
            warn!(site.id = %site.id, "a delivery came for site `{}`, which has no webhook secret yet", site.id);
            continue;
        }
        if is_signed(&secrets.webhook_secret, incoming.body, signature) {
            found = Some(site.clone());
        }
    }
    if candidates.is_empty() {
        // As long as it takes with a site.
        let _ = is_signed("nobody's", incoming.body, signature);
    }
    found.ok_or_else(|| {
        Error::forbidden("no site here has this repository and a webhook secret that fits the signature; compare both with the site's page")
    })
}

/// Only as it is sent by all: `sha256=` and lower-case hex, compared in constant time.
fn is_signed(secret: &str, body: &[u8], signature: &str) -> bool {
    constant_time_eq(&format!("sha256={}", hmac_sha256_hex(secret, body)), signature)
}

/// Sites whose repository it could be. Which one, the signature tells.
async fn candidates(hosting: &Hosting, provider: Option<ProviderKind>, addresses: &payload::Addresses) -> Result<Vec<Site>> {
    let mut ids = Vec::new();
    for (id, kind, clone_url) in repositories::sites_called(&hosting.db, &addresses.full_name).await? {
        let same_host = addresses.clone_url.as_deref().is_none_or(|url| host_of(url) == host_of(&clone_url));
        if provider.is_none_or(|provider| provider == kind) && same_host {
            ids.push(id);
        }
    }
    if provider.is_none() {
        ids.extend(embedded_site(hosting, addresses));
    }
    let mut found = Vec::new();
    for id in ids {
        match sites::get_any(&hosting.db, &id).await {
            Ok(site) => found.push(site),
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The site whose embedded repository is named: by its address, or as `{customer}/{app}`.
fn embedded_site(hosting: &Hosting, addresses: &payload::Addresses) -> Option<SiteId> {
    let by_url = |url: &str| {
        let name = url.strip_prefix(hosting.public_url.trim_end_matches('/'))?.strip_prefix("/git/")?;
        SiteId::parse(name.strip_suffix(".git").unwrap_or(name)).ok()
    };
    let by_name = || {
        let (owner, name) = addresses.full_name.split_once('/')?;
        let known_owner = owner == "git" || owner.starts_with("cust_");
        SiteId::parse(name.strip_suffix(".git").unwrap_or(name)).ok().filter(|_| known_owner)
    };
    addresses.clone_url.as_deref().and_then(by_url).or_else(by_name)
}

fn host_of(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_lowercase())
}

/// What follows from what was said.
fn judge(site: &Site, said: &Said) -> (Outcome, String) {
    match said {
        Said::Nothing(why) => (Outcome::Ignored, why.clone()),
        Said::Push(push) => match site.state {
            SiteState::Active => (Outcome::Queued, format!("commit {} of {} will be deployed", push.commit, push.branch)),
            SiteState::Stopped => (Outcome::Ignored, "the site is stopped; the newest commit is deployed once it is started".to_owned()),
            state => (Outcome::Ignored, format!("the site is {state}; the newest commit is deployed once it is active")),
        },
    }
}

/// Stores a delivery and enqueues what it asks for. One that is known by its id or by its body is answered as it was the first time.
async fn store_once(
    tx: &Tx,
    hosting: &Hosting,
    site: &Site,
    incoming: &Incoming<'_>,
    said: &Said,
    outcome: Outcome,
    message: &str,
) -> Result<Answer> {
    let body_hash = sha256_hex(incoming.body);
    let provider = incoming.provider.unwrap_or(ProviderKind::Embedded);
    let delivery_id = shortened(incoming.delivery_id.filter(|id| !id.is_empty()).unwrap_or(&body_hash));
    if let Some(known) = store::known(tx, &site.id, provider, &delivery_id, &body_hash).await? {
        return Ok(known);
    }
    let id = DeliveryId::new(&hosting.clock);
    let push = if let Said::Push(push) = said { Some(push) } else { None };
    let query =
        sql("insert into webhook_delivery (id, site_id, provider, delivery_id, event, body_hash, received_at, outcome, answer, branch, commit_hash)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             on conflict do nothing")
        .bind(&id)
        .bind(&site.id)
        .bind(provider)
        .bind(delivery_id)
        .bind(shortened(if incoming.event.is_empty() { "push" } else { incoming.event }))
        .bind(body_hash)
        .bind(hosting.clock.now())
        .bind(outcome)
        .bind(message)
        .bind(push.map(|push| push.branch.clone()))
        .bind(push.map(|push| push.commit.clone()));
    // One that came at the same moment is seen once its transaction has ended.
    if tx.execute(query).await? == 0 {
        return Err(Error::unavailable("the same delivery is just being taken in; send it again"));
    }
    if let (Outcome::Queued, Some(push)) = (outcome, push) {
        let job = DeployPushed {
            site_id: site.id.clone(),
            branch: push.branch.clone(),
            commit: push.commit.clone(),
            before: push.before.clone(),
            delivery_id: Some(id.clone()),
        };
        jobs::enqueue::<Hosting, _>(tx, &hosting.clock, &job, Enqueue::default()).await?;
    }
    Ok(Answer { id, site_id: site.id.clone(), outcome, message: message.to_owned() })
}

fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_signature_of_these_very_bytes_counts() {
        let body = br#"{"ref":"refs/heads/main"}"#;
        let good = format!("sha256={}", hmac_sha256_hex("s3cret", body));
        assert!(is_signed("s3cret", body, &good));
        let hex = good.strip_prefix("sha256=").unwrap();
        for bad in [
            String::new(),
            "sha256=".to_owned(),
            hex.to_owned(),
            good.to_uppercase(),
            format!("sha256={}", hex.to_uppercase()),
            format!("sha1={hex}"),
            good[..good.len() - 1].to_owned(),
            format!("{good}0"),
            format!(" {good}"),
            format!("sha256={}", hmac_sha256_hex("", body)),
            format!("sha256={}", hmac_sha256_hex("s3cret", br#"{ "ref": "refs/heads/main" }"#)),
        ] {
            assert!(!is_signed("s3cret", body, &bad), "{bad}");
        }
    }
}
