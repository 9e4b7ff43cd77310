//! Status pages: how a site is, as its owner shows it to everyone.
//!
//! Whoever reads one learns whether the site works, how often it did not and for how long; nothing of containers, exit codes,
//! services, people or customers.

use accounts::audit::{self, Entry};
use accounts::{Actor, Permission, Scope};
use kit::{Db, Error, Result, Timestamp, sql, text_enum};

use super::incidents::{self, EDGE, Incident};
use super::state::{Cause, HealthState};
use super::uptime::{self, Day};
use crate::Hosting;
use crate::operations;
use crate::sites::{self, Site, SiteId, SiteState};

/// Incidents that are read, newest first; several of them make one outage.
const READ: u32 = 200;
/// Outages that ended and are shown.
const PAST: usize = 10;

text_enum!(
    /// How something is, in one word for everyone.
    PublicState {
        /// It works.
        Up = "up",
        /// Something is being done to it, which takes a moment.
        Working = "working",
        /// It is there, but something is wrong with it.
        Degraded = "degraded",
        /// It does not work.
        Down = "down",
        /// Its owner has switched it off.
        Off = "off",
        /// Nobody can tell at present.
        Unknown = "unknown",
    }
);

text_enum!(
    /// What an outage was like for visitors. Declared from least to worst.
    Outage {
        /// It was started again.
        Restart = "restart",
        /// Parts of it did not work.
        Partial = "partial",
        /// Browsers warned of its certificate.
        Insecure = "insecure",
        /// It could not be reached.
        Unreachable = "unreachable",
    }
);

/// One stretch of time in which a site did not work as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicIncident {
    /// What it was like, at its worst.
    pub outage: Outage,
    /// From when.
    pub started_at: Timestamp,
    /// Until when; none while it lasts.
    pub ended_at: Option<Timestamp>,
}

/// What a site's status page says.
#[derive(Debug, Clone)]
pub struct StatusPage {
    /// Which site.
    pub site_id: SiteId,
    /// Its name.
    pub name: String,
    /// Whether everyone may read it; otherwise only those who may see the site.
    pub is_public: bool,
    /// How it is now.
    pub state: PublicState,
    /// The last 90 days, oldest first.
    pub days: Vec<Day>,
    /// What lasts.
    pub current: Option<PublicIncident>,
    /// What is over, newest first.
    pub past: Vec<PublicIncident>,
    /// When all of this was so.
    pub as_of: Timestamp,
}

/// Whether everyone may read a site's status page.
pub async fn is_published(db: &Db, site: &SiteId) -> Result<bool> {
    let found: Option<(String,)> = db.optional(sql("select site_id from public_status_page where site_id = $1").bind(site)).await?;
    Ok(found.is_some())
}

/// Shows a site's status page to everyone, or to nobody but those who may see the site. For whoever decides for the customer.
pub async fn publish(hosting: &Hosting, actor: &Actor, id: &SiteId, wanted: bool) -> Result<Site> {
    let site = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), id).await?;
            actor.may(Permission::EditCustomer)?;
            if site.is_preview() {
                return Err(Error::conflict("a preview has no status page"));
            }
            let (action, change) = if wanted {
                let row = "insert into public_status_page (site_id, published_at) values ($1, $2) on conflict (site_id) do nothing";
                ("site.publish_status", sql(row).bind(id).bind(hosting.clock.now()))
            } else {
                ("site.withdraw_status", sql("delete from public_status_page where site_id = $1").bind(id))
            };
            // Said twice it is no news.
            if tx.execute(change).await? > 0 {
                let detail = serde_json::json!({ "name": site.name.as_str() });
                let entry = Entry { action, customer: Some(&site.customer_id), subject: id.as_str(), detail };
                audit::record(&tx, &hosting.clock, actor, entry).await?;
            }
            Ok(site)
        })
        .await?;
    hosting.signal(&site);
    Ok(site)
}

/// Reads a site's status page: for everyone when it is published, else for those in whose scope (`viewer`) the site is. Any
/// other site is not there, and neither is one that was never made or is deleted.
pub async fn read(hosting: &Hosting, viewer: Option<&Scope>, id: &SiteId) -> Result<StatusPage> {
    let is_public = is_published(&hosting.db, id).await?;
    let site = match viewer {
        _ if is_public => sites::get_any(&hosting.db, id).await?,
        Some(scope) => sites::get(&hosting.db, scope, id).await?,
        None => return Err(Error::not_found("status page")),
    };
    if site.is_preview() || matches!(site.state, SiteState::Archived | SiteState::Deleting) {
        return Err(Error::not_found("status page"));
    }
    let now = hosting.clock.now();
    let is_busy = operations::busy_sites(&hosting.db).await?.iter().any(|busy| busy == id.as_str());
    let outages = joined(&incidents::newest(&hosting.db, id, READ).await?);
    let (current, past): (Vec<PublicIncident>, Vec<PublicIncident>) = outages.into_iter().partition(|it| it.ended_at.is_none());
    let first_day = uptime::first_day(now);
    Ok(StatusPage {
        is_public,
        state: state_of(&site, hosting.health(&site).state, is_busy),
        days: uptime::days_of(&hosting.db, id, now).await?,
        // What is being done to it explains what lasts.
        current: current.into_iter().next().filter(|_| !is_busy && site.state == SiteState::Active),
        past: past.into_iter().filter(|it| it.started_at >= first_day).take(PAST).collect(),
        name: site.name.as_str().to_owned(),
        site_id: site.id,
        as_of: now,
    })
}

