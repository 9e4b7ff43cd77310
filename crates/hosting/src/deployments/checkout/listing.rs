//! What a commit holds, by Git's own listing, and whether it may be written to a disk. Pure.

use std::collections::{BTreeSet, HashSet};

/// Files of one commit.
const MOST_FILES: usize = 50_000;
/// Bytes of all files.
const MOST_BYTES: u64 = 1 << 30;
/// Bytes of one file.
const LARGEST: u64 = 200 << 20;
const LONGEST_PATH: usize = 1024;
const LONGEST_NAME: usize = 255;

/// What is to be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub files: usize,
    pub bytes: u64,
    /// Symbolic links within services: path and object.
    pub links: Vec<(String, String)>,
    /// Symbolic links elsewhere: they stay text.
    pub plain_links: usize,
    pub submodules: Vec<String>,
    /// First components of all paths.
    pub at_root: BTreeSet<String>,
}

struct Entry<'a> {
    mode: &'a str,
    id: &'a str,
    size: u64,
    path: &'a str,
}

pub(super) fn too_many_files() -> String {
    format!("it holds more than {MOST_FILES} files")
}

/// Reads the output of `git ls-tree -r -l -z`; the error says, and names, what is wrong.
pub(super) fn plan(listing: &[u8], services: &[&str]) -> Result<Plan, String> {
    let mut plan = Plan::default();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut recipes: HashSet<&str> = HashSet::new();
    for record in listing.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let entry = entry(record)?;
        check_path(entry.path)?;
        if !seen.insert(entry.path) {
            return Err(format!("{} is in it twice", shown(entry.path)));
        }
        plan.files += 1;
        plan.bytes += entry.size;
        if plan.files > MOST_FILES {
            return Err(too_many_files());
        }
        if entry.size > LARGEST {
            return Err(format!("{} is larger than {} MB", shown(entry.path), LARGEST >> 20));
        }
        if plan.bytes > MOST_BYTES {
            return Err(format!("its files take more than {} MB", MOST_BYTES >> 20));
        }
        let (first, rest) = entry.path.split_once('/').unwrap_or((entry.path, ""));
        plan.at_root.insert(first.to_owned());
        let is_service = services.contains(&first);
        if is_service && rest.is_empty() {
            return Err(format!("{first} must be a folder"));
        }
        match entry.mode {
            "100644" | "100755" | "100664" if is_service && rest == "Dockerfile" => {
                recipes.insert(first);
            }
            _ if is_service && rest == "Dockerfile" => return Err(format!("{first}/Dockerfile must be a file")),
            "100644" | "100755" | "100664" => {}
            "120000" if is_service => plan.links.push((entry.path.to_owned(), entry.id.to_owned())),
            "120000" => plan.plain_links += 1,
            "160000" => plan.submodules.push(shown(entry.path)),
            mode => return Err(format!("{} is of a kind that is not known ({mode})", shown(entry.path))),
        }
    }
    // A file and a folder of the same name: what is written last would go through what was written first.
    for path in &seen {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        if let Some(file) = folders.into_iter().find(|folder| seen.contains(folder)) {
            return Err(format!("{} is a file and a folder", shown(file)));
        }
    }
    for service in services {
        if !plan.at_root.contains(*service) {
            return Err(format!("the folder {service} is missing"));
        }
        if !recipes.contains(service) {
            return Err(format!("{service}/Dockerfile is missing"));
        }
    }
    Ok(plan)
}

/// `{mode} {type} {object} {size}<TAB>{path}`
fn entry(record: &[u8]) -> Result<Entry<'_>, String> {
    let Ok(record) = std::str::from_utf8(record) else {
        return Err(format!(
            "the name {} is not UTF-8",
            shown(&String::from_utf8_lossy(record.rsplit(|byte| *byte == b'\t').next().unwrap_or_default()))
        ));
    };
    let malformed = || format!("Git lists something that cannot be read: {}", shown(record));
    let (about, path) = record.split_once('\t').ok_or_else(malformed)?;
    let mut words = about.split_ascii_whitespace();
    let (Some(mode), Some(_), Some(id), Some(size)) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(malformed());
    };
    let size = if size == "-" { 0 } else { size.parse().map_err(|_| malformed())? };
    Ok(Entry { mode, id, size, path })
}

fn check_path(path: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{} {what}", shown(path)));
    if path.is_empty() || path.starts_with('/') {
        return wrong("is not a path within the repository");
    }
    if path.chars().any(char::is_control) {
        return wrong("has a control character in its name");
    }
    if path.len() > LONGEST_PATH {
        return wrong("is too long a path");
    }
    for name in path.split('/') {
        if matches!(name, "" | "." | "..") {
            return wrong("leads out of its folder");
        }
        if name.len() > LONGEST_NAME {
            return wrong("has too long a name");
        }
        if name.split('\\').any(is_dot_git) {
            return wrong("is named as Git's own folder");
        }
    }
    Ok(())
}

