//! Raw events out: as CSV or Parquet, newest first, in pages, so that memory does not grow with what is exported.

mod parquet;

use std::io::Write;

use accounts::Scope;
use kit::{Error, Result};

use crate::{Event, Events, Filter};

pub use parquet::parquet;

/// A cell that begins with one of these is a formula to a spreadsheet, and a formula can send what is beside it to a stranger. Such a cell gets a
/// quote in front, which [`crate::import`] takes away again.
pub(crate) const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r'];

/// Events that are read at once, at first and at the most; fewer where they are large, so that a page has some [`PAGE_BYTES`].
const PAGES: [u32; 2] = [100, 1_000];
const PAGE_BYTES: usize = 4 << 20;

/// Who is told after each page, before the next one is read: whoever sends the export on takes what was written until now.
pub trait Pace: Send {
    /// So many events are written by now.
    fn written(&mut self, events: u64) -> impl Future<Output = Result<()>> + Send;
}

/// Lends a pace.
struct Lent<'a, P>(&'a mut P);

impl<P: Pace> Pace for Lent<'_, P> {
    async fn written(&mut self, events: u64) -> Result<()> {
        self.0.written(events).await
    }
}

impl<F: FnMut(u64) + Send> Pace for F {
    async fn written(&mut self, events: u64) -> Result<()> {
        self(events);
        Ok(())
    }
}

/// The names of the columns, which an import knows by itself.
const HEAD: [&str; 8] = ["id", "source", "event", "time", "person", "customer_id", "seq", "properties"];

/// Writes all events of a filter as CSV; returns how many.
pub async fn csv(events: &Events, scope: &Scope, filter: &Filter, out: impl Write + Send, pace: impl Pace) -> Result<u64> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(HEAD).map_err(failed)?;
    let each = |page: Vec<Event>| {
        page.iter().try_for_each(|event| writer.write_record(record(event)).map_err(failed))?;
        writer.flush().map_err(|error| Error::unavailable(format!("the export could not be written: {error}")))
    };
    pages(events, scope, filter, each, pace).await
}

/// Hands all events of a filter on, page by page.
async fn pages(
    events: &Events,
    scope: &Scope,
    filter: &Filter,
    mut each: impl FnMut(Vec<Event>) -> Result<()> + Send,
    mut pace: impl Pace,
) -> Result<u64> {
    let mut filter = filter.clone();
    let (mut size, mut written) = (PAGES[0], 0);
    loop {
        let page = events.list(scope, &filter, size).await?;
        written += page.len() as u64;
        let (is_last, last) = (page.len() < size as usize, page.last().map(|event| (event.at, event.seq)));
        let bytes: usize = page.iter().map(|event| event.props.len() + 200).sum();
        size = u32::try_from(page.len() * PAGE_BYTES / bytes.max(1)).unwrap_or(u32::MAX).clamp(4, PAGES[1]);
        each(page)?;
        pace.written(written).await?;
        if is_last {
            return Ok(written);
        }
        filter.after = last;
    }
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
