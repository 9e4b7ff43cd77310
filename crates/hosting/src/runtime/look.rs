//! Closer looks at the engine, at Compose and at what a site has in Docker: for the examination. Changes nothing.

use std::path::PathBuf;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, HealthStatusEnum, SystemInfoCgroupDriverEnum, SystemInfoCgroupVersionEnum,
};
use kit::{Context, Error, Result};

use super::{Runtime, ServiceState, docker, unreachable_engine};
use crate::sites::Site;

/// How long one program of an examination may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// Its version.
    pub version: String,
    /// The version of runc, which keeps containers apart.
    pub runc: Option<String>,
    /// Folder of its images, containers and volumes.
    pub root: PathBuf,
    /// What the kernel cannot limit: memory, CPU, processes.
    pub cannot_limit: Vec<&'static str>,
    /// Whether it leaves control groups to systemd.
    pub groups_by_systemd: bool,
    /// Whether control groups are of version 2.
    pub unified_groups: bool,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFacts {
    /// What it does.
    pub state: ServiceState,
    /// How often Docker has started it again after a crash.
    pub restarts: i64,
    /// How its process ended last.
    pub exit_code: i64,
    /// Whether the kernel ended it because it wanted more memory than it may have.
    pub out_of_memory: bool,
    /// Its limit of memory in bytes; 0 for none.
    pub memory: i64,
    /// Its limit of CPU in billionths; 0 for none.
    pub nano_cpus: i64,
    /// Its limit of processes; 0 for none.
    pub processes: i64,
    /// Ports of this host that lead to it.
    pub ports: Vec<u16>,
}

/// What a site's database says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Its size.
    pub bytes: u64,
    /// Connections in use.
    pub connections: u64,
    /// Connections that there may be.
    pub most_connections: u64,
}

impl Runtime {
    /// What the engine says of itself.
    pub async fn about(&self) -> Result<EngineFacts> {
        let engine = self.engine()?;
        let (info, version) = tokio::try_join!(engine.info(), engine.version()).map_err(unreachable_engine)?;
        let components = version.components.unwrap_or_default();
        let limits = [("memory", info.memory_limit), ("CPU", info.cpu_cfs_quota), ("the number of processes", info.pids_limit)];
        Ok(EngineFacts {
            version: version.version.or(info.server_version).unwrap_or_default(),
            runc: components.into_iter().find(|component| component.name == "runc").map(|component| component.version),
            root: info.docker_root_dir.unwrap_or_default().into(),
            cannot_limit: limits.into_iter().filter(|(_, can)| *can == Some(false)).map(|(what, _)| what).collect(),
            groups_by_systemd: info.cgroup_driver == Some(SystemInfoCgroupDriverEnum::SYSTEMD),
            unified_groups: info.cgroup_version == Some(SystemInfoCgroupVersionEnum::_2),
        })
    }

    /// A container by its name; `None` when there is none.
    pub async fn container(&self, name: &str) -> Result<Option<ContainerFacts>> {
        let seen = self.engine()?.inspect_container(name, None).await;
        Ok(found(seen)?.map(|seen| read(&seen)))
    }

    /// Whether there is a volume of this name.
    pub async fn has_volume(&self, name: &str) -> Result<bool> {
        Ok(found(self.engine()?.inspect_volume(name).await)?.is_some())
    }

    /// Whether there is a network of this name.
    pub async fn has_network(&self, name: &str) -> Result<bool> {
        Ok(found(self.engine()?.inspect_network(name, None).await)?.is_some())
    }
}

/// The version of the Compose plugin; an error when there is none.
pub async fn compose_version() -> Result<String> {
    let said = docker().args(["compose", "version", "--short"]).timeout(PATIENCE).run().await?.stdout;
    Ok(said.trim().trim_start_matches('v').to_owned())
}

/// Lets Compose talk to the engine with the options that Innkeeper uses.
pub async fn try_compose() -> Result<()> {
    let list = ["compose", "--ansi", "never", "--progress", "quiet", "ls", "--quiet", "--filter", "name=innkeeper-doctor"];
    docker().args(list).timeout(PATIENCE).run().await.map(|_| ())
}

/// Asks a site's database how it is.
pub async fn database_facts(site: &Site) -> Result<DatabaseFacts> {
    const QUESTION: &str = "select pg_database_size(current_database()),
                                   (select count(*) from pg_stat_activity where datname is not null),
                                   current_setting('max_connections')";
    let answer = docker()
        .args(["exec", &site.container("db"), "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--field-separator", " "])
        .args(["--username", &site.database_user(), "--dbname", &site.database(), "--command", QUESTION])
        .timeout(PATIENCE)
        .run()
        .await
        .context("asking the site's database")?
        .stdout;
    let mut figures = answer.split_whitespace().map(str::parse);
    match (figures.next(), figures.next(), figures.next()) {
        (Some(Ok(bytes)), Some(Ok(connections)), Some(Ok(most_connections))) => Ok(DatabaseFacts { bytes, connections, most_connections }),
        _ => Err(Error::unavailable("the site's database answers with something else than figures")),
    }
}

fn found<T>(answer: Result<T, EngineError>) -> Result<Option<T>> {
    match answer {
        Ok(it) => Ok(Some(it)),
        Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(unreachable_engine(error)),
    }
}

fn read(seen: &ContainerInspectResponse) -> ContainerFacts {
    let state = seen.state.as_ref();
    let health = state.and_then(|state| state.health.as_ref()).and_then(|health| health.status);
    let limits = seen.host_config.as_ref();
    let published = seen.network_settings.as_ref().and_then(|network| network.ports.as_ref());
    ContainerFacts {
        state: match state.and_then(|state| state.status) {
            Some(ContainerStateStatusEnum::RUNNING) if health == Some(HealthStatusEnum::UNHEALTHY) => ServiceState::Unhealthy,
            Some(ContainerStateStatusEnum::RUNNING) => ServiceState::Running,
            Some(ContainerStateStatusEnum::RESTARTING) => ServiceState::Restarting,
            _ => ServiceState::Stopped,
        },
        restarts: seen.restart_count.unwrap_or(0),
        exit_code: state.and_then(|state| state.exit_code).unwrap_or(0),
        out_of_memory: state.and_then(|state| state.oom_killed).unwrap_or(false),
        memory: limits.and_then(|limits| limits.memory).unwrap_or(0),
        nano_cpus: limits.and_then(|limits| limits.nano_cpus).unwrap_or(0),
        processes: limits.and_then(|limits| limits.pids_limit).unwrap_or(0).max(0),
        ports: published
            .into_iter()
            .flat_map(|ports| ports.values().flatten().flatten())
            .filter_map(|binding| binding.host_port.as_deref()?.parse().ok())
            .collect(),
    }
}
