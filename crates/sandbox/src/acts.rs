//! What people do with their accounts, in process: each is one transaction of theirs, signed with their key.
//!
//! Like [`gifts`](super::faucet) it speaks to the ledger and not to HTTP, so that what people do meets no fault and takes
//! no time.

use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use stellar_xdr::{
    AccountMergeResult, ChangeTrustOp, ClaimClaimableBalanceOp, ClawbackOp, DecoratedSignature, Memo,
    MuxedAccount, Operation, OperationBody, OperationResult, OperationResultTr, PathPaymentStrictReceiveOp,
    PaymentOp, Preconditions, Price, SequenceNumber, SetOptionsOp, SetTrustLineFlagsOp, Transaction,
    TransactionEnvelope, TransactionExt, TransactionResultResult, TransactionV1Envelope, Uint256,
};

use super::ledger::balances::{BalanceId, Claimant};
use super::ledger::outcome::Outcome;
use super::ledger::{BASE_FEE_STROOPS, Ledger, Submission};
use super::network::account_of_key;
use super::node::Sandbox;
use super::xdr::{
    Tx, XdrError, account_of, address_of, asset as asset_of, muxed, sign, xdr_account, xdr_asset, xdr_trusted,
};
use stellar_types::address::{AccountId, Address};
use stellar_types::asset::Asset;
use stellar_types::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use stellar_types::money::Stroops;

/// The issuer may take a line's authorization back.
const AUTH_REVOCABLE: u32 = 2;
/// The issuer may take back what lines hold that are opened from then on.
const AUTH_CLAWBACK_ENABLED: u32 = 8;
/// The line sends and receives.
const AUTHORIZED: u32 = 1;

