//! What the ledger holds: accounts and the ways to find them, claimable balances, offers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stellar_xdr::{SignerKey, Uint256};

use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::ids::LedgerSeq;
use stellar_types::money::Stroops;

use super::balances::Balances;
use super::book::{Book, OfferId};

/// One reserve, in stroops: half an XLM.
pub const BASE_RESERVE_STROOPS: u32 = 5_000_000;
/// Reserves that every account needs for itself.
pub const ACCOUNT_RESERVES: u32 = 2;
/// Most trust lines, data entries and signers of one account.
pub const SUBENTRIES_MAX: u32 = 1_000;
/// Most signers of one account, besides its own key.
pub const SIGNERS_MAX: usize = 20;

/// Weights and thresholds of an account, 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Weight of the account's own key.
    pub master: u8,
    /// Weight that a low operation needs.
    pub low: u8,
    /// Weight that a medium operation needs.
    pub medium: u8,
    /// Weight that a high operation needs.
    pub high: u8,
}

/// What an issuer requires of the lines to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountFlags {
    /// New trust lines start unauthorized.
    pub required: bool,
    /// Authorization can be taken back.
    pub revocable: bool,
    /// These flags never change again, and the account cannot be merged.
    pub immutable: bool,
    /// New trust lines can be clawed back from.
    pub clawback_enabled: bool,
}

/// What an issuer lets a trust line do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// Neither sends nor receives.
    None,
    /// Keeps its open offers, but neither sends nor receives.
    MaintainLiabilities,
    /// Sends and receives.
    Full,
}

/// What open offers have promised of a holding, in stroops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Liabilities {
    /// Room that they may fill.
    pub buying: Stroops,
    /// Money that they may take.
    pub selling: Stroops,
}

/// One account's holding of a credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustLine {
    /// What is held.
    pub balance: Stroops,
    /// The most that may be held.
    pub limit: Stroops,
    /// What the issuer allows.
    pub authorization: Authorization,
    /// What open offers have promised.
    pub liabilities: Liabilities,
    /// The issuer can take the money back.
    pub clawback_enabled: bool,
    /// Who pays the line's reserve, if not its owner.
    pub sponsor: Option<AccountId>,
    /// The last ledger that changed the line.
    pub last_modified: LedgerSeq,
}

impl TrustLine {
    /// What can be spent: all that is not promised.
    pub fn available(&self) -> Stroops {
        self.balance.checked_sub(self.liabilities.selling).unwrap_or(Stroops::ZERO)
    }

    /// What can still be received, beside what is promised room.
    pub fn room(&self) -> Stroops {
        let taken = self.balance.checked_add(self.liabilities.buying);
        taken.and_then(|taken| self.limit.checked_sub(taken)).unwrap_or(Stroops::ZERO)
    }
}

/// The weight of another key over an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    /// 1 to 255.
    pub weight: u8,
    /// Who pays its reserve, if not the account.
    pub sponsor: Option<AccountId>,
}

/// A named value at an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataEntry {
    /// Up to 64 bytes.
    pub value: Vec<u8>,
    /// Who pays its reserve, if not the account.
    pub sponsor: Option<AccountId>,
}

/// When an account's sequence number last rose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceAge {
    /// In this ledger.
    pub ledger: LedgerSeq,
    /// Which closed at this unix time.
    pub time: u64,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its XLM.
    pub balance: Stroops,
    /// What open offers have promised of it.
    pub liabilities: Liabilities,
    /// The last sequence number that was consumed.
    pub sequence: i64,
    /// When that was; `None` if it never has been.
    pub sequence_age: Option<SequenceAge>,
    /// Weights and thresholds.
    pub thresholds: Thresholds,
    /// Flags for what it issues.
    pub flags: AccountFlags,
    /// A leftover of the network's early days, kept because SDKs read it.
    pub inflation_destination: Option<AccountId>,
    /// Where the account's owner publishes facts about it.
    pub home_domain: String,
    /// Other keys with a weight, at most [`SIGNERS_MAX`].
    pub signers: BTreeMap<SignerKey, Signer>,
    /// Trust lines by asset.
    pub lines: BTreeMap<Asset, TrustLine>,
    /// Data entries by name.
    pub data: BTreeMap<String, DataEntry>,
    /// Open offers.
    pub offers: BTreeSet<OfferId>,
    /// Reserves it pays for others.
    pub sponsoring: u32,
    /// Reserves of its own that others pay.
    pub sponsored: u32,
    /// Who pays the account's own two reserves, if not the account.
    pub sponsor: Option<AccountId>,
    /// The last ledger that changed the account itself (not one of its lines).
    pub last_modified: LedgerSeq,
    /// When that ledger closed, in unix seconds.
    pub last_modified_time: u64,
}

