//! Operations as Horizon shows them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use stellar_types::address::{AccountId, Address};
use stellar_xdr::{
    AllowTrustOp, Asset as XdrAsset, ClaimAtom, Claimant, LedgerKey, MuxedAccount, OperationBody,
    OperationResultTr, PathPaymentStrictReceiveResult, PathPaymentStrictSendResult, Price,
    RevokeSponsorshipOp, SetOptionsOp, SetTrustLineFlagsOp,
};

use super::claimable_balances::claimant_json;
use super::fields::{amount, link, price_json, price_text, put_address, put_asset, time};
use super::transactions;
use crate::ledger::balances::BalanceId;
use crate::ledger::history::OpRecord;
use crate::xdr::{Trusted, account, address_of, asset, asset_of_issuer, line_asset, trusted};

type Fields = Map<String, Value>;

const ACCOUNT_FLAGS: [(u32, &str); 4] =
    [(1, "auth_required"), (2, "auth_revocable"), (4, "auth_immutable"), (8, "auth_clawback_enabled")];
const LINE_FLAGS: [(u32, &str); 3] =
    [(1, "authorized"), (2, "authorized_to_maintain_liabilites"), (4, "clawback_enabled")];

fn name(body: &OperationBody) -> &'static str {
    match body {
        OperationBody::CreateAccount(_) => "create_account",
        OperationBody::Payment(_) => "payment",
        OperationBody::PathPaymentStrictReceive(_) => "path_payment_strict_receive",
        OperationBody::ManageSellOffer(_) => "manage_sell_offer",
        OperationBody::CreatePassiveSellOffer(_) => "create_passive_sell_offer",
        OperationBody::SetOptions(_) => "set_options",
        OperationBody::ChangeTrust(_) => "change_trust",
        OperationBody::AllowTrust(_) => "allow_trust",
        OperationBody::AccountMerge(_) => "account_merge",
        OperationBody::Inflation => "inflation",
        OperationBody::ManageData(_) => "manage_data",
        OperationBody::BumpSequence(_) => "bump_sequence",
        OperationBody::ManageBuyOffer(_) => "manage_buy_offer",
        OperationBody::PathPaymentStrictSend(_) => "path_payment_strict_send",
        OperationBody::CreateClaimableBalance(_) => "create_claimable_balance",
        OperationBody::ClaimClaimableBalance(_) => "claim_claimable_balance",
        OperationBody::BeginSponsoringFutureReserves(_) => "begin_sponsoring_future_reserves",
        OperationBody::EndSponsoringFutureReserves => "end_sponsoring_future_reserves",
        OperationBody::RevokeSponsorship(_) => "revoke_sponsorship",
        OperationBody::Clawback(_) => "clawback",
        OperationBody::ClawbackClaimableBalance(_) => "clawback_claimable_balance",
        OperationBody::SetTrustLineFlags(_) => "set_trust_line_flags",
        OperationBody::LiquidityPoolDeposit(_) => "liquidity_pool_deposit",
        OperationBody::LiquidityPoolWithdraw(_) => "liquidity_pool_withdraw",
        OperationBody::InvokeHostFunction(_) => "invoke_host_function",
        OperationBody::ExtendFootprintTtl(_) => "extend_footprint_ttl",
        OperationBody::RestoreFootprint(_) => "restore_footprint",
    }
}

fn put(into: &mut Fields, field: &str, value: impl Into<Value>) {
    into.insert(field.to_owned(), value.into());
}

fn put_flags(into: &mut Fields, field: &str, bits: u32, names: &[(u32, &str)]) {
    let set: Vec<_> = names.iter().filter(|(bit, _)| bits & bit != 0).collect();
    if !set.is_empty() {
        put(into, field, set.iter().map(|(bit, _)| *bit).collect::<Vec<_>>());
        put(into, &format!("{field}_s"), set.iter().map(|(_, name)| *name).collect::<Vec<_>>());
    }
}

