//! Reads envelopes with stellar-xdr: what exactly they say, and by which hash the network will know them.
//!
//! Every envelope we build is decoded here and compared, field by field, with an encoding of the same outline
//! that does not come from the crate that built it. This runs in production: an envelope that says anything
//! else than was planned is never signed. Fails with [`EnvelopeError`].

use sha2::{Digest, Sha256};
use stellar_xdr::{AccountId as XdrAccountId, Asset as XdrAsset, Memo as XdrMemo};
use stellar_xdr::{
    AlphaNum4, AlphaNum12, AssetCode4, AssetCode12, BeginSponsoringFutureReservesOp, ChangeTrustAsset,
    ChangeTrustOp, ClaimClaimableBalanceOp, ClaimPredicate, ClaimableBalanceId, Claimant, ClaimantV0,
    CreateAccountOp, CreateClaimableBalanceOp, FeeBumpTransaction, Hash, HashIdPreimage,
    HashIdPreimageOperationId, Limits, MuxedAccount, MuxedAccountMed25519, Operation, OperationBody,
    PaymentOp, Preconditions, PublicKey, ReadXdr, SequenceNumber, SetOptionsOp, Signer, SignerKey,
    TimeBounds, TimePoint, Transaction, TransactionEnvelope, TransactionExt, TransactionSignaturePayload,
    TransactionSignaturePayloadTaggedTransaction, TransactionV1Envelope, Uint256, WriteXdr,
};

use super::plan::{Outline, Step};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{ClaimableId, TxHash};
use crate::domain::payment::Memo;
use crate::ports::network::BuildError;

/// Largest envelope: 100 operations and 20 signatures are far below.
const ENVELOPE_BYTES_MAX: usize = 128 << 10;
const XDR_DEPTH_MAX: u32 = 200;
pub(super) const LIMITS: Limits = Limits { depth: XDR_DEPTH_MAX, len: ENVELOPE_BYTES_MAX };

/// Why an envelope is not the one it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// No envelope of a kind we make.
    #[error("the envelope cannot be decoded")]
    Undecodable,
    /// It says something else than was planned.
    #[error("the envelope says something else than was planned: {what}")]
    Differs {
        /// In what.
        what: String,
    },
    /// Its signatures are not exactly the ones that are needed.
    #[error("the envelope's signatures are not the ones that are needed")]
    Signatures,
    /// The outline itself cannot be written.
    #[error("the transaction is over the ledger's limits")]
    Limits,
}

impl From<EnvelopeError> for BuildError {
    fn from(error: EnvelopeError) -> Self {
        Self::Invalid { reason: error.to_string() }
    }
}

/// The id of a network: the hash of its passphrase.
pub fn network_id(passphrase: &str) -> [u8; 32] {
    Sha256::digest(passphrase.as_bytes()).into()
}

/// A plain envelope; no fee bump.
pub(super) fn decode(envelope: &str) -> Result<TransactionV1Envelope, EnvelopeError> {
    match TransactionEnvelope::from_xdr_base64(envelope, LIMITS) {
        Ok(TransactionEnvelope::Tx(envelope)) => Ok(envelope),
        Ok(TransactionEnvelope::TxV0(_) | TransactionEnvelope::TxFeeBump(_)) | Err(_) => {
            Err(EnvelopeError::Undecodable)
        }
    }
}

/// The hash of an envelope of ours on the network with this id; of a fee bump the outer one.
pub fn hash(envelope: &str, network_id: &[u8; 32]) -> Result<TxHash, EnvelopeError> {
    match TransactionEnvelope::from_xdr_base64(envelope, LIMITS) {
        Ok(TransactionEnvelope::Tx(envelope)) => hash_of(envelope.tx, network_id),
        Ok(TransactionEnvelope::TxFeeBump(bump)) => hash_of_bump(bump.tx, network_id),
        Ok(TransactionEnvelope::TxV0(_)) | Err(_) => Err(EnvelopeError::Undecodable),
    }
}

fn hash_of(transaction: Transaction, network_id: &[u8; 32]) -> Result<TxHash, EnvelopeError> {
    hash_tagged(TransactionSignaturePayloadTaggedTransaction::Tx(transaction), network_id)
}

pub(super) fn hash_of_bump(bump: FeeBumpTransaction, network_id: &[u8; 32]) -> Result<TxHash, EnvelopeError> {
    hash_tagged(TransactionSignaturePayloadTaggedTransaction::TxFeeBump(bump), network_id)
}

fn hash_tagged(
    tagged_transaction: TransactionSignaturePayloadTaggedTransaction,
    network_id: &[u8; 32],
) -> Result<TxHash, EnvelopeError> {
    let payload = TransactionSignaturePayload { network_id: Hash(*network_id), tagged_transaction };
    let bytes = payload.to_xdr(LIMITS).map_err(|_| EnvelopeError::Limits)?;
    Ok(TxHash(Sha256::digest(bytes).into()))
}

