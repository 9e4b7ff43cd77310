//! Builds the images of a release: what exists already under its content's name is not built again.

use std::collections::BTreeMap;
use std::path::Path;

use kit::Result;
use kit::words::counted;

use super::log::LogWriter;
use crate::Hosting;
use crate::operations::{ensure_image, image_tags};
use crate::sites::Site;
use crate::templates::Template;

/// The image of each service that is built, all of them there.
pub(crate) async fn images_of(
    hosting: &Hosting,
    site: &Site,
    template: &'static Template,
    folder: &Path,
    log: &LogWriter,
) -> Result<(BTreeMap<String, String>, String)> {
    let images = image_tags(site, template, folder).await?;
    let mut built = 0_usize;
    for (service, tag) in &images {
        let is_new = ensure_image(hosting, tag, &folder.join(service)).await?;
        log.add("build", &format!("{service}: {}", if is_new { "built" } else { "unchanged, not built again" }))?;
        built += usize::from(is_new);
    }
    let detail = if built == 0 { "nothing had to be built".to_owned() } else { format!("{} built", counted(built, "image")) };
    Ok((images, detail))
}
