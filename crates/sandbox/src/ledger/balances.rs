//! Claimable balances: money set aside for whoever may claim it, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use stellar_xdr::{
    ClaimPredicate, ClaimableBalanceId, Hash, HashIdPreimage, HashIdPreimageOperationId, Limits,
    SequenceNumber, WriteXdr,
};

use crate::xdr::xdr_account;
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::ids::{ClaimableId, LedgerSeq};
use stellar_types::money::Stroops;

/// Deepest nesting of a predicate.
const PREDICATE_DEPTH_MAX: u32 = 4;
/// An id's kind, as its text begins: there is one kind.
const ID_KIND: &str = "00000000";

/// The id of a claimable balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BalanceId(pub [u8; 32]);

/// A text that is no balance's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a claimable balance's id")]
pub struct NotABalanceId;

impl BalanceId {
    /// The id of what an operation creates: it follows from its transaction's source and sequence number
    /// and its place, so that whoever builds the transaction knows it.
    pub fn of_operation(source: AccountId, sequence: i64, operation: u32) -> Self {
        let preimage = HashIdPreimage::OpId(HashIdPreimageOperationId {
            source_account: xdr_account(source),
            seq_num: SequenceNumber(sequence),
            op_num: operation,
        });
        Self(Sha256::digest(preimage.to_xdr(Limits::none()).unwrap_or_default()).into())
    }

    /// As the network writes it.
    pub fn to_xdr(self) -> ClaimableBalanceId {
        ClaimableBalanceId::ClaimableBalanceIdTypeV0(Hash(self.0))
    }
}

impl From<&ClaimableBalanceId> for BalanceId {
    fn from(id: &ClaimableBalanceId) -> Self {
        let ClaimableBalanceId::ClaimableBalanceIdTypeV0(hash) = id;
        Self(hash.0)
    }
}

impl fmt::Display for BalanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ID_KIND}{}", hex::encode(self.0))
    }
}

impl From<ClaimableId> for BalanceId {
    fn from(id: ClaimableId) -> Self {
        Self(id.0)
    }
}

impl FromStr for BalanceId {
    type Err = NotABalanceId;

    fn from_str(text: &str) -> Result<Self, NotABalanceId> {
        let digits = text.strip_prefix(ID_KIND).ok_or(NotABalanceId)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(digits, &mut hash).map_err(|_| NotABalanceId)?;
        Ok(Self(hash))
    }
}

/// Who may claim, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// The account.
    pub destination: AccountId,
    /// When; times are absolute.
    pub predicate: ClaimPredicate,
}

/// Money set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimableBalance {
    /// Its id.
    pub id: BalanceId,
    /// Who may claim it: the first to come gets all.
    pub claimants: Vec<Claimant>,
    /// Of what.
    pub asset: Asset,
    /// How much.
    pub amount: Stroops,
    /// The issuer can take it back.
    pub clawback_enabled: bool,
    /// Who pays its reserves.
    pub sponsor: AccountId,
    /// The last ledger that changed it.
    pub last_modified: LedgerSeq,
    /// When that ledger closed, in unix seconds.
    pub last_modified_time: u64,
}

impl ClaimableBalance {
    /// Reserves that its sponsor pays: one for each claimant.
    pub fn reserves(&self) -> u32 {
        u32::try_from(self.claimants.len()).unwrap_or(u32::MAX)
    }
}

fn is_valid_at(predicate: &ClaimPredicate, depth: u32) -> bool {
    if depth > PREDICATE_DEPTH_MAX {
        return false;
    }
    let both = |two: &[ClaimPredicate]| two.len() == 2 && two.iter().all(|one| is_valid_at(one, depth + 1));
    match predicate {
        ClaimPredicate::Unconditional => true,
        ClaimPredicate::And(two) | ClaimPredicate::Or(two) => both(two),
        ClaimPredicate::Not(other) => other.as_ref().is_some_and(|other| is_valid_at(other, depth + 1)),
        ClaimPredicate::BeforeAbsoluteTime(time) | ClaimPredicate::BeforeRelativeTime(time) => *time >= 0,
    }
}

/// Whether a predicate is well formed.
pub fn is_valid(predicate: &ClaimPredicate) -> bool {
    is_valid_at(predicate, 1)
}

