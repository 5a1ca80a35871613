//! A transaction of a real database whose commit goes as a story wants it to.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use farmgate::domain::address::AccountId;
use farmgate::domain::asset::{Asset, AssetCode};
use farmgate::domain::claimable::Claimable;
use farmgate::domain::currency::Currency;
use farmgate::domain::dead_letter::{Kind, Undelivered};
use farmgate::domain::escrow::{Channel, EscrowAccount, OwnWatch};
use farmgate::domain::event::{Event, EventKind};
use farmgate::domain::farm::Farm;
use farmgate::domain::fee_bump::FeeBump;
use farmgate::domain::identity::Identity;
use farmgate::domain::ids::{
    ApiKeyId, ClaimableId, EntryId, EventId, FarmId, IdentityId, NodeId, PoolId, ReservationId, SubmissionId,
    TransferId, TxHash,
};
use farmgate::domain::journal::{BookAccount, Entry};
use farmgate::domain::node::Node;
use farmgate::domain::payment::PaymentId;
use farmgate::domain::pool::Pool;
use farmgate::domain::reservation::Reservation;
use farmgate::domain::sealing::SealedSecret;
use farmgate::domain::transfer::{Submission, Transfer};
use farmgate::ports::store::*;
use jiff::Timestamp;

use super::gate::Gate;

/// How the commit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// It is refused before it happens: everything is undone.
    Undone,
    /// It happens, and nobody is told.
    Unanswered,
    /// It happens.
    Done,
}

/// Does what it is asked, until the commit.
pub struct InterruptedTx {
    pub inner: Box<dyn Tx>,
    pub commit: Commit,
    /// Where it waits before the commit.
    pub gate: Option<Arc<Gate>>,
}

fn lost() -> StoreError {
    StoreError::Unavailable { reason: "the connection broke at the commit".to_owned() }
}

#[async_trait]
impl Tx for InterruptedTx {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
        match self.commit {
            Commit::Undone => self.inner.rollback().await?,
            Commit::Unanswered => self.inner.commit().await?,
            Commit::Done => return self.inner.commit().await,
        }
        Err(lost())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.rollback().await
    }
}

/// Passes every call on.
macro_rules! pass_on {
    ($($of:ident { $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+ })+) => {
        $(
            #[async_trait]
            impl $of for InterruptedTx {
                $(
                    async fn $name(&mut self, $($argument: $type),*) -> Result<$answer, StoreError> {
                        self.inner.$name($($argument),*).await
                    }
                )+
            }
        )+
    };
}

