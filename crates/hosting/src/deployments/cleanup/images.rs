//! Images that no site can go back to, and what builds leave on their way.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use kit::Result;
use kit::id::random_base32;

use crate::deployments::build::{CONTEXT_PREFIX, IMAGE_LABEL, STAGE_LABEL};
use crate::deployments::releases;
use crate::operations::blocking;
use crate::sites;
use crate::{Hosting, files, templates};

/// An image that was asked for is left alone for so long: its release may not be recorded yet.
const JUST_ASKED_FOR: Duration = Duration::from_secs(3 * 3600);
/// Stages are the builder's cache: one that is older helps no one.
const STAGES_FOR: Duration = Duration::from_secs(7 * 86_400);
/// What older engines call an image without a name.
const NAMELESS: &str = "<none>:<none>";
/// A stage that goes uncovers the one it was built on; no Dockerfile has more steps.
const MOST_ROUNDS: usize = 200;

/// How old a stage must be to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Old,
    Any,
}

/// Removes images of ours that no release of any site names, no template begins with and no container was made from.
pub(super) async fn unused(hosting: &Hosting) -> Result<usize> {
    let label = format!("{IMAGE_LABEL}={}", hosting.edge.project);
    let built = hosting.runtime.images(&label, false).await?;
    if built.is_empty() {
        return Ok(0);
    }
    let mut wanted: HashSet<String> = template_images(hosting).await?;
    for site in sites::every(&hosting.db).await? {
        for release in releases::not_retired(&hosting.db, &site.id).await? {
            wanted.extend(release.images()?.into_values());
        }
    }
    wanted.extend(hosting.runtime.images_in_use().await?);
    hosting.forget_old_builds(JUST_ASKED_FOR);
    let mut removed = 0;
    for image in built.iter().filter(|image| !wanted.contains(&image.id)) {
        for name in image.repo_tags.iter().filter(|name| name.starts_with("innkeeper/") && !wanted.contains(*name)) {
            // Whoever wants it now waits, and builds it again.
            let lock = hosting.build_lock(name);
            let _alone = lock.lock().await;
            if !hosting.asked_for.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name) {
                removed += usize::from(hosting.runtime.remove_image(name, false).await?);
            }
        }
    }
    Ok(removed)
}

/// Removes stages and steps of builds of ours that no image is built on.
pub(super) async fn stages(hosting: &Hosting, age: Age) -> Result<usize> {
    let label = format!("{STAGE_LABEL}={}", hosting.edge.project);
    // What nothing is built on now may be the ground of the next step of a build that is at work.
    let is_building = !hosting.builds_at_work.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
    let oldest = match age {
        Age::Any if !is_building => i64::MAX,
        Age::Any | Age::Old => hosting.clock.now().minus(STAGES_FOR).0 / 1000,
    };
    let mut removed = 0;
    for _ in 0..MOST_ROUNDS {
        let mut this_round = 0;
        for stage in hosting.runtime.images(&label, true).await? {
            if stage.created < oldest && stage.repo_tags.iter().all(|name| name == NAMELESS) {
                this_round += usize::from(hosting.runtime.remove_image(&stage.id, false).await?);
            }
        }
        if this_round == 0 {
            break;
        }
        removed += this_round;
    }
    Ok(removed)
}

/// Names of the images that new sites of this binary's templates begin with.
async fn template_images(hosting: &Hosting) -> Result<HashSet<String>> {
    let folder = hosting.data().join("builds").join(format!("{CONTEXT_PREFIX}{}", random_base32(8)));
    blocking(move || {
        let names = (|| {
            let mut names = HashSet::new();
            for template in templates::all() {
                let root = folder.join(template.kind.as_str());
                template.write_to(&root)?;
                for service in template.manifest.built_services() {
                    let hash = templates::context_hash(&root.join(service))?;
                    names.insert(format!("innkeeper/{}-{service}:{hash}", template.kind));
                }
            }
            Ok(names)
        })();
        files::remove_folder(&folder)?;
        names
    })
    .await
}
