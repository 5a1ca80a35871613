//! Changes of who is paid. One is told and waits for a while before it is in force, so that whoever it
//! concerns may call it off; the signature of whoever is paid until then puts it in force at once.
//!
//! ```text
//! waiting → in_force, called_off
//! ```
//!
//! What is new pays nobody else, and does not wait: a farm, a node or an identity that was not known, and a
//! payout address that is taken away. A reservation is paid to the addresses of its quote, whatever changes.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::AccountId;
use super::asset::Asset;
use super::farm::FarmTerms;
use super::identity::PublicKey;
use super::ids::{ChangeId, FarmId, IdentityId, NodeId};
use super::split::Distribution;
use super::subject::Subject;
use super::tenant::Tenant;

/// What is to be otherwise.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum ChangedTerms {
    /// A farm's owner, payout addresses or distribution.
    Farm {
        /// Which.
        farm: FarmId,
        /// What is in force while the change waits.
        before: FarmTerms,
        /// What is in force afterwards.
        after: FarmTerms,
    },
    /// The farm that a node belongs to.
    Node {
        /// Which.
        node: NodeId,
        /// Its farm while the change waits.
        before: FarmId,
        /// Its farm afterwards.
        after: FarmId,
    },
    /// An identity's public key.
    Identity {
        /// Which.
        identity: IdentityId,
        /// Its key while the change waits.
        before: PublicKey,
        /// Its key afterwards.
        after: PublicKey,
    },
}

impl ChangedTerms {
    /// What it changes.
    pub fn subject(&self, tenant: &Tenant) -> Subject {
        match self {
            Self::Farm { farm, .. } => Subject::Farm(tenant.clone(), *farm),
            Self::Node { node, .. } => Subject::Node(tenant.clone(), *node),
            Self::Identity { identity, .. } => Subject::Identity(tenant.clone(), *identity),
        }
    }
}

/// Where a change stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeState {
    /// It is told, and not in force.
    Waiting,
    /// It is in force.
    InForce {
        /// Since when.
        at: Timestamp,
        /// The identity that signed it; `None` if its time had come.
        signed_by: Option<IdentityId>,
    },
    /// It never was in force.
    CalledOff {
        /// Since when that is certain.
        at: Timestamp,
    },
}

impl ChangeState {
    /// The names of all states.
    pub const NAMES: [&'static str; 3] = ["waiting", "in_force", "called_off"];

    /// As written in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::InForce { .. } => "in_force",
            Self::CalledOff { .. } => "called_off",
        }
    }

    /// When it ended; `None` while it waits.
    pub const fn ended_at(self) -> Option<Timestamp> {
        match self {
            Self::Waiting => None,
            Self::InForce { at, .. } | Self::CalledOff { at } => Some(at),
        }
    }

    /// The identity that signed it.
    pub const fn signed_by(self) -> Option<IdentityId> {
        match self {
            Self::InForce { signed_by, .. } => signed_by,
            Self::Waiting | Self::CalledOff { .. } => None,
        }
    }
}

/// A change that has ended: it is neither signed nor called off any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("payout change {change} is {state}, and waits no more")]
pub struct ChangeEnded {
    /// Which.
    pub change: ChangeId,
    /// Its state's name.
    pub state: &'static str,
}

/// A change of who is paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PayoutChange {
    /// Its id: ids rise with the time at which changes were asked for.
    pub id: ChangeId,
    /// Whose things it changes.
    pub tenant: Tenant,
    /// What is to be otherwise.
    pub terms: ChangedTerms,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// From when on it is in force without a signature, unless it is called off.
    pub due_at: Timestamp,
    /// Where it stands.
    pub state: ChangeState,
}

impl PayoutChange {
    /// What it changes.
    pub fn subject(&self) -> Subject {
        self.terms.subject(&self.tenant)
    }

    /// In force, since its time has come or by a signature.
    ///
    /// # Errors
    /// If it waits no more.
    pub fn put_in_force(self, at: Timestamp, signed_by: Option<IdentityId>) -> Result<Self, ChangeEnded> {
        self.ended(ChangeState::InForce { at, signed_by })
    }

    /// Called off.
    ///
    /// # Errors
    /// If it waits no more.
    pub fn called_off(self, at: Timestamp) -> Result<Self, ChangeEnded> {
        self.ended(ChangeState::CalledOff { at })
    }

    fn ended(self, state: ChangeState) -> Result<Self, ChangeEnded> {
        match self.state {
            ChangeState::Waiting => Ok(Self { state, ..self }),
            ended => Err(ChangeEnded { change: self.id, state: ended.name() }),
        }
    }

