//! Transactions that no wallet makes: many operations, merges, somebody else's fee for an envelope of ours.

use ed25519_dalek::SigningKey;
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::ids::{ClaimableId, TxHash};
use farmgate::domain::money::Stroops;
use farmgate_sandbox::ledger::balances::BalanceId;
use farmgate_sandbox::network::{PASSPHRASE, account_of_key};
use farmgate_sandbox::xdr::{Tx, muxed, network_id, sign, xdr_account, xdr_asset};
use stellar_xdr::{
    AccountFlags, ClaimClaimableBalanceOp, ClaimPredicate, ClaimableBalanceId, Claimant, ClaimantV0,
    ClawbackOp, CreateClaimableBalanceOp, DataValue, FeeBumpTransaction, FeeBumpTransactionEnvelope,
    FeeBumpTransactionExt, FeeBumpTransactionInnerTx, Hash, ManageDataOp, ManageSellOfferOp, Memo,
    MuxedAccount, Operation, OperationBody, PathPaymentStrictReceiveOp, PaymentOp, Preconditions, Price,
    SequenceNumber, SetOptionsOp, SetTrustLineFlagsOp, Signer, SignerKey, String64, Transaction,
    TransactionEnvelope, TransactionExt, TransactionV1Envelope, TrustLineFlags, Uint256,
};

use super::{World, wallet};

/// Most operations of a transaction.
const OPERATIONS_MAX: usize = 100;
/// Per operation, in stroops.
const FEE: u32 = 100;
/// How much more per operation a stranger pays who wants our envelope in a ledger.
const BUMP: i64 = 20;

fn key_of(account: AccountId) -> MuxedAccount {
    MuxedAccount::Ed25519(Uint256(account.0))
}

impl World {
    /// Merges a person's account, with all its XLM, into another.
    pub async fn merge(&self, name: &str, into: AccountId) {
        self.do_all(name, vec![OperationBody::AccountMerge(key_of(into))]).await;
    }

    /// Makes an account demand a memo of whoever pays it (SEP-29).
    pub async fn demand_memos(&self, name: &str) {
        let data_name = String64("config.memo_required".try_into().unwrap());
        let data_value = Some(DataValue(b"1".to_vec().try_into().unwrap()));
        self.do_all(name, vec![OperationBody::ManageData(ManageDataOp { data_name, data_value })]).await;
    }

    /// Claims a balance.
    pub async fn claim(&self, name: &str, id: ClaimableId) {
        let balance_id = ClaimableBalanceId::ClaimableBalanceIdTypeV0(Hash(id.0));
        self.do_all(name, vec![OperationBody::ClaimClaimableBalance(ClaimClaimableBalanceOp { balance_id })])
            .await;
    }

    /// Many payments, a hundred in one transaction.
    pub async fn pay_often(&self, name: &str, to: AccountId, amounts: &[Stroops], code: &str) {
        let destination = muxed(Address::Account(to)).unwrap();
        let asset = xdr_asset(self.asset(code));
        for amounts in amounts.chunks(OPERATIONS_MAX) {
            let payment = |amount: &Stroops| {
                let (destination, asset) = (destination.clone(), asset.clone());
                OperationBody::Payment(PaymentOp { destination, asset, amount: amount.get() })
            };
            self.do_all(name, amounts.iter().map(payment).collect()).await;
        }
    }

    /// A person sells TFT for as many XLM to whoever wants them.
    pub async fn offer_tft_for_xlm(&self, name: &str, much: Stroops) {
        let op = ManageSellOfferOp {
            selling: xdr_asset(self.asset("TFT")),
            buying: xdr_asset(Asset::Native),
            amount: much.get(),
            price: Price { n: 1, d: 1 },
            offer_id: 0,
        };
        self.do_all(name, vec![OperationBody::ManageSellOffer(op)]).await;
    }

    /// Pays TFT with XLM, through whatever offers there are.
    pub async fn pay_tft_with_xlm(&self, name: &str, to: AccountId, much: Stroops) {
        let op = PathPaymentStrictReceiveOp {
            send_asset: xdr_asset(Asset::Native),
            send_max: much.get() * 2,
            destination: muxed(Address::Account(to)).unwrap(),
            dest_asset: xdr_asset(self.asset("TFT")),
            dest_amount: much.get(),
            path: Vec::new().try_into().unwrap(),
        };
        self.do_all(name, vec![OperationBody::PathPaymentStrictReceive(op)]).await;
    }

    /// The issuer of TFT may freeze and take back what is on lines that are opened from now on.
    pub async fn issuer_may_claw_back(&self) {
        let flags = AccountFlags::RevocableFlag as u32 | AccountFlags::ClawbackEnabledFlag as u32;
        let options = SetOptionsOp {
            inflation_dest: None,
            clear_flags: None,
            set_flags: Some(flags),
            master_weight: None,
            low_threshold: None,
            med_threshold: None,
            high_threshold: None,
            home_domain: None,
            signer: None,
        };
        self.issuer_does(OperationBody::SetOptions(options)).await;
    }

    /// A person makes the platform's key a signer of their account, as anybody can.
    pub async fn names_our_signer(&self, name: &str) {
        let key = SignerKey::Ed25519(Uint256(*super::platform().bytes()));
        let options = SetOptionsOp {
            inflation_dest: None,
            clear_flags: None,
            set_flags: None,
            master_weight: None,
            low_threshold: None,
            med_threshold: None,
            high_threshold: None,
            home_domain: None,
            signer: Some(Signer { key, weight: 1 }),
        };
        self.do_all(name, vec![OperationBody::SetOptions(options)]).await;
    }

