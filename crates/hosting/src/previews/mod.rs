//! Previews: another branch of a site at an address of its own, behind a password, for a while.
//!
//! A preview is a site like any other (containers, network, database, secrets, route, deployments), of which `preview_of` says whose
//! branch it shows. It is in no list, count or quota of sites, has no repository of its own, and nothing of it is archived.

mod follow;
pub(crate) mod label;
pub(crate) mod making;

use std::time::Duration;

use accounts::audit::{self, Entry};
use accounts::{Actor, Scope};
use kit::secrets::{Secret, random_alphanumeric};
use kit::{Db, Error, Result, Timestamp, Tx, sql, text_enum};

pub use follow::{Previews, branch_deleted, pushed};

use crate::deployments::{self, DeploymentKind};
use crate::edge::{preview_login, wanted};
use crate::git::{self, Branch, BranchName};
use crate::names::Host;
use crate::operations::{self, OperationKind};
use crate::proxy::Served;
use crate::sites::{self, COLUMNS, ReleaseId, Site, SiteId, SiteSecrets, SiteState};
use crate::{Hosting, adopt, environment, files};
use label::{Style, label};

text_enum!(
    /// What the database of a preview begins as.
    PreviewDatabase {
        /// As that of a new site.
        Empty = "empty",
        /// As that of the site, uploads included.
        Copy = "copy",
    }
);

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct NewPreview {
    /// Which branch.
    pub branch: BranchName,
    /// What its database begins as.
    pub database: PreviewDatabase,
    /// Whether it gets the variables that the customer gave the site.
    pub with_variables: bool,
}

/// Makes a preview of a branch of a site of the actor's scope: its row, and the operation that makes the rest. Fields: `branch`.
pub async fn create(hosting: &Hosting, actor: &Actor, id: &SiteId, new: &NewPreview) -> Result<Site> {
    let site = sites::get(&hosting.db, &actor.scope(), id).await?;
    allow(&site)?;
    if new.branch.as_str() == site.branch() {
        return Err(Error::invalid("branch", "is what the site itself shows; choose another one"));
    }
    let branch = git::branch(&hosting.repository(&site), &new.branch).await?;
    let branch = branch.ok_or_else(|| Error::invalid("branch", "does not exist in the repository; push it first"))?;
    let preview = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), id).await?;
            allow(&site)?;
            refuse_second_or_surplus(&tx, hosting, &site, &new.branch).await?;
            let preview = insert(&tx, hosting, &site, new).await?;
            if new.with_variables {
                environment::copy_to(&tx, hosting, &site, &preview, actor.name()).await?;
            }
            making::begin(&tx, hosting, actor, &preview, DeploymentKind::Manual, &branch).await?;
            let detail = serde_json::json!({
                "preview": preview.id.as_str(),
                "branch": new.branch.as_str(),
                "domain": preview.domain.as_str(),
                "database": new.database.as_str(),
                "variables": new.with_variables,
            });
            let entry = Entry { action: "preview.create", customer: Some(&site.customer_id), subject: id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            sites::get_in(&tx, &actor.scope(), &preview.id).await
        })
        .await?;
    hosting.signal(&preview);
    Ok(preview)
}

fn allow(site: &Site) -> Result<()> {
    adopt::refuse_adopted(site)?;
    if site.is_preview() {
        return Err(Error::conflict("a preview has no previews of its own"));
    }
    if site.outside_url.is_some() {
        return Err(Error::conflict("previews show branches of repositories that are kept here; this site's is at a provider"));
    }
    if site.state != SiteState::Active {
        return Err(Error::conflict(format!("a site that is {} can be given no preview", site.state)));
    }
    Ok(())
}

async fn refuse_second_or_surplus(tx: &Tx, hosting: &Hosting, site: &Site, branch: &BranchName) -> Result<()> {
    let existing: Vec<(Option<String>,)> = tx.all(sql("select preview_branch from site where preview_of = $1").bind(&site.id)).await?;
    if existing.iter().any(|(other,)| other.as_deref() == Some(branch.as_str())) {
        return Err(Error::invalid("branch", "has a preview already"));
    }
    let limit = usize::try_from(hosting.config.previews_per_site).unwrap_or(usize::MAX);
    match limit {
        0 => Err(Error::conflict("this server makes no previews")),
        limit if existing.len() >= limit => {
            Err(Error::conflict(format!("a site may have {limit} previews at once; remove one that is no longer needed")))
        }
        _ => Ok(()),
    }
}

