//! Who is in a run: each has an account whose key its name gives.

use ed25519_dalek::SigningKey;

use crate::domain::address::AccountId;
use farmgate_sandbox::network::account_of_key;
use farmgate_sandbox::wallet::Wallet;

/// The actors who are always there.
pub(in crate::simulation) const PLATFORM: &str = "platform";
pub(in crate::simulation) const FOUNDATION: &str = "foundation";
pub(in crate::simulation) const FARMER: &str = "farmer";
pub(super) const MARKET: &str = "market";
/// Who funds the platform.
pub(in crate::simulation) const TREASURY: &str = "treasury";
/// Customers who stay.
pub(super) const CUSTOMERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Payers who leave at the worst moment.
pub(super) const LEAVERS: [&str; 4] = ["lea", "leo", "lex", "lou"];
/// Payers who merge their accounts into ours.
pub(super) const MERGERS: [&str; 5] = ["mia", "moe", "max", "may", "mo"];

pub(in crate::simulation) fn key(name: &str) -> Option<SigningKey> {
    name.parse::<Wallet>().ok().map(|wallet| wallet.key().clone())
}

pub(in crate::simulation) fn account(name: &str) -> AccountId {
    key(name).map_or(AccountId([0; 32]), |key| account_of_key(&key))
}

pub(super) fn everybody() -> impl Iterator<Item = &'static str> {
    let always = [PLATFORM, FOUNDATION, FARMER, MARKET, TREASURY];
    always.into_iter().chain(CUSTOMERS).chain(LEAVERS).chain(MERGERS)
}
