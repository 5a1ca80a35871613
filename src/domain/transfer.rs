//! Money that goes out, and the transactions that carry it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::{AccountId, Address};
use super::asset::Asset;
use super::ids::{
    ClaimableId, FarmId, LedgerSeq, OperationId, ReservationId, SubmissionId, TransferId, TxHash,
};
use super::journal::BookAccount;
use super::money::Stroops;
use super::payment::{Memo, PaymentId};
use super::refund::RefundAddress;
use super::split::Recipient;

/// What a transfer is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TransferKind {
    /// One leg of a settlement. A burn is a payment to the asset's issuer.
    Leg {
        /// Who is paid.
        recipient: Recipient,
        /// Which farm, for a farmer's leg.
        farm: Option<FarmId>,
    },
    /// Money of one payment that goes back to its payer. The payment is a unique key: each is returned once.
    Refund {
        /// The payment it returns.
        payment: PaymentId,
    },
    /// Money of a claimable balance that nobody claimed, and that was reclaimed: it is still owed to whom
    /// the balance was for. The balance is a unique key: each is repaid once.
    Repayment {
        /// The balance.
        claimable: ClaimableId,
    },
}

/// Money that was taken in, or reclaimed, and goes to whom it belongs. Each goes once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GivenBack {
    /// What a payment brought and no settlement kept.
    Payment(PaymentId),
    /// What was reclaimed of a claimable balance that nobody claimed.
    Claimable(ClaimableId),
}

impl fmt::Display for GivenBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payment(payment) => write!(f, "payment {payment}"),
            Self::Claimable(claimable) => write!(f, "claimable balance {claimable}"),
        }
    }
}

impl FromStr for GivenBack {
    type Err = GivenBackError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let payment = text.parse().map(Self::Payment);
        payment.or_else(|_| text.parse().map(Self::Claimable)).map_err(|_| GivenBackError)
    }
}

/// A text that is the id of neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a payment's id (OPERATION-CHANGE) nor a claimable balance's (72 hexadecimal digits)")]
pub struct GivenBackError;

/// How a transfer reaches its recipient.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// By a payment.
    Payment,
    /// By a claimable balance: the recipient could not receive a payment.
    ClaimableBalance,
    /// Not yet: where it came from cannot be paid, and somebody must say where it belongs.
    Undecided,
}

impl Delivery {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::ClaimableBalance => "claimable_balance",
            Self::Undecided => "undecided",
        }
    }
}

/// How far a transfer has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TransferState {
    /// Owed, and in no live transaction.
    Pending,
    /// In the one live transaction that may pay it.
    InFlight {
        /// That transaction.
        submission: SubmissionId,
    },
    /// Paid: seen in a closed ledger.
    Confirmed {
        /// The transaction that paid it.
        submission: SubmissionId,
        /// The operation that paid it.
        operation: OperationId,
        /// When its ledger closed.
        at: Timestamp,
    },
    /// Given up: it will never be paid. What it was for is settled otherwise, or is no longer there. Final.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// One movement of money out of an escrow account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Its id.
    pub id: TransferId,
    /// The reservation whose money it is; `None` for money that came to an account that none has.
    pub reservation: Option<ReservationId>,
    /// Its place among the reservation's transfers, from 0; with the reservation a unique key.
    pub ordinal: u32,
    /// What it is for.
    pub kind: TransferKind,
    /// The escrow account it leaves.
    pub from: AccountId,
    /// Where it goes.
    pub to: Address,
    /// In what.
    pub asset: Asset,
    /// How much, in stroops.
    pub amount: Stroops,
    /// The memo that its transaction carries.
    pub memo: Memo,
    /// How it gets there.
    pub delivery: Delivery,
    /// How far it has come.
    pub state: TransferState,
}

