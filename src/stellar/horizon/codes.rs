//! The ledger's verdict, from result XDR to the spelling that Horizon gives it.
//!
//! Horizon's names are the XDR names in snake case but for the few in `OPERATION_SPELLINGS` and
//! `TRANSACTION_SPELLINGS` (Horizon's package `internal/codes`). A result this crate cannot decode is `None`,
//! never a guess.

use stellar_xdr::{
    AccountMergeResult, InnerTransactionResultResult, Limits, OperationResult, OperationResultTr, ReadXdr,
    TransactionResult, TransactionResultResult,
};

use crate::domain::money::Stroops;
use crate::domain::transfer::ResultCodes;

/// Largest result read: 100 operations, each with as many claimed offers as a ledger takes.
const RESULT_XDR_BYTES_MAX: usize = 1 << 20;
const XDR_DEPTH_MAX: u32 = 200;

/// Names of operation results that are not their XDR name in snake case after `op_`: XDR name, Horizon's.
const OPERATION_SPELLINGS: [(&str, &str); 13] = [
    ("AlreadyExist", "op_already_exists"),
    ("OfferCrossSelf", "op_cross_self"),
    ("OverSendmax", "op_over_source_max"),
    ("UnderDestmin", "op_under_dest_min"),
    ("NotFound", "op_offer_not_found"),
    ("SellNotAuthorized", "sell_not_authorized"),
    ("BuyNotAuthorized", "buy_not_authorized"),
    ("BuyNoIssuer", "buy_no_issuer"),
    ("NotAuthMaintainLiabilities", "op_not_aut_maintain_liabilities"),
    ("SeqnumTooFar", "op_seq_num_too_far"),
    ("NameNotFound", "op_data_name_not_found"),
    ("InvalidName", "op_data_invalid_name"),
    ("TrustNotRequired", "op_not_required"),
];

/// Names of transaction results that are not their XDR name in snake case.
const TRANSACTION_SPELLINGS: [(&str, &str); 2] =
    [("TxNoAccount", "tx_no_source_account"), ("TxBadMinSeqAgeOrGap", "tx_bad_minseq_age_or_gap")];

/// The codes of a base64 `TransactionResult`; of a fee bump, the inner transaction's.
/// `None` if it cannot be decoded.
pub fn decode(result_xdr: &str) -> Option<ResultCodes> {
    let limits = Limits { depth: XDR_DEPTH_MAX, len: RESULT_XDR_BYTES_MAX };
    let result = TransactionResult::from_xdr_base64(result_xdr, limits).ok()?;
    let (name, operations) = match &result.result {
        TransactionResultResult::TxFeeBumpInnerSuccess(pair)
        | TransactionResultResult::TxFeeBumpInnerFailed(pair) => {
            let inner = &pair.result.result;
            (inner.name(), inner_operations(inner))
        }
        other => (other.name(), operations(other)),
    };
    Some(ResultCodes {
        transaction: transaction_code(name),
        operations: operations.iter().map(operation_code).collect(),
    })
}

/// What the merges of a base64 `TransactionResult` moved: their places among the operations, and the XLM.
/// Nothing if it cannot be decoded.
pub fn merged(result_xdr: &str) -> Vec<(usize, Stroops)> {
    let limits = Limits { depth: XDR_DEPTH_MAX, len: RESULT_XDR_BYTES_MAX };
    let Ok(result) = TransactionResult::from_xdr_base64(result_xdr, limits) else { return vec![] };
    let operations = match &result.result {
        TransactionResultResult::TxFeeBumpInnerSuccess(pair) => inner_operations(&pair.result.result),
        other => operations(other),
    };
    let moved = |operation: &OperationResult| match operation {
        OperationResult::OpInner(OperationResultTr::AccountMerge(AccountMergeResult::Success(stroops))) => {
            Stroops::new(*stroops).ok()
        }
        _ => None,
    };
    operations.iter().map(moved).enumerate().filter_map(|(place, moved)| Some((place, moved?))).collect()
}

fn operations(result: &TransactionResultResult) -> &[OperationResult] {
    match result {
        TransactionResultResult::TxSuccess(all) | TransactionResultResult::TxFailed(all) => all.as_slice(),
        _ => &[],
    }
}

fn inner_operations(result: &InnerTransactionResultResult) -> &[OperationResult] {
    match result {
        InnerTransactionResultResult::TxSuccess(all) | InnerTransactionResultResult::TxFailed(all) => {
            all.as_slice()
        }
        _ => &[],
    }
}

fn transaction_code(name: &str) -> String {
    let special = TRANSACTION_SPELLINGS.iter().find(|(xdr, _)| *xdr == name);
    special.map_or_else(|| snake_case(name), |(_, code)| (*code).to_owned())
}

fn operation_code(result: &OperationResult) -> String {
    let inner = match result {
        OperationResult::OpInner(inner) => inner,
        OperationResult::OpNoAccount => return "op_no_source_account".to_owned(),
        other => return snake_case(other.name()),
    };
    match (inner, inner_name(inner)) {
        (OperationResultTr::AllowTrust(_), "NoTrustLine") => "op_no_trustline".to_owned(),
        (OperationResultTr::SetTrustLineFlags(_), "NoTrustLine") => "op_no_trust".to_owned(),
        (_, name) => {
            let special = OPERATION_SPELLINGS.iter().find(|(xdr, _)| *xdr == name);
            special.map_or_else(|| format!("op_{}", snake_case(name)), |(_, code)| (*code).to_owned())
        }
    }
}

