//! Docker as seen and driven: state from the Engine API, changes through the Compose plugin with argument vectors.

pub(crate) mod beside;
mod containers;
pub(crate) mod image;
mod logs;
mod look;
mod stats;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerSummaryStateEnum;
use bollard::query_parameters::ListContainersOptionsBuilder;
use kit::exec::Command;
use kit::{Context, Error, Result, text_enum};

use crate::compose::{ONE_OFF_LABEL, SERVICE_LABEL, SITE_LABEL, network_name, volume_name};
use crate::sites::{ServiceStates, Site, SiteId};
use crate::templates::Manifest;

pub use containers::Listed;
pub(crate) use logs::Writer;
pub use look::{ContainerFacts, DatabaseFacts, EngineFacts, compose_version, database_facts, try_compose};

/// How long the containers of a site may take until all are healthy.
const START_LIMIT: Duration = Duration::from_secs(180);

text_enum!(
    /// What a service's container does.
    ServiceState {
        /// It runs, and no health check says otherwise. Docker's first check comes a minute after the start; until then it is our
        /// own look at the start that counts.
        Running = "running",
        /// It runs, and its health check fails.
        Unhealthy = "unhealthy",
        /// Docker starts it again after a crash.
        Restarting = "restarting",
        /// It is there and does not run.
        Stopped = "stopped",
        /// There is no container.
        Missing = "missing",
    }
);

/// The engine of this host. Connects on first use, so that an Innkeeper without Docker still starts and says what is missing.
#[derive(Clone, Default)]
pub struct Runtime {
    docker: Arc<OnceLock<Docker>>,
}

impl Runtime {
    pub(crate) fn engine(&self) -> Result<&Docker> {
        if self.docker.get().is_none() {
            let docker = Docker::connect_with_defaults().map_err(unreachable_engine)?;
            let _ = self.docker.set(docker);
        }
        Ok(self.docker.get().expect("set above"))
    }

    /// Asks the engine behind `socket` instead of the usual one. Takes effect only before the first question.
    pub fn connect_to(&self, socket: &Path) -> Result<()> {
        let docker = Docker::connect_with_unix(&socket.to_string_lossy(), 120, bollard::API_DEFAULT_VERSION).map_err(unreachable_engine)?;
        self.docker.set(docker).map_err(|_| Error::internal("Docker was asked already"))
    }

    /// Whether the engine answers; the error says what to do.
    pub async fn ping(&self) -> Result<()> {
        tokio::time::timeout(Duration::from_secs(5), self.engine()?.ping())
            .await
            .map_err(|_| Error::unavailable("Docker did not answer within 5 s"))?
            .map(|_| ())
            .map_err(unreachable_engine)
    }

    /// The state of each service of each known site, from one request.
    pub async fn states(&self) -> Result<BTreeMap<String, ServiceStates>> {
        self.list(SITE_LABEL.to_owned()).await
    }

    /// The state of a site's services; those of the manifest without a container are `missing`.
    pub async fn states_of(&self, site: &SiteId, manifest: Option<&Manifest>) -> Result<ServiceStates> {
        let mut found = self.list(format!("{SITE_LABEL}={site}")).await?.remove(site.as_str()).unwrap_or_default();
        for service in manifest.iter().flat_map(|manifest| manifest.services.keys()) {
            found.entry(service.clone()).or_insert(ServiceState::Missing);
        }
        Ok(found)
    }

