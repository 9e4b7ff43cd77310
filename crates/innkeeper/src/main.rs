//! The command line: one file per command, over the same slices as the pages and the API.

mod commands;
mod data_folder;
mod emission;
mod open;
mod output;
mod sample;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use kit::Result;
use web::config::Config;

use commands::Command;
use output::Output;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Hosts websites for your customers, and tells you how your customers are.
#[derive(Parser)]
#[command(name = "innkeeper", version, about, max_term_width = 100)]
struct Cli {
    /// Settings file; every setting and its default is in innkeeper.default.toml.
    #[arg(long, global = true, env = "INNKEEPER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder (setting server.data).
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Every database read and password check borrows one of these; each may keep a stack and an arena of memory.
        .max_blocking_threads(24)
        .enable_all()
        .build()
        .expect("the runtime starts");
    match runtime.block_on(run(cli, output)) {
        Ok(code) => code,
        Err(error) => output.fail(&error),
    }
}

async fn run(cli: Cli, output: Output) -> Result<ExitCode> {
    let mut flags: Vec<(&str, String)> = Vec::new();
    if let Some(data) = &cli.data {
        flags.push(("server.data", data.display().to_string()));
    }
    flags.extend(cli.command.flags());
    if let Command::Completions(command) = &cli.command {
        command.run();
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(cli.config.as_deref(), &flags)?;
    cli.command.run(config, output).await
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
