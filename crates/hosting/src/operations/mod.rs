//! What happens to a site, as operations of named steps: shown live, resumed after a crash, retried from where they failed.
//!
//! Each step may run again after it was interrupted anywhere, so each is written to repeat itself harmlessly. A site has at
//! most one running operation; the database enforces it.

mod create;
mod delete;
mod restore;
mod run;
mod subjects;
mod switch;

use accounts::audit::{self, Entry};
use accounts::{Actor, Scope};
use kit::jobs::{self, Enqueue};
use kit::{Db, Error, Result, Timestamp, Tx, from_row, id_type, sql, text_enum};

use crate::deployments::steps;
use crate::previews::making;
use crate::sites::{self, Site, SiteId, SiteState};
use crate::{Hosting, adopt, previews};

pub(crate) use create::{
    address, blocking, certificate, confirm_release, image_tags, own_network, prepare_template, route, start, template_of,
};
pub(crate) use delete::remove_all_of;
pub use run::RunOperation;
pub(crate) use run::end_the_lost;
pub use subjects::{Subject, subjects_of};

id_type!(
    /// One operation on a site.
    OperationId, "op_"
);

text_enum!(
    /// What is done to a site.
    OperationKind {
        /// Makes it.
        Create = "create",
        /// Makes a preview, or makes it anew.
        Preview = "preview",
        /// Starts its containers.
        Start = "start",
        /// Stops its containers and shows a page that says so.
        Stop = "stop",
        /// Applies changed settings to its containers.
        Reconfigure = "reconfigure",
        /// Restarts its containers, or one of them.
        Restart = "restart",
        /// Builds a pushed commit and makes it live.
        Deploy = "deploy",
        /// Makes a release live that exists, or the same one with other settings.
        Rollout = "rollout",
        /// Archives and removes it.
        Delete = "delete",
        /// Brings it back from its archive.
        Restore = "restore",
        /// Gives up making it and removes every trace.
        Discard = "discard",
    }
);

text_enum!(
    /// How far an operation has come.
    OperationState {
        /// Enqueued or at work.
        Running = "running",
        /// Ended well.
        Done = "done",
        /// Stopped at a step; can be tried again from there.
        Failed = "failed",
    }
);

text_enum!(
    /// How far a step has come.
    StepState {
        /// Not begun.
        Waiting = "waiting",
        /// At work.
        Running = "running",
        /// Ended well.
        Done = "done",
        /// Ended badly; `error` says why.
        Failed = "failed",
    }
);

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// On which site.
    pub site_id: SiteId,
    /// What is done.
    pub kind: OperationKind,
    /// Which service it is about, where it is about one.
    pub service: Option<String>,
    /// How far it has come.
    pub state: OperationState,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it stopped.
    pub error: Option<String>,
}

from_row!(Operation { id, site_id, kind, service, state, requested_by, created_at, finished_at, error });

/// One step of an operation.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its place, counted from 0.
    pub position: i64,
    /// Its name; [`title`] has words for people.
    pub name: String,
    /// How far it has come.
    pub state: StepState,
    /// When it (last) began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it did, in a few words.
    pub detail: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

from_row!(Step { position, name, state, started_at, finished_at, detail, error });

impl OperationKind {
    /// The steps in order.
    pub fn steps(self) -> &'static [&'static str] {
        match self {
            OperationKind::Create => create::STEPS,
            OperationKind::Preview => making::STEPS,
            OperationKind::Start => switch::START_STEPS,
            OperationKind::Stop => switch::STOP_STEPS,
            OperationKind::Reconfigure => switch::RECONFIGURE_STEPS,
            OperationKind::Restart => switch::RESTART_STEPS,
            OperationKind::Deploy => steps::DEPLOY_STEPS,
            OperationKind::Rollout => steps::ROLLOUT_STEPS,
            OperationKind::Delete => delete::STEPS,
            OperationKind::Restore => restore::STEPS,
            OperationKind::Discard => delete::DISCARD_STEPS,
        }
    }

    /// The site's state while the operation runs, where it differs from before.
    fn state_during(self) -> Option<SiteState> {
        match self {
            OperationKind::Create | OperationKind::Preview => Some(SiteState::Provisioning),
            OperationKind::Restore => Some(SiteState::Restoring),
            OperationKind::Delete | OperationKind::Discard => Some(SiteState::Deleting),
            OperationKind::Start
            | OperationKind::Stop
            | OperationKind::Reconfigure
            | OperationKind::Restart
            | OperationKind::Deploy
            | OperationKind::Rollout => None,
        }
    }

    /// The site's state after it gave up, where it changes.
    fn state_after_failure(self) -> Option<SiteState> {
        match self {
            OperationKind::Create | OperationKind::Preview | OperationKind::Restore | OperationKind::Discard => Some(SiteState::Failed),
            _ => None,
        }
    }
}