    async fn list(&self, label: String) -> Result<BTreeMap<String, ServiceStates>> {
        let filters = std::collections::HashMap::from([("label".to_owned(), vec![label])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let containers = tokio::time::timeout(Duration::from_secs(10), self.engine()?.list_containers(Some(options)))
            .await
            .map_err(|_| Error::unavailable("Docker did not answer within 10 s"))?
            .map_err(unreachable_engine)?;
        let mut found: BTreeMap<String, ServiceStates> = BTreeMap::new();
        for container in containers {
            let labels = container.labels.unwrap_or_default();
            let (Some(site), Some(service)) = (labels.get(SITE_LABEL), labels.get(SERVICE_LABEL)) else { continue };
            if labels.get(ONE_OFF_LABEL).is_some_and(|value| value == "True") {
                continue;
            }
            // While one release takes the other's place there are two; the one that has the service's name serves.
            let has_the_name = container.names.iter().flatten().any(|name| name.ends_with(&format!("-{site}-{service}")));
            if !has_the_name && found.get(site).is_some_and(|services| services.contains_key(service)) {
                continue;
            }
            let state = read_state(container.state, container.status.as_deref().unwrap_or_default());
            found.entry(site.clone()).or_default().insert(service.clone(), state);
        }
        Ok(found)
    }

    /// Whether an image is there.
    pub async fn has_image(&self, image: &str) -> Result<bool> {
        match self.engine()?.inspect_image(image).await {
            Ok(_) => Ok(true),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(error) => Err(unreachable_engine(error)),
        }
    }

    /// Whether anything of a site is left: containers, volumes or its network. For checks after a removal.
    pub async fn remains_of(&self, site: &SiteId) -> Result<Vec<String>> {
        let filter = format!("label={SITE_LABEL}={site}");
        let mut remains = Vec::new();
        for (what, args) in [
            ("container", ["ps", "--all", "--quiet", "--filter"].as_slice()),
            ("volume", ["volume", "ls", "--quiet", "--filter"].as_slice()),
            ("network", ["network", "ls", "--quiet", "--filter"].as_slice()),
        ] {
            let output = docker().args(args).arg(&filter).run().await?;
            remains.extend(output.stdout.lines().map(|line| format!("{what} {line}")));
        }
        Ok(remains)
    }
}

fn unreachable_engine(error: bollard::errors::Error) -> Error {
    Error::unavailable_because("Docker does not answer; start the Docker service on this server", error)
}

fn read_state(state: Option<ContainerSummaryStateEnum>, status: &str) -> ServiceState {
    match state {
        Some(ContainerSummaryStateEnum::RUNNING) if status.contains("(unhealthy)") => ServiceState::Unhealthy,
        Some(ContainerSummaryStateEnum::RUNNING) => ServiceState::Running,
        Some(ContainerSummaryStateEnum::RESTARTING) => ServiceState::Restarting,
        _ => ServiceState::Stopped,
    }
}

fn docker() -> Command {
    Command::new("docker")
}

/// `docker compose` in a site's folder, told explicitly what it is: nothing is read from elsewhere.
fn compose(site: &Site, folder: &Path) -> Command {
    compose_with(site, folder, folder)
}

/// As [`compose()`], with compose file and environment out of the folder `files`.
fn compose_with(site: &Site, folder: &Path, files: &Path) -> Command {
    let command = docker()
        .args(["compose", "--ansi", "never", "--progress", "quiet", "--project-name", &site.prefix(), "--project-directory"])
        .arg(folder);
    beside::with_files(command, files).dir(folder)
}

/// Asks Compose whether it accepts the file, and returns its reading as JSON.
pub async fn config(site: &Site, folder: &Path) -> Result<String> {
    Ok(compose(site, folder).args(["config", "--format", "json"]).run().await?.stdout)
}

/// IPv4 networks that Docker has given out, except the one called `own`.
pub async fn subnets(own: &str) -> Result<Vec<(Ipv4Addr, u8)>> {
    let names = docker().args(["network", "ls", "--filter", "driver=bridge", "--format", "{{.Name}}"]).run().await?.stdout;
    let names: Vec<&str> = names.lines().filter(|name| *name != own).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let inspected = docker().args(["network", "inspect", "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}"]).args(&names).run().await;
    let text = match inspected {
        Ok(output) => output.stdout,
        // One of them went away in between; whatever is wrong then shows when the site starts.
        Err(_) => return Ok(Vec::new()),
    };
    let parse = |text: &str| {
        let (address, bits) = text.split_once('/')?;
        Some((address.parse().ok()?, bits.parse().ok()?))
    };
    Ok(text.split_whitespace().filter_map(parse).collect())
}

/// Starts services (all when none is named) and waits until each passes its health check; says which one does not.
pub async fn up(runtime: &Runtime, site: &Site, manifest: &Manifest, folder: &Path, services: &[&str]) -> Result<()> {
    create_missing(runtime, site, folder, services).await?;
    await_healthy(runtime, site, manifest, services, START_LIMIT).await
}

/// Starts services (all when none is named), and makes containers that are missing or differ from the file.
pub async fn create_missing(runtime: &Runtime, site: &Site, folder: &Path, services: &[&str]) -> Result<()> {
    compose(site, folder)
        .args(["up", "--detach", "--no-build", "--pull", "never", "--remove-orphans"])
        .args(services)
        .timeout(START_LIMIT)
        .run()
        .await
        .map_err(|error| Error::unavailable_because("the containers did not start", error))?;
    give_names(runtime, site).await
}

/// Gives containers that Compose numbered (`…-www-1`) the names by which people know them, where these are free.
async fn give_names(runtime: &Runtime, site: &Site) -> Result<()> {
    let all = runtime.containers(Some(&format!("{SITE_LABEL}={}", site.id))).await?;
    for container in &all {
        let Some(service) = container.labels.get(SERVICE_LABEL) else { continue };
        let wanted = site.container(service);
        let is_alone = all.iter().filter(|other| other.labels.get(SERVICE_LABEL) == Some(service)).count() == 1;
        if is_alone && container.name != wanted {
            runtime.rename(&container.id, &wanted).await.map_err(|error| {
                Error::unavailable_because(format!("the containers did not start: another container is called `{wanted}`"), error)
            })?;
        }
    }
    Ok(())
}

/// Waits until services (all when none is named) pass their health checks; says which one does not within `limit`.
///
/// The checks are run from here, several times a second, instead of waiting for Docker's: it has one interval for start and
/// steady state, and a process per second and container is more than a host with many sites can bear.
pub async fn await_healthy(runtime: &Runtime, site: &Site, manifest: &Manifest, services: &[&str], limit: Duration) -> Result<()> {
    let started = tokio::time::Instant::now();
    let mut waiting: Vec<&str> =
        manifest.services.keys().map(String::as_str).filter(|name| services.is_empty() || services.contains(name)).collect();
    loop {
        let checks = waiting.iter().map(|name| async { (*name, check_health(site, name, &manifest.services[*name].health).await) });
        let outcomes = futures_util::future::join_all(checks).await;
        let failed: Vec<(&str, Error)> = outcomes.into_iter().filter_map(|(name, outcome)| Some((name, outcome.err()?))).collect();
        let Some((_, seen)) = failed.first() else { return Ok(()) };
        let states = runtime.states_of(&site.id, Some(manifest)).await?;
        let gone = failed.iter().any(|(name, _)| matches!(states.get(*name), Some(ServiceState::Stopped | ServiceState::Missing)));
        if gone || started.elapsed() > limit {
            let bad: Vec<String> = failed
                .iter()
                .map(|(name, _)| match states.get(*name) {
                    Some(ServiceState::Running) | None => format!("{name} is unhealthy"),
                    Some(state) => format!("{name} is {state}"),
                })
                .collect();
            return Err(Error::unavailable_because(
                format!("the containers did not start: {}", bad.join(", ")),
                Error::unavailable(seen.to_string()),
            ));
        }
        waiting = failed.iter().map(|(name, _)| *name).collect();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// Runs a service's health check in its container; a service without one is fine.
async fn check_health(site: &Site, service: &str, test: &[String]) -> Result<()> {
    check_health_in(&site.container(service), test).await
}

/// Runs a health check in a container; none is fine.
async fn check_health_in(container: &str, test: &[String]) -> Result<()> {
    let command: Vec<&str> = match test.split_first() {
        Some((first, script)) if first == "CMD-SHELL" => ["sh", "-c"].into_iter().chain(script.iter().map(String::as_str)).collect(),
        Some((first, words)) if first == "CMD" => words.iter().map(String::as_str).collect(),
        _ => return Ok(()),
    };
    docker().args(["exec", container]).args(command).timeout(Duration::from_secs(5)).run().await.map(|_| ())
}

/// Stops services (all when none is named) and keeps them.
pub async fn stop(site: &Site, folder: &Path, services: &[&str]) -> Result<()> {
    compose(site, folder).args(["stop", "--timeout", "10"]).args(services).timeout(Duration::from_secs(90)).run().await.map(|_| ())
}

/// Removes containers, volumes and network of a site, found by label, whether or not its folder still exists.
pub async fn remove_everything(site: &Site, manifest: Option<&Manifest>) -> Result<()> {
    let by_label = format!("label={SITE_LABEL}={}", site.id);
    let ids = docker().args(["ps", "--all", "--quiet", "--filter", &by_label]).run().await?.stdout;
    let ids: Vec<&str> = ids.split_whitespace().collect();
    if !ids.is_empty() {
        docker().args(["rm", "--force", "--volumes"]).args(&ids).timeout(Duration::from_secs(120)).run().await?;
    }
    let volumes = docker().args(["volume", "ls", "--quiet", "--filter", &by_label]).run().await?.stdout;
    let mut volumes: Vec<String> = volumes.split_whitespace().map(str::to_owned).collect();
    for volume in manifest.iter().flat_map(|manifest| manifest.services.values()).flat_map(|service| &service.volumes) {
        let name = volume_name(site, &volume.name);
        if !volumes.contains(&name) && docker().args(["volume", "inspect", &name]).run().await.is_ok() {
            volumes.push(name);
        }
    }
    if !volumes.is_empty() {
        docker().args(["volume", "rm", "--force"]).args(&volumes).run().await?;
    }
    let network = network_name(site);
    if docker().args(["network", "inspect", &network]).run().await.is_ok() {
        docker().args(["network", "rm", &network]).run().await?;
    }
    Ok(())
}

/// Writes a dump of the site's database (custom format of `pg_dump`) to `path`, readable by the owner only.
pub async fn dump_database(site: &Site, path: &Path) -> Result<()> {
    docker()
        .args([
            "exec",
            &site.container("db"),
            "pg_dump",
            "--format=custom",
            "--no-owner",
            "--username",
            &site.database_user(),
            &site.database(),
        ])
        .timeout(Duration::from_secs(3600))
        .stdout_to_file(path)
        .await
        .context("dumping the database")
}

/// Reads a dump back into the site's running database.
pub async fn restore_database(site: &Site, path: &Path) -> Result<()> {
    docker()
        .args(["exec", "--interactive", &site.container("db"), "pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error"])
        .args(["--single-transaction", "--username", &site.database_user(), "--dbname", &site.database()])
        .timeout(Duration::from_secs(3600))
        .stdin_from_file(path)
        .await
        .context("restoring the database")
        .map(|_| ())
}

/// Copies the running database of one site into the running one of another, which loses what it had. Nothing of it touches the disk
/// on the way. All or nothing: a copy that breaks off leaves the other database as it was.
pub async fn copy_database(from: &Site, into: &Site) -> Result<()> {
    let limit = Duration::from_secs(3600);
    let dump = docker()
        .args(["exec", &from.container("db"), "pg_dump", "--format=custom", "--no-owner", "--no-privileges"])
        .args(["--username", &from.database_user(), &from.database()])
        .timeout(limit);
    let restore = docker()
        .args(["exec", "--interactive", &into.container("db"), "pg_restore", "--clean", "--if-exists", "--no-owner", "--no-privileges"])
        .args(["--exit-on-error", "--single-transaction", "--username", &into.database_user(), "--dbname", &into.database()])
        .timeout(limit);
    dump.pipe_to(restore).await.context("copying the database").map(|_| ())
}

/// Copies a folder (a volume) of a service of one site into the same one of another; either may be stopped.
pub async fn copy_files(from: &Site, into: &Site, service: &str, folder: &str) -> Result<()> {
    let limit = Duration::from_secs(3600);
    let out = docker().args(["cp", &format!("{}:{folder}/.", from.container(service)), "-"]).timeout(limit);
    let back = docker().args(["cp", "--archive", "-", &format!("{}:{folder}", into.container(service))]).timeout(limit);
    out.pipe_to(back).await.context("copying the site's files").map(|_| ())
}

/// Copies a folder of a service's container (also a stopped one) as a tar file to `path`.
pub async fn copy_out(site: &Site, service: &str, folder: &str, path: &Path) -> Result<()> {
    docker()
        .args(["cp", &format!("{}:{folder}", site.container(service)), "-"])
        .timeout(Duration::from_secs(3600))
        .stdout_to_file(path)
        .await
        .context("copying the site's files")
}

/// Unpacks a tar file made by [`copy_out`] of `folder/.` into `folder`, keeping owners. `folder` is a volume: the rest of the
/// container is read-only.
pub async fn copy_in(site: &Site, service: &str, folder: &str, path: &Path) -> Result<()> {
    docker()
        .args(["cp", "--archive", "-", &format!("{}:{folder}", site.container(service))])
        .timeout(Duration::from_secs(3600))
        .stdin_from_file(path)
        .await
        .context("copying the site's files back")
        .map(|_| ())
}

/// Creates a site's containers without starting them.
pub async fn create_containers(runtime: &Runtime, site: &Site, folder: &Path) -> Result<()> {
    compose(site, folder).args(["create", "--no-build", "--pull", "never"]).timeout(Duration::from_secs(120)).run().await?;
    give_names(runtime, site).await
}
