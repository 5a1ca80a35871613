//! Horizon's names for results.

use serde::Serialize;
use stellar_xdr::{
    AccountMergeResult, AllowTrustResult, BeginSponsoringFutureReservesResult, BumpSequenceResult,
    ChangeTrustResult, ClaimClaimableBalanceResult, ClawbackClaimableBalanceResult, ClawbackResult,
    CreateAccountResult, CreateClaimableBalanceResult, EndSponsoringFutureReservesResult,
    InnerTransactionResultResult as Inner, ManageBuyOfferResult, ManageDataResult, ManageSellOfferResult,
    OperationResult, OperationResultTr, PathPaymentStrictReceiveResult, PathPaymentStrictSendResult,
    PaymentResult, RevokeSponsorshipResult, SetOptionsResult, SetTrustLineFlagsResult, TransactionResult,
    TransactionResultResult as Outer,
};

/// An operation that did what it should.
pub const OP_SUCCESS: &str = "op_success";

/// A result in names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultCodes {
    /// Of the envelope.
    pub transaction: &'static str,
    /// Of the transaction in a fee bump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner_transaction: Option<&'static str>,
    /// Of each operation, if they ran.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<&'static str>,
}

/// Names a transaction's result.
pub fn result_codes(result: &TransactionResult) -> ResultCodes {
    let (operations, inner_transaction) = match &result.result {
        Outer::TxSuccess(results) | Outer::TxFailed(results) => (results.to_vec(), None),
        Outer::TxFeeBumpInnerSuccess(pair) | Outer::TxFeeBumpInnerFailed(pair) => {
            let results = match &pair.result.result {
                Inner::TxSuccess(results) | Inner::TxFailed(results) => results.to_vec(),
                _ => Vec::new(),
            };
            (results, Some(inner(&pair.result.result)))
        }
        _ => (Vec::new(), None),
    };
    ResultCodes {
        transaction: outer(&result.result),
        inner_transaction,
        operations: operations.iter().map(operation).collect(),
    }
}

fn outer(result: &Outer) -> &'static str {
    match result {
        Outer::TxFeeBumpInnerSuccess(_) => "tx_fee_bump_inner_success",
        Outer::TxFeeBumpInnerFailed(_) => "tx_fee_bump_inner_failed",
        Outer::TxSuccess(_) => "tx_success",
        Outer::TxFailed(_) => "tx_failed",
        Outer::TxTooEarly => "tx_too_early",
        Outer::TxTooLate => "tx_too_late",
        Outer::TxMissingOperation => "tx_missing_operation",
        Outer::TxBadSeq => "tx_bad_seq",
        Outer::TxBadAuth => "tx_bad_auth",
        Outer::TxInsufficientBalance => "tx_insufficient_balance",
        Outer::TxNoAccount => "tx_no_source_account",
        Outer::TxInsufficientFee => "tx_insufficient_fee",
        Outer::TxBadAuthExtra => "tx_bad_auth_extra",
        Outer::TxInternalError => "tx_internal_error",
        Outer::TxNotSupported => "tx_not_supported",
        Outer::TxBadSponsorship => "tx_bad_sponsorship",
        Outer::TxBadMinSeqAgeOrGap => "tx_bad_minseq_age_or_gap",
        Outer::TxMalformed => "tx_malformed",
        Outer::TxSorobanInvalid => "tx_soroban_invalid",
        Outer::TxFrozenKeyAccessed => "tx_frozen_key_accessed",
    }
}

fn inner(result: &Inner) -> &'static str {
    match result {
        Inner::TxSuccess(_) => "tx_success",
        Inner::TxFailed(_) => "tx_failed",
        Inner::TxTooEarly => "tx_too_early",
        Inner::TxTooLate => "tx_too_late",
        Inner::TxMissingOperation => "tx_missing_operation",
        Inner::TxBadSeq => "tx_bad_seq",
        Inner::TxBadAuth => "tx_bad_auth",
        Inner::TxInsufficientBalance => "tx_insufficient_balance",
        Inner::TxNoAccount => "tx_no_source_account",
        Inner::TxInsufficientFee => "tx_insufficient_fee",
        Inner::TxBadAuthExtra => "tx_bad_auth_extra",
        Inner::TxInternalError => "tx_internal_error",
        Inner::TxNotSupported => "tx_not_supported",
        Inner::TxBadSponsorship => "tx_bad_sponsorship",
        Inner::TxBadMinSeqAgeOrGap => "tx_bad_minseq_age_or_gap",
        Inner::TxMalformed => "tx_malformed",
        Inner::TxSorobanInvalid => "tx_soroban_invalid",
        Inner::TxFrozenKeyAccessed => "tx_frozen_key_accessed",
    }
}