/// A step's name in words.
pub fn title(step: &str) -> &'static str {
    match step {
        "folder" => "Copy the template",
        "settings" => "Take over the settings",
        "environment" => "Write settings and secrets",
        "compose" => "Describe the containers",
        "repository" => "Create the Git repository",
        "webhook" => "Prepare the webhook",
        "build" => "Build the images",
        "address" => "Reserve the address",
        "start" => "Start the containers",
        "route" => "Send visitors to the site",
        "certificate" => "Get the certificate",
        "record" => "Finish",
        "previews" => "Remove its previews",
        "fill" => "Fill the database",
        "holding" => "Show visitors a page that says so",
        "stop" => "Stop the containers",
        "restart" => "Restart the containers",
        "answer" => "Wait for its first answer",
        "dump" => "Save the database",
        "files" => "Save uploaded files",
        "pack" => "Archive folder and repository",
        "containers" => "Remove containers, volumes and network",
        "unhook" => "Take the webhook away",
        "unroute" => "Remove the route",
        "remove" => "Remove folder and repository",
        "unpack" => "Unpack the archive",
        "database" => "Restore the database",
        "uploads" => "Restore uploaded files",
        "apply" => "Apply the settings",
        "checkout" => "Check out the commit",
        "prepare" => "Prepare the release",
        "migrate" => "Bring the database up to date",
        "start_beside" => "Start the new release beside the old",
        "switch" => "Send visitors to the new release",
        "drain" => "Let the old release finish",
        "settle" => "Tidy up",
        _ => "Work",
    }
}

/// Begins an operation in the caller's transaction: its row, its steps, its job. Refused while another one runs.
pub(crate) async fn begin(tx: &Tx, hosting: &Hosting, site: &SiteId, kind: OperationKind, actor: &Actor) -> Result<OperationId> {
    begin_for(tx, hosting, site, kind, None, actor).await
}

