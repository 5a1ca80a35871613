//! What `farmgate setup` would do, said before it is done.

use super::account_inventory::{AccountInventory, Targets, reserve, spendable};
use crate::domain::address::AccountId;
use crate::domain::money::Stroops;
use crate::ports::network::AccountSnapshot;

/// Operations that the opening of one account takes at most, besides its trust lines and recovery signers.
const ACCOUNT_OPERATIONS: u64 = 4;

/// What is missing, what it takes, and what only the operator can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupPlan {
    /// The platform account.
    pub platform: AccountId,
    /// XLM it has above its reserves; `None` if it is not on the ledger.
    pub spendable: Option<Stroops>,
    /// True if it is yet to be entered into the books.
    pub enter_platform: bool,
    /// Channels to open.
    pub channels: u64,
    /// XLM they take: what they start with, and their reserves.
    pub channels_take: Stroops,
    /// Escrow accounts to open.
    pub escrows: u64,
    /// XLM they take, all of it reserves.
    pub escrows_take: Stroops,
    /// The most the transactions cost.
    pub fees: Stroops,
    /// Accounts whose opening is under way.
    pub under_way: u64,
    /// What only the operator can do, before anything can be opened.
    pub obstacles: Vec<String>,
    /// What only the operator can do, and what can wait.
    pub notes: Vec<String>,
}

/// The plan for this inventory.
pub fn plan_setup(
    platform: AccountId,
    account: Option<&AccountSnapshot>,
    inventory: &AccountInventory,
    targets: &Targets,
    fee_per_operation_stroops: u32,
) -> SetupPlan {
    let (channels, escrows) = (inventory.channels_missing(targets), inventory.escrows_missing(targets));
    let per_channel =
        targets.channel_starting_balance.get().saturating_add(reserve(0, targets.recovery_signers).get());
    let per_escrow = reserve(inventory.assets.len(), targets.recovery_signers);
    let operations = |lines: usize| {
        ACCOUNT_OPERATIONS.saturating_add((lines.saturating_add(targets.recovery_signers)) as u64)
    };
    let fees = channels
        .saturating_mul(operations(0))
        .saturating_add(escrows.saturating_mul(operations(inventory.assets.len())));
    let mut plan = SetupPlan {
        platform,
        spendable: account.map(spendable),
        enter_platform: !inventory.platform_in_books,
        channels,
        channels_take: times(channels, per_channel),
        escrows,
        escrows_take: times(escrows, per_escrow.get()),
        fees: times(fees, fee_per_operation_stroops.into()),
        under_way: inventory.channels_opening + inventory.escrows_opening,
        obstacles: vec![],
        notes: vec![],
    };
    let needed = plan.needed();
    match plan.spendable {
        None => plan.obstacles.push(format!(
            "create the platform account {platform}: send it at least {needed} XLM and its own reserve of 1 \
             XLM"
        )),
        Some(spendable) if spendable < needed => {
            let more = needed.checked_sub(spendable).unwrap_or_default();
            plan.obstacles.push(format!("send at least {more} XLM more to the platform account {platform}"));
        }
        Some(_) => {}
    }
    for code in &inventory.issuers_missing {
        plan.notes.push(format!(
            "the issuer of {code} is not on the ledger: correct the currency (PUT /v1/currencies/{code})"
        ));
    }
    if inventory.assets.is_empty() {
        plan.notes.push(
            "there is no currency that an escrow account could trust: make one (PUT /v1/currencies/{code}), \
             then run this again, or leave it to `farmgate serve`"
                .to_owned(),
        );
    }
    plan
}

fn times(count: u64, stroops: i64) -> Stroops {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Stroops::new(count.saturating_mul(stroops)).unwrap_or(Stroops::MAX)
}

impl SetupPlan {
    /// XLM that it takes in all.
    pub fn needed(&self) -> Stroops {
        Stroops::sum([self.channels_take, self.escrows_take, self.fees]).unwrap_or(Stroops::MAX)
    }

    /// True if nothing is left to open, or to wait for.
    pub const fn is_done(&self) -> bool {
        !self.enter_platform && self.channels == 0 && self.escrows == 0 && self.under_way == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::asset::Asset;

    const TARGETS: Targets = Targets {
        channels: 4,
        channel_starting_balance: Stroops::from_units(10),
        warm_accounts: 20,
        recovery_signers: 0,
    };

    #[test]
    fn a_new_machine_is_told_what_everything_takes() {
        let assets = vec![Asset::credit("TFT".parse().unwrap(), AccountId([9; 32]))];
        let inventory = AccountInventory { assets, ..AccountInventory::default() };
        let plan = plan_setup(AccountId([1; 32]), None, &inventory, &TARGETS, 10_000);
        assert_eq!((plan.channels, plan.channels_take), (4, Stroops::from_units(46)));
        assert_eq!((plan.escrows, plan.escrows_take), (20, Stroops::from_units(40)));
        assert_eq!(plan.fees.to_string(), "0.116");
        assert!(!plan.is_done());
        assert!(plan.obstacles[0].contains("86.116 XLM"), "{:?}", plan.obstacles);
    }

    #[test]
    fn a_complete_machine_has_nothing_to_do() {
        let assets = vec![Asset::credit("TFT".parse().unwrap(), AccountId([9; 32]))];
        let inventory = AccountInventory {
            platform_in_books: true,
            channels_ready: 4,
            assets,
            escrows_ready: 20,
            ..AccountInventory::default()
        };
        let plan = plan_setup(AccountId([1; 32]), None, &inventory, &TARGETS, 10_000);
        assert!(plan.is_done());
        assert_eq!(plan.needed(), Stroops::ZERO);
    }
}
