//! The images that a build begins with, looked at before it: what they do to whoever builds from them, and how they are labelled.

use kit::{Error, Result};

use super::policy::{is_reserved_label, judge_trigger};
use super::{IMAGE_LABEL, STAGE_LABEL};
use crate::Hosting;
use crate::compose::CUSTOMER_LABEL;
use crate::runtime::image;

/// Fetches an image that is not there, and says why nothing may be built from it.
pub(super) async fn examine(hosting: &Hosting, name: &str, say: &mut impl FnMut(&str)) -> Result<Result<(), String>> {
    let found = match hosting.runtime.image(name).await? {
        Some(found) => Some(found),
        None => {
            say(&format!("fetching {name}"));
            if let Err(error) = image::fetch(name).await {
                hosting.runtime.ping().await?;
                say(&error.public_message());
                return Ok(Err(format!("the image {name} could not be fetched")));
            }
            hosting.runtime.image(name).await?
        }
    };
    let Some(found) = found else { return Ok(Err(format!("there is no image {name}"))) };
    // Labels go on to the containers of the build, and there they would be believed.
    if let Some(label) = found.labels.keys().find(|label| is_reserved_label(label)) {
        return Ok(Err(format!("the image {name} has the label {}, which is reserved", label.escape_debug())));
    }
    for trigger in &found.triggers {
        if let Err(reason) = judge_trigger(trigger) {
            return Ok(Err(format!("the image {name} has a trigger (ONBUILD) that is not allowed: {reason}")));
        }
    }
    Ok(Ok(()))
}

/// A last look at what was built: nothing that is reserved has come in on another way.
pub(super) async fn examine_built(hosting: &Hosting, tag: &str) -> Result<()> {
    let found = hosting.runtime.image(tag).await?.ok_or_else(|| Error::unavailable("the image that was just built is gone"))?;
    let ours = [CUSTOMER_LABEL, IMAGE_LABEL, STAGE_LABEL];
    let stranger = found.labels.keys().find(|label| is_reserved_label(label) && !ours.contains(&label.as_str()));
    let Some(stranger) = stranger else { return Ok(()) };
    hosting.runtime.remove_image(tag, true).await?;
    Err(Error::conflict(format!("the image that was built has the label {}, which is reserved", stranger.escape_debug())))
}
