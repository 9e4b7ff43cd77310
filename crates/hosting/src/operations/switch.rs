//! Starting, stopping and reconfiguring a site that exists.

use kit::{Error, Result};

use super::create;
use crate::edge::{Reason, Target};
use crate::environment::start;
use crate::probes::restart;
use crate::sites::{Site, SiteState};
use crate::{Hosting, runtime};

pub(super) const START_STEPS: &[&str] = &["settings", "environment", "compose", "start", "route", "certificate"];
pub(super) const STOP_STEPS: &[&str] = &["holding", "stop"];
pub(super) const RECONFIGURE_STEPS: &[&str] = &["environment", "compose", "apply"];

pub(super) const RESTART_STEPS: &[&str] = &["restart", "answer"];

/// A step of a restart, of one service or of all.
pub(super) async fn restart_step(hosting: &Hosting, site: &Site, service: Option<&str>, name: &str) -> Result<Option<String>> {
    match name {
        "restart" => restart::carry_out(hosting, site, service).await,
        "answer" => restart::await_answer(hosting, site).await,
        other => Err(Error::internal(format!("no step `{other}`"))),
    }
}

pub(super) async fn step(hosting: &Hosting, site: &Site, name: &str) -> Result<Option<String>> {
    match name {
        // What runs is given new settings by deployments only.
        "settings" if site.state == SiteState::Active => Ok(None),
        "settings" => start::take_newest(hosting, site).await,
        "start" => create::start(hosting, site).await,
        "route" => create::route(hosting, site).await,
        "certificate" => {
            let detail = create::certificate(hosting, site).await?;
            start::note_live(hosting, site).await?;
            Ok(detail)
        }
        "environment" => create::environment(hosting, site).await,
        "compose" => create::compose_file(hosting, site).await,
        "apply" if site.state == SiteState::Active => create::start(hosting, site).await,
        "apply" => Ok(Some("takes effect at the next start".to_owned())),
        "holding" => {
            hosting.proxy.ensure_running().await?;
            hosting.proxy.route(site, Target::Holding(Reason::Stopped)).await?;
            Ok(None)
        }
        "stop" => {
            runtime::stop(site, &hosting.site_folder(site), &[]).await?;
            Ok(None)
        }
        other => Err(Error::internal(format!("no step `{other}`"))),
    }
}
