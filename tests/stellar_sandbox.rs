//! The network's implementation against a ledger that shares none of its code: accounts are opened, money
//! comes in, goes out, and is refused, as on the real one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::ids::{LedgerSeq, OperationId, TxHash};
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::{Memo, PaymentKind};
use farmgate::ports::clock::Clock;
use farmgate::ports::entropy::Entropy;
use farmgate::ports::network::{
    AccountSnapshot, Body, Gateway, History, HistoryRecord, PaymentOperation, Sent, SignedTransaction,
    TransactionBuilder, TransactionPlan, TransactionRecord,
};
use farmgate::stellar::keys::{MemorySigner, SecretSeed};
use farmgate::stellar::stream::EventReader;
use farmgate::stellar::transport::{HttpTransport, ServiceTransport, Transport};
use farmgate::stellar::{Settings, StellarNetwork};
use farmgate_sandbox::faucet::Gift;
use farmgate_sandbox::wallet::{Horizon, Memo as WalletMemo, Wallet};
use farmgate_sandbox::{Handle, Sandbox, Settings as SandboxSettings};
use jiff::Timestamp;

const LEDGER_MS: u64 = 20;

/// The machine's: a test stands at the edge, as `app` does.
struct RealClock;

#[async_trait]
#[allow(clippy::disallowed_methods)]
impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The machine's, likewise.
struct RealEntropy;

#[allow(clippy::disallowed_methods)]
impl Entropy for RealEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

fn seed(role: u8) -> SecretSeed {
    SecretSeed::from_bytes(&[role; 32])
}

fn id(role: u8) -> AccountId {
    seed(role).public_key()
}

const PLATFORM: u8 = 1;
const FARMER: u8 = 2;
const CUSTOMER: u8 = 3;

struct World {
    handle: Handle,
    sandbox: Sandbox,
    network: StellarNetwork,
    wallets: Horizon,
}

fn wallet(role: u8) -> Wallet {
    seed(role).reveal().parse().unwrap()
}

impl World {
    /// A sandbox whose platform account has XLM, and a network that reaches it without sockets.
    async fn begin(recovery: &[u8]) -> Self {
        let settings = SandboxSettings { ledger_ms: LEDGER_MS, ..SandboxSettings::default() };
        let sandbox = Sandbox::new(settings, Arc::new(RealClock));
        for role in [PLATFORM, FARMER, CUSTOMER] {
            sandbox.give(Gift::Account(id(role))).unwrap();
        }
        sandbox.close_ledger();
        let handle = sandbox.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let transport = Arc::new(ServiceTransport::new(sandbox.router()));
        let network = network(transport, recovery, PLATFORM);
        network.check_passphrase().await.unwrap();
        let wallets = Horizon::at(&handle.url()).unwrap();
        Self { handle, sandbox, network, wallets }
    }

    fn asset(&self, code: &str) -> Asset {
        self.sandbox.asset(code).unwrap()
    }

    fn balance(&self, account: AccountId, code: &str) -> i64 {
        self.sandbox.balance(account, &self.asset(code)).unwrap().get()
    }

    async fn plan(&self, channel: AccountId, body: Body) -> TransactionPlan {
        let tip = self.network.tip().await.unwrap();
        let sequence = self.network.account(channel).await.unwrap().account.unwrap().sequence;
        let max_time = Timestamp::from_second(tip.closed_at.as_second() + 120).unwrap();
        TransactionPlan {
            channel,
            sequence: sequence + 1,
            max_time,
            fee_per_operation: 1_000,
            memo: Memo::None,
            body,
        }
    }

    async fn send(&self, plan: &TransactionPlan) -> (SignedTransaction, Sent) {
        let signed = self.network.build(plan).await.unwrap();
        let sent = self.network.send(&signed.envelope).await;
        (signed, sent)
    }

    async fn include(&self, plan: &TransactionPlan) -> (SignedTransaction, TransactionRecord) {
        match self.send(plan).await {
            (signed, Sent::Included(record)) => {
                assert_eq!((record.hash, record.successful), (signed.hash, true));
                (signed, *record)
            }
            (_, other) => panic!("{other:?}"),
        }
    }

    async fn open_channels(&self, count: u16) -> Vec<AccountId> {
        let body = Body::OpenChannels { count, starting_balance: Stroops::from_units(3) };
        self.include(&self.plan(id(PLATFORM), body).await).await.0.accounts
    }

    async fn open_escrows(&self, channel: AccountId, count: u16) -> Vec<AccountId> {
        let assets = ["TFT", "TFTA", "FreeTFT"].map(|code| self.asset(code)).to_vec();
        self.include(&self.plan(channel, Body::OpenEscrows { count, assets }).await).await.0.accounts
    }

