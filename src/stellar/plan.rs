//! From a plan to the exact operations of its transaction.
//!
//! Pure: which operations, of which source, in which order, and who must sign. Two encoders follow the
//! outline: `tx` builds it, `envelope` checks what was built. Fails with [`BuildError::Invalid`] for what the
//! ledger would refuse in any state.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::escrow::ESCROW_ASSETS_MAX;
use crate::domain::ids::ClaimableId;
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::ports::network::{
    Body, BuildError, Closing, PaymentOperation, TRANSACTION_OPERATIONS_MAX, TRANSACTION_SIGNATURES_MAX,
    TransactionPlan,
};

/// Least fee per operation that the ledger takes, in stroops of XLM.
pub(crate) const FEE_PER_OPERATION_MIN: u32 = 100;
/// Longest memo text, in bytes.
pub(crate) const MEMO_TEXT_BYTES_MAX: usize = 28;
/// Most recovery signers: the ledger takes 20 signers per account, one of them the platform's.
pub const RECOVERY_SIGNERS_MAX: usize = 19;
/// Operations of a new account besides trust lines and recovery signers: begin, create, set options, end.
const ACCOUNT_OPERATIONS: usize = 4;

/// Who stands behind the accounts that are opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owners {
    /// The account that sponsors them.
    pub platform: AccountId,
    /// The key that signs for them.
    pub signer: AccountId,
    /// Keys that together, by simple majority, can sign for them too.
    pub recovery: Vec<AccountId>,
}

impl Owners {
    /// All three thresholds of an account, and the weight of the platform's signer: a majority of the
    /// recovery signers, or 1 without any.
    pub fn threshold(&self) -> u32 {
        if self.recovery.is_empty() {
            1
        } else {
            u32::try_from(self.recovery.len()).unwrap_or(u32::MAX) / 2 + 1
        }
    }

    /// How many accounts with `trust_lines` each one transaction can open: each takes an own signature
    /// besides the platform's, and 4 + recovery signers + trust lines operations.
    pub fn accounts_per_transaction(&self, trust_lines: usize) -> u16 {
        let operations = ACCOUNT_OPERATIONS.saturating_add(self.recovery.len()).saturating_add(trust_lines);
        let most = (TRANSACTION_OPERATIONS_MAX / operations).min(TRANSACTION_SIGNATURES_MAX - 1);
        u16::try_from(most).unwrap_or(u16::MAX)
    }
}

/// One operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// `sponsor` begins to pay the reserves of `sponsored`.
    BeginSponsoring { sponsor: AccountId, sponsored: AccountId },
    /// `funder` creates `account`.
    CreateAccount { funder: AccountId, account: AccountId, starting_balance: Stroops },
    /// `account` takes the platform's signer and drops its own key.
    HandOver { account: AccountId, signer: AccountId, weight: u32, threshold: u32 },
    /// `account` takes a recovery signer of weight 1.
    AddRecovery { account: AccountId, signer: AccountId },
    /// `account` trusts `asset` without limit.
    Trust { account: AccountId, asset: Asset },
    /// `account` is no longer sponsored for what follows.
    EndSponsoring { account: AccountId },
    /// `account` no longer trusts `asset`.
    Distrust { account: AccountId, asset: Asset },
    /// A payment.
    Pay(PaymentOperation),
    /// `from` makes a balance that `recipient` may claim, and from `reclaim_from` (seconds of UTC)
    /// on `platform`.
    CreateClaimable {
        from: AccountId,
        asset: Asset,
        amount: Stroops,
        recipient: AccountId,
        platform: AccountId,
        reclaim_from: i64,
    },
    /// `account` claims a balance.
    Claim { account: AccountId, id: ClaimableId },
    /// `account` ends, its XLM goes `into` another.
    Merge { account: AccountId, into: AccountId },
}

/// A transaction, complete but for its signatures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outline {
    pub(crate) source: AccountId,
    pub(crate) sequence: i64,
    /// For the whole, in stroops of XLM.
    pub(crate) fee: u32,
    pub(crate) fee_per_operation: u32,
    /// In seconds of UTC.
    pub(crate) max_time: u64,
    pub(crate) memo: Memo,
    pub(crate) steps: Vec<Step>,
}

fn invalid(reason: impl Into<String>) -> BuildError {
    BuildError::Invalid { reason: reason.into() }
}