/// The row of a preview. It has secrets of its own: none of the site's is in it.
async fn insert(tx: &Tx, hosting: &Hosting, site: &Site, new: &NewPreview) -> Result<Site> {
    let id = SiteId::random();
    let domain = free_domain(tx, site, &new.branch).await?;
    let password = random_alphanumeric(20);
    let secrets = SiteSecrets { preview_password: password.clone(), ..SiteSecrets::generate() };
    let slot = sites::free_network_slot(tx, hosting, &|_| false).await?;
    let now = hosting.clock.now();
    tx.execute(
        sql("insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets, owner_email,
                               certificate_state, certificate_attempt, created_at, updated_at,
                               preview_of, preview_branch, preview_database, preview_login, preview_expires_at)
             values ($1, $2, $3, $4, $5, 'provisioning', $6, $7, $8, $9, $10, 'pending', 0, $11, $11, $12, $13, $14, $15, $16)")
        .bind(&id)
        .bind(&site.customer_id)
        .bind(site.kind)
        .bind(&site.name)
        .bind(&domain)
        .bind(&site.template_version)
        .bind(ReleaseId::new(&hosting.clock))
        .bind(slot)
        .bind(secrets.seal(&hosting.key, &id)?)
        .bind(&site.owner_email)
        .bind(now)
        .bind(&site.id)
        .bind(new.branch.as_str())
        .bind(new.database)
        .bind(preview_login(&password))
        .bind(expiry(hosting)),
    )
    .await?;
    tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
}

/// `{branch}--{subdomain}` of the site's own address; with a hash where another branch has that already.
async fn free_domain(tx: &Tx, site: &Site, branch: &BranchName) -> Result<Host> {
    let (subdomain, base) =
        site.domain.as_str().split_once('.').ok_or_else(|| Error::internal("the address of a site has one label only"))?;
    for style in [Style::Plain, Style::Hashed] {
        let domain = Host::parse(&format!("{}.{base}", label(branch, subdomain, style)))?;
        let taken: Option<(String,)> =
            tx.optional(sql("select id from site where domain = $1 or custom_domain = $1").bind(&domain)).await?;
        if taken.is_none() {
            return Ok(domain);
        }
    }
    Err(Error::invalid("branch", "has a name so much like that of another preview that there is no address for it"))
}

fn expiry(hosting: &Hosting) -> Option<Timestamp> {
    let days = u64::from(hosting.config.preview_days);
    (days > 0).then(|| hosting.clock.now().plus(Duration::from_secs(days * 86_400)))
}

/// The previews of a site of the scope, the newest first.
pub async fn list(db: &Db, scope: &Scope, site: &SiteId) -> Result<Vec<Site>> {
    let site = sites::get(db, scope, site).await?;
    db.all(sql(COLUMNS).and("where preview_of = $1 order by created_at desc, id desc").bind(&site.id)).await
}

/// A preview of a site of the scope.
pub async fn get(db: &Db, scope: &Scope, site: &SiteId, preview: &SiteId) -> Result<Site> {
    let found = sites::get(db, scope, preview).await.map_err(|error| match error {
        Error::NotFound(_) => Error::not_found("preview"),
        other => other,
    })?;
    if found.preview_of.as_ref() == Some(site) { Ok(found) } else { Err(Error::not_found("preview")) }
}

/// The branches of a site of the scope that can be given a preview, newest commit first, `limit` at most.
pub async fn branches(hosting: &Hosting, scope: &Scope, site: &SiteId, limit: usize) -> Result<Vec<Branch>> {
    let site = sites::get(&hosting.db, scope, site).await?;
    let found = git::branches(&hosting.repository(&site), limit + 1).await?;
    Ok(found.into_iter().filter(|branch| branch.name.as_str() != site.branch()).take(limit).collect())
}

/// Removes a preview of a site of the actor's scope, with all that it has.
pub async fn remove(hosting: &Hosting, actor: &Actor, site: &SiteId, preview: &SiteId) -> Result<Site> {
    let preview = get(&hosting.db, &actor.scope(), site, preview).await?;
    operations::request(hosting, actor, &preview.id, OperationKind::Discard).await
}

/// Lets a preview of a site of the actor's scope stay for as long as a new one would.
pub async fn extend(hosting: &Hosting, actor: &Actor, site: &SiteId, preview: &SiteId) -> Result<Site> {
    let preview = get(&hosting.db, &actor.scope(), site, preview).await?;
    stay_longer(hosting, &preview.id).await?;
    let preview = sites::get_any(&hosting.db, &preview.id).await?;
    hosting.signal(&preview);
    Ok(preview)
}