pass_on! {
    AccessTx {
        insert_api_key(key: &ApiKey) -> ();
        api_key_by_hash(secret_hash: [u8; 32]) -> Option<ApiKey>;
        api_keys(after: Option<ApiKeyId>, limit: u32) -> Vec<ApiKey>;
        revoke_api_key(id: ApiKeyId, at: Timestamp) -> Applied;
        answer(key: &IdempotencyKey) -> Option<StoredAnswer>;
        keep_answer(key: &IdempotencyKey, answer: &StoredAnswer) -> ();
        forget_answers(before: Timestamp, limit: u32) -> u64;
    }
    AccountsTx {
        insert_escrow(escrow: &EscrowAccount) -> ();
        update_escrow(escrow: &EscrowAccount) -> EscrowAccount;
        retire_ready(at: Timestamp) -> u64;
        escrows(accounts: &[AccountId]) -> Vec<EscrowAccount>;
        escrows_opened_by(submission: SubmissionId) -> Vec<EscrowAccount>;
        escrows_at_rest(accounts: &[AccountId]) -> Vec<(AccountId, ReservationId)>;
        escrows_merged(limit: u32) -> Vec<EscrowAccount>;
        escrows_dirty(limit: u32) -> Vec<EscrowAccount>;
        escrows_available(assets: &[Asset]) -> u64;
        escrow_asset_lists(limit: u32) -> Vec<Vec<Asset>>;
        take_escrow(assets: &[Asset], reservation: ReservationId) -> Option<AccountId>;
        insert_sealed_secret(sealed: &SealedSecret) -> ();
        sealed_secrets(accounts: &[AccountId]) -> Vec<SealedSecret>;
        insert_channel(channel: &Channel) -> ();
        update_channel(before: &Channel, after: &Channel) -> ();
        remove_channel(channel: &Channel) -> ();
        own_watch(account: AccountId) -> Option<OwnWatch>;
        set_own_watch(account: AccountId, before: Option<OwnWatch>, after: OwnWatch) -> ();
        set_waiting_balances(claimant: AccountId, balances: &[WaitingBalance]) -> ();
        waiting_out_of_reach(claimant: AccountId, at: Timestamp) -> ();
        waiting_balances(after: Option<(AccountId, String)>, limit: u32) -> Vec<WaitingBalance>;
        channels() -> Vec<Channel>;
    }
    CatalogTx {
        put_farm(farm: &Farm) -> Put;
        farm(id: FarmId) -> Option<Farm>;
        farms(after: Option<FarmId>, limit: u32) -> Vec<Farm>;
        put_node(node: &Node) -> Put;
        node(id: NodeId) -> Option<Node>;
        nodes(farm: Option<FarmId>, after: Option<NodeId>, limit: u32) -> Vec<Node>;
        put_identity(identity: &Identity) -> Put;
        identity(id: IdentityId) -> Option<Identity>;
        identities(after: Option<IdentityId>, limit: u32) -> Vec<Identity>;
        put_currency(currency: &Currency) -> Put;
        currency(code: AssetCode) -> Option<Currency>;
        currencies(after: Option<AssetCode>, limit: u32) -> Vec<Currency>;
    }
    ClaimablesTx {
        insert_claimable(claimable: &Claimable) -> ();
        update_claimable(before: &Claimable, after: &Claimable) -> ();
        claimable(id: ClaimableId) -> Option<Claimable>;
        claimables_open(after: Option<ClaimableId>, limit: u32) -> Vec<Claimable>;
        claimables_reclaimable(now: Timestamp, after: Option<(Timestamp, ClaimableId)>, limit: u32) -> Vec<Claimable>;
        claimables_not_repaid(after: Option<ClaimableId>, limit: u32) -> Vec<Claimable>;
        claimable_sums() -> Vec<ClaimableSums>;
        returns_by_claimable() -> u64;
        claimables_of_farm(farm: FarmId, asset: Asset) -> u64;
        farms_with_claimables(at_least: u32, limit: u32) -> Vec<(FarmId, Asset)>;
    }
    DeadLettersTx {
        records_put_aside(dismissed: bool, after: Option<RecordId>, limit: u32) -> Vec<PutAside>;
        record_put_aside(id: &RecordId) -> Option<PutAside>;
        dismiss_record(id: &RecordId, dismissal: &Dismissal) -> Applied;
        returns_undelivered(after: Option<TransferId>, limit: u32) -> Vec<(Transfer, Option<Undelivered>)>;
        repayments_unpaid(after: Option<TransferId>, limit: u32) -> Vec<(Transfer, Option<Undelivered>)>;
        undelivered(transfer: TransferId) -> Option<Undelivered>;
        set_undelivered(transfer: &Transfer, undelivered: &Undelivered) -> ();
        tries_of(transfer: TransferId) -> Tries;
        tries_to_take_back(claimable: ClaimableId) -> Tries;
        claimables_not_taken_back(now: Timestamp, overdue: Timestamp, after: Option<ClaimableId>, limit: u32) -> Vec<Claimable>;
        escrows_unexplained(since: Timestamp, after: Option<AccountId>, limit: u32) -> Vec<EscrowAccount>;
        dead_letter_counts(now: Timestamp) -> BTreeMap<Kind, u64>;
    }
    FeeBumpsTx {
        insert_fee_bump(bump: &FeeBump) -> ();
        live_fee_bumps() -> Vec<FeeBump>;
    }
    JournalTx {
        post(entry: &Entry) -> Applied;
        balance(account: BookAccount, asset: Asset) -> i64;
        balances_of(account: BookAccount) -> Vec<(Asset, i64)>;
        balances(after: Option<(BookAccount, Asset)>, limit: u32) -> Vec<(BookAccount, Asset, i64)>;
        balances_owed(after: Option<(BookAccount, Asset)>, limit: u32) -> Vec<(BookAccount, Asset, i64)>;
        journal_sums() -> Vec<(Asset, i64)>;
        entries(reservation: Option<ReservationId>, after: Option<EntryId>, limit: u32) -> Vec<Entry>;
        append_event(at: Timestamp, kind: &EventKind) -> EventId;
        events(after: Option<EventId>, limit: u32) -> Vec<Event>;
        report(status: &EngineStatus) -> ();
        engine_status() -> Option<EngineStatus>;
    }
    LeaseTx {
        lease() -> Lease;
        take_lease(seen: &Lease, holder: &str, now: Timestamp) -> Option<Lease>;
        renew_lease(token: i64, holder: &str, now: Timestamp) -> Option<Lease>;
        release_lease(token: i64, holder: &str) -> bool;
    }
    PaymentsTx {
        insert_payment(payment: &StoredPayment) -> Applied;
        payment(id: PaymentId) -> Option<StoredPayment>;
        payments(filter: &PaymentFilter, after: Option<PaymentId>, limit: u32) -> Vec<StoredPayment>;
        quarantine(record: &Quarantined) -> Applied;
        quarantined(limit: u32) -> Vec<Quarantined>;
    }
    PayoutsTx {
        watch_payouts(accounts: &[AccountId]) -> ();
        payout_checks(accounts: &[AccountId]) -> Vec<PayoutCheck>;
        payouts_to_check(before: Timestamp, limit: u32) -> Vec<PayoutCheck>;
        set_payout_check(check: &PayoutCheck) -> ();
    }
    PoolsTx {
        insert_pool(pool: &Pool) -> ();
        update_pool(pool: &Pool) -> Pool;
        pool(id: PoolId) -> Option<Pool>;
        pools(filter: &PoolFilter, after: Option<PoolId>, limit: u32) -> Vec<Pool>;
        pool_claims(id: PoolId) -> PoolClaims;
        node_is_under_free_pool(node: NodeId) -> bool;
    }
    ReservationsTx {
        insert_reservation(reservation: &Reservation) -> ();
        update_reservation(reservation: &Reservation) -> Reservation;
        reservation(id: ReservationId) -> Option<Reservation>;
        reservation_by_escrow(escrow: AccountId) -> Option<Reservation>;
        reservations(filter: &ReservationFilter, after: Option<ReservationId>, limit: u32) -> Vec<Reservation>;
        reservations_overdue(now: Timestamp, after: Option<(Timestamp, ReservationId)>, limit: u32) -> Vec<Reservation>;
        reservation_counts() -> Vec<(String, u64)>;
    }
    WatchdogTx {
        oldest_funded() -> Option<(ReservationId, Timestamp)>;
        oldest_unknown() -> Option<(SubmissionId, Timestamp)>;
        pending_transfers() -> (u64, Option<TransferId>);
    }
    TransfersTx {
        insert_transfers(transfers: &[Transfer]) -> ();
        update_transfer(before: &Transfer, after: &Transfer) -> ();
        redirect_transfer(before: &Transfer, after: &Transfer) -> ();
        move_home(closed: AccountId, home: AccountId) -> ();
        money_is_owed_from(account: AccountId) -> bool;
        counted_returns_open(reservation: ReservationId) -> bool;
        transfers_of(reservation: ReservationId) -> Vec<Transfer>;
        next_ordinal(reservation: ReservationId) -> u32;
        pending_refunds(after: Option<TransferId>, limit: u32) -> Vec<Transfer>;
        pending_refunds_from(account: AccountId, after: Option<TransferId>, limit: u32) -> Vec<Transfer>;
        refund_of(payment: PaymentId) -> Option<Transfer>;
        repayment_of(claimable: ClaimableId) -> Option<Transfer>;
        money_leaves(account: AccountId) -> bool;
        transfers(ids: &[TransferId]) -> Vec<Transfer>;
        insert_submission(submission: &Submission) -> ();
        insert_recovered(submission: &Submission) -> ();
        count_attempt(id: SubmissionId) -> ();
        note_answer(id: SubmissionId, answer: &str) -> ();
        resolve_submission(submission: &Submission) -> ();
        submission(id: SubmissionId) -> Option<Submission>;
        submission_by_hash(hash: TxHash) -> Option<Submission>;
        live_submissions() -> Vec<Submission>;
    }
}
