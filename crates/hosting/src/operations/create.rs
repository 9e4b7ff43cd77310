//! The steps that make a site. The order lets the certificate come while the containers start.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kit::secrets::random_alphanumeric;
use kit::words::counted;
use kit::{Context, Error, Result};

use crate::compose::{self, Placement};
use crate::deployments::rollout;
use crate::edge::{Reason, Target};
use crate::env_file::{self, PublicAddress};
use crate::git::outside;
use crate::sites::{self, CertificateState, Site};
use crate::templates::{self, Template};
use crate::{Hosting, environment, files, git, previews, runtime};

pub(super) const STEPS: &[&str] =
    &["folder", "environment", "repository", "webhook", "compose", "address", "build", "start", "route", "certificate", "record"];

/// How long a new site waits for its certificate before it is handed over without one; it is pursued further from then on.
const CERTIFICATE_LIMIT: Duration = Duration::from_secs(45);

pub(super) async fn step(hosting: &Hosting, site: &Site, name: &str) -> Result<Option<String>> {
    match name {
        "folder" => folder(hosting, site).await,
        "environment" => environment(hosting, site).await,
        "repository" => repository(hosting, site).await,
        "webhook" => webhook(hosting, site).await,
        "compose" => compose_file(hosting, site).await,
        "address" => address(hosting, site).await,
        "build" => build(hosting, site).await,
        "start" => start(hosting, site).await,
        "route" => route(hosting, site).await,
        "certificate" => certificate(hosting, site).await,
        "record" => record(hosting, site).await,
        other => Err(Error::internal(format!("no step `{other}`"))),
    }
}

pub(crate) fn template_of(site: &Site) -> Result<&'static Template> {
    templates::find(site.kind).ok_or_else(|| Error::conflict(format!("this innkeeper has no template `{}`", site.kind)))
}

async fn folder(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let folder = hosting.site_folder(site);
    let template = template_of(site)?;
    blocking(move || {
        template.write_to(&folder).inspect_err(|_| {
            // Half of a template is of no use, and takes the room that a full disk needs to tell of it.
            let _ = files::remove_folder(&folder);
        })
    })
    .await?;
    Ok(Some(format!("{} files", template.file_count())))
}

/// Runs file work beside the event loop.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal(format!("a file task failed: {error}")))?
}

pub(super) async fn environment(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let secrets = site.open_secrets(&hosting.key)?;
    let variables = env_file::variables(site, &secrets, &PublicAddress { url: hosting.url(site) });
    let own = environment::of_live(hosting, site).await?;
    files::create_folder(&hosting.site_folder(site))?;
    files::write(&hosting.site_folder(site).join(".env"), env_file::render(&variables, &own), 0o600)?;
    Ok(None)
}

async fn repository(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let bare = hosting.repository(site);
    git::create(&hosting.site_folder(site), &bare).await?;
    let head = git::head(&bare).await?;
    let first = format!("first commit {}", head.get(..7).unwrap_or(&head));
    let outside = outside::create(hosting, site, &head).await?;
    Ok(Some(outside.map_or(first.clone(), |repository| format!("{} at {}, {first}", repository.full_name, repository.provider.title()))))
}

async fn webhook(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let mut secrets = site.open_secrets(&hosting.key)?;
    if secrets.webhook_secret.is_empty() {
        secrets.webhook_secret = random_alphanumeric(64);
        sites::save_secrets(hosting, site, &secrets).await?;
    }
    let site = sites::get_any(&hosting.db, &site.id).await?;
    environment(hosting, &site).await?;
    outside::register_webhook(hosting, &site, &secrets.webhook_secret).await
}

/// Renders `docker-compose.yaml` with the image names that the site's sources call for.
pub(super) async fn compose_file(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let template = template_of(site)?;
    let folder = hosting.site_folder(site);
    let images = image_tags(site, template, &folder).await?;
    let site = &own_network(hosting, site).await?;
    let own = environment::of_live(hosting, site).await?;
    let names: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
    let placement = Placement { images: &images, subnet: hosting.subnet(site), instance: &hosting.edge.project, variables: &names };
    let text = compose::render(site, &template.manifest, &placement)?;
    files::write(&folder.join("docker-compose.yaml"), text, 0o644)?;
    Ok(None)
}

/// Moves the site to another network when something else on this host has taken its addresses.
pub(crate) async fn own_network(hosting: &Hosting, site: &Site) -> Result<Site> {
    let taken = runtime::subnets(&compose::network_name(site)).await?;
    let overlaps = |slot: i64| {
        let (start, bits) = hosting.subnet_of(slot);
        let (start, size) = (u32::from(start), 1u32 << (32 - bits));
        taken.iter().any(|(other, other_bits)| {
            let (other, other_size) = (u64::from(u32::from(*other)), 1u64 << (32 - other_bits));
            u64::from(start) < other + other_size && other < u64::from(start) + u64::from(size)
        })
    };
    if !overlaps(site.network_slot) {
        return Ok(site.clone());
    }
    sites::move_to_free_network(hosting, &site.id, &overlaps).await?;
    sites::get_any(&hosting.db, &site.id).await
}