    /// The text whose UTF-8 bytes are signed, ed25519, to put it in force at once: by the owner of the farm
    /// that is paid until then, or with the key that is replaced.
    ///
    /// It names the network and this one change, so that a signature is good for neither another network nor
    /// another time. Names that somebody chose freely stand in it in quotes: none makes a line.
    pub fn text_to_sign(&self, network_passphrase: &str) -> String {
        let mut text = format!(
            "Farmgate payout change, version 1\nnetwork: {}\nchange: {}\nsubject: {}\n",
            quoted(network_passphrase),
            self.id,
            self.subject()
        );
        match &self.terms {
            ChangedTerms::Farm { before, after, .. } => {
                becomes(&mut text, "owner", before.owner, after.owner);
                let assets: BTreeSet<&Asset> =
                    before.payout_addresses.keys().chain(after.payout_addresses.keys()).collect();
                for asset in assets {
                    let of = |terms: &FarmTerms| address(terms.payout_addresses.get(asset));
                    becomes(&mut text, &format!("payout address for {asset}"), of(before), of(after));
                }
                let (from, to) = (distribution(&before.distribution), distribution(&after.distribution));
                becomes(&mut text, "distribution", from, to);
            }
            ChangedTerms::Node { before, after, .. } => becomes(&mut text, "farm", before, after),
            ChangedTerms::Identity { before, after, .. } => becomes(&mut text, "public key", before, after),
        }
        text
    }
}

/// In quotes, and on one line: what is no printable ASCII is written as Rust writes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}

fn address(account: Option<&AccountId>) -> String {
    account.map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// Its name, and its shares in their order: `"grid2" farmer 90, foundation 10`.
fn distribution(distribution: &Distribution) -> String {
    let shares: Vec<String> = distribution
        .shares()
        .iter()
        .map(|share| format!("{} {}", share.recipient.as_str(), share.percent))
        .collect();
    format!("{} {}", quoted(distribution.name()), shares.join(", "))
}

/// A line, if it is otherwise afterwards.
fn becomes<T: fmt::Display + PartialEq>(text: &mut String, what: &str, before: T, after: T) {
    if before != after {
        _ = writeln!(text, "{what}: {before} -> {after}");
    }
}

impl FarmTerms {
    /// True if somebody is paid by these terms who was not by those, or gets another part: another owner,
    /// another distribution, or an address that was not the asset's.
    pub fn pay_others_than(&self, before: &Self) -> bool {
        self.owner != before.owner
            || self.distribution != before.distribution
            || self.payout_addresses.iter().any(|(asset, to)| before.payout_addresses.get(asset) != Some(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(owner: i64, tft: Option<u8>) -> FarmTerms {
        let account = |byte| AccountId([byte; 32]);
        FarmTerms {
            owner: IdentityId::new(owner).unwrap(),
            payout_addresses: tft.map(|byte| (Asset::Native, account(byte))).into_iter().collect(),
            distribution: Distribution::known("grid3").unwrap(),
        }
    }

    fn change(terms: ChangedTerms) -> PayoutChange {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        PayoutChange {
            id: ChangeId::new(7).unwrap(),
            tenant: "acme".parse().unwrap(),
            terms,
            asked_at: at,
            due_at: at,
            state: ChangeState::Waiting,
        }
    }

    #[test]
    fn what_is_taken_away_pays_nobody_else() {
        let (one, other, none) = (terms(1, Some(1)), terms(1, Some(2)), terms(1, None));
        assert!(!one.pay_others_than(&one));
        assert!(other.pay_others_than(&one));
        assert!(one.pay_others_than(&none), "also for a further asset");
        assert!(!none.pay_others_than(&one));
        assert!(terms(2, Some(1)).pay_others_than(&one));
        let mut divided = one.clone();
        divided.distribution = Distribution::known("grid2").unwrap();
        assert!(divided.pay_others_than(&one));
    }

    #[test]
    fn what_is_signed_names_the_network_the_change_and_what_becomes_of_what() {
        let farm = FarmId::new(17).unwrap();
        let before = terms(1, None);
        let mut after = terms(2, Some(3));
        after.distribution = Distribution::known("grid2").unwrap();
        let change = change(ChangedTerms::Farm { farm, before, after });
        let paid = AccountId([3; 32]);
        assert_eq!(
            change.text_to_sign("Of\nmine"),
            format!(
                "Farmgate payout change, version 1\nnetwork: \"Of\\nmine\"\nchange: 7\n\
                 subject: farm:acme/17\n\
                 owner: 1 -> 2\npayout address for native: none -> {paid}\n\
                 distribution: \"grid3\" {} -> \"grid2\" {}\n",
                "farmer 10, burn 40, foundation 10, wisdom 40", "farmer 90, foundation 10",
            )
        );
    }

    #[test]
    fn it_ends_once() {
        let (one, other) = (FarmId::new(1).unwrap(), FarmId::new(2).unwrap());
        let waiting = change(ChangedTerms::Node { node: NodeId::new(3).unwrap(), before: one, after: other });
        let at = waiting.due_at;
        let in_force = waiting.clone().put_in_force(at, None).unwrap();
        assert_eq!(in_force.clone().called_off(at).unwrap_err().state, "in_force");
        let called_off = waiting.called_off(at).unwrap();
        assert_eq!(called_off.put_in_force(at, None).unwrap_err().state, "called_off");
    }
}
