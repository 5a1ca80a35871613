//! The sequence number of a channel, used up by a transaction.

use crate::domain::escrow::Channel;
use crate::domain::transfer::Submission;
use crate::ports::store::Tx;
use crate::settlement::EngineError;
use crate::settlement::books::accounts::channel;

pub(in crate::settlement) async fn use_sequence(
    tx: &mut dyn Tx,
    submission: &Submission,
    sequence: i64,
) -> Result<(), EngineError> {
    let channel = channel(tx, submission.channel).await?;
    let sequence = sequence.max(channel.sequence);
    Ok(tx.update_channel(&channel, &Channel { sequence, ..channel.clone() }).await?)
}
