//! `farmgate sandbox wallet|fund|trust|pay|balance`: the sandbox used as a wallet.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use stellar_strkey::ed25519::PrivateKey;
use url::Url;

use crate::app::error::CommandError;
use crate::app::output::say;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::faucet::FRIENDBOT_STROOPS;
use farmgate_sandbox::wallet::{Funded, Horizon, Memo, Named, NamedAddress, Receipt, Wallet, WalletError};

/// How much of an asset a wallet gets if it does not say.
const FUND_DEFAULT_UNITS: u32 = 1_000;

/// The sandbox as a wallet. A wallet is a name, from which its key is derived, or a secret seed (S…).
#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// Print a wallet's address.
    Wallet {
        /// The wallet.
        wallet: String,
        /// Print its secret seed instead: sandbox wallets are for play.
        #[arg(long)]
        secret: bool,
    },
    /// Give a wallet XLM, with an account if it has none yet, or an asset from its issuer.
    Fund {
        /// The wallet.
        wallet: String,
        /// How much; of XLM it is always 10,000.
        amount: Option<Stroops>,
        /// TFT, TFTA or FreeTFT [default: XLM].
        asset: Option<String>,
        /// Where the sandbox listens.
        #[command(flatten)]
        horizon: HorizonArgs,
    },
    /// Let a wallet hold an asset.
    Trust {
        /// The wallet.
        wallet: String,
        /// TFT, TFTA, FreeTFT, or CODE:ISSUER.
        asset: String,
        /// Where the sandbox listens.
        #[command(flatten)]
        horizon: HorizonArgs,
    },
    /// Pay from a wallet.
    Pay {
        /// The wallet that pays.
        wallet: String,
        /// Who is paid: a wallet's name, or an address (G… or M…).
        to: NamedAddress,
        /// How much.
        amount: Stroops,
        /// TFT, TFTA, FreeTFT, native, or CODE:ISSUER.
        asset: String,
        /// A text memo of at most 28 bytes.
        #[arg(long)]
        memo: Option<String>,
        /// Where the sandbox listens.
        #[command(flatten)]
        horizon: HorizonArgs,
    },
    /// Show what a wallet holds, and what it could claim.
    Balance {
        /// A wallet's name, or an address (G… or M…).
        of: NamedAddress,
        /// Where the sandbox listens.
        #[command(flatten)]
        horizon: HorizonArgs,
    },
}

/// Where the sandbox is.
#[derive(Debug, Args)]
pub struct HorizonArgs {
    /// The sandbox's URL; loopback only.
    #[arg(long, default_value = "http://127.0.0.1:8000", value_name = "URL", env = "FARMGATE_SANDBOX_URL")]
    pub sandbox: Url,
}

/// Does what is asked, and says in which ledger it is.
pub(super) async fn run(command: WalletCommand) -> Result<ExitCode, CommandError> {
    match act(command).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(CommandError::Wallet(WalletError::Unreachable { horizon, source })) => {
            Err(CommandError::NoSandbox { horizon, source })
        }
        Err(error) => Err(error),
    }
}

async fn act(command: WalletCommand) -> Result<(), CommandError> {
    match command {
        WalletCommand::Wallet { wallet, secret } => {
            let wallet: Wallet = wallet.parse()?;
            if secret {
                let seed = PrivateKey(wallet.key().to_bytes());
                say(seed.as_unredacted().to_string().as_str())?;
            } else {
                say(&wallet.account().to_string())?;
            }
        }
        WalletCommand::Fund { wallet, amount, asset, horizon } => {
            let wallet: Wallet = wallet.parse()?;
            let asset: Named = asset.as_deref().unwrap_or("native").parse()?;
            let amount = amount.unwrap_or(Stroops::from_units(FUND_DEFAULT_UNITS));
            let horizon = Horizon::at(horizon.sandbox.as_str())?;
            let funded = horizon.fund(wallet.account(), asset, amount).await?;
            if let (Funded::Paid(_), Named::Asset(Asset::Native)) = (funded, asset) {
                let more = Stroops::new(FRIENDBOT_STROOPS).unwrap_or_default();
                say(&format!("the account exists already, and got {more} XLM more"))?;
            }
            receipt(funded.receipt())?;
        }
        WalletCommand::Trust { wallet, asset, horizon } => {
            let horizon = Horizon::at(horizon.sandbox.as_str())?;
            receipt(&horizon.trust(&wallet.parse()?, asset.parse()?).await?)?;
        }
        WalletCommand::Pay { wallet, to, amount, asset, memo, horizon } => {
            let memo = match memo {
                Some(text) => format!("text:{text}").parse()?,
                None => Memo::None,
            };
            let horizon = Horizon::at(horizon.sandbox.as_str())?;
            receipt(&horizon.pay(&wallet.parse()?, to.address, asset.parse()?, amount, &memo).await?)?;
        }
        WalletCommand::Balance { of, horizon } => {
            let horizon = Horizon::at(horizon.sandbox.as_str())?;
            let holdings = horizon.holdings(of.account).await?;
            for (asset, amount) in &holdings.balances {
                say(&format!("{amount} {}", holdings.name(asset)))?;
            }
            for (asset, amount) in &holdings.claimable {
                say(&format!("{amount} {} to claim", holdings.name(asset)))?;
            }
        }
    }
    Ok(())
}

fn receipt(receipt: &Receipt) -> Result<(), std::io::Error> {
    say(&format!("transaction {} is in ledger {}", receipt.hash, receipt.ledger))
}
