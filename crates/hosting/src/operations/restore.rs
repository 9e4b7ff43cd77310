//! The steps that bring a deleted site back from its archive.

use kit::{Error, Result};

use super::create;
use crate::environment::start;
use crate::git::outside;
use crate::sites::{self, Site};
use crate::{Hosting, archive, files, runtime};

pub(super) const STEPS: &[&str] =
    &["unpack", "environment", "compose", "address", "build", "database", "uploads", "start", "route", "certificate", "webhook", "record"];

pub(super) async fn step(hosting: &Hosting, site: &Site, name: &str) -> Result<Option<String>> {
    match name {
        "unpack" => archive::unpack(hosting, site).await,
        "environment" => {
            start::take_newest(hosting, site).await?;
            // Read anew: it may have another release now.
            create::environment(hosting, &sites::get_any(&hosting.db, &site.id).await?).await
        }
        "compose" => create::compose_file(hosting, site).await,
        "address" => create::address(hosting, site).await,
        "build" => create::build(hosting, site).await,
        "database" => {
            runtime::up(&hosting.runtime, site, &create::template_of(site)?.manifest, &hosting.site_folder(site), &["db"]).await?;
            archive::load_database(hosting, site).await
        }
        "uploads" => {
            runtime::create_containers(&hosting.runtime, site, &hosting.site_folder(site)).await?;
            archive::load_uploads(hosting, site).await
        }
        "start" => create::start(hosting, site).await,
        "route" => create::route(hosting, site).await,
        "certificate" => create::certificate(hosting, site).await,
        "webhook" => outside::register_webhook_again(hosting, site).await,
        "record" => {
            let recorded = create::record(hosting, site).await?;
            // Only now: until here the archive was the only copy.
            files::remove_folder(&hosting.archive_folder(site))?;
            Ok(recorded)
        }
        other => Err(Error::internal(format!("no step `{other}`"))),
    }
}
