//! The bounds of a build that Docker's own builder has no option for: how many processes it may have in all, and how little of the
//! processor it gets while sites need it.
//!
//! They are set on a control group of ours into which the engine puts the build's containers. Its name tells whose build it is, so
//! that one whose Innkeeper was killed is found and ended. Where the group cannot be made (an engine on another machine, no right
//! to), a build goes on without, and its log says so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kit::exec::Command;
use kit::id::random_base32;
use kit::{Error, Result};
use tracing::{info, warn};

use crate::Hosting;
use crate::runtime::beside;

/// Processes and threads of one build; npm and the bundlers of templates need about 60.
pub(super) const MOST_PROCESSES: u32 = 1024;
/// A tenth of what all sites' containers have together, when both want the processor.
const CPU_SHARES: u32 = 102;
const CPU_WEIGHT: u32 = 10;
const ROOT: &str = "/sys/fs/cgroup";

/// A group, made and bounded.
pub(super) struct Sandbox {
    hosting: Hosting,
    group: Group,
}

/// A control group of a build by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    /// What the engine is told.
    parent: String,
}

/// How the engine manages control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Engine {
    systemd: bool,
    /// Version 2: one hierarchy.
    unified: bool,
}

impl Sandbox {
    /// Makes the group of one build.
    pub(super) async fn open(hosting: &Hosting) -> Result<Sandbox> {
        let engine = engine(hosting).await?;
        let group = Group::new(hosting, engine);
        hosting.builds_at_work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(group.name.clone());
        // From here on dropping it takes the name out again.
        let sandbox = Sandbox { hosting: hosting.clone(), group };
        if engine.systemd {
            let slice = &sandbox.group.parent;
            let limits = [format!("TasksMax={MOST_PROCESSES}"), format!("CPUWeight={CPU_WEIGHT}")];
            Command::new("systemctl").args(["set-property", "--runtime", slice]).args(limits).run().await?;
        } else {
            make(&sandbox.group.name, engine.unified)
                .map_err(|error| Error::unavailable_because("a control group cannot be made", error))?;
        }
        Ok(sandbox)
    }

    /// What `docker build --cgroup-parent` is told.
    pub(super) fn parent(&self) -> &str {
        &self.group.parent
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let (hosting, group) = (self.hosting.clone(), self.group.clone());
        hosting.builds_at_work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&group.name);
        // Ended by itself, or the engine ends it now, because nobody listens any more. What is left after that, we end.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(Duration::from_secs(2)).await;
                if let Err(error) = group.end().await {
                    warn!("ending what is left of a build: {error}");
                }
            });
        }
    }
}

/// Ends builds whose Innkeeper is gone: killed, it could not tell the engine. Returns how many.
pub(crate) async fn end_orphans(hosting: &Hosting) -> Result<usize> {
    let mut ended = 0;
    for group in groups(hosting) {
        let at_work = hosting.builds_at_work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).contains(&group.name);
        if at_work || group.belongs_to_another() {
            continue;
        }
        let killed = group.end().await?;
        if killed > 0 {
            info!("ended {killed} containers of a build that nobody waits for");
            ended += 1;
        }
    }
    Ok(ended)
}

impl Group {
    fn new(hosting: &Hosting, engine: Engine) -> Group {
        let process = std::process::id();
        let name = format!("{}{process}.{}.{}", prefix(hosting), started(process).unwrap_or(0), random_base32(6));
        Group::named(name, engine.systemd)
    }

    fn named(name: String, systemd: bool) -> Group {
        match systemd {
            true => Group { parent: format!("{name}.slice"), name: format!("{name}.slice") },
            false => Group { parent: format!("/{name}"), name },
        }
    }

    /// Whether another process that still lives made it.
    fn belongs_to_another(&self) -> bool {
        let mut parts = self.name.split('.').skip(3);
        let process = parts.next().and_then(|id| id.parse::<u32>().ok());
        let since = parts.next().and_then(|since| since.parse::<u64>().ok());
        match process.zip(since) {
            Some((process, since)) => process != std::process::id() && started(process) == Some(since),
            None => false,
        }
    }

    /// Where it is, in each hierarchy that has it.
    fn folders(&self) -> Vec<PathBuf> {
        hierarchies().into_iter().map(|root| root.join(&self.name)).filter(|folder| folder.is_dir()).collect()
    }

