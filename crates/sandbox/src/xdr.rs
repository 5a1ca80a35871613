//! From the network's binary form to our types and back, by the sandbox's own hand.

use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};
use stellar_xdr::{
    AccountId as XdrAccountId, AlphaNum4, AlphaNum12, Asset as XdrAsset, AssetCode as XdrCode, AssetCode4,
    AssetCode12, ChangeTrustAsset, DecoratedSignature, FeeBumpTransactionEnvelope, FeeBumpTransactionInnerTx,
    Limits, MuxedAccount, MuxedAccountMed25519, PublicKey, ReadXdr, Signature, SignatureHint, Transaction,
    TransactionEnvelope, TransactionV1Envelope, TrustLineAsset, Uint256, WriteXdr,
};

use stellar_types::address::{AccountId, Address};
use stellar_types::asset::{ASSET_CODE_SHORT_CHARS_MAX, Asset, AssetCode};
use stellar_types::ids::TxHash;

/// Deepest nesting of a value that is read.
const XDR_DEPTH_MAX: u32 = 200;
/// Longest envelope that is read. A hundred operations fit well within it.
pub const ENVELOPE_BYTES_MAX: usize = 128 * 1024;

/// An envelope that cannot be read, or not hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XdrError {
    /// No base64, no envelope, or longer than [`ENVELOPE_BYTES_MAX`].
    #[error("not a transaction envelope: {reason}")]
    Envelope {
        /// What the decoder said.
        reason: String,
    },
}

impl From<stellar_xdr::Error> for XdrError {
    fn from(error: stellar_xdr::Error) -> Self {
        Self::Envelope { reason: error.to_string() }
    }
}

/// A transaction as it was sent, with its hash on one network. The oldest envelope form (V0) has been
/// rewritten into the present one, as the network does; its hash and signatures are the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Tx {
    /// Hash of the envelope's transaction: of the outer one for a fee bump.
    pub hash: TxHash,
    /// The inner transaction's hash, for a fee bump.
    pub inner_hash: Option<TxHash>,
    form: Form,
}

#[derive(Debug, Clone, PartialEq)]
enum Form {
    Plain(TransactionV1Envelope),
    FeeBump(FeeBumpTransactionEnvelope),
}

impl Tx {
    /// Reads a base64 envelope for the network with this id.
    pub fn from_base64(text: &str, network_id: [u8; 32]) -> Result<Self, XdrError> {
        let limits = Limits { depth: XDR_DEPTH_MAX, len: ENVELOPE_BYTES_MAX };
        Self::new(TransactionEnvelope::from_xdr_base64(text, limits)?, network_id)
    }

    /// Takes a decoded envelope.
    pub fn new(envelope: TransactionEnvelope, network_id: [u8; 32]) -> Result<Self, XdrError> {
        let hash = TxHash(envelope.hash(network_id)?);
        let (form, inner_hash) = match envelope {
            TransactionEnvelope::TxV0(old) => {
                let tx = Transaction::from(old.tx);
                (Form::Plain(TransactionV1Envelope { tx, signatures: old.signatures }), None)
            }
            TransactionEnvelope::Tx(plain) => (Form::Plain(plain), None),
            TransactionEnvelope::TxFeeBump(bump) => {
                let inner_hash = TxHash(bump.tx.inner_tx.hash(network_id)?);
                (Form::FeeBump(bump), Some(inner_hash))
            }
        };
        Ok(Self { hash, inner_hash, form })
    }

    /// The envelope, in its present form.
    pub fn envelope(&self) -> TransactionEnvelope {
        match &self.form {
            Form::Plain(plain) => TransactionEnvelope::Tx(plain.clone()),
            Form::FeeBump(bump) => TransactionEnvelope::TxFeeBump(bump.clone()),
        }
    }

    /// The transaction with the operations: the inner one of a fee bump.
    pub fn inner(&self) -> &TransactionV1Envelope {
        match &self.form {
            Form::Plain(plain) => plain,
            Form::FeeBump(bump) => {
                let FeeBumpTransactionInnerTx::Tx(inner) = &bump.tx.inner_tx;
                inner
            }
        }
    }

