//! What deployments leave behind: containers of releases that do not serve, folders of builds, images that nobody can go back to.

use kit::Result;

use super::rollout;
use crate::Hosting;
use crate::compose::SITE_LABEL;
use crate::operations;
use crate::sites::{self, SiteState};

/// Removes containers of releases that do not serve, as a crash or a Docker that was away can leave them. Returns how many.
pub(crate) async fn stray_containers(hosting: &Hosting) -> Result<usize> {
    let busy = operations::busy_sites(&hosting.db).await?;
    let mut removed = 0;
    for site in sites::known(&hosting.db).await? {
        let is_settled = site.state == SiteState::Active && !busy.iter().any(|id| id == site.id.as_str());
        if is_settled && hosting.runtime.containers(Some(&format!("{SITE_LABEL}={}", site.id))).await?.len() > 4 {
            removed += rollout::remove_all_but_live(hosting, &site).await?;
        }
    }
    Ok(removed)
}