fn put_options(into: &mut Fields, op: &SetOptionsOp) {
    if let Some(domain) = &op.home_domain {
        put(into, "home_domain", String::from_utf8_lossy(domain.0.as_slice()).into_owned());
    }
    if let Some(destination) = &op.inflation_dest {
        put(into, "inflation_dest", account(destination).to_string());
    }
    for (field, value) in [
        ("master_key_weight", op.master_weight),
        ("low_threshold", op.low_threshold),
        ("med_threshold", op.med_threshold),
        ("high_threshold", op.high_threshold),
    ] {
        if let Some(value) = value {
            put(into, field, value);
        }
    }
    if let Some(signer) = &op.signer {
        put(into, "signer_key", signer.key.to_string());
        put(into, "signer_weight", signer.weight);
    }
    put_flags(into, "set_flags", op.set_flags.unwrap_or(0), &ACCOUNT_FLAGS);
    put_flags(into, "clear_flags", op.clear_flags.unwrap_or(0), &ACCOUNT_FLAGS);
}

fn put_line_flags(into: &mut Fields, op: &SetTrustLineFlagsOp) {
    if let Some(asset) = asset(&op.asset) {
        put_asset(into, "", &asset);
    }
    put(into, "trustor", account(&op.trustor).to_string());
    put_flags(into, "set_flags", op.set_flags, &LINE_FLAGS);
    put_flags(into, "clear_flags", op.clear_flags, &LINE_FLAGS);
}

fn asset_json(xdr: &XdrAsset) -> Value {
    let mut json = Fields::new();
    if let Some(asset) = asset(xdr) {
        put_asset(&mut json, "", &asset);
    }
    Value::Object(json)
}

fn path(assets: &[XdrAsset]) -> Vec<Value> {
    assets.iter().map(asset_json).collect()
}

/// Both ends of a path payment.
fn put_ends(
    into: &mut Fields,
    source: Address,
    destination: &MuxedAccount,
    (from, to): (&XdrAsset, &XdrAsset),
) {
    if let Some(asset) = asset(to) {
        put_asset(into, "", &asset);
    }
    if let Some(asset) = asset(from) {
        put_asset(into, "source_", &asset);
    }
    put_address(into, "from", source);
    put_address(into, "to", address_of(destination));
}

/// What a payment that had to arrive exactly has cost.
fn sent(record: &OpRecord) -> Option<i64> {
    let OperationResultTr::PathPaymentStrictReceive(PathPaymentStrictReceiveResult::Success(success)) =
        record.result()?
    else {
        return None;
    };
    let claims: Vec<_> = success
        .offers
        .iter()
        .filter_map(|claim| match claim {
            ClaimAtom::OrderBook(claim) => Some((&claim.asset_bought, claim.amount_bought)),
            ClaimAtom::V0(_) | ClaimAtom::LiquidityPool(_) => None,
        })
        .collect();
    let Some((first, _)) = claims.first().copied() else { return Some(success.last.amount) };
    Some(claims.iter().take_while(|(asset, _)| *asset == first).map(|(_, amount)| amount).sum())
}

/// What a payment that had to leave exactly has brought.
fn received(record: &OpRecord) -> Option<i64> {
    match record.result()? {
        OperationResultTr::PathPaymentStrictSend(PathPaymentStrictSendResult::Success(success)) => {
            Some(success.last.amount)
        }
        _ => None,
    }
}

fn put_offer(into: &mut Fields, (selling, buying): (&XdrAsset, &XdrAsset), size: i64, price: &Price) {
    put(into, "amount", amount(size));
    put(into, "price", price_text(price));
    put(into, "price_r", price_json(price));
    if let Some(asset) = asset(selling) {
        put_asset(into, "selling_", &asset);
    }
    if let Some(asset) = asset(buying) {
        put_asset(into, "buying_", &asset);
    }
}

fn put_allowed(into: &mut Fields, op: &AllowTrustOp, issuer: AccountId) {
    if let Some(asset) = asset_of_issuer(&op.asset, issuer) {
        put_asset(into, "", &asset);
    }
    put(into, "trustee", issuer.to_string());
    put(into, "trustor", account(&op.trustor).to_string());
    put(into, "authorize", op.authorize & 1 != 0);
    put(into, "authorize_to_maintain_liabilities", op.authorize != 0);
}

