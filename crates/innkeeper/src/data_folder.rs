//! The data folder: made on first start, and used by one server at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use kit::{Context, Error, Result};
use serde::{Deserialize, Serialize};
use web::config::{Config, PublicUrl};

const LOCK_FILE: &str = "innkeeper.lock";

/// Holds the data folder until dropped; the system lets go of it when the process dies, however it dies.
pub struct DataLock {
    _file: File,
}

/// Makes the folder (owner only) with what belongs in it.
pub fn prepare(data: &Path) -> Result<()> {
    for folder in [data.to_owned(), data.join("secrets"), data.join("logs")] {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Error::unavailable_because(format!("the data folder {} cannot be created", folder.display()), error))?;
    }
    Ok(())
}

/// The addresses that whoever holds the folder goes by. Second line of the lock file; the first is the process.
#[derive(Debug, Serialize, Deserialize)]
struct Addresses {
    public_url: PublicUrl,
    base_domain: String,
    https_port: u16,
}

/// Takes the folder, or says which process has it.
pub fn lock(config: &Config) -> Result<DataLock> {
    match try_lock(config)? {
        Ok(lock) => Ok(lock),
        Err(holder) => Err(Error::conflict(format!(
            "another innkeeper (process {holder}) is using the data folder {}; stop it, or give this one another --data",
            config.server.data.display()
        ))),
    }
}

/// Takes the folder if no server has it; the holder's process id otherwise.
pub fn try_lock(config: &Config) -> Result<Result<DataLock, String>> {
    let path = config.server.data.join(LOCK_FILE);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).context("opening the lock file")?;
    match file.try_lock() {
        Ok(()) => {
            let addresses = Addresses {
                public_url: config.server.public_url.clone(),
                base_domain: config.hosting.base_domain.clone(),
                https_port: config.edge.https_port,
            };
            file.set_len(0)?;
            // In one piece: a command may read it at any moment.
            file.write_all(format!("{}\n{}\n", std::process::id(), serde_json::to_string(&addresses)?).as_bytes())?;
            Ok(Ok(DataLock { _file: file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut held = String::new();
            file.read_to_string(&mut held)?;
            Ok(Err(held.lines().next().unwrap_or_default().trim().to_owned()))
        }
        Err(TryLockError::Error(error)) => Err(error).context("locking the data folder"),
    }
}

/// The settings for a command beside a running server: with its addresses, whatever file, variables and flags it was started with.
/// Otherwise a link would lead nowhere, and a site would get a name that the server does not serve.
pub fn as_served(mut config: Config) -> Result<Config> {
    let mut file = match File::open(config.server.data.join(LOCK_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(config),
        Err(error) => return Err(error).context("opening the lock file"),
    };
    match file.try_lock_shared() {
        // Nobody holds it: what stands in it is of the past.
        Ok(()) => return Ok(config),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error).context("looking at the lock of the data folder"),
    }
    let mut held = String::new();
    file.read_to_string(&mut held)?;
    // A server of an older version wrote its process id only.
    let Some(line) = held.lines().nth(1) else { return Ok(config) };
    let addresses: Addresses = serde_json::from_str(line).context("reading the addresses of the running server")?;
    config.server.public_url = addresses.public_url;
    config.hosting.base_domain = addresses.base_domain;
    config.edge.https_port = addresses.https_port;
    Ok(config)
}
