//! Releases: what a site can serve, and goes back to. Made once, never changed.

use std::collections::{BTreeMap, HashSet};

use accounts::Scope;
use kit::{Clock, Context, Db, Error, Result, Timestamp, Tx, from_row, sql};

use crate::sites::{self, ReleaseId, Site, SiteId};
use crate::{Hosting, git};

/// An immutable release of a site.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// Of which site.
    pub site_id: SiteId,
    /// The commit; empty when there was none.
    pub commit_hash: String,
    /// JSON of [`Release::images`].
    images: String,
    /// Which version of the site's own variables it runs with.
    pub environment_version: i64,
    /// The template's version whose description of services it runs by.
    pub template_version: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last began to serve.
    pub live_at: Option<Timestamp>,
    /// When its images were given up.
    pub retired_at: Option<Timestamp>,
}

from_row!(Release { id, site_id, commit_hash, images, environment_version, template_version, created_at, live_at, retired_at });

const COLUMNS: &str =
    "select id, site_id, commit_hash, images, environment_version, template_version, created_at, live_at, retired_at from release";

impl Release {
    /// The image of each service that is built.
    pub fn images(&self) -> Result<BTreeMap<String, String>> {
        serde_json::from_str(&self.images).context("reading the images of a release")
    }
}

/// What a release is made of.
#[derive(Debug, Clone)]
pub struct NewRelease<'a> {
    /// The commit; empty for none.
    pub commit: &'a str,
    /// The image of each service that is built.
    pub images: &'a BTreeMap<String, String>,
    /// Which version of the site's own variables.
    pub environment_version: i64,
    /// The template's version.
    pub template_version: &'a str,
}

/// Records a release under `id`; does nothing when it is recorded already, as after an interruption.
pub(crate) async fn record(tx: &Tx, clock: &Clock, site: &SiteId, id: &ReleaseId, new: &NewRelease<'_>) -> Result<()> {
    tx.execute(
        sql("insert into release (id, site_id, commit_hash, images, environment_version, template_version, created_at)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing")
        .bind(id)
        .bind(site)
        .bind(new.commit)
        .bind(serde_json::to_string(new.images)?)
        .bind(new.environment_version)
        .bind(new.template_version)
        .bind(clock.now()),
    )
    .await
    .map(|_| ())
}

/// A release of a site, whoever asks.
pub(crate) async fn get_any(db: &Db, id: &ReleaseId) -> Result<Release> {
    find(db, id).await?.ok_or_else(|| Error::not_found("release"))
}

/// A release, if it is recorded: the first one of a site is once the site was made.
pub(crate) async fn find(db: &Db, id: &ReleaseId) -> Result<Option<Release>> {
    db.optional(sql(COLUMNS).and("where id = $1").bind(id)).await
}

/// The releases of a site of the scope that served and are still kept, newest first. The first may be the one that serves.
pub async fn kept(db: &Db, scope: &Scope, site: &SiteId) -> Result<Vec<Release>> {
    let site: Site = sites::get(db, scope, site).await?;
    db.all(sql(COLUMNS).and("where site_id = $1 and live_at is not null and retired_at is null order by id desc").bind(&site.id)).await
}

/// Ids of the releases that sites serve, as far as they are recorded.
pub(crate) async fn live_ones(db: &Db) -> Result<HashSet<String>> {
    let rows: Vec<(String,)> = db.all(sql("select release.id from release join site on site.release_id = release.id")).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Which files below a folder `migrations` differ between two releases' commits: what a way back leaves in the database.
pub async fn migrations_between(hosting: &Hosting, site: &Site, from: &Release, to: &Release) -> Result<Vec<String>> {
    // The template's own state has no commit; nothing is known of it then.
    if from.commit_hash == to.commit_hash || from.commit_hash.is_empty() || to.commit_hash.is_empty() {
        return Ok(Vec::new());
    }
    git::changed_migrations(&hosting.repository(site), &from.commit_hash, &to.commit_hash).await
}

/// The releases of a site whose images are not given up, those that served last first, those that never did at the end.
pub(crate) async fn not_retired(db: &Db, site: &SiteId) -> Result<Vec<Release>> {
    db.all(sql(COLUMNS).and("where site_id = $1 and retired_at is null order by coalesce(live_at, 0) desc, id desc").bind(site)).await
}

/// Notes that a release serves from now on.
pub(crate) async fn went_live(tx: &Tx, clock: &Clock, id: &ReleaseId) -> Result<()> {
    tx.execute(sql("update release set live_at = $2 where id = $1").bind(id).bind(clock.now())).await.map(|_| ())
}