    /// The outer transaction of a fee bump.
    pub fn fee_bump(&self) -> Option<&FeeBumpTransactionEnvelope> {
        match &self.form {
            Form::Plain(_) => None,
            Form::FeeBump(bump) => Some(bump),
        }
    }

    /// The hash that the inner signatures sign.
    pub fn signed_hash(&self) -> TxHash {
        self.inner_hash.unwrap_or(self.hash)
    }

    /// The transaction's source account.
    pub fn source(&self) -> AccountId {
        account_of(&self.inner().tx.source_account)
    }

    /// Who pays the fee, muxed or not.
    pub fn fee_source_muxed(&self) -> &MuxedAccount {
        match &self.form {
            Form::Plain(plain) => &plain.tx.source_account,
            Form::FeeBump(bump) => &bump.tx.fee_source,
        }
    }

    /// The account that pays the fee.
    pub fn fee_source(&self) -> AccountId {
        account_of(self.fee_source_muxed())
    }

    /// The most the sender pays as a fee, in stroops.
    pub fn bid(&self) -> i64 {
        match &self.form {
            Form::Plain(plain) => i64::from(plain.tx.fee),
            Form::FeeBump(bump) => bump.tx.fee,
        }
    }

    /// Operations in the transaction.
    pub fn operation_count(&self) -> u32 {
        u32::try_from(self.inner().tx.operations.len()).unwrap_or(u32::MAX)
    }

    /// Operations the fee is counted for: a fee bump counts one more.
    pub fn fee_operations(&self) -> u32 {
        self.operation_count().max(1) + u32::from(self.inner_hash.is_some())
    }

    /// The sequence number that the transaction consumes.
    pub fn sequence(&self) -> i64 {
        self.inner().tx.seq_num.0
    }

    /// The envelope in base64.
    pub fn to_base64(&self) -> String {
        to_base64(&self.envelope())
    }
}

/// The id of the network with this passphrase.
pub fn network_id(passphrase: &str) -> [u8; 32] {
    Sha256::digest(passphrase.as_bytes()).into()
}

/// A value of ours in base64. Values here are built within the format's limits, so that writing them
/// to memory does not fail; if it did, the text would be empty.
pub fn to_base64(value: &impl WriteXdr) -> String {
    value.to_xdr_base64(Limits::none()).unwrap_or_default()
}

/// The account on the ledger behind a plain or a muxed address.
pub fn account_of(muxed: &MuxedAccount) -> AccountId {
    match muxed {
        MuxedAccount::Ed25519(key) => AccountId(key.0),
        MuxedAccount::MuxedEd25519(muxed) => AccountId(muxed.ed25519.0),
    }
}

/// The address, with its sub-account if it has one.
pub fn address_of(muxed: &MuxedAccount) -> Address {
    match muxed {
        MuxedAccount::Ed25519(key) => Address::Account(AccountId(key.0)),
        MuxedAccount::MuxedEd25519(muxed) => {
            Address::Muxed { account: AccountId(muxed.ed25519.0), id: muxed.id }
        }
    }
}

/// The XDR form of an address that can be paid; `None` for a contract.
pub fn muxed(address: Address) -> Option<MuxedAccount> {
    match address {
        Address::Account(account) => Some(MuxedAccount::Ed25519(Uint256(account.0))),
        Address::Muxed { account, id } => {
            Some(MuxedAccount::MuxedEd25519(MuxedAccountMed25519 { id, ed25519: Uint256(account.0) }))
        }
        Address::Contract(_) => None,
    }
}

/// An account of the network's form.
pub fn account(id: &XdrAccountId) -> AccountId {
    let PublicKey::PublicKeyTypeEd25519(key) = &id.0;
    AccountId(key.0)
}

/// An account in the network's form.
pub fn xdr_account(id: AccountId) -> XdrAccountId {
    XdrAccountId(PublicKey::PublicKeyTypeEd25519(Uint256(id.0)))
}

fn credit(code: &[u8], length_min: usize, issuer: &XdrAccountId) -> Option<Asset> {
    let length = code.iter().rposition(|byte| *byte != 0)? + 1;
    let text = std::str::from_utf8(code.get(..length)?).ok()?;
    if length < length_min {
        return None;
    }
    let code: AssetCode = text.parse().ok()?;
    Some(Asset::Credit { code, issuer: account(issuer) })
}

