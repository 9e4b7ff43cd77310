//! Commits as an attacker would make them, by the real Git.

use std::path::{Path, PathBuf};

use kit::exec::Command;

use super::export;

struct Repository {
    place: tempfile::TempDir,
}

impl Repository {
    async fn new() -> Repository {
        let place = tempfile::tempdir().unwrap();
        let repository = Repository { place };
        repository.git(&["init", "--quiet", "--bare"], Vec::new()).await;
        repository
    }

    fn bare(&self) -> PathBuf {
        self.place.path().join("site.git")
    }

    async fn git(&self, args: &[&str], stdin: impl Into<Vec<u8>>) -> String {
        std::fs::create_dir_all(self.bare()).unwrap();
        let command = Command::new("git").args(args).dir(self.bare()).stdin(stdin);
        let command = ["AUTHOR", "COMMITTER"].iter().fold(command, |command, who| {
            command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.test")
        });
        command.run().await.unwrap().stdout.trim().to_owned()
    }

    async fn blob(&self, text: &str) -> String {
        // An empty input would be none at all.
        self.git(&["hash-object", "-w", "--stdin"], if text.is_empty() { "\n" } else { text }).await
    }

    /// A tree exactly as told, whatever Git would say of it.
    async fn tree(&self, entries: &[(&str, &str, &str)]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            bytes.extend((0..20).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap()));
        }
        self.git(&["hash-object", "-t", "tree", "--literally", "-w", "--stdin"], bytes).await
    }

    async fn commit(&self, tree: &str) -> String {
        self.git(&["commit-tree", "-m", "x", tree], Vec::new()).await
    }

    /// A commit of a site with one service and these entries at its root; `www` has these more.
    async fn site(&self, root: &[(&str, &str, &str)], www: &[(&str, &str, &str)]) -> String {
        let dockerfile = self.blob("FROM scratch\n").await;
        let www = self.tree(&[&[("100644", "Dockerfile", dockerfile.as_str())], www].concat()).await;
        let tree = self.tree(&[root, &[("40000", "www", www.as_str())]].concat()).await;
        self.commit(&tree).await
    }

    fn target(&self) -> PathBuf {
        self.place.path().join("builds/target")
    }

    async fn export(&self, commit: &str) -> kit::Result<Vec<String>> {
        export(&self.bare(), commit, &["www"], &self.target()).await
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test]
async fn exactly_the_commit_is_written_and_nothing_of_it_is_run() {
    let repository = Repository::new().await;
    let marker = repository.place.path().join("marker");
    let script = repository.blob(&format!("#!/bin/sh\ntouch {}\n", marker.display())).await;
    let attributes = repository.blob("* filter=evil\n*.txt filter=lfs diff=lfs merge=lfs\n").await;
    let pointer = repository.blob("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n").await;
    let (link, elsewhere) = (repository.blob("Dockerfile").await, repository.blob("/etc/passwd").await);
    let root = [
        ("100644", ".env", script.as_str()),
        ("100644", ".gitattributes", attributes.as_str()),
        ("120000", "README", elsewhere.as_str()),
        ("100644", "compose.yaml", script.as_str()),
        ("160000", "lib", "0123456789012345678901234567890123456789"),
    ];
    let www = [("100644", "large.txt", pointer.as_str()), ("120000", "link", link.as_str()), ("100755", "run.sh", script.as_str())];
    let commit = repository.site(&root, &www).await;
    // A second time over what the first left, as after a crash.
    repository.export(&commit).await.unwrap();
    std::fs::write(repository.target().join("www/left-over"), "x").unwrap();
    let notices = repository.export(&commit).await.unwrap();
    let target = repository.target();
    assert_eq!(std::fs::read_link(target.join("www/link")).unwrap(), Path::new("Dockerfile"));
    assert_eq!(read(&target.join("README")), "/etc/passwd", "a link outside of the services is text");
    assert!(std::fs::symlink_metadata(target.join("README")).unwrap().is_file());
    assert!(read(&target.join("www/large.txt")).starts_with("version https://git-lfs"), "fetched from nowhere");
    assert!(!target.join("www/left-over").exists() && !target.join(".git").exists());
    assert_eq!(std::fs::read_dir(target.join("lib")).unwrap().count(), 0);
    assert!(!marker.exists());
    let notices = notices.join("\n");
    for told in
        ["lib is a submodule", ".env of the repository is ignored", "compose.yaml of the repository is not used", "1 symbolic link made"]
    {
        assert!(notices.contains(told), "{notices}");
    }
    let unknown = repository.export(&"ab".repeat(20)).await.unwrap_err();
    assert!(matches!(unknown, kit::Error::Conflict(_)) && unknown.to_string().contains("is not in the site's repository"), "{unknown}");
    for odd in ["", "main", "--help", "HEAD", "ab\ncd"] {
        assert!(matches!(repository.export(odd).await, Err(kit::Error::Conflict(_))), "{odd:?}");
    }
}

