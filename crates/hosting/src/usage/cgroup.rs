//! CPU time and memory of containers straight from the kernel's cgroup files: no process, no question to Docker.
//!
//! Knows both layouts: v1, with one tree a controller, and v2, with one for all; also a host that mounts both. A container's
//! folder is found through its first process and remembered by the container's id.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel shows processes and control groups.
#[derive(Debug, Clone)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
}

impl Default for Roots {
    fn default() -> Roots {
        Roots { proc: "/proc".into(), cgroup: "/sys/fs/cgroup".into() }
    }
}

/// What a container has used and holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// CPU time since it was started, in nanoseconds.
    pub cpu_ns: u64,
    /// Memory as `docker stats` counts it: without file cache that nobody has touched for a while.
    pub memory_bytes: u64,
}

/// Reads containers, and remembers where their files are.
#[derive(Debug, Default)]
pub struct Reader {
    roots: Roots,
    places: HashMap<String, Places>,
}

#[derive(Debug, Clone)]
struct Places {
    cpu: Folder,
    memory: Folder,
}

#[derive(Debug, Clone)]
enum Folder {
    V1(PathBuf),
    V2(PathBuf),
}

impl Reader {
    /// Reads below these folders.
    pub fn new(roots: Roots) -> Reader {
        Reader { roots, places: HashMap::new() }
    }

    /// Reads one container; `None` when it has ended or its files cannot be seen from here.
    pub fn read(&mut self, container_id: &str, pid: i64) -> Option<Reading> {
        if let Some(places) = self.places.get(container_id) {
            if let Some(reading) = places.read() {
                return Some(reading);
            }
            // Started again, it may stand elsewhere.
            self.places.remove(container_id);
        }
        let places = self.find(container_id, pid)?;
        let reading = places.read()?;
        self.places.insert(container_id.to_owned(), places);
        Some(reading)
    }

    /// Forgets containers that are gone.
    pub fn keep(&mut self, is_known: impl Fn(&str) -> bool) {
        self.places.retain(|id, _| is_known(id));
    }

    fn find(&self, container_id: &str, pid: i64) -> Option<Places> {
        let text = fs::read_to_string(self.roots.proc.join(pid.to_string()).join("cgroup")).ok()?;
        Some(Places { cpu: self.folder(&text, "cpuacct", container_id)?, memory: self.folder(&text, "memory", container_id)? })
    }

    /// Lines are `number:controllers:path`; the one of v2 has number 0 and no controllers.
    fn folder(&self, text: &str, controller: &str, container_id: &str) -> Option<Folder> {
        let lines = || text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        if let Some((names, path)) = lines().find(|(names, _)| names.split(',').any(|name| name == controller)) {
            let path = own_path(path, container_id)?;
            // Controllers that are mounted together share a folder of both names.
            let folders = [names, controller].map(|mount| self.roots.cgroup.join(mount).join(path));
            return folders.into_iter().find(|folder| folder.is_dir()).map(Folder::V1);
        }
        let (_, path) = lines().find(|(names, _)| names.is_empty())?;
        let path = own_path(path, container_id)?;
        let folders = [self.roots.cgroup.join(path), self.roots.cgroup.join("unified").join(path)];
        folders.into_iter().find(|folder| folder.is_dir()).map(Folder::V2)
    }
}

/// The container's own folder below the root: without what an init system inside has made below it. `None` when the path does
/// not name the container: the number belongs to another process by now, or is that of another name space.
fn own_path<'a>(path: &'a str, container_id: &str) -> Option<&'a str> {
    if container_id.is_empty() || path.split('/').any(|part| part == "..") {
        return None;
    }
    let start = path.find(container_id)?;
    let end = path[start..].find('/').map_or(path.len(), |length| start + length);
    Some(path[..end].trim_start_matches('/'))
}

impl Places {
    fn read(&self) -> Option<Reading> {
        let cpu_ns = match &self.cpu {
            Folder::V1(folder) => number(folder, "cpuacct.usage")?,
            Folder::V2(folder) => entry(folder, "cpu.stat", "usage_usec")?.checked_mul(1000)?,
        };
        let (used, idle_cache) = match &self.memory {
            Folder::V1(folder) => (number(folder, "memory.usage_in_bytes")?, entry(folder, "memory.stat", "total_inactive_file")),
            Folder::V2(folder) => (number(folder, "memory.current")?, entry(folder, "memory.stat", "inactive_file")),
        };
        Some(Reading { cpu_ns, memory_bytes: without_idle_cache(used, idle_cache) })
    }
}

/// The command `docker stats` takes the cache off only where that leaves something.
pub(crate) fn without_idle_cache(used: u64, idle_cache: Option<u64>) -> u64 {
    idle_cache.filter(|cache| *cache < used).map_or(used, |cache| used - cache)
}

fn number(folder: &Path, file: &str) -> Option<u64> {
    fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()
}