macro_rules! inner_names {
    ($result:expr, $($operation:ident),+ $(,)?) => {
        match $result {
            $(OperationResultTr::$operation(result) => result.name(),)+
        }
    };
}

fn inner_name(result: &OperationResultTr) -> &'static str {
    inner_names!(
        result,
        CreateAccount,
        Payment,
        PathPaymentStrictReceive,
        ManageSellOffer,
        CreatePassiveSellOffer,
        SetOptions,
        ChangeTrust,
        AllowTrust,
        AccountMerge,
        Inflation,
        ManageData,
        BumpSequence,
        ManageBuyOffer,
        PathPaymentStrictSend,
        CreateClaimableBalance,
        ClaimClaimableBalance,
        BeginSponsoringFutureReserves,
        EndSponsoringFutureReserves,
        RevokeSponsorship,
        Clawback,
        ClawbackClaimableBalance,
        SetTrustLineFlags,
        LiquidityPoolDeposit,
        LiquidityPoolWithdraw,
        InvokeHostFunction,
        ExtendFootprintTtl,
        RestoreFootprint,
    )
}

fn snake_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (place, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && place > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use stellar_xdr::{
        ChangeTrustResult, CreateAccountResult, Hash, InnerTransactionResult, InnerTransactionResultExt,
        InnerTransactionResultPair, PaymentResult, TransactionResultExt, WriteXdr,
    };

    fn encode(result: TransactionResultResult) -> String {
        let result = TransactionResult { fee_charged: 100, result, ext: TransactionResultExt::V0 };
        result.to_xdr_base64(Limits::none()).unwrap()
    }

    #[test]
    fn codes_are_spelled_as_horizon_spells_them() {
        let results = vec![
            OperationResult::OpInner(OperationResultTr::Payment(PaymentResult::Success)),
            OperationResult::OpInner(OperationResultTr::Payment(PaymentResult::SrcNoTrust)),
            OperationResult::OpInner(OperationResultTr::CreateAccount(CreateAccountResult::AlreadyExist)),
            OperationResult::OpInner(OperationResultTr::ChangeTrust(
                ChangeTrustResult::NotAuthMaintainLiabilities,
            )),
            OperationResult::OpInner(OperationResultTr::AccountMerge(AccountMergeResult::SeqnumTooFar)),
            OperationResult::OpNoAccount,
            OperationResult::OpBadAuth,
        ];
        let operations = [
            "op_success",
            "op_src_no_trust",
            "op_already_exists",
            "op_not_aut_maintain_liabilities",
            "op_seq_num_too_far",
            "op_no_source_account",
            "op_bad_auth",
        ];
        let codes = decode(&encode(TransactionResultResult::TxFailed(results.try_into().unwrap()))).unwrap();
        assert_eq!(codes.transaction, "tx_failed");
        assert_eq!(codes.operations, operations);
    }

    #[test]
    fn refusals_of_the_whole_have_no_operation_codes() {
        for (result, code) in [
            (TransactionResultResult::TxBadSeq, "tx_bad_seq"),
            (TransactionResultResult::TxNoAccount, "tx_no_source_account"),
            (TransactionResultResult::TxBadAuthExtra, "tx_bad_auth_extra"),
            (TransactionResultResult::TxBadMinSeqAgeOrGap, "tx_bad_minseq_age_or_gap"),
            (TransactionResultResult::TxInsufficientFee, "tx_insufficient_fee"),
        ] {
            let codes = decode(&encode(result)).unwrap();
            assert_eq!((codes.transaction.as_str(), codes.operations.len()), (code, 0));
        }
    }

    #[test]
    fn of_a_fee_bump_the_inner_verdict_counts() {
        let inner = InnerTransactionResultResult::TxFailed(
            vec![OperationResult::OpInner(OperationResultTr::Payment(PaymentResult::NoTrust))]
                .try_into()
                .unwrap(),
        );
        let result =
            InnerTransactionResult { fee_charged: 100, result: inner, ext: InnerTransactionResultExt::V0 };
        let pair = InnerTransactionResultPair { transaction_hash: Hash([1; 32]), result };
        let codes = decode(&encode(TransactionResultResult::TxFeeBumpInnerFailed(pair))).unwrap();
        assert_eq!(
            (codes.transaction.as_str(), codes.operations),
            ("tx_failed", vec!["op_no_trust".to_owned()])
        );
    }

    #[test]
    fn a_merge_tells_what_it_moved() {
        let merge = |stroops| {
            OperationResult::OpInner(OperationResultTr::AccountMerge(AccountMergeResult::Success(stroops)))
        };
        let trust = OperationResult::OpInner(OperationResultTr::ChangeTrust(ChangeTrustResult::Success));
        let results = vec![trust.clone(), merge(0), trust, merge(70_000_000)];
        let moved = merged(&encode(TransactionResultResult::TxSuccess(results.try_into().unwrap())));
        assert_eq!(moved, [(1, Stroops::ZERO), (3, Stroops::from_units(7))]);
        assert_eq!(merged("AAAA"), []);
    }

    #[test]
    fn what_cannot_be_decoded_is_no_verdict() {
        for text in ["", "AAAA", "not base64", "AAAAAAAAAGT/////AAAAAQAAAAAAAAAB"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
