//! Rows of a file, one at a time.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use kit::{Error, Result};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::unreadable;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Columns with a head, separated by commas (or semicolons or tabs, as the head shows).
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// By the end of a file's name.
    pub fn of_file(file: &Path) -> Result<Format> {
        match file.extension().and_then(|end| end.to_str()).map(str::to_lowercase).as_deref() {
            Some("csv" | "tsv" | "txt") => Ok(Format::Csv),
            Some("ndjson" | "jsonl" | "json") => Ok(Format::Ndjson),
            _ => Err(Error::invalid("format", "must be said: csv or ndjson")),
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        }
    }

    /// `csv` or `ndjson`.
    pub fn parse(text: &str) -> Result<Format> {
        match text {
            "csv" => Ok(Format::Csv),
            "ndjson" => Ok(Format::Ndjson),
            _ => Err(Error::invalid("format", "must be csv or ndjson")),
        }
    }
}

/// No row may be longer: a file without line ends must not take all memory.
const MAX_ROW: usize = 2 << 20;
/// No file has more columns.
pub(super) const MAX_COLUMNS: usize = 500;

/// One row: its fields, or why it has none.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) fields: std::result::Result<Map<String, Value>, String>,
}

/// What a file's content is known by: the first half of its SHA-256.
pub(super) fn mark(file: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut open = File::open(file).map_err(|error| unreadable(file, &error))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = open.read(&mut buffer).map_err(|error| unreadable(file, &error))?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
    }
    Ok(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// The rows of a file.
pub(super) enum Rows {
    Csv { head: Vec<String>, reader: csv::Reader<Bounded>, record: csv::ByteRecord, left: Rc<Cell<usize>> },
    Ndjson { reader: BufReader<File>, line: u64, read: u64 },
}

/// A file of which so much may be read until the next row begins: a quote that is not closed makes one row of all that follows.
pub(super) struct Bounded {
    file: BufReader<File>,
    left: Rc<Cell<usize>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let left = self.left.get();
        if count > left {
            return Err(io::Error::other(format!("a row {}; is a quote not closed?", too_long())));
        }
        self.left.set(left - count);
        Ok(count)
    }
}

/// Opens a file and reads the head of one that has one.
pub(super) fn open(file: &Path, format: Format) -> Result<Rows> {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(file).map_err(|error| unreadable(file, &error))?);
    let start = reader.fill_buf().map_err(|error| unreadable(file, &error))?;
    // Spreadsheets put a mark in front that is no part of the first name.
    if start.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    if format == Format::Ndjson {
        return Ok(Rows::Ndjson { reader, line: 0, read: 0 });
    }
    let first_line: Vec<u8> = reader.buffer().iter().copied().take_while(|byte| *byte != b'\n').collect();
    let often = |separator: u8| first_line.iter().filter(|byte| **byte == separator).count();
    let separator = [b',', b';', b'\t'].into_iter().max_by_key(|separator| (often(*separator), *separator == b',')).unwrap_or(b',');
    let left = Rc::new(Cell::new(MAX_ROW));
    let reader = Bounded { file: reader, left: left.clone() };
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(reader);
    let head = reader.byte_headers().map_err(|_| Error::invalid("file", "has no head that can be read"))?;
    let head: Vec<String> = head.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    let is_text = head.iter().all(|name| !name.contains(char::is_control) && !name.contains(char::REPLACEMENT_CHARACTER));
    if head.len() > MAX_COLUMNS || head.iter().all(String::is_empty) || !is_text {
        return Err(Error::invalid("file", format!("must begin with a line of 1 to {MAX_COLUMNS} column names, as text in UTF-8")));
    }
    Ok(Rows::Csv { head, reader, record: csv::ByteRecord::new(), left })
}

impl Rows {
    /// The names of the columns, when the file says them.
    pub(super) fn head(&self) -> Option<Vec<String>> {
        match self {
            Rows::Csv { head, .. } => Some(head.clone()),
            Rows::Ndjson { .. } => None,
        }
    }

    /// Bytes read.
    pub(super) fn read(&self) -> u64 {
        match self {
            Rows::Csv { reader, .. } => reader.position().byte(),
            Rows::Ndjson { read, .. } => *read,
        }
    }

    /// The next row; none at the end. Fails where nothing of the rest can be read.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        match self {
            Rows::Csv { head, reader, record, left } => {
                let line = reader.position().line();
                left.set(MAX_ROW);
                match reader.read_byte_record(record) {
                    Ok(false) => Ok(None),
                    Ok(true) => {
                        Ok(Some(Row { line: record.position().map_or(line, csv::Position::line), fields: of_record(head, record) }))
                    }
                    Err(error) if error.is_io_error() => Err(cut_off(line, &error)),
                    Err(error) => Ok(Some(Row { line, fields: Err(error.to_string()) })),
                }
            }
            Rows::Ndjson { reader, line, read } => loop {
                *line += 1;
                let mut text = Vec::new();
                let count =
                    reader.by_ref().take(MAX_ROW as u64 + 1).read_until(b'\n', &mut text).map_err(|error| cut_off(*line, &error))?;
                *read += count as u64;
                if count == 0 {
                    return Ok(None);
                }
                if count > MAX_ROW {
                    *read += skip_line(reader);
                    return Ok(Some(Row { line: *line, fields: Err(too_long()) }));
                }
                if text.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                let fields = serde_json::from_slice::<Map<String, Value>>(&text).map_err(|error| format!("is no JSON object: {error}"));
                return Ok(Some(Row { line: *line, fields }));
            },
        }
    }
}

fn cut_off(line: u64, error: &impl std::fmt::Display) -> Error {
    Error::invalid("file", format!("nothing can be read from line {line} on: {error}"))
}

fn too_long() -> String {
    format!("is longer than {} MB", MAX_ROW >> 20)
}

/// Goes on to the next line without keeping what is passed.
fn skip_line(reader: &mut impl BufRead) -> u64 {
    let mut passed = 0;
    loop {
        let Ok(buffer) = reader.fill_buf() else { return passed };
        if buffer.is_empty() {
            return passed;
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(count);
        passed += count as u64;
        if end.is_some() {
            return passed;
        }
    }
}

fn of_record(head: &[String], record: &csv::ByteRecord) -> std::result::Result<Map<String, Value>, String> {
    if record.as_slice().len() > MAX_ROW {
        return Err(too_long());
    }
    if record.len() > head.len() {
        return Err(format!("has {} fields, and the head {}", record.len(), head.len()));
    }
    let mut fields = Map::new();
    for (name, value) in head.iter().zip(record.iter()).filter(|(name, value)| !name.is_empty() && !value.is_empty()) {
        let text = std::str::from_utf8(value).map_err(|_| format!("column `{name}` is not UTF-8"))?;
        // Spreadsheets take what begins like this for a formula; our export puts a quote before it.
        let text = text.strip_prefix('\'').filter(|rest| rest.starts_with(crate::export::FORMULA)).unwrap_or(text);
        fields.insert(name.clone(), Value::String(text.to_owned()));
    }
    Ok(fields)
}