    async fn deposit(&self, to: impl Into<Address>, code: &str, units: u32) {
        let gift =
            Gift::Tokens { code: code.parse().unwrap(), to: to.into(), amount: Stroops::from_units(units) };
        self.sandbox.give(gift).unwrap();
        self.next_ledgers(2).await;
    }

    async fn next_ledgers(&self, count: u32) {
        let from = self.network.tip().await.unwrap().sequence;
        while self.network.tip().await.unwrap().sequence < LedgerSeq(from.0 + count) {
            RealClock.sleep(Duration::from_millis(LEDGER_MS)).await;
        }
    }

    /// A trust line for somebody who is not ours.
    async fn trust(&self, role: u8, code: &str) {
        self.wallets.trust(&wallet(role), code.parse().unwrap()).await.unwrap();
    }

    async fn watched(&self) -> Vec<AccountSnapshot> {
        let page = self.network.watched_accounts(None).await.unwrap();
        assert!(page.ledger > LedgerSeq(1));
        page.accounts
    }
}

fn network(transport: Arc<dyn Transport>, recovery: &[u8], signer: u8) -> StellarNetwork {
    let url = "http://127.0.0.1:8000".parse().unwrap();
    let settings = Settings {
        recovery_signers: recovery.iter().copied().map(id).collect(),
        requests_per_hour_max: None,
        ..Settings::new(url, SandboxSettings::default().passphrase, id(PLATFORM))
    };
    let signer = Arc::new(MemorySigner::new(seed(signer)));
    StellarNetwork::new(&settings, transport, signer, Arc::new(RealClock), Arc::new(RealEntropy))
}

fn payment(from: AccountId, to: impl Into<Address>, asset: Asset, units: u32) -> PaymentOperation {
    PaymentOperation { from, to: to.into(), asset, amount: Stroops::from_units(units), reclaim_from: None }
}

fn codes(sent: &Sent) -> (&str, Vec<&str>) {
    match sent {
        Sent::Refused { codes } => {
            (codes.transaction.as_str(), codes.operations.iter().map(String::as_str).collect())
        }
        Sent::Included(_) | Sent::Unknown { .. } => panic!("{sent:?}"),
    }
}

#[tokio::test]
async fn as_many_accounts_as_promised_open_in_one_transaction_each() {
    let world = World::begin(&[]).await;
    let channels = world.open_channels(world.network.channels_per_transaction()).await;
    assert_eq!(channels.len(), 19);
    let escrows = world.open_escrows(channels[0], world.network.escrows_per_transaction(3)).await;
    assert_eq!(escrows.len(), 14);

    let watched = world.watched().await;
    assert_eq!(watched.len(), 1 + 19 + 14, "the platform's own account is listed too");
    for channel in &channels {
        let seen = watched.iter().find(|one| one.account == *channel).unwrap();
        let xlm = seen.balances.iter().find(|balance| balance.asset == Asset::Native).unwrap();
        let fee = if *channel == channels[0] { 14 * 7 * 100 } else { 0 };
        assert_eq!(xlm.amount.get(), Stroops::from_units(3).get() - fee);
        assert_eq!(seen.sponsor, Some(id(PLATFORM)));
    }
    for escrow in &escrows {
        let seen = watched.iter().find(|one| one.account == *escrow).unwrap();
        assert_eq!((seen.balances.len(), seen.sponsor), (4, Some(id(PLATFORM))));
        assert!(seen.balances.iter().all(|balance| balance.amount.is_zero() && balance.authorized));
        let limits = seen.balances.iter().filter_map(|balance| balance.limit);
        assert!(limits.eq([Stroops::MAX; 3]));
    }
}

