//! Reconciliation: every account of ours, every asset, the journal beside the ledger; and of claimable
//! balances the journal beside what is stored of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::journal::BookAccount;
use crate::ports::network::{AccountSnapshot, Network, NetworkError};
use crate::ports::store::{LIST_ROWS_MAX, Pages, Store, StoreError, Tx};

/// Most pages of accounts that one reconciliation reads: two million accounts.
const ACCOUNT_PAGES_MAX: u32 = 10_000;

/// One account and asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The account.
    pub account: AccountId,
    /// The asset.
    pub asset: Asset,
    /// What the journal says, in stroops.
    pub journal: i64,
    /// What the ledger says, in stroops.
    pub ledger: i64,
}

impl Line {
    /// True if both say the same.
    pub const fn agrees(&self) -> bool {
        self.journal == self.ledger
    }
}

/// What stands in claimable balances, or is owed to those they are for, in one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookLine {
    /// [`BookAccount::ClaimableBalances`] or [`BookAccount::Claimants`].
    pub account: BookAccount,
    /// The asset.
    pub asset: Asset,
    /// What the journal says, in stroops.
    pub journal: i64,
    /// The sum of what is stored of each balance and its repayment, in stroops.
    pub stored: i64,
}

impl BookLine {
    /// True if both say the same.
    pub const fn agrees(&self) -> bool {
        self.journal == self.stored
    }
}

/// A state of reservations whose count that is kept is not what is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miscount {
    /// The state's name.
    pub state: String,
    /// The count that is kept.
    pub kept: u64,
    /// How many there are.
    pub counted: u64,
}

/// The journal beside the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Every account of ours and every asset that either side knows there, by account and asset. Accounts
    /// with nothing on either side are left out.
    pub lines: Vec<Line>,
    /// Of claimable balances, what either side knows.
    pub books: Vec<BookLine>,
    /// Assets whose postings do not sum to zero, with the sum: always empty, or the database was changed by
    /// other hands.
    pub unbalanced: Vec<(Asset, i64)>,
    /// States whose reservations are not as many as is kept: always empty, or the database was changed by
    /// other hands.
    pub miscounted: Vec<Miscount>,
    /// How many accounts of ours the ledger has.
    pub accounts: usize,
}

impl Reconciliation {
    /// True if every line agrees, the journal is balanced, and what is counted is as many as is kept.
    pub fn balances(&self) -> bool {
        self.unbalanced.is_empty()
            && self.miscounted.is_empty()
            && self.lines.iter().all(Line::agrees)
            && self.books.iter().all(BookLine::agrees)
    }
}

/// Why a reconciliation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// More accounts than one reconciliation reads.
    #[error("more than {ACCOUNT_PAGES_MAX} pages of accounts")]
    TooManyAccounts,
}

