//! Raw events out: as CSV, newest first, in pages, so that memory does not grow with what is exported.

use std::io::Write;

use accounts::Scope;
use kit::{Error, Result};

use crate::{Event, Events, Filter};

/// A cell that begins with one of these is a formula to a spreadsheet, and a formula can send what is beside it to a stranger. Such a cell gets a
/// quote in front, which [`crate::import`] takes away again.
pub(crate) const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r'];

/// Events that are read at once.
const PAGE: u32 = 1_000;

/// The names of the columns, which an import knows by itself.
const HEAD: [&str; 8] = ["id", "source", "event", "time", "person", "customer_id", "seq", "properties"];

/// Writes all events of a filter as CSV; returns how many. `seen` hears how many are written.
pub async fn csv(events: &Events, scope: &Scope, filter: &Filter, out: impl Write, mut seen: impl FnMut(u64)) -> Result<u64> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(HEAD).map_err(failed)?;
    let mut filter = filter.clone();
    let mut written = 0;
    loop {
        let page = events.list(scope, &filter, PAGE).await?;
        for event in &page {
            writer.write_record(record(event)).map_err(failed)?;
        }
        written += page.len() as u64;
        seen(written);
        match page.last() {
            Some(last) if page.len() == PAGE as usize => filter.after = Some((last.at, last.seq)),
            _ => break,
        }
    }
    writer.flush().map_err(|error| Error::unavailable(format!("the export could not be written: {error}")))?;
    Ok(written)
}

fn record(event: &Event) -> [String; 8] {
    let at = event.at.rfc3339();
    [
        safe(&event.id),
        safe(&event.source),
        safe(&event.name),
        format!("{}.{:03}Z", at.trim_end_matches('Z'), event.at.0.rem_euclid(1000)),
        event.person.as_ref().map(|(_, name)| safe(name)).unwrap_or_default(),
        event.customer.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        event.seq.to_string(),
        event.props.clone(),
    ]
}

/// The text, with a quote before what a spreadsheet would run.
pub fn safe(text: &str) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() }
}

fn failed(error: csv::Error) -> Error {
    Error::unavailable(format!("the export could not be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_disarmed() {
        for (text, wanted) in [("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"), ("@sum", "'@sum"), ("login", "login"), ("", ""), ("a=b", "a=b")]
        {
            assert_eq!(safe(text), wanted);
        }
    }
}
