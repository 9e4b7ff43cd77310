//! `innkeeper completions`.

use clap::CommandFactory;
use clap_complete::Shell;

/// Prints completions for a shell: `source <(innkeeper completions bash)`.
#[derive(clap::Args)]
pub struct Completions {
    /// Which shell.
    shell: Shell,
}

impl Completions {
    /// Prints them.
    pub fn run(&self) {
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "innkeeper", &mut std::io::stdout());
    }
}
