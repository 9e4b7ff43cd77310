//! The steps that archive and remove a site, and those that remove one which was never finished.

use kit::words::counted;
use kit::{Error, Result};

use crate::edge::{Reason, Target};
use crate::runtime::ServiceState;
use crate::sites::Site;
use crate::{Hosting, archive, files, runtime};

pub(super) const STEPS: &[&str] = &["holding", "dump", "files", "stop", "pack", "containers", "unroute", "remove", "record"];
pub(super) const DISCARD_STEPS: &[&str] = &["unroute", "containers", "remove", "record"];

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
        "containers" => {
            hosting.runtime.ping().await?;
            let manifest = crate::templates::find(site.kind).map(|template| &template.manifest);
            runtime::remove_everything(site, manifest).await?;
            let remains = hosting.runtime.remains_of(&site.id).await?;
            if !remains.is_empty() {
                return Err(Error::unavailable(format!("Docker still holds {}", remains.join(", "))));
            }
            Ok(None)
        }
        "unroute" => hosting.proxy.remove_route(site).await.map(|()| None),
        "remove" => {
            files::remove_folder(&hosting.site_folder(site))?;
            files::remove_folder(&hosting.repository(site))?;
            // The customer's folder goes with its last site; not empty is not an error.
            if let Some(parent) = hosting.site_folder(site).parent() {
                let _ = std::fs::remove_dir(parent);
            }
            Ok(None)
        }
        "record" => Ok(Some(format!("can be restored for {}", counted(hosting.config.keep_archives_days, "day")))),
        other => Err(Error::internal(format!("no step `{other}`"))),
    }
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
