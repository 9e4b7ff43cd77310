//! What must stay true without anyone asking: the edge runs and routes as the database says, certificates are pursued, and the
//! templates' images exist.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kit::jobs::Reconciler;
use kit::words::counted;
use kit::{Result, sql};
use tracing::warn;

use crate::deployments::{build, cleanup, queue, releases, watch};
use crate::edge::{self, wanted};
use crate::git::pushes;
use crate::operations::{self, prepare_template};
use crate::sites::{self, CertificateState, SiteState};
use crate::templates::Kind;
use crate::{Hosting, images, templates};

/// Keeps Traefik up and its folder equal to the sites' states.
pub struct Edge;

impl<C: AsRef<Hosting> + Send + 'static> Reconciler<C> for Edge {
    const NAME: &'static str = "edge.routes";
    const EVERY: Duration = Duration::from_secs(15);

    async fn reconcile(&self, context: C) -> Result<String> {
        let hosting = context.as_ref().clone();
        let sites = sites::known(&hosting.db).await?;
        // An operation at work moves its own route; what it does is looked at once it is over.
        let busy = operations::busy_sites(&hosting.db).await?;
        let recorded = releases::live_ones(&hosting.db).await?;
        let (mut routes, mut repaired) = (0_usize, 0);
        let mut names = Vec::new();
        for site in sites.iter().filter(|site| site.kind != Kind::Adopted) {
            names.push(edge::file_name(site));
            let Some(target) = wanted(site.state) else { continue };
            routes += 1;
            // Made by a version without releases: its route is right until its first deployment, which the other reconciler asks for.
            let is_unrecorded = target == edge::Target::Containers && !recorded.contains(site.release_id.as_str());
            if !is_unrecorded && !busy.iter().any(|id| id == site.id.as_str()) {
                repaired += usize::from(hosting.proxy.write_route(site, target).await?);
            }
        }
        let removed = hosting.proxy.remove_strangers(&names).await?;
        // Last: one unreadable file in its folder, and a Traefik that starts serves nothing at all.
        let edge_state = hosting.proxy.ensure_running().await?;
        Ok(format!("Traefik {edge_state}; {}, {repaired} repaired, {removed} removed", counted(routes, "route")))
    }
}

/// Keeps deployments moving: begins those whose turn has come, ends those whose work was lost, judges what is being watched, and
/// removes what a crash left behind.
pub struct Deployments;

impl<C: AsRef<Hosting> + Send + 'static> Reconciler<C> for Deployments {
    const NAME: &'static str = "hosting.deployments";
    const EVERY: Duration = Duration::from_secs(5);

    async fn reconcile(&self, context: C) -> Result<String> {
        let hosting = context.as_ref().clone();
        let orphans = build::end_orphans(&hosting).await?;
        let ended = operations::end_the_lost(&hosting).await?;
        let renewed = queue::renew_the_unrecorded(&hosting).await?;
        let begun = queue::dispatch(&hosting).await?;
        let judged = watch::look(&hosting).await?;
        let removed = cleanup::stray_containers(&hosting).await?;
        let stray = format!("{} and {} removed", counted(removed, "stray container"), counted(orphans, "orphaned build"));
        Ok(format!("{begun} begun ({renewed} for an upgrade), {ended} ended whose work was lost, {judged} judged, {stray}"))
    }
}

/// Deploys what was pushed while nobody saw the end of it.
pub struct Pushes;

impl<C: AsRef<Hosting> + Send + 'static> Reconciler<C> for Pushes {
    const NAME: &'static str = "git.pushes";
    const EVERY: Duration = Duration::from_secs(10);

    async fn reconcile(&self, context: C) -> Result<String> {
        let settled = pushes::settle_the_lost(context.as_ref()).await?;
        Ok(format!("pushes settled whose end was not seen: {}", settled))
    }
}

/// Gives up releases beyond those that are kept, and removes what nobody needs any more: images, stages of builds, folders, logs.
pub struct Leftovers;

