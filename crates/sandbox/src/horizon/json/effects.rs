//! Effects as Horizon shows them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use stellar_xdr::SignerKey;

use super::claimable_balances::predicate_json;
use super::fields::{link, put_asset, time};
use crate::ledger::balances::BalanceId;
use crate::ledger::effects::{Change, Sponsored};
use crate::ledger::history::EffectRecord;
use crate::ledger::state::{AccountFlags, Authorization};
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

type Fields = Map<String, Value>;

/// Fields for the bits of a trust line; the second is misspelt in Horizon.
const LINE_FLAGS: [(u32, &str); 3] =
    [(1, "authorized_flag"), (2, "authorized_to_maintain_liabilites_flag"), (4, "clawback_enabled_flag")];

/// An effect's cursor.
pub fn token(record: &EffectRecord) -> String {
    format!("{}-{}", record.operation, record.number)
}

fn put(into: &mut Fields, field: &str, value: impl Into<Value>) {
    into.insert(field.to_owned(), value.into());
}

fn put_signer(into: &mut Fields, key: &SignerKey, weight: u8) {
    put(into, "weight", weight);
    put(into, "public_key", key.to_string());
    put(into, "key", "");
}

fn put_changed_flags(into: &mut Fields, before: &AccountFlags, after: &AccountFlags) {
    for (field, before, after) in [
        ("auth_required_flag", before.required, after.required),
        ("auth_revocable_flag", before.revocable, after.revocable),
        ("auth_immutable_flag", before.immutable, after.immutable),
        ("auth_clawback_enabled_flag", before.clawback_enabled, after.clawback_enabled),
    ] {
        if before != after {
            put(into, field, after);
        }
    }
}

fn put_sponsored(into: &mut Fields, entry: &Sponsored) {
    match entry {
        Sponsored::Account => {}
        Sponsored::Line(asset) => {
            put_asset(into, "", asset);
            into.remove("asset_code");
            into.remove("asset_issuer");
            put(into, "asset", asset.to_string());
        }
        Sponsored::Data(name) => put(into, "data_name", name.clone()),
        Sponsored::Signer(key) => put(into, "signer", key.to_string()),
        Sponsored::Balance(id) => put(into, "balance_id", id.to_string()),
    }
}

fn created(entry: &Sponsored) -> (&'static str, u32) {
    match entry {
        Sponsored::Account => ("account_sponsorship_created", 60),
        Sponsored::Line(_) => ("trustline_sponsorship_created", 63),
        Sponsored::Data(_) => ("data_sponsorship_created", 66),
        Sponsored::Balance(_) => ("claimable_balance_sponsorship_created", 69),
        Sponsored::Signer(_) => ("signer_sponsorship_created", 72),
    }
}

fn updated(entry: &Sponsored) -> (&'static str, u32) {
    match entry {
        Sponsored::Account => ("account_sponsorship_updated", 61),
        Sponsored::Line(_) => ("trustline_sponsorship_updated", 64),
        Sponsored::Data(_) => ("data_sponsorship_updated", 67),
        Sponsored::Balance(_) => ("claimable_balance_sponsorship_updated", 70),
        Sponsored::Signer(_) => ("signer_sponsorship_updated", 73),
    }
}

fn removed(entry: &Sponsored) -> (&'static str, u32) {
    match entry {
        Sponsored::Account => ("account_sponsorship_removed", 62),
        Sponsored::Line(_) => ("trustline_sponsorship_removed", 65),
        Sponsored::Data(_) => ("data_sponsorship_removed", 68),
        Sponsored::Balance(_) => ("claimable_balance_sponsorship_removed", 71),
        Sponsored::Signer(_) => ("signer_sponsorship_removed", 74),
    }
}

fn put_balance(into: &mut Fields, id: BalanceId, asset: &Asset, amount: Stroops) {
    put(into, "balance_id", id.to_string());
    put(into, "asset", asset.to_string());
    put(into, "amount", amount.to_seven_decimals());
}

fn put_clawback(into: &mut Fields, enabled: bool) {
    if enabled {
        put(into, "claimable_balance_clawback_enabled_flag", true);
    }
}

