//! The journal: every movement of money as a balanced entry, per asset, in double entry.
//!
//! An amount posted to a book account is positive for a debit and negative for a credit. What we hold on
//! the ledger ([`BookAccount::Stellar`]) is a debit balance that equals the ledger's; what we owe
//! ([`BookAccount::Deposits`]) is a credit balance. An unbalanced entry cannot be built.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::address::AccountId;
use super::asset::Asset;
use super::ids::{ClaimableId, EntryId, ReservationId, SubmissionId, TransferId};
use super::money::Stroops;
use super::payment::PaymentId;

/// Most postings of one entry.
pub const ENTRY_POSTINGS_MAX: usize = 512;

/// A book account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BookAccount {
    /// Asset: what an account of ours holds on the ledger.
    Stellar(AccountId),
    /// Liability: what was paid in for a reservation and has not yet gone out.
    Deposits(ReservationId),
    /// Liability: what came in that belongs to no reservation.
    Unattributed,
    /// Asset: what stands in claimable balances of ours; it can be reclaimed if nobody claims it.
    ClaimableBalances,
    /// Liability: what those may still demand for whom claimable balances were made.
    Claimants,
    /// Asset: what issuers took back, until it is decided who bears it; of a reservation's account,
    /// or of another.
    ClawedBack(Option<ReservationId>),
    /// Expense: fees paid to the network, in XLM.
    NetworkFees,
    /// Expense: what operations that are not ours took from our accounts, and a person accepted.
    AcceptedLosses,
    /// Equity: what our accounts held when Farmgate first saw them, and what the operator adds.
    Capital,
}

/// What an entry records. Its text is a unique key: nothing is journaled twice.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// An account of ours was seen for the first time with this balance.
    Opening(AccountId),
    /// A payment came in.
    Payment(PaymentId),
    /// Money went out.
    Transfer(TransferId),
    /// A transaction of ours landed: its fee, and what it moved between accounts of ours.
    Confirmed(SubmissionId),
    /// A transaction of ours landed without effect: its fee.
    Failed(SubmissionId),
    /// A claimable balance was claimed.
    Claimed(ClaimableId),
    /// The issuer took a claimable balance back.
    ClaimableClawedBack(ClaimableId),
    /// An issuer took money back; the operation and its change are named as those of a payment.
    Clawback(PaymentId),
    /// Money had left an account before it was adopted; the operation and its change are named as those
    /// of a payment.
    LeftBefore(PaymentId),
    /// A channel was found to have used its sequence numbers up to this one, by transactions that are not
    /// stored: their fees.
    UnseenFees(AccountId, i64),
    /// It was decided what a reservation's payers bear of what its issuer took back.
    Loss(ReservationId),
    /// An operation that is not ours took money, and a person accepted it; the operation and its change are
    /// named as those of a payment.
    Accepted(PaymentId),
    /// A return was given up for a smaller one, or for none: its payer bears a part of what the
    /// issuer took back.
    Reduced(TransferId),
    /// A return had been sent whole before it was known that its issuer took money back: its payer bears
    /// nothing of it after all.
    Restored(TransferId),
}

/// One line of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posting {
    /// The book account.
    pub account: BookAccount,
    /// In which asset.
    pub asset: Asset,
    /// Stroops: positive debits, negative credits; never zero.
    pub amount: i64,
}

/// Why postings are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The postings of an asset do not sum to zero.
    #[error("postings in {asset} sum to {sum} stroops, not to zero")]
    Unbalanced {
        /// The asset.
        asset: Asset,
        /// The sum.
        sum: i128,
    },
    /// No postings, or more than [`ENTRY_POSTINGS_MAX`].
    #[error("an entry has 1 to {ENTRY_POSTINGS_MAX} postings, not {0}")]
    Size(usize),
    /// A posting of nothing.
    #[error("a posting of zero")]
    Zero,
    /// A text that is no book account or cause.
    #[error("{0:?} is no book account or cause of an entry")]
    Text(String),
}

/// A balanced entry. It has no public fields: the only way to one is through [`Entry::new`], which checks it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    id: EntryId,
    cause: Cause,
    reservation: Option<ReservationId>,
    at: Timestamp,
    postings: Vec<Posting>,
}

impl Entry {
    /// An entry of these postings; refused unless they sum to zero in every asset.
    pub fn new(
        id: EntryId,
        cause: Cause,
        reservation: Option<ReservationId>,
        at: Timestamp,
        postings: Vec<Posting>,
    ) -> Result<Self, JournalError> {
        if postings.is_empty() || postings.len() > ENTRY_POSTINGS_MAX {
            return Err(JournalError::Size(postings.len()));
        }
        let mut sums: BTreeMap<Asset, i128> = BTreeMap::new();
        for posting in &postings {
            if posting.amount == 0 {
                return Err(JournalError::Zero);
            }
            *sums.entry(posting.asset).or_default() += i128::from(posting.amount);
        }
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            Some((asset, sum)) => Err(JournalError::Unbalanced { asset, sum }),
            None => Ok(Self { id, cause, reservation, at, postings }),
        }
    }

    /// Its id.
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// What it records.
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The reservation it belongs to, if to one.
    pub const fn reservation(&self) -> Option<ReservationId> {
        self.reservation
    }

    /// When what it records happened: the close of its ledger.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Its lines.
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }
}

