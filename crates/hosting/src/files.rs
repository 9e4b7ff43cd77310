//! Writing into the data folder: whole or not at all, with errors that the operator can act on.

use std::io::{Error as IoError, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use kit::{Error, Result};

/// A failed write into the data folder, as something the operator can act on.
pub(crate) fn storage(path: &Path, error: IoError) -> Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::unavailable_because("the disk of the data folder is full; free some space and try again", error)
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            Error::unavailable_because(format!("the data folder cannot be written ({})", path.display()), error)
        }
        _ => Error::unavailable_because(format!("writing {} failed", path.display()), error),
    }
}

/// Writes under a temporary name in the same folder and renames: a reader never sees half a file, and its mode holds from the
/// first byte. Does nothing when the file holds `contents` already.
pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    let contents = contents.as_ref();
    if std::fs::read(path).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    let partial = path.with_file_name(format!(".{}.partial", path.file_name().unwrap_or_default().to_string_lossy()));
    let attempt = || -> std::io::Result<()> {
        // A left-over of a crash could have other permissions.
        let _ = std::fs::remove_file(&partial);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&partial)?;
        file.write_all(contents)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    };
    attempt().map_err(|error| {
        let _ = std::fs::remove_file(&partial);
        storage(path, error)
    })
}

/// Creates a folder and its parents.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| storage(path, error))
}

/// Removes a folder with all that is in it; one that is not there is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(storage(path, error)),
    }
}
