use super::describing::{Described, Describing, Said};
use super::error::Error;
use super::known::Known;
use crate::domain::audit::Act;
use crate::domain::node::{Node, NodeTerms};
use crate::domain::payout_change::ChangedTerms;
use crate::domain::subject::Subject;
use crate::ports::store::Tx;

/// Describes a node: it is made, or is as described from now on. That it belongs to another farm waits.
///
/// # Errors
/// See [`Error`]; nothing is written then.
pub async fn describe_node(tx: &mut dyn Tx, by: &Describing, node: &Node) -> Result<Described<Node>, Error> {
    tx.farm(&node.tenant, node.farm).await?.ok_or(Error::UnknownFarm(node.farm))?;
    if !node.free_to_use && tx.node_is_under_free_pool(&node.tenant, node.id).await? {
        return Err(Error::UnderFreePool(node.id));
    }
    let known = Known::of(tx.node_to_replace(&node.tenant, node.id).await)?;
    let said = match known.before() {
        Some(before) if before.farm == node.farm => Said::Nothing,
        Some(before) => {
            Said::Change(ChangedTerms::Node { node: node.id, before: before.farm, after: node.farm })
        }
        None => Said::Harmless,
    };
    let subject = Subject::Node(node.tenant.clone(), node.id);
    let waits = by.waits(tx, &node.tenant, subject, said).await?;
    let thing = match (&waits, known.before()) {
        (Some(_), Some(before)) => Node { farm: before.farm, ..node.clone() },
        _ => node.clone(),
    };
    let put = known.replaced_by(tx.put_node(&thing).await?)?;
    let (before, after) = (known.before().map(NodeTerms::from), NodeTerms::from(&thing));
    let act = Act::NodeDescribed { tenant: thing.tenant.clone(), node: thing.id, before, after };
    by.decider.record(tx, act).await?;
    Ok(Described { thing, put, waits })
}
