//! Transactions of our own accounts that our database does not know.

use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::Memo;
use farmgate::ports::clock::Clock;
use farmgate::ports::network::{Body, Closing, PaymentOperation, TransactionPlan};
use jiff::Timestamp;

use super::{FOUNDATION, World, amount, wallet};

impl World {
    /// Moves money of an account of ours by a transaction that is stored nowhere, as whoever has our key
    /// could.
    pub async fn steal(&self, thief: &str, from: AccountId, much: Stroops, code: &str) {
        self.steal_with(thief, from, (much, code), Memo::None).await;
    }

    /// The same, with a memo: that of a return, or whatever else.
    pub async fn steal_with(&self, thief: &str, from: AccountId, (much, code): (Stroops, &str), memo: Memo) {
        let source = wallet(thief).account();
        let sequence = self.network.account(source).await.unwrap().account.unwrap().sequence + 1;
        let to = Address::Account(wallet(FOUNDATION).account());
        let operation =
            PaymentOperation { from, to, asset: self.asset(code), amount: much, reclaim_from: None };
        self.send_plan(source, sequence, Body::Pay(vec![operation]), memo).await;
    }

    /// Moves XLM of an account of ours in the same way.
    pub async fn steal_native(&self, thief: &str, from: AccountId, much: Stroops) {
        let source = wallet(thief).account();
        let sequence = self.network.account(source).await.unwrap().account.unwrap().sequence + 1;
        let to = Address::Account(wallet(FOUNDATION).account());
        let operation = PaymentOperation { from, to, asset: Asset::Native, amount: much, reclaim_from: None };
        self.send_unstored(source, sequence, operation).await;
    }

    /// Uses up a channel's sequence number by a transaction that is stored nowhere, in which the payer pays
    /// itself.
    pub async fn use_up_sequence(&self, payer: &str, channel: AccountId, sequence: i64) {
        let from = wallet(payer).account();
        let operation = PaymentOperation {
            from,
            to: Address::Account(from),
            asset: Asset::Native,
            amount: amount("1"),
            reclaim_from: None,
        };
        self.send_unstored(channel, sequence, operation).await;
    }

    /// Merges an account of ours into the platform's by a transaction of `source` that is stored nowhere, as
    /// whoever has our key could.
    pub async fn merge_away(&self, account: AccountId, source: AccountId) {
        let sequence = self.plain.account(source).await.unwrap().account.unwrap().sequence + 1;
        let body = Body::CloseEscrows(vec![Closing { account, assets: vec![], carried: vec![] }]);
        self.send_plan(source, sequence, body, Memo::None).await;
    }

    async fn send_unstored(&self, channel: AccountId, sequence: i64, operation: PaymentOperation) {
        self.send_plan(channel, sequence, Body::Pay(vec![operation]), Memo::None).await;
    }

    async fn send_plan(&self, channel: AccountId, sequence: i64, body: Body, memo: Memo) {
        let plan = TransactionPlan {
            channel,
            sequence,
            max_time: Timestamp::from_second(self.clock.now().as_second() + 200).unwrap(),
            fee_per_operation: 100,
            memo,
            body,
        };
        let signed = self.plain.build(&plan).await.unwrap();
        self.post_text(&signed.envelope).await;
    }
}
