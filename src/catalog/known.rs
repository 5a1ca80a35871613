//! What was known of a thing of the catalog that a request replaces.

use crate::ports::store::{Put, StoreError};

/// What was known.
pub enum Known<T> {
    /// Nothing: it is new.
    Absent,
    /// Something that cannot be read: replacing it mends it.
    Unreadable,
    /// This.
    Readable(T),
}

impl<T> Known<T> {
    /// What was read of it.
    pub fn of(read: Result<Option<T>, StoreError>) -> Result<Self, StoreError> {
        match read {
            Ok(Some(known)) => Ok(Self::Readable(known)),
            Ok(None) => Ok(Self::Absent),
            Err(StoreError::Corrupt { .. }) => Ok(Self::Unreadable),
            Err(error) => Err(error),
        }
    }

    pub const fn before(&self) -> Option<&T> {
        match self {
            Self::Readable(known) => Some(known),
            Self::Absent | Self::Unreadable => None,
        }
    }

    /// What was done, unless somebody else made the thing meanwhile: then it is looked at once more.
    pub fn replaced_by(&self, put: Put) -> Result<Put, StoreError> {
        match (self, put) {
            (Self::Absent, Put::Replaced) => {
                Err(StoreError::Conflict { what: "a thing of the catalog".to_owned() })
            }
            _ => Ok(put),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_made_meanwhile_is_looked_at_once_more() {
        let absent = Known::<u8>::of(Ok(None)).unwrap();
        assert!(absent.replaced_by(Put::Replaced).unwrap_err().is_conflict());
        assert_eq!(absent.replaced_by(Put::Created).unwrap(), Put::Created);
        let known = Known::of(Ok(Some(7))).unwrap();
        assert_eq!((known.before(), known.replaced_by(Put::Replaced).unwrap()), (Some(&7), Put::Replaced));
    }

    #[test]
    fn a_database_that_is_away_is_nothing_that_is_mended() {
        let away = StoreError::Unavailable { reason: "away".to_owned() };
        assert!(matches!(Known::<u8>::of(Err(away)), Err(StoreError::Unavailable { .. })));
    }
}
