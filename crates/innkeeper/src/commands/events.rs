//! `innkeeper events`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use accounts::{Actor, CustomerId};
use events::import::{self, Customers, Format, Mapping, Plan, Progress, Report};
use events::{Filter, Source, export};
use kit::words::counted;
use kit::{Error, Result, Timestamp};
use serde_json::json;
use web::App;
use web::config::Config;

use crate::open;
use crate::output::Output;

/// Brings events in from files and out again.
#[derive(clap::Subcommand)]
pub enum EventsCommand {
    /// Imports a CSV file with a head, or a file with one JSON object a line.
    ///
    /// Columns are found by their usual names; --map says it where they are not. All other columns become properties. The same file
    /// counts once, however often it is imported within `events.remember_ids_days`.
    Import {
        /// The file.
        file: PathBuf,
        /// What a column says: name=COLUMN, time=, person=, customer=, id=, properties=; or name:=TEXT for all rows.
        #[arg(long, value_name = "FIELD=COLUMN")]
        map: Vec<String>,
        /// csv or ndjson; by default what the file's name ends in.
        #[arg(long)]
        format: Option<String>,
        /// What the events' source is called; ids are unique within it.
        #[arg(long, default_value = "import")]
        source: String,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
    /// Writes raw events as CSV or Parquet, newest first.
    Export {
        /// Where to, to a new file; standard output by default. One that ends in .parquet is written as Parquet.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Of this customer only.
        #[arg(long)]
        customer: Option<String>,
        /// Of this name only; may be given several times.
        #[arg(long)]
        name: Vec<String>,
        /// From this moment on, such as 2026-11-01T00:00:00Z.
        #[arg(long)]
        since: Option<String>,
        /// Before this moment.
        #[arg(long)]
        until: Option<String>,
    },
}

impl EventsCommand {
    /// Runs it; an import that refused rows ends with 2.
    pub async fn run(self, config: Config, output: Output) -> Result<ExitCode> {
        let app = open::app_of_command(config).await?;
        match self {
            EventsCommand::Import { file, map, format, source, dry_run } => {
                let format = format.as_deref().map_or_else(|| Format::of_file(&file), Format::parse)?;
                let plan = Plan { format, mapping: Mapping::parse(&map)?, source: Source::parse(&source)?, is_dry_run: dry_run, file };
                let report = import::run(&app.events, &plan, Customers::of_house(&app.db).await?, Report::default(), bar(output)).await?;
                output.show(&report, |report| told(report, dry_run));
                Ok(if report.refused > 0 { ExitCode::from(2) } else { ExitCode::SUCCESS })
            }
            EventsCommand::Export { to, customer, name, since, until } => {
                let moment = |field: &str, text: Option<String>| match text {
                    None => Ok(None),
                    Some(text) => Timestamp::parse_rfc3339(&text)
                        .map(Some)
                        .ok_or_else(|| Error::invalid(field, "must be a moment such as 2026-11-01T00:00:00Z")),
                };
                let filter = Filter {
                    customer: customer.as_deref().map(CustomerId::parse).transpose()?,
                    names: name,
                    from: moment("since", since)?,
                    to: moment("until", until)?,
                    ..Filter::default()
                };
                let written = write(&app, &filter, to.as_ref(), output).await?;
                match to {
                    Some(_) => output.show(&json!({ "events": written }), |_| format!("{} written", counted(written, "event"))),
                    None => output.say(format!("{} written", counted(written, "event"))),
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn write(app: &App, filter: &Filter, to: Option<&PathBuf>, output: Output) -> Result<u64> {
    let seen = |written: u64| {
        if std::io::stderr().is_terminal() && !output.json {
            eprint!("\r{written} events");
        }
    };
    let scope = Actor::cli().scope();
    match to {
        None => export::csv(&app.events, &scope, filter, std::io::stdout(), seen).await,
        Some(file) => {
            let out = std::fs::File::create_new(file)
                .map_err(|error| Error::invalid("to", format!("`{}` cannot be made: {error}", file.display())))?;
            if file.extension().is_some_and(|end| end.eq_ignore_ascii_case("parquet")) {
                return export::parquet(&app.events, &scope, filter, out, seen).await;
            }
            export::csv(&app.events, &scope, filter, std::io::BufWriter::new(out), seen).await
        }
    }
}

/// A bar on a terminal; nothing for programs and files.
fn bar(output: Output) -> impl FnMut(Progress) {
    const WIDTH: u64 = 40;
    let is_shown = !output.json && std::io::stderr().is_terminal();
    move |progress: Progress| {
        if is_shown {
            let done = progress.read * WIDTH / progress.bytes.max(1);
            let bar: String = (0..WIDTH).map(|place| if place < done { '█' } else { '·' }).collect();
            let end = if progress.read >= progress.bytes { "\n" } else { "" };
            eprint!("\r{bar} {} %  {} rows{end}", progress.read * 100 / progress.bytes.max(1), progress.rows);
            let _ = std::io::stderr().flush();
        }
    }
}

fn told(report: &Report, dry_run: bool) -> String {
    let mut text = String::new();
    for (field, column) in &report.columns {
        text += &format!("{field:<10}  {column}\n");
    }
    let verb = if dry_run { "would be imported" } else { "imported" };
    text += &format!(
        "{} read, {} {verb}, {} known before, {} refused\n",
        counted(report.rows, "row"),
        report.stored,
        report.duplicates,
        report.refused
    );
    if let (Some(from), Some(to)) = (report.from, report.to) {
        text += &format!("from {from} to {to}\n");
    }
    for (name, count) in &report.names {
        text += &format!("{count:>10}  {}\n", printable(name));
    }
    for problem in &report.problems {
        text += &format!("line {}: {}\n", problem.line, printable(&problem.message));
    }
    if report.refused > report.problems.len() as u64 {
        text += &format!("… and {} more\n", report.refused - report.problems.len() as u64);
    }
    text
}

/// What strangers wrote must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '·' } else { letter }).collect()
}