/// Collects the two sides of movements, leaving out those of nothing.
#[derive(Debug, Default)]
pub struct Postings(Vec<Posting>);

impl Postings {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves `amount` to `debit` from `credit`.
    pub fn movement(&mut self, asset: Asset, amount: Stroops, debit: BookAccount, credit: BookAccount) {
        if amount.is_zero() || debit == credit {
            return;
        }
        self.0.push(Posting { account: debit, asset, amount: amount.get() });
        self.0.push(Posting { account: credit, asset, amount: -amount.get() });
    }

    /// True if nothing moved.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines.
    pub fn into_vec(self) -> Vec<Posting> {
        self.0
    }
}

impl BookAccount {
    /// What it is an account of, whosever it is: its text up to the colon.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Stellar(_) => "stellar",
            Self::Deposits(_) => "deposits",
            Self::Unattributed => "unattributed",
            Self::ClaimableBalances => "claimable_balances",
            Self::Claimants => "claimants",
            Self::ClawedBack(_) => "clawed_back",
            Self::NetworkFees => "network_fees",
            Self::AcceptedLosses => "accepted_losses",
            Self::Capital => "capital",
        }
    }
}

impl fmt::Display for BookAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stellar(account) => write!(f, "stellar:{account}"),
            Self::Deposits(reservation) => write!(f, "deposits:{reservation}"),
            Self::Unattributed => f.write_str("unattributed"),
            Self::ClaimableBalances => f.write_str("claimable_balances"),
            Self::Claimants => f.write_str("claimants"),
            Self::ClawedBack(Some(reservation)) => write!(f, "clawed_back:{reservation}"),
            Self::ClawedBack(None) => f.write_str("clawed_back"),
            Self::NetworkFees => f.write_str("network_fees"),
            Self::AcceptedLosses => f.write_str("accepted_losses"),
            Self::Capital => f.write_str("capital"),
        }
    }
}

impl FromStr for BookAccount {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Self, JournalError> {
        let wrong = || JournalError::Text(text.to_owned());
        match text.split_once(':') {
            None if text == "unattributed" => Ok(Self::Unattributed),
            None if text == "claimable_balances" => Ok(Self::ClaimableBalances),
            None if text == "claimants" => Ok(Self::Claimants),
            None if text == "clawed_back" => Ok(Self::ClawedBack(None)),
            None if text == "network_fees" => Ok(Self::NetworkFees),
            None if text == "accepted_losses" => Ok(Self::AcceptedLosses),
            None if text == "capital" => Ok(Self::Capital),
            Some(("stellar", account)) => account.parse().map(Self::Stellar).map_err(|_| wrong()),
            Some(("deposits", id)) => id.parse().map(Self::Deposits).map_err(|_| wrong()),
            Some(("clawed_back", id)) => id.parse().map(|id| Self::ClawedBack(Some(id))).map_err(|_| wrong()),
            Some(_) | None => Err(wrong()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opening(account) => write!(f, "opening:{account}"),
            Self::Payment(payment) => write!(f, "payment:{payment}"),
            Self::Transfer(transfer) => write!(f, "transfer:{transfer}"),
            Self::Confirmed(submission) => write!(f, "confirmed:{submission}"),
            Self::Failed(submission) => write!(f, "failed:{submission}"),
            Self::Claimed(claimable) => write!(f, "claimed:{claimable}"),
            Self::ClaimableClawedBack(claimable) => write!(f, "claimable_clawed_back:{claimable}"),
            Self::Clawback(change) => write!(f, "clawback:{change}"),
            Self::LeftBefore(change) => write!(f, "left_before:{change}"),
            Self::UnseenFees(account, sequence) => write!(f, "unseen_fees:{account}:{sequence}"),
            Self::Loss(reservation) => write!(f, "loss:{reservation}"),
            Self::Accepted(change) => write!(f, "accepted:{change}"),
            Self::Reduced(transfer) => write!(f, "reduced:{transfer}"),
            Self::Restored(transfer) => write!(f, "restored:{transfer}"),
        }
    }
}

impl FromStr for Cause {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Self, JournalError> {
        let wrong = || JournalError::Text(text.to_owned());
        match text.split_once(':').ok_or_else(wrong)? {
            ("opening", account) => account.parse().map(Self::Opening).map_err(|_| wrong()),
            ("payment", payment) => payment.parse().map(Self::Payment).map_err(|_| wrong()),
            ("transfer", id) => id.parse().map(Self::Transfer).map_err(|_| wrong()),
            ("confirmed", id) => id.parse().map(Self::Confirmed).map_err(|_| wrong()),
            ("failed", id) => id.parse().map(Self::Failed).map_err(|_| wrong()),
            ("claimed", id) => id.parse().map(Self::Claimed).map_err(|_| wrong()),
            ("claimable_clawed_back", id) => id.parse().map(Self::ClaimableClawedBack).map_err(|_| wrong()),
            ("clawback", change) => change.parse().map(Self::Clawback).map_err(|_| wrong()),
            ("left_before", change) => change.parse().map(Self::LeftBefore).map_err(|_| wrong()),
            ("unseen_fees", of) => {
                let (account, sequence) = of.split_once(':').ok_or_else(wrong)?;
                let account = account.parse().map_err(|_| wrong())?;
                Ok(Self::UnseenFees(account, sequence.parse().map_err(|_| wrong())?))
            }
            ("accepted", change) => change.parse().map(Self::Accepted).map_err(|_| wrong()),
            ("loss", id) => id.parse().map(Self::Loss).map_err(|_| wrong()),
            ("reduced", id) => id.parse().map(Self::Reduced).map_err(|_| wrong()),
            ("restored", id) => id.parse().map(Self::Restored).map_err(|_| wrong()),
            (_, _) => Err(wrong()),
        }
    }
}

super::address::serde_as_text!(BookAccount, Cause);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(postings: Vec<Posting>) -> Result<Entry, JournalError> {
        let id = EntryId::new(1).unwrap();
        let cause = Cause::Opening(AccountId([3; 32]));
        Entry::new(id, cause, None, Timestamp::UNIX_EPOCH, postings)
    }

