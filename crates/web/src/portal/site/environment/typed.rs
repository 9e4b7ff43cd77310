//! The form of a site's variables, as it is typed: several changes at once, read together so that each complaint finds its field.

use std::collections::{BTreeMap, BTreeSet};

use hosting::environment::{self, Change, LineError};
use kit::secrets::Secret;
use kit::{Error, FieldError};
use serde::{Deserialize, Serialize};

/// Empty lines for new variables at first, and how many "More lines" adds.
const ROWS: usize = 2;
/// Lines that are shown at most: more are pasted.
const MOST_ROWS: usize = 40;

/// What a form says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Typed {
    /// The version that was shown.
    pub base_version: i64,
    /// New values of variables that are there, by name; empty ones stay as they are.
    pub values: BTreeMap<String, String>,
    /// Names that are ticked to go.
    pub removed: BTreeSet<String>,
    /// Names and values of the lines for new ones.
    pub rows: Vec<(String, String)>,
    /// A pasted file.
    pub pasted: String,
    /// Whether more lines are asked for.
    pub wants_more: bool,
}

impl Typed {
    /// The form that nobody has typed in.
    pub fn blank(base_version: i64) -> Typed {
        Typed { base_version, rows: vec![<_>::default(); ROWS], ..Typed::default() }
    }

    /// Reads the fields of the form. Values come with the line breaks of forms (CR LF) and get those of files.
    pub fn read(fields: Vec<(String, String)>) -> Typed {
        let mut typed = Typed::default();
        let mut rows: BTreeMap<usize, (String, String)> = BTreeMap::new();
        let number = |text: &str| text.parse::<usize>().ok().filter(|number| (1..=MOST_ROWS).contains(number));
        for (field, value) in fields {
            let value = value.replace("\r\n", "\n");
            match field.split_once('.') {
                Some(("value", name)) => drop(typed.values.insert(name.to_owned(), value)),
                Some(("name", row)) => {
                    if let Some(row) = number(row) {
                        rows.entry(row).or_default().0 = value.trim().to_owned();
                    }
                }
                Some(("new", row)) => {
                    if let Some(row) = number(row) {
                        rows.entry(row).or_default().1 = value;
                    }
                }
                _ => match field.as_str() {
                    "base_version" => typed.base_version = value.parse().unwrap_or(-1),
                    "remove" => drop(typed.removed.insert(value)),
                    "pasted" => typed.pasted = value,
                    "more" => typed.wants_more = true,
                    _ => {}
                },
            }
        }
        typed.rows = rows.into_values().collect();
        typed
    }

    /// Adds empty lines.
    pub fn with_more_rows(mut self) -> Typed {
        let rows = (self.rows.len() + ROWS).min(MOST_ROWS);
        self.rows.resize_with(rows, Default::default);
        self
    }

    /// What is asked for; or the complaints about fields, and about lines of what was pasted.
    pub fn change(&self) -> Result<Change, (Error, Vec<LineError>)> {
        let mut change = Change { base_version: self.base_version, remove: self.removed.clone(), ..Change::default() };
        let mut complaints = Vec::new();
        let mut complain = |field: String, message: String| complaints.push(FieldError { field, message });
        for (name, value) in self.values.iter().filter(|(_, value)| !value.is_empty()) {
            if self.removed.contains(name) {
                complain(format!("value.{name}"), "either remove it or give it a value".to_owned());
            } else if let Some(message) = environment::complaint_about_value(value) {
                complain(format!("value.{name}"), message);
            }
            change.set.insert(name.clone(), Secret::new(value.clone()));
        }
        for (number, (name, value)) in (1..).zip(&self.rows) {
            if name.is_empty() && value.is_empty() {
                continue;
            }
            let complaint = match change.set.contains_key(name) {
                true => Some(format!("{name} is given twice")),
                false => environment::complaint_about_name(name),
            };
            match complaint {
                Some(message) => complain(format!("name.{number}"), message),
                None => drop(change.set.insert(name.clone(), Secret::new(value.clone()))),
            }
            if let Some(message) = environment::complaint_about_value(value) {
                complain(format!("new.{number}"), message);
            }
        }
        let (pasted, mut lines) = environment::import(&self.pasted);
        for (name, value) in pasted {
            let twice = change.set.contains_key(&name).then(|| "is given above as well".to_owned());
            let removed = self.removed.contains(&name).then(|| "is ticked to be removed".to_owned());
            match twice.or(removed).or_else(|| environment::complaint_about_value(&value)) {
                // Which line it was is not known any more; its name is enough.
                Some(message) => lines.push(LineError { line: 0, message: format!("{name} {message}") }),
                None => drop(change.set.insert(name, Secret::new(value))),
            }
        }
        if !lines.is_empty() {
            complain("pasted".to_owned(), "some of it cannot be taken; nothing was changed".to_owned());
        }
        if complaints.is_empty() { Ok(change) } else { Err((Error::Invalid(complaints), lines)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(fields: &[(&str, &str)]) -> Typed {
        Typed::read(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn changes_of_all_kinds_are_read_together() {
        let typed = typed(&[
            ("base_version", "3"),
            ("value.A", "two\r\nlines"),
            ("value.B", ""),
            ("remove", "B"),
            ("name.1", " NEW "),
            ("new.1", ""),
            ("name.2", ""),
            ("new.2", ""),
            ("pasted", "# file\r\nC=\"x y\"\r\n"),
            ("name.999", "IGNORED"),
            ("unknown", "x"),
        ]);
        let change = typed.change().unwrap();
        let set: Vec<(&str, &str)> = change.set.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
        assert_eq!(set, [("A", "two\nlines"), ("C", "x y"), ("NEW", "")]);
        assert_eq!((change.base_version, change.remove), (3, BTreeSet::from(["B".to_owned()])));
        assert_eq!(typed.rows.len(), 2);
        assert_eq!(typed.with_more_rows().rows.len(), 4);
    }

    #[test]
    fn every_field_gets_its_complaint() {
        let typed = typed(&[
            ("value.A", "x"),
            ("remove", "A"),
            ("name.1", "lower"),
            ("name.2", ""),
            ("new.2", "a value without a name"),
            ("name.3", "A"),
            ("pasted", "A=1\nno sign\nNEW=1"),
        ]);
        let (error, lines) = typed.change().unwrap_err();
        let Error::Invalid(fields) = error else { panic!("{error:?}") };
        let fields: Vec<&str> = fields.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["value.A", "name.1", "name.2", "name.3", "pasted"]);
        assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), [2, 0]);
    }
}