fn put_revoked(into: &mut Fields, op: &RevokeSponsorshipOp) {
    let key = match op {
        RevokeSponsorshipOp::Signer(signer) => {
            put(into, "signer_account_id", account(&signer.account_id).to_string());
            put(into, "signer_key", signer.signer_key.to_string());
            return;
        }
        RevokeSponsorshipOp::LedgerEntry(key) => key,
    };
    match key {
        LedgerKey::Account(key) => put(into, "account_id", account(&key.account_id).to_string()),
        LedgerKey::Trustline(key) => {
            put(into, "trustline_account_id", account(&key.account_id).to_string());
            if let Some(asset) = line_asset(&key.asset) {
                put(into, "trustline_asset", asset.to_string());
            }
        }
        LedgerKey::Offer(key) => put(into, "offer_id", key.offer_id.to_string()),
        LedgerKey::Data(key) => {
            put(into, "data_account_id", account(&key.account_id).to_string());
            put(into, "data_name", String::from_utf8_lossy(key.data_name.0.as_slice()).into_owned());
        }
        LedgerKey::ClaimableBalance(key) => {
            put(into, "claimable_balance_id", BalanceId::from(&key.balance_id).to_string());
        }
        // The ledger refuses these.
        _ => {}
    }
}

fn put_body(into: &mut Fields, record: &OpRecord, source: Address) {
    match &record.operation().body {
        OperationBody::CreateAccount(op) => {
            put(into, "starting_balance", amount(op.starting_balance));
            put_address(into, "funder", source);
            put(into, "account", account(&op.destination).to_string());
        }
        OperationBody::Payment(op) => {
            if let Some(asset) = asset(&op.asset) {
                put_asset(into, "", &asset);
            }
            put_address(into, "from", source);
            put_address(into, "to", address_of(&op.destination));
            put(into, "amount", amount(op.amount));
        }
        OperationBody::AccountMerge(destination) => {
            put_address(into, "account", source);
            put_address(into, "into", address_of(destination));
        }
        OperationBody::ChangeTrust(op) => {
            if let Trusted::Asset(asset) = trusted(&op.line) {
                put_asset(into, "", &asset);
                if let Some(issuer) = asset.issuer() {
                    put(into, "trustee", issuer.to_string());
                }
            }
            put(into, "limit", amount(op.limit));
            put_address(into, "trustor", source);
        }
        OperationBody::SetTrustLineFlags(op) => put_line_flags(into, op),
        OperationBody::SetOptions(op) => put_options(into, op),
        OperationBody::ManageData(op) => {
            put(into, "name", String::from_utf8_lossy(op.data_name.0.as_slice()).into_owned());
            let value = op.data_value.as_ref().map(|value| STANDARD.encode(value.0.as_slice()));
            put(into, "value", value.unwrap_or_default());
        }
        OperationBody::BumpSequence(op) => put(into, "bump_to", op.bump_to.0.to_string()),
        OperationBody::BeginSponsoringFutureReserves(op) => {
            put(into, "sponsored_id", account(&op.sponsored_id).to_string());
        }
        OperationBody::EndSponsoringFutureReserves => {
            if let Some(sponsor) = record.ended_sponsor {
                put(into, "begin_sponsor", sponsor.to_string());
            }
        }
        _ => put_exchange(into, record, source),
    }
}

