//! A small language for the sandbox's tests: people by name, drafts of transactions, ledgers.

use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use stellar_xdr::{
    AllowTrustOp, AssetCode as XdrCode, BeginSponsoringFutureReservesOp, BumpSequenceOp, ChangeTrustOp,
    ClaimClaimableBalanceOp, ClaimPredicate, Claimant, ClaimantV0, ClawbackClaimableBalanceOp, ClawbackOp,
    CreateAccountOp, CreateClaimableBalanceOp, CreatePassiveSellOfferOp, FeeBumpTransaction,
    FeeBumpTransactionEnvelope, FeeBumpTransactionExt, FeeBumpTransactionInnerTx, LedgerKey,
    ManageBuyOfferOp, ManageDataOp, ManageSellOfferOp, Memo, MuxedAccount, Operation, OperationBody,
    PathPaymentStrictReceiveOp, PathPaymentStrictSendOp, PaymentOp, Preconditions, Price,
    RevokeSponsorshipOp, RevokeSponsorshipOpSigner, SequenceNumber, SetOptionsOp, SetTrustLineFlagsOp,
    Signer, SignerKey, String64, Transaction, TransactionEnvelope, TransactionExt, TransactionV1Envelope,
    Uint256,
};

use super::codes::{ResultCodes, result_codes};
use super::faucet::{Gift, give};
use super::ledger::balances::BalanceId;
use super::ledger::state::Account;
use super::ledger::{Genesis, LEDGER_OPERATIONS_MAX, Ledger, Submission};
use super::network::{PASSPHRASE, account_of_key};
use super::xdr::{Tx, sign, xdr_account, xdr_asset, xdr_trusted};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::ids::TxHash;
use stellar_types::money::Stroops;

pub const UNIT: i64 = 10_000_000;
const LEDGER_SECONDS: i64 = 5;

pub fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(name.as_bytes()).into())
}

pub fn id(name: &str) -> AccountId {
    account_of_key(&key(name))
}

fn plain(name: &str) -> MuxedAccount {
    MuxedAccount::Ed25519(Uint256(id(name).0))
}

pub fn signer_key(name: &str) -> SignerKey {
    SignerKey::Ed25519(Uint256(id(name).0))
}

pub fn pay(to: &str, asset: Asset, amount: i64) -> OperationBody {
    OperationBody::Payment(PaymentOp { destination: plain(to), asset: xdr_asset(asset), amount })
}

pub fn create(who: &str, starting_balance: i64) -> OperationBody {
    OperationBody::CreateAccount(CreateAccountOp { destination: xdr_account(id(who)), starting_balance })
}

pub fn trust(asset: Asset, limit: i64) -> OperationBody {
    OperationBody::ChangeTrust(ChangeTrustOp { line: xdr_trusted(asset), limit })
}

pub fn merge(into: &str) -> OperationBody {
    OperationBody::AccountMerge(plain(into))
}

pub fn bump(to: i64) -> OperationBody {
    OperationBody::BumpSequence(BumpSequenceOp { bump_to: SequenceNumber(to) })
}

pub fn data(name: &str, value: Option<&str>) -> OperationBody {
    OperationBody::ManageData(ManageDataOp {
        data_name: String64(name.try_into().unwrap()),
        data_value: value.map(|value| stellar_xdr::DataValue(value.as_bytes().try_into().unwrap())),
    })
}

pub fn begin(sponsored: &str) -> OperationBody {
    OperationBody::BeginSponsoringFutureReserves(BeginSponsoringFutureReservesOp {
        sponsored_id: xdr_account(id(sponsored)),
    })
}

pub fn end() -> OperationBody {
    OperationBody::EndSponsoringFutureReserves
}

