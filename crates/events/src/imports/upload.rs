//! A file that comes in.

use std::path::{Path, PathBuf};

use accounts::Actor;
use kit::{Context, Error, Result};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::{Import, ImportId, ImportState, Imports, rows};
use crate::import::{Format, preview};

/// Letters of a file's name that are kept.
const LONGEST_NAME: usize = 120;

/// A file that comes in, piece by piece. What is dropped before it is finished leaves nothing behind.
pub struct Upload {
    imports: Imports,
    import: Import,
    part: PathBuf,
    file: File,
}

impl Upload {
    pub(super) async fn begin(imports: &Imports, actor: &Actor, name: &str, format: Option<Format>) -> Result<Upload> {
        let name = plain(name);
        let format = format.map_or_else(|| Format::of_file(Path::new(&name)), Ok)?;
        let at = &imports.0;
        tokio::fs::create_dir_all(&at.folder).await.context("making the folder for imports")?;
        let id = ImportId::new(&at.clock);
        let part = at.folder.join(format!("{id}.part"));
        let file = File::create_new(&part).await.map_err(no_room)?;
        let import = Import {
            id,
            created_at: at.clock.now(),
            created_by: actor.name().to_owned(),
            file: name,
            format,
            bytes: 0,
            state: ImportState::Ready,
            mapping: Vec::new(),
            source: "import".to_owned(),
            started_at: None,
            finished_at: None,
            read_bytes: 0,
            restarts: 0,
            is_check: false,
            report: None,
            trouble: None,
        };
        Ok(Upload { imports: imports.clone(), import, part, file })
    }

    /// Takes the next piece. Fields: `file`.
    pub async fn write(&mut self, piece: &[u8]) -> Result<()> {
        let most = self.imports.0.events.config().import_mb;
        self.import.bytes += piece.len() as u64;
        if self.import.bytes > u64::from(most) << 20 {
            return Err(Error::invalid("file", format!("may have at most {most} MB; `innkeeper events import` has no limit")));
        }
        self.file.write_all(piece).await.map_err(no_room)
    }

    /// Keeps the file if it can be read. Fields: `file`.
    pub async fn finish(mut self) -> Result<Import> {
        if self.import.bytes == 0 {
            return Err(Error::invalid("file", "choose a file that is not empty"));
        }
        self.file.flush().await.map_err(no_room)?;
        self.file.sync_all().await.map_err(no_room)?;
        let (part, format) = (self.part.clone(), self.import.format);
        let looked = tokio::task::spawn_blocking(move || preview(&part, format)).await;
        looked.map_err(|error| Error::internal(format!("looking at a file: {error}")))??;
        tokio::fs::rename(&self.part, self.imports.file(&self.import.id)).await.map_err(no_room)?;
        if let Err(error) = rows::insert(&self.imports.0.db, &self.import).await {
            self.imports.remove_file(&self.import.id).await;
            return Err(error);
        }
        self.imports.tell(&self.import.id);
        Ok(self.import.clone())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // A file that was finished has another name by now.
        let _ = std::fs::remove_file(&self.part);
    }
}

/// The last part of a name, without what could steer a terminal.
fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let letters: Vec<char> = last.chars().filter(|letter| !letter.is_control()).collect();
    // The end says what form it has.
    letters[letters.len().saturating_sub(LONGEST_NAME)..].iter().collect()
}

fn no_room(error: std::io::Error) -> Error {
    Error::unavailable_because("the file could not be kept; is the disk full?", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_no_way_and_no_steering() {
        for (name, kept) in [
            ("visits.csv", "visits.csv"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\a.csv", "a.csv"),
            ("a\n\u{1b}[31m.csv", "a[31m.csv"),
            ("", ""),
        ] {
            assert_eq!(plain(name), kept);
        }
        assert_eq!(plain(&format!("{}.csv", "ä".repeat(500))).chars().count(), LONGEST_NAME);
    }
}
