//! What a refused transaction says about its transfers.
//!
//! Only a *payment's* refusal on the recipient's side turns it into a claimable balance; a refusal on the
//! source's side is the reservation's matter; one that names no operation is nobody's.

use super::transfers::{is_claimable, places};
use crate::domain::ids::ReservationId;
use crate::domain::reservation::HoldReason;
use crate::domain::transfer::{ResultCodes, Transfer, TransferKind};

/// The code of an operation that would have worked.
const SUCCESS: &str = "op_success";
/// Codes of a payment whose recipient cannot receive it.
const RECIPIENT_CODES: [&str; 4] = ["op_no_destination", "op_no_trust", "op_not_authorized", "op_line_full"];
/// The code of a claimable balance, or trust line, whose reserve nobody can pay.
const NO_RESERVE: &str = "op_low_reserve";

/// Codes of a whole transaction that say nothing of what it does: only of its channel, its fee or its time.
const CODES_OF_THE_CHANNEL: [&str; 6] = [
    "tx_bad_seq",
    "tx_too_late",
    "tx_too_early",
    "tx_insufficient_fee",
    "tx_insufficient_balance",
    "tx_no_source_account",
];

/// The code of a transaction whose source cannot pay its fee.
pub(in crate::settlement) const CANNOT_PAY_FEE: &str = "tx_insufficient_balance";

/// True if the transaction as a whole was refused for something in it.
pub(in crate::settlement) fn is_refused_whole(codes: &ResultCodes) -> bool {
    codes.operations.is_empty() && !is_of_the_channel(codes)
}

/// True if the codes say nothing of what the transaction does.
pub(in crate::settlement) fn is_of_the_channel(codes: &ResultCodes) -> bool {
    CODES_OF_THE_CHANNEL.contains(&codes.transaction.as_str())
}

/// True if an operation was refused that carries no transfer: one that begins or ends to sponsor.
pub(in crate::settlement) fn is_refused_between(codes: &ResultCodes) -> bool {
    codes.operations.iter().any(|code| code != SUCCESS)
}

/// True for the code of an operation that would have worked.
pub(in crate::settlement) fn is_success(code: &str) -> bool {
    code == SUCCESS
}

/// True for the code of an operation that its sponsor, or its account, has no reserve for.
pub(in crate::settlement) fn is_no_reserve(code: &str) -> bool {
    code == NO_RESERVE
}

/// What one transfer's operation was refused for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::settlement) enum Attribution {
    /// It was not.
    Nobody,
    /// Its recipient cannot receive a payment.
    Recipient,
    /// The platform cannot pay the reserve of its claimable balance.
    Reserve,
    /// Its source cannot pay it: the code.
    Source(String),
}

/// What each of the transfers was refused for.
pub(in crate::settlement) fn attributions(
    transfers: &[Transfer],
    codes: Option<&ResultCodes>,
) -> Vec<Attribution> {
    let operations = codes.map_or(&[][..], |codes| &codes.operations);
    let (places, _) = places(transfers);
    transfers
        .iter()
        .zip(places)
        .map(|(transfer, place)| match operations.get(place).map(String::as_str) {
            None | Some(SUCCESS) => Attribution::Nobody,
            Some(NO_RESERVE) if is_claimable(transfer) => Attribution::Reserve,
            Some(code) if !is_claimable(transfer) && RECIPIENT_CODES.contains(&code) => {
                Attribution::Recipient
            }
            Some(code) => Attribution::Source(code.to_owned()),
        })
        .collect()
}