/// An asset of the network's form; `None` if its code is not valid there.
pub fn asset(asset: &XdrAsset) -> Option<Asset> {
    match asset {
        XdrAsset::Native => Some(Asset::Native),
        XdrAsset::CreditAlphanum4(short) => credit(&short.asset_code.0, 1, &short.issuer),
        XdrAsset::CreditAlphanum12(long) => {
            credit(&long.asset_code.0, ASSET_CODE_SHORT_CHARS_MAX + 1, &long.issuer)
        }
    }
}

/// An asset that `allow_trust` names by its code; `None` if the code is not valid.
pub fn asset_of_issuer(code: &XdrCode, issuer: AccountId) -> Option<Asset> {
    let issuer = xdr_account(issuer);
    asset(&match code {
        XdrCode::CreditAlphanum4(code) => {
            XdrAsset::CreditAlphanum4(AlphaNum4 { asset_code: code.clone(), issuer })
        }
        XdrCode::CreditAlphanum12(code) => {
            XdrAsset::CreditAlphanum12(AlphaNum12 { asset_code: code.clone(), issuer })
        }
    })
}

/// The asset of a trust line's key; `None` for pool shares and for codes that are not valid.
pub fn line_asset(line: &TrustLineAsset) -> Option<Asset> {
    asset(&match line {
        TrustLineAsset::Native => XdrAsset::Native,
        TrustLineAsset::CreditAlphanum4(short) => XdrAsset::CreditAlphanum4(short.clone()),
        TrustLineAsset::CreditAlphanum12(long) => XdrAsset::CreditAlphanum12(long.clone()),
        TrustLineAsset::PoolShare(_) => return None,
    })
}

/// What a trust line is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// A valid asset.
    Asset(Asset),
    /// An asset whose code is not valid.
    Invalid,
    /// Shares of a liquidity pool.
    Pool,
}

/// The asset of a `change_trust`.
pub fn trusted(line: &ChangeTrustAsset) -> Trusted {
    let plain = match line {
        ChangeTrustAsset::Native => XdrAsset::Native,
        ChangeTrustAsset::CreditAlphanum4(short) => XdrAsset::CreditAlphanum4(short.clone()),
        ChangeTrustAsset::CreditAlphanum12(long) => XdrAsset::CreditAlphanum12(long.clone()),
        ChangeTrustAsset::PoolShare(_) => return Trusted::Pool,
    };
    asset(&plain).map_or(Trusted::Invalid, Trusted::Asset)
}

/// An asset in the network's form.
pub fn xdr_asset(asset: Asset) -> XdrAsset {
    let Asset::Credit { code, issuer } = asset else { return XdrAsset::Native };
    let issuer = xdr_account(issuer);
    let bytes = code.as_str().as_bytes();
    if code.is_short() {
        let mut short = [0; 4];
        short[..bytes.len()].copy_from_slice(bytes);
        XdrAsset::CreditAlphanum4(AlphaNum4 { asset_code: AssetCode4(short), issuer })
    } else {
        let mut long = [0; 12];
        long[..bytes.len()].copy_from_slice(bytes);
        XdrAsset::CreditAlphanum12(AlphaNum12 { asset_code: AssetCode12(long), issuer })
    }
}

/// An asset as a trust line names it.
pub fn xdr_trusted(asset: Asset) -> ChangeTrustAsset {
    match xdr_asset(asset) {
        XdrAsset::Native => ChangeTrustAsset::Native,
        XdrAsset::CreditAlphanum4(short) => ChangeTrustAsset::CreditAlphanum4(short),
        XdrAsset::CreditAlphanum12(long) => ChangeTrustAsset::CreditAlphanum12(long),
    }
}

/// Signs a transaction's hash.
pub fn sign(key: &SigningKey, hash: TxHash) -> DecoratedSignature {
    let public = key.verifying_key().to_bytes();
    let hint = [public[28], public[29], public[30], public[31]];
    let bytes = key.sign(&hash.0).to_bytes();
    DecoratedSignature {
        hint: SignatureHint(hint),
        signature: Signature(bytes.try_into().unwrap_or_default()),
    }
}
