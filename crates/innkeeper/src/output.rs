//! What commands print: aligned text for people, JSON for programs; errors with a hint and an exit code by kind.

use std::process::ExitCode;

use kit::Error;
use serde::Serialize;

/// How to answer.
#[derive(Clone, Copy)]
pub struct Output {
    /// JSON instead of text.
    pub json: bool,
}

impl Output {
    /// Prints `value` as JSON, or what `text` makes of it.
    pub fn show<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value).expect("answers serialize"));
        } else {
            println!("{}", text(value).trim_end());
        }
    }

    /// A remark for people on standard error; programs do not see it.
    pub fn say(self, text: impl AsRef<str>) {
        if !self.json {
            eprintln!("{}", text.as_ref());
        }
    }

    /// Prints an error; returns the exit code of its kind (2 invalid, 3 not found, 4 conflict, 5 forbidden, 6 try later, 1 ours).
    pub fn fail(self, error: &Error) -> ExitCode {
        let (code, kind, hint) = match error {
            Error::Invalid(_) => (2, "invalid", None),
            Error::NotFound(_) => (3, "not_found", Some("`innkeeper site list` and `innkeeper customer list` show what there is.")),
            Error::Conflict(_) => (4, "conflict", None),
            Error::Forbidden(_) => (5, "forbidden", None),
            Error::Throttled { .. } => (6, "throttled", Some("Wait a little and try again.")),
            Error::Unavailable { .. } => (6, "unavailable", Some("Nothing was lost; try again once that is mended.")),
            Error::Internal(_) => (1, "internal", Some("This is a fault of Innkeeper; please report it.")),
        };
        if self.json {
            eprintln!("{}", serde_json::json!({ "error": kind, "message": error.to_string() }));
        } else {
            eprintln!("innkeeper: {error}");
            if let Some(hint) = hint {
                eprintln!("hint: {hint}");
            }
        }
        ExitCode::from(code)
    }
}

/// Left-aligned columns, two spaces apart.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).chain([head[column].len()]).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(head.to_vec());
    for row in rows {
        // Names are free text: nothing in them may steer a terminal.
        text += &line(row.iter().map(String::as_str).collect());
    }
    text
}
