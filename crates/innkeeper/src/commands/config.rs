//! `innkeeper config`.

use kit::Result;
use web::config::{Config, DEFAULTS};

/// Shows and checks settings.
#[derive(clap::Subcommand)]
pub enum ConfigCommand {
    /// Prints what is in effect, with secrets masked; fails on a wrong key or value.
    Check,
    /// Prints every setting with its default and what it means.
    Defaults,
}

impl ConfigCommand {
    /// Prints; reaching here means that the settings are good.
    pub fn run(self, config: &Config) -> Result<()> {
        match self {
            ConfigCommand::Check => println!("{}", config.display().trim_end()),
            ConfigCommand::Defaults => print!("{DEFAULTS}"),
        }
        Ok(())
    }
}
