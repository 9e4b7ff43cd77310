//! Telling what became of a deployment: people by mail as each of them likes it, programs by webhooks ([`webhooks`]) and by an event
//! in the site's room.
//!
//! Whoever writes a verdict calls [`enqueue`] in the same transaction. A job then writes down, in one transaction of its own, the mails
//! and deliveries that follow from it, so that each verdict is told once, whatever is interrupted.

pub mod deliveries;
mod mails;
mod payload;
pub mod preferences;
mod send;
pub mod webhooks;

use std::time::Duration;

use accounts::{CustomerId, names};
use kit::jobs::{self, Attempt, Enqueue, Job};
use kit::mail::Mailer;
use kit::{Clock, Db, Error, Result, Timestamp, Tx, sql};
use serde::{Deserialize, Serialize};
use tracing::warn;

pub(crate) use send::Places;
pub use send::{DeliverWebhook, PLACES};

use crate::deployments::watch::Evidence;
use crate::deployments::{self, Deployment, DeploymentId, DeploymentKind, DeploymentState};
use crate::sites::{self, Site, SiteId};
use crate::{Hosting, redact};
use deliveries::DeliveryId;
use mails::Facts;
use preferences::About;
use webhooks::WebhookEvent;

/// After a mail about a failure, further failures of the same site wait so long for one mail about all of them.
const ONE_MAIL_IN: Duration = Duration::from_secs(10 * 60);
/// Deliveries are kept so long.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// More of a text of somebody else is not passed on.
const LONGEST_TEXT: usize = 1000;

/// What telling needs.
#[derive(Clone)]
pub struct Teller {
    /// Sites.
    pub hosting: Hosting,
    /// The outbox.
    pub mailer: Mailer,
}

impl AsRef<Hosting> for Teller {
    fn as_ref(&self) -> &Hosting {
        &self.hosting
    }
}

impl AsRef<Mailer> for Teller {
    fn as_ref(&self) -> &Mailer {
        &self.mailer
    }
}

/// Has the verdict of a deployment told, in the transaction in which it is written. Said twice, it is told once; before there is a
/// verdict nothing is.
pub async fn enqueue(tx: &Tx, hosting: &Hosting, id: &DeploymentId) -> Result<()> {
    let now = hosting.clock.now();
    let found: Option<(DeploymentState, SiteId)> = tx.optional(sql("select state, site_id from deployment where id = $1").bind(id)).await?;
    let Some((verdict, site)) = found.filter(|(state, _)| state.is_over()) else { return Ok(()) };
    let added = tx
        .execute(
            sql("insert into deployment_told (deployment_id, verdict, site_id, created_at) values ($1, $2, $3, $4)
                 on conflict (deployment_id, verdict) do nothing")
            .bind(id)
            .bind(verdict)
            .bind(&site)
            .bind(now),
        )
        .await?;
    if added > 0 {
        let job = TellDeployment { deployment_id: id.clone(), verdict };
        jobs::enqueue::<Teller, _>(tx, &hosting.clock, &job, Enqueue::default()).await?;
    }
    Ok(())
}

/// Tells programs in the site's room how a deployment stands: the event `deployment`.
pub fn announce(hosting: &Hosting, deployment: &Deployment) {
    announce_as(hosting, deployment, deployment.state);
}

fn announce_as(hosting: &Hosting, deployment: &Deployment, state: DeploymentState) {
    let data = serde_json::json!({
        "app_id": deployment.site_id,
        "deployment_id": deployment.id,
        "status": state,
        "commit_hash": deployment.commit_hash,
        "at": hosting.clock.now().rfc3339(),
    });
    hosting.bus.tell(format!("site:{}", deployment.site_id), "deployment", data);
}

/// Tells the verdict of a deployment to everyone who wants to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TellDeployment {
    /// Which.
    pub deployment_id: DeploymentId,
    /// The verdict when this was written; it may have another by now.
    pub verdict: DeploymentState,
}

impl<C: AsRef<Hosting> + AsRef<Mailer> + Send + 'static> Job<C> for TellDeployment {
    const KIND: &'static str = "deployment.tell";
    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let (hosting, mailer): (Hosting, Mailer) = (AsRef::<Hosting>::as_ref(&context).clone(), AsRef::<Mailer>::as_ref(&context).clone());
        tell(&hosting, &mailer, &self).await
    }
}

