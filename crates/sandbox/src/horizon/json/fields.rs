//! Fields that many of Horizon's documents share: links, times, amounts, assets, addresses and prices.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use stellar_types::address::Address;
use stellar_types::asset::Asset;
use stellar_types::money::{STROOPS_PER_UNIT, Stroops};
use stellar_xdr::Price;

/// A time in RFC 3339; unix seconds beyond its range show as its beginning.
pub fn time(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or(0);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// A link.
pub fn link(href: String) -> Value {
    json!({ "href": href })
}

/// A link to a list.
pub fn template(href: String) -> Value {
    json!({ "href": format!("{href}{{?cursor,limit,order}}"), "templated": true })
}

/// `asset_type`, and code and issuer for a credit, each with a prefix.
pub fn put_asset(into: &mut Map<String, Value>, prefix: &str, asset: &Asset) {
    let kind = match asset {
        Asset::Native => "native",
        Asset::Credit { code, .. } if code.is_short() => "credit_alphanum4",
        Asset::Credit { .. } => "credit_alphanum12",
    };
    into.insert(format!("{prefix}asset_type"), kind.into());
    if let Asset::Credit { code, issuer } = asset {
        into.insert(format!("{prefix}asset_code"), code.as_str().into());
        into.insert(format!("{prefix}asset_issuer"), issuer.to_string().into());
    }
}

/// An address in a field of its own: the account, and what a muxed one adds.
pub fn put_address(into: &mut Map<String, Value>, field: &str, address: Address) {
    match address {
        Address::Account(account) => {
            into.insert(field.to_owned(), account.to_string().into());
        }
        Address::Muxed { account, id } => {
            into.insert(field.to_owned(), account.to_string().into());
            into.insert(format!("{field}_muxed"), address.to_string().into());
            into.insert(format!("{field}_muxed_id"), id.to_string().into());
        }
        Address::Contract(_) => {
            into.insert(field.to_owned(), address.to_string().into());
        }
    }
}

/// An amount of stroops that came from an envelope, which may hold any number.
pub fn amount(stroops: i64) -> String {
    match Stroops::new(stroops) {
        Ok(amount) => amount.to_seven_decimals(),
        Err(_) => {
            format!("-{}", Stroops::new(stroops.saturating_neg()).unwrap_or(Stroops::MAX).to_seven_decimals())
        }
    }
}

/// A price as a fraction.
pub fn price_json(price: &Price) -> Value {
    json!({ "n": price.n, "d": price.d })
}

/// A price with seven decimals, rounded to the nearest.
pub fn price_text(price: &Price) -> String {
    let (n, d) = (i64::from(price.n), i64::from(price.d).max(1));
    let units = i128::from(n) * i128::from(STROOPS_PER_UNIT);
    let rounded = (2 * units + i128::from(d)).div_euclid(2 * i128::from(d));
    amount(i64::try_from(rounded).unwrap_or(i64::MAX))
}

/// An asset in an object of its own.
pub fn asset_json(asset: &Asset) -> Value {
    let mut json = Map::new();
    put_asset(&mut json, "", asset);
    Value::Object(json)
}