/// What a transaction of ours does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum Purpose {
    /// Creates channel accounts, from which transactions are sent.
    OpenChannels {
        /// The new accounts, each created with [`Purpose::OpenChannels::starting_balance`].
        accounts: Vec<AccountId>,
        /// XLM each gets for its fees.
        starting_balance: Stroops,
    },
    /// Pays XLM from the platform's account to channels whose fees have used up theirs.
    TopUpChannels {
        /// The channels and what each gets, in the order of its operations.
        channels: Vec<TopUp>,
    },
    /// Creates escrow accounts.
    OpenEscrows {
        /// The new accounts.
        accounts: Vec<AccountId>,
        /// The assets they trust.
        assets: Vec<Asset>,
    },
    /// Pays transfers, in the order of its operations: the legs of settlements, or returns of one
    /// transaction's payments.
    PayTransfers {
        /// The transfers.
        transfers: Vec<TransferId>,
        /// The claimable balances that deliver those of them that are delivered so, in their order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        claimables: Vec<ClaimableId>,
        /// From when on those can be reclaimed; `None` if there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reclaim_from: Option<Timestamp>,
    },
    /// Was found on the ledger: it is ours, and a database restored from a backup did not know it. What
    /// it paid of what is owed is told by the transfers that name it.
    Recovered,
    /// Takes back claimable balances that nobody claimed.
    #[serde(rename = "take_back")]
    Reclaim {
        /// The balances, in the order of its last operations.
        claimables: Vec<ClaimableId>,
    },
    /// Closes escrow accounts: removes their trust lines and merges them into the platform's account.
    CloseEscrows {
        /// The accounts, in the order of their operations.
        accounts: Vec<ClosedAccount>,
    },
}

/// What a channel gets for its fees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TopUp {
    /// The channel.
    pub channel: AccountId,
    /// How much XLM, in stroops.
    pub amount: Stroops,
}

/// An account in a transaction that closes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClosedAccount {
    /// The account.
    pub account: AccountId,
    /// How many operations close it; the last merges it.
    pub operations: u16,
    /// Tokens that are paid to the platform's account first: they are owed, and cannot be sent to whom
    /// they belong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<(Asset, Stroops)>,
}

/// What is known of a transaction of ours. There is no "failed to submit": what was sent may land.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SubmissionState {
    /// Stored, perhaps sent; its outcome is in no ledger yet.
    Live,
    /// In a closed ledger, successful.
    Confirmed {
        /// Which.
        ledger: LedgerSeq,
        /// When it closed.
        at: Timestamp,
    },
    /// In a closed ledger, without effect but for its fee and sequence number.
    Failed {
        /// Which.
        ledger: LedgerSeq,
        /// When it closed.
        at: Timestamp,
        /// The ledger's verdict.
        codes: ResultCodes,
    },
    /// Proved never to land: a ledger that closed after its `max_time` still has the channel below its
    /// sequence number, or another transaction used that number.
    Dead {
        /// The ledger that proves it.
        proved_at: LedgerSeq,
    },
}

/// The ledger's verdict on a transaction, in Horizon's spelling.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ResultCodes {
    /// For the whole, such as `tx_failed`.
    pub transaction: String,
    /// For each operation in order, such as `op_no_trust`; empty if the whole was refused.
    #[serde(default)]
    pub operations: Vec<String>,
}

/// A transaction of ours: stored with its envelope before it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submission {
    /// Its id.
    pub id: SubmissionId,
    /// The account whose sequence number and fee it uses.
    pub channel: AccountId,
    /// The sequence number it uses.
    pub sequence: i64,
    /// Its hash on our network.
    pub hash: TxHash,
    /// The signed envelope, base64 XDR: what is sent, and sent again, byte for byte.
    pub envelope: String,
    /// It cannot be in a ledger that closes after this.
    pub max_time: Timestamp,
    /// What it does.
    pub purpose: Purpose,
    /// What is known of it.
    pub state: SubmissionState,
    /// How often it was sent; the first attempt is counted before it is made.
    pub attempts: u32,
    /// What the last attempt answered, for people.
    pub last_answer: Option<String>,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// A transition that a transfer or submission cannot make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {state}: it cannot be {change}")]
pub struct InvalidTransferTransition {
    /// Which thing.
    pub what: String,
    /// Its state.
    pub state: &'static str,
    /// What was tried.
    pub change: &'static str,
}

/// A way that a transfer goes: which one, where to, and with which memo.
pub type Route = (TransferId, Address, Memo);

impl TransferState {
    /// The state's name as stored and shown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InFlight { .. } => "in_flight",
            Self::Confirmed { .. } => "confirmed",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

impl Transfer {
    /// The way it goes at present; it may be sent another.
    pub fn route(&self) -> Route {
        (self.id, self.to, self.memo.clone())
    }

    /// What is no longer owed once it is paid.
    pub fn liability(&self) -> BookAccount {
        match self.kind {
            TransferKind::Leg { .. } | TransferKind::Refund { .. } => {
                self.reservation.map_or(BookAccount::Unattributed, BookAccount::Deposits)
            }
            TransferKind::Repayment { .. } => BookAccount::Claimants,
        }
    }