async fn tell(hosting: &Hosting, mailer: &Mailer, job: &TellDeployment) -> Result<()> {
    // Gone with its site: nobody waits for it.
    let Some(deployment) = deployments::find_any(&hosting.db, &job.deployment_id).await? else { return Ok(()) };
    let site = sites::get_any(&hosting.db, &deployment.site_id).await?;
    announce_as(hosting, &deployment, job.verdict);
    if job.verdict == DeploymentState::Superseded {
        return Ok(());
    }
    let deployment = Deployment { state: job.verdict, ..Cleaner::of(hosting, &site).await.deployment(deployment) };
    let now = hosting.clock.now();
    let told = hosting
        .db
        .write(async |tx| {
            let first = tx
                .execute(
                    sql("update deployment_told set told_at = $3 where deployment_id = $1 and verdict = $2 and told_at is null")
                        .bind(&deployment.id)
                        .bind(job.verdict)
                        .bind(now),
                )
                .await?;
            if first == 0 {
                return Ok(false);
            }
            write_mails(&tx, hosting, mailer, &site, &deployment).await?;
            if let Some(event) = WebhookEvent::of(job.verdict) {
                deliveries::enqueue_all(&tx, hosting, &site, event, &deployment).await?;
            }
            Ok(true)
        })
        .await?;
    if told {
        deliveries::signal(hosting, &site.id);
    }
    Ok(())
}

/// Makes the texts that others wrote fit to leave the house: nothing secret, nothing that deceives the eye.
struct Cleaner(Option<redact::Known>);

impl Cleaner {
    /// Reads what the site keeps secret. Where that cannot be read, nothing is said of what it printed.
    async fn of(hosting: &Hosting, site: &Site) -> Cleaner {
        let known = redact::known_of(hosting, site).await;
        Cleaner(known.inspect_err(|error| warn!(site.id = %site.id, "reading what a site keeps secret: {error}")).ok())
    }

    fn text(&self, text: &str) -> String {
        match &self.0 {
            Some(known) => readable(&redact::text(known, text), LONGEST_TEXT),
            None if text.is_empty() => String::new(),
            None => "[hidden]".to_owned(),
        }
    }

    fn deployment(&self, deployment: Deployment) -> Deployment {
        let evidence = deployment.evidence.as_deref().and_then(|text| serde_json::from_str::<Evidence>(text).ok());
        let evidence = evidence.map(|seen| Evidence { reason: self.text(&seen.reason), ..seen });
        Deployment {
            subject: self.text(&deployment.subject),
            author: self.text(&deployment.author),
            branch: self.text(&deployment.branch),
            error: deployment.error.as_deref().map(|error| self.text(error)),
            evidence: evidence.and_then(|seen| serde_json::to_string(&seen).ok()),
            ..deployment
        }
    }
}

/// A text of somebody else: bounded, without what is invisible, lines kept.
fn readable(text: &str, longest: usize) -> String {
    let plain: String = text.chars().filter(|c| *c == '\n' || !names::misleads(*c)).take(longest).collect();
    plain.trim().to_owned()
}

async fn write_mails(tx: &Tx, hosting: &Hosting, mailer: &Mailer, site: &Site, deployment: &Deployment) -> Result<()> {
    let about = match deployment.state {
        DeploymentState::Success if deployment.kind == DeploymentKind::AutomaticRollback => return Ok(()),
        DeploymentState::Success => About::Succeeded,
        DeploymentState::Failed => About::Failed,
        DeploymentState::RolledBack => About::RolledBack,
        _ => return Ok(()),
    };
    if about == About::Failed && hold_back(tx, hosting, site, deployment).await? {
        return Ok(());
    }
    let facts = Facts::of(hosting, site);
    for recipient in preferences::recipients(tx, &site.customer_id, about).await? {
        let mail = match about {
            About::Succeeded => mails::succeeded(&facts, &recipient, deployment),
            About::Failed => mails::failed(&facts, &recipient, deployment),
            About::RolledBack => mails::rolled_back(&facts, &recipient, deployment),
        };
        mailer.queue(tx, &mail).await?;
    }
    Ok(())
}

