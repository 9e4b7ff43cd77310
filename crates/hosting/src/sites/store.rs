//! The rows of sites. Each question about customers' sites takes a [`Scope`].

use std::collections::HashMap;

use accounts::audit::{self, Entry};
use accounts::{Actor, CustomerId, Scope, members};
use kit::{Clock, Context, Db, Error, Result, Timestamp, sql};

use super::{CertificateState, ReleaseId, Site, SiteId, SiteSecrets, SiteState};
use crate::deployments::{self, Wish};
use crate::names::{Host, SiteName, Subdomain};
use crate::operations::{self, OperationKind};
use crate::templates::{self, Kind};
use crate::{Hosting, adopt};

pub(crate) const COLUMNS: &str =
    "select id, customer_id, kind, name, domain, custom_domain, state, template_version, release_id, network_slot,
       owner_email, certificate_state, certificate_expires_at, certificate_error, certificate_attempt, created_at, updated_at,
       last_deployed_at, archived_at, preview_of, preview_branch, preview_database, preview_login, preview_expires_at, secrets,
       (select clone_url from site_repository where site_repository.site_id = site.id) as outside_url
from site";

/// What a person asks for, parsed.
#[derive(Debug, Clone)]
pub struct NewSite {
    /// The template.
    pub kind: Kind,
    /// Its name.
    pub name: SiteName,
    /// First label of its address; generated when absent.
    pub subdomain: Option<Subdomain>,
    /// The customer's own domain.
    pub custom_domain: Option<Host>,
}

/// What can be changed of a site.
#[derive(Debug, Clone, Default)]
pub struct UpdateSite {
    /// A new name.
    pub name: Option<SiteName>,
    /// A domain of the customer's own, or `Some(None)` to drop it.
    pub custom_domain: Option<Option<Host>>,
}

/// Which sites to list.
#[derive(Debug, Clone, Default)]
pub struct SiteFilter {
    /// Only those of this customer (within the scope).
    pub customer: Option<CustomerId>,
    /// Only those in this state; archived ones are left out otherwise.
    pub state: Option<SiteState>,
    /// Part of the name or the address.
    pub search: Option<String>,
    /// In which order.
    pub sort: SiteSort,
    /// Continue after this site.
    pub after: Option<SiteId>,
    /// How many at most, up to 200; 50 when 0.
    pub limit: u32,
}

/// The order of a list of sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SiteSort {
    /// Newest first.
    #[default]
    Created,
    /// By name, ignoring case.
    Name,
}

/// Whether an address can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressAnswer {
    /// It can; this is the full name.
    Free(Host),
    /// Somebody has it.
    Taken(Host),
}