/// The sequence number that a new account starts from: `ledger << 32`.
pub fn first_sequence(ledger: LedgerSeq) -> i64 {
    i64::from(ledger.0) << 32
}

impl Account {
    /// A fresh account with the network's defaults.
    pub fn new(balance: Stroops, sequence: i64) -> Self {
        Self {
            balance,
            liabilities: Liabilities::default(),
            sequence,
            sequence_age: None,
            thresholds: Thresholds { master: 1, low: 0, medium: 0, high: 0 },
            flags: AccountFlags::default(),
            inflation_destination: None,
            home_domain: String::new(),
            signers: BTreeMap::new(),
            lines: BTreeMap::new(),
            data: BTreeMap::new(),
            offers: BTreeSet::new(),
            sponsoring: 0,
            sponsored: 0,
            sponsor: None,
            last_modified: LedgerSeq(0),
            last_modified_time: 0,
        }
    }

    /// Entries that hang on the account, each of which needs a reserve.
    pub fn subentries(&self) -> u32 {
        let entries = self.lines.len() + self.data.len() + self.signers.len() + self.offers.len();
        u32::try_from(entries).unwrap_or(u32::MAX)
    }

    /// The XLM that must stay: (2 + subentries + sponsoring − sponsored) reserves.
    pub fn minimum_balance(&self) -> Stroops {
        let reserves =
            i64::from(ACCOUNT_RESERVES) + i64::from(self.subentries()) + i64::from(self.sponsoring)
                - i64::from(self.sponsored);
        Stroops::new(reserves.saturating_mul(i64::from(BASE_RESERVE_STROOPS))).unwrap_or(Stroops::ZERO)
    }

    /// The XLM that can be spent: above the minimum and what offers have promised, nothing if below.
    pub fn available(&self) -> Stroops {
        let kept = self.minimum_balance().checked_add(self.liabilities.selling);
        kept.and_then(|kept| self.balance.checked_sub(kept)).unwrap_or(Stroops::ZERO)
    }

    /// The XLM that can still be received, beside what is promised room.
    pub fn room(&self) -> Stroops {
        let taken = self.balance.checked_add(self.liabilities.buying);
        taken.and_then(|taken| Stroops::MAX.checked_sub(taken)).unwrap_or(Stroops::ZERO)
    }

    /// What is held of an asset; `None` without a trust line.
    pub fn balance_of(&self, asset: &Asset) -> Option<Stroops> {
        match asset {
            Asset::Native => Some(self.balance),
            Asset::Credit { .. } => self.lines.get(asset).map(|line| line.balance),
        }
    }

    fn sponsors(&self) -> BTreeSet<AccountId> {
        self.sponsor
            .into_iter()
            .chain(self.signers.values().filter_map(|signer| signer.sponsor))
            .chain(self.lines.values().filter_map(|line| line.sponsor))
            .chain(self.data.values().filter_map(|data| data.sponsor))
            .collect()
    }

    fn signer_accounts(&self, own: AccountId) -> BTreeSet<AccountId> {
        let others = self.signers.keys().filter_map(|key| match key {
            SignerKey::Ed25519(Uint256(key)) => Some(AccountId(*key)),
            SignerKey::PreAuthTx(_) | SignerKey::HashX(_) | SignerKey::Ed25519SignedPayload(_) => None,
        });
        let master = (self.thresholds.master > 0).then_some(own);
        others.chain(master).collect()
    }
}

/// An account in the order of its address text, which is the order of Horizon's pages.
///
/// Base32 writes 0–25 as letters and 26–31 as digits, and digits sort before letters: the order of the
/// bytes is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByAddress(pub AccountId);

impl ByAddress {
    /// Characters of the text that the key's bits after the first two fill.
    const CHARACTERS: usize = 51;

    /// The sort rank of one character. The version byte and the key's first two bits fill the two
    /// characters before these; what is beyond the key reads as zero.
    fn rank(&self, character: usize) -> u16 {
        let bit = 2 + character * 5;
        let byte = |at: usize| u16::from(self.0.0.get(at).copied().unwrap_or(0));
        let window = (byte(bit / 8) << 8) | byte(bit / 8 + 1);
        let value = (window >> (11 - bit % 8)) & 0b1_1111;
        (value + 6) % 32
    }
}