fn entry(folder: &Path, file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(folder.join(file)).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5742e92c61c77ca414c634690da766f5f74fec049edb9d65373c77ac53a21fe8";

    /// A made-up machine.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Tree {
            Tree(tempfile::tempdir().unwrap())
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn reader(&self) -> Reader {
            Reader::new(Roots { proc: self.0.path().join("proc"), cgroup: self.0.path().join("cgroup") })
        }

        fn v1(&self, cpu_mount: &str, folder: &str) {
            self.write(&format!("cgroup/{cpu_mount}{folder}/cpuacct.usage"), "26558966\n");
            self.write(&format!("cgroup/memory{folder}/memory.usage_in_bytes"), "5000000\n");
            self.write(
                &format!("cgroup/memory{folder}/memory.stat"),
                "inactive_file 7\ntotal_inactive_file_else 3\ntotal_inactive_file 1000000\n",
            );
        }

        fn v2(&self, folder: &str) {
            self.write(&format!("cgroup{folder}/cpu.stat"), "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n");
            self.write(&format!("cgroup{folder}/memory.current"), "9000000\n");
            self.write(&format!("cgroup{folder}/memory.stat"), "anon 1\nfile 2\ninactive_file 4000000\nactive_file 3\n");
        }
    }

    #[test]
    fn v1_with_trees_of_their_own() {
        let tree = Tree::new();
        let folder = format!("/docker/{ID}");
        tree.v1("cpuacct", &folder);
        tree.write("proc/7/cgroup", &format!("4:memory:{folder}\n2:cpuacct:{folder}\n1:cpu:{folder}\n0::{folder}\n"));
        assert_eq!(tree.reader().read(ID, 7), Some(Reading { cpu_ns: 26_558_966, memory_bytes: 4_000_000 }));
    }

    #[test]
    fn v1_with_controllers_mounted_together() {
        let tree = Tree::new();
        let folder = format!("/system.slice/docker-{ID}.scope");
        tree.v1("cpu,cpuacct", &folder);
        tree.write("proc/7/cgroup", &format!("4:memory:{folder}\n2:cpu,cpuacct:{folder}\n"));
        assert_eq!(tree.reader().read(ID, 7).unwrap().cpu_ns, 26_558_966);
    }

    #[test]
    fn v2_with_an_init_system_inside() {
        let tree = Tree::new();
        let folder = format!("/system.slice/docker-{ID}.scope");
        tree.v2(&folder);
        tree.write("proc/7/cgroup", &format!("0::{folder}/init.scope\n"));
        assert_eq!(tree.reader().read(ID, 7), Some(Reading { cpu_ns: 1_500_000, memory_bytes: 5_000_000 }));
    }

    #[test]
    fn v2_beside_v1_without_controllers_of_its_own_is_not_taken() {
        let tree = Tree::new();
        let folder = format!("/docker/{ID}");
        tree.v1("cpuacct", &folder);
        tree.write(&format!("cgroup/unified{folder}/cgroup.procs"), "7\n");
        tree.write("proc/7/cgroup", &format!("4:memory:{folder}\n2:cpuacct:{folder}\n0::{folder}\n"));
        assert_eq!(tree.reader().read(ID, 7).unwrap().memory_bytes, 4_000_000);
    }

    #[test]
    fn number_of_another_process_is_not_believed() {
        let tree = Tree::new();
        tree.v2("/user.slice");
        tree.write("proc/7/cgroup", "0::/user.slice\n");
        tree.write("proc/8/cgroup", &format!("0::/../docker/{ID}\n"));
        assert_eq!(tree.reader().read(ID, 7), None);
        assert_eq!(tree.reader().read(ID, 8), None);
        assert_eq!(tree.reader().read(ID, 9), None);
        assert_eq!(tree.reader().read("", 7), None);
    }

    #[test]
    fn container_that_moved_is_found_again_and_one_that_ended_is_not() {
        let tree = Tree::new();
        tree.v2(&format!("/docker/{ID}"));
        tree.write("proc/7/cgroup", &format!("0::/docker/{ID}\n"));
        let mut reader = tree.reader();
        assert!(reader.read(ID, 7).is_some());
        // The folder is remembered: the process is not asked again.
        fs::remove_dir_all(tree.0.path().join("proc")).unwrap();
        assert!(reader.read(ID, 7).is_some());
        fs::remove_dir_all(tree.0.path().join("cgroup/docker")).unwrap();
        assert_eq!(reader.read(ID, 7), None);
        tree.v2(&format!("/elsewhere/{ID}"));
        tree.write("proc/8/cgroup", &format!("0::/elsewhere/{ID}\n"));
        assert!(reader.read(ID, 8).is_some());
        reader.keep(|_| false);
        assert!(reader.places.is_empty());
    }

    #[test]
    fn cache_is_taken_off_only_where_that_leaves_something() {
        assert_eq!(without_idle_cache(10, Some(4)), 6);
        assert_eq!(without_idle_cache(10, Some(10)), 10);
        assert_eq!(without_idle_cache(10, None), 10);
    }
}
