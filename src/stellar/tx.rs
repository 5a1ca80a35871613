//! Encodes a transaction's outline with stellar-base: the only place that knows that crate.
//!
//! Nothing foreign is parsed with it. Its traps, and what is done about them: a trust line without a limit
//! encodes 0, which deletes it, so the largest limit is always passed; `M…` texts decode wrongly, so a muxed
//! destination is made of key and id, never of text; fees over 32 bits are cut, so the outline's fee
//! is checked before; short memo hashes are padded, so hashes are arrays of 32 bytes here; its time bounds
//! and predicates want chrono, so they are made from seconds by its XDR types. Whatever else it may do wrong
//! is caught: `envelope` decodes every result with another crate and compares it with the outline.

use stellar_base::amount::Stroops as BaseStroops;
use stellar_base::claim::{ClaimPredicate, ClaimableBalanceId, Claimant};
use stellar_base::crypto::{
    DecoratedSignature, MuxedAccount, MuxedEd25519PublicKey, SignatureHint, Signer, SignerKey,
};
use stellar_base::error::Error;
use stellar_base::operations::Operation;
use stellar_base::time_bounds::TimeBounds;
use stellar_base::transaction::Transaction;
use stellar_base::xdr::{self, XDRSerialize};
use stellar_base::{Asset as BaseAsset, Memo as BaseMemo, PublicKey};

use super::plan::{Outline, Step};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::ports::network::BuildError;

/// A signature and whose it is.
pub(crate) struct Signature {
    pub(crate) key: AccountId,
    pub(crate) bytes: [u8; 64],
}

/// The envelope of `outline` with these signatures, base64 XDR.
pub(crate) fn encode(outline: &Outline, signatures: &[Signature]) -> Result<String, BuildError> {
    let invalid = |error: Error| BuildError::Invalid { reason: format!("stellar-base: {error}") };
    let mut transaction = transaction(outline).map_err(invalid)?;
    for signature in signatures {
        let [.., a, b, c, d] = *signature.key.bytes();
        let bytes = ed25519_dalek::Signature::from_bytes(&signature.bytes);
        transaction.signatures_mut().push(DecoratedSignature::new(SignatureHint([a, b, c, d]), bytes));
    }
    transaction.into_envelope().xdr_base64().map_err(invalid)
}

fn transaction(outline: &Outline) -> Result<Transaction, Error> {
    let bounds = xdr::TimeBounds { min_time: xdr::TimePoint(0), max_time: xdr::TimePoint(outline.max_time) };
    let fee = BaseStroops::new(i64::from(outline.fee_per_operation));
    let mut builder = Transaction::builder(key(outline.source), outline.sequence, fee)
        .with_time_bounds(TimeBounds::from_xdr(&bounds)?)
        .with_memo(memo(&outline.memo)?);
    for step in &outline.steps {
        builder = builder.add_operation(operation(step)?);
    }
    builder.into_transaction()
}

fn operation(step: &Step) -> Result<Operation, Error> {
    match step {
        Step::BeginSponsoring { sponsor, sponsored } => Operation::new_begin_sponsoring_future_reserves()
            .with_source_account(key(*sponsor))
            .with_sponsored_id(key(*sponsored))
            .build(),
        Step::CreateAccount { funder, account, starting_balance } => Operation::new_create_account()
            .with_source_account(key(*funder))
            .with_destination(key(*account))
            .with_starting_balance(stroops(*starting_balance))?
            .build(),
        Step::HandOver { account, signer, weight, threshold } => Operation::new_set_options()
            .with_source_account(key(*account))
            .with_master_weight(Some(0))
            .with_low_threshold(Some(*threshold))
            .with_medium_threshold(Some(*threshold))
            .with_high_threshold(Some(*threshold))
            .with_signer(Some(Signer::new(SignerKey::new_from_public_key(key(*signer)), *weight)))
            .build(),
        Step::AddRecovery { account, signer } => Operation::new_set_options()
            .with_source_account(key(*account))
            .with_signer(Some(Signer::new(SignerKey::new_from_public_key(key(*signer)), 1)))
            .build(),
        Step::Trust { account, asset } => Operation::new_change_trust()
            .with_source_account(key(*account))
            .with_asset(asset_of(asset)?.into())
            .with_limit(Some(BaseStroops::max()))?
            .build(),
        Step::EndSponsoring { account } => {
            Ok(Operation::new_end_sponsoring_future_reserves().with_source_account(key(*account)).build())
        }
        // Limit 0 deletes the line.
        Step::Distrust { account, asset } => Operation::new_change_trust()
            .with_source_account(key(*account))
            .with_asset(asset_of(asset)?.into())
            .with_limit(Some(BaseStroops::new(0)))?
            .build(),
        Step::CreateClaimable { from, asset, amount, recipient, platform, reclaim_from } => {
            let anytime = ClaimPredicate::new_unconditional();
            let too_early =
                ClaimPredicate::from_xdr(&xdr::ClaimPredicate::BeforeAbsoluteTime(*reclaim_from))?;
            Operation::new_create_claimable_balance()
                .with_source_account(key(*from))
                .with_asset(asset_of(asset)?)
                .with_amount(stroops(*amount))?
                .with_claimants(vec![
                    Claimant::new(key(*recipient), anytime),
                    Claimant::new(key(*platform), ClaimPredicate::new_not(too_early)),
                ])
                .build()
        }
        Step::Claim { account, id } => Operation::new_claim_claimable_balance()
            .with_source_account(key(*account))
            .with_claimable_balance_id(ClaimableBalanceId::new(id.0.to_vec())?)
            .build(),
        Step::Merge { account, into } => Operation::new_account_merge()
            .with_source_account(key(*account))
            .with_destination(key(*into).into())
            .build(),
        Step::Pay(payment) => Operation::new_payment()
            .with_source_account(key(payment.from))
            .with_destination(destination(payment.to)?)
            .with_asset(asset_of(&payment.asset)?)
            .with_amount(stroops(payment.amount))?
            .build(),
    }
}

fn destination(to: Address) -> Result<MuxedAccount, Error> {
    match to {
        Address::Account(account) => Ok(key(account).into()),
        Address::Muxed { account, id } => Ok(MuxedEd25519PublicKey::new(key(account), id).into()),
        Address::Contract(_) => Err(Error::UnsupportedFeature),
    }
}

const fn key(account: AccountId) -> PublicKey {
    PublicKey(account.0)
}

fn stroops(amount: Stroops) -> BaseStroops {
    BaseStroops::new(amount.get())
}

fn asset_of(asset: &Asset) -> Result<BaseAsset, Error> {
    match asset {
        Asset::Native => Ok(BaseAsset::new_native()),
        Asset::Credit { code, issuer } => BaseAsset::new_credit(code.as_str(), key(*issuer)),
    }
}

fn memo(memo: &Memo) -> Result<BaseMemo, Error> {
    match memo {
        Memo::None => Ok(BaseMemo::new_none()),
        Memo::Text(text) => BaseMemo::new_text(text.as_str()),
        Memo::Id(id) => Ok(BaseMemo::new_id(*id)),
        Memo::Hash(hash) => BaseMemo::new_hash(&hash.0),
        Memo::Return(hash) => BaseMemo::new_return(&hash.0),
    }
}
