//! `innkeeper site`.

use std::process::ExitCode;
use std::time::Duration;

use accounts::{Actor, CustomerId, Scope};
use hosting::adopt;
use hosting::deployments::{self, Deployment, DeploymentState};
use hosting::names::{SiteName, Subdomain};
use hosting::operations::{self, OperationKind, OperationState, StepState};
use hosting::probes::{restart, status_page};
use hosting::sites::{self, NewSite, Site, SiteFilter, SiteId, SiteState};
use hosting::templates::{self, Kind};
use kit::words::counted;
use kit::{Error, Result};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use web::App;
use web::config::Config;

use super::adopted::{self, Adopt};
use super::deploy;
use super::environment::Env;
use super::preview::Preview;
use crate::output::{Output, table};
use crate::{data_folder, open, work};

/// Makes, lists and changes sites.
#[derive(clap::Subcommand)]
pub enum SiteCommand {
    /// Makes a site from a template and waits until it is live.
    Create {
        /// Whose: a customer's id.
        #[arg(long)]
        customer: String,
        /// The template: portfolio.
        #[arg(long, default_value = "portfolio")]
        kind: String,
        /// Its name.
        #[arg(long)]
        name: String,
        /// First label of its address; generated when left out.
        #[arg(long)]
        subdomain: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Lists sites, newest first.
    List {
        /// Only this customer's.
        #[arg(long)]
        customer: Option<String>,
        /// Only those in this state; `archived` shows deleted ones.
        #[arg(long)]
        state: Option<String>,
    },
    /// Shows one site with its services and its last operation.
    Show {
        /// The site's id.
        site: String,
    },
    /// Starts a stopped site.
    Start(OneSite),
    /// Stops a site; visitors see a page that says so.
    Stop(OneSite),
    /// Archives and removes a site; it can be restored for some days.
    Delete {
        #[command(flatten)]
        site: OneSite,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Brings a deleted site back.
    Restore(OneSite),
    /// Restarts a site or one of its services, once in a while.
    Restart {
        #[command(flatten)]
        site: OneSite,
        /// One service alone, such as api.
        #[arg(long)]
        service: Option<String>,
    },
    /// Says whether everyone may read the site's status page, or decides it.
    StatusPage {
        /// The site's id.
        site: String,
        /// Everyone may read it from now on.
        #[arg(long, conflicts_with = "private")]
        public: bool,
        /// Only those who may see the site from now on.
        #[arg(long)]
        private: bool,
    },
    /// Tries what failed again, from the step where it stopped.
    Retry(OneSite),
    /// Lists the deployments of a site, newest first.
    Deployments {
        /// The site's id.
        site: String,
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Makes an earlier release serve again, without a build, and waits for the verdict (0 or 1).
    Rollback {
        /// The site's id.
        site: String,
        /// A kept release, or the deployment that made it live; what served before when left out.
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Stops a deployment that has no verdict yet.
    CancelDeployment {
        /// The deployment's id.
        deployment: String,
    },
    /// Lists and changes a site's own variables.
    Env(Env),
    /// Shows another branch of a site at an address of its own; lists and removes what does.
    Preview(Preview),
    /// Takes a container that was here before into the books: watched, shown, restarted, and nothing else.
    Adopt(Adopt),
    /// Forgets an adopted container, which stays as it is.
    LetGo {
        /// The id that it has here.
        site: String,
    },
}

/// One site, and whether to wait for it.
#[derive(clap::Args)]
pub struct OneSite {
    /// The site's id.
    site: String,
    #[command(flatten)]
    wait: Wait,
}

/// Whether to wait.
#[derive(clap::Args, Clone, Copy)]
pub struct Wait {
    /// Return at once; a running server does the work.
    #[arg(long)]
    pub(super) no_wait: bool,
}

impl Wait {
    /// Whether to return at once.
    pub(super) fn is_asked_not_to(self) -> bool {
        self.no_wait
    }
}

impl SiteCommand {
    /// Runs it; the code is what the process ends with when nothing failed.
    pub async fn run(self, config: Config, output: Output) -> Result<ExitCode> {
        let app = open::app_of_command(config).await?;
        let actor = Actor::cli();
        match self {
            SiteCommand::Rollback { site, to, wait } => {
                return deploy::roll_back(&app, &actor, &site, to.as_deref(), wait.no_wait, output).await;
            }
            SiteCommand::Deployments { site, limit } => deploy::list(&app, &site, limit, output).await,
            SiteCommand::CancelDeployment { deployment } => deploy::cancel(&app, &actor, &deployment, output).await,
            SiteCommand::Create { customer, kind, name, subdomain, wait } => {
                let customer = CustomerId::parse(&customer)?;
                accounts::customers::get(&app.db, &actor.scope(), &customer).await?;
                let new = NewSite {
                    kind: parse_kind(&kind)?,
                    name: SiteName::parse(&name)?,
                    subdomain: subdomain.map(|it| Subdomain::parse(&it, &app.config.hosting.reserved_subdomains)).transpose()?,
                    custom_domain: None,
                };
                let site = sites::create(&app.hosting, &actor, &customer, &new).await?;
                wait_and_show(&app, site, wait, output).await
            }
            SiteCommand::List { customer, state } => list(&app, customer, state, output).await,
            SiteCommand::Show { site } => {
                let site = find(&app, &site).await?;
                show(&app, &site, output).await
            }
            SiteCommand::Start(site) => operate(&app, &actor, site, OperationKind::Start, output).await,
            SiteCommand::Stop(site) => operate(&app, &actor, site, OperationKind::Stop, output).await,
            SiteCommand::Restore(site) => operate(&app, &actor, site, OperationKind::Restore, output).await,
            SiteCommand::Delete { site, yes } => {
                let found = find(&app, &site.site).await?;
                if found.kind == Kind::Adopted {
                    return Err(Error::conflict(format!(
                        "an adopted container is not deleted; `innkeeper site let-go {}` forgets it",
                        found.id
                    )));
                }
                let kind = if found.state == SiteState::Failed { OperationKind::Discard } else { OperationKind::Delete };
                if !yes && !confirmed(&app, &found)? {
                    return Err(Error::conflict("nothing was deleted"));
                }
                operate(&app, &actor, site, kind, output).await
            }
            SiteCommand::Restart { site, service } => {
                let asked = restart::request(&app.hosting, &actor, &SiteId::parse(&site.site)?, service.as_deref()).await?;
                wait_and_show(&app, asked, site.wait, output).await
            }
            SiteCommand::StatusPage { site, public, private } => {
                let site = find(&app, &site).await?;
                if public || private {
                    status_page::publish(&app.hosting, &actor, &site.id, public).await?;
                }
                show_status_page(&app, &site, output).await
            }
            SiteCommand::Env(env) => env.run(&app, &actor, output).await,
            SiteCommand::Preview(wish) => wish.run(&app, &actor, output).await,
            SiteCommand::Adopt(wish) => wish.run(&app, &actor, output).await,
            SiteCommand::LetGo { site } => adopted::let_go(&app, &actor, &site, output).await,
            SiteCommand::Retry(one) => {
                let site = operations::retry(&app.hosting, &actor, &SiteId::parse(&one.site)?).await?;
                wait_and_show(&app, site, one.wait, output).await
            }
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

fn parse_kind(text: &str) -> Result<Kind> {
    let carried = templates::all().iter().map(|template| template.kind.as_str()).collect::<Vec<_>>().join(", ");
    Kind::from_text(text)
        .filter(|kind| templates::find(*kind).is_some())
        .ok_or_else(|| Error::invalid("--kind", format!("must be one of: {carried}")))
}

fn confirmed(app: &App, site: &Site) -> Result<bool> {
    let days = counted(app.config.hosting.keep_archives_days, "day");
    let stays = site.outside_url.as_ref().map(|url| format!(" Its repository {url} stays where it is.")).unwrap_or_default();
    eprint!("Delete `{}` ({})? It can be restored for {days}.{stays} Type its address to go on: ", site.name, site.domain);
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim() == site.domain.as_str())
}

async fn find(app: &App, id: &str) -> Result<Site> {
    sites::get(&app.db, &Actor::cli().scope(), &SiteId::parse(id)?).await
}

async fn operate(app: &App, actor: &Actor, one: OneSite, kind: OperationKind, output: Output) -> Result<()> {
    let site = operations::request(&app.hosting, actor, &SiteId::parse(&one.site)?, kind).await?;
    wait_and_show(app, site, one.wait, output).await
}

/// Waits for the site's operation: a running server does the work, or else this process.
pub(super) async fn wait_and_show(app: &App, site: Site, wait: Wait, output: Output) -> Result<()> {
    if wait.no_wait {
        return show(app, &site, output).await;
    }
    wait_for(app, &site, output).await?;
    match sites::get(&app.db, &Actor::cli().scope(), &site.id).await {
        Ok(site) => show(app, &site, output).await,
        // A site that was given up leaves nothing to show.
        Err(Error::NotFound(_)) => {
            output.show(&json!({ "app_id": site.id.as_str(), "status": "removed" }), |_| format!("{} is gone without a trace", site.id));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Waits for the site's operation and says how it goes on.
pub(super) async fn wait_for(app: &App, site: &Site, output: Output) -> Result<()> {
    working(app, until_over(app, &site.id, output)).await
}

/// Waits for something while the work is done: by a running server, or else by this process.
async fn working(app: &App, waited: impl Future<Output = Result<()>>) -> Result<()> {
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
    let outcome = waited.await;
    stop.cancel();
    if let Some(worker) = worker {
        let _ = worker.await;
    }
    outcome
}

/// Waits until a deployment has its verdict and nothing is at work on its site any more.
pub(super) async fn until_deployed(app: &App, asked: &Deployment, output: Output) -> Result<()> {
    let over = async {
        let scope = Actor::cli().scope();
        loop {
            let now = deployments::get(&app.db, &scope, &asked.id).await?;
            let newest = operations::newest(&app.db, &scope, &asked.site_id).await?;
            let is_at_work = newest.is_some_and(|(operation, _)| operation.state == OperationState::Running);
            match now.state {
                state if !state.is_over() || is_at_work => tokio::time::sleep(Duration::from_millis(150)).await,
                DeploymentState::Success => return Ok(()),
                // What took its place brings the same settings.
                DeploymentState::Superseded => {
                    output.say(format!("{} was superseded by a newer deployment", now.id));
                    return Ok(());
                }
                state => {
                    let reason = now.error.unwrap_or_else(|| "no reason was recorded".to_owned());
                    return Err(Error::unavailable(format!(
                        "{} {}: {reason}. What served before still serves",
                        now.id,
                        state.as_str().replace('_', " ")
                    )));
                }
            }
        }
    };
    working(app, over).await
}

async fn until_over(app: &App, id: &SiteId, output: Output) -> Result<()> {
    let scope = Actor::cli().scope();
    let mut told = 0;
    loop {
        let newest = match operations::newest(&app.db, &scope, id).await {
            Err(Error::NotFound(_)) => return Ok(()),
            newest => newest?,
        };
        let Some((operation, steps)) = newest else { return Ok(()) };
        for step in steps.iter().skip(told).take_while(|step| step.state == StepState::Done) {
            told += 1;
            let detail = step.detail.as_deref().map(|detail| format!(" – {detail}")).unwrap_or_default();
            output.say(format!("  ✓ {}{detail}", operations::title(&step.name)));
        }
        match operation.state {
            OperationState::Running => tokio::time::sleep(Duration::from_millis(150)).await,
            OperationState::Done => return Ok(()),
            OperationState::Failed => {
                let step = steps.iter().find(|step| step.state == StepState::Failed);
                let (title, reason) = step.map_or(("Work", None), |step| (operations::title(&step.name), step.error.as_deref()));
                let reason = reason.or(operation.error.as_deref()).unwrap_or("no reason was recorded");
                let next = match operation.kind {
                    OperationKind::Deploy | OperationKind::Rollout => format!("`innkeeper site deployments {id}` shows what became of it"),
                    OperationKind::Preview => {
                        format!("`innkeeper site retry {id}` goes on from there, and a push to the branch begins anew")
                    }
                    OperationKind::Restart => format!("`innkeeper site restart {id}` tries again in half a minute"),
                    _ => format!("`innkeeper site retry {id}` goes on from there"),
                };
                return Err(Error::unavailable(format!("{} of {id} stopped at “{title}”: {reason}. {next}", operation.kind)));
            }
        }
    }
}

/// Whether it was made here: an adopted container has no address, repository or certificate of ours.
fn is_ours(site: &Site) -> bool {
    site.kind != Kind::Adopted
}

fn as_json(app: &App, site: &Site) -> Value {
    json!({
        "app_id": site.id.as_str(),
        "customer": site.customer_id.as_str(),
        "site_name": site.name.as_str(),
        "site_type": site.kind.as_str(),
        "domain": is_ours(site).then(|| site.domain.as_str()),
        "custom_domain": site.custom_domain.as_ref().map(|it| it.as_str()),
        "status": site.state.as_str(),
        "url": is_ours(site).then(|| app.hosting.url(site)),
        "repo_url": is_ours(site).then(|| app.hosting.repository_url(site)),
        "ssl_status": is_ours(site).then(|| site.certificate_state.as_str()),
        "created_at": site.created_at.rfc3339(),
        "last_deployed_at": site.last_deployed_at.map(|at| at.rfc3339()),
    })
}

async fn show_status_page(app: &App, site: &Site, output: Output) -> Result<()> {
    let is_public = status_page::is_published(&app.db, &site.id).await?;
    let url = web::status_page_url(app, &site.id);
    output.show(&json!({ "app_id": site.id.as_str(), "public": is_public, "url": url }), |_| match is_public {
        true => format!("everyone may read {url}"),
        false => format!("only those who may see the site may read {url}; `--public` shows it to everyone"),
    });
    Ok(())
}

async fn list(app: &App, customer: Option<String>, state: Option<String>, output: Output) -> Result<()> {
    let state = state
        .map(|text| {
            let all = SiteState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
            SiteState::from_text(&text).ok_or_else(|| Error::invalid("--state", format!("must be one of: {all}")))
        })
        .transpose()?;
    let customer = customer.map(|id| CustomerId::parse(&id)).transpose()?;
    let mut filter = SiteFilter { customer, state, limit: 200, ..SiteFilter::default() };
    let scope: Scope = Actor::cli().scope();
    let mut found = Vec::new();
    loop {
        let page = sites::list(&app.db, &scope, &filter).await?;
        filter.after = page.last().map(|site| site.id.clone());
        let full = page.len() == 200;
        found.extend(page);
        if !full {
            break;
        }
    }
    let values: Vec<Value> = found.iter().map(|site| as_json(app, site)).collect();
    output.show(&values, |_| {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|site| {
                vec![
                    site.id.to_string(),
                    site.state.to_string(),
                    if is_ours(site) { app.hosting.url(site) } else { "(adopted)".to_owned() },
                    site.customer_id.to_string(),
                    site.name.to_string(),
                ]
            })
            .collect();
        table(&["SITE", "STATE", "ADDRESS", "CUSTOMER", "NAME"], &rows)
    });
    Ok(())
}

pub(super) async fn show(app: &App, site: &Site, output: Output) -> Result<()> {
    let container = adopt::of_site(&app.db, &site.id).await?;
    let services = match &container {
        Some(container) => adopt::state(&app.hosting, container).await,
        None => app.hosting.runtime.states_of(&site.id, templates::find(site.kind).map(|template| &template.manifest)).await,
    };
    let mut value = as_json(app, site);
    if let Some(container) = &container {
        value["container"] = json!(container.container);
    }
    value["container_status"] = match &services {
        Ok(services) => {
            json!(services.iter().map(|(name, state)| (name.clone(), state.as_str())).collect::<std::collections::BTreeMap<_, _>>())
        }
        Err(error) => json!({ "error": error.public_message() }),
    };
    output.show(&value, |_| {
        let mut rows = vec![
            vec!["site".to_owned(), site.id.to_string()],
            vec!["name".to_owned(), site.name.to_string()],
            vec!["state".to_owned(), site.state.to_string()],
        ];
        rows.extend(match &container {
            Some(container) => vec![vec!["container".to_owned(), container.container.clone()]],
            None => vec![
                vec!["address".to_owned(), app.hosting.url(site)],
                vec!["repository".to_owned(), app.hosting.repository_url(site)],
                vec!["certificate".to_owned(), site.certificate_error.clone().unwrap_or_else(|| site.certificate_state.to_string())],
            ],
        });
        match &services {
            Ok(services) => rows.extend(services.iter().map(|(name, state)| vec![format!("service {name}"), state.to_string()])),
            Err(error) => rows.push(vec!["services".to_owned(), error.public_message()]),
        }
        table(&["", ""], &rows).trim_start().to_owned()
    });
    Ok(())
}
