//! `innkeeper deploy`, and what `innkeeper site` does with deployments: list, go back, stop.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use accounts::{Actor, CustomerId};
use hosting::deployments::{self, BackTo, Deployment, DeploymentId, DeploymentState, colours, log};
use hosting::operations::{self, OperationState, StepState};
use hosting::sites::{self, ReleaseId, SiteId};
use kit::{Error, Result, Timestamp, jobs};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use web::App;
use web::config::Config;

use crate::output::{Output, table};
use crate::{data_folder, open, work};

/// How often it is looked at.
const BEAT: Duration = Duration::from_millis(150);
/// Looks after which a deployment whose work is nowhere to be found is given up: some seconds.
const MOST_LOST: u32 = 40;

/// Deploys a commit of a site and waits for the verdict: ends with 0 when visitors get it, with 1 when not.
#[derive(clap::Args)]
pub struct Deploy {
    /// Whose the site is.
    #[arg(long)]
    customer_uuid: String,
    /// The site.
    #[arg(long)]
    app_id: String,
    /// A commit (its first four digits do) or a branch; the newest of the site's branch when left out.
    #[arg(long)]
    commit: Option<String>,
    #[command(flatten)]
    wait: super::site::Wait,
}

impl Deploy {
    /// Runs it; the code is the verdict.
    pub async fn run(self, config: Config, output: Output) -> Result<ExitCode> {
        let app = open::app_of_command(config).await?;
        let actor = Actor::cli();
        let customer = CustomerId::parse(&self.customer_uuid)?;
        let site = sites::get(&app.db, &actor.scope(), &SiteId::parse(&self.app_id)?).await?;
        if site.customer_id != customer {
            return Err(Error::not_found("site"));
        }
        let deployment = deployments::deploy(&app.hosting, &actor, &site.id, self.commit.as_deref()).await?;
        watch(&app, deployment, self.wait.no_wait, output).await
    }
}

/// Makes an earlier release serve again and waits for the verdict. `to`: a release, or the deployment that made it live.
pub(super) async fn roll_back(app: &App, actor: &Actor, site: &str, to: Option<&str>, no_wait: bool, output: Output) -> Result<ExitCode> {
    let to = match to {
        None => BackTo::Before,
        Some(text) if text.starts_with("deploy-") => BackTo::Deployment(DeploymentId::parse(text)?),
        Some(text) => BackTo::Release(ReleaseId::parse(text)?),
    };
    let deployment = deployments::go_back(&app.hosting, actor, &SiteId::parse(site)?, &to).await?;
    watch(app, deployment, no_wait, output).await
}

/// Stops a deployment that has no verdict yet.
pub(super) async fn cancel(app: &App, actor: &Actor, deployment: &str, output: Output) -> Result<()> {
    let deployment = deployments::cancel(&app.hosting, actor, &DeploymentId::parse(deployment)?).await?;
    output.show(&as_json(&deployment), |_| match deployment.state {
        DeploymentState::Cancelled => format!("{} is cancelled", deployment.id),
        _ => format!("{} is being stopped", deployment.id),
    });
    Ok(())
}

/// Lists the newest deployments of a site.
pub(super) async fn list(app: &App, site: &str, limit: u32, output: Output) -> Result<()> {
    let scope = Actor::cli().scope();
    let site = sites::get(&app.db, &scope, &SiteId::parse(site)?).await?;
    let found = deployments::history(&app.db, &scope, &site.id, None, limit).await?;
    let serving = deployments::serving(&app.db, &site).await?.map(|it| it.id);
    let told = |deployment: &Deployment| {
        let mut value = as_json(deployment);
        value["serving"] = json!(serving.as_ref() == Some(&deployment.id));
        value
    };
    let values: Vec<Value> = found.iter().map(told).collect();
    output.show(&values, |_| {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|it| {
                vec![
                    it.id.to_string(),
                    if serving.as_ref() == Some(&it.id) { "live".to_owned() } else { it.state.to_string() },
                    it.kind.to_string(),
                    it.short_commit().to_owned(),
                    it.release_id.as_ref().map(ToString::to_string).unwrap_or_default(),
                    colours::plain(&it.subject),
                ]
            })
            .collect();
        table(&["DEPLOYMENT", "STATE", "KIND", "COMMIT", "RELEASE", "SUBJECT"], &rows)
    });
    Ok(())
}

