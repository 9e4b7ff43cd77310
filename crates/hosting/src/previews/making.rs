//! The steps that make a preview. They are those of a site and those of a deployment: the branch's commit is built by the same rules
//! as any other, and the deployment that this is has its log.

use accounts::Actor;
use kit::{Error, Result, Tx, sql};

use super::PreviewDatabase;
use crate::deployments::log::LogWriter;
use crate::deployments::queue::shortened;
use crate::deployments::{Deployment, DeploymentKind, fresh_id, of_operation, releases, rollout, steps};
use crate::git::Branch;
use crate::operations::{self, Operation, OperationId, OperationKind, template_of};
use crate::runtime::{self, ServiceState};
use crate::sites::{self, ReleaseId, Site};
use crate::{Hosting, archive, environment, files};

pub(crate) const STEPS: &[&str] =
    &["address", "checkout", "build", "prepare", "fill", "uploads", "migrate", "start", "route", "certificate", "record"];

/// Begins the making of a preview, or of one whose making failed, with a commit of its branch: the deployment and its operation.
pub(crate) async fn begin(tx: &Tx, hosting: &Hosting, actor: &Actor, preview: &Site, kind: DeploymentKind, branch: &Branch) -> Result<()> {
    let operation = operations::begin(tx, hosting, &preview.id, OperationKind::Preview, actor).await?;
    let release = ReleaseId::new(&hosting.clock);
    sites::set_release(tx, &hosting.clock, &preview.id, &release).await?;
    let now = hosting.clock.now();
    tx.execute(
        sql("insert into deployment (id, site_id, kind, state, branch, commit_hash, subject, author, requested_by, environment_version,
                                     release_id, operation_id, created_at, started_at)
             values ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)")
        .bind(fresh_id(tx, &hosting.clock).await?)
        .bind(&preview.id)
        .bind(kind)
        .bind(preview.branch())
        .bind(&branch.commit)
        .bind(shortened(&branch.subject))
        .bind(shortened(&branch.author))
        .bind(actor.name())
        .bind(environment::current_version(tx, &preview.id).await?)
        .bind(&release)
        .bind(&operation)
        .bind(now),
    )
    .await
    .map(|_| ())
}

/// Its deployment is at work again, because its making is tried again.
pub(crate) async fn begin_again(tx: &Tx, operation: &OperationId) -> Result<()> {
    let query =
        sql("update deployment set state = 'running', finished_at = null, error = null, cancelled_by = null where operation_id = $1");
    tx.execute(query.bind(operation)).await.map(|_| ())
}

/// Gives its deployment the verdict when its making has failed.
pub(crate) async fn gave_up(tx: &Tx, hosting: &Hosting, operation: &OperationId, error: &str) -> Result<()> {
    tx.execute(
        sql("update deployment
             set state = case when cancelled_by is null then 'failed' else 'cancelled' end, finished_at = $2, error = $3
             where operation_id = $1 and state = 'running'")
        .bind(operation)
        .bind(hosting.clock.now())
        .bind(error),
    )
    .await
    .map(|_| ())
}

/// Runs one step, and lets go of it when the deployment is cancelled.
pub(crate) async fn step(hosting: &Hosting, operation: &Operation, preview: &Site, name: &str) -> Result<Option<String>> {
    let deployment = of_operation(&hosting.db, &operation.id).await?.ok_or_else(|| Error::internal("a preview without its deployment"))?;
    let log = LogWriter::open(hosting, preview, &deployment.id).await?;
    let outcome = tokio::select! {
        outcome = run(hosting, &deployment, preview, &log, name) => outcome.map_err(|error| steps::without_secrets(&log, error)),
        by = steps::cancelled(hosting, &deployment.id), if name != "record" => Err(Error::conflict(format!("cancelled by {}", by?))),
    };
    if let Err(error) = &outcome {
        log.add("verdict", &error.public_message())?;
    }
    outcome
}

async fn run(hosting: &Hosting, deployment: &Deployment, preview: &Site, log: &LogWriter, name: &str) -> Result<Option<String>> {
    match name {
        "address" => {
            // What deployments are noted in stands there.
            files::create_folder(&hosting.site_folder(preview))?;
            operations::address(hosting, preview).await
        }
        "checkout" | "migrate" => steps::run(hosting, deployment, preview, log, name).await,
        "build" => {
            // A try of another day may find them gone.
            if !steps::build_folder(hosting, &deployment.id).is_dir() {
                steps::run(hosting, deployment, preview, log, "checkout").await?;
            }
            steps::run(hosting, deployment, preview, log, "build").await
        }
        "prepare" => {
            let preview = operations::own_network(hosting, preview).await?;
            let next = steps::next(hosting, deployment, &preview).await?;
            files::create_folder(&hosting.site_folder(&preview))?;
            rollout::update_folder(hosting, &next, &steps::build_folder(hosting, &deployment.id)).await.map(|()| None)
        }
        "fill" => fill(hosting, preview).await,
        "uploads" => uploads(hosting, preview).await,
        "start" => operations::start(hosting, preview).await,
        "route" => operations::route(hosting, preview).await,
        "certificate" => operations::certificate(hosting, preview).await,
        "record" => record(hosting, deployment, preview, log).await,
        other => Err(Error::internal(format!("no step `{other}`"))),
    }
}

/// Starts the database, and fills it from the site's where that was asked for.
async fn fill(hosting: &Hosting, preview: &Site) -> Result<Option<String>> {
    runtime::up(&hosting.runtime, preview, &template_of(preview)?.manifest, &hosting.site_folder(preview), &["db"]).await?;
    let Some(site) = copied_from(hosting, preview).await? else { return Ok(Some("empty".to_owned())) };
    let states = hosting.runtime.states_of(&site.id, None).await?;
    if states.get("db") != Some(&ServiceState::Running) {
        return Err(Error::conflict("the site's database does not run, so it cannot be copied; start the site and try again"));
    }
    runtime::copy_database(&site, preview).await?;
    Ok(Some(format!("a copy of that of {}", site.domain)))
}

async fn uploads(hosting: &Hosting, preview: &Site) -> Result<Option<String>> {
    let Some(site) = copied_from(hosting, preview).await? else { return Ok(Some("none".to_owned())) };
    runtime::create_containers(&hosting.runtime, preview, &hosting.site_folder(preview)).await?;
    for (service, _, path) in archive::upload_volumes(preview) {
        runtime::copy_files(&site, preview, &service, &path).await?;
    }
    Ok(None)
}

/// The site whose data the preview begins with; none when it begins empty.
async fn copied_from(hosting: &Hosting, preview: &Site) -> Result<Option<Site>> {
    match (&preview.preview_of, preview.preview_database) {
        (Some(site), Some(PreviewDatabase::Copy)) => sites::get_any(&hosting.db, site).await.map(Some),
        _ => Ok(None),
    }
}

async fn record(hosting: &Hosting, deployment: &Deployment, preview: &Site, log: &LogWriter) -> Result<Option<String>> {
    let now = hosting.clock.now();
    hosting
        .db
        .write(async |tx| {
            tx.execute(
                sql("update deployment set state = 'success', served_at = $2, finished_at = $2, error = null
                     where id = $1 and served_at is null")
                .bind(&deployment.id)
                .bind(now),
            )
            .await?;
            releases::went_live(&tx, &hosting.clock, &preview.release_id).await?;
            sites::record_deployed_in(&tx, &hosting.clock, &preview.id).await
        })
        .await?;
    files::remove_folder(&steps::build_folder(hosting, &deployment.id))?;
    log.add("record", "those who have the password get the preview")?;
    Ok(Some(hosting.url(preview)))
}
