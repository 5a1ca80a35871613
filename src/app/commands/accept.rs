//! `farmgate accept`: the operation for which the engine stopped is accepted, and the engine goes on.

use std::process::ExitCode;

use clap::Args;

use crate::app::clock::at_the_command_line;
use crate::app::config::{self, ConfigArgs};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::say;
use crate::app::wire::ServiceError;
use crate::domain::ids::OperationId;
use crate::operator::{AcceptError, accept};
use crate::ports::store::{Applied, StoreError, transact};

/// `farmgate accept`.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The operation's id, as the dead letter `stopped_engine` and the log name it.
    #[arg(value_name = "OPERATION")]
    pub operation: i64,
    /// Why it is accepted; it is stored.
    #[arg(long, value_name = "WHY")]
    pub reason: String,
}

/// Accepts.
pub(super) async fn run(args: AcceptArgs) -> Result<ExitCode, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let store = database::existing(&settings).await?;
    let operation = OperationId(args.operation);
    let (decider, reason) = (at_the_command_line(), args.reason);
    let accepted = transact(&store, move |tx| {
        let (decider, reason) = (decider.clone(), reason.clone());
        Box::pin(async move {
            match accept(tx, &decider, operation, &reason).await {
                Err(AcceptError::Store(error)) => Err(error),
                decided => Ok::<_, StoreError>(decided),
            }
        })
    })
    .await
    .map_err(ServiceError::from)?;
    let (stopped, applied) = accepted?;
    let already = match applied {
        Applied::Executed => "",
        Applied::AlreadyApplied => " already",
    };
    say(&format!(
        "operation {operation} is{already} accepted: what it took from {} is a loss in the books \
         (accepted_losses).\nStart `farmgate serve` again. What the account then lacks is still owed to who \
         paid it: send it there from an account of settlement.funding_accounts.",
        stopped.account
    ))?;
    Ok(ExitCode::SUCCESS)
}
