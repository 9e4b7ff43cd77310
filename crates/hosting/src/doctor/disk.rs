//! Disks and files: room, inodes, and who may read what.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use kit::disk::{self, Usage};
use kit::{Error, Result};

use super::{Finding, blocking, look, size};
use crate::runtime::Runtime;

const GB: u64 = 1_000_000_000;
/// Below this a template's images no longer fit.
const LITTLE: u64 = 2 * GB;
/// Below this databases stop.
const TOO_LITTLE: u64 = GB / 2;
/// A share says nothing of a large disk: a tenth of it may be more than all sites need.
const PLENTY: u64 = 20 * GB;

/// Secrets in the data folder; those that are not there yet are not missed.
const SECRETS: &[(&str, u32)] = &[
    ("", 0o700),
    ("secrets", 0o700),
    ("secrets/instance.key", 0o600),
    ("edge/api-password", 0o600),
    ("edge/dynamic/_innkeeper.yaml", 0o600),
    ("edge/certificates/acme.json", 0o600),
];

pub(super) async fn examine(runtime: &Runtime, data: PathBuf) -> Vec<Finding> {
    let (of_data, secrets, of_docker) = (data.clone(), data.clone(), data.clone());
    let data_disk = look("disk", "data folder", blocking(move || Ok(judge_disk("data folder", &of_data, &disk::usage(&of_data)?))));
    let docker_disk = look("disk", "Docker's folder", async {
        // Without an engine its folder is not known; that it is away is told elsewhere.
        let Ok(facts) = runtime.about().await else { return Ok(Vec::new()) };
        blocking(move || docker_disk(&facts.root, &of_docker)).await
    });
    let permissions = look("permissions", "data folder", blocking(move || permissions(&secrets)));
    let (data_disk, docker_disk, permissions) = tokio::join!(data_disk, docker_disk, permissions);
    [data_disk, docker_disk, permissions].concat()
}

/// The disk of Docker's folder, unless it is the one of the data folder or on another machine.
fn docker_disk(root: &Path, data: &Path) -> Result<Vec<Finding>> {
    let Ok(there) = std::fs::metadata(root) else { return Ok(Vec::new()) };
    if std::fs::metadata(data).is_ok_and(|here| here.dev() == there.dev()) {
        return Ok(Vec::new());
    }
    Ok(judge_disk("Docker's folder", root, &disk::usage(root)?))
}

fn judge_disk(subject: &str, path: &Path, usage: &Usage) -> Vec<Finding> {
    let path = path.display();
    if usage.is_read_only {
        let advice = "The kernel does this when a disk fails: `dmesg` says why. Copy what matters away, then repair or replace the disk.";
        return vec![Finding::bad("disk", subject, format!("The disk of {path} can only be read."), advice)];
    }
    vec![judge_room(subject, &path.to_string(), usage), judge_inodes(subject, &path.to_string(), usage)].into_iter().flatten().collect()
}

fn judge_room(subject: &str, path: &str, usage: &Usage) -> Option<Finding> {
    let share = share(usage.bytes.saturating_sub(usage.free_bytes), usage.bytes);
    let message = format!("{} of {} are free on the disk of {path}.", size(usage.free_bytes), size(usage.bytes));
    let is_small = usage.free_bytes < PLENTY;
    let advice = "`docker system df` and `du -xh --max-depth=2 /` show what takes the room. Images that nothing uses go with \
                  `docker image prune`; deleted sites are kept in backups/archives of the data folder.";
    Some(if usage.free_bytes < TOO_LITTLE || (share >= 97 && is_small) {
        Finding::bad("disk", subject, format!("{message} Databases stop when it is full."), advice)
    } else if usage.free_bytes < LITTLE || (share >= 90 && is_small) {
        Finding::warn("disk", subject, message, advice)
    } else {
        Finding::ok("disk", subject, message)
    })
}

fn judge_inodes(subject: &str, path: &str, usage: &Usage) -> Option<Finding> {
    // Some file systems have no limit of files and say 0.
    if usage.files == 0 {
        return None;
    }
    let share = share(usage.files.saturating_sub(usage.free_files), usage.files);
    let message = format!("{share} % of the inodes of the disk of {path} are taken.");
    let advice = "There is room, but no more files can be made. `du --inodes -x --max-depth=2 /` shows where the many small files are; \
                  often it is a cache or a mail queue.";
    Some(match share {
        97.. => Finding::bad("inodes", subject, message, advice),
        90.. => Finding::warn("inodes", subject, message, advice),
        _ => Finding::ok("inodes", subject, message),
    })
}

/// Percent, rounded down.
fn share(part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(part) * 100 / u128::from(whole.max(1))).unwrap_or(100)
}

