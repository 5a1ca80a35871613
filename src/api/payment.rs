use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::text::{AccountText, AmountText, AssetText, IdText, TimeText};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{LedgerSeq, ReservationId, TransferId, TxHash};
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::domain::payment::{self, Attribution, PaymentId};
use crate::domain::transfer::{Transfer, TransferState};

/// A transaction's memo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Memo {
    /// `none`, `text`, `id`, `hash` or `return`.
    #[schema(example = "text")]
    pub r#type: &'static str,
    /// Its value; hashes in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "p-5629499534213120")]
    pub value: Option<String>,
}

impl From<&payment::Memo> for Memo {
    fn from(memo: &payment::Memo) -> Self {
        let (r#type, value) = match memo {
            payment::Memo::None => ("none", None),
            payment::Memo::Text(text) => ("text", Some(text.clone())),
            payment::Memo::Id(id) => ("id", Some(id.to_string())),
            payment::Memo::Hash(hash) => ("hash", Some(hash.to_string())),
            payment::Memo::Return(hash) => ("return", Some(hash.to_string())),
        };
        Self { r#type, value }
    }
}

/// Money that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Payment {
    /// Operation id and change index: its identity for ever.
    #[schema(value_type = String, example = "9108135936987137-0")]
    pub id: PaymentId,
    /// `payment`, `path_payment`, `create_account`, `contract_transfer`, `account_merge`
    /// or `claim_claimable_balance`.
    #[schema(example = "payment")]
    pub kind: &'static str,
    /// `counted`, `late`, `other_asset`, `unassigned` (it belongs to no reservation) or `top_up`.
    #[schema(example = "counted")]
    pub attribution: &'static str,
    /// The reservation of the account it came to.
    #[schema(value_type = Option<IdText>)]
    pub reservation_id: Option<ReservationId>,
    /// Who paid: an account, a muxed account or a contract.
    #[schema(value_type = Option<String>)]
    pub from: Option<Address>,
    /// The account that was credited.
    #[schema(value_type = AccountText)]
    pub to: AccountId,
    /// In what.
    #[schema(value_type = AssetText)]
    pub asset: Asset,
    /// How much arrived.
    #[schema(value_type = AmountText)]
    pub amount: Stroops,
    /// The transaction that carried it.
    #[schema(value_type = String)]
    pub transaction: TxHash,
    /// The ledger it is in.
    #[schema(value_type = u32)]
    pub ledger: LedgerSeq,
    /// When that ledger closed: what decides whether it was in time.
    #[schema(value_type = TimeText)]
    pub closed_at: Timestamp,
    /// The transaction's memo.
    pub memo: Memo,
    /// How it goes back; left out where nothing of it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
}

/// The return of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Returned {
    /// The transfer's id.
    #[schema(value_type = IdText)]
    pub transfer_id: TransferId,
    /// `pending` (owed), `in_flight`, `confirmed` (paid), or `cancelled`: its issuer took the money back.
    #[schema(example = "confirmed")]
    pub state: &'static str,
    /// `payment`, `claimable_balance`, or `undecided`: somebody must say where it belongs.
    #[schema(example = "payment")]
    pub delivery: &'static str,
    /// To whom.
    #[schema(value_type = String)]
    pub to: Address,
    /// How much.
    #[schema(value_type = AmountText)]
    pub amount: Stroops,
    /// When it was paid or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TimeText>)]
    pub at: Option<Timestamp>,
}

impl From<&Transfer> for Returned {
    fn from(transfer: &Transfer) -> Self {
        let at = match &transfer.state {
            TransferState::Confirmed { at, .. } | TransferState::Cancelled { at } => Some(*at),
            TransferState::Pending | TransferState::InFlight { .. } => None,
        };
        let (transfer_id, state) = (transfer.id, transfer.state.name());
        let delivery = transfer.delivery.as_str();
        Self { transfer_id, state, delivery, to: transfer.to, amount: transfer.amount, at }
    }
}

/// A claimable balance that a stranger made for an account of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClaimableBalance {
    /// Its id on the ledger.
    #[schema(example = "00000000c9f13f02f8e87c53ae557554869a0b749778de648ddb0cc1c0ba3d5b08be8d76")]
    pub id: String,
    /// The account of the service that may claim it.
    #[schema(value_type = AccountText)]
    pub claimant: AccountId,
    /// In what.
    #[schema(value_type = AssetText)]
    pub asset: Asset,
    /// How much.
    #[schema(value_type = AmountText)]
    pub amount: Stroops,
    /// Who pays its reserve: as a rule who made it.
    #[schema(value_type = Option<AccountText>)]
    pub sponsor: Option<AccountId>,
    /// When it was first seen.
    #[schema(value_type = TimeText)]
    pub seen_at: Timestamp,
    /// When the account was closed, so that it cannot be claimed any more; left out while the
    /// account is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TimeText>)]
    pub out_of_reach_at: Option<Timestamp>,
}

/// What is owed, or was clawed back of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Liability {
    /// `deposits` (owed for a reservation), `unattributed` (owed to whom it came from), `claimants` (owed
    /// to whom claimable balances were made, claimed or not yet), or `clawed_back`: the issuer has it
    /// again, and nobody bears it yet.
    #[schema(example = "deposits")]
    pub kind: &'static str,
    /// The reservation it is for.
    #[schema(value_type = Option<IdText>)]
    pub reservation_id: Option<ReservationId>,
    /// In what.
    #[schema(value_type = AssetText)]
    pub asset: Asset,
    /// How much.
    #[schema(value_type = AmountText)]
    pub amount: Stroops,
}

impl Liability {
    /// A book account's balance: debits minus credits.
    pub fn new(account: BookAccount, asset: Asset, balance: i64) -> Self {
        let (kind, reservation_id) = match account {
            BookAccount::Deposits(reservation) => ("deposits", Some(reservation)),
            BookAccount::Unattributed => ("unattributed", None),
            BookAccount::ClawedBack(reservation) => ("clawed_back", reservation),
            BookAccount::Claimants => ("claimants", None),
            BookAccount::ClaimableBalances => ("claimable_balances", None),
            BookAccount::Stellar(_) => ("stellar", None),
            BookAccount::NetworkFees => ("network_fees", None),
            BookAccount::AcceptedLosses => ("accepted_losses", None),
            BookAccount::Capital => ("capital", None),
        };
        let amount = Stroops::new(balance.saturating_abs()).unwrap_or_default();
        Self { kind, reservation_id, asset, amount }
    }
}

impl Payment {
    /// A payment with what it was taken for.
    pub fn new(
        payment: &payment::Payment,
        reservation_id: Option<ReservationId>,
        attribution: Attribution,
    ) -> Self {
        Self {
            id: payment.id,
            kind: payment.kind.as_str(),
            attribution: attribution.as_str(),
            reservation_id,
            from: payment.from,
            to: payment.to,
            asset: payment.asset,
            amount: payment.amount,
            transaction: payment.transaction,
            ledger: payment.ledger,
            closed_at: payment.closed_at,
            memo: (&payment.memo).into(),
            returned: None,
        }
    }

    /// The same with its return.
    pub fn with_return(mut self, transfer: Option<&Transfer>) -> Self {
        self.returned = transfer.map(Returned::from);
        self
    }
}