/// The reservations whose settlement cannot be paid from their side, with the first code of each.
pub(in crate::settlement) fn to_hold(
    transfers: &[Transfer],
    attributions: &[Attribution],
) -> Vec<(ReservationId, HoldReason)> {
    let mut to_hold: Vec<(ReservationId, HoldReason)> = Vec::new();
    for (transfer, attribution) in transfers.iter().zip(attributions) {
        let (Some(reservation), TransferKind::Leg { .. }, Attribution::Source(code)) =
            (transfer.reservation, transfer.kind, attribution)
        else {
            continue;
        };
        if to_hold.iter().any(|(id, _)| *id == reservation) {
            continue;
        }
        let detail = format!("paying {} {} to {}", transfer.amount, transfer.asset.code(), transfer.to);
        to_hold.push((reservation, HoldReason { code: code.clone(), detail }));
    }
    to_hold
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::{AccountId, Address};
    use crate::domain::asset::Asset;
    use crate::domain::ids::TransferId;
    use crate::domain::money::Stroops;
    use crate::domain::payment::Memo;
    use crate::domain::split::Recipient;
    use crate::domain::transfer::{Delivery, TransferState};

    fn leg(id: i64, reservation: u8, delivery: Delivery) -> Transfer {
        Transfer {
            id: TransferId::new(id).unwrap(),
            reservation: ReservationId::new(reservation.into()).ok(),
            ordinal: 0,
            kind: TransferKind::Leg { recipient: Recipient::Burn, farm: None },
            from: AccountId([reservation; 32]),
            to: Address::Account(AccountId([200; 32])),
            asset: Asset::Native,
            amount: Stroops::from_units(3),
            memo: Memo::None,
            delivery,
            state: TransferState::Pending,
        }
    }

    fn codes(operations: &[&str]) -> ResultCodes {
        let operations = operations.iter().map(|code| (*code).to_owned()).collect();
        ResultCodes { transaction: "tx_failed".to_owned(), operations }
    }

    #[test]
    fn only_reservations_whose_source_fails_are_culprits() {
        let payment = Delivery::Payment;
        let transfers = [leg(1, 10, payment), leg(2, 10, payment), leg(3, 20, payment), leg(4, 30, payment)];
        let codes = codes(&["op_success", "op_underfunded", "op_no_trust", "op_src_not_authorized"]);
        let attributions = attributions(&transfers, Some(&codes));
        assert_eq!((&attributions[0], &attributions[2]), (&Attribution::Nobody, &Attribution::Recipient));
        let to_hold = to_hold(&transfers, &attributions);
        let named: Vec<_> = to_hold.iter().map(|(id, why)| (id.get(), why.code.as_str())).collect();
        assert_eq!(named, [(10, "op_underfunded"), (30, "op_src_not_authorized")]);
    }

    #[test]
    fn codes_are_read_at_the_places_that_sponsoring_leaves_them() {
        let transfers = [
            leg(1, 10, Delivery::Payment),
            leg(2, 10, Delivery::ClaimableBalance),
            leg(3, 10, Delivery::ClaimableBalance),
            leg(4, 20, Delivery::Payment),
        ];
        let codes = codes(&[
            "op_line_full",
            "op_success",
            "op_low_reserve",
            "op_no_trust",
            "op_success",
            "op_no_destination",
        ]);
        let expected = [
            Attribution::Recipient,
            Attribution::Reserve,
            // A claimable balance asks nothing of its recipient: this is the source's trust line.
            Attribution::Source("op_no_trust".to_owned()),
            Attribution::Recipient,
        ];
        assert_eq!(attributions(&transfers, Some(&codes)), expected);
    }

    #[test]
    fn a_refusal_for_its_channel_or_time_is_no_fault_of_what_it_does() {
        let whole = |code: &str| ResultCodes { transaction: code.to_owned(), operations: vec![] };
        assert!(is_refused_whole(&whole("tx_internal_error")));
        assert!(!is_refused_whole(&whole("tx_bad_seq")));
        assert!(!is_refused_whole(&codes(&["op_no_trust"])));
    }

    #[test]
    fn a_refusal_without_operation_codes_names_nobody() {
        let transfers = [leg(1, 10, Delivery::Payment)];
        assert_eq!(attributions(&transfers, Some(&codes(&[]))), [Attribution::Nobody]);
        assert_eq!(attributions(&transfers, None), [Attribution::Nobody]);
    }
}
