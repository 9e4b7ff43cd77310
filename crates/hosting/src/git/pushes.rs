//! What was pushed: written down before Git moves anything, settled by Git's report, and turned into a deployment in the same
//! transaction when it is about the site's branch. A crash in between is found by [`settle_the_lost`].

use std::time::Duration;

use accounts::audit::{self, Entry};
use accounts::{Actor, Permission};
use kit::{Db, Error, Result, Timestamp, Tx, from_row, id_type, sql, text_enum};

use super::look::{self, Words};
use super::receive::{self, Report, Update};
use crate::deployments::{self, DeploymentId, DeploymentKind, Wish, queue};
use crate::sites::{self, Site, SiteId};
use crate::{Hosting, previews};

/// Rows that are kept of one site.
const KEPT: i64 = 100;
/// A push that Git may have stored without our knowing is looked at after so long.
const LOST_AFTER: Duration = Duration::from_secs(15);
/// A push that is not there after so long was never stored.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(2 * 3600);

id_type!(
    /// One branch or tag that somebody asked to move.
    PushId, "push_"
);

text_enum!(
    /// What became of it.
    PushState {
        /// Git is at it.
        Begun = "begun",
        /// It is where it was asked to be.
        Stored = "stored",
        /// It is where it was.
        Refused = "refused",
    }
);

/// One branch or tag that somebody asked to move.
#[derive(Debug, Clone)]
pub struct Push {
    /// Its id.
    pub id: PushId,
    /// Of which site.
    pub site_id: SiteId,
    /// The full name of the branch or tag.
    pub reference: String,
    /// Where it was.
    pub old_commit: String,
    /// Where it was asked to be.
    pub new_commit: String,
    /// Who asked.
    pub pushed_by: String,
    /// What became of it.
    pub state: PushState,
    /// First line of the commit's message, or why it was refused.
    pub subject: String,
    /// The deployment that it became.
    pub deployment_id: Option<DeploymentId>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

from_row!(Push { id, site_id, reference, old_commit, new_commit, pushed_by, state, subject, deployment_id, created_at });

const COLUMNS: &str = "select id, site_id, reference, old_commit, new_commit, pushed_by, state, subject, deployment_id, created_at
from site_push";

impl Push {
    fn update(&self) -> Update {
        Update { old: self.old_commit.clone(), new: self.new_commit.clone(), reference: self.reference.clone() }
    }
}

/// What a push led to, for whoever pushed.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It was not about the site's branch, or not stored.
    Nothing,
    /// The site's branch was stored, and will be deployed.
    Deployment(DeploymentId),
    /// The site's branch was stored, and will not be deployed: why.
    StoredOnly(String),
}

