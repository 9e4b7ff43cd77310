//! Images: building one with Docker's own builder, and looking after those that there are.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::models::ImageSummary;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder};
use kit::{Error, Result};

use super::{Runtime, docker, unreachable_engine};

/// Memory of one build, without more in swap.
const MEMORY: &str = "2g";
/// Share of the processor where no group of ours bounds it: an eighth of a container's.
const CPU_SHARES: &str = "128";
const FETCH_LIMIT: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(60);

/// One image to be built.
pub(crate) struct Build<'a> {
    pub tag: &'a str,
    /// The folder with its files, and its `Dockerfile`.
    pub context: &'a Path,
    pub labels: &'a [(&'a str, &'a str)],
    /// The control group for its containers.
    pub group: Option<&'a str>,
    pub limit: Duration,
}

/// An image as it is stored.
pub(crate) struct ImageFacts {
    pub labels: HashMap<String, String>,
    /// What is done when something is built from it.
    pub triggers: Vec<String>,
}

/// Builds an image, handing on each line that the build prints.
pub(crate) async fn build(build: Build<'_>, line: impl FnMut(&str)) -> Result<()> {
    let mut command = docker()
        // The Engine's own builder: the plugin for the newer one is not packaged by Debian.
        .env("DOCKER_BUILDKIT", "0")
        .args(["build", "--force-rm", "--memory", MEMORY, "--memory-swap", MEMORY, "--cpu-shares", CPU_SHARES, "--tag", build.tag]);
    if let Some(group) = build.group {
        command = command.args(["--cgroup-parent", group]);
    }
    for (name, value) in build.labels {
        command = command.arg("--label").arg(format!("{name}={value}"));
    }
    command.arg("--").arg(build.context).timeout(build.limit).stream(line).await
}

/// Fetches an image from its registry.
pub(crate) async fn fetch(image: &str) -> Result<()> {
    docker().args(["pull", "--quiet", "--", image]).timeout(FETCH_LIMIT).run().await.map(|_| ())
}

impl Runtime {
    /// What is known of an image; `None` when it is not there.
    pub(crate) async fn image(&self, image: &str) -> Result<Option<ImageFacts>> {
        match self.engine()?.inspect_image(image).await {
            Ok(found) => {
                let config = found.config.unwrap_or_default();
                Ok(Some(ImageFacts { labels: config.labels.unwrap_or_default(), triggers: config.on_build.unwrap_or_default() }))
            }
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(unreachable_engine(error)),
        }
    }

    /// Images with a label; with `dangling`, only those without a name that no other one is built on.
    pub(crate) async fn images(&self, label: &str, dangling: bool) -> Result<Vec<ImageSummary>> {
        let mut filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
        if dangling {
            filters.insert("dangling".to_owned(), vec!["true".to_owned()]);
        }
        let options = ListImagesOptionsBuilder::default().filters(&filters).build();
        let asked = tokio::time::timeout(PATIENCE, self.engine()?.list_images(Some(options))).await;
        asked.map_err(|_| Error::unavailable("Docker takes too long to list its images"))?.map_err(unreachable_engine)
    }

    /// Names of all images of the host.
    pub(crate) async fn image_names(&self) -> Result<Vec<String>> {
        let asked = tokio::time::timeout(PATIENCE, self.engine()?.list_images(None::<bollard::query_parameters::ListImagesOptions>)).await;
        let found = asked.map_err(|_| Error::unavailable("Docker takes too long to list its images"))?.map_err(unreachable_engine)?;
        Ok(found.into_iter().flat_map(|image| image.repo_tags).collect())
    }

    /// Names and ids of the images of all containers of the host, running or not.
    pub(crate) async fn images_in_use(&self) -> Result<Vec<String>> {
        let options = bollard::query_parameters::ListContainersOptionsBuilder::default().all(true).build();
        let found = self.engine()?.list_containers(Some(options)).await.map_err(unreachable_engine)?;
        Ok(found.into_iter().flat_map(|container| [container.image, container.image_id]).flatten().collect())
    }

    /// Removes an image by name or id, with the stages it is made of unless they are to be kept. One that is gone, or in use, is
    /// left as it is: false.
    pub(crate) async fn remove_image(&self, image: &str, with_stages: bool) -> Result<bool> {
        let options = RemoveImageOptionsBuilder::default().force(false).noprune(!with_stages).build();
        match tokio::time::timeout(PATIENCE, self.engine()?.remove_image(image, Some(options), None)).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. })) => Ok(false),
            Ok(Err(error)) => Err(unreachable_engine(error)),
            Err(_) => Err(Error::unavailable("Docker takes too long to remove an image")),
        }
    }
}
