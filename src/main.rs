//! The `farmgate` program.

use std::process::ExitCode;

use clap::Parser;
use farmgate::app::commands::{self, Cli};
use farmgate::app::log;

/// Exit code of a command that could not do what was asked.
const EXIT_ERROR: u8 = 2;

fn main() -> ExitCode {
    // The last to go: what ends with the runtime may still say something.
    let _rest = log::WriteRest;
    run()
}

#[tokio::main]
async fn run() -> ExitCode {
    match commands::run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            log::say(&format!("farmgate: {error}"));
            ExitCode::from(EXIT_ERROR)
        }
    }
}