fn permissions(data: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (relative, most) in SECRETS {
        let (path, subject) = if relative.is_empty() { (data.to_owned(), "data folder") } else { (data.join(relative), *relative) };
        let secret = Secret { check: "permissions", subject, path: &path, most: *most };
        findings.extend(mode_of(&path)?.and_then(|found| judge_mode(&secret, found, disk::user())));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("permissions", "data folder", "Nobody but Innkeeper's user can read the data folder and its secrets."));
    }
    Ok(findings)
}

/// A file that others must not read.
pub(super) struct Secret<'a> {
    pub check: &'static str,
    pub subject: &'a str,
    pub path: &'a Path,
    /// The permissions that it may have.
    pub most: u32,
}

/// Permissions and owner of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    pub bits: u32,
    pub owner: u32,
}

/// Permissions and owner of a file; `None` when there is none.
pub(super) fn mode_of(path: &Path) -> Result<Option<Mode>> {
    match std::fs::metadata(path) {
        Ok(seen) => Ok(Some(Mode { bits: seen.mode() & 0o777, owner: seen.uid() })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::unavailable_because(format!("{} cannot be looked at by this user", path.display()), error)),
    }
}

/// Says what is wrong with a secret's permissions or owner; nothing when both are right.
pub(super) fn judge_mode(secret: &Secret<'_>, found: Mode, user: u32) -> Option<Finding> {
    let Secret { check, subject, path, most } = secret;
    let path = path.display();
    if found.bits & !most != 0 {
        let message = format!("{path} is open to other users of this server (mode {:03o}).", found.bits);
        let advice = format!("`chmod {most:o} {path}`. If others had access to this server meanwhile, treat what is in it as known.");
        return Some(Finding::bad(check, *subject, message, advice));
    }
    (found.owner != user && user != 0).then(|| {
        let message = format!("{path} belongs to user {}, and this is user {user}.", found.owner);
        Finding::warn(check, *subject, message, "Run every `innkeeper` command as the user that `innkeeper serve` runs as.")
    })
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    fn disk(bytes: u64, free_bytes: u64) -> Usage {
        Usage { bytes, free_bytes, files: 1000, free_files: 900, is_read_only: false }
    }

    fn worst(usage: &Usage) -> Severity {
        let findings = judge_disk("data folder", Path::new("/data"), usage);
        assert!(findings.iter().all(|finding| (finding.severity == Severity::Ok) == finding.advice.is_empty()), "{findings:?}");
        findings.iter().map(|finding| finding.severity).max().unwrap()
    }

    #[test]
    fn room_is_judged_by_what_is_left_and_on_small_disks_by_share() {
        assert_eq!(worst(&disk(100 * GB, 50 * GB)), Severity::Ok);
        assert_eq!(worst(&disk(4 * GB, 3 * GB)), Severity::Ok);
        assert_eq!(worst(&disk(100 * GB, 9 * GB)), Severity::Warn, "91 % taken");
        assert_eq!(worst(&disk(4 * GB, GB)), Severity::Warn, "less than a site's images");
        assert_eq!(worst(&disk(100 * GB, 2 * GB + 1)), Severity::Bad, "97 % taken");
        assert_eq!(worst(&disk(4 * GB, GB / 3)), Severity::Bad);
        assert_eq!(worst(&disk(10_000 * GB, 100 * GB)), Severity::Ok, "99 % taken, and plenty left");
    }

    #[test]
    fn inodes_are_judged_by_share_where_there_is_a_limit() {
        let inodes = |free_files| worst(&Usage { free_files, ..disk(100 * GB, 50 * GB) });
        assert_eq!([inodes(500), inodes(100), inodes(30), inodes(0)], [Severity::Ok, Severity::Warn, Severity::Bad, Severity::Bad]);
        let limitless = judge_disk("x", Path::new("/"), &Usage { files: 0, free_files: 0, ..disk(100 * GB, 50 * GB) });
        assert_eq!(limitless.len(), 1);
    }

    #[test]
    fn a_disk_that_can_only_be_read_is_bad() {
        assert_eq!(worst(&Usage { is_read_only: true, ..disk(100 * GB, 50 * GB) }), Severity::Bad);
    }

    #[test]
    fn secrets_are_closed_to_others_and_ours() {
        let judge = |bits, most, owner, user| {
            let path = Path::new("/data/secrets/instance.key");
            judge_mode(&Secret { check: "permissions", subject: "secrets/instance.key", path, most }, Mode { bits, owner }, user)
        };
        assert_eq!(judge(0o600, 0o600, 0, 0), None);
        assert_eq!(judge(0o400, 0o600, 5, 5), None);
        let open = judge(0o644, 0o600, 0, 0).unwrap();
        assert!(open.severity == Severity::Bad && open.advice.starts_with("`chmod 600 /data/secrets/instance.key`"), "{open:?}");
        assert_eq!(judge(0o750, 0o700, 0, 0).unwrap().severity, Severity::Bad);
        assert_eq!(judge(0o600, 0o600, 0, 1000).unwrap().severity, Severity::Warn, "another user's");
        assert_eq!(judge(0o600, 0o600, 1000, 0), None, "root may read all");
    }
}