#[tokio::test]
async fn money_comes_in_and_goes_out_as_recorded() {
    let world = World::begin(&[]).await;
    let channel = world.open_channels(1).await[0];
    let escrows = world.open_escrows(channel, 2).await;
    world.trust(FARMER, "TFT").await;
    let muxed = Address::Muxed { account: escrows[1], id: 77 };
    world.deposit(escrows[0], "TFT", 100).await;
    world.deposit(muxed, "FreeTFT", 50).await;

    let records = world.network.payments(escrows[1], OperationId(0), 200).await.unwrap();
    let [HistoryRecord::Payment(creation), HistoryRecord::Payment(deposit)] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert_eq!((creation.kind, creation.movements.len()), (PaymentKind::CreateAccount, 0));
    assert_eq!((deposit.kind, &deposit.memo), (PaymentKind::Payment, &Some(Memo::None)));
    let movement = &deposit.movements[0];
    assert_eq!((movement.to, movement.asset), (Some(muxed), world.asset("FreeTFT")));
    assert_eq!(
        (movement.from.unwrap().account(), movement.amount),
        (movement.asset.issuer(), Stroops::from_units(50))
    );
    let answer = world.network.account(escrows[1]).await.unwrap();
    assert_eq!(answer.account.unwrap().last_modified, deposit.operation.ledger(), "the line changed then");
    assert!(answer.ledger >= deposit.operation.ledger());

    let issuer = world.asset("FreeTFT").issuer().unwrap();
    let customer = Address::Muxed { account: id(FARMER), id: 5 };
    let body = Body::Pay(vec![
        payment(escrows[0], id(FARMER), world.asset("TFT"), 60),
        payment(escrows[0], customer, world.asset("TFT"), 40),
        payment(escrows[1], issuer, world.asset("FreeTFT"), 50),
    ]);
    let back = Memo::Return(deposit.transaction);
    let plan = TransactionPlan { memo: back.clone(), ..world.plan(channel, body).await };
    let (signed, record) = world.include(&plan).await;
    assert_eq!((record.source, record.sequence), (channel, plan.sequence));
    assert_eq!((record.fee_account, record.fee_charged.get()), (channel, 300));
    assert_eq!(record.codes.operations, ["op_success"; 3]);
    assert_eq!(world.balance(id(FARMER), "TFT"), Stroops::from_units(100).get());
    assert_eq!((world.balance(escrows[0], "TFT"), world.balance(escrows[1], "FreeTFT")), (0, 0));

    let received = world.network.payments(id(FARMER), record.position, 200).await.unwrap();
    let [HistoryRecord::Payment(first), HistoryRecord::Payment(second)] = received.as_slice() else {
        panic!("{received:?}");
    };
    assert_eq!((first.operation.0, second.operation.0), (record.position.0 + 1, record.position.0 + 2));
    assert_eq!((first.memo.as_ref(), second.movements[0].to), (Some(&back), Some(customer)));

    assert_eq!(world.network.transaction(signed.hash).await.unwrap(), Some(record.clone()));
    assert_eq!(world.network.transaction_using(channel, plan.sequence).await.unwrap(), Some(record.clone()));
    assert_eq!(world.network.send(&signed.envelope).await, Sent::Included(Box::new(record)), "sent again");
    assert_eq!(world.balance(id(FARMER), "TFT"), Stroops::from_units(100).get(), "and paid once");
}

#[tokio::test]
async fn a_full_transaction_of_a_hundred_payments_needs_one_signature() {
    let world = World::begin(&[]).await;
    let channel = world.open_channels(1).await[0];
    let escrows = world.open_escrows(channel, 10).await;
    for escrow in &escrows {
        world
            .sandbox
            .give(Gift::Tokens {
                code: "TFT".parse().unwrap(),
                to: (*escrow).into(),
                amount: Stroops::from_units(10),
            })
            .unwrap();
    }
    world.trust(FARMER, "TFT").await;
    world.next_ledgers(2).await;
    let pay = |escrow: &AccountId| vec![payment(*escrow, id(FARMER), world.asset("TFT"), 1); 10];
    let body = Body::Pay(escrows.iter().flat_map(pay).collect());
    let (_, record) = world.include(&world.plan(channel, body).await).await;
    assert_eq!(record.codes.operations.len(), 100);
    assert_eq!(world.balance(id(FARMER), "TFT"), Stroops::from_units(100).get());
}

#[tokio::test]
async fn a_failed_payment_undoes_all_of_them_and_is_found_with_its_codes() {
    let world = World::begin(&[]).await;
    let channel = world.open_channels(1).await[0];
    let escrow = world.open_escrows(channel, 1).await[0];
    world.trust(FARMER, "TFT").await;
    world.deposit(escrow, "TFT", 100).await;
    let body = Body::Pay(vec![
        payment(escrow, id(FARMER), world.asset("TFT"), 60),
        payment(escrow, id(CUSTOMER), world.asset("TFT"), 20),
        payment(escrow, id(99), world.asset("TFT"), 20),
    ]);
    let plan = world.plan(channel, body).await;
    let (signed, sent) = world.send(&plan).await;
    assert_eq!(codes(&sent), ("tx_failed", vec!["op_success", "op_no_trust", "op_no_destination"]));
    let record = world.network.transaction(signed.hash).await.unwrap().unwrap();
    assert!(!record.successful);
    assert_eq!(record.codes.operations, ["op_success", "op_no_trust", "op_no_destination"]);
    assert_eq!((record.fee_account, record.fee_charged.get()), (channel, 300));
    assert_eq!(world.network.transaction_using(channel, plan.sequence).await.unwrap(), Some(record));
    assert_eq!(world.balance(escrow, "TFT"), Stroops::from_units(100).get());
}

