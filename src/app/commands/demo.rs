//! `farmgate demo`: the whole product in one process.

use std::process::ExitCode;

use clap::Args;

use crate::app::error::CommandError;
use crate::demo;

/// `farmgate demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Leave when the demo has ended, with exit code 0 only if everything adds up; otherwise the service
    /// stays up.
    #[arg(long)]
    pub exit: bool,
}

/// Shows it.
pub(super) async fn run(args: &DemoArgs) -> Result<ExitCode, CommandError> {
    Ok(demo::run(args.exit).await?)
}
