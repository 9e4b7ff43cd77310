//! The steps of a deployment, run by [`crate::operations`] like those of every operation on a site.

use std::path::PathBuf;
use std::time::Duration;

use kit::{Error, Result, sql};

use super::log::LogWriter;
use super::log::site_file::{self, Level};
use super::releases::{self, NewRelease, Release};
use super::room::{self, Need};
use super::{Deployment, DeploymentId, DeploymentKind, DeploymentState, build, checkout, of_operation, queue, rollout, status, watch};
use crate::operations::{Operation, OperationState, template_of};
use crate::sites::{self, ReleaseId, Site};
use crate::{Hosting, environment, files, notify};

/// With a build: for a push.
pub(crate) const DEPLOY_STEPS: &[&str] = &["checkout", "build", "migrate", "start_beside", "switch", "drain", "settle"];
/// Without one: for changed settings and for the way back.
pub(crate) const ROLLOUT_STEPS: &[&str] = &["prepare", "start_beside", "switch", "drain", "settle"];

/// How often a deployment at work looks whether it was cancelled, where the word came from another process.
const CANCEL_POLL: Duration = Duration::from_millis(500);

/// Where the files of a deployment's commit are while it is built.
pub(crate) fn build_folder(hosting: &Hosting, id: &DeploymentId) -> PathBuf {
    hosting.data().join("builds").join(id.as_str())
}

/// Runs one step, and lets go of it when the deployment is cancelled before its release serves.
pub(crate) async fn step(hosting: &Hosting, operation: &Operation, site: &Site, name: &str) -> Result<Option<String>> {
    let deployment =
        of_operation(&hosting.db, &operation.id).await?.ok_or_else(|| Error::internal("an operation without its deployment"))?;
    let log = LogWriter::open(hosting, site, &deployment.id).await?;
    let work = async {
        // What failed quotes what a program printed, and everybody reads it.
        run(hosting, &deployment, site, &log, name).await.map_err(|error| without_secrets(&log, error))
    };
    if deployment.served_at.is_some() || name == "switch" {
        return work.await;
    }
    tokio::select! {
        outcome = work => outcome,
        by = cancelled(hosting, &deployment.id) => Err(Error::conflict(format!("cancelled by {}", by?))),
    }
}

pub(crate) fn without_secrets(log: &LogWriter, error: Error) -> Error {
    match error {
        Error::Conflict(message) => Error::Conflict(log.redacted(&message)),
        Error::Unavailable { message, source } => Error::Unavailable { message: log.redacted(&message), source },
        other => other,
    }
}

pub(crate) async fn run(hosting: &Hosting, deployment: &Deployment, site: &Site, log: &LogWriter, name: &str) -> Result<Option<String>> {
    match name {
        "checkout" => {
            site_file::note(hosting, site, &deployment.id, Level::Info, "Customer site deployment started").await;
            site_file::note(hosting, site, &deployment.id, Level::Info, "Pulling latest code").await;
            room::ensure(hosting, Need::Build).await?;
            let folder = build_folder(hosting, &deployment.id);
            let services: Vec<&str> = template_of(site)?.manifest.built_services().collect();
            for notice in checkout::export(&hosting.repository(site), &deployment.commit_hash, &services, &folder).await? {
                log.add("checkout", &notice)?;
            }
            Ok(Some(format!("commit {}", deployment.short_commit())))
        }
        "build" => {
            site_file::note(hosting, site, &deployment.id, Level::Info, "Building containers").await;
            let template = template_of(site)?;
            let folder = build_folder(hosting, &deployment.id);
            let (images, detail) = build::images_of(hosting, site, template, &folder, log).await?;
            let new = NewRelease {
                commit: &deployment.commit_hash,
                images: &images,
                environment_version: deployment.environment_version,
                template_version: &site.template_version,
            };
            make_release(hosting, deployment, site, &new).await?;
            Ok(Some(detail))
        }
        "prepare" => {
            site_file::note(hosting, site, &deployment.id, Level::Info, &format!("Customer site deployment started ({})", deployment.kind))
                .await;
            prepare(hosting, deployment, site).await
        }
        "migrate" => rollout::migrate(hosting, &next(hosting, deployment, site).await?, log).await,
        "start_beside" => {
            room::ensure(hosting, Need::Rollout).await?;
            site_file::note(hosting, site, &deployment.id, Level::Info, "Starting containers").await;
            rollout::start_beside(hosting, &next(hosting, deployment, site).await?, log).await
        }
        "switch" => {
            site_file::note(hosting, site, &deployment.id, Level::Info, "Running health checks").await;
            switch(hosting, deployment, site, log).await
        }
        "drain" => rollout::drain(hosting, site, log).await,
        "settle" => settle(hosting, deployment, site).await,
        other => Err(Error::internal(format!("no step `{other}`"))),
    }
}

