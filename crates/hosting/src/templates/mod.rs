//! Site templates, carried in the binary: a shared base and one folder a kind.
//!
//! A site's folder is `templates/base` overlaid by `templates/{kind}`, less the manifest, the picture and the tests.

mod manifest;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use kit::{Context, Result, text_enum};
use sha2::{Digest, Sha256};

use crate::files;
pub use manifest::{Manifest, Service, Volume};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");

text_enum!(
    /// What a site is made from.
    Kind {
        /// A person and their work.
        Portfolio = "portfolio",
        /// A company, its services and people.
        Business = "business",
        /// A catalogue, a cart and orders.
        Ecommerce = "ecommerce",
        /// Articles, authors and comments.
        Blog = "blog",
        /// Not made by us: a container that was there before Innkeeper (see [`crate::adopt`]).
        Adopted = "adopted",
    }
);

/// A template that this binary carries.
#[derive(Debug)]
pub struct Template {
    /// Which kind of site it makes.
    pub kind: Kind,
    /// Its services and how they run.
    pub manifest: Manifest,
    /// A picture for the page that offers it (SVG).
    pub preview: &'static [u8],
    /// Path in the site's folder → contents.
    files: BTreeMap<PathBuf, &'static [u8]>,
}

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    Kind::ALL
        .iter()
        .filter_map(|kind| {
            let dir = FILES.get_dir(kind.as_str())?;
            let manifest = dir.get_file(format!("{kind}/template.toml"))?.contents_utf8()?;
            let manifest = Manifest::parse(manifest).expect("a template that ships has a valid manifest");
            let preview = dir.get_file(format!("{kind}/preview.svg")).map_or(&b""[..], |file| file.contents());
            let mut files = BTreeMap::new();
            for source in [FILES.get_dir("base"), Some(dir)].into_iter().flatten() {
                collect(source, source.path(), &mut files);
            }
            Some(Template { kind: *kind, manifest, preview, files })
        })
        .collect()
});

fn collect(dir: &'static Dir<'static>, root: &Path, into: &mut BTreeMap<PathBuf, &'static [u8]>) {
    for file in dir.files() {
        let path = file.path().strip_prefix(root).expect("a file is below its folder");
        let first = path.components().next().map(Component::as_os_str);
        let kept_back = ["tests", "template.toml", "preview.svg"].iter().any(|name| first == Some(name.as_ref()));
        let built = path.components().any(|part| ["node_modules", "dist", ".angular"].iter().any(|name| part.as_os_str() == *name));
        if !kept_back && !built {
            into.insert(path.to_owned(), file.contents());
        }
    }
    for child in dir.dirs() {
        collect(child, root, into);
    }
}

/// All templates of this binary.
pub fn all() -> &'static [Template] {
    &TEMPLATES
}

/// The template of a kind, if this binary carries it.
pub fn find(kind: Kind) -> Option<&'static Template> {
    all().iter().find(|template| template.kind == kind)
}

impl Template {
    /// Writes all files below `folder`; running it again repairs what is missing. Scripts stay executable.
    pub fn write_to(&self, folder: &Path) -> Result<()> {
        for (path, contents) in &self.files {
            let target = folder.join(path);
            files::create_folder(target.parent().expect("a file has a folder"))?;
            files::write(&target, contents, if contents.starts_with(b"#!") { 0o755 } else { 0o644 })?;
        }
        Ok(())
    }

    /// Number of files a site of this template begins with.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }
}

/// Names an image by what goes into it: SHA-256 over every file's path, mode and contents below `context`.
///
/// The same sources give the same name on every site and machine, so nothing is built that exists. Symbolic links are
/// counted by their target text and never followed.
pub fn context_hash(context: &Path) -> Result<String> {
    let mut files = Vec::new();
    walk(context, &mut files)?;
    files.sort();
    let mut hash = Sha256::new();
    for path in files {
        let relative = path.strip_prefix(context).expect("walked below it").as_os_str().as_encoded_bytes().to_owned();
        let metadata = std::fs::symlink_metadata(&path).context(format!("reading {}", path.display()))?;
        let (mode, contents) = if metadata.is_symlink() {
            (b'l', std::fs::read_link(&path).context("reading a link")?.into_os_string().into_encoded_bytes())
        } else {
            let executable = metadata.permissions().mode() & 0o100 != 0;
            (if executable { b'x' } else { b'-' }, std::fs::read(&path).context(format!("reading {}", path.display()))?)
        };
        for part in [relative.as_slice(), &[mode], &contents] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(kit::secrets::hex(&hash.finalize()[..8]))
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).context(format!("reading {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), into)?;
        } else {
            into.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses_and_carries_its_build_contexts() {
        assert!(find(Kind::Portfolio).is_some());
        for template in all() {
            assert!(!template.preview.is_empty(), "{} has no picture", template.kind);
            for (name, service) in &template.manifest.services {
                if service.image.is_none() {
                    assert!(template.files.contains_key(&PathBuf::from(name).join("Dockerfile")), "{}/{name}", template.kind);
                }
            }
            let stray = template.files.keys().find(|path| path.components().any(|part| part.as_os_str() == "tests"));
            assert!(stray.is_none() || !stray.is_some_and(|path| path.starts_with("tests")), "{stray:?}");
        }
    }

    #[test]
    fn context_hash_changes_with_content_name_and_mode_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "1").unwrap();
        let first = context_hash(folder.path()).unwrap();
        assert_eq!(first, context_hash(folder.path()).unwrap());
        std::fs::write(&file, "2").unwrap();
        let second = context_hash(folder.path()).unwrap();
        assert_ne!(first, second);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(second, context_hash(folder.path()).unwrap());
    }
}