/// How many new accounts a body creates.
pub(crate) fn accounts_created(body: &Body) -> usize {
    match body {
        Body::OpenChannels { count, .. } | Body::OpenEscrows { count, .. } => usize::from(*count),
        Body::Pay(_) | Body::Reclaim { .. } | Body::CloseEscrows(_) => 0,
    }
}

/// The outline of `plan`, which opens `accounts` (as many as [`accounts_created`] says).
pub(crate) fn outline(
    plan: &TransactionPlan,
    owners: &Owners,
    accounts: &[AccountId],
) -> Result<Outline, BuildError> {
    if owners.recovery.len() > RECOVERY_SIGNERS_MAX {
        return Err(invalid(format!("more than {RECOVERY_SIGNERS_MAX} recovery signers")));
    }
    // Named twice, a signer's weight would be overwritten, and the accounts' thresholds out of reach.
    let distinct: BTreeSet<_> = owners.recovery.iter().chain([&owners.signer]).collect();
    if distinct.len() <= owners.recovery.len() {
        return Err(invalid("a recovery signer is named twice, or is the platform's signer"));
    }
    let steps = steps(&plan.body, owners, accounts)?;
    if steps.is_empty() {
        return Err(invalid("it does nothing"));
    }
    if steps.len() > TRANSACTION_OPERATIONS_MAX {
        return Err(invalid(format!(
            "{} operations are more than {TRANSACTION_OPERATIONS_MAX}",
            steps.len()
        )));
    }
    if accounts.len() >= TRANSACTION_SIGNATURES_MAX {
        return Err(invalid(format!("{} accounts need more signatures than fit", accounts.len())));
    }
    if plan.fee_per_operation < FEE_PER_OPERATION_MIN {
        return Err(invalid(format!("a fee under {FEE_PER_OPERATION_MIN} stroops per operation")));
    }
    let fee = u32::try_from(steps.len())
        .ok()
        .and_then(|count| count.checked_mul(plan.fee_per_operation))
        .ok_or_else(|| invalid("the fee does not fit the ledger's field"))?;
    if plan.sequence <= 0 {
        return Err(invalid("the sequence number is not positive"));
    }
    if plan.max_time.subsec_nanosecond() != 0 {
        return Err(invalid("max_time is not a whole second"));
    }
    let max_time = u64::try_from(plan.max_time.as_second()).ok().filter(|second| *second > 0);
    let max_time = max_time.ok_or_else(|| invalid("max_time is before 1970: it would mean for ever"))?;
    if let Memo::Text(text) = &plan.memo
        && text.len() > MEMO_TEXT_BYTES_MAX
    {
        return Err(invalid(format!("a memo text over {MEMO_TEXT_BYTES_MAX} bytes")));
    }
    Ok(Outline {
        source: plan.channel,
        sequence: plan.sequence,
        fee,
        fee_per_operation: plan.fee_per_operation,
        max_time,
        memo: plan.memo.clone(),
        steps,
    })
}

fn steps(body: &Body, owners: &Owners, accounts: &[AccountId]) -> Result<Vec<Step>, BuildError> {
    match body {
        Body::OpenChannels { starting_balance, .. } => {
            Ok(accounts.iter().flat_map(|account| open(*account, *starting_balance, &[], owners)).collect())
        }
        Body::OpenEscrows { assets, .. } => {
            if assets.len() > ESCROW_ASSETS_MAX {
                return Err(invalid(format!("an escrow account of more than {ESCROW_ASSETS_MAX} assets")));
            }
            let distinct: BTreeSet<_> = assets.iter().collect();
            if distinct.len() < assets.len() {
                return Err(invalid("an asset is named twice"));
            }
            Ok(accounts.iter().flat_map(|account| open(*account, Stroops::ZERO, assets, owners)).collect())
        }
        Body::Pay(payments) => pay(payments, owners),
        Body::Reclaim { trust, claimables } => {
            let account = owners.platform;
            let trusts = trust.iter().map(|asset| Step::Trust { account, asset: *asset });
            Ok(trusts.chain(claimables.iter().map(|id| Step::Claim { account, id: *id })).collect())
        }
        Body::CloseEscrows(closings) => {
            let mut steps = Vec::new();
            for Closing { account, assets, carried } in closings {
                let account = *account;
                if account == owners.platform {
                    return Err(invalid("the platform account cannot be closed"));
                }
                for (asset, amount) in carried {
                    let to = Address::Account(owners.platform);
                    let (asset, amount) = (*asset, *amount);
                    steps.push(paid(&PaymentOperation {
                        from: account,
                        to,
                        asset,
                        amount,
                        reclaim_from: None,
                    })?);
                }
                steps.extend(assets.iter().map(|asset| Step::Distrust { account, asset: *asset }));
                steps.push(Step::Merge { account, into: owners.platform });
            }
            Ok(steps)
        }
    }
}

