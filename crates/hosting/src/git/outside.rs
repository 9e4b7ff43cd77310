//! What a site's making does at the provider: the repository, its first commit, its webhook.

use kit::secrets::Secret;
use kit::{Error, Result};
use tracing::warn;

use super::providers::{NewRepository, Place, ProviderKind, Registered, Webhook};
use super::repositories::{self, Repository};
use crate::Hosting;
use crate::sites::Site;

/// Where deliveries of webhooks go, below the panel's own address.
pub const WEBHOOK_PATH: &str = "/api/webhook/customer-site";

/// Makes the repository where new ones are made and pushes `commit` as its first; none where it is the embedded one. Goes on where an
/// interrupted try stopped, also when the settings name another provider by now.
pub async fn create(hosting: &Hosting, site: &Site, commit: &str) -> Result<Option<Repository>> {
    let known = repositories::outside(&hosting.db, &site.id).await?;
    let kind = known.as_ref().map_or(hosting.config.repositories, |known| known.provider);
    if kind == ProviderKind::Embedded {
        return Ok(None);
    }
    let provider = hosting.providers.of(kind)?;
    if known.is_none() {
        let address = provider.create(&new_repository(site)).await?;
        repositories::save(hosting, &site.id, kind, &address).await?;
    }
    let repository =
        repositories::outside(&hosting.db, &site.id).await?.ok_or_else(|| Error::conflict("the site was removed meanwhile"))?;
    let bare = hosting.repository(site);
    provider.push_first(Place { bare: &bare, repository: &repository }, commit).await?;
    Ok(Some(repository))
}

/// Gives the site's repository its webhook; says what became of it, where the repository is at a provider.
pub async fn register_webhook(hosting: &Hosting, site: &Site, secret: &str) -> Result<Option<String>> {
    let Some(repository) = repositories::outside(&hosting.db, &site.id).await? else { return Ok(None) };
    let webhook = Webhook { url: webhook_url(hosting), secret: Secret::new(secret) };
    let bare = hosting.repository(site);
    let place = Place { bare: &bare, repository: &repository };
    let name = repository.provider.title();
    match hosting.providers.of(repository.provider)?.register_webhook(place, &webhook).await? {
        Registered::As(id) => {
            repositories::save_webhook(&hosting.db, &site.id, Some(&id)).await?;
            Ok(Some(format!("{name} tells of pushes to {}", repository.full_name)))
        }
        Registered::Unreachable(why) => {
            repositories::save_webhook(&hosting.db, &site.id, None).await?;
            Ok(Some(format!("{name} cannot reach {} ({why}); pushes are noticed within some minutes instead", webhook.url)))
        }
        Registered::NotNeeded => Ok(None),
    }
}

/// Takes the webhook from the site's repository, which stays where it is; says what became of it, where that is at a provider.
///
/// A provider that is away or does not let us is no reason to keep a site: what it then goes on to deliver is refused.
pub async fn remove_webhook(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let Some(repository) = repositories::outside(&hosting.db, &site.id).await? else { return Ok(None) };
    let (name, url, bare) = (repository.provider.title(), webhook_url(hosting), hosting.repository(site));
    let place = Place { bare: &bare, repository: &repository };
    let removed = async { hosting.providers.of(repository.provider)?.remove_webhook(place, &url).await }.await;
    match removed {
        Ok(()) => {
            repositories::save_webhook(&hosting.db, &site.id, None).await?;
            Ok(Some(format!("{name} tells of pushes no more; the repository {} stays there", repository.full_name)))
        }
        Err(error) => {
            warn!(site.id = %site.id, "the webhook of site `{}` could not be removed: {error}", site.id);
            let why = error.public_message();
            Ok(Some(format!("the repository {} and its webhook stay: {why}; remove the webhook there by hand", repository.full_name)))
        }
    }
}

/// Gives a restored site its webhook again; without it pushes are noticed by looking, so nothing that goes wrong outside is a reason
/// not to restore.
pub async fn register_webhook_again(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let secret = site.open_secrets(&hosting.key)?.webhook_secret;
    match register_webhook(hosting, site, &secret).await {
        Err(error) => {
            warn!(site.id = %site.id, "the webhook of site `{}` could not be set again: {error}", site.id);
            Ok(Some(format!("pushes are noticed within some minutes: {}", error.public_message())))
        }
        told => told,
    }
}

/// The address that webhooks deliver to.
pub(crate) fn webhook_url(hosting: &Hosting) -> String {
    format!("{}{WEBHOOK_PATH}", hosting.public_url.trim_end_matches('/'))
}

/// Named after the site's address for people, and after its id so that no two are the same.
fn new_repository(site: &Site) -> NewRepository {
    let label = site.domain.as_str().split('.').next().unwrap_or_default();
    let id = site.id.as_str().replace('_', "-");
    let name = match (label == id, id.strip_prefix("app-")) {
        (false, Some(short)) => format!("{label}-{short}"),
        _ => id,
    };
    NewRepository { name, mark: format!("Website of Innkeeper ({})", site.id) }
}
