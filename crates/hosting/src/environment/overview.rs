//! What people see of a site's variables: names, versions and how far they are applied; a value only to who asks for it by name.

use std::collections::BTreeMap;

use accounts::audit::{self, Entry};
use accounts::{Actor, Scope};
use kit::secrets::Secret;
use kit::{Db, Error, Result, Timestamp, sql};

use super::names::PROPOSED;
use super::store::{self, Version};
use super::{Diff, live_version, newest_version, values};
use crate::deployments::{self, Deployment};
use crate::env_file::{self, PublicAddress};
use crate::sites::{self, Site, SiteId, SiteState};
use crate::{Hosting, adopt, redact};

/// One of a site's own variables, without its value.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// When it got the value it has, as far back as versions are read.
    pub since: Option<Timestamp>,
}

/// How far the newest version is applied.
#[derive(Debug, Clone)]
pub enum Applied {
    /// The release that serves has it, or there is none yet.
    Yes,
    /// This deployment is bringing it.
    Underway(Box<Deployment>),
    /// The site takes it over when it is started.
    AtStart,
    /// It was not taken over: its deployment failed, was cancelled or rolled back.
    No(Option<Box<Deployment>>),
}

/// A site's own variables as they are now.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Of which site.
    pub site: Site,
    /// By name.
    pub variables: Vec<Variable>,
    /// The newest version; 0 before there were any.
    pub version: i64,
    /// The version of the release that serves.
    pub live_version: i64,
    /// How far the newest version is applied.
    pub applied: Applied,
    /// Versions, newest first, 50 at most.
    pub history: Vec<Version>,
}

/// The variables of a site of the scope.
pub async fn overview(hosting: &Hosting, scope: &Scope, id: &SiteId) -> Result<Overview> {
    let site = sites::get(&hosting.db, scope, id).await?;
    adopt::refuse_adopted(&site)?;
    let version = newest_version(&hosting.db, id).await?;
    let live_version = live_version(hosting, &site).await?;
    let history = history(&hosting.db, scope, id, None, 50).await?;
    let mut since: BTreeMap<String, Timestamp> = BTreeMap::new();
    for older in history.iter().rev() {
        let Diff { added, changed, .. } = older.changes()?;
        since.extend(added.into_iter().chain(changed).map(|name| (name, older.created_at)));
    }
    let names = values(hosting, id, version).await?.into_keys();
    let variables = names.map(|name| Variable { since: since.get(&name).copied(), name }).collect();
    let applied = if version == live_version { Applied::Yes } else { applied(hosting, &site, version).await? };
    Ok(Overview { site, variables, version, live_version, applied, history })
}

async fn applied(hosting: &Hosting, site: &Site, version: i64) -> Result<Applied> {
    let newest: Option<Deployment> = hosting
        .db
        .optional(
            sql(deployments::COLUMNS)
                .and("where site_id = $1 and environment_version = $2 order by created_at desc, id desc limit 1")
                .bind(&site.id)
                .bind(version),
        )
        .await?;
    Ok(match newest {
        Some(deployment) if !deployment.state.is_over() => Applied::Underway(Box::new(deployment)),
        // One that never began, because the site was stopped before its turn came, did not decide anything.
        Some(deployment) if deployment.started_at.is_some() => Applied::No(Some(Box::new(deployment))),
        _ if site.state == SiteState::Stopped => Applied::AtStart,
        deployment => Applied::No(deployment.map(Box::new)),
    })
}

/// Versions of a site of the scope older than `before`, newest first.
pub async fn history(db: &Db, scope: &Scope, site: &SiteId, before: Option<i64>, limit: u32) -> Result<Vec<Version>> {
    sites::get(db, scope, site).await?;
    db.all(store::versions_of(site, before, i64::from(limit.clamp(1, 200)))).await
}

/// The value of one variable in a version, for who may change it; that it was shown is written down first.
pub async fn reveal(hosting: &Hosting, actor: &Actor, site: &SiteId, version: i64, name: &str) -> Result<Secret> {
    let site = sites::get(&hosting.db, &actor.scope(), site).await?;
    let value = values(hosting, &site.id, version).await?.remove(name).ok_or_else(|| Error::not_found("variable"))?;
    hosting
        .db
        .write(async |tx| {
            let detail = serde_json::json!({ "variable": name, "version": version });
            let entry = Entry { action: "site.environment_reveal", customer: Some(&site.customer_id), subject: site.id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await
        })
        .await?;
    Ok(value)
}

/// A variable that Innkeeper gives the site.
#[derive(Debug, Clone)]
pub struct PlatformVariable {
    /// Its name.
    pub name: &'static str,
    /// What it holds; none for a secret.
    pub value: Option<String>,
    /// Whether a variable of the site's own may take its place.
    pub may_be_replaced: bool,
}

/// What Innkeeper gives a site of the scope.
pub async fn platform(hosting: &Hosting, scope: &Scope, site: &SiteId) -> Result<Vec<PlatformVariable>> {
    let site = sites::get(&hosting.db, scope, site).await?;
    let secrets = site.open_secrets(&hosting.key)?;
    let variables = env_file::variables(&site, &secrets, &PublicAddress { url: hosting.url(&site) });
    let named = variables.into_iter().filter(|(name, _)| !name.starts_with('#'));
    Ok(named
        .map(|(name, value)| PlatformVariable {
            name,
            value: Some(value).filter(|value| value.is_empty() || !redact::is_secret_name(name)),
            may_be_replaced: PROPOSED.contains(&name),
        })
        .collect())
}
