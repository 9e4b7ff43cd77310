//! The commands. Each file is one: its arguments, whose comments are the help, and what it does.

mod adopted;
mod completions;
mod config;
mod customer;
mod demo;
mod deploy;
mod doctor;
mod environment;
mod events;
mod images;
mod member;
mod migrate;
mod preview;
mod redact;
mod serve;
mod site;
mod token;

use std::process::ExitCode;

use kit::Result;
use web::config::Config;

use crate::output::Output;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Migrate(migrate::Migrate),
    Deploy(deploy::Deploy),
    #[command(subcommand)]
    Site(site::SiteCommand),
    #[command(subcommand)]
    Customer(customer::CustomerCommand),
    #[command(subcommand)]
    Member(member::MemberCommand),
    #[command(subcommand)]
    Token(token::TokenCommand),
    #[command(subcommand)]
    Events(events::EventsCommand),
    #[command(subcommand)]
    Images(images::ImagesCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Redact(redact::Redact),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
}

impl Command {
    /// Settings that the command's own flags override.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        match self {
            Command::Serve(command) => command.flags(),
            Command::Demo(command) => command.flags(),
            _ => Vec::new(),
        }
    }

    /// Runs it; the code is what the process ends with when nothing failed.
    pub async fn run(self, config: Config, output: Output) -> Result<ExitCode> {
        match self {
            Command::Serve(command) => command.run(config, output).await,
            Command::Demo(command) => command.run(config, output).await,
            Command::Migrate(command) => command.run(config, output).await,
            Command::Deploy(command) => return command.run(config, output).await,
            Command::Site(command) => return command.run(config, output).await,
            Command::Customer(command) => command.run(config, output).await,
            Command::Member(command) => command.run(config, output).await,
            Command::Token(command) => command.run(config, output).await,
            Command::Events(command) => return command.run(config, output).await,
            Command::Images(command) => command.run(config, output).await,
            Command::Config(command) => command.run(&config),
            Command::Redact(command) => command.run(config).await,
            Command::Doctor(command) => return command.run(config, output).await,
            Command::Completions(command) => {
                command.run();
                Ok(())
            }
        }
        .map(|()| ExitCode::SUCCESS)
    }
}