/// As [`begin`], about one service of the site.
pub(crate) async fn begin_for(
    tx: &Tx,
    hosting: &Hosting,
    site: &SiteId,
    kind: OperationKind,
    service: Option<&str>,
    actor: &Actor,
) -> Result<OperationId> {
    refuse_while_busy(tx, site).await?;
    let id = OperationId::new(&hosting.clock);
    let now = hosting.clock.now();
    tx.execute(
        sql("insert into site_operation (id, site_id, kind, service, state, requested_by, created_at)
             values ($1, $2, $3, $4, 'running', $5, $6)")
        .bind(&id)
        .bind(site)
        .bind(kind)
        .bind(service.map(str::to_owned))
        .bind(actor.name())
        .bind(now),
    )
    .await?;
    for (position, name) in (0i64..).zip(kind.steps()) {
        tx.execute(
            sql("insert into site_step (operation_id, position, name, state) values ($1, $2, $3, 'waiting')")
                .bind(&id)
                .bind(position)
                .bind(*name),
        )
        .await?;
    }
    if let Some(state) = kind.state_during() {
        sites::set_state(tx, &hosting.clock, site, state).await?;
    }
    enqueue(tx, hosting, &id).await?;
    Ok(id)
}

/// Refuses while something is done to the site.
pub(crate) async fn refuse_while_busy(tx: &Tx, site: &SiteId) -> Result<()> {
    let running: Option<(String,)> =
        tx.optional(sql("select kind from site_operation where site_id = $1 and state = 'running'").bind(site)).await?;
    match running {
        Some((running,)) => Err(Error::conflict(format!("the site is busy ({running}); wait until that has ended"))),
        None => Ok(()),
    }
}

/// Refuses while something other than a deployment is done to the site: a deployment may wait behind another one.
pub(crate) async fn refuse_while_otherwise_busy(tx: &Tx, site: &SiteId) -> Result<()> {
    let running: Option<(OperationKind,)> =
        tx.optional(sql("select kind from site_operation where site_id = $1 and state = 'running'").bind(site)).await?;
    match running {
        Some((OperationKind::Deploy | OperationKind::Rollout,)) | None => Ok(()),
        Some((running,)) => Err(Error::conflict(format!("the site is busy ({running}); wait until that has ended"))),
    }
}

async fn enqueue(tx: &Tx, hosting: &Hosting, id: &OperationId) -> Result<()> {
    let once = Enqueue { unique_key: Some(format!("operation:{id}")), run_at: None };
    match jobs::enqueue::<Hosting, _>(tx, &hosting.clock, &RunOperation { operation_id: id.clone() }, once).await? {
        Some(_) => Ok(()),
        // The operation has failed, and its job has not been put away yet; it would not run again.
        None => Err(Error::conflict("the last try is just ending; please try again in a moment")),
    }
}

/// Asks for an operation on a site of the actor's scope, if the site's state allows it.
pub async fn request(hosting: &Hosting, actor: &Actor, id: &SiteId, kind: OperationKind) -> Result<Site> {
    let site = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), id).await?;
            let kind = match kind {
                OperationKind::Delete if site.is_preview() => OperationKind::Discard,
                kind => kind,
            };
            allow(kind, &site)?;
            if kind == OperationKind::Delete {
                previews::close_all(&tx, hosting, &site.id).await?;
            }
            if kind == OperationKind::Restore {
                sites::refuse_beyond_quota(&tx, hosting, &site.customer_id).await?;
                sites::take_network_slot(&tx, hosting, &site.id).await?;
            }
            begin(&tx, hosting, id, kind, actor).await?;
            let detail = serde_json::json!({ "name": site.name.as_str(), "domain": site.domain.as_str() });
            let action = action(kind);
            audit::record(&tx, &hosting.clock, actor, Entry { action, customer: Some(&site.customer_id), subject: id.as_str(), detail })
                .await?;
            sites::get_in(&tx, &actor.scope(), id).await
        })
        .await?;
    hosting.signal(&site);
    Ok(site)
}

/// Tries a failed operation again from the step where it stopped.
pub async fn retry(hosting: &Hosting, actor: &Actor, id: &SiteId) -> Result<Site> {
    let site = hosting
        .db
        .write(async |tx| {
            let site = sites::get_in(&tx, &actor.scope(), id).await?;
            let last: Option<Operation> = tx.optional(newest_of(id)).await?;
            let failed = last.filter(|operation| operation.state == OperationState::Failed);
            let Some(operation) = failed else {
                return Err(Error::conflict("nothing has failed that could be tried again"));
            };
            if matches!(operation.kind, OperationKind::Deploy | OperationKind::Rollout) {
                return Err(Error::conflict("ask for another deployment instead; this one has its verdict"));
            }
            if operation.kind == OperationKind::Restart {
                return Err(Error::conflict("ask for another restart instead; it keeps the pause between two restarts"));
            }
            tx.execute(
                sql("update site_operation set state = 'running', error = null, finished_at = null where id = $1").bind(&operation.id),
            )
            .await?;
            if let Some(state) = operation.kind.state_during() {
                sites::set_state(&tx, &hosting.clock, id, state).await?;
            }
            if operation.kind == OperationKind::Preview {
                making::begin_again(&tx, &operation.id).await?;
            }
            enqueue(&tx, hosting, &operation.id).await?;
            let detail = serde_json::json!({ "operation": operation.kind.as_str() });
            let entry = Entry { action: "site.retry", customer: Some(&site.customer_id), subject: id.as_str(), detail };
            audit::record(&tx, &hosting.clock, actor, entry).await?;
            sites::get_in(&tx, &actor.scope(), id).await
        })
        .await?;
    hosting.signal(&site);
    Ok(site)
}