/// Whether some file system takes `name` for `.git`: regardless of case, with dots and spaces at the end or a stream after a colon
/// (NTFS), as its short name, or with characters in between that HFS+ does not see.
fn is_dot_git(name: &str) -> bool {
    let unseen = |c: &char| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let plain: String = name.chars().filter(unseen).flat_map(char::to_lowercase).collect();
    let plain = plain.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    plain == ".git" || plain.strip_prefix("git~").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a name at the root is one that Compose would read.
pub(super) fn is_compose_file(name: &str) -> bool {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    name != "docker-compose.yaml" && matches!(stem, Some("docker-compose" | "compose" | "docker-compose.override" | "compose.override"))
}

/// A path as it may stand in a message.
pub(super) fn shown(path: &str) -> String {
    let escaped = path.escape_debug().to_string();
    match escaped.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

    fn listing(entries: &[(&str, u64, &str)]) -> Vec<u8> {
        let lines = entries.iter().map(|(mode, size, path)| format!("{mode} blob {ID} {size:>7}\t{path}\0"));
        lines.collect::<String>().into_bytes()
    }

    fn outcome(more: &[(&str, u64, &str)]) -> Result<Plan, String> {
        let whole = [[("100644", 1, "www/Dockerfile"), ("100644", 1, "api/Dockerfile")].as_slice(), more].concat();
        plan(&listing(&whole), &["www", "api"])
    }

    #[test]
    fn what_may_be_written_is_planned() {
        let more = [
            ("100755", 10, "www/run.sh"),
            ("120000", 4, "www/link"),
            ("120000", 4, "CLAUDE.md"),
            ("160000", 0, "vendor/lib"),
            ("100644", 3, "www/Größe 🌱.txt"),
            ("100644", 3, ".env"),
            ("100644", 3, "www/.gitignore"),
            ("100644", 3, "www/.gitmodules"),
            ("100644", 3, "www/a..b"),
        ];
        let plan = outcome(&more).unwrap();
        assert_eq!((plan.files, plan.bytes, plan.plain_links), (11, 35, 1));
        assert_eq!(plan.links, [("www/link".to_owned(), ID.to_owned())]);
        assert_eq!(plan.submodules, ["vendor/lib"]);
        assert!(plan.at_root.iter().map(String::as_str).eq([".env", "CLAUDE.md", "api", "vendor", "www"]));
    }

    #[test]
    fn what_may_not_is_refused_and_named() {
        let name = "n".repeat(256);
        let long = vec!["d"; 600].join("/");
        for (mode, size, path, reason) in [
            ("100644", 1, "../x", "../x leads out of its folder"),
            ("100644", 1, "www/../../x", "www/../../x leads out"),
            ("100644", 1, "/etc/passwd", "/etc/passwd is not a path"),
            ("100644", 1, "www//x", "www//x leads out"),
            ("100644", 1, "www/./x", "www/./x leads out"),
            ("100644", 1, "www/a\nb", "www/a\\nb has a control character"),
            ("100644", 1, "www/a\u{1b}[2J", "www/a\\u{1b}[2J has a control character"),
            ("100644", 1, "www/\u{85}", "has a control character"),
            ("100644", 1, ".git/config", ".git/config is named as Git's own folder"),
            ("100644", 1, "www/.GIT/hooks/post-checkout", "is named as Git's own folder"),
            ("100644", 1, "www/.git", "is named as Git's own folder"),
            ("100644", 1, "www/git~1/x", "is named as Git's own folder"),
            ("100644", 1, "www/GIT~2", "is named as Git's own folder"),
            ("100644", 1, "www/.git . ./x", "is named as Git's own folder"),
            ("100644", 1, "www/.git::$INDEX_ALLOCATION/x", "is named as Git's own folder"),
            ("100644", 1, "www/.g\u{200c}it/x", "is named as Git's own folder"),
            ("100644", 1, "www/a\\.git\\hooks", "is named as Git's own folder"),
            ("100644", 1, name.as_str(), "has too long a name"),
            ("100644", 1, long.as_str(), "is too long a path"),
            ("100644", (200 << 20) + 1, "www/film.mp4", "www/film.mp4 is larger than 200 MB"),
            ("100644", 1, "www/Dockerfile", "www/Dockerfile is in it twice"),
            ("120000", 1, "api/Dockerfile/x", "api/Dockerfile is a file and a folder"),
            ("100644", 1, "www", "www must be a folder"),
            ("120000", 1, "www", "www must be a folder"),
            ("160000", 0, "www", "www must be a folder"),
            ("020666", 1, "www/device", "is of a kind that is not known (020666)"),
        ] {
            let refused = outcome(&[(mode, size, path)]).unwrap_err();
            assert!(refused.contains(reason), "{path:?}: {refused}");
            assert!(refused.len() < 500 && !refused.chars().any(char::is_control), "{refused:?}");
        }
    }

    #[test]
    fn too_much_and_too_little_is_refused() {
        let names: Vec<String> = (0..MOST_FILES).map(|number| format!("www/{number}")).collect();
        let many: Vec<(&str, u64, &str)> = names.iter().map(|name| ("100644", 1, name.as_str())).collect();
        assert_eq!(outcome(&many).unwrap_err(), "it holds more than 50000 files");
        let large: Vec<(&str, u64, &str)> = names.iter().take(6).map(|name| ("100644", 200 << 20, name.as_str())).collect();
        assert_eq!(outcome(&large).unwrap_err(), "its files take more than 1024 MB");
        let only = |entries: &[(&str, u64, &str)]| plan(&listing(entries), &["www"]).unwrap_err();
        assert_eq!(only(&[("100644", 1, "README")]), "the folder www is missing");
        assert_eq!(only(&[("100644", 1, "www/dockerfile")]), "www/Dockerfile is missing");
        assert_eq!(only(&[("120000", 1, "www/Dockerfile")]), "www/Dockerfile must be a file");
        assert!(plan(b"100644 blob x 1\twww/\xff\0", &[]).unwrap_err().contains("is not UTF-8"));
        assert!(plan(b"nonsense\0", &[]).unwrap_err().contains("cannot be read"));
    }
}
