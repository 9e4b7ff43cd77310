//! Symbolic links of a commit: those that stay within their service's folder are made, others refused. Pure.

use std::collections::{BTreeMap, VecDeque};

use super::listing::shown;

/// As many links one behind the other as the kernel follows.
const MOST_HOPS: usize = 40;

/// Checks links `(path, target)`, each path beginning with its service's folder.
pub(super) fn checked(links: Vec<(String, String)>) -> Result<Vec<(String, String)>, String> {
    let by_path: BTreeMap<&str, &str> = links.iter().map(|(path, target)| (path.as_str(), target.as_str())).collect();
    for (path, target) in &by_path {
        if target.is_empty() || target.contains('\0') {
            return Err(format!("the link {} leads nowhere", shown(path)));
        }
        if !stays_inside(path, target, &by_path) {
            return Err(format!("the link {} leads out of its service's folder ({})", shown(path), shown(target)));
        }
    }
    Ok(links)
}

/// Walks a link's target as the kernel would, other links of the commit included: by the words alone, `a/up/../../x` would seem to
/// stay where `a/up` leads up.
fn stays_inside(path: &str, target: &str, links: &BTreeMap<&str, &str>) -> bool {
    let mut place: Vec<&str> = path.split('/').collect();
    place.pop();
    let mut ahead: VecDeque<&str> = target.split('/').collect();
    if target.starts_with('/') {
        return false;
    }
    let mut hops = 0;
    while let Some(name) = ahead.pop_front() {
        match name {
            "" | "." => {}
            ".." => {
                place.pop();
                if place.is_empty() {
                    return false;
                }
            }
            name => {
                place.push(name);
                if let Some(next) = links.get(place.join("/").as_str()) {
                    hops += 1;
                    if hops > MOST_HOPS || next.starts_with('/') {
                        return false;
                    }
                    place.pop();
                    for part in next.split('/').rev() {
                        ahead.push_front(part);
                    }
                }
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(links: &[(&str, &str)]) -> Result<usize, String> {
        checked(links.iter().map(|(path, target)| ((*path).to_owned(), (*target).to_owned())).collect()).map(|links| links.len())
    }

    #[test]
    fn links_within_a_service_are_made() {
        for (path, target) in [
            ("www/a", "b"),
            ("www/src/assets", "../public/assets"),
            ("www/src/x", "./../y/./z"),
            ("www/src/root", ".."),
            ("www/src/deep/up", "../../x"),
            ("www/missing", "made/by/the/build"),
        ] {
            assert_eq!(check(&[(path, target)]), Ok(1), "{path} -> {target}");
        }
        assert_eq!(check(&[("www/a", "b"), ("www/b", "c/../d")]), Ok(2));
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        for (path, target) in [
            ("www/a", "/etc/passwd"),
            ("www/a", ".."),
            ("www/a", "../api/secret"),
            ("www/a", "../.env"),
            ("www/a/b", "../../.env"),
            ("www/a", "b/../../../x"),
            ("www/a", "../www/x"),
            ("www/a", ""),
        ] {
            let refused = check(&[(path, target)]).unwrap_err();
            assert!(refused.contains(&format!("the link {path} leads")), "{refused}");
        }
    }

    #[test]
    fn links_through_links_are_followed() {
        // By the words alone, `out` stays inside.
        let out = [("www/a/b/c/up", "../../.."), ("www/out", "a/b/c/up/../../x")];
        assert!(check(&out).unwrap_err().contains("www/out"));
        assert!(check(&[("www/one", "two"), ("www/two", "one")]).unwrap_err().contains("leads out"), "in a circle");
        let rows: Vec<(String, String)> = (0..50).map(|number| (format!("www/{number}"), (number + 1).to_string())).collect();
        assert!(checked(rows).is_err(), "too many, one behind the other");
    }
}
