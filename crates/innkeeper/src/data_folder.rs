//! The data folder: made on first start, and used by one server at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use kit::{Context, Error, Result};

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

/// Takes the folder, or says which process has it.
pub fn lock(data: &Path) -> Result<DataLock> {
    match try_lock(data)? {
        Ok(lock) => Ok(lock),
        Err(holder) => Err(Error::conflict(format!(
            "another innkeeper (process {holder}) is using the data folder {}; stop it, or give this one another --data",
            data.display()
        ))),
    }
}

/// Takes the folder if no server has it; the holder's process id otherwise.
pub fn try_lock(data: &Path) -> Result<Result<DataLock, String>> {
    let path = data.join("innkeeper.lock");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).context("opening the lock file")?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            write!(file, "{}", std::process::id())?;
            Ok(Ok(DataLock { _file: file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            Ok(Err(holder.trim().to_owned()))
        }
        Err(TryLockError::Error(error)) => Err(error).context("locking the data folder"),
    }
}
