//! Containers of a new release beside those that serve: started, watched until healthy, and the old ones ended.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kit::exec::Command;
use kit::{Context, Error, Result};

use super::{Runtime, check_health_in, compose_with, docker};
use crate::sites::Site;
use crate::templates::Manifest;

/// How long Compose may take to make the containers.
const CREATE_LIMIT: Duration = Duration::from_secs(120);
/// How long a container may take to end by itself, in seconds: uploads that are under way go on as long.
const GRACE_SECONDS: u32 = 30;

/// Makes and starts one more container of each service, as often as `scales` says there should be then, by the compose file and
/// environment in `files`. What runs is left alone.
pub(crate) async fn up_beside(site: &Site, folder: &Path, files: &Path, scales: &BTreeMap<&str, usize>) -> Result<()> {
    let mut command =
        compose_with(site, folder, files).args(["up", "--detach", "--no-build", "--pull", "never", "--no-deps", "--no-recreate"]);
    for (service, count) in scales {
        command = command.arg("--scale").arg(format!("{service}={count}"));
    }
    command.args(scales.keys()).timeout(CREATE_LIMIT).run().await.map(|_| ())
}

/// Waits until containers (service → id) pass their health checks; says which one does not.
pub(crate) async fn await_healthy_in(
    runtime: &Runtime,
    site: &Site,
    manifest: &Manifest,
    containers: &BTreeMap<String, String>,
    limit: Duration,
) -> Result<()> {
    let started = tokio::time::Instant::now();
    let mut waiting: Vec<(&String, &String)> = containers.iter().collect();
    loop {
        let checks = waiting.iter().map(|(service, id)| async move {
            let test = manifest.services.get(*service).map(|service| service.health.as_slice()).unwrap_or_default();
            (*service, *id, check_health_in(id, test).await)
        });
        let outcomes = futures_util::future::join_all(checks).await;
        let mut failed = Vec::new();
        for (service, id, outcome) in outcomes {
            let Err(error) = outcome else { continue };
            let ended = match runtime.inspect(id).await? {
                None => Some("is gone".to_owned()),
                Some(found) => {
                    let state = found.state.unwrap_or_default();
                    let again = found.restart_count.unwrap_or(0) > 0;
                    let exited = state.running == Some(false) || again;
                    exited.then(|| match state.oom_killed {
                        Some(true) => "ran out of memory".to_owned(),
                        _ => format!("ended with exit code {}", state.exit_code.unwrap_or(-1)),
                    })
                }
            };
            if let Some(how) = ended {
                return Err(Error::unavailable(format!("{service} {how}")));
            }
            failed.push((service, id, error));
        }
        let Some((_, _, seen)) = failed.first() else { return Ok(()) };
        if started.elapsed() > limit {
            let names: Vec<&str> = failed.iter().map(|(service, ..)| service.as_str()).collect();
            let message = format!("{} did not pass the health check within {} s: {seen}", names.join(", "), limit.as_secs());
            return Err(Error::unavailable(message));
        }
        waiting = failed.into_iter().map(|(service, id, _)| (service, id)).collect();
        tracing::trace!(site.id = %site.id, "waiting for {} containers", waiting.len());
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// Runs a command in a container of its own that goes away with it, handing on each line that it prints.
pub(crate) async fn run_once(
    site: &Site,
    folder: &Path,
    files: &Path,
    service: &str,
    command: &[String],
    limit: Duration,
    line: impl FnMut(&str),
) -> Result<()> {
    compose_with(site, folder, files)
        .args(["run", "--rm", "--no-deps", "--no-TTY", "--quiet-pull", "--pull", "never", service])
        .args(command)
        .timeout(limit)
        .stream(line)
        .await
}

/// The last lines of a container's log, both outputs in the order in which Docker has them.
pub(crate) async fn last_lines(container: &str, lines: usize) -> Result<String> {
    let output = docker().args(["logs", "--tail", &lines.to_string(), container]).timeout(Duration::from_secs(10)).run().await?;
    Ok(format!("{}{}", output.stdout, output.stderr))
}

/// Asks a container to end, waits for it, and removes it; one that is gone is fine.
pub(crate) async fn stop_and_remove(container: &str) -> Result<()> {
    let stop = docker().args(["stop", "--time", &GRACE_SECONDS.to_string(), container]);
    match stop.timeout(Duration::from_secs(u64::from(GRACE_SECONDS) + 30)).run().await {
        Ok(_) => {}
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    }
    remove(container).await
}

/// Removes a container, running or not, with its unnamed volumes; one that is gone is fine.
pub(crate) async fn remove(container: &str) -> Result<()> {
    match docker().args(["rm", "--force", "--volumes", container]).timeout(Duration::from_secs(60)).run().await {
        Ok(_) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_gone(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("No such container") || text.contains("is already in progress")
}

/// Connections that are open to a port of a container, from the kernel's own table of its network. None for one that has ended.
pub(crate) async fn open_connections(runtime: &Runtime, container: &str, port: u16) -> Result<usize> {
    let Some(found) = runtime.inspect(container).await? else { return Ok(0) };
    let Some(pid) = found.state.and_then(|state| state.pid).filter(|pid| *pid > 0) else { return Ok(0) };
    let mut open = 0;
    for table in ["tcp", "tcp6"] {
        match tokio::fs::read_to_string(format!("/proc/{pid}/net/{table}")).await {
            Ok(text) => open += established(&text, port),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("reading the connections of a container"),
        }
    }
    Ok(open)
}

/// Counts established connections to a local port in the text of `/proc/net/tcp` (proc(5): local address in the second column,
/// state 01 in the fourth).
fn established(table: &str, port: u16) -> usize {
    let suffix = format!(":{port:04X}");
    let is_open = |line: &&str| {
        let mut columns = line.split_whitespace();
        columns.nth(1).is_some_and(|local| local.ends_with(&suffix)) && columns.nth(1) == Some("01")
    };
    table.lines().skip(1).filter(is_open).count()
}

/// Kept private to this folder: the command line of Compose with files from elsewhere than the site's own folder.
pub(super) fn with_files(command: Command, files: &Path) -> Command {
    command.arg("--file").arg(files.join("docker-compose.yaml")).arg("--env-file").arg(files.join(".env"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn established_connections_to_the_port_are_counted_and_no_others() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue\n\
            0: 00000000:0BB9 00000000:0000 0A 00000000:00000000 00:00000000\n\
            1: 0A00D60A:0BB9 0300D60A:C350 01 00000000:00000000 00:00000000\n\
            2: 0A00D60A:0BB9 0300D60A:C351 06 00000000:00000000 00:00000000\n\
            3: 0A00D60A:C352 0300D60A:0BB9 01 00000000:00000000 00:00000000\n";
        assert_eq!(established(table, 3001), 1);
        assert_eq!(established(table, 80), 0);
        assert_eq!(established("", 3001), 0);
    }
}