pub fn no_options() -> SetOptionsOp {
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

pub fn options(change: impl FnOnce(&mut SetOptionsOp)) -> OperationBody {
    let mut op = no_options();
    change(&mut op);
    OperationBody::SetOptions(op)
}

pub fn thresholds(all: u32) -> OperationBody {
    options(|op| {
        op.low_threshold = Some(all);
        op.med_threshold = Some(all);
        op.high_threshold = Some(all);
    })
}

pub fn signer(key: SignerKey, weight: u32) -> OperationBody {
    options(|op| op.signer = Some(Signer { key, weight }))
}

pub fn line_flags(trustor: &str, asset: Asset, set_flags: u32, clear_flags: u32) -> OperationBody {
    OperationBody::SetTrustLineFlags(SetTrustLineFlagsOp {
        trustor: xdr_account(id(trustor)),
        asset: xdr_asset(asset),
        clear_flags,
        set_flags,
    })
}

pub fn allow_trust(trustor: &str, asset: Asset, authorize: u32) -> OperationBody {
    let asset = match xdr_asset(asset) {
        stellar_xdr::Asset::CreditAlphanum4(asset) => XdrCode::CreditAlphanum4(asset.asset_code),
        stellar_xdr::Asset::CreditAlphanum12(asset) => XdrCode::CreditAlphanum12(asset.asset_code),
        stellar_xdr::Asset::Native => panic!("XLM needs no trust"),
    };
    OperationBody::AllowTrust(AllowTrustOp { trustor: xdr_account(id(trustor)), asset, authorize })
}

pub fn clawback(from: &str, asset: Asset, amount: i64) -> OperationBody {
    OperationBody::Clawback(ClawbackOp { from: plain(from), asset: xdr_asset(asset), amount })
}

/// Money set aside for people, each with a condition.
pub fn set_aside(asset: Asset, amount: i64, claimants: &[(&str, ClaimPredicate)]) -> OperationBody {
    let claimants: Vec<_> = claimants
        .iter()
        .map(|(name, predicate)| {
            let destination = xdr_account(id(name));
            Claimant::ClaimantTypeV0(ClaimantV0 { destination, predicate: predicate.clone() })
        })
        .collect();
    OperationBody::CreateClaimableBalance(CreateClaimableBalanceOp {
        asset: xdr_asset(asset),
        amount,
        claimants: claimants.try_into().unwrap(),
    })
}

pub fn claim(balance: BalanceId) -> OperationBody {
    OperationBody::ClaimClaimableBalance(ClaimClaimableBalanceOp { balance_id: balance.to_xdr() })
}

pub fn claw_back_balance(balance: BalanceId) -> OperationBody {
    OperationBody::ClawbackClaimableBalance(ClawbackClaimableBalanceOp { balance_id: balance.to_xdr() })
}

pub fn sell(selling: Asset, buying: Asset, amount: i64, (n, d): (i32, i32), offer_id: i64) -> OperationBody {
    OperationBody::ManageSellOffer(ManageSellOfferOp {
        selling: xdr_asset(selling),
        buying: xdr_asset(buying),
        amount,
        price: Price { n, d },
        offer_id,
    })
}

pub fn buy(
    selling: Asset,
    buying: Asset,
    buy_amount: i64,
    (n, d): (i32, i32),
    offer_id: i64,
) -> OperationBody {
    OperationBody::ManageBuyOffer(ManageBuyOfferOp {
        selling: xdr_asset(selling),
        buying: xdr_asset(buying),
        buy_amount,
        price: Price { n, d },
        offer_id,
    })
}

pub fn sell_passively(selling: Asset, buying: Asset, amount: i64, (n, d): (i32, i32)) -> OperationBody {
    OperationBody::CreatePassiveSellOffer(CreatePassiveSellOfferOp {
        selling: xdr_asset(selling),
        buying: xdr_asset(buying),
        amount,
        price: Price { n, d },
    })
}

/// `amount` of the second asset arrives, for at most `max` of the first.
pub fn pay_through(
    to: &str,
    (from, max): (Asset, i64),
    path: &[Asset],
    (into, amount): (Asset, i64),
) -> OperationBody {
    let path: Vec<_> = path.iter().map(|asset| xdr_asset(*asset)).collect();
    OperationBody::PathPaymentStrictReceive(PathPaymentStrictReceiveOp {
        send_asset: xdr_asset(from),
        send_max: max,
        destination: plain(to),
        dest_asset: xdr_asset(into),
        dest_amount: amount,
        path: path.try_into().unwrap(),
    })
}

/// `amount` of the first asset leaves, for at least `min` of the second.
pub fn send_through(
    to: &str,
    (from, amount): (Asset, i64),
    path: &[Asset],
    (into, min): (Asset, i64),
) -> OperationBody {
    let path: Vec<_> = path.iter().map(|asset| xdr_asset(*asset)).collect();
    OperationBody::PathPaymentStrictSend(PathPaymentStrictSendOp {
        send_asset: xdr_asset(from),
        send_amount: amount,
        destination: plain(to),
        dest_asset: xdr_asset(into),
        dest_min: min,
        path: path.try_into().unwrap(),
    })
}

pub fn revoke(key: LedgerKey) -> OperationBody {
    OperationBody::RevokeSponsorship(RevokeSponsorshipOp::LedgerEntry(key))
}

pub fn revoke_signer(of: &str, signer_key: SignerKey) -> OperationBody {
    OperationBody::RevokeSponsorship(RevokeSponsorshipOp::Signer(RevokeSponsorshipOpSigner {
        account_id: xdr_account(id(of)),
        signer_key,
    }))
}

/// An asset that a named person issues.
pub fn issued(code: &str, issuer: &str) -> Asset {
    Asset::credit(code.parse().unwrap(), id(issuer))
}

/// A transaction being written.
#[derive(Clone)]
pub struct Draft {
    source: String,
    operations: Vec<Operation>,
    signers: Option<Vec<String>>,
    pub fee: Option<u32>,
    pub sequence: Option<i64>,
    pub cond: Preconditions,
    pub memo: Memo,
}

/// A transaction of one person, signed by that person unless said otherwise.
pub fn draft(source: &str, operations: impl IntoIterator<Item = OperationBody>) -> Draft {
    Draft {
        source: source.to_owned(),
        operations: operations.into_iter().map(|body| Operation { source_account: None, body }).collect(),
        signers: None,
        fee: None,
        sequence: None,
        cond: Preconditions::None,
        memo: Memo::None,
    }
}

impl Draft {
    /// One more operation, for another person.
    pub fn by(mut self, source: &str, body: OperationBody) -> Self {
        self.operations.push(Operation { source_account: Some(plain(source)), body });
        self
    }

    pub fn signed_by(mut self, names: &[&str]) -> Self {
        self.signers = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

fn envelope(ledger: &Ledger, draft: &Draft) -> TransactionV1Envelope {
    let next = ledger.state().get(id(&draft.source)).map_or(0, |account| account.sequence) + 1;
    let count = u32::try_from(draft.operations.len()).unwrap();
    let tx = Transaction {
        source_account: plain(&draft.source),
        fee: draft.fee.unwrap_or(100 * count),
        seq_num: SequenceNumber(draft.sequence.unwrap_or(next)),
        cond: draft.cond.clone(),
        memo: draft.memo.clone(),
        operations: draft.operations.clone().try_into().unwrap(),
        ext: TransactionExt::V0,
    };
    let hash = TxHash(tx.hash(ledger.network_id()).unwrap());
    let signers = draft.signers.clone().unwrap_or_else(|| vec![draft.source.clone()]);
    let signatures: Vec<_> = signers.iter().map(|name| sign(&key(name), hash)).collect();
    TransactionV1Envelope { tx, signatures: signatures.try_into().unwrap() }
}

/// The draft, with the next sequence number of its source and its signatures.
pub fn write(ledger: &Ledger, draft: &Draft) -> Tx {
    Tx::new(TransactionEnvelope::Tx(envelope(ledger, draft)), ledger.network_id()).unwrap()
}

/// A ledger and its people.
pub struct Story {
    pub ledger: Ledger,
    pub now: Timestamp,
}

impl Story {
    pub fn begin() -> Self {
        Self::with_seed(7)
    }

    pub fn with_seed(seed: u64) -> Self {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let genesis = Genesis {
            passphrase: PASSPHRASE.to_owned(),
            seed,
            ledger_ms: 5_000,
            ledger_operations_max: LEDGER_OPERATIONS_MAX,
        };
        Self { ledger: Ledger::new(genesis, now), now }
    }

    /// A story in which these people have an account with 10,000 XLM.
    pub fn with(names: &[&str]) -> Self {
        let mut story = Self::begin();
        story.befriend(names);
        story
    }

    pub fn befriend(&mut self, names: &[&str]) {
        for name in names {
            give(&mut self.ledger, Gift::Account(id(name)), self.now).unwrap();
        }
        self.close();
    }

    pub fn close(&mut self) {
        self.now += jiff::SignedDuration::from_secs(LEDGER_SECONDS);
        self.ledger.close(self.now);
    }

    pub fn tft(&self) -> Asset {
        self.ledger.keys().assets()[0]
    }

    pub fn issue(&mut self, to: &str, amount: i64) {
        let gift = Gift::Tokens {
            code: "TFT".parse().unwrap(),
            to: id(to).into(),
            amount: Stroops::new(amount).unwrap(),
        };
        give(&mut self.ledger, gift, self.now).unwrap();
        self.close();
    }

    pub fn account(&self, name: &str) -> &Account {
        self.ledger.state().get(id(name)).unwrap_or_else(|| panic!("{name} has no account"))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.ledger.state().get(id(name)).is_some()
    }

    /// XLM in stroops.
    pub fn xlm(&self, name: &str) -> i64 {
        self.account(name).balance.get()
    }

    pub fn holds(&self, name: &str, asset: Asset) -> i64 {
        self.account(name).balance_of(&asset).unwrap_or_default().get()
    }

    /// The hash that a draft will have.
    pub fn hash(&self, draft: &Draft) -> TxHash {
        self.write(draft).hash
    }

    /// The id of the claimable balance that this operation of the draft will make.
    pub fn balance_of(&self, draft: &Draft, operation: u32) -> BalanceId {
        let tx = self.write(draft);
        BalanceId::of_operation(tx.source(), tx.sequence(), operation)
    }

    pub fn write(&self, draft: &Draft) -> Tx {
        write(&self.ledger, draft)
    }

    /// Another person pays `fee` for a transaction.
    pub fn bumped(&self, draft: &Draft, payer: &str, fee: i64) -> Tx {
        let tx = FeeBumpTransaction {
            fee_source: plain(payer),
            fee,
            inner_tx: FeeBumpTransactionInnerTx::Tx(envelope(&self.ledger, draft)),
            ext: FeeBumpTransactionExt::V0,
        };
        let hash = TxHash(tx.hash(self.ledger.network_id()).unwrap());
        let signatures = vec![sign(&key(payer), hash)].try_into().unwrap();
        let bump = TransactionEnvelope::TxFeeBump(FeeBumpTransactionEnvelope { tx, signatures });
        Tx::new(bump, self.ledger.network_id()).unwrap()
    }

    pub fn submit(&mut self, draft: &Draft) -> Submission {
        let tx = self.write(draft);
        self.ledger.submit(tx, self.now)
    }

    /// Submits, closes a ledger if it was taken, and says the result.
    pub fn send_tx(&mut self, tx: Tx) -> ResultCodes {
        let hash = tx.hash;
        match self.ledger.submit(tx, self.now) {
            Submission::Refused(outcome) => result_codes(&outcome.to_xdr()),
            Submission::Pending => {
                self.close();
                let record = self.ledger.history().transaction(hash).expect("in the ledger");
                result_codes(&record.result)
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn send(&mut self, draft: &Draft) -> ResultCodes {
        self.send_tx(self.write(draft))
    }

    /// The code of the transaction.
    pub fn says(&mut self, draft: &Draft) -> &'static str {
        self.send(draft).transaction
    }

    /// The code of the last operation.
    pub fn op_says(&mut self, draft: &Draft) -> &'static str {
        let codes = self.send(draft);
        codes.operations.last().copied().unwrap_or(codes.transaction)
    }

    pub fn must(&mut self, draft: &Draft) {
        let codes = self.send(draft);
        assert_eq!(codes.transaction, "tx_success", "{codes:?}");
    }
}