/// Checks that `envelope` says what `outline` says and is signed by exactly `signers`, each once.
/// Gives its hash.
pub(crate) fn check(
    envelope: &str,
    outline: &Outline,
    signers: &[AccountId],
    network_id: &[u8; 32],
) -> Result<TxHash, EnvelopeError> {
    let envelope = decode(envelope)?;
    let planned = transaction(outline)?;
    if envelope.tx != planned {
        return Err(EnvelopeError::Differs { what: difference(&envelope.tx, &planned) });
    }
    let hash = hash_of(planned, network_id)?;
    if envelope.signatures.len() != signers.len() {
        return Err(EnvelopeError::Signatures);
    }
    for (decorated, signer) in envelope.signatures.iter().zip(signers) {
        let [.., a, b, c, d] = *signer.bytes();
        let bytes: Option<[u8; 64]> = decorated.signature.0.as_slice().try_into().ok();
        let key = ed25519_dalek::VerifyingKey::from_bytes(signer.bytes()).ok();
        let (Some(bytes), Some(key)) = (bytes, key) else { return Err(EnvelopeError::Signatures) };
        let signature = ed25519_dalek::Signature::from_bytes(&bytes);
        if decorated.hint.0 != [a, b, c, d] || key.verify_strict(&hash.0, &signature).is_err() {
            return Err(EnvelopeError::Signatures);
        }
    }
    Ok(hash)
}

/// Where two transactions differ, for people.
fn difference(built: &Transaction, planned: &Transaction) -> String {
    let operation =
        built.operations.iter().zip(planned.operations.iter()).position(|(one, other)| one != other);
    match operation {
        _ if built.source_account != planned.source_account => "source account".to_owned(),
        _ if built.seq_num != planned.seq_num => "sequence number".to_owned(),
        _ if built.fee != planned.fee => "fee".to_owned(),
        _ if built.cond != planned.cond => "time bounds".to_owned(),
        _ if built.memo != planned.memo => "memo".to_owned(),
        Some(place) => format!("operation {}", place + 1),
        None => "number of operations".to_owned(),
    }
}

fn transaction(outline: &Outline) -> Result<Transaction, EnvelopeError> {
    let operations: Result<Vec<_>, _> = outline.steps.iter().map(operation).collect();
    Ok(Transaction {
        source_account: plain(outline.source),
        fee: outline.fee,
        seq_num: SequenceNumber(outline.sequence),
        cond: Preconditions::Time(TimeBounds {
            min_time: TimePoint(0),
            max_time: TimePoint(outline.max_time),
        }),
        memo: memo(&outline.memo)?,
        operations: operations?.try_into().map_err(|_| EnvelopeError::Limits)?,
        ext: TransactionExt::V0,
    })
}

fn operation(step: &Step) -> Result<Operation, EnvelopeError> {
    let (source, body) = match step {
        Step::BeginSponsoring { sponsor, sponsored } => {
            let begin = BeginSponsoringFutureReservesOp { sponsored_id: account(*sponsored) };
            (*sponsor, OperationBody::BeginSponsoringFutureReserves(begin))
        }
        Step::CreateAccount { funder, account: new, starting_balance } => {
            let create =
                CreateAccountOp { destination: account(*new), starting_balance: starting_balance.get() };
            (*funder, OperationBody::CreateAccount(create))
        }
        Step::HandOver { account, signer: with, weight, threshold } => {
            let options = SetOptionsOp {
                master_weight: Some(0),
                low_threshold: Some(*threshold),
                med_threshold: Some(*threshold),
                high_threshold: Some(*threshold),
                signer: Some(signer(*with, *weight)),
                ..no_options()
            };
            (*account, OperationBody::SetOptions(options))
        }
        Step::AddRecovery { account, signer: with } => {
            let options = SetOptionsOp { signer: Some(signer(*with, 1)), ..no_options() };
            (*account, OperationBody::SetOptions(options))
        }
        Step::Trust { account, asset } => {
            let trust = ChangeTrustOp { line: line(asset), limit: i64::MAX };
            (*account, OperationBody::ChangeTrust(trust))
        }
        Step::Distrust { account, asset } => {
            (*account, OperationBody::ChangeTrust(ChangeTrustOp { line: line(asset), limit: 0 }))
        }
        Step::CreateClaimable { from, asset, amount, recipient, platform, reclaim_from } => {
            let too_early = ClaimPredicate::BeforeAbsoluteTime(*reclaim_from);
            let back = ClaimPredicate::Not(Some(Box::new(too_early)));
            let claimants =
                vec![claimant(*recipient, ClaimPredicate::Unconditional), claimant(*platform, back)];
            let create = CreateClaimableBalanceOp {
                asset: xdr_asset(asset),
                amount: amount.get(),
                claimants: claimants.try_into().map_err(|_| EnvelopeError::Limits)?,
            };
            (*from, OperationBody::CreateClaimableBalance(create))
        }
        Step::Claim { account, id } => {
            let balance_id = ClaimableBalanceId::ClaimableBalanceIdTypeV0(Hash(id.0));
            (*account, OperationBody::ClaimClaimableBalance(ClaimClaimableBalanceOp { balance_id }))
        }
        Step::Merge { account, into } => (*account, OperationBody::AccountMerge(plain(*into))),
        Step::EndSponsoring { account } => (*account, OperationBody::EndSponsoringFutureReserves),
        Step::Pay(payment) => {
            let destination = match payment.to {
                Address::Account(account) => plain(account),
                Address::Muxed { account, id } => {
                    MuxedAccount::MuxedEd25519(MuxedAccountMed25519 { id, ed25519: Uint256(account.0) })
                }
                Address::Contract(_) => return Err(EnvelopeError::Limits),
            };
            let body =
                PaymentOp { destination, asset: xdr_asset(&payment.asset), amount: payment.amount.get() };
            (payment.from, OperationBody::Payment(body))
        }
    };
    Ok(Operation { source_account: Some(plain(source)), body })
}