/// Something that a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Pays.
    Pay {
        /// Whom.
        to: Address,
        /// In what.
        asset: Asset,
        /// How much.
        amount: Stroops,
    },
    /// Pays in one asset so that another arrives, through the order book.
    PayThrough {
        /// Whom.
        to: Address,
        /// What is given, and at most how much.
        spent: (Asset, Stroops),
        /// What arrives, and how much.
        arrives: (Asset, Stroops),
    },
    /// Offers to sell one asset for the same amount of another.
    Offer {
        /// What is sold, and how much.
        selling: (Asset, Stroops),
        /// For what.
        buying: Asset,
    },
    /// Opens a trust line, or sets its limit; a limit of zero closes it.
    Trust {
        /// For what.
        asset: Asset,
        /// The most that is held.
        limit: Stroops,
    },
    /// Merges the account into another.
    Merge {
        /// Into which.
        into: AccountId,
    },
    /// Claims a balance.
    Claim {
        /// Which.
        balance: ClaimableId,
    },
    /// An issuer reserves the right to freeze, and to take back what lines hold that are opened from then on.
    ReserveTakingBack,
    /// An issuer takes back money of its asset.
    TakeBack {
        /// From whom.
        holder: AccountId,
        /// Of which asset.
        asset: Asset,
        /// How much.
        amount: Stroops,
    },
    /// An issuer freezes a line of its asset, or thaws it.
    Freeze {
        /// Whose line.
        holder: AccountId,
        /// Of which asset.
        asset: Asset,
        /// True to freeze it.
        frozen: bool,
    },
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ActError {
    /// The account does not exist.
    #[error("account {account} does not exist")]
    NoAccount {
        /// The account.
        account: AccountId,
    },
    /// A transaction of the account waits already.
    #[error("another transaction of this account is waiting for the next ledger")]
    Busy,
    /// The ledger would not have it.
    #[error("the ledger refused it")]
    Refused {
        /// Its answer.
        outcome: Box<Outcome>,
    },
    /// A contract cannot be paid.
    #[error("{to} cannot receive a payment")]
    Unpayable {
        /// The address.
        to: Address,
    },
    /// The transaction could not be written.
    #[error(transparent)]
    Xdr(#[from] XdrError),
}

fn no_options() -> SetOptionsOp {
    SetOptionsOp {
        inflation_dest: None,
        clear_flags: None,
        set_flags: None,
        master_weight: None,
        low_threshold: None,
        med_threshold: None,
        high_threshold: None,
        home_domain: None,
        signer: None,
    }
}

fn payable(to: Address) -> Result<MuxedAccount, ActError> {
    muxed(to).ok_or(ActError::Unpayable { to })
}

impl Act {
    fn body(&self) -> Result<OperationBody, ActError> {
        Ok(match *self {
            Self::Pay { to, asset, amount } => OperationBody::Payment(PaymentOp {
                destination: payable(to)?,
                asset: xdr_asset(asset),
                amount: amount.get(),
            }),
            Self::PayThrough { to, spent: (spent, most), arrives: (arriving, amount) } => {
                OperationBody::PathPaymentStrictReceive(PathPaymentStrictReceiveOp {
                    send_asset: xdr_asset(spent),
                    send_max: most.get(),
                    destination: payable(to)?,
                    dest_asset: xdr_asset(arriving),
                    dest_amount: amount.get(),
                    path: Default::default(),
                })
            }
            Self::Offer { selling: (selling, amount), buying } => {
                OperationBody::ManageSellOffer(stellar_xdr::ManageSellOfferOp {
                    selling: xdr_asset(selling),
                    buying: xdr_asset(buying),
                    amount: amount.get(),
                    price: Price { n: 1, d: 1 },
                    offer_id: 0,
                })
            }
            Self::Trust { asset, limit } => {
                OperationBody::ChangeTrust(ChangeTrustOp { line: xdr_trusted(asset), limit: limit.get() })
            }
            Self::Merge { into } => OperationBody::AccountMerge(MuxedAccount::Ed25519(Uint256(into.0))),
            Self::Claim { balance } => OperationBody::ClaimClaimableBalance(ClaimClaimableBalanceOp {
                balance_id: BalanceId(balance.0).to_xdr(),
            }),
            Self::ReserveTakingBack => OperationBody::SetOptions(SetOptionsOp {
                set_flags: Some(AUTH_REVOCABLE | AUTH_CLAWBACK_ENABLED),
                ..no_options()
            }),
            Self::TakeBack { holder, asset, amount } => OperationBody::Clawback(ClawbackOp {
                asset: xdr_asset(asset),
                from: MuxedAccount::Ed25519(Uint256(holder.0)),
                amount: amount.get(),
            }),
            Self::Freeze { holder, asset, frozen } => {
                let (set_flags, clear_flags) = if frozen { (0, AUTHORIZED) } else { (AUTHORIZED, 0) };
                OperationBody::SetTrustLineFlags(SetTrustLineFlagsOp {
                    trustor: xdr_account(holder),
                    asset: xdr_asset(asset),
                    clear_flags,
                    set_flags,
                })
            }
        })
    }
}

/// Submits what the owner of `key` does, as the sub-account `id` of that account if one is named, and says under which
/// hash it will be in a ledger.
fn act(
    ledger: &mut Ledger,
    key: &SigningKey,
    id: Option<u64>,
    acts: &[Act],
    now: Timestamp,
) -> Result<TxHash, ActError> {
    let account = account_of_key(key);
    if ledger.is_waiting(account) {
        return Err(ActError::Busy);
    }
    let Some(owner) = ledger.state().get(account) else { return Err(ActError::NoAccount { account }) };
    let operations: Vec<Operation> = acts
        .iter()
        .map(|act| Ok(Operation { source_account: None, body: act.body()? }))
        .collect::<Result<_, ActError>>()?;
    let address = id.map_or(Address::Account(account), |id| Address::Muxed { account, id });
    let transaction = Transaction {
        source_account: payable(address)?,
        fee: BASE_FEE_STROOPS
            .saturating_mul(FEE_FACTOR)
            .saturating_mul(u32::try_from(acts.len()).unwrap_or(1)),
        seq_num: SequenceNumber(owner.sequence + 1),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: operations.try_into().unwrap_or_default(),
        ext: TransactionExt::V0,
    };
    let network_id = ledger.network_id();
    let envelope = |signatures: Vec<DecoratedSignature>| {
        TransactionEnvelope::Tx(TransactionV1Envelope {
            tx: transaction.clone(),
            signatures: signatures.try_into().unwrap_or_default(),
        })
    };
    let hash = Tx::new(envelope(Vec::new()), network_id)?.hash;
    match ledger.submit(Tx::new(envelope(vec![sign(key, hash)]), network_id)?, now) {
        Submission::Pending | Submission::Duplicate => Ok(hash),
        Submission::TryAgainLater => Err(ActError::Busy),
        Submission::Refused(outcome) => Err(ActError::Refused { outcome }),
    }
}

/// People bid so many times the smallest fee, so that a surge does not keep them out.
const FEE_FACTOR: u32 = 1_000;

/// How money moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It was paid.
    Paid(Address),
    /// It was set aside as a claimable balance for these.
    SetAside(Vec<AccountId>),
    /// All the XLM of an account that was merged.
    Merged(Address),
    /// Its issuer took it back.
    TakenBack,
}

