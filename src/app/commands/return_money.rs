//! `farmgate return`: where money goes that cannot go back to where it came from.

use std::process::ExitCode;

use clap::Args;

use crate::app::clock::at_the_command_line;
use crate::app::config::{self, ConfigArgs};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::say;
use crate::domain::address::Address;
use crate::domain::ids::TxHash;
use crate::domain::payment::Memo;
use crate::domain::refund::RefundAddress;
use crate::domain::transfer::GivenBack;
use crate::ports::store::transact;
use crate::settlement::return_to;

/// `farmgate return`.
#[derive(Debug, Args)]
pub struct ReturnArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The payment's id, `OPERATION-CHANGE`; or that of a claimable balance which was reclaimed.
    #[arg(value_name = "PAYMENT|BALANCE")]
    pub what: GivenBack,
    /// Where its money goes: an account (`G…`) or a muxed account (`M…`).
    #[arg(long, value_name = "ADDRESS")]
    pub to: Address,
    /// The memo that goes with it.
    #[command(flatten)]
    pub memo: MemoArgs,
}

/// At most one memo.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub struct MemoArgs {
    /// A memo of type text, up to 28 bytes.
    #[arg(long, value_name = "TEXT")]
    pub memo_text: Option<String>,
    /// A memo of type id.
    #[arg(long, value_name = "NUMBER")]
    pub memo_id: Option<u64>,
    /// A memo of type hash: 64 hexadecimal digits.
    #[arg(long, value_name = "HASH")]
    pub memo_hash: Option<TxHash>,
}

impl From<MemoArgs> for Memo {
    fn from(args: MemoArgs) -> Self {
        match (args.memo_text, args.memo_id, args.memo_hash) {
            (Some(text), _, _) => Self::Text(text),
            (None, Some(id), _) => Self::Id(id),
            (None, None, Some(hash)) => Self::Hash(hash),
            (None, None, None) => Self::None,
        }
    }
}

/// Decides.
pub(super) async fn run(args: ReturnArgs) -> Result<ExitCode, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let store = database::existing(&settings).await?;
    let (what, to) = (args.what, RefundAddress::new(args.to, args.memo.into())?);
    let address = to.address();
    let decided = transact(&store, move |tx| {
        let to = to.clone();
        Box::pin(async move { return_to(tx, &at_the_command_line(), what, &to).await })
    })
    .await?;
    let transfer = decided.ok_or(CommandError::NothingToGiveBack(what))?;
    say(&format!("{} {} of {what} go to {address}", transfer.amount, transfer.asset.code()))?;
    Ok(ExitCode::SUCCESS)
}
