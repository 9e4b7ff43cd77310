//! Which sites' repositories are at a provider. A site without a row has the embedded one.

use kit::{Db, Result, Timestamp, Tx, from_row, sql};

use super::providers::{Address, ProviderKind};
use crate::Hosting;
use crate::sites::{Site, SiteId};

/// Where a site's repository is.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Whose it is.
    pub site_id: SiteId,
    /// At which provider.
    pub provider: ProviderKind,
    /// `owner/name`.
    pub full_name: String,
    /// What `git` is given.
    pub clone_url: String,
    /// What people open.
    pub web_url: String,
    /// The provider's id of our webhook; none while there is none.
    pub webhook_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

from_row!(Repository { site_id, provider, full_name, clone_url, web_url, webhook_id, created_at });

const COLUMNS: &str = "select site_id, provider, full_name, clone_url, web_url, webhook_id, created_at from site_repository";

/// The repository of a site, wherever it is.
pub async fn of_site(hosting: &Hosting, site: &Site) -> Result<Repository> {
    Ok(outside(&hosting.db, &site.id).await?.unwrap_or_else(|| embedded(hosting, site)))
}

/// The repository of a site that is at a provider.
pub async fn outside(db: &Db, site: &SiteId) -> Result<Option<Repository>> {
    db.optional(sql(COLUMNS).and("where site_id = $1").bind(site)).await
}

fn embedded(hosting: &Hosting, site: &Site) -> Repository {
    let url = hosting.embedded_url(&site.id);
    Repository {
        site_id: site.id.clone(),
        provider: ProviderKind::Embedded,
        full_name: format!("{}/{}", site.customer_id, site.id),
        clone_url: url.clone(),
        web_url: url,
        webhook_id: None,
        created_at: site.created_at,
    }
}

/// Notes where a site's repository was made.
pub(crate) async fn save(hosting: &Hosting, site: &SiteId, provider: ProviderKind, address: &Address) -> Result<()> {
    hosting
        .db
        .execute(
            sql("insert into site_repository (site_id, provider, full_name, name_key, clone_url, web_url, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7)
                 on conflict (site_id) do nothing")
            .bind(site)
            .bind(provider)
            .bind(&address.full_name)
            .bind(name_key(&address.full_name))
            .bind(&address.clone_url)
            .bind(&address.web_url)
            .bind(hosting.clock.now()),
        )
        .await
        .map(|_| ())
}

/// Notes the provider's id of the webhook.
pub(crate) async fn save_webhook(db: &Db, site: &SiteId, webhook_id: Option<&str>) -> Result<()> {
    db.execute(sql("update site_repository set webhook_id = $2 where site_id = $1").bind(site).bind(webhook_id)).await.map(|_| ())
}

/// Whether a site's repository is at a provider, as a transaction sees it.
pub(crate) async fn is_outside(tx: &Tx, site: &SiteId) -> Result<bool> {
    let found: Option<(String,)> = tx.optional(sql("select provider from site_repository where site_id = $1").bind(site)).await?;
    Ok(found.is_some())
}

/// Sites whose repository has this name at any provider: one, but for two providers with the same name.
pub(crate) async fn sites_called(db: &Db, full_name: &str) -> Result<Vec<(SiteId, ProviderKind, String)>> {
    db.all(sql("select site_id, provider, clone_url from site_repository where name_key = $1 order by provider").bind(name_key(full_name)))
        .await
}

fn name_key(full_name: &str) -> String {
    full_name.to_lowercase()
}