    /// Kills its containers and removes it; how many there were.
    async fn end(&self) -> Result<usize> {
        let mut containers: Vec<String> = Vec::new();
        for folder in self.folders() {
            for id in below(&folder).iter().filter_map(|name| container_id(name)) {
                if !containers.contains(&id) {
                    containers.push(id);
                }
            }
        }
        for id in &containers {
            // The builder takes that as a failed step, ends the build and removes the container; if it is gone too, we do.
            beside::remove(id).await?;
        }
        for folder in self.folders() {
            for name in below(&folder) {
                let _ = std::fs::remove_dir(folder.join(name));
            }
            let _ = std::fs::remove_dir(folder);
        }
        Ok(containers.len())
    }
}

/// `innkeeper.build.{instance}.`: the instance has no dots, so that no name is the beginning of another's.
fn prefix(hosting: &Hosting) -> String {
    format!("innkeeper.build.{}.", hosting.edge.project.replace('-', "_"))
}

fn groups(hosting: &Hosting) -> Vec<Group> {
    let prefix = prefix(hosting);
    let mut names: Vec<String> = hierarchies().iter().flat_map(|root| below(root)).filter(|name| name.starts_with(&prefix)).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|name| Group { parent: String::new(), name }).collect()
}

/// Version 1 has a hierarchy for each controller, version 2 one for all.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").is_file() {
        return vec![root.to_owned()];
    }
    below(root).into_iter().map(|name| root.join(name)).filter(|path| !path.is_symlink()).collect()
}

/// Names of the folders in a folder.
fn below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The container that a group within a build's group is of: `{id}`, or `docker-{id}.scope` with systemd.
fn container_id(name: &str) -> Option<String> {
    let id = name.strip_prefix("docker-").and_then(|rest| rest.strip_suffix(".scope")).unwrap_or(name);
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// When a process began, in ticks since the machine did: with it, a number that was given again is not mistaken for its last owner.
/// None for one that is gone, or dead and not yet waited for.
fn started(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before may hold anything; its state comes next, and 19 fields after that the start (proc(5)).
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

fn make(name: &str, unified: bool) -> std::io::Result<()> {
    let root = Path::new(ROOT);
    if unified {
        let folder = root.join(name);
        // Most likely there already: the engine's own groups need the same.
        let _ = std::fs::write(root.join("cgroup.subtree_control"), "+pids +cpu +memory");
        std::fs::create_dir_all(&folder)?;
        let _ = std::fs::write(folder.join("cgroup.subtree_control"), "+pids +cpu +memory");
        std::fs::write(folder.join("pids.max"), MOST_PROCESSES.to_string())?;
        return std::fs::write(folder.join("cpu.weight"), CPU_WEIGHT.to_string());
    }
    for (controller, file, value) in [("pids", "pids.max", MOST_PROCESSES), ("cpu", "cpu.shares", CPU_SHARES)] {
        let folder = root.join(controller).join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(file), value.to_string())?;
    }
    Ok(())
}

async fn engine(hosting: &Hosting) -> Result<Engine> {
    let facts = hosting.runtime.about().await?;
    Ok(Engine { systemd: facts.groups_by_systemd, unified: facts.unified_groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_tell_whose_they_are() {
        let mine = std::process::id();
        let since = started(mine).unwrap();
        let group = |name: String| Group::named(name, false);
        assert!(!group(format!("innkeeper.build.a_b.{mine}.{since}.x")).belongs_to_another(), "ours, and nobody waits for it");
        let parent = std::os::unix::process::parent_id();
        assert!(group(format!("innkeeper.build.a_b.{parent}.{}.x", started(parent).unwrap())).belongs_to_another());
        assert!(!group(format!("innkeeper.build.a_b.{parent}.1.x")).belongs_to_another(), "its number was given again");
        assert!(!group("innkeeper.build.a_b.4194305.1.x".to_owned()).belongs_to_another(), "it is gone");
        assert_eq!(Group::named("innkeeper.build.a.1.2.x".to_owned(), true).parent, "innkeeper.build.a.1.2.x.slice");
    }

    #[test]
    fn containers_are_recognised_by_their_groups() {
        let id = "5c0cf35dad388dfd7054253f9c234bcbc2a359778435e96b061625320bd31f85";
        assert_eq!(container_id(id).as_deref(), Some(id));
        assert_eq!(container_id(&format!("docker-{id}.scope")).as_deref(), Some(id));
        assert_eq!(container_id("system.slice"), None);
        assert_eq!(container_id(&id[..63]), None);
    }
}
