//! `innkeeper migrate`.

use kit::Result;
use kit::db::migrations;
use web::config::Config;

use crate::open;
use crate::output::Output;

/// Brings the database up to this version and ends. `serve` does the same when it starts.
#[derive(clap::Args)]
pub struct Migrate {}

impl Migrate {
    /// Migrates.
    pub async fn run(self, config: Config, output: Output) -> Result<()> {
        let applied = open::database(&config).await?.migrate(&migrations()).await?;
        output.show(&applied, |applied| {
            if applied.is_empty() { "the database is up to date".to_owned() } else { format!("applied {}", applied.join(", ")) }
        });
        Ok(())
    }
}