/// Writes the facts of a change, and says its name and number.
fn put_change(into: &mut Fields, change: &Change) -> (&'static str, u32) {
    match change {
        Change::AccountCreated { starting_balance } => {
            put(into, "starting_balance", starting_balance.to_seven_decimals());
            ("account_created", 0)
        }
        Change::AccountRemoved => ("account_removed", 1),
        Change::Credited { asset, amount } => {
            put_asset(into, "", asset);
            put(into, "amount", amount.to_seven_decimals());
            ("account_credited", 2)
        }
        Change::Debited { asset, amount } => {
            put_asset(into, "", asset);
            put(into, "amount", amount.to_seven_decimals());
            ("account_debited", 3)
        }
        Change::ThresholdsUpdated { thresholds } => {
            put(into, "low_threshold", thresholds.low);
            put(into, "med_threshold", thresholds.medium);
            put(into, "high_threshold", thresholds.high);
            ("account_thresholds_updated", 4)
        }
        Change::HomeDomainUpdated { home_domain } => {
            put(into, "home_domain", home_domain.clone());
            ("account_home_domain_updated", 5)
        }
        Change::FlagsUpdated { before, after } => {
            put_changed_flags(into, before, after);
            ("account_flags_updated", 6)
        }
        Change::InflationDestinationUpdated => ("account_inflation_destination_updated", 7),
        Change::SignerCreated { key, weight } => {
            put_signer(into, key, *weight);
            ("signer_created", 10)
        }
        Change::SignerRemoved { key } => {
            put_signer(into, key, 0);
            ("signer_removed", 11)
        }
        Change::SignerUpdated { key, weight } => {
            put_signer(into, key, *weight);
            ("signer_updated", 12)
        }
        Change::LineCreated { asset, limit } => {
            put_asset(into, "", asset);
            put(into, "limit", limit.to_seven_decimals());
            ("trustline_created", 20)
        }
        Change::LineRemoved { asset } => {
            put_asset(into, "", asset);
            put(into, "limit", "0.0000000");
            ("trustline_removed", 21)
        }
        Change::LineUpdated { asset, limit } => {
            put_asset(into, "", asset);
            put(into, "limit", limit.to_seven_decimals());
            ("trustline_updated", 22)
        }
        Change::LineAllowed { trustor, asset, authorization } => {
            put_asset(into, "", asset);
            put(into, "trustor", trustor.to_string());
            match authorization {
                Authorization::Full => ("trustline_authorized", 23),
                Authorization::None => ("trustline_deauthorized", 24),
                Authorization::MaintainLiabilities => ("trustline_authorized_to_maintain_liabilities", 25),
            }
        }
        Change::LineFlagsUpdated { trustor, asset, set, clear } => {
            put_asset(into, "", asset);
            put(into, "trustor", trustor.to_string());
            for (bits, value) in [(set, true), (clear, false)] {
                for (bit, field) in LINE_FLAGS {
                    if bits & bit != 0 {
                        put(into, field, value);
                    }
                }
            }
            ("trustline_flags_updated", 26)
        }
        Change::Traded { offer, with, sold, bought, side: _ } => {
            put(into, "seller", with.to_string());
            put(into, "offer_id", offer.to_string());
            for (prefix, (asset, amount)) in [("sold_", sold), ("bought_", bought)] {
                put(into, &format!("{prefix}amount"), amount.to_seven_decimals());
                put_asset(into, prefix, asset);
            }
            ("trade", 33)
        }
        Change::BalanceCreated { id, asset, amount, clawback_enabled } => {
            put_balance(into, *id, asset, *amount);
            put_clawback(into, *clawback_enabled);
            ("claimable_balance_created", 50)
        }
        Change::BalanceClaimantCreated { id, asset, amount, predicate } => {
            put_balance(into, *id, asset, *amount);
            put(into, "predicate", predicate_json(predicate));
            ("claimable_balance_claimant_created", 51)
        }
        Change::BalanceClaimed { id, asset, amount, clawback_enabled } => {
            put_balance(into, *id, asset, *amount);
            put_clawback(into, *clawback_enabled);
            ("claimable_balance_claimed", 52)
        }
        Change::BalanceClawedBack { id } => {
            put(into, "balance_id", id.to_string());
            ("claimable_balance_clawed_back", 80)
        }
        Change::DataCreated { name, value } => {
            put(into, "name", name.clone());
            put(into, "value", STANDARD.encode(value));
            ("data_created", 40)
        }
        Change::DataRemoved { name } => {
            put(into, "name", name.clone());
            ("data_removed", 41)
        }
        Change::DataUpdated { name, value } => {
            put(into, "name", name.clone());
            put(into, "value", STANDARD.encode(value));
            ("data_updated", 42)
        }
        Change::SequenceBumped { sequence } => {
            put(into, "new_seq", sequence.to_string());
            ("sequence_bumped", 43)
        }
        Change::SponsorshipCreated { entry, sponsor } => {
            put_sponsored(into, entry);
            put(into, "sponsor", sponsor.to_string());
            created(entry)
        }
        Change::SponsorshipUpdated { entry, former_sponsor, new_sponsor } => {
            put_sponsored(into, entry);
            put(into, "former_sponsor", former_sponsor.to_string());
            put(into, "new_sponsor", new_sponsor.to_string());
            updated(entry)
        }
        Change::SponsorshipRemoved { entry, former_sponsor } => {
            put_sponsored(into, entry);
            put(into, "former_sponsor", former_sponsor.to_string());
            removed(entry)
        }
    }
}

/// An effect.
pub fn json(record: &EffectRecord, base: &str) -> Value {
    let token = token(record);
    let mut json = Fields::new();
    let links = json!({
        "operation": link(format!("{base}/operations/{}", record.operation)),
        "succeeds": link(format!("{base}/effects?order=desc&cursor={token}")),
        "precedes": link(format!("{base}/effects?order=asc&cursor={token}")),
    });
    put(&mut json, "_links", links);
    put(&mut json, "id", format!("{:019}-{:010}", record.operation, record.number));
    put(&mut json, "paging_token", token);
    put(&mut json, "account", record.effect.account.to_string());
    put(&mut json, "created_at", time(record.closed_at));
    let (name, number) = put_change(&mut json, &record.effect.change);
    put(&mut json, "type", name);
    put(&mut json, "type_i", number);
    Value::Object(json)
}
