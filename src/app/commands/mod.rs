//! The command line: one file a command, with its arguments and what it does; here is which there are.

mod accept;
mod audit;
mod backup;
mod dead_letters;
mod demo;
mod doctor;
mod keys;
mod openapi;
mod reconcile;
mod resolve;
mod return_money;
mod sandbox;
mod serve;
mod setup;
mod simulate;
mod unseal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::error::CommandError;
use accept::AcceptArgs;
use audit::AuditArgs;
use backup::BackupArgs;
use dead_letters::DeadLettersArgs;
use demo::DemoArgs;
use doctor::DoctorArgs;
use keys::KeysArgs;
use reconcile::ReconcileArgs;
use resolve::ResolveArgs;
use return_money::ReturnArgs;
use sandbox::SandboxArgs;
use serve::ServeArgs;
use setup::SetupArgs;
use simulate::SimulateArgs;
use unseal::UnsealArgs;

/// Escrow and settlement for capacity pools paid on Stellar.
#[derive(Debug, Parser)]
#[command(name = "farmgate", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole product: a sandbox network, the service and its customers in one process.
    Demo(DemoArgs),
    /// Run the service: the HTTP API and the settlement engine.
    Serve(ServeArgs),
    /// Run a small Stellar network on this machine, or use it as a wallet.
    Sandbox(SandboxArgs),
    /// Look at everything the service needs, line by line, and say what to do; exit code 1 if something does
    /// not work.
    Doctor(DoctorArgs),
    /// Show what is missing and what it takes, and open it: the database, channels, escrow accounts. Safe to
    /// repeat.
    Setup(SetupArgs),
    /// Compare the journal with the ledger, account by account; exit code 1 if they differ.
    Reconcile(ReconcileArgs),
    /// Decide what becomes of a reservation that is held: settle it, or send back what remains.
    Resolve(ResolveArgs),
    /// Decide where money goes that cannot go back to where it came from: a payment's return, or what was
    /// reclaimed of a claimable balance.
    Return(ReturnArgs),
    /// Accept the operation for which the engine stopped: what it took is booked as a loss, and the engine
    /// goes on.
    Accept(AcceptArgs),
    /// List what the engine cannot bring further by itself, with what can be done about each; exit code 0,
    /// with --check 1 if any.
    DeadLetters(DeadLettersArgs),
    /// List who decided what: what was before, and what is since.
    Audit(AuditArgs),
    /// Make, list and revoke API keys; make the key that escrow accounts' own secrets are sealed to.
    Keys(KeysArgs),
    /// Open the sealed secrets of accounts, or export them for a machine without the database. Needs no
    /// network.
    Unseal(UnsealArgs),
    /// Copy an SQLite database into a file, also while the service works on it.
    Backup(BackupArgs),
    /// Print the API's OpenAPI document.
    Openapi,
    /// Put the settlement engine through everything that can go wrong, seed by seed; exit code 1 if a promise
    /// was broken.
    Simulate(SimulateArgs),
}

/// Runs a command; the exit code is 0 if it did what was asked, and 1 if what it looked at is not in order.
pub async fn run(cli: Cli) -> Result<ExitCode, CommandError> {
    match cli.command {
        Command::Demo(args) => demo::run(&args).await,
        Command::Serve(args) => serve::run(&args).await,
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Doctor(args) => doctor::run(&args).await,
        Command::Setup(args) => setup::run(&args).await,
        Command::Reconcile(args) => reconcile::run(&args).await,
        Command::Resolve(args) => resolve::run(&args).await,
        Command::Return(args) => return_money::run(args).await,
        Command::Accept(args) => accept::run(args).await,
        Command::DeadLetters(args) => dead_letters::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Unseal(args) => unseal::run(&args).await,
        Command::Backup(args) => backup::run(&args).await,
        Command::Simulate(args) => simulate::run(&args),
        Command::Openapi => openapi::run(),
    }
}

#[cfg(test)]
mod tests {
    use super::resolve::DecisionArgs;
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_held_reservation_is_decided_one_way_or_the_other() {
        let parse = |flags: &[&str]| Cli::try_parse_from([&["farmgate", "resolve", "17"], flags].concat());
        assert!(matches!(
            parse(&["--refund"]).unwrap().command,
            Command::Resolve(ResolveArgs { decision: DecisionArgs { refund: true, settle: false }, .. })
        ));
        assert!(parse(&["--settle"]).is_ok());
        assert!(parse(&[]).is_err() && parse(&["--settle", "--refund"]).is_err());
        let listed = Cli::try_parse_from(["farmgate", "resolve"]).unwrap().command;
        assert!(matches!(listed, Command::Resolve(ResolveArgs { id: None, .. })));
        assert!(Cli::try_parse_from(["farmgate", "resolve", "--refund"]).is_err());
    }

    #[test]
    fn the_sandbox_runs_or_is_a_wallet() {
        let run = Cli::try_parse_from(["farmgate", "sandbox", "--ledger-ms", "200"]).unwrap();
        assert!(matches!(run.command, Command::Sandbox(SandboxArgs { ledger_ms: 200, wallet: None, .. })));
        let pay = ["farmgate", "sandbox", "pay", "alice", &"GABC".repeat(14), "1", "TFT"];
        let error = Cli::try_parse_from(pay).unwrap_err().to_string();
        assert!(error.contains("not a Stellar address"), "{error}");
        let amount = ["farmgate", "sandbox", "fund", "alice", "1.12345678", "TFT"];
        let error = Cli::try_parse_from(amount).unwrap_err().to_string();
        assert!(error.contains("7 decimals"), "{error}");
    }
}
