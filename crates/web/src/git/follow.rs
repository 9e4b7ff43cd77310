//! Shows a deployment in the output of the push that asked for it, until its verdict.

use std::time::Duration;

use accounts::{Actor, Scope};
use hosting::deployments::{self, Deployment, DeploymentId, log};
use hosting::git::tokens;
use hosting::{Site, operations};
use kit::Result;
use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;
use tracing::warn;

use super::push::say;
use super::stream::Out;
use super::words::Talk;
use crate::app::App;
use crate::lasting::is_let_in;

/// Looked at after so long even if no signal came: it may be at work in another process.
const BEAT: Duration = Duration::from_secs(1);
/// Signals that come in quick succession are answered with one look.
const PAUSE: Duration = Duration::from_millis(200);
/// Silence after which proxies are shown that the connection lives.
const SILENCE: Duration = Duration::from_secs(10);

/// Tells of a deployment until it has its verdict, the client goes, what they signed in with is revoked, or the longest wait is over.
pub async fn deployment(app: &App, actor: &Actor, site: &Site, id: &DeploymentId, out: &Out) -> Result<()> {
    let link = app.config.server.public_url.link(&format!("/sites/{}/deployments/{id}", site.id));
    let mut talk = Talk::new(link, app.hosting.url(site));
    let (room, mut signals) = (format!("site:{}", site.id), app.bus.subscribe());
    let longest = Duration::from_secs(60 * u64::from(app.hosting.config.push_wait_minutes));
    let (begun, mut last_said) = (Instant::now(), Instant::now());
    loop {
        if !may_go_on(app, actor).await {
            return say(out, &talk.ends_with_the_right_to_it()).await;
        }
        let (deployment, lines) = look(app, site, id, &mut talk).await?;
        if !lines.is_empty() {
            say(out, &lines).await?;
            last_said = Instant::now();
        } else if last_said.elapsed() >= SILENCE {
            out.write(hosting::git::pkt::KEEP_ALIVE).await?;
            last_said = Instant::now();
        }
        if deployment.state.is_over() {
            return Ok(());
        }
        if begun.elapsed() >= longest {
            return say(out, &talk.goes_on_without_us()).await;
        }
        tokio::select! {
            () = next_signal(&mut signals, &room) => tokio::time::sleep(PAUSE).await,
            () = tokio::time::sleep(BEAT) => {}
            () = out.gone() => return Ok(()),
        }
    }
}

/// Whether whoever pushed could push again.
async fn may_go_on(app: &App, actor: &Actor) -> bool {
    match tokens::still_opens(&app.db, actor).await {
        Ok(still) => still && is_let_in(app, actor).await,
        Err(error) => {
            warn!("whether a deploy token still stands cannot be looked up: {error}");
            false
        }
    }
}

/// What is new of a deployment, in lines. The push was let in; what it led to is read as the house.
async fn look(app: &App, site: &Site, id: &DeploymentId, talk: &mut Talk) -> Result<(Deployment, Vec<String>)> {
    let scope = Scope::house_of_job();
    let (deployment, log, next) = log::read(&app.hosting, &scope, id, talk.log_from).await?;
    talk.log_from = next;
    let work = match &deployment.operation_id {
        Some(operation) => operations::find_with_steps(&app.db, &scope, &site.id, operation).await?,
        None => None,
    };
    let steps = work.map(|(_, steps)| steps).unwrap_or_default();
    let now = app.clock.now();
    let place = deployments::place(&app.db, app.hosting.config.parallel_deployments, now, &deployment).await?;
    let lines = talk.say(&deployment, place, &steps, &log, now);
    Ok((deployment, lines))
}

/// Waits for a signal of a room; one that was missed counts as one.
async fn next_signal(signals: &mut Receiver<kit::bus::Signal>, room: &str) {
    while let Ok(signal) = signals.recv().await {
        if signal.room == room {
            return;
        }
    }
}