/// Waits until the deployment is cancelled; who did it.
pub(crate) async fn cancelled(hosting: &Hosting, id: &DeploymentId) -> Result<String> {
    loop {
        let heard = hosting.cancelled.notified();
        let by: Option<(Option<String>,)> = hosting.db.optional(sql("select cancelled_by from deployment where id = $1").bind(id)).await?;
        if let Some((Some(by),)) = by {
            return Ok(by);
        }
        let _ = tokio::time::timeout(CANCEL_POLL, heard).await;
    }
}

/// Records the release of a deployment; after an interruption the one that was recorded stays.
async fn make_release(hosting: &Hosting, deployment: &Deployment, site: &Site, new: &NewRelease<'_>) -> Result<()> {
    let id = deployment.release_id.clone().unwrap_or_else(|| ReleaseId::new(&hosting.clock));
    hosting
        .db
        .write(async |tx| {
            releases::record(&tx, &hosting.clock, &site.id, &id, new).await?;
            tx.execute(sql("update deployment set release_id = $2 where id = $1 and release_id is null").bind(&deployment.id).bind(&id))
                .await
                .map(|_| ())
        })
        .await
}

/// A release out of what exists: the live one with new settings, or an earlier one as it was.
async fn prepare(hosting: &Hosting, deployment: &Deployment, site: &Site) -> Result<Option<String>> {
    if deployment.kind != DeploymentKind::Settings {
        return Ok(Some("a release that was kept".to_owned()));
    }
    let live = live_release(hosting, site).await?;
    let images = live.images()?;
    let new = NewRelease {
        commit: &live.commit_hash,
        images: &images,
        environment_version: deployment.environment_version,
        template_version: &live.template_version,
    };
    make_release(hosting, deployment, site, &new).await?;
    Ok(Some("same images, new settings".to_owned()))
}

/// What serves; recorded now where the site was made before releases were.
pub(crate) async fn live_release(hosting: &Hosting, site: &Site) -> Result<Release> {
    if let Some(found) = releases::find(&hosting.db, &site.release_id).await? {
        return Ok(found);
    }
    rollout::record_first_release(hosting, site).await?;
    releases::get_any(&hosting.db, &site.release_id).await
}

/// What the deployment makes live: the site as it will be, and its release.
pub(crate) async fn next(hosting: &Hosting, deployment: &Deployment, site: &Site) -> Result<rollout::Next> {
    // Read anew: an earlier step may have just recorded it.
    let deployment = super::get_any(&hosting.db, &deployment.id).await?;
    let id = deployment.release_id.ok_or_else(|| Error::internal("a deployment without its release"))?;
    let release = releases::get_any(&hosting.db, &id).await?;
    let variables = environment::variables(hosting, site, release.environment_version).await?;
    Ok(rollout::Next { site: Site { release_id: id, ..site.clone() }, release, variables })
}