impl<C: AsRef<Hosting> + Send + 'static> Reconciler<C> for Leftovers {
    const NAME: &'static str = "hosting.leftovers";
    const EVERY: Duration = Duration::from_secs(900);

    async fn reconcile(&self, context: C) -> Result<String> {
        Ok(cleanup::all(context.as_ref()).await?.to_string())
    }
}

/// Looks at every certificate, and asks again for those that are missing.
#[derive(Default)]
pub struct Certificates {
    rounds: AtomicU64,
}

/// A missing certificate is asked for anew in every twentieth round (10 minutes): public authorities count failed orders, five an hour and name.
const ASK_EVERY: u64 = 20;
/// Good ones are looked at in every twentieth round.
const LOOK_EVERY: u64 = 20;

impl<C: AsRef<Hosting> + Send + 'static> Reconciler<C> for Certificates {
    const NAME: &'static str = "edge.certificates";
    const EVERY: Duration = Duration::from_secs(30);

    async fn reconcile(&self, context: C) -> Result<String> {
        let hosting = context.as_ref().clone();
        let round = self.rounds.fetch_add(1, Ordering::Relaxed);
        let busy = operations::busy_sites(&hosting.db).await?;
        let (mut valid, mut missing) = (0_usize, 0_usize);
        for site in sites::known(&hosting.db).await? {
            if site.state != SiteState::Active || site.kind == Kind::Adopted || busy.iter().any(|id| id == site.id.as_str()) {
                continue;
            }
            if site.certificate_state == CertificateState::Valid && !round.is_multiple_of(LOOK_EVERY) {
                valid += 1;
                continue;
            }
            let seen = hosting.proxy.await_certificate(&hosting.clock, &site.domain, Duration::ZERO).await?;
            let changed = match &seen {
                Ok(certificate) => {
                    valid += 1;
                    sites::record_certificate(&hosting, &site, CertificateState::Valid, Some(certificate.expires_at), None).await?
                }
                Err(refusal) => {
                    missing += 1;
                    sites::record_certificate(&hosting, &site, CertificateState::Failed, None, Some(refusal)).await?
                }
            };
            if seen.is_err() && round % ASK_EVERY == ASK_EVERY - 1 {
                ask_again(&hosting, &site).await?;
            }
            if changed {
                hosting.signal(&site);
            }
        }
        Ok(format!("{} valid, {missing} missing", counted(valid, "certificate")))
    }
}

/// Makes Traefik ask for a site's certificate anew: it does so only when the configuration really changes.
pub async fn ask_again(hosting: &Hosting, site: &crate::Site) -> Result<()> {
    hosting.db.execute(sql("update site set certificate_attempt = certificate_attempt + 1 where id = $1").bind(&site.id)).await?;
    let site = sites::get_any(&hosting.db, &site.id).await?;
    if let Some(target) = wanted(site.state) {
        hosting.proxy.write_route(&site, target).await?;
    }
    Ok(())
}

/// Keeps the images of all templates ready, so that a new site never waits for a build.
pub struct Templates;

impl<C: AsRef<Hosting> + Send + 'static> Reconciler<C> for Templates {
    const NAME: &'static str = "hosting.templates";
    const EVERY: Duration = Duration::from_secs(600);

    async fn reconcile(&self, context: C) -> Result<String> {
        let hosting = context.as_ref().clone();
        if !hosting.config.prepare_templates {
            return Ok("switched off".to_owned());
        }
        hosting.runtime.ping().await?;
        images::ensure(&images::Settings::new(hosting.image_cache()), |_| {}).await?;
        let mut built = 0;
        for template in templates::all() {
            built +=
                prepare_template(&hosting, template).await.inspect_err(|error| warn!("preparing template `{}`: {error}", template.kind))?;
        }
        Ok(format!("{} ready, {} built", counted(templates::all().len(), "template"), counted(built, "image")))
    }
}