/// Takes a site into the books and enqueues its making, all in one transaction.
///
/// Two customers who ask for one address at once: one gets it, the other a complaint about the field.
pub async fn create(hosting: &Hosting, actor: &Actor, customer: &CustomerId, new: &NewSite) -> Result<Site> {
    actor.scope().allows(customer)?;
    let template = templates::find(new.kind).ok_or_else(|| {
        Error::invalid(
            "site_type",
            format!("must be one of {}", templates::all().iter().map(|it| it.kind.as_str()).collect::<Vec<_>>().join(", ")),
        )
    })?;
    let owner_email = owner_email(&hosting.db, actor, customer).await?;
    let secrets = SiteSecrets::generate();
    hosting
        .db
        .write(async |tx| {
            refuse_beyond_quota(&tx, hosting, customer).await?;
            let id = SiteId::random();
            let label = match &new.subdomain {
                Some(subdomain) => subdomain.as_str().to_owned(),
                None => id.as_str().replace('_', "-"),
            };
            let domain = hosting.domain(&label)?;
            refuse_taken(&tx, "subdomain", &domain, None).await?;
            if let Some(custom) = &new.custom_domain {
                hosting.refuse_own_domain(custom)?;
                refuse_taken(&tx, "custom_domain", custom, None).await?;
            }
            let slot = free_network_slot(&tx, hosting, &|_| false).await?;
            let now = hosting.clock.now();
            tx.execute(
                sql("insert into site (id, customer_id, kind, name, domain, custom_domain, state, template_version, release_id,
                                       network_slot, secrets, owner_email, certificate_state, certificate_attempt, created_at, updated_at)
                     values ($1, $2, $3, $4, $5, $6, 'provisioning', $7, $8, $9, $10, $11, 'pending', 0, $12, $12)")
                .bind(&id)
                .bind(customer)
                .bind(new.kind)
                .bind(&new.name)
                .bind(&domain)
                .bind(new.custom_domain.clone())
                .bind(&template.manifest.version)
                .bind(ReleaseId::new(&hosting.clock))
                .bind(slot)
                .bind(secrets.seal(&hosting.key, &id)?)
                .bind(&owner_email)
                .bind(now),
            )
            .await?;
            operations::begin(&tx, hosting, &id, OperationKind::Create, actor).await?;
            let detail = serde_json::json!({ "name": new.name.as_str(), "domain": domain.as_str(), "kind": new.kind.as_str() });
            let entry = Entry { action: "site.create", customer: Some(customer), subject: id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
        })
        .await
        .inspect(|site| hosting.signal(site))
}

/// Takes a container that was here before into the books: without secrets, network, or anything else to be made.
pub(crate) async fn insert_adopted(tx: &kit::Tx, hosting: &Hosting, customer: &CustomerId, name: &SiteName) -> Result<Site> {
    let id = SiteId::random();
    // Never routed; it only keeps the column unique.
    let domain = hosting.domain(&id.as_str().replace('_', "-"))?;
    let secrets = SiteSecrets::generate().seal(&hosting.key, &id)?;
    tx.execute(
        sql("insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets,
                               owner_email, certificate_state, certificate_attempt, created_at, updated_at)
             values ($1, $2, $3, $4, $5, 'active', '', $6, -1, $7, '', 'pending', 0, $8, $8)")
        .bind(&id)
        .bind(customer)
        .bind(Kind::Adopted)
        .bind(name)
        .bind(&domain)
        .bind(ReleaseId::new(&hosting.clock))
        .bind(secrets)
        .bind(hosting.clock.now()),
    )
    .await?;
    tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
}

/// Refuses one site more than the customer may have; archived ones do not count, nor do previews and containers that were here
/// before.
pub(crate) async fn refuse_beyond_quota(tx: &kit::Tx, hosting: &Hosting, customer: &CustomerId) -> Result<()> {
    let limit = i64::from(hosting.config.sites_per_customer);
    let (sites,): (i64,) = tx
        .one(
            sql("select cast(count(*) as bigint) from site where customer_id = $1 and state <> 'archived' and kind <> 'adopted' and preview_of is null")
                .bind(customer),
        )
        .await?;
    if sites >= limit {
        return Err(Error::conflict(format!("this account may have {limit} sites; delete one or ask for more")));
    }
    Ok(())
}

/// Who signs in on the site first: the customer who asks, or the account's first owner when staff asks for them.
async fn owner_email(db: &Db, actor: &Actor, customer: &CustomerId) -> Result<String> {
    if actor.customer() == Some(customer)
        && let Some(email) = actor.email()
    {
        return Ok(email.to_string());
    }
    let members = members::of_customer(db, actor, customer).await?;
    let owner = members.iter().find(|member| member.role.as_str() == "owner").or(members.first());
    owner
        .map(|owner| owner.email.to_string())
        .ok_or_else(|| Error::conflict("this customer has no members yet; invite one first, so that somebody can sign in on the site"))
}

/// Looks whether an address can be had.
pub async fn check_address(hosting: &Hosting, subdomain: &Subdomain) -> Result<AddressAnswer> {
    let domain = hosting.domain(subdomain.as_str())?;
    let taken: Option<(String,)> =
        hosting.db.optional(sql("select id from site where domain = $1 or custom_domain = $1").bind(&domain)).await?;
    Ok(if taken.is_some() { AddressAnswer::Taken(domain) } else { AddressAnswer::Free(domain) })
}

async fn refuse_taken(tx: &kit::Tx, field: &str, domain: &Host, except: Option<&SiteId>) -> Result<()> {
    let taken: Option<(String,)> = tx
        .optional(
            sql("select id from site where (domain = $1 or custom_domain = $1) and (cast($2 as text) is null or id <> $2)")
                .bind(domain)
                .bind(except),
        )
        .await?;
    match taken {
        Some(_) => Err(Error::invalid(field, "is taken; please choose another one")),
        None => Ok(()),
    }
}

/// The lowest /28 of the pool that no living site has and `blocked` does not refuse.
pub(crate) async fn free_network_slot(tx: &kit::Tx, hosting: &Hosting, blocked: &(dyn Fn(i64) -> bool + Sync)) -> Result<i64> {
    let used: Vec<(i64,)> = tx.all(sql("select network_slot from site where state <> 'archived' order by network_slot")).await?;
    let used: std::collections::BTreeSet<i64> = used.into_iter().map(|(slot,)| slot).collect();
    let (_, size) = hosting.config.network_pool_base().ok_or_else(|| Error::internal("network pool was not validated"))?;
    (0..i64::from(size))
        .find(|slot| !used.contains(slot) && !blocked(*slot))
        .ok_or_else(|| Error::conflict("this server has no free network for a further site; the operator can enlarge hosting.network_pool"))
}

/// A site of the scope.
pub async fn get(db: &Db, scope: &Scope, id: &SiteId) -> Result<Site> {
    db.optional(sql(COLUMNS).and("where id = $1 and (cast($2 as text) is null or customer_id = $2)").bind(id).bind(scope.customer_filter()))
        .await?
        .ok_or_else(|| Error::not_found("site"))
}

/// A site with what is being done to it.
pub(crate) struct SiteAtWork {
    pub(crate) site: Site,
    /// Whether an operation is at work.
    pub(crate) is_busy: bool,
    /// When its people last asked for a restart.
    pub(crate) restarted_at: Option<Timestamp>,
}

impl kit::db::FromRow for SiteAtWork {
    fn from_row(row: &kit::db::Row<'_>) -> Result<SiteAtWork> {
        let running: i64 = row.get("running")?;
        Ok(SiteAtWork { site: Site::from_row(row)?, is_busy: running > 0, restarted_at: row.get("restarted_at")? })
    }
}

/// A site of the scope with what is being done to it, in one question.
pub(crate) async fn get_with_work(db: &Db, scope: &Scope, id: &SiteId) -> Result<Option<SiteAtWork>> {
    db.optional(
        sql("with found as (")
            .and(COLUMNS)
            .and(
                "where id = $1 and (cast($2 as text) is null or customer_id = $2))
                 select found.*, site_restart.requested_at as restarted_at,
                   (select cast(count(*) as bigint) from site_operation
                    where site_operation.site_id = found.id and site_operation.state = 'running') as running
                 from found left join site_restart on site_restart.site_id = found.id",
            )
            .bind(id)
            .bind(scope.customer_filter()),
    )
    .await
}

/// A site of the scope, as a transaction sees it.
pub(crate) async fn get_in(tx: &kit::Tx, scope: &Scope, id: &SiteId) -> Result<Site> {
    let query = sql(COLUMNS).and("where id = $1 and (cast($2 as text) is null or customer_id = $2)").bind(id).bind(scope.customer_filter());
    tx.optional(query).await?.ok_or_else(|| Error::not_found("site"))
}

/// Gives a site that comes back from its archive a network again.
pub(crate) async fn take_network_slot(tx: &kit::Tx, hosting: &Hosting, id: &SiteId) -> Result<()> {
    let slot = free_network_slot(tx, hosting, &|_| false).await?;
    tx.execute(sql("update site set network_slot = $2 where id = $1").bind(id).bind(slot)).await.map(|_| ())
}

/// Gives a site another network than those that `blocked` refuses.
pub(crate) async fn move_to_free_network(hosting: &Hosting, id: &SiteId, blocked: &(dyn Fn(i64) -> bool + Sync)) -> Result<()> {
    hosting
        .db
        .write(async |tx| {
            let slot = free_network_slot(&tx, hosting, blocked).await?;
            tx.execute(sql("update site set network_slot = $2 where id = $1").bind(id).bind(slot)).await.map(|_| ())
        })
        .await
}

/// A site for work that was already allowed: jobs and reconcilers.
pub async fn get_any(db: &Db, id: &SiteId) -> Result<Site> {
    get(db, &Scope::house_of_job(), id).await
}

pub(crate) async fn exists(db: &Db, id: &SiteId) -> Result<bool> {
    let found: Option<(String,)> = db.optional(sql("select id from site where id = $1").bind(id)).await?;
    Ok(found.is_some())
}

/// Sites of the scope, without their previews.
pub async fn list(db: &Db, scope: &Scope, filter: &SiteFilter) -> Result<Vec<Site>> {
    let limit = match filter.limit {
        0 => 50,
        limit => limit.min(200),
    };
    let pattern = filter.search.as_ref().map(|text| format!("%{}%", text.replace(['%', '_', '\\'], "")));
    let cursor: Option<Site> = match &filter.after {
        Some(after) => Some(get(db, scope, after).await?),
        None => None,
    };
    let query = sql(COLUMNS)
        .and("where preview_of is null and (cast($1 as text) is null or customer_id = $1) and (cast($2 as text) is null or customer_id = $2)")
        .and("and ((cast($3 as text) is null and state <> 'archived') or state = $3)")
        .and("and (cast($4 as text) is null or lower(name) like lower($4) or domain like lower($4))")
        .bind(scope.customer_filter())
        .bind(filter.customer.as_ref())
        .bind(filter.state)
        .bind(pattern);
    let query = match filter.sort {
        SiteSort::Created => query
            .and("and (cast($5 as bigint) is null or (created_at, id) < ($5, $6)) order by created_at desc, id desc limit $7")
            .bind(cursor.as_ref().map(|site| site.created_at))
            .bind(cursor.as_ref().map(|site| site.id.clone())),
        SiteSort::Name => query
            .and("and (cast($5 as text) is null or (lower(name), id) > (lower($5), $6)) order by lower(name), id limit $7")
            .bind(cursor.as_ref().map(|site| site.name.as_str().to_owned()))
            .bind(cursor.as_ref().map(|site| site.id.clone())),
    };
    db.all(query.bind(i64::from(limit))).await
}

/// Every site that is not archived, previews among them: what the edge and the runtime must know.
pub async fn known(db: &Db) -> Result<Vec<Site>> {
    db.all(sql(COLUMNS).and("where state <> 'archived' order by id")).await
}

/// Every site, archived ones too: what may be come back to.
pub(crate) async fn every(db: &Db) -> Result<Vec<Site>> {
    db.all(sql(COLUMNS).and("order by id")).await
}

/// How many sites are in each state, without their previews.
pub async fn counts_by_state(db: &Db, scope: &Scope) -> Result<Vec<(SiteState, i64)>> {
    db.all(
        sql("select state, cast(count(*) as bigint)
             from site
             where preview_of is null and (cast($1 as text) is null or customer_id = $1)
             group by state")
        .bind(scope.customer_filter()),
    )
    .await
}

/// Changes name or own domain; a new name is rolled out to the running containers by an operation.
pub async fn update(hosting: &Hosting, actor: &Actor, id: &SiteId, change: &UpdateSite) -> Result<Site> {
    let site = get(&hosting.db, &actor.scope(), id).await?;
    adopt::refuse_adopted(&site)?;
    if site.is_preview() {
        return Err(Error::conflict("a preview has the name and the domain of its site; change them there"));
    }
    let renamed = change.name.as_ref().filter(|name| **name != site.name);
    hosting
        .db
        .write(async |tx| {
            let now = hosting.clock.now();
            if let Some(Some(custom)) = &change.custom_domain {
                hosting.refuse_own_domain(custom)?;
                refuse_taken(&tx, "custom_domain", custom, Some(id)).await?;
            }
            if let Some(name) = renamed {
                tx.execute(sql("update site set name = $2, updated_at = $3 where id = $1").bind(id).bind(name).bind(now)).await?;
                match site.state {
                    // By the way of every release: beside the old one, so that no visitor notices.
                    SiteState::Active => {
                        operations::refuse_while_otherwise_busy(&tx, id).await?;
                        let wish = Wish::new_settings();
                        deployments::supersede_and_enqueue(&tx, hosting, &site, actor, &wish).await?;
                    }
                    SiteState::Stopped => {
                        operations::begin(&tx, hosting, id, OperationKind::Reconfigure, actor).await?;
                    }
                    _ => {}
                }
            }
            if let Some(custom) = &change.custom_domain {
                tx.execute(
                    sql("update site set custom_domain = $2, updated_at = $3 where id = $1").bind(id).bind(custom.clone()).bind(now),
                )
                .await?;
            }
            let detail = serde_json::json!({
                "name": renamed.map(SiteName::as_str),
                "custom_domain": change.custom_domain.as_ref().map(|custom| custom.as_ref().map(Host::as_str)),
            });
            let entry = Entry { action: "site.update", customer: Some(&site.customer_id), subject: id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            tx.one(sql(COLUMNS).and("where id = $1").bind(id)).await
        })
        .await
        .inspect(|site| hosting.signal(site))?;
    deployments::queue::enqueued(hosting, id).await?;
    get(&hosting.db, &actor.scope(), id).await
}

pub(crate) async fn set_state(tx: &kit::Tx, clock: &Clock, id: &SiteId, state: SiteState) -> Result<()> {
    let now = clock.now();
    let archived_at: Option<Timestamp> = (state == SiteState::Archived).then_some(now);
    let query =
        sql("update site set state = $2, updated_at = $3, archived_at = $4 where id = $1").bind(id).bind(state).bind(now).bind(archived_at);
    tx.execute(query).await.map(|_| ())
}

pub(crate) async fn record_deployed(db: &Db, clock: &Clock, id: &SiteId) -> Result<()> {
    db.write(async |tx| record_deployed_in(&tx, clock, id).await).await
}

pub(crate) async fn record_deployed_in(tx: &kit::Tx, clock: &Clock, id: &SiteId) -> Result<()> {
    let query = sql("update site set last_deployed_at = $2, updated_at = $2 where id = $1").bind(id).bind(clock.now());
    tx.execute(query).await.map(|_| ())
}

/// Says which release a site serves.
pub(crate) async fn set_release(tx: &kit::Tx, clock: &Clock, id: &SiteId, release: &ReleaseId) -> Result<()> {
    let query = sql("update site set release_id = $2, updated_at = $3 where id = $1").bind(id).bind(release).bind(clock.now());
    tx.execute(query).await.map(|_| ())
}

pub(crate) async fn save_secrets(hosting: &Hosting, site: &Site, secrets: &SiteSecrets) -> Result<()> {
    let sealed = secrets.seal(&hosting.key, &site.id).context("sealing the secrets of a site")?;
    hosting.db.execute(sql("update site set secrets = $2 where id = $1").bind(&site.id).bind(sealed)).await.map(|_| ())
}

/// What is known of a certificate now; returns whether that is news.
pub(crate) async fn record_certificate(
    hosting: &Hosting,
    site: &Site,
    state: CertificateState,
    expires_at: Option<Timestamp>,
    error: Option<&str>,
) -> Result<bool> {
    let changed = hosting
        .db
        .execute(
            sql("update site set certificate_state = $2, certificate_expires_at = $3, certificate_error = $4
                 where id = $1 and (certificate_state <> $2
                   or coalesce(certificate_expires_at, 0) <> coalesce(cast($3 as bigint), 0)
                   or coalesce(certificate_error, '') <> coalesce(cast($4 as text), ''))")
            .bind(&site.id)
            .bind(state)
            .bind(expires_at)
            .bind(error.map(str::to_owned)),
        )
        .await?;
    Ok(changed > 0)
}

/// Removes the row of a site that left nothing behind, with its operations.
pub(crate) async fn forget(tx: &kit::Tx, id: &SiteId) -> Result<()> {
    tx.execute(sql("delete from site where id = $1").bind(id)).await.map(|_| ())
}

/// The kinds of each customer's sites, one entry for each site; customers without a site are left out. Previews and archived sites do
/// not count.
pub async fn kinds_by_customer(db: &Db) -> Result<HashMap<CustomerId, Vec<String>>> {
    let rows: Vec<(CustomerId, String)> =
        db.all(sql("select customer_id, kind from site where state <> 'archived' and preview_of is null order by customer_id, id")).await?;
    let mut kinds: HashMap<CustomerId, Vec<String>> = HashMap::new();
    for (customer, kind) in rows {
        kinds.entry(customer).or_default().push(kind);
    }
    Ok(kinds)
}
