//! What the network gives: new accounts with XLM from friendbot, and tokens from their issuers.
//!
//! Each gift is an ordinary transaction of its own. Its source is one of the network's channel accounts,
//! so that a hundred gifts fit into one ledger although one waits per source.

use jiff::Timestamp;
use stellar_xdr::{
    CreateAccountOp, DecoratedSignature, Memo, MuxedAccount, Operation, OperationBody, PaymentOp,
    Preconditions, SequenceNumber, Transaction, TransactionEnvelope, TransactionExt, TransactionV1Envelope,
    Uint256,
};

use super::ledger::outcome::Outcome;
use super::ledger::{BASE_FEE_STROOPS, Ledger, Submission};
use super::network::account_of_key;
use super::xdr::{Tx, XdrError, muxed, sign, xdr_account, xdr_asset};
use stellar_types::address::{AccountId, Address};
use stellar_types::asset::{Asset, AssetCode};
use stellar_types::ids::TxHash;
use stellar_types::money::Stroops;

/// What friendbot gives a new account, in stroops: 10,000 XLM.
pub const FRIENDBOT_STROOPS: i64 = 10_000 * 10_000_000;

/// Something given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gift {
    /// A new account with [`FRIENDBOT_STROOPS`].
    Account(AccountId),
    /// More XLM for an account that exists.
    Xlm {
        /// Who gets it.
        to: Address,
        /// How much.
        amount: Stroops,
    },
    /// Fresh tokens from the issuer of a code.
    Tokens {
        /// Of this code.
        code: AssetCode,
        /// Who gets them.
        to: Address,
        /// How much.
        amount: Stroops,
    },
}

/// Why nothing was given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GiftError {
    /// The sandbox does not issue it.
    #[error("the sandbox issues no {code}")]
    NoIssuer {
        /// The asset's code.
        code: AssetCode,
    },
    /// A contract cannot be paid.
    #[error("{to} cannot receive a payment")]
    Unpayable {
        /// The address.
        to: Address,
    },
    /// Every channel has a transaction that waits; the next ledger frees them.
    #[error("every channel is waiting for the next ledger")]
    Busy,
    /// The ledger would not have it.
    #[error("the ledger refused it")]
    Refused {
        /// Its answer.
        outcome: Box<Outcome>,
    },
    /// The transaction could not be written.
    #[error(transparent)]
    Xdr(#[from] XdrError),
}

/// Submits a gift, and says under which hash it will be in the next ledger.
pub fn give(ledger: &mut Ledger, gift: Gift, now: Timestamp) -> Result<TxHash, GiftError> {
    let keys = ledger.keys();
    let (giver, body) = match gift {
        Gift::Account(account) => (
            keys.root.clone(),
            OperationBody::CreateAccount(CreateAccountOp {
                destination: xdr_account(account),
                starting_balance: FRIENDBOT_STROOPS,
            }),
        ),
        Gift::Xlm { to, amount } => {
            let destination = muxed(to).ok_or(GiftError::Unpayable { to })?;
            let asset = xdr_asset(Asset::Native);
            let pay = PaymentOp { destination, asset, amount: amount.get() };
            (keys.root.clone(), OperationBody::Payment(pay))
        }
        Gift::Tokens { code, to, amount } => {
            let issuer = keys.issuer(code.as_str()).ok_or(GiftError::NoIssuer { code })?.clone();
            let asset = xdr_asset(Asset::credit(code, account_of_key(&issuer)));
            let destination = muxed(to).ok_or(GiftError::Unpayable { to })?;
            (issuer, OperationBody::Payment(PaymentOp { destination, asset, amount: amount.get() }))
        }
    };
    let free = keys.channels.iter().find(|key| !ledger.is_waiting(account_of_key(key)));
    let channel = free.ok_or(GiftError::Busy)?.clone();
    let source = account_of_key(&channel);
    let sequence = ledger.state().get(source).ok_or(GiftError::Busy)?.sequence;
    let key_of = |account: AccountId| MuxedAccount::Ed25519(Uint256(account.0));
    let operation = Operation { source_account: Some(key_of(account_of_key(&giver))), body };
    let envelope = |signatures: Vec<DecoratedSignature>, transaction: Transaction| {
        TransactionEnvelope::Tx(TransactionV1Envelope {
            tx: transaction,
            signatures: signatures.try_into().unwrap_or_default(),
        })
    };
    let transaction = Transaction {
        source_account: key_of(source),
        fee: BASE_FEE_STROOPS,
        seq_num: SequenceNumber(sequence + 1),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: [operation].try_into().unwrap_or_default(),
        ext: TransactionExt::V0,
    };
    let network_id = ledger.network_id();
    let hash = Tx::new(envelope(Vec::new(), transaction.clone()), network_id)?.hash;
    let signatures = vec![sign(&channel, hash), sign(&giver, hash)];
    match ledger.submit(Tx::new(envelope(signatures, transaction), network_id)?, now) {
        Submission::Pending | Submission::Duplicate => Ok(hash),
        Submission::TryAgainLater => Err(GiftError::Busy),
        Submission::Refused(outcome) => Err(GiftError::Refused { outcome }),
    }
}
