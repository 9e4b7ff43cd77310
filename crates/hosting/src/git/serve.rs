//! The two services of Git over a site's repository, as processes: giving out what is there, and taking in what is pushed.
//!
//! What is in a repository is never run: no hook, no filter, no configuration but ours.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kit::exec::Command;
use kit::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest time for one fetch or one push to be transferred.
const LONGEST: Duration = Duration::from_secs(3600);
/// Longest time for the list of branches.
const LONGEST_LIST: Duration = Duration::from_secs(60);
/// Longest wait for one of the places.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Largest single piece of memory that Git may take: a small pack can claim to unpack into any size.
const MEMORY: &str = "512m";

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// To clone or fetch.
    UploadPack,
    /// To push.
    ReceivePack,
}

impl Service {
    /// Parses `git-upload-pack` or `git-receive-pack`.
    pub fn parse(text: &str) -> Option<Service> {
        [Service::UploadPack, Service::ReceivePack].into_iter().find(|service| service.name() == text)
    }

    /// Its name in addresses and types of content.
    pub fn name(self) -> &'static str {
        match self {
            Service::UploadPack => "git-upload-pack",
            Service::ReceivePack => "git-receive-pack",
        }
    }

    fn command(self) -> &'static str {
        self.name().trim_start_matches("git-")
    }
}

/// How many fetches and pushes are transferred at once; each may take a core and much memory.
pub struct Places {
    out: Arc<Semaphore>,
    into: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Places {
        Places { out: Arc::new(Semaphore::new(8)), into: Arc::new(Semaphore::new(4)) }
    }
}

impl Places {
    /// Waits for a place, for half a minute at most.
    pub async fn take(&self, service: Service) -> Result<OwnedSemaphorePermit> {
        let places = match service {
            Service::UploadPack => &self.out,
            Service::ReceivePack => &self.into,
        };
        match tokio::time::timeout(LONGEST_WAIT, places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Error::unavailable("many others fetch and push just now; please try again in a minute")),
        }
    }
}

/// The version of the protocol that a client may ask for: `version=1`, `version=2`, with further words. Anything else is not passed on.
pub fn protocol(asked: Option<&str>) -> Option<&str> {
    let fits = |text: &&str| text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=.:_-".contains(&byte));
    asked.filter(fits).filter(|text| !text.is_empty())
}

/// Whether the answer to the first request begins with the name of the service: not in version 2.
pub fn names_itself(service: Service, protocol: Option<&str>) -> bool {
    service == Service::ReceivePack || !protocol.is_some_and(|asked| asked.split(':').any(|word| word == "version=2"))
}

/// The process that lists what a repository has.
pub fn list(bare: &Path, service: Service, protocol: Option<&str>) -> Command {
    git(bare, service, protocol, None).args(["--http-backend-info-refs"]).arg(bare).timeout(LONGEST_LIST)
}

/// The process that gives out, or takes in up to `limit` bytes; it reads the request and writes the answer.
pub fn answer(bare: &Path, service: Service, protocol: Option<&str>, limit: u64) -> Command {
    git(bare, service, protocol, Some(limit)).arg(bare).timeout(LONGEST)
}

fn git(bare: &Path, service: Service, protocol: Option<&str>, limit: Option<u64>) -> Command {
    let mut settings = vec![
        // The folder may be another user's than the one who runs this, as after a restore.
        "safe.directory=*".to_owned(),
        "core.hooksPath=/dev/null".to_owned(),
        "gc.auto=0".to_owned(),
        // Everything but branches and tags is ours: it is neither shown nor taken.
        "transfer.hideRefs=refs".to_owned(),
        "transfer.hideRefs=!refs/heads".to_owned(),
        "transfer.hideRefs=!refs/tags".to_owned(),
        "transfer.fsckObjects=true".to_owned(),
        // Old but harmless: real histories have them.
        "receive.fsck.zeroPaddedFilemode=warn".to_owned(),
        "receive.fsck.badTimezone=warn".to_owned(),
        "receive.autogc=false".to_owned(),
        "receive.denyDeleteCurrent=true".to_owned(),
        "receive.denyNonFastForwards=false".to_owned(),
        "receive.keepAlive=5".to_owned(),
        "uploadpack.allowFilter=true".to_owned(),
        // Memory and cores of a machine that has sites to serve.
        "core.bigFileThreshold=32m".to_owned(),
        "pack.threads=1".to_owned(),
        "pack.windowMemory=128m".to_owned(),
    ];
    settings.extend(limit.map(|limit| format!("receive.maxInputSize={limit}")));
    let command = Command::new("git")
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .arg(service.command())
        .arg("--stateless-rpc")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ALLOC_LIMIT", MEMORY)
        .env("GIT_TERMINAL_PROMPT", "0")
        .dir(bare);
    match protocol.filter(|_| service == Service::UploadPack) {
        Some(version) => command.env("GIT_PROTOCOL", version),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_words_become_the_protocol() {
        assert_eq!(protocol(Some("version=2")), Some("version=2"));
        assert_eq!(protocol(Some("version=2:object-format=sha1")), Some("version=2:object-format=sha1"));
        for bad in ["", "version=2\n", "a b", "$(x)", &"v".repeat(101)] {
            assert_eq!(protocol(Some(bad)), None, "{bad:?}");
        }
        assert!(!names_itself(Service::UploadPack, Some("version=2")));
        assert!(names_itself(Service::ReceivePack, Some("version=2")) && names_itself(Service::UploadPack, None));
    }

    #[test]
    fn only_two_services_exist() {
        assert_eq!(Service::parse("git-upload-pack"), Some(Service::UploadPack));
        for bad in ["", "upload-pack", "git-upload-archive", "git-receive-pack ", "git-shell"] {
            assert_eq!(Service::parse(bad), None, "{bad}");
        }
    }
}
