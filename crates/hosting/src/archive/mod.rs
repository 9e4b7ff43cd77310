//! The archive of a deleted site: folder, repository, database dump and uploads under `{data}/backups/archives/{app}`.
//!
//! It holds the site's secrets, so its folder and files are readable by the owner only.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use kit::exec::Command;
use kit::id::random_base32;
use kit::jobs::{Attempt, Job};
use kit::{Context, Error, Result, Timestamp, sql};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::deployments::cleanup;
use crate::files::{self, storage};
use crate::sites::{self, Site, SiteId};
use crate::{Hosting, runtime};

const DATABASE: &str = "database.dump";
const FOLDER: &str = "site.tar.gz";
const REPOSITORY: &str = "repository.tar.gz";

fn ensure_folder(hosting: &Hosting, site: &Site) -> Result<PathBuf> {
    let folder = hosting.archive_folder(site);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|error| storage(&folder, error))?;
    Ok(folder)
}

/// Whether everything that a restore needs is there.
pub(crate) fn is_complete(hosting: &Hosting, site: &Site) -> bool {
    hosting.archive_folder(site).join(FOLDER).is_file()
}

/// A file of the archive while it is written: it gets its name when it is whole and on the disk, and a failed one leaves nothing.
///
/// What it is called until then is new each time: a program that outlived a killed Innkeeper may still be writing to the last one.
struct Unfinished {
    name: PathBuf,
    partial: PathBuf,
}

impl Unfinished {
    fn begin(name: PathBuf) -> Result<Unfinished> {
        let begun = format!("{}.partial-", name.file_name().unwrap_or_default().to_string_lossy());
        let folder = name.parent().unwrap_or(Path::new("."));
        for entry in std::fs::read_dir(folder).map_err(|error| storage(folder, error))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&begun) {
                std::fs::remove_file(entry.path()).map_err(|error| storage(folder, error))?;
            }
        }
        let partial = folder.join(format!("{begun}{}", random_base32(6)));
        Ok(Unfinished { name, partial })
    }

    fn end(self) -> Result<()> {
        let keep = || {
            std::fs::File::open(&self.partial)?.sync_all()?;
            std::fs::rename(&self.partial, &self.name)?;
            std::fs::File::open(self.name.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        keep().map_err(|error| storage(&self.name, error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Renamed already, if all went well.
        let _ = std::fs::remove_file(&self.partial);
    }
}

/// Volumes of the template beside the database's: `(service, volume, path)`.
pub(crate) fn upload_volumes(site: &Site) -> Vec<(String, String, String)> {
    let Some(template) = crate::templates::find(site.kind) else { return Vec::new() };
    let services = template.manifest.services.iter().filter(|(name, _)| *name != "db");
    services
        .flat_map(|(name, service)| service.volumes.iter().map(move |volume| (name.clone(), volume.name.clone(), volume.path.clone())))
        .collect()
}

/// Dumps the site's running database into the archive.
pub(crate) async fn save_database(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let path = ensure_folder(hosting, site)?.join(DATABASE);
    let dump = Unfinished::begin(path.clone())?;
    runtime::dump_database(site, &dump.partial).await?;
    dump.end()?;
    Ok(Some(format!("{} KB", std::fs::metadata(&path).map_or(0, |it| it.len().div_ceil(1024)))))
}

/// Copies what visitors and the owner uploaded into the archive.
pub(crate) async fn save_uploads(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let folder = ensure_folder(hosting, site)?;
    let states = hosting.runtime.states_of(&site.id, None).await?;
    for (service, volume, path) in upload_volumes(site).iter().filter(|(service, ..)| states.contains_key(service)) {
        let uploads = Unfinished::begin(folder.join(format!("{volume}.tar")))?;
        runtime::copy_out(site, service, &format!("{path}/."), &uploads.partial).await?;
        uploads.end()?;
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
        let packed = Unfinished::begin(archive.join(name))?;
        Command::new("tar")
            .args(["--create", "--gzip", "--directory"])
            .arg(&source)
            .arg(".")
            .timeout(Duration::from_secs(3600))
            .stdout_to_file(&packed.partial)
            .await
            .context("packing the site's files")?;
        packed.end()?;
    }
    Ok(None)
}

/// Unpacks folder and repository.
pub(crate) async fn unpack(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let archive = hosting.archive_folder(site);
    if !is_complete(hosting, site) {
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
    let unpacked = Command::new("tar")
        .args(["--extract", "--gzip", "--directory"])
        .arg(target)
        .timeout(Duration::from_secs(3600))
        .stdin_from_file(source)
        .await
        .context("unpacking the archive");
    if unpacked.is_err() {
        // Of no use, and on a full disk in the way.
        let _ = files::remove_folder(target);
    }
    unpacked.map(|_| ())
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
        // The rows first: whoever asks for a restore in this moment keeps row and archive, or is too late for both.
        let expired = sql("delete from site where state = 'archived' and archived_at <= $1").bind(limit);
        let forgotten = hosting.db.execute(expired).await?;
        for archive in archives_of_nobody(&hosting, limit).await? {
            files::remove_folder(&archive)?;
        }
        // Their logs, and the images of the releases that went with them.
        if forgotten > 0 {
            cleanup::all(&hosting).await?;
        }
        info!(sites = forgotten, "removed the archives of {forgotten} sites");
        Ok(())
    }
}

/// Archives without a site, last written before `limit`: those just forgotten, and those that an interrupted purge left.
async fn archives_of_nobody(hosting: &Hosting, limit: Timestamp) -> Result<Vec<PathBuf>> {
    let folder = hosting.data().join("backups/archives");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(|error| storage(&folder, error))? {
        let entry = entry?;
        let Ok(id) = SiteId::parse(&entry.file_name().to_string_lossy()) else { continue };
        let written = entry.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        if Timestamp::default().plus(written) <= limit && !sites::exists(&hosting.db, &id).await? {
            found.push(entry.path());
        }
    }
    Ok(found)
}
