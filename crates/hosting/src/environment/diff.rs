//! What differs between two versions: names, never values.

use serde::{Deserialize, Serialize};

use super::Values;

/// Names by what became of them, each list in the order of the alphabet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// Those that are new.
    pub added: Vec<String>,
    /// Those with another value.
    pub changed: Vec<String>,
    /// Those that are gone.
    pub removed: Vec<String>,
}

impl Diff {
    /// What leads from `before` to `after`.
    pub(super) fn between(before: &Values, after: &Values) -> Diff {
        let names = |values: &Values, keep: &dyn Fn(&String) -> bool| values.keys().filter(|name| keep(name)).cloned().collect();
        Diff {
            added: names(after, &|name| !before.contains_key(name)),
            changed: names(after, &|name| before.get(name).is_some_and(|old| after.get(name) != Some(old))),
            removed: names(before, &|name| !after.contains_key(name)),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// In words: `added A, B; changed C`.
    pub fn in_words(&self) -> String {
        let parts = [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)];
        let told = parts.iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| format!("{what} {}", names.join(", ")));
        told.collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use kit::secrets::Secret;

    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect()
    }

    #[test]
    fn names_are_told_and_no_values() {
        let before = values(&[("A", "1"), ("B", "2"), ("C", "3")]);
        let after = values(&[("B", "2"), ("C", "hunter2"), ("D", "4"), ("E", "")]);
        let diff = Diff::between(&before, &after);
        assert_eq!(diff.in_words(), "added D, E; changed C; removed A");
        assert!(Diff::between(&after, &after).is_empty());
        assert!(!serde_json::to_string(&diff).unwrap().contains("hunter2"));
    }
}