    fn posting(amount: i64) -> Posting {
        Posting { account: BookAccount::Capital, asset: Asset::Native, amount }
    }

    #[test]
    fn what_does_not_balance_is_no_entry() {
        assert_eq!(
            entry(vec![posting(5), posting(-4)]),
            Err(JournalError::Unbalanced { asset: Asset::Native, sum: 1 })
        );
        let other = Asset::credit("TFT".parse().unwrap(), AccountId([1; 32]));
        let crossed = vec![posting(5), Posting { asset: other, ..posting(-5) }];
        assert!(matches!(entry(crossed), Err(JournalError::Unbalanced { .. })));
        assert_eq!(entry(vec![]), Err(JournalError::Size(0)));
        assert_eq!(entry(vec![posting(0)]), Err(JournalError::Zero));
        let wrap = vec![posting(i64::MAX), posting(i64::MAX), posting(2)];
        assert!(matches!(entry(wrap), Err(JournalError::Unbalanced { .. })), "sums do not wrap");
    }

    #[test]
    fn accounts_and_causes_survive_their_text() {
        let account = AccountId([9; 32]);
        for book in [
            BookAccount::Stellar(account),
            BookAccount::Deposits(ReservationId::new(4).unwrap()),
            BookAccount::Unattributed,
            BookAccount::ClaimableBalances,
            BookAccount::Claimants,
            BookAccount::ClawedBack(Some(ReservationId::new(4).unwrap())),
            BookAccount::ClawedBack(None),
            BookAccount::NetworkFees,
            BookAccount::AcceptedLosses,
            BookAccount::Capital,
        ] {
            assert_eq!(book.to_string().parse(), Ok(book));
        }
        let payment = PaymentId { operation: crate::domain::ids::OperationId(7), change: 2 };
        let submission = SubmissionId::new(5).unwrap();
        for cause in [
            Cause::Opening(account),
            Cause::Payment(payment),
            Cause::Transfer(TransferId::new(8).unwrap()),
            Cause::Confirmed(submission),
            Cause::Failed(submission),
            Cause::Claimed(ClaimableId([7; 32])),
            Cause::ClaimableClawedBack(ClaimableId([7; 32])),
            Cause::Clawback(payment),
            Cause::LeftBefore(payment),
            Cause::UnseenFees(account, 9_007_199_254_740_993),
            Cause::Loss(ReservationId::new(4).unwrap()),
            Cause::Reduced(TransferId::new(8).unwrap()),
            Cause::Restored(TransferId::new(9).unwrap()),
            Cause::Accepted(payment),
        ] {
            assert_eq!(cause.to_string().parse(), Ok(cause));
        }
        assert!("deposits".parse::<BookAccount>().is_err());
        assert!("unattributed:1".parse::<BookAccount>().is_err());
    }

    proptest! {
        #[test]
        fn movements_always_balance(amounts in proptest::collection::vec(0..=i64::MAX, 1..200)) {
            let mut postings = Postings::new();
            for amount in amounts {
                let escrow = BookAccount::Stellar(AccountId([1; 32]));
                postings.movement(Asset::Native, Stroops::new(amount).unwrap(), escrow, BookAccount::Capital);
            }
            prop_assume!(!postings.is_empty());
            prop_assert!(entry(postings.into_vec()).is_ok());
        }

        #[test]
        fn a_stroop_off_is_refused(amount in 1..i64::MAX - 1) {
            prop_assert!(entry(vec![posting(amount), posting(-amount - 1)]).is_err());
        }
    }
}