/// Payments and claimable balances, in the places that [`payment_places`] gives them.
fn pay(payments: &[PaymentOperation], owners: &Owners) -> Result<Vec<Step>, BuildError> {
    let mut steps = Vec::new();
    let mut sponsored: Option<AccountId> = None;
    for payment in payments {
        let wanted = payment.reclaim_from.map(|_| payment.from);
        if wanted != sponsored {
            steps.extend(sponsored.map(|account| Step::EndSponsoring { account }));
            let sponsor = owners.platform;
            steps.extend(wanted.map(|sponsored| Step::BeginSponsoring { sponsor, sponsored }));
            sponsored = wanted;
        }
        steps.push(match payment.reclaim_from {
            None => paid(payment)?,
            Some(reclaim_from) => claimable(payment, reclaim_from, owners.platform)?,
        });
    }
    steps.extend(sponsored.map(|account| Step::EndSponsoring { account }));
    Ok(steps)
}

fn paid(payment: &PaymentOperation) -> Result<Step, BuildError> {
    match payment.to {
        Address::Contract(_) => Err(invalid("a contract cannot be paid by a payment")),
        Address::Account(_) | Address::Muxed { .. } if payment.amount.is_zero() => {
            Err(invalid("a payment of nothing"))
        }
        Address::Account(_) | Address::Muxed { .. } => Ok(Step::Pay(payment.clone())),
    }
}

fn claimable(
    payment: &PaymentOperation,
    reclaim_from: Timestamp,
    platform: AccountId,
) -> Result<Step, BuildError> {
    let Address::Account(recipient) = payment.to else {
        return Err(invalid("a claimable balance is for an account: who claims it knows of no muxed id"));
    };
    if payment.amount.is_zero() {
        return Err(invalid("a claimable balance of nothing"));
    }
    if recipient == platform || payment.from == platform {
        return Err(invalid("a claimable balance for the platform itself, or from it"));
    }
    let seconds = reclaim_from.as_second();
    if reclaim_from.subsec_nanosecond() != 0 || seconds <= 0 {
        return Err(invalid("a claimable balance can be reclaimed from a whole second after 1970 on"));
    }
    let PaymentOperation { from, asset, amount, .. } = *payment;
    Ok(Step::CreateClaimable { from, asset, amount, recipient, platform, reclaim_from: seconds })
}

/// One new account, its reserves sponsored by the platform, under its signer, its own key dropped. XLM needs
/// no trust line.
fn open(account: AccountId, starting_balance: Stroops, assets: &[Asset], owners: &Owners) -> Vec<Step> {
    let threshold = owners.threshold();
    let mut steps = vec![
        Step::BeginSponsoring { sponsor: owners.platform, sponsored: account },
        Step::CreateAccount { funder: owners.platform, account, starting_balance },
        Step::HandOver { account, signer: owners.signer, weight: threshold, threshold },
    ];
    steps.extend(owners.recovery.iter().map(|signer| Step::AddRecovery { account, signer: *signer }));
    let credits = assets.iter().filter(|asset| **asset != Asset::Native);
    steps.extend(credits.map(|asset| Step::Trust { account, asset: *asset }));
    steps.push(Step::EndSponsoring { account });
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(recovery: u8) -> Owners {
        let account = |byte| AccountId([byte; 32]);
        Owners {
            platform: account(1),
            signer: account(2),
            recovery: (0..recovery).map(|n| account(100 + n)).collect(),
        }
    }

    #[test]
    fn a_threshold_is_a_majority_of_the_recovery_signers() {
        let thresholds: Vec<_> = (0..6).map(|count| owners(count).threshold()).collect();
        assert_eq!(thresholds, [1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn as_many_accounts_fit_as_signatures_and_operations_allow() {
        assert_eq!(owners(0).accounts_per_transaction(0), 19);
        assert_eq!(owners(0).accounts_per_transaction(1), 19);
        assert_eq!(owners(0).accounts_per_transaction(3), 14);
        assert_eq!(owners(3).accounts_per_transaction(3), 10);
        assert_eq!(owners(0).accounts_per_transaction(16), 5);
        assert_eq!(owners(0).accounts_per_transaction(usize::MAX), 0);
    }
}
