//! The first rows of a file, for whoever says which column is what.

use std::collections::BTreeMap;
use std::path::Path;

use kit::Result;
use serde_json::Value;

use super::{Field, Format, Mapping, rows};

/// Rows that are read, and of a row's cell so many letters.
const ROWS: usize = 8;
const LETTERS: usize = 80;

/// What a file looks like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preview {
    /// The names of its columns; of lines of JSON those that the first rows have.
    pub columns: Vec<String>,
    /// The first rows, each with as many cells as there are columns, shortened; one that cannot be read has the reason as its only cell.
    pub rows: Vec<Vec<String>>,
    /// Which column would say what if nobody said otherwise.
    pub usual: BTreeMap<Field, String>,
}

/// Reads the beginning of a file.
pub fn preview(file: &Path, format: Format) -> Result<Preview> {
    let mut reader = rows::open(file, format)?;
    let mut columns = reader.head().unwrap_or_default();
    let mut read = Vec::new();
    while read.len() < ROWS
        && let Some(row) = reader.next()?
    {
        if let Ok(fields) = &row.fields {
            columns.extend(fields.keys().filter(|name| !columns.contains(name)).cloned().collect::<Vec<_>>());
        }
        read.push(row.fields);
    }
    columns.truncate(rows::MAX_COLUMNS);
    let cell = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => shortened(text),
        Some(other) => shortened(&other.to_string()),
    };
    let rows = read.iter().map(|row| match row {
        Ok(fields) => columns.iter().map(|name| cell(fields.get(name))).collect(),
        Err(why) => vec![shortened(why)],
    });
    let nothing = Mapping::default();
    let usual = Field::ALL.into_iter().filter_map(|field| Some((field, nothing.usual(field, &columns)?.to_owned())));
    Ok(Preview { rows: rows.collect(), usual: usual.collect(), columns })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
