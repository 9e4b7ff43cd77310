//! The log of a deployment: what each step said, redacted before it is stored, readable while it grows.
//!
//! A line in the file is `{unix ms}<TAB>{step}<TAB>{text}`. Of what steers a terminal only colours are left in a text
//! (`ESC [ … m`), each line with its own.

mod colour;
mod stream;
mod writer;

pub(crate) mod site_file;

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use accounts::Scope;
use kit::{Result, Timestamp};

pub use stream::LogStream;
pub use writer::LogWriter;

use super::{Deployment, DeploymentId, get};
use crate::Hosting;
use crate::files::storage;
use crate::sites::Site;

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
    folder(hosting, site).join(format!("{id}.log"))
}

/// Where the logs of a site's deployments are.
pub(crate) fn folder(hosting: &Hosting, site: &Site) -> PathBuf {
    hosting.data().join("deployments").join(site.id.as_str())
}

/// The lines of a deployment of the scope, from byte `from` on, and where the next read begins.
pub async fn read(hosting: &Hosting, scope: &Scope, id: &DeploymentId, from: u64) -> Result<(Deployment, Vec<LogLine>, u64)> {
    let deployment = get(&hosting.db, scope, id).await?;
    let site = crate::sites::get(&hosting.db, scope, &deployment.site_id).await?;
    let path = path(hosting, &site, id);
    let (bytes, start) = match from_byte(&path, from) {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Vec::new(), 0),
        Err(error) => return Err(storage(&path, error)),
    };
    // Half a line is left for the next read.
    let end = memchr::memrchr(b'\n', &bytes).map_or(0, |last| last + 1);
    let lines = String::from_utf8_lossy(&bytes[..end]).lines().filter_map(parse).collect();
    Ok((deployment, lines, start + end as u64))
}

/// What a file holds from a byte on, and that byte; its end when it is shorter.
fn from_byte(path: &std::path::Path, from: u64) -> std::io::Result<(Vec<u8>, u64)> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let start = file.seek(SeekFrom::Start(from.min(length)))?;
    let mut bytes = Vec::new();
    file.take(length - start).read_to_end(&mut bytes)?;
    Ok((bytes, start))
}

fn parse(line: &str) -> Option<LogLine> {
    let mut parts = line.splitn(3, '\t');
    let at = Timestamp(parts.next()?.parse().ok()?);
    Some(LogLine { at, step: parts.next()?.to_owned(), text: parts.next()?.to_owned() })
}
