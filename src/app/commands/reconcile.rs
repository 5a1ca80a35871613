//! `farmgate reconcile`: the journal beside the ledger.

use std::process::ExitCode;

use clap::Args;
use url::Url;

use crate::app::config::{self, ConfigArgs, Overrides};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::{reconciliation_table, say, say_json, signed};
use crate::app::wire::{self, ServiceError};
use crate::operator::deployment;
use crate::operator::{Reconciliation, reconcile};

/// `farmgate reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Horizon's URL [default: the sandbox on this machine].
    #[arg(long, value_name = "URL")]
    pub horizon: Option<Url>,
    /// Print JSON for programs.
    #[arg(long)]
    pub json: bool,
}

impl ReconcileArgs {
    /// The overrides these flags mean.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = self.config.overrides();
        overrides.values.extend(self.horizon.iter().map(|url| ("stellar.horizon_url", url.to_string())));
        overrides
    }
}

/// Shows both; exit code 1 if they differ.
pub(super) async fn run(args: &ReconcileArgs) -> Result<ExitCode, CommandError> {
    let secret = config::platform_secret(|name| std::env::var(name).ok())?;
    let config = config::load_with_key(&args.config, args.overrides(), &secret)?;
    let store = database::existing(&config.database).await?;
    let network = wire::network(&config, &secret)?;
    deployment::compare(&*store, &config.deployment()).await.map_err(ServiceError::from)?;
    wire::reach(&network, &config.stellar.horizon_url).await?;
    deployment::recognise(&*store, &*network).await.map_err(ServiceError::from)?;
    let reconciliation = reconcile(&store, &*network).await?;
    if args.json {
        say_json(&json(&reconciliation))?;
    } else {
        say(&reconciliation_table(&reconciliation))?;
    }
    Ok(if reconciliation.balances() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn json(reconciliation: &Reconciliation) -> serde_json::Value {
    let lines: Vec<_> = reconciliation
        .lines
        .iter()
        .map(|line| {
            serde_json::json!({
                "account": line.account, "asset": line.asset,
                "journal": signed(line.journal), "ledger": signed(line.ledger), "agrees": line.agrees(),
            })
        })
        .collect();
    let books: Vec<_> = reconciliation
        .books
        .iter()
        .map(|line| {
            serde_json::json!({
                "book": line.account.to_string(), "asset": line.asset,
                "journal": signed(line.journal), "stored": signed(line.stored), "agrees": line.agrees(),
            })
        })
        .collect();
    let miscounted: Vec<_> = reconciliation
        .miscounted
        .iter()
        .map(|one| serde_json::json!({ "state": one.state, "kept": one.kept, "counted": one.counted }))
        .collect();
    serde_json::json!({
        "balances": reconciliation.balances(), "accounts": reconciliation.accounts,
        "lines": lines, "books": books, "miscounted": miscounted,
    })
}
