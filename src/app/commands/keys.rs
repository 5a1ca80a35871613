//! `farmgate keys`: API keys, and the key that escrow accounts' own secrets are sealed to.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use secrecy::ExposeSecret;

use crate::access;
use crate::app::clock::{SystemEntropy, at_the_command_line};
use crate::app::config::{self, ConfigArgs};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::{note, say, say_json, table};
use crate::app::sealing_files;
use crate::app::wire::ServiceError;
use crate::domain::ids::ApiKeyId;
use crate::domain::tenant::Tenant;
use crate::ports::store::{ApiKey, Role, Store, transact};
use crate::stellar::sealing::SealingSecret;
use crate::storage::{self, SchemaState};

/// `farmgate keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// API keys.
    #[command(flatten)]
    Api(ApiKeysCommand),
    /// Make a recovery sealing key: its public half is printed for stellar.recovery_sealing_key. Needs no
    /// database.
    Sealing {
        /// The file that its secret half is written to, readable by you alone; it must not exist.
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
    },
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum ApiKeysCommand {
    /// Make a key and print its secret, once.
    Create {
        /// Its name, for people.
        name: String,
        /// What it allows.
        #[arg(long)]
        role: RoleArg,
        /// The tenant whose things it is for: `default`, if left out. Keys of operators, auditors and rate
        /// feeds are of none.
        #[arg(long, value_name = "NAME")]
        tenant: Option<Tenant>,
    },
    /// List all keys.
    List {
        /// Print JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key.
    Revoke {
        /// Its id.
        id: ApiKeyId,
    },
    /// Take the right to push rates from an explorer's key that has it from before there were tenants.
    TakeRates {
        /// Its id.
        id: ApiKeyId,
    },
}

/// A role, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// The marketplace.
    Explorer,
    /// A node.
    Node,
    /// A farmer.
    Farmer,
    /// A rate feed: pushes currencies' rates.
    Rates,
    /// Finance and operations.
    Operator,
    /// Reads everything.
    Auditor,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Explorer => Self::Explorer,
            RoleArg::Node => Self::Node,
            RoleArg::Farmer => Self::Farmer,
            RoleArg::Rates => Self::Rates,
            RoleArg::Operator => Self::Operator,
            RoleArg::Auditor => Self::Auditor,
        }
    }
}

/// Does what is asked.
pub(super) async fn run(args: KeysArgs) -> Result<ExitCode, CommandError> {
    let command = match args.command {
        KeysCommand::Sealing { secret_file } => return make_sealing_key(&secret_file),
        KeysCommand::Api(command) => command,
    };
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let store = match &command {
        // The first key may come before the service.
        ApiKeysCommand::Create { .. } => open_or_make(&settings).await?,
        ApiKeysCommand::List { .. } | ApiKeysCommand::Revoke { .. } | ApiKeysCommand::TakeRates { .. } => {
            database::existing(&settings).await?
        }
    };
    match command {
        ApiKeysCommand::Create { name, role, tenant } => {
            let created = transact(&store, move |tx| {
                let (name, tenant) = (name.clone(), tenant.clone());
                Box::pin(async move {
                    access::create_key(tx, &at_the_command_line(), &name, role.into(), tenant).await
                })
            })
            .await?;
            note(&format!(
                "API key {} for {}; its secret is shown only now:",
                created.key.id, created.key.name
            ));
            say(created.secret.expose_secret())?;
        }
        ApiKeysCommand::List { json } => {
            let mut tx = store.begin_read().await.map_err(ServiceError::from)?;
            let keys = access::list_keys(&mut *tx).await?;
            if json {
                say_json(&keys.iter().map(key_json).collect::<Vec<_>>())?;
            } else {
                let mut table = table(["id", "name", "role", "tenant", "created", "revoked"]);
                for key in &keys {
                    let revoked = key.revoked_at.map(|at| at.to_string()).unwrap_or_default();
                    let created = key.created_at.to_string();
                    let (id, role) = (key.id.to_string(), key.role.as_str().to_owned());
                    let tenant = key.tenant.as_ref().map(ToString::to_string).unwrap_or_default();
                    table.add_row([id, key.name.clone(), role, tenant, created, revoked]);
                }
                say(&table.to_string())?;
            }
        }
        ApiKeysCommand::Revoke { id } => {
            transact(&store, move |tx| {
                Box::pin(async move { access::revoke_key(tx, &at_the_command_line(), id).await })
            })
            .await?;
            say(&format!("API key {id} is revoked"))?;
        }
        ApiKeysCommand::TakeRates { id } => {
            transact(&store, move |tx| {
                Box::pin(async move { access::take_rates_from(tx, &at_the_command_line(), id).await })
            })
            .await?;
            say(&format!("API key {id} may push no rates any more"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the database, and says so if it had to be made: it may be in the wrong folder.
async fn open_or_make(settings: &storage::Settings) -> Result<Arc<dyn Store>, CommandError> {
    let before = storage::schema(settings).await.map_err(ServiceError::from)?;
    let store = storage::connect(settings).await.map_err(ServiceError::from)?;
    if before == SchemaState::Missing {
        note(&format!(
            "The database {} is new; the key is of use only there.",
            database::place(&settings.url)
        ));
    }
    Ok(store)
}

fn key_json(key: &ApiKey) -> serde_json::Value {
    serde_json::json!({
        "id": key.id, "name": key.name, "role": key.role, "tenant": key.tenant,
        "pushes_rates": key.pushes_rates,
        "created_at": key.created_at, "revoked_at": key.revoked_at,
    })
}

/// Makes a recovery sealing key: the secret half goes to a new file, the line for the configuration to
/// standard output.
fn make_sealing_key(path: &Path) -> Result<ExitCode, CommandError> {
    let secret = SealingSecret::generate(&SystemEntropy);
    sealing_files::write_secret(path, &secret)?;
    note(&format!(
        "The secret half is in {}, and nowhere else. Keep it offline, and more than once: it opens the \
         secrets of all\naccounts that are opened from now on. The service needs only this line, under \
         [stellar]:",
        path.display()
    ));
    say(&format!("recovery_sealing_key = \"{}\"", secret.public_key()))?;
    Ok(ExitCode::SUCCESS)
}
