//! What an answer about a site needs of the database beside the board: one question, because programs and open pages ask it many
//! times a minute.

use accounts::Scope;
use kit::{Error, Result, Timestamp};

use super::restart;
use crate::Hosting;
use crate::sites::{self, Site, SiteId};

/// A site, and what stands in the way of a restart.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The site.
    pub site: Site,
    /// Whether something is being done to it.
    pub is_busy: bool,
    /// Until when it cannot be restarted again; none when it can.
    pub blocked_until: Option<Timestamp>,
}

/// How a site of the scope stands.
pub async fn standing(hosting: &Hosting, scope: &Scope, id: &SiteId) -> Result<Standing> {
    let row = sites::get_with_work(&hosting.db, scope, id).await?.ok_or_else(|| Error::not_found("site"))?;
    let blocked_until = row.restarted_at.and_then(|at| restart::blocked_after(at, hosting.clock.now(), hosting.pause()));
    Ok(Standing { site: row.site, is_busy: row.is_busy, blocked_until })
}