fn action(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "site.create",
        OperationKind::Preview => "preview.create",
        OperationKind::Start => "site.start",
        OperationKind::Stop => "site.stop",
        OperationKind::Reconfigure => "site.reconfigure",
        OperationKind::Restart => "site.restart",
        OperationKind::Deploy | OperationKind::Rollout => "site.deploy",
        OperationKind::Delete => "site.delete",
        OperationKind::Restore => "site.restore",
        OperationKind::Discard => "site.discard",
    }
}

fn allow(kind: OperationKind, site: &Site) -> Result<()> {
    adopt::refuse_adopted(site)?;
    let fits = match kind {
        // Has its own way, with a pause: `probes::restart`.
        OperationKind::Create | OperationKind::Restart => false,
        // Is asked for with its branch: `previews`.
        OperationKind::Preview => false,
        // Have a queue: `deployments`.
        OperationKind::Deploy | OperationKind::Rollout => false,
        OperationKind::Start => matches!(site.state, SiteState::Stopped | SiteState::Active),
        OperationKind::Stop | OperationKind::Reconfigure => site.state == SiteState::Active,
        OperationKind::Delete => matches!(site.state, SiteState::Active | SiteState::Stopped),
        OperationKind::Restore => site.state == SiteState::Archived,
        // Nothing of a preview is kept.
        OperationKind::Discard if site.is_preview() => {
            matches!(site.state, SiteState::Active | SiteState::Stopped | SiteState::Failed)
        }
        OperationKind::Discard => site.state == SiteState::Failed,
    };
    if fits {
        return Ok(());
    }
    let hint = match (kind, site.state) {
        (OperationKind::Delete, SiteState::Failed) => "; give it up instead",
        (OperationKind::Restore, _) => "; only a deleted site can be restored",
        _ => "",
    };
    Err(Error::conflict(format!("a site that is {} cannot be asked to {kind}{hint}", site.state)))
}

fn newest_of(site: &SiteId) -> kit::db::Sql {
    sql("select id, site_id, kind, service, state, requested_by, created_at, finished_at, error
         from site_operation where site_id = $1 order by id desc limit 1")
    .bind(site)
}

/// The newest operation of a site, whoever asks.
pub(crate) async fn last(db: &Db, site: &SiteId) -> Result<Option<Operation>> {
    db.optional(newest_of(site)).await
}

/// The newest operation of a site of the scope, with its steps.
pub async fn newest(db: &Db, scope: &Scope, site: &SiteId) -> Result<Option<(Operation, Vec<Step>)>> {
    sites::get(db, scope, site).await?;
    let Some(operation) = db.optional::<Operation>(newest_of(site)).await? else { return Ok(None) };
    let steps = steps_of(db, &operation.id).await?;
    Ok(Some((operation, steps)))
}

/// One operation of a site of the scope, with its steps.
pub async fn find_with_steps(db: &Db, scope: &Scope, site: &SiteId, id: &OperationId) -> Result<Option<(Operation, Vec<Step>)>> {
    sites::get(db, scope, site).await?;
    let query = sql("select id, site_id, kind, service, state, requested_by, created_at, finished_at, error
                     from site_operation where id = $1 and site_id = $2")
    .bind(id)
    .bind(site);
    let Some(operation) = db.optional::<Operation>(query).await? else { return Ok(None) };
    let steps = steps_of(db, id).await?;
    Ok(Some((operation, steps)))
}

/// The last 20 operations of a site of the scope, newest first.
pub async fn history(db: &Db, scope: &Scope, site: &SiteId) -> Result<Vec<Operation>> {
    sites::get(db, scope, site).await?;
    db.all(
        sql("select id, site_id, kind, service, state, requested_by, created_at, finished_at, error
             from site_operation where site_id = $1 order by id desc limit 20")
        .bind(site),
    )
    .await
}

async fn steps_of(db: &Db, operation: &OperationId) -> Result<Vec<Step>> {
    db.all(
        sql("select position, name, state, started_at, finished_at, detail, error
             from site_step where operation_id = $1 order by position")
        .bind(operation),
    )
    .await
}

/// Ids of sites that an operation is working on.
pub async fn busy_sites(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db.all(sql("select site_id from site_operation where state = 'running'")).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
