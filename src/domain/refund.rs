//! What goes back to whom, and who bears what an issuer took back.
//!
//! Each payer gets what that payer sent. Of an excess the latest payments go back first; what an issuer
//! has clawed back, the latest payments bear. A return never exceeds the payment it returns, and what
//! is returned, kept and lost sums to what came (`docs/money-rules.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::address::{AccountId, Address};
use super::asset::Asset;
use super::money::{AmountError, Stroops};
use super::payment::{Memo, Payment};

/// Longest memo text, in bytes (the ledger's limit).
pub const MEMO_TEXT_BYTES_MAX: usize = 28;

/// Where money goes back to that cannot go back to where it came from: its payer demands a memo (SEP-29),
/// or is a contract.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "UncheckedRefundAddress")]
pub struct RefundAddress {
    address: Address,
    memo: Memo,
}

#[derive(Deserialize)]
struct UncheckedRefundAddress {
    address: Address,
    memo: Memo,
}

impl TryFrom<UncheckedRefundAddress> for RefundAddress {
    type Error = RefundAddressError;

    fn try_from(unchecked: UncheckedRefundAddress) -> Result<Self, RefundAddressError> {
        Self::new(unchecked.address, unchecked.memo)
    }
}

/// Why money cannot go back to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefundAddressError {
    /// A payment cannot go to a contract.
    #[error("money cannot be returned to a contract: give an account (G…, M…)")]
    Contract,
    /// A muxed address names the sub-account already (SEP-23).
    #[error("a muxed address (M…) takes no memo besides")]
    MuxedWithMemo,
    /// The text is too long for the ledger.
    #[error("a memo text is at most {MEMO_TEXT_BYTES_MAX} bytes")]
    MemoTooLong,
    /// Only the service says what a payment returns.
    #[error("a memo of type return is not for an address")]
    ReturnMemo,
}

impl RefundAddress {
    /// An address and the memo that payments to it must carry.
    pub fn new(address: Address, memo: Memo) -> Result<Self, RefundAddressError> {
        match (&address, &memo) {
            (Address::Contract(_), _) => Err(RefundAddressError::Contract),
            (_, Memo::Return(_)) => Err(RefundAddressError::ReturnMemo),
            (Address::Muxed { .. }, Memo::Text(_) | Memo::Id(_) | Memo::Hash(_)) => {
                Err(RefundAddressError::MuxedWithMemo)
            }
            (_, Memo::Text(text)) if text.len() > MEMO_TEXT_BYTES_MAX => Err(RefundAddressError::MemoTooLong),
            (Address::Account(_) | Address::Muxed { .. }, _) => Ok(Self { address, memo }),
        }
    }

    /// The address.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The account on the ledger.
    pub const fn account(&self) -> Option<AccountId> {
        self.address.account()
    }

    /// The memo.
    pub const fn memo(&self) -> &Memo {
        &self.memo
    }

    /// The memo of a return of `payment` that goes to this address: the one that was named with it, and where
    /// there is none, the hash of the transaction that is returned.
    pub fn memo_for(&self, payment: &Payment) -> Memo {
        match &self.memo {
            Memo::None => Memo::Return(payment.transaction),
            named => named.clone(),
        }
    }

    /// True if it names whom of an account's customers a payment from there came from: the payer is
    /// that account, plain, and a memo or a sub-account was named with it. An account that many share (an
    /// exchange's, a custodian's) can credit nobody without.
    pub fn tells_apart(&self, payer: Address) -> bool {
        let names_somebody = self.memo != Memo::None || matches!(self.address, Address::Muxed { .. });
        matches!(payer, Address::Account(account) if self.account() == Some(account)) && names_somebody
    }
}

/// The part of a payment that goes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Return<'p> {
    /// The payment.
    pub payment: &'p Payment,
    /// How much of it; never zero, and at most all.
    pub amount: Stroops,
}

/// What becomes of the payments that were counted towards a reservation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Returns<'p> {
    /// What goes back, latest payments first.
    pub returns: Vec<Return<'p>>,
    /// What these payments bear of what issuers took back; never zero, and never more than was taken.
    pub lost: BTreeMap<Asset, Stroops>,
}