impl Ord for ByAddress {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            return Ordering::Equal;
        }
        let first = |id: &Self| id.0.0[0] >> 6;
        first(self).cmp(&first(other)).then_with(|| {
            let mut each = (0..Self::CHARACTERS).map(|at| self.rank(at).cmp(&other.rank(at)));
            each.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        })
    }
}

impl PartialOrd for ByAddress {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How `/accounts` can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountFilter {
    /// Accounts that this key signs for, its own among them.
    Signer(AccountId),
    /// Accounts this one pays a reserve for.
    Sponsor(AccountId),
    /// Accounts with a trust line for this credit.
    Asset(Asset),
}

/// All that the ledger holds. A clone shares what does not change afterwards.
#[derive(Debug, Clone, Default)]
pub struct State {
    accounts: BTreeMap<AccountId, Arc<Account>>,
    found_by: BTreeMap<AccountFilter, Arc<BTreeSet<ByAddress>>>,
    pub(super) balances: Balances,
    pub(super) book: Book,
    pub(super) last_offer: OfferId,
}

fn filters(id: AccountId, account: &Account) -> BTreeSet<AccountFilter> {
    let signers = account.signer_accounts(id).into_iter().map(AccountFilter::Signer);
    let sponsors = account.sponsors().into_iter().map(AccountFilter::Sponsor);
    let assets = account.lines.keys().map(|asset| AccountFilter::Asset(*asset));
    signers.chain(sponsors).chain(assets).collect()
}

impl State {
    /// An account that exists.
    pub fn get(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id).map(Arc::as_ref)
    }

    /// All accounts, in the order of their keys.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountId, &Account)> {
        self.accounts.iter().map(|(id, account)| (*id, account.as_ref()))
    }

    /// How many accounts there are.
    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// Accounts that a filter finds, in address order.
    pub fn find(&self, filter: AccountFilter) -> Option<&BTreeSet<ByAddress>> {
        self.found_by.get(&filter).map(Arc::as_ref)
    }

    /// The claimable balances.
    pub fn balances(&self) -> &Balances {
        &self.balances
    }

    /// The offers.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The number of the last offer that was made.
    pub fn last_offer(&self) -> OfferId {
        self.last_offer
    }

    /// Writes an account, or removes it.
    pub fn put(&mut self, id: AccountId, account: Option<Account>) {
        let old = self.accounts.get(&id).map(|account| filters(id, account)).unwrap_or_default();
        let new = account.as_ref().map(|account| filters(id, account)).unwrap_or_default();
        for gone in old.difference(&new) {
            if let Some(found) = self.found_by.get_mut(gone) {
                let found = Arc::make_mut(found);
                found.remove(&ByAddress(id));
                if found.is_empty() {
                    self.found_by.remove(gone);
                }
            }
        }
        for added in new.difference(&old) {
            Arc::make_mut(self.found_by.entry(*added).or_default()).insert(ByAddress(id));
        }
        match account {
            Some(account) => self.accounts.insert(id, Arc::new(account)),
            None => self.accounts.remove(&id),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_order(a: [u8; 32], b: [u8; 32]) -> Result<(), TestCaseError> {
        let (a, b) = (AccountId(a), AccountId(b));
        prop_assert_eq!(ByAddress(a).cmp(&ByAddress(b)), a.to_string().cmp(&b.to_string()));
        Ok(())
    }

    proptest! {
        #[test]
        fn accounts_sort_as_their_texts_do(a: [u8; 32], b: [u8; 32], at in 0..32_usize) {
            in_order(a, b)?;
            let mut near = a;
            near[at] = b[at];
            in_order(a, near)?;
        }

        #[test]
        fn whatever_finds_an_account_forgets_it_with_the_account(
            keys in prop::collection::vec(any::<[u8; 32]>(), 1..8)
        ) {
            let mut state = State::default();
            for key in &keys {
                let mut account = Account::new(Stroops::ZERO, 0);
                account.sponsor = Some(AccountId(keys[0]));
                let signer = Signer { weight: 1, sponsor: None };
                account.signers.insert(SignerKey::Ed25519(Uint256(keys[0])), signer);
                state.put(AccountId(*key), Some(account));
            }
            let first = AccountId(keys[0]);
            let distinct = keys.iter().collect::<BTreeSet<_>>().len();
            prop_assert_eq!(state.find(AccountFilter::Signer(first)).map(BTreeSet::len), Some(distinct));
            prop_assert_eq!(state.find(AccountFilter::Sponsor(first)).map(BTreeSet::len), Some(distinct));
            for key in &keys {
                state.put(AccountId(*key), None);
            }
            prop_assert!(state.found_by.is_empty());
        }
    }
}
