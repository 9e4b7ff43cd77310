//! Raw events as a Parquet file, for warehouses and notebooks.

use std::io::Write;
use std::sync::Arc;

use accounts::Scope;
use kit::{Error, Result};
use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::Pace;
use crate::{Event, Events, Filter};

/// Events in one row group, and bytes of properties: what a reader unpacks at once, and what we hold while writing.
const GROUP: usize = 50_000;
const GROUP_BYTES: usize = 16 << 20;

const SCHEMA: &str = "message event {
  required binary id (string);
  required binary source (string);
  required binary event (string);
  required int64 time (timestamp(millis,true));
  optional binary person (string);
  optional binary customer_id (string);
  required int64 seq;
  required binary properties (json);
}";

/// Writes all events of a filter as Parquet; returns how many.
pub async fn parquet(events: &Events, scope: &Scope, filter: &Filter, out: impl Write + Send, mut pace: impl Pace) -> Result<u64> {
    let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
    let properties = WriterProperties::builder().set_compression(Compression::GZIP(GzipLevel::default())).build();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(failed)?;
    let (mut waiting, mut bytes): (Vec<Event>, usize) = (Vec::new(), 0);
    let each = |page: Vec<Event>| {
        bytes += page.iter().map(|event| event.props.len()).sum::<usize>();
        waiting.extend(page);
        if waiting.len() >= GROUP || bytes >= GROUP_BYTES {
            write_group(&mut writer, &waiting).map_err(failed)?;
            waiting.clear();
            bytes = 0;
        }
        Ok(())
    };
    let written = super::pages(events, scope, filter, each, super::Lent(&mut pace)).await?;
    if !waiting.is_empty() {
        write_group(&mut writer, &waiting).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    pace.written(written).await?;
    Ok(written)
}

/// The columns, in the order of the schema.
fn write_group<W: Write + Send>(writer: &mut SerializedFileWriter<W>, events: &[Event]) -> std::result::Result<(), ParquetError> {
    let text = |of: fn(&Event) -> &str| events.iter().map(|event| ByteArray::from(of(event))).collect::<Vec<_>>();
    let optional = |of: fn(&Event) -> Option<&str>| {
        let present: Vec<i16> = events.iter().map(|event| i16::from(of(event).is_some())).collect();
        (events.iter().filter_map(of).map(ByteArray::from).collect::<Vec<_>>(), present)
    };
    let mut group = writer.next_row_group()?;
    column::<W, ByteArrayType>(&mut group, &text(|event| &event.id), None)?;
    column::<W, ByteArrayType>(&mut group, &text(|event| &event.source), None)?;
    column::<W, ByteArrayType>(&mut group, &text(|event| &event.name), None)?;
    column::<W, Int64Type>(&mut group, &events.iter().map(|event| event.at.0).collect::<Vec<_>>(), None)?;
    let (people, present) = optional(|event| event.person.as_ref().map(|(_, name)| name.as_str()));
    column::<W, ByteArrayType>(&mut group, &people, Some(&present))?;
    let (customers, present) = optional(|event| event.customer.as_ref().map(|id| id.as_str()));
    column::<W, ByteArrayType>(&mut group, &customers, Some(&present))?;
    column::<W, Int64Type>(&mut group, &events.iter().map(|event| event.seq).collect::<Vec<_>>(), None)?;
    column::<W, ByteArrayType>(&mut group, &text(|event| &event.props), None)?;
    group.close()?;
    Ok(())
}

fn column<W: Write + Send, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    present: Option<&[i16]>,
) -> std::result::Result<(), ParquetError> {
    let mut column = group.next_column()?.expect("as many columns are written as the schema has");
    column.typed::<T>().write_batch(values, present, None)?;
    column.close()
}

fn failed(error: ParquetError) -> Error {
    Error::unavailable(format!("the export could not be written: {error}"))
}
