//! The variables that a customer gives a site, beside those that Innkeeper gives it: versioned, sealed, and part of each release.
//!
//! A version is made by [`change`] and never altered. It is rolled out like a release, beside what serves and without a build; a
//! stopped site takes it over at its next start ([`start`]). Values leave this module for a release's `.env`, for redaction, and
//! for a person who asks for one of them by name ([`reveal`]).

mod change;
mod diff;
mod import;
mod names;
mod overview;
pub(crate) mod start;
mod store;

use std::collections::BTreeMap;

use kit::secrets::Secret;
use kit::{Db, Error, Result, Tx};

use crate::Hosting;
use crate::deployments::releases;
use crate::sites::{Site, SiteId};

pub use change::{Change, Changed, can_be_changed, change, planned, restoring};
pub use diff::Diff;
pub use import::{LineError, parse as import};
pub use names::{MAX_VALUE, complaint_about_name, complaint_about_value};
pub use overview::{Applied, Overview, PlatformVariable, Variable, history, overview, platform, reveal};
pub use store::Version;

/// Names and values of one version.
pub(crate) type Values = BTreeMap<String, Secret>;

/// The newest version of a site's own variables; 0 before there were any.
pub(crate) async fn current_version(tx: &Tx, site: &SiteId) -> Result<i64> {
    let (version,): (i64,) = tx.one(store::newest_version_of(site)).await?;
    Ok(version)
}

/// As [`current_version`], outside of a transaction.
pub(crate) async fn newest_version(db: &Db, site: &SiteId) -> Result<i64> {
    let (version,): (i64,) = db.one(store::newest_version_of(site)).await?;
    Ok(version)
}

/// The version of the site's own variables in the release that serves; one that is not on record yet has none.
pub(crate) async fn live_version(hosting: &Hosting, site: &Site) -> Result<i64> {
    Ok(releases::find(&hosting.db, &site.release_id).await?.map_or(0, |release| release.environment_version))
}

/// The site's own variables in the release that serves.
pub(crate) async fn of_live(hosting: &Hosting, site: &Site) -> Result<Vec<(String, String)>> {
    variables(hosting, site, live_version(hosting, site).await?).await
}

/// A site's own variables in a version, by name; names are checked, values are plain and secret. Fails where they cannot be read:
/// a site never runs without what it was given.
pub(crate) async fn variables(hosting: &Hosting, site: &Site, version: i64) -> Result<Vec<(String, String)>> {
    let values = values(hosting, &site.id, version).await?;
    Ok(values.into_iter().map(|(name, value)| (name, value.reveal().to_owned())).collect())
}

/// As [`variables`], values that do not print.
pub(crate) async fn values(hosting: &Hosting, site: &SiteId, version: i64) -> Result<Values> {
    if version == 0 {
        return Ok(Values::new());
    }
    let sealed: Option<(String,)> = hosting.db.optional(store::sealed_of(site, version)).await?;
    let (sealed,) = sealed.ok_or_else(|| Error::not_found(format!("version {version} of the variables")))?;
    store::open(&hosting.key, site, version, &sealed)
}

/// Names and values of every version whose values are still kept: what may stand in a log of this site.
pub(crate) async fn ever_given(hosting: &Hosting, site: &SiteId) -> Result<Vec<(String, String)>> {
    let mut found = std::collections::BTreeSet::new();
    for (version, sealed) in hosting.db.all::<(i64, String)>(store::kept_of(site)).await? {
        let values = store::open(&hosting.key, site, version, &sealed)?;
        found.extend(values.into_iter().map(|(name, value)| (name, value.reveal().to_owned())));
    }
    Ok(found.into_iter().collect())
}

/// Gives a preview the site's newest variables as its first version, sealed anew; none where the site has none.
pub(crate) async fn copy_to(tx: &Tx, hosting: &Hosting, site: &Site, preview: &Site, by: &str) -> Result<()> {
    let version = current_version(tx, &site.id).await?;
    let sealed: Option<(String,)> = tx.optional(store::sealed_of(&site.id, version)).await?;
    let Some((sealed,)) = sealed else { return Ok(()) };
    let values = store::open(&hosting.key, &site.id, version, &sealed)?;
    let changes = Diff::between(&Values::new(), &values);
    let new = store::NewVersion { version: 1, values: &values, changes: &changes, restores: None, created_by: by };
    store::insert(tx, &hosting.key, &hosting.clock, &preview.id, &new).await.map(|_| ())
}
