//! What the engine cannot bring further by itself.

pub(super) mod dismissal;
pub(super) mod list;

use super::Problem;
use crate::api::ProblemCode;
use crate::operator::DeadLetterError;

/// A dead letter that cannot be read or dismissed; `field` names the parameter with its id.
fn refused(error: DeadLetterError, field: &'static str) -> Problem {
    match error {
        DeadLetterError::NoSuchId(_) => Problem::new(ProblemCode::InvalidValue, error).field(field),
        DeadLetterError::NotDismissable(_) => Problem::new(ProblemCode::NotDismissable, error),
        DeadLetterError::Store(error) => error.into(),
    }
}
