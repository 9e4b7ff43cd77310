//! The steps that archive and remove a site, and those that remove one which was never finished.

use kit::words::counted;
use kit::{Error, Result};

use crate::edge::{Reason, Target};
use crate::git::outside;
use crate::runtime::ServiceState;
use crate::sites::Site;
use crate::{Hosting, archive, files, previews, runtime};

pub(super) const STEPS: &[&str] =
    &["previews", "holding", "dump", "files", "stop", "pack", "unhook", "containers", "unroute", "remove", "record"];
pub(super) const DISCARD_STEPS: &[&str] = &["unhook", "unroute", "containers", "remove", "record"];

pub(super) async fn step(hosting: &Hosting, site: &Site, name: &str) -> Result<Option<String>> {
    match name {
        "holding" => {
            hosting.proxy.ensure_running().await?;
            hosting.proxy.route(site, Target::Holding(Reason::Stopped)).await?;
            Ok(None)
        }
        "dump" => dump(hosting, site).await,
        "files" => archive::save_uploads(hosting, site).await,
        "stop" => {
            if hosting.site_folder(site).join("docker-compose.yaml").is_file() {
                runtime::stop(site, &hosting.site_folder(site), &[]).await?;
            }
            Ok(None)
        }
        "pack" => archive::pack(hosting, site).await,
        "unhook" => outside::remove_webhook(hosting, site).await,
        "previews" => previews::remove_all_of(hosting, site).await,
        "containers" => containers(hosting, site).await.map(|()| None),
        "unroute" => hosting.proxy.remove_route(site).await.map(|()| None),
        "remove" => remove(hosting, site).await.map(|()| None),
        "record" if site.is_preview() => Ok(Some("nothing is left of it".to_owned())),
        "record" => Ok(Some(format!("can be restored for {}", counted(hosting.config.keep_archives_days, "day")))),
        other => Err(Error::internal(format!("no step `{other}`"))),
    }
}

/// Removes all of a site, at once: what a preview of a site that is deleted comes to.
pub(crate) async fn remove_all_of(hosting: &Hosting, site: &Site) -> Result<()> {
    hosting.proxy.remove_route(site).await?;
    containers(hosting, site).await?;
    remove(hosting, site).await
}

async fn containers(hosting: &Hosting, site: &Site) -> Result<()> {
    hosting.runtime.ping().await?;
    let manifest = crate::templates::find(site.kind).map(|template| &template.manifest);
    runtime::remove_everything(site, manifest).await?;
    let remains = hosting.runtime.remains_of(&site.id).await?;
    if remains.is_empty() { Ok(()) } else { Err(Error::unavailable(format!("Docker still holds {}", remains.join(", ")))) }
}

async fn remove(hosting: &Hosting, site: &Site) -> Result<()> {
    files::remove_folder(&hosting.site_folder(site))?;
    if site.is_preview() {
        // Its repository is that of the site whose branch it shows.
        previews::remove_files(hosting, site).await?;
    } else {
        files::remove_folder(&hosting.repository(site))?;
    }
    // The customer's folder goes with its last site; not empty is not an error.
    if let Some(parent) = hosting.site_folder(site).parent() {
        let _ = std::fs::remove_dir(parent);
    }
    Ok(())
}

/// Dumps the database, starting only its container where the site is stopped.
async fn dump(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let folder = hosting.site_folder(site);
    if !folder.join("docker-compose.yaml").is_file() {
        return Ok(Some("there were no containers".to_owned()));
    }
    let states = hosting.runtime.states_of(&site.id, None).await?;
    if states.get("db") != Some(&ServiceState::Running) {
        runtime::up(&hosting.runtime, site, &super::create::template_of(site)?.manifest, &folder, &["db"]).await?;
    }
    archive::save_database(hosting, site).await
}
