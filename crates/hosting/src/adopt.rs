//! Containers that were here before Innkeeper, such as `customer-42-wordpress`: watched, shown, restarted, and nothing else of
//! theirs is touched.
//!
//! An adopted container is a site of the kind `adopted` with one service and without route, repository, certificate or network of ours.

use std::collections::HashMap;

use accounts::audit::{self, Entry};
use accounts::{Actor, CustomerId, Permission, customers};
use bollard::models::ContainerInspectResponse;
use kit::{Db, Error, Result, Timestamp, from_row, sql};

use crate::Hosting;
use crate::compose::SITE_LABEL;
use crate::names::SiteName;
use crate::operations;
use crate::probes::{Container, HealthState, read};
use crate::runtime::ServiceState;
use crate::sites::{self, ServiceStates, Site, SiteId};
use crate::templates::Kind;

/// What a scan offers: `customer-{id}-wordpress` and `customer-{id}-magento`.
const OFFERED: &[&str] = &["wordpress", "magento"];
/// Label of the edge's own containers.
const EDGE_LABEL: &str = "innkeeper.edge";
/// Characters of the longest name that a site can have.
const LONGEST_NAME: usize = 80;

/// Which container stands behind a site.
#[derive(Debug, Clone)]
pub struct AdoptedContainer {
    /// The site.
    pub site_id: SiteId,
    /// The container's name.
    pub container: String,
    /// Since when.
    pub adopted_at: Timestamp,
}

from_row!(AdoptedContainer { site_id, container, adopted_at });

impl AdoptedContainer {
    /// What its one service is called: `wordpress`, `magento`, or `container` for any other.
    pub fn service(&self) -> &'static str {
        service_of(&self.container)
    }
}

fn service_of(container: &str) -> &'static str {
    OFFERED.iter().find(|kind| container.ends_with(&format!("-{kind}"))).copied().unwrap_or("container")
}

/// All adopted containers, by name.
#[derive(Debug, Default)]
pub struct Adopted(HashMap<String, AdoptedContainer>);

impl Adopted {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Site and service of a container.
    pub(crate) fn owner_of(&self, container: &str) -> Option<(String, String)> {
        self.0.get(container).map(|adopted| (adopted.site_id.to_string(), adopted.service().to_owned()))
    }

    /// The one service of each adopted site.
    pub(crate) fn services(&self) -> HashMap<String, String> {
        self.0.values().map(|adopted| (adopted.site_id.to_string(), adopted.service().to_owned())).collect()
    }
}

/// All adopted containers.
pub(crate) async fn all(db: &Db) -> Result<Adopted> {
    let found: Vec<AdoptedContainer> = db.all(sql("select site_id, container, adopted_at from adopted_container")).await?;
    Ok(Adopted(found.into_iter().map(|adopted| (adopted.container.clone(), adopted)).collect()))
}

/// The container behind a site; none when the site is one of ours.
pub async fn of_site(db: &Db, site: &SiteId) -> Result<Option<AdoptedContainer>> {
    db.optional(sql("select site_id, container, adopted_at from adopted_container where site_id = $1").bind(site)).await
}

/// The state of the one service of an adopted site, asked of Docker: for the command line, which watches nothing.
pub async fn state(hosting: &Hosting, adopted: &AdoptedContainer) -> Result<ServiceStates> {
    let state = match hosting.runtime.inspect(&adopted.container).await? {
        Some(inspection) => match read(&inspection, hosting.clock.now()).state {
            HealthState::Running => ServiceState::Running,
            HealthState::Restarting => ServiceState::Restarting,
            HealthState::Error => ServiceState::Unhealthy,
            _ => ServiceState::Stopped,
        },
        None => ServiceState::Missing,
    };
    Ok(ServiceStates::from([(adopted.service().to_owned(), state)]))
}

/// A container that can be adopted.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Candidate {
    /// Its name.
    pub container: String,
    /// `wordpress` or `magento`.
    pub kind: &'static str,
    /// The id between `customer-` and the kind: whose it was in the system that made it.
    pub customer_hint: String,
}

/// Containers called `customer-{id}-(wordpress|magento)` that nobody has adopted yet, by name.
pub async fn candidates(hosting: &Hosting, actor: &Actor) -> Result<Vec<Candidate>> {
    actor.may(Permission::OperateHouse)?;
    let adopted = all(&hosting.db).await?;
    let containers = hosting.runtime.containers(None).await?;
    let mut found: Vec<Candidate> = containers
        .into_iter()
        .filter(|container| !adopted.0.contains_key(&container.name) && !is_ours(&container.labels))
        .filter_map(|container| {
            let rest = container.name.strip_prefix("customer-")?;
            let (hint, kind) = OFFERED.iter().find_map(|kind| Some((rest.strip_suffix(kind)?.strip_suffix('-')?, *kind)))?;
            let customer_hint = Some(hint).filter(|hint| !hint.is_empty())?.to_owned();
            Some(Candidate { container: container.name, kind, customer_hint })
        })
        .collect();
    found.sort_by(|one, other| one.container.cmp(&other.container));
    Ok(found)
}