/// Names an operation's result.
pub fn operation(result: &OperationResult) -> &'static str {
    match result {
        OperationResult::OpInner(done) => inner_operation(done),
        OperationResult::OpBadAuth => "op_bad_auth",
        OperationResult::OpNoAccount => "op_no_source_account",
        OperationResult::OpNotSupported => "op_not_supported",
        OperationResult::OpTooManySubentries => "op_too_many_subentries",
        OperationResult::OpExceededWorkLimit => "op_exceeded_work_limit",
        OperationResult::OpTooManySponsoring => "op_too_many_sponsoring",
    }
}

fn inner_operation(result: &OperationResultTr) -> &'static str {
    match result {
        OperationResultTr::CreateAccount(code) => match code {
            CreateAccountResult::Success => OP_SUCCESS,
            CreateAccountResult::Malformed => "op_malformed",
            CreateAccountResult::Underfunded => "op_underfunded",
            CreateAccountResult::LowReserve => "op_low_reserve",
            CreateAccountResult::AlreadyExist => "op_already_exists",
        },
        OperationResultTr::Payment(code) => match code {
            PaymentResult::Success => OP_SUCCESS,
            PaymentResult::Malformed => "op_malformed",
            PaymentResult::Underfunded => "op_underfunded",
            PaymentResult::SrcNoTrust => "op_src_no_trust",
            PaymentResult::SrcNotAuthorized => "op_src_not_authorized",
            PaymentResult::NoDestination => "op_no_destination",
            PaymentResult::NoTrust => "op_no_trust",
            PaymentResult::NotAuthorized => "op_not_authorized",
            PaymentResult::LineFull => "op_line_full",
            PaymentResult::NoIssuer => "op_no_issuer",
        },
        OperationResultTr::SetOptions(code) => match code {
            SetOptionsResult::Success => OP_SUCCESS,
            SetOptionsResult::LowReserve => "op_low_reserve",
            SetOptionsResult::TooManySigners => "op_too_many_signers",
            SetOptionsResult::BadFlags => "op_bad_flags",
            SetOptionsResult::InvalidInflation => "op_invalid_inflation",
            SetOptionsResult::CantChange => "op_cant_change",
            SetOptionsResult::UnknownFlag => "op_unknown_flag",
            SetOptionsResult::ThresholdOutOfRange => "op_threshold_out_of_range",
            SetOptionsResult::BadSigner => "op_bad_signer",
            SetOptionsResult::InvalidHomeDomain => "op_invalid_home_domain",
            SetOptionsResult::AuthRevocableRequired => "op_auth_revocable_required",
        },
        OperationResultTr::ChangeTrust(code) => match code {
            ChangeTrustResult::Success => OP_SUCCESS,
            ChangeTrustResult::Malformed => "op_malformed",
            ChangeTrustResult::NoIssuer => "op_no_issuer",
            ChangeTrustResult::InvalidLimit => "op_invalid_limit",
            ChangeTrustResult::LowReserve => "op_low_reserve",
            ChangeTrustResult::SelfNotAllowed => "op_self_not_allowed",
            ChangeTrustResult::TrustLineMissing => "op_trust_line_missing",
            ChangeTrustResult::CannotDelete => "op_cannot_delete",
            ChangeTrustResult::NotAuthMaintainLiabilities => "op_not_aut_maintain_liabilities",
        },
        OperationResultTr::AccountMerge(code) => match code {
            AccountMergeResult::Success(_) => OP_SUCCESS,
            AccountMergeResult::Malformed => "op_malformed",
            AccountMergeResult::NoAccount => "op_no_account",
            AccountMergeResult::ImmutableSet => "op_immutable_set",
            AccountMergeResult::HasSubEntries => "op_has_sub_entries",
            AccountMergeResult::SeqnumTooFar => "op_seq_num_too_far",
            AccountMergeResult::DestFull => "op_dest_full",
            AccountMergeResult::IsSponsor => "op_is_sponsor",
        },
        OperationResultTr::ManageData(code) => match code {
            ManageDataResult::Success => OP_SUCCESS,
            ManageDataResult::NotSupportedYet => "op_not_supported_yet",
            ManageDataResult::NameNotFound => "op_data_name_not_found",
            ManageDataResult::LowReserve => "op_low_reserve",
            ManageDataResult::InvalidName => "op_data_invalid_name",
        },
        OperationResultTr::BumpSequence(code) => match code {
            BumpSequenceResult::Success => OP_SUCCESS,
            BumpSequenceResult::BadSeq => "op_bad_seq",
        },
        OperationResultTr::BeginSponsoringFutureReserves(code) => match code {
            BeginSponsoringFutureReservesResult::Success => OP_SUCCESS,
            BeginSponsoringFutureReservesResult::Malformed => "op_malformed",
            BeginSponsoringFutureReservesResult::AlreadySponsored => "op_already_sponsored",
            BeginSponsoringFutureReservesResult::Recursive => "op_recursive",
        },
        OperationResultTr::EndSponsoringFutureReserves(code) => match code {
            EndSponsoringFutureReservesResult::Success => OP_SUCCESS,
            EndSponsoringFutureReservesResult::NotSponsored => "op_not_sponsored",
        },
        OperationResultTr::SetTrustLineFlags(code) => match code {
            SetTrustLineFlagsResult::Success => OP_SUCCESS,
            SetTrustLineFlagsResult::Malformed => "op_malformed",
            SetTrustLineFlagsResult::NoTrustLine => "op_no_trust",
            SetTrustLineFlagsResult::CantRevoke => "op_cant_revoke",
            SetTrustLineFlagsResult::InvalidState => "op_invalid_state",
            SetTrustLineFlagsResult::LowReserve => "op_low_reserve",
        },
        OperationResultTr::AllowTrust(code) => match code {
            AllowTrustResult::Success => OP_SUCCESS,
            AllowTrustResult::Malformed => "op_malformed",
            AllowTrustResult::NoTrustLine => "op_no_trustline",
            AllowTrustResult::TrustNotRequired => "op_not_required",
            AllowTrustResult::CantRevoke => "op_cant_revoke",
            AllowTrustResult::SelfNotAllowed => "op_self_not_allowed",
            AllowTrustResult::LowReserve => "op_low_reserve",
        },
        OperationResultTr::PathPaymentStrictReceive(code) => strict_receive(code),
        OperationResultTr::PathPaymentStrictSend(code) => strict_send(code),
        OperationResultTr::ManageSellOffer(code) | OperationResultTr::CreatePassiveSellOffer(code) => {
            sell(code)
        }
        OperationResultTr::ManageBuyOffer(code) => buy(code),
        OperationResultTr::CreateClaimableBalance(code) => match code {
            CreateClaimableBalanceResult::Success(_) => OP_SUCCESS,
            CreateClaimableBalanceResult::Malformed => "op_malformed",
            CreateClaimableBalanceResult::LowReserve => "op_low_reserve",
            CreateClaimableBalanceResult::NoTrust => "op_no_trust",
            CreateClaimableBalanceResult::NotAuthorized => "op_not_authorized",
            CreateClaimableBalanceResult::Underfunded => "op_underfunded",
        },
        OperationResultTr::ClaimClaimableBalance(code) => match code {
            ClaimClaimableBalanceResult::Success => OP_SUCCESS,
            ClaimClaimableBalanceResult::DoesNotExist => "op_does_not_exist",
            ClaimClaimableBalanceResult::CannotClaim => "op_cannot_claim",
            ClaimClaimableBalanceResult::LineFull => "op_line_full",
            ClaimClaimableBalanceResult::NoTrust => "op_no_trust",
            ClaimClaimableBalanceResult::NotAuthorized => "op_not_authorized",
            ClaimClaimableBalanceResult::TrustlineFrozen => "op_trustline_frozen",
        },
        OperationResultTr::ClawbackClaimableBalance(code) => match code {
            ClawbackClaimableBalanceResult::Success => OP_SUCCESS,
            ClawbackClaimableBalanceResult::DoesNotExist => "op_does_not_exist",
            ClawbackClaimableBalanceResult::NotIssuer => "op_no_issuer",
            ClawbackClaimableBalanceResult::NotClawbackEnabled => "op_not_clawback_enabled",
        },
        OperationResultTr::Clawback(code) => match code {
            ClawbackResult::Success => OP_SUCCESS,
            ClawbackResult::Malformed => "op_malformed",
            ClawbackResult::NotClawbackEnabled => "op_not_clawback_enabled",
            ClawbackResult::NoTrust => "op_no_trust",
            ClawbackResult::Underfunded => "op_underfunded",
        },
        OperationResultTr::RevokeSponsorship(code) => match code {
            RevokeSponsorshipResult::Success => OP_SUCCESS,
            RevokeSponsorshipResult::DoesNotExist => "op_does_not_exist",
            RevokeSponsorshipResult::NotSponsor => "op_not_sponsor",
            RevokeSponsorshipResult::LowReserve => "op_low_reserve",
            RevokeSponsorshipResult::OnlyTransferable => "op_only_transferable",
            RevokeSponsorshipResult::Malformed => "op_malformed",
        },
        // Operations that this ledger does not apply: they appear only beside one that failed.
        _ => OP_SUCCESS,
    }
}

