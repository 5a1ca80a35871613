//! Fee bumps around envelopes of ours (CAP-15): the inner envelope byte for byte, and a higher bid around it.
//!
//! What is wrapped was built and checked here before (`envelope`), and is our own.
//! Fails with [`EnvelopeError`].

use stellar_xdr::{
    DecoratedSignature, FeeBumpTransaction, FeeBumpTransactionEnvelope, FeeBumpTransactionExt,
    FeeBumpTransactionInnerTx, Signature, SignatureHint, TransactionEnvelope, WriteXdr,
};

use super::envelope::{EnvelopeError, LIMITS, decode, hash_of_bump, plain};
use crate::domain::address::AccountId;
use crate::domain::ids::TxHash;

/// A fee bump that waits for its signature.
pub(crate) struct FeeBump {
    transaction: FeeBumpTransaction,
    hash: TxHash,
    fee_per_operation: u32,
}

impl FeeBump {
    /// Around `envelope`, paid by `payer`. Bids this per operation, or what the envelope bids if that
    /// is more: the ledger takes no bump that bids less than what it bumps.
    pub(crate) fn around(
        envelope: &str,
        payer: AccountId,
        fee_per_operation: u32,
        network_id: &[u8; 32],
    ) -> Result<Self, EnvelopeError> {
        let inner = decode(envelope)?;
        let operations = u32::try_from(inner.tx.operations.len()).map_err(|_| EnvelopeError::Limits)?;
        let bid = inner.tx.fee.div_ceil(operations.max(1));
        let fee_per_operation = fee_per_operation.max(bid);
        // The bump counts as an operation.
        let fee = i64::from(fee_per_operation) * (i64::from(operations) + 1);
        let transaction = FeeBumpTransaction {
            fee_source: plain(payer),
            fee,
            inner_tx: FeeBumpTransactionInnerTx::Tx(inner),
            ext: FeeBumpTransactionExt::V0,
        };
        let hash = hash_of_bump(transaction.clone(), network_id)?;
        Ok(Self { transaction, hash, fee_per_operation })
    }

    /// The hash that is signed, and by which the network knows the whole.
    pub(crate) const fn hash(&self) -> TxHash {
        self.hash
    }

    /// What it bids per operation, in stroops.
    pub(crate) const fn fee_per_operation(&self) -> u32 {
        self.fee_per_operation
    }

    /// The envelope with `key`'s signature, base64 XDR.
    pub(crate) fn signed(self, key: AccountId, signature: [u8; 64]) -> Result<String, EnvelopeError> {
        let [.., a, b, c, d] = *key.bytes();
        let signature = Signature(signature.to_vec().try_into().map_err(|_| EnvelopeError::Limits)?);
        let decorated = DecoratedSignature { hint: SignatureHint([a, b, c, d]), signature };
        let signatures = vec![decorated].try_into().map_err(|_| EnvelopeError::Limits)?;
        let envelope = FeeBumpTransactionEnvelope { tx: self.transaction, signatures };
        TransactionEnvelope::TxFeeBump(envelope).to_xdr_base64(LIMITS).map_err(|_| EnvelopeError::Limits)
    }
}