fn is_ours(labels: &HashMap<String, String>) -> bool {
    labels.contains_key(SITE_LABEL) || labels.contains_key(EDGE_LABEL)
}

/// Docker's own rule for names, with a limit.
fn parse_container(text: &str) -> Result<&str> {
    let mut bytes = text.bytes();
    let fits = bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && text.len() <= 128;
    if fits { Ok(text) } else { Err(Error::invalid("container", "must be the name of a container, such as customer-42-wordpress")) }
}

/// Takes a container into the books as a site of `customer`. For admins. Fields: `customer`, `container`, `site_name`.
///
/// Nothing is done to the container. It is kept by its name, so that one that is made anew under the same name is the same site.
pub async fn adopt(hosting: &Hosting, actor: &Actor, customer: &CustomerId, container: &str, name: Option<SiteName>) -> Result<Site> {
    actor.may(Permission::OperateHouse)?;
    match customers::get(&hosting.db, &actor.scope(), customer).await {
        Err(Error::NotFound(_)) => return Err(Error::invalid("customer", "there is no such customer")),
        known => known?,
    };
    let (container, inspection) = find(hosting, parse_container(container)?).await?;
    let name = match name {
        Some(name) => name,
        None => SiteName::parse(&container.chars().take(LONGEST_NAME).collect::<String>())?,
    };
    let site = hosting
        .db
        .write(async |tx| {
            let known: Option<(String,)> =
                tx.optional(sql("select site_id from adopted_container where container = $1").bind(&container)).await?;
            if let Some((site,)) = known {
                return Err(Error::invalid("container", format!("is adopted already, as {site}")));
            }
            let site = sites::insert_adopted(&tx, hosting, customer, &name).await?;
            tx.execute(
                sql("insert into adopted_container (site_id, container, adopted_at) values ($1, $2, $3)")
                    .bind(&site.id)
                    .bind(&container)
                    .bind(hosting.clock.now()),
            )
            .await?;
            let detail = serde_json::json!({ "name": name.as_str(), "container": container });
            let entry = Entry { action: "site.adopt", customer: Some(customer), subject: site.id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            Ok(site)
        })
        .await?;
    let reading = read(&inspection, hosting.clock.now());
    hosting.board.welcome(&site.id, service_of(&container), Container::of(&inspection), reading);
    hosting.board.look_again.notify_one();
    hosting.signal(&site);
    Ok(site)
}

/// The name of a container that is here and not ours. Docker also finds containers by id, and by the beginning of one; the name is
/// what events and lists tell of.
async fn find(hosting: &Hosting, asked: &str) -> Result<(String, ContainerInspectResponse)> {
    let inspection = hosting
        .runtime
        .inspect(asked)
        .await?
        .ok_or_else(|| Error::invalid("container", format!("there is no container called `{asked}` on this server")))?;
    if is_ours(inspection.config.as_ref().and_then(|config| config.labels.as_ref()).unwrap_or(&HashMap::new())) {
        return Err(Error::invalid("container", "is one of Innkeeper's own"));
    }
    let name = inspection.name.as_deref().unwrap_or_default();
    let name = parse_container(name.trim_start_matches('/')).map(str::to_owned)?;
    Ok((name, inspection))
}

/// Lets an adopted container go: it is not watched any more, and stays as it is. For admins.
pub async fn let_go(hosting: &Hosting, actor: &Actor, id: &SiteId) -> Result<Site> {
    actor.may(Permission::OperateHouse)?;
    let site = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), id).await?;
            if site.kind != Kind::Adopted {
                return Err(Error::conflict("only an adopted container can be let go; delete the site instead"));
            }
            // A restart at work would go on without anyone who hears how it ended.
            operations::refuse_while_busy(&tx, id).await?;
            let container: Option<(String,)> =
                tx.optional(sql("select container from adopted_container where site_id = $1").bind(id)).await?;
            let detail = serde_json::json!({ "name": site.name.as_str(), "container": container.map(|(container,)| container) });
            let entry = Entry { action: "site.let_go", customer: Some(&site.customer_id), subject: id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            sites::forget(&tx, id).await?;
            Ok(site)
        })
        .await?;
    hosting.board.look_again.notify_one();
    hosting.signal(&site);
    Ok(site)
}

/// Refuses what would change more of an adopted container than whether it is watched.
pub(crate) fn refuse_adopted(site: &Site) -> Result<()> {
    match site.kind {
        Kind::Adopted => Err(Error::conflict("an adopted container can only be restarted or let go")),
        _ => Ok(()),
    }
}