/// Money that moved, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The operation.
    pub operation: OperationId,
    /// Its transaction; of a fee bump the inner one.
    pub transaction: TxHash,
    /// When its ledger closed, in unix seconds.
    pub closed_at: u64,
    /// From whom.
    pub from: Address,
    /// To whom.
    pub way: Way,
    /// What arrived.
    pub asset: Asset,
    /// How much arrived.
    pub amount: Stroops,
    /// The transaction whose money it gives back, if its memo says so.
    pub returns: Option<TxHash>,
}

fn merged(result: &TransactionResultResult, at: usize) -> Option<Stroops> {
    let TransactionResultResult::TxSuccess(results) = result else { return None };
    match results.get(at)? {
        OperationResult::OpInner(OperationResultTr::AccountMerge(AccountMergeResult::Success(amount))) => {
            Stroops::new(*amount).ok()
        }
        _ => None,
    }
}

/// All money that operations moved in the ledgers from `since` on, in the order of history. Trades and claims are left out.
pub fn movements(ledger: &Ledger, since: LedgerSeq) -> Vec<Movement> {
    let mut movements = Vec::new();
    for record in ledger.history().whole().transactions_since(since) {
        if !record.successful {
            continue;
        }
        let transaction = &record.tx.inner().tx;
        for (at, operation) in transaction.operations.iter().enumerate() {
            let mut source = operation.source_account.as_ref().unwrap_or(&transaction.source_account);
            let told = match &operation.body {
                OperationBody::CreateAccount(create) => {
                    let to = Address::Account(super::xdr::account(&create.destination));
                    Some((Way::Paid(to), Some(Asset::Native), create.starting_balance))
                }
                OperationBody::Payment(payment) => Some((
                    Way::Paid(address_of(&payment.destination)),
                    asset_of(&payment.asset),
                    payment.amount,
                )),
                OperationBody::PathPaymentStrictReceive(path) => Some((
                    Way::Paid(address_of(&path.destination)),
                    asset_of(&path.dest_asset),
                    path.dest_amount,
                )),
                OperationBody::CreateClaimableBalance(create) => {
                    let claimants = create
                        .claimants
                        .iter()
                        .map(|claimant| {
                            let stellar_xdr::Claimant::ClaimantTypeV0(claimant) = claimant;
                            super::xdr::account(&claimant.destination)
                        })
                        .collect();
                    Some((Way::SetAside(claimants), asset_of(&create.asset), create.amount))
                }
                OperationBody::AccountMerge(into) => merged(&record.result.result, at)
                    .map(|amount| (Way::Merged(address_of(into)), Some(Asset::Native), amount.get())),
                OperationBody::Clawback(clawback) => {
                    source = &clawback.from;
                    Some((Way::TakenBack, asset_of(&clawback.asset), clawback.amount))
                }
                _ => None,
            };
            let Some((way, Some(asset), Ok(amount))) =
                told.map(|(way, asset, amount)| (way, asset, Stroops::new(amount)))
            else {
                continue;
            };
            let place = i64::try_from(at).unwrap_or(i64::MAX);
            movements.push(Movement {
                operation: OperationId(record.id.0 + 1 + place),
                transaction: record.tx.signed_hash(),
                closed_at: record.closed_at,
                from: address_of(source),
                way,
                asset,
                amount,
                returns: match &transaction.memo {
                    Memo::Return(hash) => Some(TxHash(hash.0)),
                    Memo::None | Memo::Text(_) | Memo::Id(_) | Memo::Hash(_) => None,
                },
            });
        }
    }
    movements
}

/// A claim of money that was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What was claimed.
    pub balance: ClaimableId,
    /// By whom.
    pub by: AccountId,
    /// By which transaction; of a fee bump the one within.
    pub transaction: TxHash,
}