    fn refuse(&self, change: &'static str) -> InvalidTransferTransition {
        InvalidTransferTransition { what: format!("transfer {}", self.id), state: self.state.name(), change }
    }

    /// Pending, by payment → by claimable balance. Only for a plain account: whoever claims knows of no muxed
    /// id, and a contract cannot claim. Never for what stood in one already.
    pub fn as_claimable(mut self) -> Result<Self, InvalidTransferTransition> {
        let first = !matches!(self.kind, TransferKind::Repayment { .. });
        let plain = first && matches!(self.to, Address::Account(_));
        match (&self.state, self.delivery, plain) {
            (TransferState::Pending, Delivery::Payment, true) => {
                self.delivery = Delivery::ClaimableBalance;
                Ok(self)
            }
            (
                TransferState::Pending
                | TransferState::InFlight { .. }
                | TransferState::Confirmed { .. }
                | TransferState::Cancelled { .. },
                Delivery::Payment | Delivery::ClaimableBalance | Delivery::Undecided,
                _,
            ) => Err(self.refuse("delivered by a claimable balance")),
        }
    }

    /// Pending → goes elsewhere: where it came from cannot take it.
    pub fn redirected(mut self, to: &RefundAddress) -> Result<Self, InvalidTransferTransition> {
        match (&self.state, self.kind) {
            (TransferState::Pending, TransferKind::Refund { .. } | TransferKind::Repayment { .. }) => {
                self.to = to.address();
                if *to.memo() != Memo::None {
                    self.memo = to.memo().clone();
                }
                self.delivery = Delivery::Payment;
                Ok(self)
            }
            (
                TransferState::Pending
                | TransferState::InFlight { .. }
                | TransferState::Confirmed { .. }
                | TransferState::Cancelled { .. },
                _,
            ) => Err(self.refuse("redirected")),
        }
    }

    /// Pending → in flight, in `submission`.
    pub fn sent(mut self, submission: SubmissionId) -> Result<Self, InvalidTransferTransition> {
        match self.state {
            TransferState::Pending => self.state = TransferState::InFlight { submission },
            TransferState::InFlight { .. }
            | TransferState::Confirmed { .. }
            | TransferState::Cancelled { .. } => {
                return Err(self.refuse("sent"));
            }
        }
        Ok(self)
    }

    /// In flight in `submission` → confirmed by `operation`.
    pub fn confirmed(
        mut self,
        by: SubmissionId,
        operation: OperationId,
        at: Timestamp,
    ) -> Result<Self, InvalidTransferTransition> {
        match self.state {
            TransferState::InFlight { submission } if submission == by => {
                self.state = TransferState::Confirmed { submission, operation, at };
                Ok(self)
            }
            TransferState::Pending
            | TransferState::InFlight { .. }
            | TransferState::Confirmed { .. }
            | TransferState::Cancelled { .. } => Err(self.refuse("confirmed")),
        }
    }

    /// In flight in `submission`, which failed or is dead → pending again.
    pub fn released(mut self, by: SubmissionId) -> Result<Self, InvalidTransferTransition> {
        match self.state {
            TransferState::InFlight { submission } if submission == by => {
                self.state = TransferState::Pending;
                Ok(self)
            }
            TransferState::Pending
            | TransferState::InFlight { .. }
            | TransferState::Confirmed { .. }
            | TransferState::Cancelled { .. } => Err(self.refuse("released")),
        }
    }

    /// Pending → cancelled. What may still land is never given up.
    pub fn cancelled(mut self, at: Timestamp) -> Result<Self, InvalidTransferTransition> {
        match self.state {
            TransferState::Pending => self.state = TransferState::Cancelled { at },
            TransferState::InFlight { .. }
            | TransferState::Confirmed { .. }
            | TransferState::Cancelled { .. } => return Err(self.refuse("cancelled")),
        }
        Ok(self)
    }
}

impl SubmissionState {
    /// The state's name as stored and shown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Confirmed { .. } => "confirmed",
            Self::Failed { .. } => "failed",
            Self::Dead { .. } => "dead",
        }
    }
}