/// Whether a failure waits, because there was a mail about one a moment ago. Otherwise it is noted that there is one now.
async fn hold_back(tx: &Tx, hosting: &Hosting, site: &Site, deployment: &Deployment) -> Result<bool> {
    let now = hosting.clock.now();
    let last = sql("select mailed_at from deployment_told where site_id = $1 and mailed_at is not null order by mailed_at desc limit 1");
    let last: Option<(Timestamp,)> = tx.optional(last.bind(&site.id)).await?;
    let until = last.map(|(at,)| at.plus(ONE_MAIL_IN)).filter(|until| *until > now);
    let note = match until {
        Some(_) => sql("update deployment_told set held_at = $2 where deployment_id = $1 and verdict = 'failed'"),
        None => sql("update deployment_told set mailed_at = $2 where deployment_id = $1 and verdict = 'failed'"),
    };
    tx.execute(note.bind(&deployment.id).bind(now)).await?;
    if let Some(until) = until {
        // By the time in the key, a failure that comes while the job of the time before still runs gets a job of its own.
        let how = Enqueue { unique_key: Some(format!("deployment.tell_failures:{}:{}", site.id, until.0)), run_at: Some(until) };
        jobs::enqueue::<Teller, _>(tx, &hosting.clock, &TellFailures { site_id: site.id.clone() }, how).await?;
    }
    Ok(until.is_some())
}

/// Mails about the failures of a site that waited, all in one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TellFailures {
    /// Of which site.
    pub site_id: SiteId,
}

impl<C: AsRef<Hosting> + AsRef<Mailer> + Send + 'static> Job<C> for TellFailures {
    const KIND: &'static str = "deployment.tell_failures";
    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let (hosting, mailer): (Hosting, Mailer) = (AsRef::<Hosting>::as_ref(&context).clone(), AsRef::<Mailer>::as_ref(&context).clone());
        tell_failures(&hosting, &mailer, &self.site_id).await
    }
}

async fn tell_failures(hosting: &Hosting, mailer: &Mailer, site: &SiteId) -> Result<()> {
    let site = match sites::get_any(&hosting.db, site).await {
        Err(Error::NotFound(_)) => return Ok(()),
        found => found?,
    };
    let cleaner = Cleaner::of(hosting, &site).await;
    hosting
        .db
        .write(async |tx| {
            let held: Vec<(DeploymentId,)> =
                tx.all(sql("select deployment_id from deployment_told where site_id = $1 and held_at is not null order by held_at, deployment_id").bind(&site.id)).await?;
            let Some((last,)) = held.last() else { return Ok(()) };
            let now = hosting.clock.now();
            tx.execute(
                sql("update deployment_told set held_at = null, mailed_at = $2 where site_id = $1 and held_at is not null")
                    .bind(&site.id)
                    .bind(now),
            )
            .await?;
            // What failed and works by now is no news.
            let since: Option<(String,)> = tx
                .optional(
                    sql("select id from deployment
                         where site_id = $1 and state = 'success' and (created_at, id) > (select created_at, id from deployment where id = $2)
                         limit 1")
                    .bind(&site.id)
                    .bind(last),
                )
                .await?;
            if since.is_some() {
                return Ok(());
            }
            let failed = cleaner.deployment(deployments::get_in(&tx, last).await?);
            let facts = Facts::of(hosting, &site);
            for recipient in preferences::recipients(&tx, &site.customer_id, About::Failed).await? {
                let mail = match held.len() {
                    1 => mails::failed(&facts, &recipient, &failed),
                    many => mails::failures(&facts, &recipient, &failed, many),
                };
                mailer.queue(&tx, &mail).await?;
            }
            Ok(())
        })
        .await
}

/// Deletes deliveries that are too old to be of use, and secrets of webhooks that were replaced. Returns how many deliveries.
pub async fn sweep(db: &Db, clock: &Clock) -> Result<u64> {
    webhooks::forget_old_secrets(db, clock.now()).await?;
    // Ids are ordered by time, so the primary key serves as the index.
    let first_kept = DeliveryId::new(&Clock::manual(clock.now().minus(KEPT)));
    let (first_kept, _random) = first_kept.as_str().split_at(DeliveryId::PREFIX.len() + 9);
    db.execute(sql("delete from outgoing_delivery where id < $1").bind(first_kept)).await
}

/// Whether a customer is let in; nobody is mailed about sites of one who is not.
async fn is_let_in(tx: &Tx, customer: &CustomerId) -> Result<bool> {
    let found: Option<(CustomerId,)> =
        tx.optional(sql("select id from customer where id = $1 and suspended_at is null").bind(customer)).await?;
    Ok(found.is_some())
}
