//! `innkeeper redact`.

use std::io::{ErrorKind, Read, Write};

use accounts::Actor;
use hosting::redact::{self, Known, Redactor};
use hosting::sites::{self, SiteId};
use kit::{Error, Result};
use web::config::Config;

use crate::open;

/// Copies standard input to standard output and hides what is secret in it, by the rules for what customers see.
///
/// Passwords, tokens and keys become a mark that says what stood there; escape sequences and control characters go. For logs that you pass on, and
/// to try what would be hidden. Look through what comes out before you publish it.
#[derive(clap::Args)]
pub struct Redact {
    /// Hide this site's own secrets as well, in whatever way they are written.
    #[arg(long, value_name = "ID")]
    site: Option<String>,
}

impl Redact {
    /// Runs until standard input ends; memory does not grow with it.
    pub async fn run(self, config: Config) -> Result<()> {
        let known = match &self.site {
            Some(id) => {
                let id = SiteId::parse(id)?;
                let app = open::app(config).await?;
                let site = sites::get(&app.db, &Actor::cli().scope(), &id).await?;
                redact::known_of(&app.hosting, &site).await?
            }
            None => Known::none(),
        };
        tokio::task::spawn_blocking(move || copy(known, std::io::stdin().lock(), std::io::stdout().lock()))
            .await
            .map_err(|_| Error::internal("redacting stopped unexpectedly"))?
    }
}

fn copy(known: Known, mut from: impl Read, mut to: impl Write) -> Result<()> {
    let mut redactor = Redactor::new(known);
    let mut bytes = vec![0; 64 * 1024];
    let mut shown = Vec::new();
    loop {
        let count = match from.read(&mut bytes) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::unavailable_because("standard input cannot be read", error)),
        };
        if count == 0 {
            redactor.finish(&mut shown);
            return write(&mut to, &shown).map(|_| ());
        }
        redactor.push(&bytes[..count], &mut shown);
        if !write(&mut to, &shown)? {
            return Ok(());
        }
        shown.clear();
    }
}

/// Returns whether anybody still reads.
fn write(to: &mut impl Write, shown: &[u8]) -> Result<bool> {
    match to.write_all(shown).and_then(|()| to.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::unavailable_because("standard output cannot be written", error)),
    }
}
