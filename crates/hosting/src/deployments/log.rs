//! The log of a deployment: what each step said, redacted before it is stored, readable while it grows.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use accounts::Scope;
use kit::{Result, Timestamp};

use super::{Deployment, DeploymentId, get};
use crate::files::{self, storage};
use crate::sites::Site;
use crate::{Hosting, redact};

/// More than this of one deployment is not kept, in bytes.
const MAX_BYTES: u64 = 8 << 20;

/// One line, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it came.
    pub at: Timestamp,
    /// In which step.
    pub step: String,
    /// What it says; may hold ANSI colours.
    pub text: String,
}

/// Where the log of a deployment is: `{data}/deployments/{app}/{deployment}.log`.
pub(crate) fn path(hosting: &Hosting, site: &Site, id: &DeploymentId) -> PathBuf {
    hosting.data().join("deployments").join(site.id.as_str()).join(format!("{id}.log"))
}

/// Writes to a deployment's log.
pub struct LogWriter {
    hosting: Hosting,
    site: Site,
    deployment: DeploymentId,
    path: PathBuf,
    known: redact::Known,
}

impl LogWriter {
    /// Opens the log of a deployment, to go on at its end.
    pub async fn open(hosting: &Hosting, site: &Site, deployment: &DeploymentId) -> Result<LogWriter> {
        let path = path(hosting, site, deployment);
        files::create_folder(path.parent().expect("the log is in a folder"))?;
        let known = redact::known_of(hosting, site).await?;
        Ok(LogWriter { hosting: hosting.clone(), site: site.clone(), deployment: deployment.clone(), path, known })
    }

    /// Adds lines to a step, and tells pages that there is more.
    pub fn add(&self, step: &str, text: &str) -> Result<()> {
        let at = self.hosting.clock.now();
        let redacted = redact::text(&self.known, text);
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(|error| storage(&self.path, error))?;
        if file.metadata().is_ok_and(|metadata| metadata.len() > MAX_BYTES) {
            return Ok(());
        }
        let mut lines = String::new();
        for line in redacted.lines() {
            lines.push_str(&format!("{}\t{step}\t{line}\n", at.0));
        }
        file.write_all(lines.as_bytes()).map_err(|error| storage(&self.path, error))?;
        self.hosting.bus.signal(format!("site:{}", self.site.id), format!("deployment-log:{}", self.deployment));
        Ok(())
    }
}

/// The lines of a deployment of the scope, from byte `from` on, and where the next read begins.
pub async fn read(hosting: &Hosting, scope: &Scope, id: &DeploymentId, from: u64) -> Result<(Deployment, Vec<LogLine>, u64)> {
    let deployment = get(&hosting.db, scope, id).await?;
    let site = crate::sites::get(&hosting.db, scope, &deployment.site_id).await?;
    let path = path(hosting, &site, id);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(storage(&path, error)),
    };
    let start = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
    // Half a line is left for the next read.
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(start, |last| (last + 1).max(start));
    let lines = String::from_utf8_lossy(&bytes[start..end]).lines().filter_map(parse).collect();
    Ok((deployment, lines, end as u64))
}

fn parse(line: &str) -> Option<LogLine> {
    let mut parts = line.splitn(3, '\t');
    let at = Timestamp(parts.next()?.parse().ok()?);
    Some(LogLine { at, step: parts.next()?.to_owned(), text: parts.next()?.to_owned() })
}
