//! Writing a deployment's log: whole lines, appended, and pages told of it a few times a second at most.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kit::{Result, Timestamp};
use tokio::time::Instant;

use super::{LogStream, path};
use crate::deployments::DeploymentId;
use crate::files::{self, storage};
use crate::sites::Site;
use crate::{Hosting, redact};

/// From this size on, only the end of what a program prints is kept.
pub(super) const HEAD: u64 = 4 << 20;
/// More than this of one deployment is not kept, but for a few words of ours.
pub(super) const MOST: u64 = 8 << 20;
const OWN_WORDS: u64 = 256 << 10;
/// Pages hear of new lines this often.
const SIGNAL_EVERY: Duration = Duration::from_millis(250);

/// Writes to a deployment's log. Cheap to clone.
#[derive(Clone)]
pub struct LogWriter(Arc<Parts>);

struct Parts {
    hosting: Hosting,
    site: Site,
    deployment: DeploymentId,
    path: PathBuf,
    known: redact::Known,
    file: Mutex<std::fs::File>,
    length: AtomicU64,
    signalled: Mutex<Option<Instant>>,
    will_signal: AtomicBool,
}

impl LogWriter {
    /// Opens the log of a deployment, to go on at its end.
    pub async fn open(hosting: &Hosting, site: &Site, deployment: &DeploymentId) -> Result<LogWriter> {
        let path = path(hosting, site, deployment);
        files::create_folder(path.parent().expect("the log is in a folder"))?;
        let known = redact::known_of(hosting, site).await?;
        let open = || {
            let mut file = std::fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
            let length = file.seek(SeekFrom::End(0))?;
            // A crash in the middle of a line: the next one begins anew.
            let mut last = [b'\n'];
            if length > 0 {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            if last != [b'\n'] {
                file.write_all(b"\n")?;
            }
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error| storage(&path, error))?;
        Ok(LogWriter(Arc::new(Parts {
            hosting: hosting.clone(),
            site: site.clone(),
            deployment: deployment.clone(),
            path,
            known,
            file: Mutex::new(file),
            length: AtomicU64::new(length),
            signalled: Mutex::default(),
            will_signal: AtomicBool::new(false),
        })))
    }

    /// Adds a few words of ours to a step, and tells pages that there is more.
    pub fn add(&self, step: &str, text: &str) -> Result<()> {
        if self.length() > MOST + OWN_WORDS {
            return Ok(());
        }
        let redacted = redact::text(&self.0.known, text);
        let at = self.0.hosting.clock.now();
        self.append(step, redacted.lines().map(|line| (at, line)))
    }

    /// For what a program prints in a step, line by line; each is shown behind `prefix`.
    pub fn stream(&self, step: &str, prefix: &str) -> LogStream {
        LogStream::new(self.clone(), step, prefix)
    }

    /// `text` without the secrets that the log would hide.
    pub fn redacted(&self, text: &str) -> String {
        redact::text(&self.0.known, text)
    }

    pub(super) fn known(&self) -> redact::Known {
        self.0.known.clone()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.hosting.clock.now()
    }

    pub(super) fn length(&self) -> u64 {
        self.0.length.load(Ordering::Relaxed)
    }

    /// Appends lines in one write: a reader, or a crash, cuts at most the last one.
    pub(super) fn append<'a>(&self, step: &str, lines: impl IntoIterator<Item = (Timestamp, &'a str)>) -> Result<()> {
        let mut text = String::new();
        for (at, line) in lines {
            text.push_str(&format!("{}\t{step}\t{line}\n", at.0));
        }
        {
            let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(text.as_bytes()).map_err(|error| storage(&self.0.path, error))?;
        }
        self.0.length.fetch_add(text.len() as u64, Ordering::Relaxed);
        self.signal();
        Ok(())
    }

    /// At once when it was quiet, else when the pause is over: the last line is always told of.
    fn signal(&self) {
        let mut signalled = self.0.signalled.lock().unwrap_or_else(PoisonError::into_inner);
        let since = signalled.map(|at| at.elapsed());
        if since.is_none_or(|since| since >= SIGNAL_EVERY) {
            *signalled = Some(Instant::now());
            self.0.tell();
        } else if !self.0.will_signal.swap(true, Ordering::Relaxed) {
            let parts = self.0.clone();
            tokio::spawn(async move {
                tokio::time::sleep(SIGNAL_EVERY).await;
                parts.will_signal.store(false, Ordering::Relaxed);
                *parts.signalled.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                parts.tell();
            });
        }
    }
}

impl Parts {
    fn tell(&self) {
        self.hosting.bus.signal(format!("site:{}", self.site.id), format!("deployment-log:{}", self.deployment));
    }
}
