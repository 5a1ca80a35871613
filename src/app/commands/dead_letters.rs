//! `farmgate dead-letters`: what the engine cannot bring further by itself, and what can be done about it.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::api::{Action, DeadLetter, Note};
use crate::app::clock::{SystemClock, at_the_command_line};
use crate::app::config::{self, ConfigArgs};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::{self, say, say_json};
use crate::app::wire::ServiceError;
use crate::domain::dead_letter::{Kind, LetterId};
use crate::operator::{DeadLetterError, LetterFilter, dead_letters, dismiss};
use crate::ports::clock::Clock;
use crate::ports::store::{LIST_ROWS_MAX, Store, StoreError, transact};

/// `farmgate dead-letters`.
#[derive(Debug, Args)]
pub struct DeadLettersArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only those of this kind, such as held_reservation or unpaid_repayment.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<Kind>,
    /// Unreadable records that were dismissed, instead of what is open.
    #[arg(long)]
    pub dismissed: bool,
    /// Exit code 1 if there is any.
    #[arg(long)]
    pub check: bool,
    /// Print JSON for programs.
    #[arg(long)]
    pub json: bool,
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<DeadLettersCommand>,
}

/// What to do with a dead letter.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Say that a record nobody could read needs nothing more: it stays stored, and is no longer listed.
    Dismiss {
        /// Its id, `unreadable_record:…`.
        id: LetterId,
        /// Why, for whoever asks later.
        #[arg(long, value_name = "TEXT")]
        note: Note,
    },
}

/// Lists them, or dismisses one.
pub(super) async fn run(args: DeadLettersArgs) -> Result<ExitCode, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let store = database::existing(&settings).await?;
    if let Some(DeadLettersCommand::Dismiss { id, note }) = args.command {
        return dismiss_one(&store, id, note.into()).await;
    }
    let filter = LetterFilter { kind: args.kind, dismissed: args.dismissed };
    let letters = all(&store, &filter).await?;
    if args.json {
        say_json(&letters)?;
    } else {
        say(&table(&letters))?;
    }
    Ok(if args.check && !letters.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn all(store: &Arc<dyn Store>, filter: &LetterFilter) -> Result<Vec<DeadLetter>, CommandError> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    loop {
        let after = letters.last().and_then(|last| last.id.parse::<LetterId>().ok());
        let mut tx = store.begin_read().await.map_err(ServiceError::from)?;
        let page = dead_letters(&mut *tx, filter, SystemClock.now(), after.as_ref(), LIST_ROWS_MAX).await?;
        let last = page.len() < LIST_ROWS_MAX as usize;
        letters.extend(page);
        if last {
            return Ok(letters);
        }
    }
}

/// One line for each, for people.
fn table(letters: &[DeadLetter]) -> String {
    let mut table = output::table(["since", "tries", "what", "what can be done"]);
    for letter in letters {
        let codes = letter.transaction.iter().flat_map(|one| one.code.iter().chain(&one.operation_codes));
        let codes = codes.cloned().collect::<Vec<_>>().join(" ");
        let tries = letter.tries.map_or_else(String::new, |tries| tries.to_string());
        let what = [letter.id.as_str(), &letter.summary, &codes].join("\n");
        let actions: Vec<&str> = letter.actions.iter().map(in_short).collect();
        table.add_row([letter.since.to_string(), tries, what.trim_end().to_owned(), actions.join("\n")]);
    }
    format!("{table}\n{} dead letters", letters.len())
}

fn in_short(action: &Action) -> &str {
    action.command.as_deref().unwrap_or(&action.summary)
}

async fn dismiss_one(store: &Arc<dyn Store>, id: LetterId, note: String) -> Result<ExitCode, CommandError> {
    let named = id.clone();
    let dismissed = transact(store, move |tx| {
        let (id, note) = (named.clone(), note.clone());
        Box::pin(async move {
            match dismiss(tx, &at_the_command_line(), &id, &note).await {
                Err(DeadLetterError::Store(error)) => Err(error),
                decided => Ok::<_, StoreError>(decided),
            }
        })
    })
    .await
    .map_err(ServiceError::from)??;
    match dismissed {
        Some(_) => say(&format!("{id} is dismissed"))?,
        None => return Err(CommandError::NoDeadLetter(id)),
    }
    Ok(ExitCode::SUCCESS)
}