fn strict_receive(code: &PathPaymentStrictReceiveResult) -> &'static str {
    match code {
        PathPaymentStrictReceiveResult::Success(_) => OP_SUCCESS,
        PathPaymentStrictReceiveResult::Malformed => "op_malformed",
        PathPaymentStrictReceiveResult::Underfunded => "op_underfunded",
        PathPaymentStrictReceiveResult::SrcNoTrust => "op_src_no_trust",
        PathPaymentStrictReceiveResult::SrcNotAuthorized => "op_src_not_authorized",
        PathPaymentStrictReceiveResult::NoDestination => "op_no_destination",
        PathPaymentStrictReceiveResult::NoTrust => "op_no_trust",
        PathPaymentStrictReceiveResult::NotAuthorized => "op_not_authorized",
        PathPaymentStrictReceiveResult::LineFull => "op_line_full",
        PathPaymentStrictReceiveResult::NoIssuer(_) => "op_no_issuer",
        PathPaymentStrictReceiveResult::TooFewOffers => "op_too_few_offers",
        PathPaymentStrictReceiveResult::OfferCrossSelf => "op_cross_self",
        PathPaymentStrictReceiveResult::OverSendmax => "op_over_source_max",
    }
}

fn strict_send(code: &PathPaymentStrictSendResult) -> &'static str {
    match code {
        PathPaymentStrictSendResult::Success(_) => OP_SUCCESS,
        PathPaymentStrictSendResult::Malformed => "op_malformed",
        PathPaymentStrictSendResult::Underfunded => "op_underfunded",
        PathPaymentStrictSendResult::SrcNoTrust => "op_src_no_trust",
        PathPaymentStrictSendResult::SrcNotAuthorized => "op_src_not_authorized",
        PathPaymentStrictSendResult::NoDestination => "op_no_destination",
        PathPaymentStrictSendResult::NoTrust => "op_no_trust",
        PathPaymentStrictSendResult::NotAuthorized => "op_not_authorized",
        PathPaymentStrictSendResult::LineFull => "op_line_full",
        PathPaymentStrictSendResult::NoIssuer(_) => "op_no_issuer",
        PathPaymentStrictSendResult::TooFewOffers => "op_too_few_offers",
        PathPaymentStrictSendResult::OfferCrossSelf => "op_cross_self",
        PathPaymentStrictSendResult::UnderDestmin => "op_under_dest_min",
    }
}

