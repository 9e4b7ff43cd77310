//! `innkeeper images`.

use hosting::images::{self, Registry, Settings, State};
use kit::{Context, Result};
use serde_json::json;
use web::config::Config;

use crate::output::Output;

/// Base images that sites are built from.
#[derive(clap::Subcommand)]
pub enum ImagesCommand {
    /// Makes every base image available: from a registry, from the cache on disk, or from Debian, npm and PyPI packages.
    Build {
        /// Ask no registry.
        #[arg(long)]
        offline: bool,
    },
    /// Shows which base images are missing.
    Missing,
}

impl ImagesCommand {
    /// Runs it.
    pub async fn run(self, config: Config, output: Output) -> Result<()> {
        let cache = match &config.hosting.image_cache {
            path if path.as_os_str().is_empty() => config.server.data.join("cache/images"),
            path => path.clone(),
        };
        std::fs::create_dir_all(&cache).context(format!("creating {}", cache.display()))?;
        let mut settings = Settings::new(cache.canonicalize().context("finding the image cache")?);
        match self {
            ImagesCommand::Build { offline } => {
                if offline {
                    settings.registry = Registry::Skip;
                }
                let built = images::ensure(&settings, |step| match &step.state {
                    State::Started(origin) => output.say(format!("{}: {origin:?} …", step.image)),
                    State::Ready(origin, took) => output.say(format!("{}: ready ({origin:?}, {:.1} s)", step.image, took.as_secs_f64())),
                    State::Said(_) => {}
                })
                .await?;
                let value: Vec<_> = built
                    .iter()
                    .map(|it| json!({ "image": it.image.name, "origin": format!("{:?}", it.origin), "seconds": it.took.as_secs_f64() }))
                    .collect();
                output.show(&value, |_| format!("{} base images are ready", built.len()));
            }
            ImagesCommand::Missing => {
                let missing: Vec<&str> = images::missing(&settings).await?.iter().map(|image| image.name).collect();
                output.show(&missing, |missing| if missing.is_empty() { "none is missing".to_owned() } else { missing.join("\n") });
            }
        }
        Ok(())
    }
}