/// The claimable balances that a transaction with this outline creates, in order: their ids follow from its
/// source, its sequence number and the places of its operations (CAP-23).
pub(crate) fn claimables(outline: &Outline) -> Result<Vec<ClaimableId>, EnvelopeError> {
    let mut ids = Vec::new();
    for (step, place) in outline.steps.iter().zip(0_u32..) {
        if let Step::CreateClaimable { .. } = step {
            let preimage = HashIdPreimage::OpId(HashIdPreimageOperationId {
                source_account: account(outline.source),
                seq_num: SequenceNumber(outline.sequence),
                op_num: place,
            });
            let bytes = preimage.to_xdr(LIMITS).map_err(|_| EnvelopeError::Limits)?;
            ids.push(ClaimableId(Sha256::digest(bytes).into()));
        }
    }
    Ok(ids)
}

fn claimant(destination: AccountId, predicate: ClaimPredicate) -> Claimant {
    Claimant::ClaimantTypeV0(ClaimantV0 { destination: account(destination), predicate })
}

fn line(asset: &Asset) -> ChangeTrustAsset {
    match xdr_asset(asset) {
        XdrAsset::Native => ChangeTrustAsset::Native,
        XdrAsset::CreditAlphanum4(credit) => ChangeTrustAsset::CreditAlphanum4(credit),
        XdrAsset::CreditAlphanum12(credit) => ChangeTrustAsset::CreditAlphanum12(credit),
    }
}

pub(super) const fn plain(account: AccountId) -> MuxedAccount {
    MuxedAccount::Ed25519(Uint256(account.0))
}

const fn account(account: AccountId) -> XdrAccountId {
    XdrAccountId(PublicKey::PublicKeyTypeEd25519(Uint256(account.0)))
}

const fn signer(key: AccountId, weight: u32) -> Signer {
    Signer { key: SignerKey::Ed25519(Uint256(key.0)), weight }
}

const fn no_options() -> SetOptionsOp {
    SetOptionsOp {
        inflation_dest: None,
        clear_flags: None,
        set_flags: None,
        master_weight: None,
        low_threshold: None,
        med_threshold: None,
        high_threshold: None,
        home_domain: None,
        signer: None,
    }
}

fn xdr_asset(asset: &Asset) -> XdrAsset {
    fn code<const N: usize>(text: &str) -> [u8; N] {
        let mut bytes = [0; N];
        for (place, byte) in bytes.iter_mut().zip(text.bytes()) {
            *place = byte;
        }
        bytes
    }
    match asset {
        Asset::Native => XdrAsset::Native,
        Asset::Credit { code: name, issuer } if name.is_short() => XdrAsset::CreditAlphanum4(AlphaNum4 {
            asset_code: AssetCode4(code(name.as_str())),
            issuer: account(*issuer),
        }),
        Asset::Credit { code: name, issuer } => XdrAsset::CreditAlphanum12(AlphaNum12 {
            asset_code: AssetCode12(code(name.as_str())),
            issuer: account(*issuer),
        }),
    }
}

fn memo(memo: &Memo) -> Result<XdrMemo, EnvelopeError> {
    Ok(match memo {
        Memo::None => XdrMemo::None,
        Memo::Text(text) => {
            XdrMemo::Text(text.as_bytes().to_vec().try_into().map_err(|_| EnvelopeError::Limits)?)
        }
        Memo::Id(id) => XdrMemo::Id(*id),
        Memo::Hash(hash) => XdrMemo::Hash(Hash(hash.0)),
        Memo::Return(hash) => XdrMemo::Return(Hash(hash.0)),
    })
}
