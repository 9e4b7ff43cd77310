//! Builds the images of a release: what exists already under its content's name is not built again.
//!
//! A customer's Dockerfile is judged before it is built (`policy`), the images that it begins with as well (`bases`), and the
//! build has bounds: memory and time by the builder's own options, processes and the processor by a control group (`sandbox`), the
//! disk by looking at it meanwhile, its output by the log.

mod bases;
mod context;
mod dockerfile;
mod policy;
mod sandbox;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use kit::words::counted;
use kit::{Context, Error, Result};
use tokio::time::Instant;
use tracing::debug;

use super::log::{LogStream, LogWriter};
use super::room::{self, Need};
use crate::compose::CUSTOMER_LABEL;
use crate::operations::{blocking, image_tags};
use crate::runtime::image;
use crate::sites::Site;
use crate::templates::Template;
use crate::{Hosting, images};

pub(crate) use context::PREFIX as CONTEXT_PREFIX;
use sandbox::Sandbox;
pub(crate) use sandbox::end_orphans;

/// Label of images that were built for sites; its value is the installation.
pub(crate) const IMAGE_LABEL: &str = "innkeeper.image";
/// Label of what a build leaves on its way: stages, and steps of builds that failed. Empty in the image that comes of it.
pub(crate) const STAGE_LABEL: &str = "innkeeper.stage";
/// What the engine says of a process that was killed, as by the limit of memory.
const KILLED: &str = "returned a non-zero code: 137";

/// The image of each service that is built, all of them there.
pub async fn images_of(
    hosting: &Hosting,
    site: &Site,
    template: &'static Template,
    folder: &Path,
    log: &LogWriter,
) -> Result<(BTreeMap<String, String>, String)> {
    // Another one for this very commit may be at it, without anybody to listen.
    end_orphans(hosting).await?;
    room::ensure(hosting, Need::Build).await?;
    let images = image_tags(site, template, folder).await?;
    let mut built = 0_usize;
    for (service, tag) in &images {
        let begun = Instant::now();
        let is_new = ensure(hosting, tag, &folder.join(service), service, Some(log)).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let how = if is_new { format!("built in {seconds:.1} s") } else { "unchanged, not built again".to_owned() };
        log.add("build", &format!("{service}: {how}"))?;
        built += usize::from(is_new);
    }
    let detail = if built == 0 { "nothing had to be built".to_owned() } else { format!("{} built", counted(built, "image")) };
    Ok((images, detail))
}

/// Builds an image unless it exists; of several callers who want the same one, one builds and the others wait.
pub(crate) async fn ensure(hosting: &Hosting, tag: &str, context: &Path, service: &str, log: Option<&LogWriter>) -> Result<bool> {
    let lock = hosting.build_lock(tag);
    let _alone = lock.lock().await;
    // Whatever cleans up leaves it from now on, until a release names it.
    hosting.asked_for.lock().unwrap_or_else(PoisonError::into_inner).insert(tag.to_owned(), Instant::now());
    if hosting.runtime.has_image(tag).await? {
        return Ok(false);
    }
    images::ensure(&images::Settings::new(hosting.image_cache()), |step| debug!("base image {}: {:?}", step.image, step.state)).await?;
    let mut output = log.map(|log| log.stream("build", &format!("{service} | ")));
    let mut say = |line: &str| match &mut output {
        Some(output) => output.line(line),
        None => debug!("{tag}: {line}"),
    };
    let text = dockerfile_of(context, service).await?;
    let stage_line = format!("LABEL {STAGE_LABEL}={}", hosting.edge.project);
    let refused = |line: usize, reason: String| Error::conflict(format!("{service}/Dockerfile, line {line}: {reason}"));
    let allowed = policy::judge(&text, &stage_line).map_err(|refusal| refused(refusal.line, refusal.reason))?;
    allowed.notices.iter().for_each(|notice| say(notice));
    for (line, image) in &allowed.images {
        bases::examine(hosting, image, &mut say).await?.map_err(|reason| refused(*line, reason))?;
    }
    let (for_context, sources) = (hosting.clone(), context.to_owned());
    let context = blocking(move || context::BuildContext::make(&for_context, &sources, &allowed.text)).await?;
    let sandbox = match Sandbox::open(hosting).await {
        Ok(sandbox) => Some(sandbox),
        Err(error) => {
            say(&format!("note: the number of this build's processes is not bounded ({})", error.public_message()));
            None
        }
    };
    let labels = [(CUSTOMER_LABEL, "shared"), (IMAGE_LABEL, &hosting.edge.project), (STAGE_LABEL, "")];
    let limit = Duration::from_secs(u64::from(hosting.config.build_minutes) * 60);
    let group = sandbox.as_ref().map(Sandbox::parent);
    let begun = Instant::now();
    let mut is_first = true;
    let build = image::build(image::Build { tag, context: context.path(), labels: &labels, group, limit }, |line| {
        if !(is_noise(line) || is_first && line.is_empty()) {
            is_first = false;
            say(line);
        }
    });
    let outcome = tokio::select! {
        outcome = build => outcome,
        full = room::runs_out(hosting) => return Err(full).context("stopping the build"),
    };
    match outcome {
        Ok(()) => bases::examine_built(hosting, tag).await.map(|()| true),
        Err(error) => {
            // An engine that is away is no verdict on the build; it is tried again.
            hosting.runtime.ping().await?;
            let why = if begun.elapsed() >= limit {
                format!("it did not end within {} minutes and was stopped", hosting.config.build_minutes)
            } else {
                reason(output.as_mut(), &error)
            };
            Err(Error::conflict(format!("{service} could not be built: {why}")))
        }
    }
}

async fn dockerfile_of(context: &Path, service: &str) -> Result<String> {
    let (path, name) = (context.join("Dockerfile"), format!("{service}/Dockerfile"));
    blocking(move || match std::fs::symlink_metadata(&path) {
        Ok(seen) if seen.is_file() && seen.len() <= policy::LONGEST as u64 => {
            Ok(String::from_utf8_lossy(&std::fs::read(&path).context("reading a Dockerfile")?).into_owned())
        }
        Ok(seen) if seen.is_file() => Err(Error::conflict(format!("{name} is larger than {} KB", policy::LONGEST >> 10))),
        Ok(_) => Err(Error::conflict(format!("{name} must be a file"))),
        Err(_) => Err(Error::conflict(format!("{name} is missing"))),
    })
    .await
}

/// The builder's advice to use another one, and the line that we put into each stage.
fn is_noise(line: &str) -> bool {
    let ours = line.starts_with("Step ") && line.contains(&format!(" : LABEL {STAGE_LABEL}="));
    let advice = ["DEPRECATED: The legacy builder", "            BuildKit is currently disabled", "            environment-variable."];
    ours || advice.iter().any(|beginning| line.starts_with(beginning))
        || line.starts_with("            Install the buildx component")
        || line.starts_with("            https://docs.docker.com/go/buildx")
}

/// Why a build failed, in its own last words.
fn reason(output: Option<&mut LogStream>, error: &Error) -> String {
    let Some(output) = output else { return error.public_message() };
    output.finish();
    let words = output.last_words();
    // What the builder tidies up comes on another pipe than its last word, before or after it.
    let is_word =
        |line: &&&str| !line.trim_start().starts_with("Removing intermediate container") && !line.trim_start().starts_with("--->");
    let last = words.iter().rev().find(is_word).copied().unwrap_or("it ended without a word");
    match last.contains(KILLED) {
        true => format!("{last} (killed: most likely it needed more than 2 GB of memory)"),
        false => last.to_owned(),
    }
}
