//! How full a file system is, and as whom this process reads it.

use std::path::Path;

use rustix::fs::StatVfsMountFlags;

use crate::{Context, Result};

/// One file system, as seen by a process without special rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Its size in bytes.
    pub bytes: u64,
    /// Bytes that may still be written. What is set aside for root does not count: most programs are not root.
    pub free_bytes: u64,
    /// How many files it can hold; 0 where the file system has no such limit.
    pub files: u64,
    /// How many more it can hold.
    pub free_files: u64,
    /// Whether nothing can be written to it at all.
    pub is_read_only: bool,
}

/// Looks at the file system that `path` is on. Blocks when a network file system does.
pub fn usage(path: &Path) -> Result<Usage> {
    let seen = rustix::fs::statvfs(path).context(format!("looking at the disk of {}", path.display()))?;
    Ok(Usage {
        bytes: seen.f_blocks.saturating_mul(seen.f_frsize),
        free_bytes: seen.f_bavail.saturating_mul(seen.f_frsize),
        files: seen.f_files,
        free_files: seen.f_favail,
        is_read_only: seen.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

/// Opens an ordinary file to write at its end, made for its owner only where there is none. A link in its place is refused, and so
/// is anything that is no file: neither may lead the writing elsewhere.
pub fn open_to_append(path: &Path) -> Result<std::fs::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let what = || format!("opening {}", path.display());
    let file = std::fs::File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).context(what())?);
    if !file.metadata()?.is_file() {
        return Err(crate::Error::unavailable(format!("{} is no file", path.display())));
    }
    Ok(file)
}

/// The number of the user that this process acts as.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_a_size_and_a_missing_path_is_named() {
        let usage = usage(Path::new("/")).unwrap();
        assert!(usage.bytes > 0 && usage.free_bytes <= usage.bytes && usage.free_files <= usage.files, "{usage:?}");
        let error = super::usage(Path::new("/does/not/exist")).unwrap_err();
        assert!(error.to_string().contains("/does/not/exist"), "{error}");
    }
}