fn sell(code: &ManageSellOfferResult) -> &'static str {
    match code {
        ManageSellOfferResult::Success(_) => OP_SUCCESS,
        ManageSellOfferResult::Malformed => "op_malformed",
        ManageSellOfferResult::SellNoTrust => "op_sell_no_trust",
        ManageSellOfferResult::BuyNoTrust => "op_buy_no_trust",
        ManageSellOfferResult::SellNotAuthorized => "sell_not_authorized",
        ManageSellOfferResult::BuyNotAuthorized => "buy_not_authorized",
        ManageSellOfferResult::LineFull => "op_line_full",
        ManageSellOfferResult::Underfunded => "op_underfunded",
        ManageSellOfferResult::CrossSelf => "op_cross_self",
        ManageSellOfferResult::SellNoIssuer => "op_sell_no_issuer",
        ManageSellOfferResult::BuyNoIssuer => "buy_no_issuer",
        ManageSellOfferResult::NotFound => "op_offer_not_found",
        ManageSellOfferResult::LowReserve => "op_low_reserve",
    }
}

fn buy(code: &ManageBuyOfferResult) -> &'static str {
    match code {
        ManageBuyOfferResult::Success(_) => OP_SUCCESS,
        ManageBuyOfferResult::Malformed => "op_malformed",
        ManageBuyOfferResult::SellNoTrust => "op_sell_no_trust",
        ManageBuyOfferResult::BuyNoTrust => "op_buy_no_trust",
        ManageBuyOfferResult::SellNotAuthorized => "sell_not_authorized",
        ManageBuyOfferResult::BuyNotAuthorized => "buy_not_authorized",
        ManageBuyOfferResult::LineFull => "op_line_full",
        ManageBuyOfferResult::Underfunded => "op_underfunded",
        ManageBuyOfferResult::CrossSelf => "op_cross_self",
        ManageBuyOfferResult::SellNoIssuer => "op_sell_no_issuer",
        ManageBuyOfferResult::BuyNoIssuer => "buy_no_issuer",
        ManageBuyOfferResult::NotFound => "op_offer_not_found",
        ManageBuyOfferResult::LowReserve => "op_low_reserve",
    }
}
