//! The rows of versions, and their seals.

use kit::db::Sql;
use kit::secrets::InstanceKey;
use kit::{Clock, Context, Error, Result, Timestamp, Tx, from_row, sql};

use super::{Diff, Values};
use crate::deployments::DeploymentId;
use crate::sites::SiteId;

/// The values of so many versions are kept, and those of every release that is.
const KEPT: i64 = 20;

/// One version of a site's own variables, without values.
#[derive(Debug, Clone)]
pub struct Version {
    /// Which one, from 1.
    pub version: i64,
    /// JSON of a [`Diff`].
    changes: String,
    /// The earlier version whose values it brought back.
    pub restores: Option<i64>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// What was asked to roll it out; none when it was to wait for the site's start.
    pub deployment_id: Option<DeploymentId>,
    /// Whether its values are still kept, so that they can be brought back.
    pub is_kept: bool,
}

from_row!(Version { version, changes, restores, created_by, created_at, deployment_id, is_kept });

const COLUMNS: &str = "select version, changes, restores, created_by, created_at, deployment_id, sealed <> '' as is_kept
from environment_version";

impl Version {
    /// What it changed.
    pub fn changes(&self) -> Result<Diff> {
        serde_json::from_str(&self.changes).context("reading the changes of a version")
    }
}

pub(super) fn newest_version_of(site: &SiteId) -> Sql {
    sql("select cast(coalesce(max(version), 0) as bigint) from environment_version where site_id = $1").bind(site)
}

pub(super) fn sealed_of(site: &SiteId, version: i64) -> Sql {
    sql("select sealed from environment_version where site_id = $1 and version = $2").bind(site).bind(version)
}

/// Versions with their seals, where values are kept.
pub(super) fn kept_of(site: &SiteId) -> Sql {
    sql("select version, sealed from environment_version where site_id = $1 and sealed <> '' order by version").bind(site)
}

/// Versions from `before` back, newest first.
pub(super) fn versions_of(site: &SiteId, before: Option<i64>, limit: i64) -> Sql {
    sql(COLUMNS)
        .and("where site_id = $1 and version < $2 order by version desc limit $3")
        .bind(site)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
}

/// Versions that were made since `version`, oldest first.
pub(super) fn versions_since(site: &SiteId, version: i64) -> Sql {
    sql(COLUMNS).and("where site_id = $1 and version > $2 order by version limit 100").bind(site).bind(version)
}

fn purpose(site: &SiteId, version: i64) -> String {
    format!("environment:{site}:{version}")
}

fn seal(key: &InstanceKey, site: &SiteId, version: i64, values: &Values) -> Result<String> {
    let plain: std::collections::BTreeMap<&str, &str> = values.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    Ok(key.seal(&purpose(site, version), &serde_json::to_string(&plain)?))
}

/// Opens a version's seal. One that does not open is an error that a person reads, and never an empty environment.
pub(super) fn open(key: &InstanceKey, site: &SiteId, version: i64, sealed: &str) -> Result<Values> {
    if sealed.is_empty() {
        return Err(Error::conflict(format!("the values of version {version} are no longer kept")));
    }
    let plain = key.open(&purpose(site, version), sealed).and_then(|plain| Ok(serde_json::from_str(plain.reveal())?));
    plain.map_err(|error| {
        tracing::error!(site.id = %site, version, "variables of site `{site}` do not open: {error}");
        Error::conflict(format!(
            "the site's variables (version {version}) cannot be read with this server's key, so nothing is started without them; \
             restore the file instance.key that they were sealed with"
        ))
    })
}

/// What a new version is made of.
pub(super) struct NewVersion<'a> {
    pub version: i64,
    pub values: &'a Values,
    pub changes: &'a Diff,
    pub restores: Option<i64>,
    pub created_by: &'a str,
}

/// Records a version; returns whether nobody was quicker.
pub(super) async fn insert(tx: &Tx, key: &InstanceKey, clock: &Clock, site: &SiteId, new: &NewVersion<'_>) -> Result<bool> {
    let inserted = tx
        .execute(
            sql("insert into environment_version (site_id, version, sealed, changes, restores, created_by, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7) on conflict (site_id, version) do nothing")
            .bind(site)
            .bind(new.version)
            .bind(seal(key, site, new.version, new.values)?)
            .bind(serde_json::to_string(new.changes)?)
            .bind(new.restores)
            .bind(new.created_by)
            .bind(clock.now()),
        )
        .await?;
    Ok(inserted == 1)
}

/// Says what rolls a version out.
pub(super) async fn set_deployment(tx: &Tx, site: &SiteId, version: i64, deployment: &DeploymentId) -> Result<()> {
    let update = sql("update environment_version set deployment_id = $3 where site_id = $1 and version = $2")
        .bind(site)
        .bind(version)
        .bind(deployment);
    tx.execute(update).await.map(|_| ())
}

/// Gives up the values of versions that are old and that no release or deployment needs; who changed what when stays.
pub(super) async fn give_up_old(tx: &Tx, site: &SiteId, newest: i64) -> Result<()> {
    tx.execute(
        sql("update environment_version set sealed = ''
             where site_id = $1 and version <= $2 and sealed <> ''
               and not exists (select 1 from release
                               where release.site_id = environment_version.site_id
                                 and release.environment_version = environment_version.version and release.retired_at is null)
               and not exists (select 1 from deployment
                               where deployment.site_id = environment_version.site_id
                                 and deployment.environment_version = environment_version.version
                                 and deployment.state in ('queued', 'running'))")
        .bind(site)
        .bind(newest - KEPT),
    )
    .await
    .map(|_| ())
}