/// Whether a predicate holds in a ledger that closes at `time`, in unix seconds.
pub fn holds(predicate: &ClaimPredicate, time: u64) -> bool {
    match predicate {
        ClaimPredicate::Unconditional => true,
        ClaimPredicate::And(two) => two.iter().all(|one| holds(one, time)),
        ClaimPredicate::Or(two) => two.iter().any(|one| holds(one, time)),
        ClaimPredicate::Not(other) => other.as_ref().is_some_and(|other| !holds(other, time)),
        ClaimPredicate::BeforeAbsoluteTime(before) => {
            u64::try_from(*before).is_ok_and(|before| time < before)
        }
        // Balances hold none: they are made absolute when they are created.
        ClaimPredicate::BeforeRelativeTime(_) => false,
    }
}

/// The predicate with its relative times counted from `time`, in unix seconds.
pub fn absolute(predicate: &ClaimPredicate, time: u64) -> ClaimPredicate {
    let each = |two: &stellar_xdr::VecM<ClaimPredicate, 2>| {
        let two: Vec<_> = two.iter().map(|one| absolute(one, time)).collect();
        two.try_into().unwrap_or_default()
    };
    match predicate {
        ClaimPredicate::Unconditional => ClaimPredicate::Unconditional,
        ClaimPredicate::And(two) => ClaimPredicate::And(each(two)),
        ClaimPredicate::Or(two) => ClaimPredicate::Or(each(two)),
        ClaimPredicate::Not(other) => {
            ClaimPredicate::Not(other.as_ref().map(|other| Box::new(absolute(other, time))))
        }
        ClaimPredicate::BeforeAbsoluteTime(before) => ClaimPredicate::BeforeAbsoluteTime(*before),
        ClaimPredicate::BeforeRelativeTime(seconds) => {
            let now = i64::try_from(time).unwrap_or(i64::MAX);
            ClaimPredicate::BeforeAbsoluteTime(now.saturating_add(*seconds))
        }
    }
}

/// How `/claimable_balances` can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BalanceFilter {
    /// All of them.
    All,
    /// Those that this account may claim.
    Claimant(AccountId),
    /// Those whose reserves this account pays.
    Sponsor(AccountId),
    /// Those of this asset.
    Asset(Asset),
}

impl BalanceFilter {
    /// Whether it finds a balance.
    pub fn finds(self, balance: &ClaimableBalance) -> bool {
        match self {
            Self::All => true,
            Self::Claimant(account) => balance.claimants.iter().any(|one| one.destination == account),
            Self::Sponsor(account) => balance.sponsor == account,
            Self::Asset(asset) => balance.asset == asset,
        }
    }
}

/// Where a balance stands in Horizon's pages.
pub type Place = (LedgerSeq, BalanceId);

/// All claimable balances, and which are found by which filter.
#[derive(Debug, Clone, Default)]
pub struct Balances {
    all: BTreeMap<BalanceId, Arc<ClaimableBalance>>,
    found_by: BTreeMap<BalanceFilter, Arc<BTreeSet<Place>>>,
}

fn filters(balance: &ClaimableBalance) -> BTreeSet<BalanceFilter> {
    let claimants = balance.claimants.iter().map(|one| BalanceFilter::Claimant(one.destination));
    let others =
        [BalanceFilter::All, BalanceFilter::Sponsor(balance.sponsor), BalanceFilter::Asset(balance.asset)];
    claimants.chain(others).collect()
}

impl Balances {
    /// A balance that exists.
    pub fn get(&self, id: BalanceId) -> Option<&ClaimableBalance> {
        self.all.get(&id).map(Arc::as_ref)
    }

    /// All balances, by id.
    pub fn iter(&self) -> impl Iterator<Item = &ClaimableBalance> {
        self.all.values().map(Arc::as_ref)
    }

    /// The places of those that a filter finds, in order.
    pub fn find(&self, filter: BalanceFilter) -> Option<&BTreeSet<Place>> {
        self.found_by.get(&filter).map(Arc::as_ref)
    }

    /// Writes a balance, or removes it.
    pub(super) fn put(&mut self, id: BalanceId, balance: Option<ClaimableBalance>) {
        if let Some(old) = self.all.remove(&id) {
            for filter in filters(&old) {
                let Some(found) = self.found_by.get_mut(&filter) else { continue };
                let found = Arc::make_mut(found);
                found.remove(&(old.last_modified, id));
                if found.is_empty() {
                    self.found_by.remove(&filter);
                }
            }
        }
        if let Some(new) = balance {
            for filter in filters(&new) {
                let found = self.found_by.entry(filter).or_default();
                Arc::make_mut(found).insert((new.last_modified, id));
            }
            self.all.insert(id, Arc::new(new));
        }
    }
}
