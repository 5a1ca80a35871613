//! `farmgate setup`: says what is missing and what it takes, and opens it when told to. Safe to repeat.
//!
//! It opens through the engine, so that everything is stored before it is sent, and a setup that was cut off
//! goes on where it was. It takes the engine's lease for that. Where a service has it, that opens the
//! accounts, and setup only watches.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::app::clock::{SystemClock, SystemEntropy};
use crate::app::config::{self, Config, ConfigArgs, Overrides};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::{note, say};
use crate::app::wire::{self, ServiceError};
use crate::domain::money::Stroops;
use crate::domain::transfer::Purpose;
use crate::operator::deployment;
use crate::operator::{AccountInventory, InventoryError, SetupPlan, account_inventory, plan_setup};
use crate::ports::clock::Clock;
use crate::ports::network::{Gateway, Network, TransactionBuilder};
use crate::ports::store::{Store, StoreError};
use crate::settlement::{Candidate, EngineError, Leadership, Look, Outside, TickReport, Watched};
use crate::stellar::StellarNetwork;
use crate::storage::{self, SchemaState};

/// How long setup waits for all accounts to be there.
const SETUP_SECONDS_MAX: i64 = 300;
/// Longest pause between two looks, in milliseconds.
const LOOK_MILLIS_MAX: u64 = 2_000;

/// `farmgate setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Horizon's URL [default: the sandbox on this machine].
    #[arg(long, value_name = "URL")]
    pub horizon: Option<Url>,
    /// Do it, without asking.
    #[arg(long)]
    pub yes: bool,
}

impl SetupArgs {
    /// The overrides these flags mean.
    pub fn overrides(&self) -> Overrides {
        self.config.overrides_at(self.horizon.as_ref())
    }
}