async fn stay_longer(hosting: &Hosting, preview: &SiteId) -> Result<()> {
    let query = sql("update site set preview_expires_at = $2 where id = $1 and preview_of is not null").bind(preview).bind(expiry(hosting));
    hosting.db.execute(query).await.map(|_| ())
}

/// The password at the door of a preview; none for what is no preview.
pub fn password(hosting: &Hosting, site: &Site) -> Result<Option<Secret>> {
    if !site.is_preview() {
        return Ok(None);
    }
    Ok(Some(Secret::new(site.open_secrets(&hosting.key)?.preview_password)))
}

/// Gives the door of a preview of the actor's scope another password; the old one opens it no more.
pub async fn renew_password(hosting: &Hosting, actor: &Actor, site: &SiteId, preview: &SiteId) -> Result<Site> {
    let preview = get(&hosting.db, &actor.scope(), site, preview).await?;
    let password = random_alphanumeric(20);
    let renewed = hosting
        .db
        .write(async |tx| {
            let preview = sites::get_in(&tx, &actor.scope(), &preview.id).await?;
            let secrets = SiteSecrets { preview_password: password.clone(), ..preview.open_secrets(&hosting.key)? };
            tx.execute(
                sql("update site set secrets = $2, preview_login = $3 where id = $1")
                    .bind(&preview.id)
                    .bind(secrets.seal(&hosting.key, &preview.id)?)
                    .bind(preview_login(&password)),
            )
            .await?;
            let detail = serde_json::json!({ "preview": preview.id.as_str(), "branch": preview.branch() });
            let entry = Entry { action: "preview.password", customer: Some(&preview.customer_id), subject: site.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            sites::get_in(&tx, &actor.scope(), &preview.id).await
        })
        .await?;
    if let Some(target) = wanted(renewed.state) {
        hosting.proxy.write_route(&renewed, target).await?;
    }
    hosting.signal(&renewed);
    Ok(renewed)
}

/// Looks at a site through the edge as a visitor does; at a preview as one who has its password.
pub(crate) async fn look(hosting: &Hosting, site: &Site, path: &'static str) -> Result<Served> {
    let password = password(hosting, site)?;
    hosting.proxy.look_as(&site.domain, path, password.as_ref()).await
}

/// Marks the previews of a site that is about to be deleted, so that nothing begins on them; refused while one is worked on.
pub(crate) async fn close_all(tx: &Tx, hosting: &Hosting, site: &SiteId) -> Result<()> {
    let previews: Vec<Site> = tx.all(sql(COLUMNS).and("where preview_of = $1").bind(site)).await?;
    for preview in &previews {
        operations::refuse_while_busy(tx, &preview.id).await.map_err(|_| {
            let branch = preview.branch();
            Error::conflict(format!("its preview of the branch {branch} is being worked on; wait until that has ended"))
        })?;
        sites::set_state(tx, &hosting.clock, &preview.id, SiteState::Deleting).await?;
    }
    Ok(())
}

/// Removes the previews of a site that is being deleted.
pub(crate) async fn remove_all_of(hosting: &Hosting, site: &Site) -> Result<Option<String>> {
    let previews: Vec<Site> = hosting.db.all(sql(COLUMNS).and("where preview_of = $1").bind(&site.id)).await?;
    for preview in &previews {
        operations::remove_all_of(hosting, preview).await?;
        hosting.db.write(async |tx| sites::forget(&tx, &preview.id).await).await?;
        hosting.signal(preview);
    }
    Ok((!previews.is_empty()).then(|| format!("{} removed", kit::words::counted(previews.len(), "preview"))))
}

/// Removes what a preview keeps outside of its folder: logs, and sources that a build left.
pub(crate) async fn remove_files(hosting: &Hosting, preview: &Site) -> Result<()> {
    let scope = Scope::house_of_job();
    let mut before = None;
    loop {
        let page = deployments::history(&hosting.db, &scope, &preview.id, before.as_ref(), 200).await?;
        for deployment in &page {
            files::remove_folder(&deployments::steps::build_folder(hosting, &deployment.id))?;
        }
        match page.last() {
            Some(last) if page.len() == 200 => before = Some(last.id.clone()),
            _ => break,
        }
    }
    files::remove_folder(&deployments::log::folder(hosting, preview))
}