/// Waits for the verdict, tells how it comes to it, and ends with it. A running server does the work, or else this process.
async fn watch(app: &App, deployment: Deployment, no_wait: bool, output: Output) -> Result<ExitCode> {
    if no_wait {
        output.show(&as_json(&deployment), |_| format!("{} of {} is {}", deployment.id, deployment.site_id, deployment.state));
        return Ok(ExitCode::SUCCESS);
    }
    let subject = colours::plain(&deployment.subject);
    output.say(format!("{} of {}: {} {subject}", deployment.id, deployment.site_id, deployment.short_commit()));
    let stop = CancellationToken::new();
    let worker = match data_folder::try_lock(&app.config)? {
        // With PostgreSQL a server on another machine may be at work too; leases keep the two apart.
        Ok(lock) => {
            let runner = work::runner_of_command(app).run(stop.clone());
            Some(tokio::spawn(async move {
                let _lock = lock;
                runner.await;
            }))
        }
        Err(_) => None,
    };
    let outcome = until_over(app, &deployment.id, worker.is_some(), output).await;
    stop.cancel();
    if let Some(worker) = worker {
        let _ = worker.await;
    }
    let ended = outcome?;
    output.show(&as_json(&ended), |_| verdict(&ended));
    Ok(if ended.state == DeploymentState::Success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells steps and lines as they come. With `is_worker` it goes on until the old release is tidied away, as nobody else would.
async fn until_over(app: &App, id: &DeploymentId, is_worker: bool, output: Output) -> Result<Deployment> {
    let scope = Actor::cli().scope();
    let mut told: HashSet<String> = HashSet::new();
    let (mut from, mut lost) = (0, 0);
    let is_coloured = std::io::stderr().is_terminal();
    loop {
        let deployment = deployments::get(&app.db, &scope, id).await?;
        let work = deployments::work_of(&app.db, &scope, &deployment).await?;
        let (_, lines, next) = log::read(&app.hosting, &scope, id, from).await?;
        from = next;
        for line in lines {
            output.say(format!("    {}", if is_coloured { painted(&line.text) } else { colours::plain(&line.text) }));
        }
        let steps = work.as_ref().map(|(_, steps)| steps.as_slice()).unwrap_or_default();
        for step in steps.iter().filter(|step| step.state == StepState::Done) {
            if told.insert(step.name.clone()) {
                let detail = step.detail.as_deref().map(|detail| format!(" – {}", colours::plain(detail))).unwrap_or_default();
                output.say(format!("  ✓ {}{detail}{}", operations::title(&step.name), took(step.started_at, step.finished_at)));
            }
        }
        let is_at_work = work.as_ref().is_some_and(|(operation, _)| operation.state == OperationState::Running);
        if deployment.state.is_over() && !(is_worker && is_at_work) {
            return Ok(deployment);
        }
        if is_worker {
            // Nobody else begins it when what it waited for has ended.
            if deployment.state == DeploymentState::Queued {
                deployments::queue::dispatch(&app.hosting).await?;
            }
            let key = work.as_ref().map(|(operation, _)| format!("operation:{}", operation.id));
            let has_job = match &key {
                Some(key) => jobs::is_waiting_or_running(&app.db, key).await?,
                None => true,
            };
            lost = if has_job { 0 } else { lost + 1 };
            if lost > MOST_LOST {
                let reason = steps.iter().find_map(|step| step.error.as_deref()).unwrap_or("its work was interrupted");
                return Err(Error::unavailable(format!("{id} could not be ended: {reason}. A running server will end it")));
            }
        }
        tokio::time::sleep(BEAT).await;
    }
}

fn took(from: Option<Timestamp>, until: Option<Timestamp>) -> String {
    match (from, until) {
        (Some(from), Some(until)) => format!(" ({:.1} s)", until.since(from).as_secs_f64()),
        _ => String::new(),
    }
}

/// The line for a terminal: its colours, written anew, and nothing else that would steer it.
fn painted(text: &str) -> String {
    let mut line = String::new();
    for piece in colours::pieces(text) {
        let style = piece.style;
        let mut codes: Vec<String> = Vec::new();
        for (is_on, code) in [(style.bold, "1"), (style.dim, "2"), (style.italic, "3"), (style.underline, "4")] {
            if is_on {
                codes.push(code.to_owned());
            }
        }
        codes.extend(style.colour.map(|colour| format!("38;5;{colour}")));
        codes.extend(style.background.map(|colour| format!("48;5;{colour}")));
        match codes.is_empty() {
            true => line.push_str(&piece.text),
            false => line.push_str(&format!("\u{1b}[{}m{}\u{1b}[0m", codes.join(";"), piece.text)),
        }
    }
    line
}

fn verdict(deployment: &Deployment) -> String {
    let reason = deployment.error.as_deref().map(|error| format!(": {}", colours::plain(&error.replace('\n', " ")))).unwrap_or_default();
    let stays = "What served before still serves.";
    match deployment.state {
        DeploymentState::Success => {
            let took = deployment.duration_seconds().map(|seconds| format!(" after {seconds} s")).unwrap_or_default();
            format!("{} is live{took}", deployment.id)
        }
        DeploymentState::Superseded => format!("{} was superseded by a newer one", deployment.id),
        DeploymentState::Cancelled => {
            format!("{} was cancelled by {}. {stays}", deployment.id, deployment.cancelled_by.as_deref().unwrap_or("somebody"))
        }
        _ => format!("{} {}{reason}. {stays}", deployment.id, deployment.state),
    }
}

fn as_json(deployment: &Deployment) -> Value {
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "deployment_id": deployment.id.as_str(),
        "app_id": deployment.site_id.as_str(),
        "status": deployment.state.as_str(),
        "kind": deployment.kind.as_str(),
        "branch": said(&deployment.branch),
        "commit_hash": said(&deployment.commit_hash),
        "commit_subject": said(&deployment.subject),
        "commit_author": said(&deployment.author),
        "requested_by": deployment.requested_by,
        "release_id": deployment.release_id.as_ref().map(|it| it.as_str()),
        "created_at": deployment.created_at.rfc3339(),
        "started_at": deployment.started_at.map(|at| at.rfc3339()),
        "deployed_at": deployment.served_at.map(|at| at.rfc3339()),
        "finished_at": deployment.finished_at.map(|at| at.rfc3339()),
        "duration": deployment.duration_seconds().map(|seconds| format!("{seconds}s")),
        "error": deployment.error,
        "cancelled_by": deployment.cancelled_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_colours_and_nothing_else() {
        let hostile = "\u{1b}[1;31mred\u{1b}[0m \u{1b}]0;title\u{7}\u{1b}[2Jplain\r";
        assert_eq!(painted(hostile), "\u{1b}[1;38;5;1mred\u{1b}[0m ]0;titleplain");
        assert_eq!(painted("plain"), "plain");
    }
}
