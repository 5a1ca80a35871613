//! Operations of one account in process: each call is one transaction, signed with the account's key.
//!
//! Like the [faucet](crate::faucet) it speaks to the ledger and not to HTTP, so that what people do meets no
//! fault and takes no time.

use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use stellar_types::address::{AccountId, Address};
use stellar_types::ids::TxHash;
use stellar_xdr::{
    DecoratedSignature, Memo, Operation as XdrOperation, Preconditions, SequenceNumber, Transaction,
    TransactionEnvelope, TransactionExt, TransactionV1Envelope,
};

use crate::ledger::outcome::Outcome;
use crate::ledger::{BASE_FEE_STROOPS, Ledger, Submission};
use crate::network::account_of_key;
use crate::node::Sandbox;
use crate::operations::{Operation, OperationError, payable};
use crate::xdr::{Tx, XdrError, sign};

/// People bid so many times the smallest fee, so that a surge does not keep them out.
const FEE_FACTOR: u32 = 1_000;

/// Why nothing was submitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SubmitError {
    /// The account does not exist.
    #[error("account {account} does not exist")]
    NoAccount {
        /// The account.
        account: AccountId,
    },
    /// A transaction of the account waits already.
    #[error("another transaction of this account is waiting for the next ledger")]
    Busy,
    /// The ledger would not have it.
    #[error("the ledger refused it")]
    Refused {
        /// Its answer.
        outcome: Box<Outcome>,
    },
    /// An operation that cannot be written.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// The transaction could not be written.
    #[error(transparent)]
    Xdr(#[from] XdrError),
}

/// Submits what the owner of `key` does, as the sub-account `id` of that account if one is named, and says
/// under which hash it will be in a ledger.
fn submit(
    ledger: &mut Ledger,
    key: &SigningKey,
    id: Option<u64>,
    operations: &[Operation],
    now: Timestamp,
) -> Result<TxHash, SubmitError> {
    let account = account_of_key(key);
    if ledger.is_waiting(account) {
        return Err(SubmitError::Busy);
    }
    let Some(owner) = ledger.state().get(account) else { return Err(SubmitError::NoAccount { account }) };
    let written: Vec<XdrOperation> = operations
        .iter()
        .map(|operation| Ok(XdrOperation { source_account: None, body: operation.to_xdr()? }))
        .collect::<Result<_, OperationError>>()?;
    let address = id.map_or(Address::Account(account), |id| Address::Muxed { account, id });
    let transaction = Transaction {
        source_account: payable(address)?,
        fee: BASE_FEE_STROOPS
            .saturating_mul(FEE_FACTOR)
            .saturating_mul(u32::try_from(operations.len()).unwrap_or(1)),
        seq_num: SequenceNumber(owner.sequence + 1),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: written.try_into().unwrap_or_default(),
        ext: TransactionExt::V0,
    };
    let network_id = ledger.network_id();
    let envelope = |signatures: Vec<DecoratedSignature>| {
        TransactionEnvelope::Tx(TransactionV1Envelope {
            tx: transaction.clone(),
            signatures: signatures.try_into().unwrap_or_default(),
        })
    };
    let hash = Tx::new(envelope(Vec::new()), network_id)?.hash;
    match ledger.submit(Tx::new(envelope(vec![sign(key, hash)]), network_id)?, now) {
        Submission::Pending | Submission::Duplicate => Ok(hash),
        Submission::TryAgainLater => Err(SubmitError::Busy),
        Submission::Refused(outcome) => Err(SubmitError::Refused { outcome }),
    }
}

impl Sandbox {
    /// Submits what the owner of `key` does: all of it or nothing.
    pub fn act(&self, key: &SigningKey, operations: &[Operation]) -> Result<TxHash, SubmitError> {
        self.act_as(key, None, operations)
    }

    /// The same, as a sub-account.
    pub fn act_as(
        &self,
        key: &SigningKey,
        id: Option<u64>,
        operations: &[Operation],
    ) -> Result<TxHash, SubmitError> {
        let now = self.now();
        self.with_ledger_mut(|ledger| submit(ledger, key, id, operations, now))
    }
}