/// All claims in the ledgers from `since` on, in the order of history.
pub fn claims(ledger: &Ledger, since: LedgerSeq) -> Vec<Claim> {
    let mut claims = Vec::new();
    for record in ledger.history().whole().transactions_since(since) {
        let transaction = &record.tx.inner().tx;
        for operation in transaction.operations.iter().filter(|_| record.successful) {
            let OperationBody::ClaimClaimableBalance(claim) = &operation.body else { continue };
            let source = operation.source_account.as_ref().unwrap_or(&transaction.source_account);
            let balance = ClaimableId(BalanceId::from(&claim.balance_id).0);
            let transaction = record.tx.signed_hash();
            claims.push(Claim { balance, by: account_of(source), transaction });
        }
    }
    claims
}

/// What an envelope would do if it landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its hash; of a fee bump that of the transaction within.
    pub hash: TxHash,
    /// The hash of what is sent: of a fee bump its own.
    pub outer: TxHash,
    /// The account whose sequence number it uses.
    pub source: AccountId,
    /// That number.
    pub sequence: i64,
    /// It cannot be in a ledger that closes after this, in unix seconds; 0 if it may for ever.
    pub max_time: u64,
    /// The money it moves; without the times of its ledger.
    pub movements: Vec<(Address, Way, Asset, i64, Option<TxHash>)>,
}

impl Sandbox {
    /// Submits what the owner of `key` does: all of it or nothing.
    pub fn act(&self, key: &SigningKey, acts: &[Act]) -> Result<TxHash, ActError> {
        self.act_as(key, None, acts)
    }

    /// The same, as a sub-account.
    pub fn act_as(&self, key: &SigningKey, id: Option<u64>, acts: &[Act]) -> Result<TxHash, ActError> {
        let now = self.now();
        self.with_ledger_mut(|ledger| act(ledger, key, id, acts, now))
    }

    /// All money that moved in the ledgers from `since` on.
    pub fn movements(&self, since: LedgerSeq) -> Vec<Movement> {
        self.with_ledger(|ledger| movements(ledger, since))
    }

    /// All claims in the ledgers from `since` on.
    pub fn claims(&self, since: LedgerSeq) -> Vec<Claim> {
        self.with_ledger(|ledger| claims(ledger, since))
    }

    /// The balances that an account may claim, as the first of their claimants.
    pub fn claimable_by(&self, account: AccountId) -> Vec<ClaimableId> {
        self.with_ledger(|ledger| {
            let claims =
                |claimants: &[Claimant]| claimants.first().is_some_and(|first| first.destination == account);
            let balances = ledger.state().balances().iter().filter(|balance| claims(&balance.claimants));
            balances.map(|balance| ClaimableId(balance.id.0)).collect()
        })
    }

    /// What an envelope would do.
    pub fn intent(&self, envelope: &str) -> Result<Intent, XdrError> {
        let tx = Tx::from_base64(envelope, self.with_ledger(Ledger::network_id))?;
        let inner = &tx.inner().tx;
        let returns = match &inner.memo {
            Memo::Return(hash) => Some(TxHash(hash.0)),
            Memo::None | Memo::Text(_) | Memo::Id(_) | Memo::Hash(_) => None,
        };
        let movements = inner.operations.iter().filter_map(|operation| {
            let from = address_of(operation.source_account.as_ref().unwrap_or(&inner.source_account));
            let (way, asset, amount) = match &operation.body {
                OperationBody::Payment(payment) => {
                    (Way::Paid(address_of(&payment.destination)), &payment.asset, payment.amount)
                }
                OperationBody::CreateClaimableBalance(create) => {
                    let stellar_xdr::Claimant::ClaimantTypeV0(first) = create.claimants.first()?;
                    // The first claimant is who is owed it.
                    let owed = super::xdr::account(&first.destination);
                    (Way::Paid(Address::Account(owed)), &create.asset, create.amount)
                }
                _ => return None,
            };
            Some((from, way, asset_of(asset)?, amount, returns))
        });
        let max_time = match &inner.cond {
            Preconditions::None => 0,
            Preconditions::Time(bounds) => bounds.max_time.0,
            Preconditions::V2(conditions) => {
                conditions.time_bounds.as_ref().map_or(0, |bounds| bounds.max_time.0)
            }
        };
        Ok(Intent {
            hash: tx.signed_hash(),
            outer: tx.hash,
            source: account_of(&inner.source_account),
            sequence: inner.seq_num.0,
            max_time,
            movements: movements.collect(),
        })
    }
}
