//! An operator's decision where money goes that cannot go back to where it came from.

use crate::access::Decider;
use crate::domain::address::AccountId;
use crate::domain::audit::Act;
use crate::domain::refund::RefundAddress;
use crate::domain::transfer::{GivenBack, Transfer, TransferState};
use crate::ports::store::{RetryOn, StoreError, Tx};
use crate::settlement::EngineError;
use crate::settlement::books::accounts::is_ours;

/// Why a return or repayment cannot be sent elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// Nothing of it is owed to anybody.
    #[error("nothing of {0} goes back")]
    NotOwed(GivenBack),
    /// It is on its way, paid, or given up.
    #[error("what goes back of {what} is {state}")]
    NotPending {
        /// Which.
        what: GivenBack,
        /// How far it has come.
        state: &'static str,
    },
    /// The address is an account of the service.
    #[error("{0} is an account of this service")]
    Ours(AccountId),
    /// The change could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for ReturnError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::NotOwed(_) | Self::NotPending { .. } | Self::Ours(_) => false,
            Self::Engine(error) => error.is_conflict(),
            Self::Store(error) => error.is_conflict(),
        }
    }
}

/// Carries out an operator's decision where a payment's return goes, or the repayment of a claimable balance
/// that was reclaimed; it as it then stands, `None` if there is no such payment or balance. Deciding the
/// same again changes nothing.
///
/// # Errors
/// [`ReturnError::NotOwed`] if nothing of it goes back, [`ReturnError::NotPending`] once it is sent or given
/// up, [`ReturnError::Ours`] for an address of ours.
pub async fn return_to(
    tx: &mut dyn Tx,
    decider: &Decider,
    what: GivenBack,
    to: &RefundAddress,
) -> Result<Option<Transfer>, ReturnError> {
    let known = match what {
        GivenBack::Payment(payment) => tx.payment(payment).await?.is_some(),
        GivenBack::Claimable(claimable) => tx.claimable(claimable).await?.is_some(),
    };
    if !known {
        return Ok(None);
    }
    if let Some(account) = to.account()
        && is_ours(tx, account).await?
    {
        return Err(ReturnError::Ours(account));
    }
    let transfer = match what {
        GivenBack::Payment(payment) => tx.refund_of(payment).await?,
        GivenBack::Claimable(claimable) => tx.repayment_of(claimable).await?,
    };
    let transfer = transfer.ok_or(ReturnError::NotOwed(what))?;
    if transfer.state != TransferState::Pending {
        return Err(ReturnError::NotPending { what, state: transfer.state.name() });
    }
    let redirected = transfer.clone().redirected(to).map_err(EngineError::from)?;
    if redirected != transfer {
        tx.redirect_transfer(&transfer, &redirected).await?;
        decider.record(tx, Act::redirected(what, &transfer, &redirected)).await?;
    }
    Ok(Some(redirected))
}
