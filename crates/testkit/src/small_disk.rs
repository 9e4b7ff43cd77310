//! A disk of a test's own that is small enough to fill.

use std::io::Write;
use std::path::{Path, PathBuf};

use kit::exec::Command;

/// A file system in memory, mounted in a temporary folder; unmounted when dropped, also by a test that fails.
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one of so many KiB. Needs root.
    pub async fn mount(kib: u32) -> SmallDisk {
        let folder = tempfile::Builder::new().prefix("innkeeper-small-disk-").tempdir().expect("a temporary folder");
        let disk = SmallDisk { folder };
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={kib}k,mode=0700"), "innkeeper-test"]).arg(disk.path());
        mount.run().await.expect("a file system is mounted (this test needs root)");
        disk
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes it this large.
    pub async fn resize(&self, kib: u32) {
        let remount = Command::new("mount").args(["-o", &format!("remount,size={kib}k")]).arg(self.path());
        remount.run().await.expect("the file system is resized");
    }

    /// Fills it up but for so many KiB, with a file that [`SmallDisk::free`] removes.
    pub fn fill_but(&self, kib: usize) {
        let mut ballast = std::fs::OpenOptions::new().create(true).append(true).open(self.ballast()).expect("the ballast");
        let page = [1u8; 4096];
        while ballast.write_all(&page).is_ok() {}
        let length = ballast.metadata().expect("the ballast").len();
        ballast.set_len((length / 4096 * 4096).saturating_sub(kib as u64 * 1024)).expect("some of it is given back");
    }

    /// Removes what fills it.
    pub fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast goes");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: containers of a test that failed may still hold it. A thread and runtime of its own: the test's may be ending.
        let unmount = Command::new("umount").arg("--lazy").arg(self.folder.path());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
                let _ = runtime.block_on(unmount.run());
            });
        });
    }
}
