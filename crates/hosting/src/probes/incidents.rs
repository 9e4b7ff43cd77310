//! What was not well, from when to when and why: kept as rows, opened and closed by the watch.

use std::time::Duration;

use accounts::{CustomerId, Scope};
use kit::{Db, Result, Timestamp, from_row, id_type, sql};

use super::state::{Cause, HealthState};
use crate::Hosting;
use crate::sites::{self, SiteId};

id_type!(
    /// One stretch of time in which something was not well.
    IncidentId, "inc_"
);

/// What the site as visitors see it is called where services have their names.
pub const EDGE: &str = "edge";
/// Incidents older than this are removed.
const KEEP: Duration = Duration::from_secs(400 * 86_400);
/// What is told of a service that survived the end of a process, and how often at most.
const SURVIVED: &str = "ran out of memory; one of its processes was ended, and the rest went on";
const TELL_AGAIN: Duration = Duration::from_secs(3600);

/// One incident.
#[derive(Debug, Clone)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// On which site.
    pub site_id: SiteId,
    /// Which service; [`EDGE`] for the site as visitors see it.
    pub service: String,
    /// How it was: restarting, error or stopped.
    pub state: HealthState,
    /// Why.
    pub cause: Cause,
    /// More about it, such as an exit code.
    pub detail: Option<String>,
    /// From when.
    pub started_at: Timestamp,
    /// Until when; none while it lasts.
    pub ended_at: Option<Timestamp>,
}

impl Incident {
    /// Whether it was over as soon as it began: a process was ended, and the service went on.
    pub fn was_survived(&self) -> bool {
        self.cause == Cause::OutOfMemory && self.ended_at == Some(self.started_at)
    }
}

from_row!(Incident { id, site_id, service, state, cause, detail, started_at, ended_at });

const COLUMNS: &str = "select id, site_id, service, state, cause, detail, started_at, ended_at from incident";

/// The newest incidents of a site of the scope, newest first, at most `limit` (up to 200).
pub async fn of_site(db: &Db, scope: &Scope, site: &SiteId, limit: u32) -> Result<Vec<Incident>> {
    sites::get(db, scope, site).await?;
    newest(db, site, limit).await
}

/// The same for work that was already allowed.
pub(crate) async fn newest(db: &Db, site: &SiteId, limit: u32) -> Result<Vec<Incident>> {
    let query =
        sql(COLUMNS).and("where site_id = $1 order by started_at desc, id desc limit $2").bind(site).bind(i64::from(limit.min(200)));
    db.all(query).await
}

pub(super) async fn open_ones(db: &Db, site: Option<&SiteId>) -> Result<Vec<Incident>> {
    db.all(sql(COLUMNS).and("where ended_at is null and (cast($1 as text) is null or site_id = $1) order by site_id, service").bind(site))
        .await
}

/// What is noted of a service that is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) state: HealthState,
    pub(super) cause: Cause,
    pub(super) detail: Option<String>,
    pub(super) since: Timestamp,
}

/// Opens an incident, or brings the open one up to date.
pub(super) async fn open(hosting: &Hosting, site: &SiteId, service: &str, trouble: &Trouble) -> Result<()> {
    hosting
        .db
        .execute(
            sql("insert into incident (id, site_id, service, state, cause, detail, started_at) values ($1, $2, $3, $4, $5, $6, $7)
                 on conflict (site_id, service) where ended_at is null do update set
                   state = excluded.state, cause = excluded.cause, detail = excluded.detail")
            .bind(IncidentId::new(&hosting.clock))
            .bind(site)
            .bind(service)
            .bind(trouble.state)
            .bind(trouble.cause)
            .bind(trouble.detail.clone())
            .bind(trouble.since),
        )
        .await
        .map(|_| ())
}

/// Notes that a process of a service was ended for its memory while the service went on: it is over at once. Returns whether that is
/// news: a service to which it happens all the time is told of once an hour.
pub async fn note_survived(hosting: &Hosting, site: &SiteId, service: &str) -> Result<bool> {
    let now = hosting.clock.now();
    let noted = hosting
        .db
        .execute(
            sql("insert into incident (id, site_id, service, state, cause, detail, started_at, ended_at)
                 select cast($1 as text), cast($2 as text), cast($3 as text), cast($4 as text), cast($5 as text), cast($6 as text),
                   cast($7 as bigint), cast($7 as bigint)
                 where not exists (
                   select 1 from incident
                   where site_id = $2 and started_at > $8 and service = $3 and cause = $5 and ended_at = started_at)")
            .bind(IncidentId::new(&hosting.clock))
            .bind(site)
            .bind(service)
            .bind(HealthState::Error)
            .bind(Cause::OutOfMemory)
            .bind(SURVIVED)
            .bind(now)
            .bind(now.minus(TELL_AGAIN)),
        )
        .await?;
    Ok(noted > 0)
}

pub(super) async fn close(db: &Db, id: &IncidentId, at: Timestamp) -> Result<()> {
    db.execute(sql("update incident set ended_at = $2 where id = $1 and ended_at is null").bind(id).bind(at)).await.map(|_| ())
}

/// A stretch of time in which a service of a site was not well, for those who count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Which site.
    pub site_id: SiteId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// Which service; [`EDGE`] for the site as visitors see it.
    pub service: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; none while it lasts.
    pub until: Option<Timestamp>,
}

struct OutageRow {
    site_id: SiteId,
    customer_id: CustomerId,
    service: String,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
}

from_row!(OutageRow { site_id, customer_id, service, started_at, ended_at });

/// Outages that touch a stretch of time. Of the whole house: for the house's own counting, not for people. What was over as soon as it
/// began is none.
pub async fn outages(db: &Db, from: Timestamp, to: Timestamp) -> Result<Vec<Outage>> {
    let rows: Vec<OutageRow> = db
        .all(
            sql("select incident.site_id, site.customer_id, incident.service, incident.started_at, incident.ended_at
                 from incident join site on site.id = incident.site_id
                 where incident.ended_at is null and incident.started_at <= $2
                 union all
                 select incident.site_id, site.customer_id, incident.service, incident.started_at, incident.ended_at
                 from incident join site on site.id = incident.site_id
                 where incident.ended_at > $1 and incident.started_at <= $2 and incident.ended_at > incident.started_at")
            .bind(from)
            .bind(to),
        )
        .await?;
    let outage = |row: OutageRow| Outage {
        site_id: row.site_id,
        customer_id: row.customer_id,
        service: row.service,
        from: row.started_at,
        until: row.ended_at,
    };
    Ok(rows.into_iter().map(outage).collect())
}

/// Removes incidents that ended over a year ago.
pub async fn forget_old(db: &Db, now: Timestamp) -> Result<u64> {
    db.execute(sql("delete from incident where ended_at < $1").bind(now.minus(KEEP))).await
}
