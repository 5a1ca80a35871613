//! The `farmgate` program.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use farmgate::app::commands::{self, Cli};

/// Exit code of a command that could not do what was asked.
const EXIT_ERROR: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            // If not even this can be written there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "farmgate: {error}");
            ExitCode::from(EXIT_ERROR)
        }
    }
}