/// One word for how a site is.
pub(super) fn state_of(site: &Site, health: HealthState, is_busy: bool) -> PublicState {
    match site.state {
        SiteState::Stopped | SiteState::Archived => PublicState::Off,
        SiteState::Failed => PublicState::Down,
        SiteState::Provisioning | SiteState::Restoring | SiteState::Deleting => PublicState::Working,
        SiteState::Active => match health {
            HealthState::Running => PublicState::Up,
            HealthState::Unknown => PublicState::Unknown,
            _ if is_busy => PublicState::Working,
            HealthState::Provisioning | HealthState::Restarting => PublicState::Working,
            HealthState::Error => PublicState::Degraded,
            HealthState::Stopped => PublicState::Down,
        },
    }
}

fn outage_of(incident: &Incident) -> Outage {
    match (incident.cause, incident.state) {
        (Cause::Certificate, _) => Outage::Insecure,
        _ if incident.service == EDGE => Outage::Unreachable,
        (_, HealthState::Restarting) => Outage::Restart,
        _ => Outage::Partial,
    }
}

/// A service that fails takes others with it: what overlaps in time was one outage. Newest first, as given.
fn joined(incidents: &[Incident]) -> Vec<PublicIncident> {
    // Visitors may have missed one answer; nothing stopped working.
    let mut oldest_first: Vec<&Incident> = incidents.iter().filter(|incident| !incident.was_survived()).collect();
    oldest_first.sort_by_key(|incident| incident.started_at);
    let mut joined: Vec<PublicIncident> = Vec::new();
    for incident in oldest_first {
        let next = PublicIncident { outage: outage_of(incident), started_at: incident.started_at, ended_at: incident.ended_at };
        match joined.last_mut().filter(|last| last.ended_at.is_none_or(|end| next.started_at <= end)) {
            Some(last) => {
                last.outage = last.outage.max(next.outage);
                last.ended_at = last.ended_at.zip(next.ended_at).map(|(one, other)| one.max(other));
            }
            None => joined.push(next),
        }
    }
    joined.reverse();
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::Clock;

    fn incident(service: &str, state: HealthState, cause: Cause, from: i64, to: Option<i64>) -> Incident {
        Incident {
            id: incidents::IncidentId::new(&Clock::manual(Timestamp(from))),
            site_id: SiteId::random(),
            service: service.to_owned(),
            state,
            cause,
            detail: Some("exit code 137".to_owned()),
            started_at: Timestamp(from),
            ended_at: to.map(Timestamp),
        }
    }

    #[test]
    fn what_overlaps_is_one_outage_as_bad_as_its_worst_part() {
        let seen = [
            incident("www", HealthState::Stopped, Cause::Exited, 900, None),
            incident("api", HealthState::Error, Cause::Unhealthy, 120, Some(200)),
            incident(EDGE, HealthState::Error, Cause::NoAnswer, 150, Some(260)),
            incident("db", HealthState::Restarting, Cause::Looping, 100, Some(180)),
        ];
        let outage = |outage, from, to: Option<i64>| PublicIncident { outage, started_at: Timestamp(from), ended_at: to.map(Timestamp) };
        assert_eq!(joined(&seen), [outage(Outage::Partial, 900, None), outage(Outage::Unreachable, 100, Some(260))]);
    }

    #[test]
    fn one_that_lasts_takes_all_later_ones_in() {
        let seen = [
            incident("db", HealthState::Stopped, Cause::Exited, 500, Some(600)),
            incident("www", HealthState::Restarting, Cause::Looping, 100, None),
        ];
        assert_eq!(joined(&seen), [PublicIncident { outage: Outage::Partial, started_at: Timestamp(100), ended_at: None }]);
    }

    #[test]
    fn certificates_are_told_apart() {
        let seen = [incident(EDGE, HealthState::Error, Cause::Certificate, 1, Some(2))];
        assert_eq!(joined(&seen)[0].outage, Outage::Insecure);
    }
}