/// Sends visitors to the new release. From the moment it is asked for, the database says so too: what else looks after routes then
/// writes the same.
async fn switch(hosting: &Hosting, deployment: &Deployment, site: &Site, log: &LogWriter) -> Result<Option<String>> {
    let next = next(hosting, deployment, site).await?;
    // Before anyone could notice: the release that serves must be recorded, or there would be no way back to it.
    if site.release_id != next.release.id {
        live_release(hosting, site).await?;
    }
    hosting
        .db
        .write(async |tx| {
            tx.execute(
                sql("update deployment set previous_release_id = $2 where id = $1 and previous_release_id is null")
                    .bind(&deployment.id)
                    .bind(&site.release_id),
            )
            .await?;
            sites::set_release(&tx, &hosting.clock, &site.id, &next.release.id).await
        })
        .await?;
    let seen = serde_json::to_string(&watch::begin(hosting, site).await)?;
    let detail = rollout::switch(hosting, &next, log).await?;
    let now = hosting.clock.now();
    let watched_until = (hosting.config.watch_seconds > 0 && deployment.kind != DeploymentKind::AutomaticRollback)
        .then(|| now.plus(Duration::from_secs(hosting.config.watch_seconds.into())));
    hosting
        .db
        .write(async |tx| {
            tx.execute(
                sql("update deployment
                     set state = 'success', served_at = $2, finished_at = $2, watched_until = $3, evidence = $4, error = null
                     where id = $1 and served_at is null")
                .bind(&deployment.id)
                .bind(now)
                .bind(watched_until)
                .bind(watched_until.map(|_| &seen)),
            )
            .await?;
            notify::enqueue(&tx, hosting, &deployment.id).await?;
            releases::went_live(&tx, &hosting.clock, &next.release.id).await?;
            status::announce(&tx, hosting, &deployment.id).await?;
            sites::record_deployed_in(&tx, &hosting.clock, &site.id).await
        })
        .await?;
    log.add("switch", "visitors get the new release")?;
    site_file::note(hosting, site, &deployment.id, Level::Success, "Deployment completed successfully").await;
    hosting.signal(site);
    Ok(Some(detail))
}

/// Makes the site's folder say what serves, and forgets what only the build needed.
async fn settle(hosting: &Hosting, deployment: &Deployment, site: &Site) -> Result<Option<String>> {
    let next = next(hosting, deployment, site).await?;
    rollout::update_folder(hosting, &next, &build_folder(hosting, &deployment.id)).await?;
    files::remove_folder(&build_folder(hosting, &deployment.id))?;
    Ok(None)
}

/// Takes back what a failed or cancelled deployment did: the old release serves as before. Says nothing of one whose release
/// serves; then only tidying up failed, which is done again by itself.
pub(crate) async fn abandon(hosting: &Hosting, operation: &Operation, error: &str) -> Result<()> {
    let Some(deployment) = of_operation(&hosting.db, &operation.id).await? else { return Ok(()) };
    if deployment.served_at.is_some() || operation.state == OperationState::Done {
        return Ok(());
    }
    let mut site = sites::get_any(&hosting.db, &operation.site_id).await?;
    if let (Some(previous), Some(new)) = (&deployment.previous_release_id, &deployment.release_id)
        && site.release_id == *new
        && previous != new
    {
        hosting.db.write(async |tx| sites::set_release(&tx, &hosting.clock, &site.id, previous).await).await?;
        site = sites::get_any(&hosting.db, &site.id).await?;
        rollout::switch_back(hosting, &site).await?;
    }
    rollout::remove_all_but_live(hosting, &site).await?;
    files::remove_folder(&build_folder(hosting, &deployment.id))?;
    let state = if deployment.cancelled_by.is_some() { DeploymentState::Cancelled } else { DeploymentState::Failed };
    // Only told where it is known what to hide; that it is not must not keep the deployment at work for ever.
    let told = async {
        LogWriter::open(hosting, &site, &deployment.id)
            .await?
            .add("verdict", &format!("{state}: {error}. What served before still serves."))
    };
    if let Err(error) = told.await {
        tracing::warn!(site.id = %site.id, "deployment `{}` has no verdict in its log: {error}", deployment.id);
    }
    match state {
        DeploymentState::Cancelled => site_file::note(hosting, &site, &deployment.id, Level::Warning, &format!("Deployment {error}")).await,
        _ => site_file::note(hosting, &site, &deployment.id, Level::Error, &format!("Deployment failed: {error}")).await,
    }
    hosting
        .db
        .write(async |tx| {
            tx.execute(
                sql("update deployment set state = $2, finished_at = $3, error = $4
                     where id = $1 and served_at is null and state = 'running'")
                .bind(&deployment.id)
                .bind(state)
                .bind(hosting.clock.now())
                .bind(error),
            )
            .await?;
            notify::enqueue(&tx, hosting, &deployment.id).await
        })
        .await?;
    status::announce_now(hosting, &deployment.id).await?;
    hosting.signal(&site);
    Ok(())
}

/// What follows the end of any operation on a site: the next deployment may have its turn.
pub(crate) async fn after_operation(hosting: &Hosting) {
    if let Err(error) = queue::dispatch(hosting).await {
        tracing::warn!("beginning the next deployment: {error}");
    }
}