#[tokio::test]
async fn commits_that_would_write_elsewhere_are_refused_before_anything_is_written() {
    let repository = Repository::new().await;
    let evil = repository.blob("evil\n").await;
    let (up, absolute, inside) = (repository.blob("../..").await, repository.blob("/etc").await, repository.blob("x").await);
    let folder = repository.tree(&[("100644", "evil", &evil)]).await;
    let hooks = repository.tree(&[("100755", "post-checkout", &evil)]).await;
    let git = repository.tree(&[("40000", "hooks", &hooks)]).await;
    let cases: [(&str, (&str, &str, &str)); 11] = [
        ("leads out of its folder", ("40000", "..", &folder)),
        ("leads out of its folder", ("100644", "a/../../evil", &evil)),
        ("leads out of its folder", ("100644", "/evil", &evil)),
        ("Git's own folder", ("40000", ".git", &git)),
        ("Git's own folder", ("40000", ".GiT", &git)),
        ("Git's own folder", ("40000", "git~1", &git)),
        ("Git's own folder", ("40000", ".g\u{200c}it", &git)),
        ("control character", ("100644", "a\nb", &evil)),
        ("leads out of its service's folder", ("120000", "up", &up)),
        ("leads out of its service's folder", ("120000", "etc", &absolute)),
        ("www/Dockerfile is in it twice", ("100644", "Dockerfile", &evil)),
    ];
    for (reason, entry) in cases {
        let commit = repository.site(&[], &[entry]).await;
        let error = repository.export(&commit).await.unwrap_err();
        assert!(matches!(error, kit::Error::Conflict(_)) && error.to_string().contains(reason), "{entry:?}: {error}");
        assert!(!repository.target().exists(), "{entry:?}");
    }
    // A link, and a folder of the same name through which the file would be written.
    let commit = repository.site(&[], &[("120000", "x", &inside), ("40000", "x", &folder)]).await;
    assert!(repository.export(&commit).await.unwrap_err().to_string().contains("www/x is a file and a folder"));
    let none = repository.commit(&repository.tree(&[("40000", "api", &folder)]).await).await;
    assert!(repository.export(&none).await.unwrap_err().to_string().contains("the folder www is missing"));
    assert!(!repository.target().exists());
}

#[tokio::test]
async fn a_tree_of_trees_that_unfolds_to_billions_of_files_is_refused_soon() {
    let repository = Repository::new().await;
    let mut below = ("100644", repository.blob("x").await);
    let names: Vec<String> = (0..16).map(|number| format!("d{number:02}")).collect();
    for _ in 0..8 {
        let entries: Vec<(&str, &str, &str)> = names.iter().map(|name| (below.0, name.as_str(), below.1.as_str())).collect();
        below = ("40000", repository.tree(&entries).await);
    }
    let commit = repository.site(&[("40000", "bomb", &below.1)], &[]).await;
    let begun = std::time::Instant::now();
    let error = repository.export(&commit).await.unwrap_err();
    assert!(error.to_string().contains("more than 50000 files"), "{error}");
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