impl Submission {
    /// Live → `outcome`. A settled outcome never changes: the ledger does not take back what it closed.
    pub fn resolved(mut self, outcome: SubmissionState) -> Result<Self, InvalidTransferTransition> {
        match (&self.state, &outcome) {
            (
                SubmissionState::Live,
                SubmissionState::Confirmed { .. }
                | SubmissionState::Failed { .. }
                | SubmissionState::Dead { .. },
            ) => {
                self.state = outcome;
                Ok(self)
            }
            (
                SubmissionState::Live
                | SubmissionState::Confirmed { .. }
                | SubmissionState::Failed { .. }
                | SubmissionState::Dead { .. },
                _,
            ) => Err(InvalidTransferTransition {
                what: format!("submission {}", self.id),
                state: self.state.name(),
                change: outcome.name(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(state: TransferState) -> Transfer {
        let account = AccountId([1; 32]);
        Transfer {
            id: TransferId::new(1).unwrap(),
            reservation: ReservationId::new(2).ok(),
            ordinal: 0,
            kind: TransferKind::Leg { recipient: Recipient::Foundation, farm: None },
            from: account,
            to: Address::Account(account),
            asset: Asset::Native,
            amount: Stroops::from_units(1),
            memo: Memo::None,
            delivery: Delivery::Payment,
            state,
        }
    }

    #[test]
    fn a_transfer_is_in_one_live_transaction_at_a_time() {
        let [first, second] = [1, 2].map(|number| SubmissionId::new(number).unwrap());
        let at = Timestamp::UNIX_EPOCH;
        let sent = transfer(TransferState::Pending).sent(first).unwrap();
        assert!(sent.clone().sent(second).is_err());
        assert!(sent.clone().released(second).is_err());
        assert!(sent.clone().confirmed(second, OperationId(1), at).is_err());
        let paid = sent.confirmed(first, OperationId(1), at).unwrap();
        assert!(paid.clone().sent(second).is_err());
        assert!(paid.clone().released(first).is_err());
        assert!(paid.clone().cancelled(at).is_err());
        assert!(paid.confirmed(first, OperationId(1), at).is_err());
    }

    #[test]
    fn what_was_reclaimed_never_stands_in_a_balance_again() {
        let repayment = TransferKind::Repayment { claimable: ClaimableId([9; 32]) };
        let owed = Transfer { kind: repayment, ..transfer(TransferState::Pending) };
        assert!(owed.clone().as_claimable().is_err());
        assert_eq!(owed.liability(), BookAccount::Claimants);
        let elsewhere = RefundAddress::new(Address::Account(AccountId([3; 32])), Memo::Id(7)).unwrap();
        let sent = owed.redirected(&elsewhere).unwrap();
        assert_eq!((sent.to, sent.memo), (elsewhere.address(), Memo::Id(7)));
    }

    #[test]
    fn a_payment_and_a_balance_are_told_apart_by_their_ids() {
        let payment = PaymentId { operation: OperationId(5), change: 1 };
        assert_eq!(payment.to_string().parse(), Ok(GivenBack::Payment(payment)));
        let claimable = ClaimableId([9; 32]);
        assert_eq!(claimable.to_string().parse(), Ok(GivenBack::Claimable(claimable)));
        for text in ["", "5", "00000000", "payment 5-1"] {
            assert_eq!(text.parse::<GivenBack>(), Err(GivenBackError), "{text}");
        }
    }

    #[test]
    fn only_what_cannot_land_is_given_up_and_for_ever() {
        let (submission, at) = (SubmissionId::new(1).unwrap(), Timestamp::UNIX_EPOCH);
        let pending = transfer(TransferState::Pending);
        assert!(pending.clone().sent(submission).unwrap().cancelled(at).is_err());
        let given_up = pending.cancelled(at).unwrap();
        assert!(given_up.clone().sent(submission).is_err());
        assert!(given_up.clone().confirmed(submission, OperationId(1), at).is_err());
        assert!(given_up.clone().released(submission).is_err());
        assert!(given_up.cancelled(at).is_err());
    }

    #[test]
    fn an_outcome_is_final() {
        let live = Submission {
            id: SubmissionId::new(1).unwrap(),
            channel: AccountId([1; 32]),
            sequence: 5,
            hash: TxHash([0; 32]),
            envelope: String::new(),
            max_time: Timestamp::UNIX_EPOCH,
            purpose: Purpose::CloseEscrows { accounts: vec![] },
            state: SubmissionState::Live,
            attempts: 0,
            last_answer: None,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let dead = live.clone().resolved(SubmissionState::Dead { proved_at: LedgerSeq(9) }).unwrap();
        let confirmed = SubmissionState::Confirmed { ledger: LedgerSeq(9), at: Timestamp::UNIX_EPOCH };
        assert!(dead.resolved(confirmed.clone()).is_err());
        assert!(live.clone().resolved(SubmissionState::Live).is_err());
        assert!(live.resolved(confirmed).is_ok());
    }
}