    /// The issuer takes TFT back.
    pub async fn claw_back(&self, from: AccountId, much: Stroops) {
        let asset = xdr_asset(self.asset("TFT"));
        let op = ClawbackOp { asset, from: key_of(from), amount: much.get() };
        self.issuer_does(OperationBody::Clawback(op)).await;
    }

    /// The issuer freezes a line of TFT, or lets it be used again.
    pub async fn freeze(&self, account: AccountId, frozen: bool) {
        let authorized = TrustLineFlags::AuthorizedFlag as u32;
        let (set_flags, clear_flags) = if frozen { (0, authorized) } else { (authorized, 0) };
        let asset = xdr_asset(self.asset("TFT"));
        let trustor = xdr_account(account);
        let op = SetTrustLineFlagsOp { trustor, asset, clear_flags, set_flags };
        self.issuer_does(OperationBody::SetTrustLineFlags(op)).await;
    }

    /// A person puts money aside for an account, and may take it back.
    pub async fn put_aside_for(&self, name: &str, claimant: AccountId, much: Stroops, code: &str) {
        let asset = if code == "XLM" { Asset::Native } else { self.asset(code) };
        let claimants: Vec<Claimant> = [claimant, wallet(name).account()]
            .map(|account| {
                let predicate = ClaimPredicate::Unconditional;
                Claimant::ClaimantTypeV0(ClaimantV0 { destination: xdr_account(account), predicate })
            })
            .to_vec();
        let op = CreateClaimableBalanceOp {
            asset: xdr_asset(asset),
            amount: much.get(),
            claimants: claimants.try_into().unwrap(),
        };
        self.do_all(name, vec![OperationBody::CreateClaimableBalance(op)]).await;
    }

    /// A person takes back what was put aside.
    pub async fn take_aside_back(&self, name: &str, id: &str) {
        let id: BalanceId = id.parse().unwrap();
        let op = ClaimClaimableBalanceOp { balance_id: id.to_xdr() };
        self.do_all(name, vec![OperationBody::ClaimClaimableBalance(op)]).await;
    }

    async fn issuer_does(&self, body: OperationBody) {
        let issuer = self.sandbox.sandbox.with_ledger(|ledger| ledger.keys().issuer("TFT").cloned());
        self.do_all_by(&issuer.unwrap(), vec![body]).await;
    }

    async fn do_all(&self, name: &str, bodies: Vec<OperationBody>) {
        self.do_all_by(wallet(name).key(), bodies).await;
    }

    async fn do_all_by(&self, key: &SigningKey, bodies: Vec<OperationBody>) {
        let account = account_of_key(key);
        let sequence = self.sandbox.sandbox.sequence(account).unwrap() + 1;
        let operations: Vec<Operation> =
            bodies.into_iter().map(|body| Operation { source_account: None, body }).collect();
        let tx = Transaction {
            source_account: key_of(account),
            fee: FEE * u32::try_from(operations.len()).unwrap(),
            seq_num: SequenceNumber(sequence),
            cond: Preconditions::None,
            memo: Memo::None,
            operations: operations.try_into().unwrap(),
            ext: TransactionExt::V0,
        };
        let unsigned = TransactionV1Envelope { tx, signatures: Vec::new().try_into().unwrap() };
        let hash = Tx::new(TransactionEnvelope::Tx(unsigned.clone()), network_id(PASSPHRASE)).unwrap().hash;
        let signatures = [sign(key, hash)].try_into().unwrap();
        self.post(&TransactionEnvelope::Tx(TransactionV1Envelope { signatures, ..unsigned })).await;
    }

    /// A stranger wraps an envelope of ours, seen on the network, into a fee bump and pays for it; its hash.
    pub async fn bump(&self, stranger: &str, envelope: &str) -> TxHash {
        let ours = Tx::from_base64(envelope, network_id(PASSPHRASE)).unwrap();
        let TransactionEnvelope::Tx(inner) = ours.envelope() else { panic!("a plain envelope") };
        let tx = FeeBumpTransaction {
            fee_source: key_of(wallet(stranger).account()),
            fee: i64::from(inner.tx.fee) * BUMP,
            inner_tx: FeeBumpTransactionInnerTx::Tx(inner),
            ext: FeeBumpTransactionExt::V0,
        };
        let unsigned = FeeBumpTransactionEnvelope { tx, signatures: Vec::new().try_into().unwrap() };
        let outer = TransactionEnvelope::TxFeeBump(unsigned.clone());
        let hash = Tx::new(outer, network_id(PASSPHRASE)).unwrap().hash;
        let signatures = [sign(wallet(stranger).key(), hash)].try_into().unwrap();
        let bumped = FeeBumpTransactionEnvelope { signatures, ..unsigned };
        self.post(&TransactionEnvelope::TxFeeBump(bumped)).await;
        hash
    }

    async fn post(&self, envelope: &TransactionEnvelope) {
        self.post_text(&farmgate_sandbox::xdr::to_base64(envelope)).await;
    }

    /// Sends an envelope past the engine's view of the network.
    pub async fn post_text(&self, envelope: &str) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/transactions", self.sandbox.url());
        let answer = client.post(url).form(&[("tx", envelope)]).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success() && text.contains("\"successful\":true"), "{text}");
    }
}
