//! The first label of a preview's address: `{branch}--{subdomain}`. Pure.
//!
//! It never is an ordinary site's: their subdomains hold no two hyphens in a row, but for punycode (`xn--…`), and ours never begins
//! so. It is no other site's preview either: the branch's part holds no two hyphens in a row, so the first pair ends it.

use kit::secrets::sha256_hex;

use crate::git::BranchName;

/// DNS allows so many letters.
const LONGEST: usize = 63;
/// Hexadecimal digits of the hash that stands for a whole name.
const DIGITS: usize = 8;

/// How much of a branch's name the label tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// The name alone, where that makes a label.
    Plain,
    /// With a hash of the name: two names that look alike as labels differ.
    Hashed,
}

/// The label for a branch of the site at `subdomain`, which has at most 40 letters.
pub(crate) fn label(branch: &BranchName, subdomain: &str, style: Style) -> String {
    let slug = slug(branch.as_str());
    let room = LONGEST.saturating_sub(subdomain.len() + 2);
    // `ab--…` is reserved by IDNA (hyphens in the third and fourth place), `xn--…` means punycode; authorities refuse both.
    let stands_alone = !slug.is_empty() && slug.len() != 2 && slug.len() <= room;
    if style == Style::Plain && stands_alone {
        return format!("{slug}--{subdomain}");
    }
    let hash = &sha256_hex(branch.as_str())[..DIGITS];
    let kept = slug[..slug.len().min(room.saturating_sub(DIGITS + 1))].trim_end_matches('-');
    match kept {
        "" => format!("b{hash}--{subdomain}"),
        kept => format!("{kept}-{hash}--{subdomain}"),
    }
}

/// Small letters and digits; anything else is one hyphen, none at the ends.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || c.is_ascii_digit() => slug.push(c),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::names::{Host, Subdomain};

    fn of(branch: &str, subdomain: &str) -> String {
        label(&BranchName::parse(branch).unwrap(), subdomain, Style::Plain)
    }

    #[test]
    fn labels_tell_the_branch() {
        assert_eq!(of("feature/login", "shop"), "feature-login--shop");
        assert_eq!(of("Fix_#12--now", "xn--mnchen-3ya"), "fix-12-now--xn--mnchen-3ya");
        assert_eq!(of("x", "shop"), "x--shop");
        // Reserved by IDNA, or empty as a label: told by a hash.
        assert_eq!(of("qa", "shop"), "qa-3c4e7bdf--shop".replace("3c4e7bdf", &sha256_hex("qa")[..8]));
        assert!(of("xn", "mnchen-3ya").starts_with("xn-") && !of("xn", "mnchen-3ya").starts_with("xn--"));
        assert_eq!(of("名前", "shop"), format!("b{}--shop", &sha256_hex("名前")[..8]));
        assert_eq!(of("$(id)", "shop").len(), "id-12345678--shop".len());
    }

    proptest! {
        #[test]
        fn labels_are_valid_and_never_anybody_elses(
            branch in "[a-zA-Z0-9/_.#+$();`'\"|&<>=,éß名-]{1,120}",
            other in "[a-zA-Z0-9/_.#+$();`'\"|&<>=,éß名-]{1,120}",
            subdomain in "([a-z0-9]{2,10}(-[a-z0-9]{1,9}){0,3}|xn--[a-z0-9]{1,20}-[a-z0-9]{3})",
            neighbour in "([a-z0-9]{2,10}(-[a-z0-9]{1,9}){0,3}|xn--[a-z0-9]{1,20}-[a-z0-9]{3})",
        ) {
            prop_assume!(subdomain.len() <= 40 && neighbour.len() <= 40);
            let (Ok(branch), Ok(other)) = (BranchName::parse(&branch), BranchName::parse(&other)) else { return Ok(()) };
            for style in [Style::Plain, Style::Hashed] {
                let label = label(&branch, &subdomain, style);
                prop_assert!(label.len() <= 63, "{label}");
                // A made-up punycode subdomain may not decode; what is before it must be fine whatever follows.
                let (ours, rest) = label.split_once("--").unwrap();
                prop_assert_eq!(rest, subdomain.as_str());
                let probe = format!("{ours}--{}", "s".repeat(subdomain.len()));
                let is_host = Host::parse(&format!("{probe}.sites.test")).is_ok();
                prop_assert!(is_host, "{}", probe);
                prop_assert!(Subdomain::parse(&label, &[]).is_err(), "an ordinary site could claim {label}");
                for theirs in [Style::Plain, Style::Hashed] {
                    if subdomain != neighbour {
                        prop_assert_ne!(&label, &super::label(&other, &neighbour, theirs));
                    }
                }
                if branch != other {
                    prop_assert_ne!(super::label(&branch, &subdomain, Style::Hashed), super::label(&other, &subdomain, Style::Hashed));
                }
            }
        }
    }

    #[test]
    fn names_that_look_alike_differ_once_they_are_hashed() {
        let mut seen: HashMap<String, &str> = HashMap::new();
        for branch in ["feature/a", "feature-a", "Feature/A", "feature_a", "feature//a".trim_end_matches('x'), "feature.a"] {
            let Ok(name) = BranchName::parse(branch) else { continue };
            assert_eq!(label(&name, "shop", Style::Plain), "feature-a--shop");
            assert_eq!(seen.insert(label(&name, "shop", Style::Hashed), branch), None, "{branch}");
        }
        assert_eq!(seen.len(), 5);
    }
}