/// What goes back of the payments that were counted towards a reservation.
///
/// `kept` is what its settlement pays out: an amount of one asset; `None` if nothing is kept. Payments in the
/// kept asset that come first pay for it. `taken` is what issuers took back and nobody bears yet: the latest
/// payments bear it, as far as they are not kept; what is beyond them is left for others.
///
/// # Errors
/// [`AmountError::Negative`] if the payments do not cover what is to be kept; [`AmountError::Overflow`]
/// if their sum does not fit.
pub fn returns<'p>(
    counted: &'p [Payment],
    kept: Option<(Asset, Stroops)>,
    taken: &[(Asset, Stroops)],
) -> Result<Returns<'p>, AmountError> {
    let mut free: BTreeMap<Asset, Stroops> = BTreeMap::new();
    for payment in counted {
        let sum = free.entry(payment.asset).or_default();
        *sum = sum.checked_add(payment.amount)?;
    }
    if let Some((asset, amount)) = kept {
        let sum = free.entry(asset).or_default();
        *sum = sum.checked_sub(amount)?;
    }
    let mut lost: BTreeMap<Asset, Stroops> = BTreeMap::new();
    for (asset, amount) in taken {
        let sum = free.entry(*asset).or_default();
        let borne = (*amount).min(*sum);
        *sum = sum.checked_sub(borne)?;
        if !borne.is_zero() {
            let so_far = lost.entry(*asset).or_default();
            *so_far = so_far.checked_add(borne)?;
        }
    }
    let mut to_bear = lost.clone();
    let mut latest_first: Vec<&Payment> = counted.iter().collect();
    latest_first.sort_by_key(|payment| std::cmp::Reverse(payment.id));
    let mut returns = Vec::new();
    for payment in latest_first {
        let borne = take(to_bear.entry(payment.asset).or_default(), payment.amount)?;
        let rest = payment.amount.checked_sub(borne)?;
        let amount = take(free.entry(payment.asset).or_default(), rest)?;
        if !amount.is_zero() {
            returns.push(Return { payment, amount });
        }
    }
    Ok(Returns { returns, lost })
}

