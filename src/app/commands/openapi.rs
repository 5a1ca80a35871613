//! `farmgate openapi`.

use std::process::ExitCode;

use crate::app::error::CommandError;
use crate::app::output::say;
use crate::http;

/// Prints the API's document.
pub(super) fn run() -> Result<ExitCode, CommandError> {
    say(&serde_json::to_string_pretty(&http::openapi())?)?;
    Ok(ExitCode::SUCCESS)
}