/// Writes down what somebody is about to push to a site of their scope.
pub async fn begin(hosting: &Hosting, actor: &Actor, site: &Site, updates: &[Update]) -> Result<Vec<PushId>> {
    actor.may(Permission::DeploySites)?;
    hosting
        .db
        .write(async |tx| {
            sites::get_in(&tx, &actor.scope(), &site.id).await?;
            let mut ids = Vec::new();
            for update in updates {
                let id = PushId::new(&hosting.clock);
                tx.execute(
                    sql("insert into site_push (id, site_id, reference, old_commit, new_commit, pushed_by, state, subject, created_at)
                         values ($1, $2, $3, $4, $5, $6, 'begun', '', $7)")
                    .bind(&id)
                    .bind(&site.id)
                    .bind(update.reference.chars().take(255).collect::<String>())
                    .bind(&update.old)
                    .bind(&update.new)
                    .bind(actor.name())
                    .bind(hosting.clock.now()),
                )
                .await?;
                ids.push(id);
            }
            Ok(ids)
        })
        .await
}

/// Settles what was begun, by Git's report, and asks for the deployment where the site's branch moved.
pub async fn settle(hosting: &Hosting, actor: &Actor, site: &Site, begun: &[PushId], report: &Report) -> Result<Outcome> {
    let mut outcome = Outcome::Nothing;
    for id in begun {
        let push: Push = hosting.db.one(sql(COLUMNS).and("where id = $1").bind(id)).await?;
        let verdict = report.of(&push.reference);
        let is_stored = verdict.is_ok();
        let led_to = settle_one(hosting, actor, site, &push, verdict).await?;
        if is_stored {
            tell_preview(hosting, actor, site, &push).await;
        }
        if push.update().is_of_the_site() {
            outcome = led_to;
        }
    }
    forget_old(&hosting.db, &site.id).await?;
    hosting.signal(site);
    Ok(outcome)
}

/// Lets the preview of another branch follow; one that cannot now does so later by itself, and the push is stored in any case.
async fn tell_preview(hosting: &Hosting, actor: &Actor, site: &Site, push: &Push) {
    let update = push.update();
    let Some(branch) = update.reference.strip_prefix("refs/heads/").filter(|_| !update.is_of_the_site()) else { return };
    let told = match update.removes() {
        true => previews::branch_deleted(hosting, actor, &site.id, branch).await,
        false => previews::pushed(hosting, actor, &site.id, branch, &update.new).await.map(|_| ()),
    };
    if let Err(error) = told {
        tracing::warn!(site.id = %site.id, "a preview does not follow the push to its branch yet: {error}");
    }
}

async fn settle_one(
    hosting: &Hosting,
    actor: &Actor,
    site: &Site,
    push: &Push,
    verdict: std::result::Result<(), String>,
) -> Result<Outcome> {
    let bare = hosting.repository(site);
    let (state, words) = match &verdict {
        Ok(()) => (PushState::Stored, look::words(&bare, &push.new_commit).await),
        Err(why) => (PushState::Refused, Words { subject: why.chars().take(200).collect(), author: String::new() }),
    };
    let is_wanted = state == PushState::Stored && push.update().is_of_the_site() && !push.update().removes();
    let outcome = hosting
        .db
        .write(async |tx| {
            let changed = tx
                .execute(
                    sql("update site_push set state = $2, subject = $3 where id = $1 and state = 'begun'")
                        .bind(&push.id)
                        .bind(state)
                        .bind(&words.subject),
                )
                .await?;
            if changed == 0 {
                // Somebody else has settled it, after what looked like a crash.
                let known: Push = tx.one(sql(COLUMNS).and("where id = $1").bind(&push.id)).await?;
                return Ok(known.deployment_id.map_or(Outcome::Nothing, Outcome::Deployment));
            }
            if state == PushState::Stored {
                let detail = serde_json::json!({ "ref": push.reference, "from": push.old_commit, "to": push.new_commit });
                let entry = Entry { action: "site.push", customer: Some(&site.customer_id), subject: site.id.as_str(), detail };
                audit::record(&tx, &hosting.clock, actor, entry).await?;
            }
            if !is_wanted {
                return Ok(Outcome::Nothing);
            }
            deploy(&tx, hosting, actor, &site.id, push, &words).await
        })
        .await?;
    if matches!(outcome, Outcome::Deployment(_)) {
        queue::enqueued(hosting, &site.id).await?;
    }
    Ok(outcome)
}

async fn deploy(tx: &Tx, hosting: &Hosting, actor: &Actor, site: &SiteId, push: &Push, words: &Words) -> Result<Outcome> {
    // As it is now: it may have been stopped while the push was on its way.
    let site = sites::get_in(tx, &actor.scope(), site).await?;
    let wish = Wish {
        kind: DeploymentKind::Push,
        branch: super::BRANCH.to_owned(),
        commit: push.new_commit.clone(),
        subject: words.subject.clone(),
        author: words.author.clone(),
        release: None,
    };
    match deployments::supersede_and_enqueue(tx, hosting, &site, actor, &wish).await {
        Ok(deployment) => {
            tx.execute(sql("update site_push set deployment_id = $2 where id = $1").bind(&push.id).bind(&deployment.id)).await?;
            Ok(Outcome::Deployment(deployment.id))
        }
        // Said before anything was written, so the push is kept.
        Err(Error::Conflict(why)) => Ok(Outcome::StoredOnly(why)),
        Err(other) => Err(other),
    }
}

async fn forget_old(db: &Db, site: &SiteId) -> Result<()> {
    let newest_to_go = sql("select id from site_push where site_id = $1 order by id desc limit 1 offset $2").bind(site).bind(KEPT);
    if let Some((id,)) = db.optional::<(PushId,)>(newest_to_go).await? {
        db.execute(sql("delete from site_push where site_id = $1 and id <= $2 and state <> 'begun'").bind(site).bind(&id)).await?;
    }
    Ok(())
}

/// The last pushes to a site of the actor's scope, newest first.
pub async fn last(db: &Db, actor: &Actor, site: &SiteId, limit: u32) -> Result<Vec<Push>> {
    actor.may(Permission::ReadSites)?;
    let site = sites::get(db, &actor.scope(), site).await?;
    db.all(sql(COLUMNS).and("where site_id = $1 order by id desc limit $2").bind(&site.id).bind(i64::from(limit.clamp(1, 100)))).await
}

/// Settles pushes whose end nobody saw, because Innkeeper was stopped meanwhile: what Git has stored is deployed after all.
///
/// One that is under way somewhere is left alone unless Git has stored it, and then whoever settles it first does so for both.
pub async fn settle_the_lost(hosting: &Hosting) -> Result<u32> {
    let now = hosting.clock.now();
    let begun: Vec<Push> = hosting
        .db
        .all(sql(COLUMNS).and("where state = 'begun' and created_at < $1 order by created_at limit 200").bind(now.minus(LOST_AFTER)))
        .await?;
    let actor = Actor::job("git.pushes");
    let mut settled = 0;
    for push in begun {
        let site = sites::get_any(&hosting.db, &push.site_id).await?;
        let bare = hosting.repository(&site);
        let there = match bare.is_dir() {
            true => look::commit_of(&bare, &push.reference).await?,
            false => None,
        };
        let is_stored = if receive::is_nothing(&push.new_commit) { there.is_none() } else { there.as_deref() == Some(&push.new_commit) };
        let verdict = match is_stored {
            true => Ok(()),
            false if now.since(push.created_at) > GIVEN_UP_AFTER => Err("the push did not finish".to_owned()),
            false => continue,
        };
        settle_one(hosting, &actor, &site, &push, verdict).await?;
        hosting.signal(&site);
        settled += 1;
    }
    Ok(settled)
}

/// Packs the site's repository when that is due. Begun after a push, waited for by nobody.
pub async fn tidy(hosting: &Hosting, site: &Site) {
    if let Err(error) = look::tidy(&hosting.repository(site)).await {
        tracing::warn!(site.id = %site.id, "tidying the repository of site `{}`: {error}", site.id);
    }
}
