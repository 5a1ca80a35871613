//! `farmgate unseal`: opens sealed secrets, or exports them.
//!
//! Needs a database or an exported file, never the network. Never here: a secret anywhere but, unsealed, on
//! standard output. Either every account that was asked for is printed, or an error names the one that is not
//! and nothing is.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::app::config::{self, ConfigArgs};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::say;
use crate::app::sealing_files::{SealingFileError, read_boxes, read_secret};
use crate::app::wire::ServiceError;
use crate::domain::address::AccountId;
use crate::domain::sealing::SealedSecret;
use crate::ports::store::StoreError;

/// Accounts that are unsealed at once.
const UNSEAL_ACCOUNTS_MAX: usize = 200;

/// `farmgate unseal`.
#[derive(Debug, Args)]
pub struct UnsealArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The accounts (G…) [with --boxes, default: all that are in the file].
    #[arg(value_name = "ACCOUNT", required_unless_present = "boxes", num_args = 1..=UNSEAL_ACCOUNTS_MAX)]
    pub accounts: Vec<AccountId>,
    /// What to do with them.
    #[command(flatten)]
    pub way: UnsealWay,
    /// Take the sealed secrets from this file, as --export prints them, instead of the database; - is
    /// standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "export")]
    pub boxes: Option<PathBuf>,
}

/// Open, or export.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct UnsealWay {
    /// The file with the secret half of the sealing key: prints each account and its secret seed (S…).
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Print each account's sealed secret as a line for --boxes, without opening it.
    #[arg(long)]
    pub export: bool,
}

/// Opens sealed secrets, or exports them.
pub(super) async fn run(args: &UnsealArgs) -> Result<ExitCode, CommandError> {
    let known = match &args.boxes {
        Some(path) => read_boxes(path)?,
        None => stored(args).await?,
    };
    let sealed = chosen(&args.accounts, &known)?;
    let Some(path) = &args.way.secret_file else {
        for sealed in sealed {
            say(&sealed.to_string())?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let secret = read_secret(path)?;
    let open = |sealed: &SealedSecret| match secret.open(sealed) {
        Ok(seed) => Ok((sealed.account, seed)),
        Err(error) => Err(SealingFileError::Unseal { path: path.clone(), source: Box::new(error) }),
    };
    let opened: Vec<_> = sealed.into_iter().map(open).collect::<Result<_, _>>()?;
    for (account, seed) in opened {
        let seed = seed.reveal();
        writeln!(io::stdout().lock(), "{account} {}", seed.as_str())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The sealed secrets of `accounts` in their order; of none means all.
fn chosen<'k>(
    accounts: &[AccountId],
    known: &'k [SealedSecret],
) -> Result<Vec<&'k SealedSecret>, SealingFileError> {
    if accounts.is_empty() {
        return Ok(known.iter().collect());
    }
    let find = |account: &AccountId| {
        let found = known.iter().find(|sealed| sealed.account == *account);
        found.ok_or(SealingFileError::NotSealed(*account))
    };
    accounts.iter().map(find).collect()
}

/// From the database, which is neither made nor changed.
async fn stored(args: &UnsealArgs) -> Result<Vec<SealedSecret>, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let failed = |error: StoreError| ServiceError::from(error);
    let store = database::existing(&settings).await?;
    let mut tx = store.begin_read().await.map_err(failed)?;
    let sealed = tx.sealed_secrets(&args.accounts).await.map_err(failed)?;
    tx.rollback().await.map_err(failed)?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        args: UnsealArgs,
    }

    #[test]
    fn sealed_secrets_are_opened_or_exported() {
        let account = "GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47";
        let parse = |words: &[&str]| Typed::try_parse_from([&["unseal"], words].concat());
        for accepted in [
            &["--secret-file", "f", account, account][..],
            &["--secret-file", "f", "--boxes", "-"],
            &["--export", account],
        ] {
            assert!(parse(accepted).is_ok(), "{accepted:?}");
        }
        for (refused, named) in [
            (&["--secret-file", "f"][..], "<ACCOUNT>"),
            (&[account], "--secret-file"),
            (&["--secret-file", "f", "--export", account], "--export"),
            (&["--export", "--boxes", "b", account], "--boxes"),
            (&["--export", "GABC"], "not a Stellar address"),
        ] {
            let error = parse(refused).unwrap_err().to_string();
            assert!(error.contains(named), "{refused:?}: {error}");
        }
    }
}