/// Takes at most `limit` of what is left; says how much.
fn take(left: &mut Stroops, limit: Stroops) -> Result<Stroops, AmountError> {
    let taken = limit.min(*left);
    *left = left.checked_sub(taken)?;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{LedgerSeq, OperationId, TxHash};
    use crate::domain::payment::{PaymentId, PaymentKind};
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn asset(number: u8) -> Asset {
        Asset::credit("TFT".parse().unwrap(), AccountId([number; 32]))
    }

    fn payment(operation: i64, of: u8, stroops: i64) -> Payment {
        Payment {
            id: PaymentId { operation: OperationId(operation), change: 0 },
            kind: PaymentKind::Payment,
            to: AccountId([9; 32]),
            to_muxed_id: None,
            from: Some(Address::Account(AccountId([8; 32]))),
            asset: asset(of),
            amount: Stroops::new(stroops).unwrap(),
            transaction: TxHash([0; 32]),
            ledger: LedgerSeq(1),
            closed_at: Timestamp::UNIX_EPOCH,
            memo: Memo::None,
        }
    }

    fn parts(returns: &Returns<'_>) -> Vec<(i64, i64)> {
        returns.returns.iter().map(|part| (part.payment.id.operation.0, part.amount.get())).collect()
    }

    #[test]
    fn an_address_that_cannot_take_money_back_is_refused() {
        let account = AccountId([8; 32]);
        let (plain, muxed) = (Address::Account(account), Address::Muxed { account, id: 7 });
        let text = |length: usize| Memo::Text("x".repeat(length));
        assert!(RefundAddress::new(plain, text(28)).is_ok());
        assert!(RefundAddress::new(muxed, Memo::None).is_ok());
        for (address, memo, error) in [
            (Address::Contract([1; 32]), Memo::None, RefundAddressError::Contract),
            (muxed, Memo::Id(5), RefundAddressError::MuxedWithMemo),
            (plain, text(29), RefundAddressError::MemoTooLong),
            (plain, Memo::Return(TxHash([1; 32])), RefundAddressError::ReturnMemo),
        ] {
            assert_eq!(RefundAddress::new(address, memo), Err(error));
        }
    }

    #[test]
    fn an_excess_goes_back_to_the_latest_payers_first() {
        let payments = [payment(1, 1, 50), payment(2, 1, 60), payment(3, 1, 5)];
        let back = returns(&payments, Some((asset(1), Stroops::new(100).unwrap())), &[]).unwrap();
        assert_eq!(parts(&back), [(3, 5), (2, 10)]);
    }

    #[test]
    fn money_of_an_option_that_did_not_win_goes_back_whole() {
        let payments = [payment(1, 2, 30), payment(2, 1, 100)];
        let back = returns(&payments, Some((asset(1), Stroops::new(100).unwrap())), &[]).unwrap();
        assert_eq!(parts(&back), [(1, 30)]);
    }

    #[test]
    fn without_a_settlement_everything_goes_back() {
        let payments = [payment(1, 1, 30), payment(2, 2, 7)];
        assert_eq!(parts(&returns(&payments, None, &[]).unwrap()), [(2, 7), (1, 30)]);
        assert!(returns(&[], None, &[]).unwrap().returns.is_empty());
    }

    #[test]
    fn what_was_not_paid_cannot_be_kept() {
        let kept = Some((asset(1), Stroops::new(31).unwrap()));
        assert_eq!(returns(&[payment(1, 1, 30)], kept, &[]), Err(AmountError::Negative));
    }

    #[test]
    fn the_latest_payment_bears_what_was_clawed_back() {
        let payments = [payment(1, 1, 50), payment(2, 1, 60), payment(3, 1, 5)];
        let taken = [(asset(1), Stroops::new(25).unwrap())];
        let all = returns(&payments, None, &taken).unwrap();
        assert_eq!(parts(&all), [(2, 40), (1, 50)]);
        assert_eq!(all.lost[&asset(1)].get(), 25);
        let kept = Some((asset(1), Stroops::new(80).unwrap()));
        assert_eq!(parts(&returns(&payments, kept, &taken).unwrap()), [(2, 10)]);
    }

    #[test]
    fn a_loss_beyond_these_payments_is_left_for_others() {
        let taken = [(asset(1), Stroops::new(25).unwrap()), (asset(2), Stroops::new(1).unwrap())];
        let payments = [payment(1, 1, 20)];
        let all = returns(&payments, None, &taken).unwrap();
        assert!(all.returns.is_empty());
        assert_eq!(all.lost, [(asset(1), Stroops::new(20).unwrap())].into());
        let kept = returns(&payments, Some((asset(1), Stroops::new(15).unwrap())), &taken).unwrap();
        assert_eq!(kept.lost[&asset(1)].get(), 5, "what was kept has been paid out");
    }

    proptest! {
        #[test]
        fn what_is_kept_lost_and_returned_is_what_came(
            amounts in proptest::collection::vec((1..3_u8, 1..1_000_000_000_i64), 1..30),
            percent in 0..=100_i64,
            taken in [0..3_000_000_000_i64, 0..3_000_000_000_i64],
        ) {
            let payments: Vec<Payment> =
                (1..).zip(amounts).map(|(id, (of, amount))| payment(id, of, amount)).collect();
            let came = |of| {
                payments.iter().filter(|p| p.asset == asset(of)).map(|p| p.amount.get()).sum::<i64>()
            };
            let kept = came(1) * percent / 100;
            let taken = [1, 2].map(|of| (asset(of), Stroops::new(taken[usize::from(of) - 1]).unwrap()));
            let all = returns(&payments, Some((asset(1), Stroops::new(kept).unwrap())), &taken).unwrap();
            for (of, taken) in [(1, taken[0].1), (2, taken[1].1)] {
                let back: i64 =
                    all.returns.iter().filter(|p| p.payment.asset == asset(of)).map(|p| p.amount.get()).sum();
                let lost = all.lost.get(&asset(of)).copied().unwrap_or_default();
                let kept = if of == 1 { kept } else { 0 };
                prop_assert_eq!(back + lost.get() + kept, came(of));
                prop_assert!(lost <= taken);
                prop_assert!(lost == taken || back == 0, "nobody gets money back that was taken");
            }
            prop_assert!(all.returns.iter().all(|part| part.amount <= part.payment.amount));
            prop_assert!(all.returns.is_sorted_by(|one, next| one.payment.id > next.payment.id));
        }

        #[test]
        fn what_is_kept_and_what_goes_back_is_what_came(
            amounts in proptest::collection::vec((1..3_u8, 1..1_000_000_000_i64), 1..30),
            percent in 0..=100_i64,
        ) {
            let payments: Vec<Payment> =
                (1..).zip(amounts).map(|(id, (of, amount))| payment(id, of, amount)).collect();
            let came = |of| {
                payments.iter().filter(|p| p.asset == asset(of)).map(|p| p.amount.get()).sum::<i64>()
            };
            let kept = came(1) * percent / 100;
            let stays = Some((asset(1), Stroops::new(kept).unwrap()));
            let back = returns(&payments, stays, &[]).unwrap().returns;
            for of in [1, 2] {
                let back: i64 =
                    back.iter().filter(|p| p.payment.asset == asset(of)).map(|p| p.amount.get()).sum();
                prop_assert_eq!(back + if of == 1 { kept } else { 0 }, came(of));
            }
            prop_assert!(back.iter().all(|part| part.amount <= part.payment.amount));
            // Whoever came earlier than somebody who got nothing back got nothing back either.
            let is_partial = |p: &&Return| p.payment.asset == asset(1) && p.amount < p.payment.amount;
            let partial = back.iter().filter(is_partial).count();
            prop_assert!(partial <= 1);
        }
    }
}