/// Shows the plan; acts on it if told to. Exit code 1 if something is left that should not be.
pub(super) async fn run(args: &SetupArgs) -> Result<ExitCode, CommandError> {
    let secret = config::platform_secret(|name| std::env::var(name).ok())?;
    let config = config::load_with_key(&args.config, args.overrides(), &secret)?;
    let network = wire::network(&config, &secret)?;
    wire::reach(&network, &config.stellar.horizon_url).await?;
    let targets = config.targets();

    let schema = storage::schema(&config.database).await.map_err(ServiceError::from)?;
    let mut store = match schema {
        SchemaState::Current { .. } => Some(connect(&config).await?),
        SchemaState::Missing | SchemaState::Behind { .. } => None,
    };
    let before = match &store {
        Some(store) => account_inventory(&**store, &*network).await?,
        None => AccountInventory::default(),
    };
    if let Some(store) = &store {
        deployment::compare(&**store, &config.deployment()).await.map_err(ServiceError::from)?;
        deployment::recognise(&**store, &*network).await.map_err(ServiceError::from)?;
    }
    let account = network.account(network.platform()).await.map_err(InventoryError::from)?.account;
    let fee = config.settlement.fee_per_operation_stroops;
    let mut plan = plan_setup(network.platform(), account.as_ref(), &before, &targets, fee);
    if store.is_none()
        && let Some(obstacle) = database::obstacle(&config.database.url)
    {
        plan.obstacles
            .insert(0, format!("the database: {obstacle}; make that possible, or set database.url"));
    }
    for line in lines(&plan, &schema, &config) {
        say(&line)?;
    }
    if store.is_some() && plan.is_done() {
        say("nothing to do")?;
        return Ok(ExitCode::SUCCESS);
    }
    if !plan.obstacles.is_empty() {
        note("nothing was done: first do what only you can do, then run this again");
        return Ok(if args.yes { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    if !args.yes && !agreed()? {
        note("nothing was done: `farmgate setup --yes` does it");
        return Ok(ExitCode::SUCCESS);
    }
    let store = match store.take() {
        Some(store) => store,
        None => connect(&config).await?,
    };
    deployment::claim(&store, config.deployment()).await.map_err(ServiceError::from)?;
    open(&config, &store, network).await
}

async fn connect(config: &Config) -> Result<Arc<dyn Store>, CommandError> {
    Ok(storage::connect(&config.database).await.map_err(ServiceError::from)?)
}

/// The plan for people.
fn lines(plan: &SetupPlan, schema: &SchemaState, config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let url = database::place(&config.database.url);
    match schema {
        SchemaState::Missing => lines.push(format!("database          make {url}")),
        SchemaState::Behind { applied, known } => {
            lines.push(format!(
                "database          bring {url} up to date: migrations {} to {known}",
                applied + 1
            ));
        }
        SchemaState::Current { .. } => lines.push(format!("database          {url} is up to date")),
    }
    let platform = match plan.spendable {
        Some(spendable) => format!("{} has {spendable} XLM above its reserves", plan.platform),
        None => format!("{} is not on the ledger", plan.platform),
    };
    let enter = if plan.enter_platform { "; enter it into the books" } else { "" };
    lines.push(format!("platform account  {platform}{enter}"));
    let opened = |what: &str, count: u64, take: Stroops, of_which: &str| match count {
        0 => format!("{what:<17} none to open"),
        count => format!("{what:<17} open {count}, which takes {take} XLM{of_which}"),
    };
    lines.push(opened("channels", plan.channels, plan.channels_take, " of fees to be paid and reserves"));
    lines.push(opened("escrow accounts", plan.escrows, plan.escrows_take, " of reserves"));
    if plan.under_way > 0 {
        lines.push(format!(
            "under way         {} accounts, until their transactions have an outcome",
            plan.under_way
        ));
    }
    if !plan.needed().is_zero() {
        lines.push(format!(
            "in all            {} XLM, of which at most {} for fees",
            plan.needed(),
            plan.fees
        ));
    }
    lines.extend(plan.obstacles.iter().map(|obstacle| format!("you, first        {obstacle}")));
    lines.extend(plan.notes.iter().map(|note| format!("you, some time    {note}")));
    lines
}

/// Asks, where somebody is there to answer.
fn agreed() -> Result<bool, std::io::Error> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    write!(std::io::stderr(), "Do it? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Opens what is missing, or watches the service that does, until all is there or the time is up.
async fn open(
    config: &Config,
    store: &Arc<dyn Store>,
    network: Arc<StellarNetwork>,
) -> Result<ExitCode, CommandError> {
    let outside = Outside {
        store: Arc::clone(store),
        network: Arc::clone(&network) as Arc<dyn Network>,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let candidate = Candidate::new(outside, config.settlement.clone(), "setup");
    let mut turn = Turn::default();
    let done = open_until(config, &**store, &network, &candidate, &mut turn).await;
    if let Some(term) = turn.term {
        term.release().await;
    }
    done
}

/// Whether it is setup's turn to open accounts.
#[derive(Default)]
struct Turn {
    term: Option<Box<Leadership>>,
    watched: Watched,
    /// Who has the lease instead, as it was said.
    said: Option<String>,
}

impl Turn {
    /// One step towards the accounts, if the lease is or becomes ours; what is in the way.
    async fn step(&mut self, candidate: &Candidate) -> Result<Option<String>, CommandError> {
        if self.term.is_none() {
            match candidate.look(&mut self.watched).await {
                Ok(Look::Taken(term)) => self.term = Some(term),
                Ok(Look::Held(lease)) => {
                    let holder = lease.holder.unwrap_or_default();
                    if self.said.as_ref() != Some(&holder) {
                        note(&format!(
                            "{holder} has the engine's lease on this database and opens the accounts; \
                             waiting for it"
                        ));
                        self.said = Some(holder);
                    }
                }
                Err(error) => return Ok(Some(error.to_string())),
            }
        }
        let Some(term) = &self.term else { return Ok(None) };
        Ok(match term.while_held(term.engine.open_once()).await {
            Some(Ok(TickReport { troubles, .. })) => troubles.first().cloned(),
            Some(Err(error @ EngineError::Store(StoreError::WentBack { .. }))) => {
                term.release().await;
                *self = Self::default();
                Some(error.to_string())
            }
            Some(Err(error)) => Some(error.to_string()),
            None => {
                *self = Self::default();
                Some("another process has taken the engine's lease over".to_owned())
            }
        })
    }
}

async fn open_until(
    config: &Config,
    store: &dyn Store,
    network: &StellarNetwork,
    candidate: &Candidate,
    turn: &mut Turn,
) -> Result<ExitCode, CommandError> {
    let (targets, until) = (config.targets(), deadline(SystemClock.now()));
    let tick = Duration::from_millis(config.settlement.tick_millis);
    let bar = progress_bar();
    let mut trouble;
    loop {
        trouble = turn.step(candidate).await?;
        match account_inventory(store, network).await {
            Ok(inventory) => {
                bar.set_length(inventory.total(&targets));
                bar.set_position(inventory.ready(&targets));
                if inventory.is_complete(&targets) {
                    bar.finish_and_clear();
                    say(&format!(
                        "{} channels and {} escrow accounts are ready",
                        inventory.channels_ready, inventory.escrows_ready
                    ))?;
                    return Ok(ExitCode::SUCCESS);
                }
            }
            Err(error) => trouble = Some(error.to_string()),
        }
        if SystemClock.now() >= until {
            break;
        }
        let pause = tick.min(Duration::from_millis(LOOK_MILLIS_MAX));
        SystemClock.sleep(if turn.term.is_some() { pause } else { pause.max(candidate.look_pause()) }).await;
    }
    bar.abandon();
    let why = match trouble {
        Some(trouble) => trouble,
        None => last_answer(store).await?,
    };
    note(&format!("not everything is there after {SETUP_SECONDS_MAX} s: {why}"));
    note("it goes on where it is when you run `farmgate setup --yes` again, or start `farmgate serve`");
    Ok(ExitCode::FAILURE)
}

fn deadline(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(SETUP_SECONDS_MAX)).unwrap_or(Timestamp::MAX)
}

/// On a terminal only.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} accounts, {elapsed}") {
        bar.set_style(style);
    }
    bar
}

/// What Horizon last said to a transaction that opens accounts.
async fn last_answer(store: &dyn Store) -> Result<String, ServiceError> {
    let live = store.begin_read().await?.live_submissions().await?.readable(|_| {});
    let opening = live
        .into_iter()
        .find(|one| matches!(one.purpose, Purpose::OpenChannels { .. } | Purpose::OpenEscrows { .. }));
    Ok(match opening {
        Some(one) => {
            let answer = one.last_answer.unwrap_or_else(|| "no answer yet".to_owned());
            format!("transaction {} was sent {} times: {answer}", one.hash, one.attempts)
        }
        None => "no transaction is under way; `farmgate doctor` says what is wrong".to_owned(),
    })
}
