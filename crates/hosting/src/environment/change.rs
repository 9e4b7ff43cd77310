//! Changing a site's own variables: several at once, checked, as a new version that is rolled out.

use std::collections::{BTreeMap, BTreeSet};

use accounts::audit::{self, Entry};
use accounts::{Actor, Scope};
use kit::secrets::Secret;
use kit::{Error, FieldError, Result, Tx};

use super::store::{self, NewVersion, Version};
use super::{Diff, Values, names};
use crate::deployments::{self, Deployment, DeploymentId, Wish, queue};
use crate::sites::{self, Site, SiteId, SiteState};
use crate::{Hosting, adopt, operations};

/// What is to be changed.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The version that whoever asks has seen: what was changed since is not overwritten.
    pub base_version: i64,
    /// Names with their new values.
    pub set: BTreeMap<String, Secret>,
    /// Names that go.
    pub remove: BTreeSet<String>,
    /// The earlier version whose values this brings back, for the history.
    pub restores: Option<i64>,
}

/// What came of a change.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The new version.
    pub version: i64,
    /// What it changed.
    pub diff: Diff,
    /// What rolls it out; none for a stopped site, which takes it over when it is started.
    pub deployment: Option<Deployment>,
}

/// Makes a new version of a site's variables and has it rolled out, both or neither.
pub async fn change(hosting: &Hosting, actor: &Actor, site: &SiteId, change: &Change) -> Result<Changed> {
    names::check(&change.set)?;
    let (site, version, diff, deployment) = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), site).await?;
            refuse_unless_settled(&site)?;
            let (values, diff) = next(&tx, hosting, &site, change).await?;
            let version = change.base_version + 1;
            let new = NewVersion { version, values: &values, changes: &diff, restores: change.restores, created_by: actor.name() };
            if !store::insert(&tx, &hosting.key, &hosting.clock, &site.id, &new).await? {
                return Err(Error::conflict("somebody else changed the variables at the same moment; please look at them and try again"));
            }
            let deployment = roll_out(&tx, hosting, actor, &site).await?;
            if let Some(deployment) = &deployment {
                store::set_deployment(&tx, &site.id, version, deployment).await?;
            }
            store::give_up_old(&tx, &site.id, version).await?;
            let detail = serde_json::json!({
                "version": version, "added": diff.added, "changed": diff.changed, "removed": diff.removed, "restores": change.restores,
            });
            let entry = Entry { action: "site.environment", customer: Some(&site.customer_id), subject: site.id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            Ok((site, version, diff, deployment))
        })
        .await?;
    queue::enqueued(hosting, &site.id).await?;
    hosting.signal(&site);
    let deployment = match deployment {
        Some(id) => Some(deployments::get_any(&hosting.db, &id).await?),
        None => None,
    };
    Ok(Changed { version, diff, deployment })
}

/// What rolls a version out that was just recorded; none when it waits for the site's start.
async fn roll_out(tx: &Tx, hosting: &Hosting, actor: &Actor, site: &Site) -> Result<Option<DeploymentId>> {
    match site.state {
        SiteState::Active => Ok(Some(deployments::supersede_and_enqueue(tx, hosting, site, actor, &Wish::new_settings()).await?.id)),
        _ => {
            // A start that is under way has read its settings already.
            operations::refuse_while_busy(tx, &site.id).await?;
            Ok(None)
        }
    }
}

/// Whether a site is one whose variables can be changed: made by us, and neither being made nor gone.
pub fn can_be_changed(site: &Site) -> bool {
    refuse_unless_settled(site).is_ok()
}

fn refuse_unless_settled(site: &Site) -> Result<()> {
    adopt::refuse_adopted(site)?;
    match site.state {
        SiteState::Active | SiteState::Stopped => Ok(()),
        state => Err(Error::conflict(format!("the variables of a site that is {state} cannot be changed"))),
    }
}

/// What a change would do, as [`change`] would check it.
pub async fn planned(hosting: &Hosting, scope: &Scope, site: &SiteId, change: &Change) -> Result<Diff> {
    names::check(&change.set)?;
    let plan = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, scope, site).await?;
            refuse_unless_settled(&site)?;
            next(&tx, hosting, &site, change).await
        })
        .await?;
    Ok(plan.1)
}

/// The change that brings back the values of an earlier version. Names that may not be any more are complained about when it is
/// made.
pub async fn restoring(hosting: &Hosting, scope: &Scope, site: &SiteId, base_version: i64, version: i64) -> Result<Change> {
    let site = sites::get(&hosting.db, scope, site).await?;
    let now = super::values(hosting, &site.id, base_version).await?;
    let then = super::values(hosting, &site.id, version).await?;
    let remove = now.keys().filter(|name| !then.contains_key(*name)).cloned().collect();
    let set = then.into_iter().filter(|(name, value)| now.get(name) != Some(value)).collect();
    Ok(Change { base_version, set, remove, restores: Some(version) })
}

/// The values after a change, and what it changes. Refuses one that was made from another version than the newest.
async fn next(tx: &Tx, hosting: &Hosting, site: &Site, change: &Change) -> Result<(Values, Diff)> {
    let newest = super::current_version(tx, &site.id).await?;
    if newest != change.base_version {
        return Err(stale(tx, &site.id, newest, change.base_version).await?);
    }
    let before = match newest {
        0 => Values::new(),
        version => {
            let (sealed,): (String,) = tx.one(store::sealed_of(&site.id, version)).await?;
            store::open(&hosting.key, &site.id, version, &sealed)?
        }
    };
    let unknown: Vec<FieldError> = change
        .remove
        .iter()
        .filter(|name| !before.contains_key(*name))
        .map(|name| FieldError { field: format!("remove.{name}"), message: "is none of the site's own variables".to_owned() })
        .collect();
    if !unknown.is_empty() {
        return Err(Error::Invalid(unknown));
    }
    let mut after = before.clone();
    after.retain(|name, _| !change.remove.contains(name));
    after.extend(change.set.clone());
    names::check_size(&after)?;
    let diff = Diff::between(&before, &after);
    if diff.is_empty() {
        return Err(Error::conflict("nothing would change: all of this is so already"));
    }
    Ok((after, diff))
}

/// Says who was quicker, and with what.
async fn stale(tx: &Tx, site: &SiteId, newest: i64, base: i64) -> Result<Error> {
    if base > newest {
        return Ok(Error::invalid("base_version", format!("must be the newest version, {newest}")));
    }
    let since: Vec<Version> = tx.all(store::versions_since(site, base)).await?;
    let mut told = Vec::new();
    for version in &since {
        told.push(format!("version {} by {} {}", version.version, version.created_by, version.changes()?.in_words()));
    }
    Ok(Error::conflict(format!(
        "the variables were changed meanwhile: {}. Nothing was overwritten; look at version {newest} and try again",
        told.join(". ")
    )))
}
