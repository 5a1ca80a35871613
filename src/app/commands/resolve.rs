//! `farmgate resolve`: the reservations that are held, and a decision on one.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use crate::app::clock::at_the_command_line;
use crate::app::config::{self, ConfigArgs};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::{say, table};
use crate::app::wire::ServiceError;
use crate::domain::ids::ReservationId;
use crate::domain::reservation::{Reservation, State};
use crate::ports::store::{Store, transact};
use crate::settlement::{Decision, held, resolve};

/// `farmgate resolve`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The reservation's id. Without it, the reservations that are held are listed with what they lack.
    #[arg(requires = "DecisionArgs")]
    pub id: Option<ReservationId>,
    /// What is decided.
    #[command(flatten)]
    pub decision: DecisionArgs,
}

/// One of the two decisions.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub struct DecisionArgs {
    /// Try its settlement again at once.
    #[arg(long, requires = "id")]
    pub settle: bool,
    /// Send back what remains; the latest payment bears what its issuer took back.
    #[arg(long, requires = "id")]
    pub refund: bool,
}

/// Lists what is held, or decides.
pub(super) async fn run(args: &ResolveArgs) -> Result<ExitCode, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let store = database::existing(&settings).await?;
    let Some(id) = args.id else { return list_held(&store).await };
    let decision = if args.decision.refund { Decision::Refund } else { Decision::Settle };
    let resolved = transact(&store, move |tx| {
        Box::pin(async move { resolve(tx, &at_the_command_line(), id, decision).await })
    })
    .await?;
    let reservation = resolved.ok_or(CommandError::NoReservation(id))?;
    say(&format!("reservation {id} is {}", reservation.state.name()))?;
    Ok(ExitCode::SUCCESS)
}

/// The reservations that are held, with what they lack.
async fn list_held(store: &Arc<dyn Store>) -> Result<ExitCode, CommandError> {
    let held = held(store).await.map_err(ServiceError::from)?;
    say(&held_table(&held))?;
    Ok(ExitCode::SUCCESS)
}

/// One line for each held reservation, for people.
fn held_table(held: &[Reservation]) -> String {
    let mut table = table(["reservation", "held since", "why", "lacks", "looked at again"]);
    for reservation in held {
        let State::Held { why, since, .. } = &reservation.state else { continue };
        let lacks = reservation.state.lacks();
        let lacks = lacks.map_or_else(String::new, |lack| format!("{} {}", lack.amount, lack.asset.code()));
        let again = reservation.state.next_look().map_or_else(String::new, |at| at.to_string());
        table.add_row([reservation.id.to_string(), since.to_string(), why.code.clone(), lacks, again]);
    }
    format!("{table}\n{} reservations are held", held.len())
}
