//! The archive of a deleted site: folder, repository, database dump and uploads under `{data}/backups/archives/{app}`.
//!
//! It holds the site's secrets, so its folder and files are readable by the owner only.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kit::exec::Command;
use kit::jobs::{Attempt, Job};
use kit::{Context, Error, Result, sql};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::files::{self, storage};
use crate::sites::{self, Site, SiteFilter, SiteState};
use crate::{Hosting, runtime};

const DATABASE: &str = "database.dump";
const FOLDER: &str = "site.tar.gz";
const REPOSITORY: &str = "repository.tar.gz";

fn ensure_folder(hosting: &Hosting, site: &Site) -> Result<PathBuf> {
    let folder = hosting.archive_folder(site);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|error| storage(&folder, error))?;
    Ok(folder)
}

/// Volumes of the template beside the database's: `(service, volume, path)`.
fn upload_volumes(site: &Site) -> Vec<(String, String, String)> {
    let Some(template) = crate::templates::find(site.kind) else { return Vec::new() };
    let services = template.manifest.services.iter().filter(|(name, _)| *name != "db");
    services
        .flat_map(|(name, service)| service.volumes.iter().map(move |volume| (name.clone(), volume.name.clone(), volume.path.clone())))
        .collect()
}

/// Dumps the site's running database into the archive.
pub(crate) async fn save_database(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let path = ensure_folder(hosting, site)?.join(DATABASE);
    let partial = path.with_extension("partial");
    runtime::dump_database(site, &partial).await?;
    std::fs::rename(&partial, &path).map_err(|error| storage(&path, error))?;
    Ok(Some(format!("{} KB", std::fs::metadata(&path).map_or(0, |it| it.len().div_ceil(1024)))))
}

/// Copies what visitors and the owner uploaded into the archive.
pub(crate) async fn save_uploads(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let folder = ensure_folder(hosting, site)?;
    let states = hosting.runtime.states_of(&site.id, None).await?;
    for (service, volume, path) in upload_volumes(site).iter().filter(|(service, ..)| states.contains_key(service)) {
        let target = folder.join(format!("{volume}.tar"));
        let partial = target.with_extension("partial");
        runtime::copy_out(site, service, &format!("{path}/."), &partial).await?;
        std::fs::rename(&partial, &target).map_err(|error| storage(&target, error))?;
    }
    Ok(None)
}

/// Packs folder and repository into the archive.
pub(crate) async fn pack(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let archive = ensure_folder(hosting, site)?;
    for (source, name) in [(hosting.site_folder(site), FOLDER), (hosting.repository(site), REPOSITORY)] {
        if !source.is_dir() {
            continue;
        }
        let target = archive.join(name);
        let partial = target.with_extension("partial");
        Command::new("tar")
            .args(["--create", "--gzip", "--directory"])
            .arg(&source)
            .arg(".")
            .timeout(Duration::from_secs(3600))
            .stdout_to_file(&partial)
            .await
            .context("packing the site's files")?;
        std::fs::rename(&partial, &target).map_err(|error| storage(&target, error))?;
    }
    Ok(None)
}

/// Unpacks folder and repository.
pub(crate) async fn unpack(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let archive = hosting.archive_folder(site);
    if !archive.join(FOLDER).is_file() {
        return Err(Error::conflict("the archive of this site is gone; it cannot be restored"));
    }
    for (name, target) in [(FOLDER, hosting.site_folder(site)), (REPOSITORY, hosting.repository(site))] {
        let source = archive.join(name);
        if source.is_file() {
            extract(&source, &target).await?;
        }
    }
    Ok(None)
}

async fn extract(source: &Path, target: &Path) -> Result<()> {
    files::remove_folder(target)?;
    files::create_folder(target)?;
    Command::new("tar")
        .args(["--extract", "--gzip", "--directory"])
        .arg(target)
        .timeout(Duration::from_secs(3600))
        .stdin_from_file(source)
        .await
        .context("unpacking the archive")
        .map(|_| ())
}

/// Reads the dump back into the site's running database.
pub(crate) async fn load_database(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let path = hosting.archive_folder(site).join(DATABASE);
    if !path.is_file() {
        return Ok(Some("the archive holds no database".to_owned()));
    }
    runtime::restore_database(site, &path).await.map(|()| None)
}

/// Copies uploads back into the volumes of the site's containers.
pub(crate) async fn load_uploads(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    for (service, volume, path) in upload_volumes(site) {
        let source = hosting.archive_folder(site).join(format!("{volume}.tar"));
        if source.is_file() {
            runtime::copy_in(site, &service, &path, &source).await?;
        }
    }
    Ok(None)
}

/// Removes archives whose time is over, and with them the claim on their addresses.
#[derive(Debug, Serialize, Deserialize)]
pub struct PurgeArchives {}

impl<C: AsRef<Hosting> + Clone + Send + Sync + 'static> Job<C> for PurgeArchives {
    const KIND: &'static str = "site.purge_archives";

    async fn run(self, context: C, _attempt: Attempt) -> Result<()> {
        let hosting = context.as_ref().clone();
        let keep = Duration::from_secs(u64::from(hosting.config.keep_archives_days) * 86_400);
        let limit = hosting.clock.now().minus(keep);
        let filter = SiteFilter { state: Some(SiteState::Archived), limit: 200, ..SiteFilter::default() };
        for site in sites::list(&hosting.db, &accounts::Scope::house_of_job(), &filter).await? {
            if site.archived_at.is_none_or(|at| at > limit) {
                continue;
            }
            files::remove_folder(&hosting.archive_folder(&site))?;
            hosting
                .db
                .execute(sql("delete from site where id = $1 and state = 'archived' and archived_at <= $2").bind(&site.id).bind(limit))
                .await?;
            info!(site.id = %site.id, "removed the archive of site `{}`", site.id);
        }
        Ok(())
    }
}