#[tokio::test]
async fn what_the_ledger_refuses_comes_back_with_its_code_and_leaves_no_trace() {
    let world = World::begin(&[]).await;
    let channel = world.open_channels(1).await[0];
    let escrow = world.open_escrows(channel, 1).await[0];
    world.deposit(escrow, "TFT", 100).await;
    let body = Body::Pay(vec![payment(escrow, world.asset("TFT").issuer().unwrap(), world.asset("TFT"), 1)]);
    let good = world.plan(channel, body).await;

    let early = Timestamp::from_second(good.max_time.as_second() - 1_000).unwrap();
    for (plan, code) in [
        (TransactionPlan { sequence: good.sequence - 1, ..good.clone() }, "tx_bad_seq"),
        (TransactionPlan { sequence: good.sequence + 1, ..good.clone() }, "tx_bad_seq"),
        (TransactionPlan { max_time: early, ..good.clone() }, "tx_too_late"),
        (TransactionPlan { channel: id(99), ..good.clone() }, "tx_no_source_account"),
    ] {
        let (signed, sent) = world.send(&plan).await;
        assert_eq!(codes(&sent), (code, vec![]));
        assert_eq!(world.network.transaction(signed.hash).await.unwrap(), None);
    }
    let stranger = network(Arc::new(ServiceTransport::new(world.sandbox.router())), &[], CUSTOMER);
    let forged = stranger.build(&good).await.unwrap();
    assert_eq!(codes(&world.network.send(&forged.envelope).await), ("tx_bad_auth", vec![]));
    assert_eq!(codes(&world.network.send("AAAA").await), ("transaction_malformed", vec![]));
    let not_ours = Body::Pay(vec![payment(id(CUSTOMER), escrow, Asset::Native, 1)]);
    let (_, sent) = world.send(&TransactionPlan { body: not_ours, ..good.clone() }).await;
    assert_eq!(codes(&sent), ("tx_failed", vec!["op_bad_auth"]));
    world.include(&good).await;
}

#[tokio::test]
async fn with_recovery_signers_the_platform_still_signs_alone() {
    let world = World::begin(&[21, 22, 23]).await;
    let channel = world.open_channels(world.network.channels_per_transaction()).await[0];
    let escrows = world.open_escrows(channel, world.network.escrows_per_transaction(3)).await;
    assert_eq!(escrows.len(), 10);
    world.deposit(escrows[9], "TFT", 5).await;
    let issuer = world.asset("TFT").issuer().unwrap();
    let body = Body::Pay(vec![payment(escrows[9], issuer, world.asset("TFT"), 5)]);
    world.include(&world.plan(channel, body).await).await;
    // One recovery signer alone has not the weight.
    let alone = network(Arc::new(ServiceTransport::new(world.sandbox.router())), &[], 21);
    let body = Body::Pay(vec![payment(escrows[8], issuer, world.asset("TFT"), 5)]);
    let forged = alone.build(&world.plan(channel, body).await).await.unwrap();
    assert_eq!(codes(&world.network.send(&forged.envelope).await), ("tx_bad_auth", vec![]));
}

#[tokio::test]
async fn over_sockets_payments_with_memos_come_through_the_stream_and_the_pages_alike() {
    let world = World::begin(&[]).await;
    let channel = world.open_channels(1).await[0];
    let escrow = world.open_escrows(channel, 1).await[0];
    let url = world.handle.url().parse().unwrap();
    let remote = network(Arc::new(HttpTransport::new(&url).unwrap()), &[], PLATFORM);
    let mut events = EventReader::new(
        remote.horizon().clone(),
        format!("/accounts/{escrow}/payments?join=transactions"),
        "0",
    );
    assert!(events.next().await.unwrap().json.contains("create_account"));
    let text = WalletMemo::Text("p-7".to_owned());
    let amount = Stroops::new(12_345_678).unwrap();
    let paid =
        world.wallets.pay(&wallet(CUSTOMER), escrow.into(), "XLM".parse().unwrap(), amount, &text).await;
    let hash: TxHash = paid.unwrap().hash;
    let event = events.next().await.unwrap();
    let streamed = farmgate::stellar::horizon::records::operation(&event.json);
    let after: OperationId = "1".parse().unwrap();
    let paged = remote.payments(escrow, after, 200).await.unwrap();
    assert_eq!(paged.last(), Some(&streamed));
    match streamed {
        HistoryRecord::Payment(payment) => {
            assert_eq!((payment.transaction, payment.memo), (hash, Some(Memo::Text("p-7".to_owned()))));
            assert_eq!(payment.movements[0].amount, amount);
            assert_eq!(event.cursor, payment.operation.to_string());
        }
        other => panic!("{other:?}"),
    }
}