/// The image of each built service: `innkeeper/{kind}-{service}:{hash of its sources}`.
pub(crate) async fn image_tags(site: &Site, template: &'static Template, folder: &Path) -> Result<BTreeMap<String, String>> {
    let folder = folder.to_owned();
    let kind = site.kind;
    blocking(move || {
        let mut tags = BTreeMap::new();
        for service in template.manifest.built_services() {
            let hash = templates::context_hash(&folder.join(service))?;
            tags.insert(service.to_owned(), format!("innkeeper/{kind}-{service}:{hash}"));
        }
        Ok(tags)
    })
    .await
}

/// Shows visitors that the site is coming, which also makes Traefik ask for its certificate.
pub(crate) async fn address(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    hosting.proxy.ensure_running().await?;
    hosting.proxy.route(site, Target::Holding(Reason::Starting)).await?;
    Ok(Some(site.domain.to_string()))
}

pub(super) async fn build(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let folder = hosting.site_folder(site);
    let template = template_of(site)?;
    let built = build_missing(hosting, site, template, &folder).await?;
    Ok(Some(if built == 0 { "all images exist".to_owned() } else { format!("{} built", counted(built, "image")) }))
}

async fn build_missing(hosting: &Hosting, site: &Site, template: &'static Template, folder: &Path) -> Result<usize> {
    let mut built = 0;
    for (service, tag) in image_tags(site, template, folder).await? {
        built += usize::from(ensure_image(hosting, &tag, &folder.join(service)).await?);
    }
    Ok(built)
}

/// Builds the image of a service unless it exists.
pub(crate) async fn ensure_image(hosting: &Hosting, tag: &str, context: &Path) -> Result<bool> {
    let service = context.file_name().unwrap_or_default().to_string_lossy();
    crate::deployments::build::ensure(hosting, tag, context, &service, None).await
}

/// Builds what every site of a template shares, ahead of the first one.
pub(crate) async fn prepare_template(hosting: &Hosting, template: &'static Template) -> Result<usize> {
    let folder = hosting.data().join("cache/templates").join(format!("{}-{}", template.kind, template.manifest.version));
    let target = folder.clone();
    blocking(move || {
        // Anew each time: another binary may carry other files under the same version.
        files::remove_folder(&target)?;
        template.write_to(&target)
    })
    .await?;
    let mut built = 0;
    for service in template.manifest.built_services() {
        let context = folder.join(service);
        let hashed = context.clone();
        let hash = blocking(move || templates::context_hash(&hashed)).await?;
        let tag = format!("innkeeper/{}-{service}:{hash}", template.kind);
        built += usize::from(ensure_image(hosting, &tag, &context).await?);
    }
    Ok(built)
}

pub(crate) async fn start(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let folder = hosting.site_folder(site);
    runtime::up(&hosting.runtime, site, &template_of(site)?.manifest, &folder, &[]).await?;
    let states = hosting.runtime.states_of(&site.id, None).await?;
    Ok(Some(format!("{} services healthy", states.len())))
}

pub(crate) async fn route(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    hosting.proxy.ensure_running().await?;
    hosting.proxy.route(site, Target::Containers).await?;
    Ok(None)
}

/// Waits for the certificate and for the first answer of this very release through the edge.
///
/// A refused certificate does not fail the site: its containers run, and the reason and the retries are shown.
pub(crate) async fn certificate(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    match hosting.proxy.await_certificate(&hosting.clock, &site.domain, CERTIFICATE_LIMIT).await? {
        Ok(certificate) => {
            sites::record_certificate(hosting, site, CertificateState::Valid, Some(certificate.expires_at), None).await?;
            confirm_release(hosting, site).await?;
            Ok(Some(format!("valid until {}", certificate.expires_at)))
        }
        Err(refusal) => {
            sites::record_certificate(hosting, site, CertificateState::Failed, None, Some(&refusal)).await?;
            Ok(Some(format!("not yet: {refusal}. Innkeeper keeps trying")))
        }
    }
}

/// Asks through the edge until the site's own release answers.
pub(crate) async fn confirm_release(hosting: &Hosting, site: &Site) -> Result<()> {
    let started = tokio::time::Instant::now();
    loop {
        let seen = previews::look(hosting, site, "/").await.context("asking the new site through the edge")?;
        let right_release = seen.release.as_deref() == Some(site.release_id.as_str());
        // Whatever the site's own code answers counts, as long as it is no failure.
        if right_release && seen.status.is_some_and(|status| status < 500) {
            return Ok(());
        }
        if started.elapsed() > Duration::from_secs(30) {
            let status = seen.status.map_or("nothing".to_owned(), |status| format!("status {status}"));
            return Err(Error::unavailable(format!("the site's containers are healthy, but through the edge it answers with {status}")));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(super) async fn record(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    rollout::record_first_release(hosting, site).await?;
    sites::record_deployed(&hosting.db, &hosting.clock, &site.id).await?;
    Ok(Some(hosting.url(site)))
}