/// Reads both sides, account by account.
///
/// While money is moving the sides may differ by what has landed and is not yet recorded: run it when the
/// engine is at rest, or again.
pub async fn reconcile(
    store: &Arc<dyn Store>,
    network: &dyn Network,
) -> Result<Reconciliation, ReconcileError> {
    let mut sides: BTreeMap<(AccountId, Asset), (i64, i64)> = BTreeMap::new();
    let mut books: BTreeMap<(BookAccount, Asset), (i64, i64)> = BTreeMap::new();
    let mut tx = store.begin_read().await?;
    let mut pages = Pages::new();
    while let Some(after) = pages.after() {
        let page = tx.balances(after, LIST_ROWS_MAX).await?;
        pages.turn_after(&page, |(account, asset, _)| (*account, *asset));
        for (account, asset, amount) in &page {
            match account {
                BookAccount::Stellar(account) => {
                    sides.entry((*account, *asset)).or_default().0 = *amount;
                }
                BookAccount::ClaimableBalances | BookAccount::Claimants => {
                    books.entry((*account, *asset)).or_default().0 = *amount;
                }
                BookAccount::Deposits(_)
                | BookAccount::Unattributed
                | BookAccount::ClawedBack(_)
                | BookAccount::NetworkFees
                | BookAccount::AcceptedLosses
                | BookAccount::Capital => {}
            }
        }
    }
    for sums in tx.claimable_sums().await? {
        books.entry((BookAccount::ClaimableBalances, sums.asset)).or_default().1 = sums.standing;
        // What is owed is a credit.
        books.entry((BookAccount::Claimants, sums.asset)).or_default().1 = -sums.owed;
    }
    let unbalanced = tx.journal_sums().await?.into_iter().filter(|(_, sum)| *sum != 0).collect();
    let miscounted = miscounted(&mut *tx).await?;
    drop(tx);
    let snapshots = accounts_of_ours(store, network, &sides).await?;
    for snapshot in &snapshots {
        for balance in &snapshot.balances {
            sides.entry((snapshot.account, balance.asset)).or_default().1 = balance.amount.get();
        }
    }
    let lines = sides
        .into_iter()
        .filter(|(_, (journal, ledger))| *journal != 0 || *ledger != 0)
        .map(|((account, asset), (journal, ledger))| Line { account, asset, journal, ledger })
        .collect();
    let books = books
        .into_iter()
        .filter(|(_, (journal, stored))| *journal != 0 || *stored != 0)
        .map(|((account, asset), (journal, stored))| BookLine { account, asset, journal, stored })
        .collect();
    Ok(Reconciliation { lines, books, unbalanced, miscounted, accounts: snapshots.len() })
}

/// The states of which not as many reservations are counted as is kept.
///
/// # Errors
/// If the database cannot be read.
pub async fn miscounted(tx: &mut dyn Tx) -> Result<Vec<Miscount>, StoreError> {
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (state, kept) in tx.reservation_counts().await? {
        counts.entry(state).or_default().0 = kept;
    }
    for (state, counted) in tx.reservations_recounted().await? {
        counts.entry(state).or_default().1 = counted;
    }
    let differ = counts.into_iter().filter(|(_, (kept, counted))| kept != counted);
    Ok(differ.map(|(state, (kept, counted))| Miscount { state, kept, counted }).collect())
}

/// The accounts that are ours: those that our key signs for and that are stored or sponsored by us, and those
/// that only the journal knows. Anybody can make our key a signer of theirs.
async fn accounts_of_ours(
    store: &Arc<dyn Store>,
    network: &dyn Network,
    sides: &BTreeMap<(AccountId, Asset), (i64, i64)>,
) -> Result<Vec<AccountSnapshot>, ReconcileError> {
    let platform = network.platform();
    let journal: BTreeSet<AccountId> = sides.keys().map(|(account, _)| *account).collect();
    let channels = store.begin_read().await?.channels().await?;
    let channels: BTreeSet<AccountId> = channels.keys().copied().collect();
    let mut snapshots: Vec<AccountSnapshot> = Vec::new();
    let mut after = None;
    for _ in 0..ACCOUNT_PAGES_MAX {
        let page = network.watched_accounts(after).await?;
        let listed: Vec<AccountId> = page.accounts.iter().map(|snapshot| snapshot.account).collect();
        let escrows = store.begin_read().await?.escrows(&listed).await?;
        let is_ours = |snapshot: &AccountSnapshot| {
            snapshot.sponsor == Some(platform)
                || journal.contains(&snapshot.account)
                || channels.contains(&snapshot.account)
                || escrows.keys().any(|escrow| *escrow == snapshot.account)
        };
        snapshots.extend(page.accounts.into_iter().filter(is_ours));
        after = page.next;
        if after.is_none() {
            let listed: BTreeSet<AccountId> = snapshots.iter().map(|snapshot| snapshot.account).collect();
            for account in journal.difference(&listed) {
                snapshots.extend(network.account(*account).await?.account);
            }
            return Ok(snapshots);
        }
    }
    Err(ReconcileError::TooManyAccounts)
}