/// Path payments and offers.
fn put_exchange(into: &mut Fields, record: &OpRecord, source: Address) {
    match &record.operation().body {
        OperationBody::PathPaymentStrictReceive(op) => {
            put_ends(into, source, &op.destination, (&op.send_asset, &op.dest_asset));
            put(into, "amount", amount(op.dest_amount));
            put(into, "path", path(&op.path));
            put(into, "source_amount", amount(sent(record).unwrap_or(0)));
            put(into, "source_max", amount(op.send_max));
        }
        OperationBody::PathPaymentStrictSend(op) => {
            put_ends(into, source, &op.destination, (&op.send_asset, &op.dest_asset));
            put(into, "amount", amount(received(record).unwrap_or(0)));
            put(into, "path", path(&op.path));
            put(into, "source_amount", amount(op.send_amount));
            put(into, "destination_min", amount(op.dest_min));
        }
        OperationBody::ManageSellOffer(op) => {
            put_offer(into, (&op.selling, &op.buying), op.amount, &op.price);
            put(into, "offer_id", op.offer_id.to_string());
        }
        OperationBody::ManageBuyOffer(op) => {
            put_offer(into, (&op.selling, &op.buying), op.buy_amount, &op.price);
            put(into, "offer_id", op.offer_id.to_string());
        }
        OperationBody::CreatePassiveSellOffer(op) => {
            put_offer(into, (&op.selling, &op.buying), op.amount, &op.price);
        }
        _ => put_claim(into, record, source),
    }
}

/// What others are allowed, may claim, or lose.
fn put_claim(into: &mut Fields, record: &OpRecord, source: Address) {
    match &record.operation().body {
        OperationBody::AllowTrust(op) => put_allowed(into, op, record.source),
        OperationBody::CreateClaimableBalance(op) => {
            if let Some(asset) = asset(&op.asset) {
                put(into, "asset", asset.to_string());
            }
            put(into, "amount", amount(op.amount));
            let claimants = op.claimants.iter().map(|Claimant::ClaimantTypeV0(claimant)| {
                claimant_json(account(&claimant.destination), &claimant.predicate)
            });
            put(into, "claimants", claimants.collect::<Vec<_>>());
        }
        OperationBody::ClaimClaimableBalance(op) => {
            put(into, "balance_id", BalanceId::from(&op.balance_id).to_string());
            put_address(into, "claimant", source);
        }
        OperationBody::ClawbackClaimableBalance(op) => {
            put(into, "balance_id", BalanceId::from(&op.balance_id).to_string());
        }
        OperationBody::Clawback(op) => {
            if let Some(asset) = asset(&op.asset) {
                put_asset(into, "", &asset);
            }
            put_address(into, "from", address_of(&op.from));
            put(into, "amount", amount(op.amount));
        }
        OperationBody::RevokeSponsorship(op) => put_revoked(into, op),
        // This ledger takes no others in.
        _ => {}
    }
}

/// An operation, with its transaction if `join`.
pub fn json(record: &OpRecord, base: &str, join: bool) -> Value {
    let (id, tx) = (record.id, &record.tx.tx);
    let own = format!("{base}/operations/{id}");
    let operation = record.operation();
    let source = address_of(operation.source_account.as_ref().unwrap_or(&tx.inner().tx.source_account));
    let mut json = Fields::new();
    let links = json!({
        "self": link(own.clone()),
        "transaction": link(format!("{base}/transactions/{}", tx.hash)),
        "effects": link(format!("{own}/effects")),
        "succeeds": link(format!("{base}/effects?order=desc&cursor={id}")),
        "precedes": link(format!("{base}/effects?order=asc&cursor={id}")),
    });
    put(&mut json, "_links", links);
    put(&mut json, "id", id.to_string());
    put(&mut json, "paging_token", id.to_string());
    put(&mut json, "transaction_successful", record.tx.successful);
    put_address(&mut json, "source_account", source);
    put(&mut json, "type", name(&operation.body));
    put(&mut json, "type_i", operation.body.discriminant() as i32);
    put(&mut json, "created_at", time(record.tx.closed_at));
    put(&mut json, "transaction_hash", tx.hash.to_string());
    if let Some(sponsor) = record.entry_sponsor {
        put(&mut json, "sponsor", sponsor.to_string());
    }
    put_body(&mut json, record, source);
    if join {
        put(&mut json, "transaction", transactions::json(&record.tx, tx.hash, base));
    }
    Value::Object(json)
}
